"""The vocabulary of the DICOM Standard, as data and small pure functions."""
