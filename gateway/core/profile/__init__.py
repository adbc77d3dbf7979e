"""What shall happen: Confidentiality Profiles and the Plans they compile to."""
