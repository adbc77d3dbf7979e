"""Dicomveil: a DICOMweb gateway that de-identifies what passes through it."""

__version__ = "0.1.0"
