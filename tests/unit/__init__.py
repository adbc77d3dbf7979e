"""Tests that mirror gateway/ file for file."""
