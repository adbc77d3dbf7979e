"""RLE (PS3.5 Annex G): a header of 64 bytes and up to 15 segments."""

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Filter, Keep, Parser, Put, Take, zeros

_HEADER_BYTES = 64


def rle(_start: bytes) -> Parser:
    """Parse one frame; where its last segment ends cannot be told from the segment. Raises MalformedInput."""
    header = yield Take(_HEADER_BYTES)
    count, first = int.from_bytes(header[:4], "little"), int.from_bytes(header[4:8], "little")
    if not 0 < count < 16 or first < _HEADER_BYTES:
        raise MalformedInput("a frame that does not begin as RLE", (PIXEL_DATA,))
    offsets = header[: 4 + 4 * count]
    yield Put(offsets + bytes(_HEADER_BYTES - len(offsets)))
    yield Filter(first - _HEADER_BYTES, zeros)
    yield Keep()
