"""Telling a patient where shared images are, and knowing how for no longer than that takes."""
