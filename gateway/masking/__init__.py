"""Compressed frames with rectangles that must not leave: decoded, overwritten and encoded again, in processes."""
