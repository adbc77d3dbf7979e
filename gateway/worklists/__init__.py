"""Worklists: named sets of studies, each bound to a profile, and the way back from released identifiers."""
