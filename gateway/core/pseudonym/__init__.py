"""What replaces a value: derived keys, released identifiers, dummies."""
