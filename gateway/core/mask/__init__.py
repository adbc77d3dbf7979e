"""Pixels that must not leave: which they are, and how they are overwritten while the bytes pass."""
