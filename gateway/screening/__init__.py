"""Text that is burned into pictures: found on every frame, and overwritten unless it is read and harmless.

What an OCR library finds is all that is known: text that it does not see stays. docs/profiles.md says how much
it sees.
"""
