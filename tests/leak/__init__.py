"""Canaries that must not come out."""
