"""Encodings: multipart, DICOM JSON, character sets, Data Elements."""
