"""Elementary video streams: units behind start codes 00 00 01 (MPEG-2, H.264 and H.265 Annex B), or behind their sizes.

A unit that may hold text leaves as stuffing; of supplemental enhancement information (SEI), only the messages do that
decoders do not need. Zeros stay zeros, so that no start code comes or goes and every unit keeps its size.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Change, Filter, Find, Keep, Parser, Read

START: Final = re.compile(rb"\x00\x00\x01")
_STUFFING = bytes([0]) + b"\xff" * 255


def stuffing(old: bytes) -> bytes:
    """Overwrite all but zeros with ones."""
    return old.translate(_STUFFING)


@dataclass(frozen=True, slots=True)
class Codec:
    """``pattern`` finds the units that change; ``change`` makes their change from the first byte, None: it passes."""

    change: Callable[[int], Change | None]
    pattern: re.Pattern[bytes]


def units(codec: Codec) -> Parser:
    """Parse a byte stream; nothing is held."""
    yield Find(START, 3, stuffing)
    first = (yield Read(1))[0]
    while True:
        change = codec.change(first)
        if change is None:
            first = (yield Find(codec.pattern, 4))[3]
        else:
            yield Find(START, 3, change)
            first = (yield Read(1))[0]


def unit(codec: Codec, size: int) -> Parser:
    """Parse one unit of a known size. Raises MalformedInput."""
    first = yield Read(min(1, size))
    if first and first[0] & 0x80:
        raise MalformedInput("video samples that are not units of their codec", (PIXEL_DATA,))
    change = codec.change(first[0]) if first else None
    yield Filter(size - 1, change) if change else Keep(size - 1)


def sized_units(codec: Codec, length_bytes: int, count: int) -> Parser:
    """Parse ``count`` bytes of units that follow their sizes. Raises MalformedInput where that is not what they are."""
    while count > 0:
        size = int.from_bytes((yield Read(min(length_bytes, count))), "big")
        count -= length_bytes + size
        if count < 0:
            raise MalformedInput("video samples that are not units of their codec", (PIXEL_DATA,))
        yield from unit(codec, size)


class _Extension:
    """An MPEG-2 extension (ISO/IEC 13818-2 Section 6.2.2.2): its number decides."""

    _KEPT = frozenset({1, 2, 3, 5, 7, 8, 9, 10})
    """Of the sequence, display, quantisation, scalability and picture; not copyright, camera and what is reserved."""

    def __init__(self) -> None:
        self._keeps: bool | None = None

    def __call__(self, old: bytes) -> bytes:
        if self._keeps is None and old:
            self._keeps = old[0] >> 4 in self._KEPT
            return old if self._keeps else old[:1] + stuffing(old[1:])
        return old if self._keeps else stuffing(old)


class Sei:
    """Supplemental enhancement information (H.264 and H.265 Annex D), without its first header byte."""

    _MESSAGES: Final = {
        0: 32,  # buffering period
        1: 32,  # picture timing
        6: 8,  # recovery point
        45: 16,  # frame packing: how two views share a picture
        47: 8,  # display orientation
        129: 16,  # active parameter sets
        137: 24,  # mastering display
        144: 4,  # light level
        147: 1,  # transfer characteristics
    }
    """What stays, with the bytes that it may have."""
    _TRAILER, _UNKNOWN = 0x80, 0xFE
    _MAX_BYTES = 1 << 16

    def __init__(self, header_bytes: int = 0) -> None:
        self._seen = self._zeros = self._kind = self._size = 0
        self._step = self._header if header_bytes else self._type
        self._keeps = False

    def __call__(self, old: bytes) -> bytes:
        """Change the next bytes; what is longer than any real one is not looked into."""
        looked = max(0, self._MAX_BYTES - self._seen)
        self._seen += len(old)
        new = bytearray(old[:looked])
        for at, byte in enumerate(new):
            if self._zeros >= 2 and byte == 3:  # emulation prevention: not part of the message
                self._zeros = 0
            else:
                self._zeros = 0 if byte else self._zeros + 1
                new[at] = self._step(byte)
        return bytes(new) + stuffing(old[looked:])

    def _header(self, byte: int) -> int:
        self._step = self._type
        return byte

    def _type(self, byte: int) -> int:
        self._kind += byte
        if byte == 0xFF:
            return byte
        self._step = self._length
        known = self._kind in self._MESSAGES or self._kind == self._TRAILER
        return byte if known or not byte else self._UNKNOWN

    def _length(self, byte: int) -> int:
        self._size += byte
        if byte != 0xFF:
            self._keeps = self._size <= self._MESSAGES.get(self._kind, 0)
            self._step = self._payload
            if not self._size:
                self._next()
        return byte

    def _payload(self, byte: int) -> int:
        self._size -= 1
        keeps = self._keeps
        if not self._size:
            self._next()
        return byte if keeps or not byte else 0xFF

    def _next(self) -> None:
        self._kind = self._size = 0
        self._step = self._type


def _codec(change: Callable[[int], Change | None]) -> Codec:
    changed = b"".join(re.escape(bytes([first])) for first in range(256) if change(first) is not None)
    return Codec(change, re.compile(rb"\x00\x00\x01[" + changed + rb"]"))


def _mpeg2(first: int) -> Change | None:
    """ISO/IEC 13818-2 Table 6-1: pictures, slices, headers and groups pass.

    User data, what is reserved and what follows the end do not.
    """
    if first == 0xB5:
        return _Extension()
    return None if first <= 0xAF or first in (0xB3, 0xB8) else stuffing


_H264_KEPT = frozenset({1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 15, 19, 20, 21})
_H265_KEPT = frozenset({*range(10), *range(16, 22), *range(32, 36)})


def _h264(first: int) -> Change | None:
    """H.264 Table 7-1: slices, parameter sets and delimiters pass.

    Filler, what is unspecified and what follows the end do not.
    """
    kind = first & 0x1F
    if kind == 6:
        return Sei()
    return None if kind in _H264_KEPT else stuffing


def _h265(first: int) -> Change | None:
    """H.265 Table 7-1."""
    kind = first >> 1 & 0x3F
    if kind in (39, 40):
        return Sei(header_bytes=1)
    return None if kind in _H265_KEPT else stuffing


MPEG2: Final = _codec(_mpeg2)
H264: Final = _codec(_h264)
H265: Final = _codec(_h265)
