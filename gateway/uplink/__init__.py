"""Uplinks: a study is pulled from one origin, de-identified, stored at another and shared, come what may."""
