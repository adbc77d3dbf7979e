"""Video as DICOM holds it (PS3.5 Section 8.2): a transport or program stream, an MP4 file, or units alone."""

from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.mp4 import Movie
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Parser
from gateway.core.rewrite.codestream.program import PACK, program
from gateway.core.rewrite.codestream.transport import SYNC, transport
from gateway.core.rewrite.codestream.units import MPEG2, Codec, units

PROBE_BYTES: Final = 8
_BD_PREFIX_BYTES = 4


def video(start: bytes, codec: Codec) -> Parser:
    """Parse a clip. Raises MalformedInput and LimitExceeded."""
    if start[:1] == bytes([SYNC]):
        return transport(0)
    if start[_BD_PREFIX_BYTES : _BD_PREFIX_BYTES + 1] == bytes([SYNC]):
        return transport(_BD_PREFIX_BYTES)
    if start[4:] == b"ftyp" and codec is not MPEG2:
        return Movie(codec).parse()
    if start.startswith(PACK):
        return program(codec)
    if start.startswith((b"\0\0\1", b"\0\0\0\1")):
        return units(codec)
    raise MalformedInput("a clip in no container that DICOM allows", (PIXEL_DATA,))
