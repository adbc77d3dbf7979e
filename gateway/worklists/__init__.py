"""Worklists: named sets of studies of an origin, each bound to a profile, and the way back from released identifiers."""
