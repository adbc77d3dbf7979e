"""JPEG XL (ISO/IEC 18181): a bare codestream, which has no room for text, or a file of boxes around one."""

from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.boxes import Rules, boxes, kept
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Keep, Parser

BARE: Final = b"\xff\x0a"
FILE: Final = b"\0\0\0\x0cJXL \r\n\x87\n"
_RULES: Rules = dict.fromkeys((b"JXL ", b"ftyp", b"jxll", b"jxli", b"jxlc", b"jxlp"), kept)
"""Not the data that restore a JPEG file bit by bit (jbrd): its comments are compressed in there."""


def jpegxl(start: bytes) -> Parser:
    """Parse one image. Raises MalformedInput."""
    if start.startswith(BARE):
        return _bare()
    if start.startswith(FILE):
        return boxes(_RULES)
    raise MalformedInput("a frame that does not begin as JPEG XL", (PIXEL_DATA,))


def _bare() -> Parser:
    yield Keep()
