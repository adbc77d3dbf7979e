"""Builders and tools that the tests share."""
