"""Extended Offset Table and its Lengths (PS3.3 Sections C.7.6.3.1.8 and C.7.6.3.1.9): what can be such, and no text."""

import struct
from typing import Final

EXTENDED_OFFSETS, EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002
TABLES: Final = frozenset({EXTENDED_OFFSETS, EXTENDED_LENGTHS})
"""One says nothing without the other; without both, frames are found by their fragments."""
TABLE_VRS: Final = frozenset({"OV", "UN"})
MAX_FRAME_BYTES: Final = 1 << 28
"""Less than four letters count, in one frame with its header."""
_NUMBER_BYTES, _HEADER_BYTES = 8, 8


def are_tables(offsets: bytes, lengths: bytes, *, little: bool = True) -> bool:
    """Say whether two encoded values, of 64-bit numbers, can be where frames begin and how long they are, in bytes.

    Offsets ascend from 0 and are even; a frame ends, with its header of 8 bytes and padding, before the next begins.
    """
    if len(offsets) != len(lengths) or len(offsets) % _NUMBER_BYTES:
        return False
    order = f"{'<' if little else '>'}{len(offsets) // _NUMBER_BYTES}Q"
    before = ends = 0
    for start, length in zip(struct.unpack(order, offsets), struct.unpack(order, lengths), strict=True):
        most = before + MAX_FRAME_BYTES if ends else 0
        if start % 2 or not ends <= start <= most:
            return False
        before, ends = start, start + _HEADER_BYTES + length + length % 2
        if ends > before + MAX_FRAME_BYTES:
            return False
    return True
