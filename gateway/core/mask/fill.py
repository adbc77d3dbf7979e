"""What a masked pixel becomes: the darkest there is, so that a mask looks like background wherever it is shown.

PS3.3 Sections C.7.6.3.1.2 (photometric interpretations), C.7.5.1.1.2 (padding) and C.7.6.3.1.5 (palettes).
"""

import struct
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import Image

FLOATS: Final = {0x7FE00008: 32, 0x7FE00009: 64}
"""Bits of a sample, by the tags of floating point pixel data."""
PALETTE: Final = "PALETTE COLOR"
SIGNED_BITS: Final = 12
"""Signed samples are taken to have at most so many: black in every window of a CT, whose values begin at -1024, and yet
no value that a viewer which windows from the lowest to the highest would lose the picture over, as over -32768."""
_DESCRIPTOR: Final = 0x00281101


def sample_values(image: Image) -> tuple[int | float, ...]:
    """Return what each sample of a masked pixel becomes, in the order of samples.

    For YBR_RCT, YBR_ICT and XYB these are red, green and blue, as decoders give them.
    """
    if image.tag in FLOATS:
        return (0.0,) * image.samples
    if image.photometric == PALETTE:
        return (max(0, min(image.palette_black, (1 << image.bits_stored - image.is_signed) - 1)),)
    if image.samples == 1:
        return (_grey(image),)
    if image.photometric.startswith(("YBR_FULL", "YBR_PARTIAL")):
        middle = 1 << image.bits_stored - 1
        return (middle >> 3 if image.photometric.startswith("YBR_PARTIAL") else 0, middle, middle)
    if image.photometric == "CMYK":
        return (0, 0, 0, (1 << image.bits_stored) - 1)
    return (0,) * image.samples


def sample_bytes(image: Image, *, little_endian: bool) -> tuple[bytes, ...]:
    """Return the same as native pixel data have it (PS3.5 Section 8.1.1); a single bit as a byte of eight such."""
    if image.tag in FLOATS:
        return (bytes(image.bits_allocated // 8),) * image.samples
    every = (1 << image.bits_allocated) - 1
    cells = [int(value) & every for value in sample_values(image)]
    if image.bits_allocated == 1:
        return tuple(b"\xff" if cell else b"\0" for cell in cells)
    return tuple(cell.to_bytes(image.bits_allocated // 8, "little" if little_endian else "big") for cell in cells)


def darkest(red: bytes, green: bytes, blue: bytes, descriptor: str, *, little_endian: bool = True) -> int:
    """Return the index of the darkest colour of a palette, given its tables (0028,1201-1203) as they are encoded.

    ``descriptor`` is the text of (0028,1101). Where there are no such tables (segmented ones are not expanded), it is
    the first index. Raises MalformedInput for a descriptor that is none, or tables that are shorter than it says.
    """
    count, first, bits = descriptor_of(descriptor)
    if not (red and green and blue):
        return first
    tables = [_entries(table, count, bits, little_endian=little_endian) for table in (red, green, blue)]
    shades = [sum(colour) for colour in zip(*tables, strict=True)]
    return first + shades.index(min(shades))


def descriptor_of(text: str) -> tuple[int, int, int]:
    """Read number of entries, first index and bits of a palette (PS3.3 Section C.7.6.3.1.5). Raises MalformedInput."""
    try:
        count, first, bits = (int(value) for value in text.split("\\"))
    except ValueError:
        raise MalformedInput("a palette descriptor that is none", (_DESCRIPTOR,)) from None
    if not (0 <= count <= 0xFFFF and -0x8000 <= first <= 0xFFFF and bits in (8, 16)):
        raise MalformedInput("a palette descriptor that is none", (_DESCRIPTOR,))
    return count or 0x10000, first, bits


def _grey(image: Image) -> int:
    bits = min(image.bits_stored, SIGNED_BITS) if image.is_signed else image.bits_stored
    low = -(1 << image.bits_stored - 1) if image.is_signed else 0
    if image.padding is not None and low <= image.padding < low + (1 << image.bits_stored):
        return image.padding
    darkest_is_high = image.photometric == "MONOCHROME1"
    if image.is_signed:
        return (1 << bits - 1) - 1 if darkest_is_high else -(1 << bits - 1)
    return (1 << bits) - 1 if darkest_is_high else 0


def _entries(table: bytes, count: int, bits: int, *, little_endian: bool) -> tuple[int, ...]:
    """Read the entries of a table: words, which may hold eight bits only, or two of eight bits in a word."""
    order = "<" if little_endian else ">"
    if len(table) >= 2 * count:
        return struct.unpack_from(f"{order}{count}H", table)
    if bits == 16 or len(table) < count:
        raise MalformedInput("a palette shorter than its descriptor says", (_DESCRIPTOR,))
    if little_endian:
        return tuple(table[:count])
    words = struct.unpack(f">{len(table) // 2}H", table[: len(table) // 2 * 2])
    return tuple(struct.pack(f"<{len(words)}H", *words))[:count]
