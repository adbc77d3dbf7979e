"""The pure core: bytes and values in, bytes and values out."""
