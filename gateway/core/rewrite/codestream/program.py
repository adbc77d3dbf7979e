"""MPEG program streams and the packets (PES) that they share with transport streams (ISO/IEC 13818-1).

Of a packet's header only its time stamps stay. Video goes through its codec's units, audio passes; every other stream
becomes padding.
"""

from collections.abc import Generator
from typing import Any, Final

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.machine import CodestreamCleaner
from gateway.core.rewrite.codestream.ops import (
    PIXEL_DATA,
    Filter,
    Find,
    Keep,
    Parser,
    Put,
    Read,
    Take,
    ones,
)
from gateway.core.rewrite.codestream.units import START, Codec, stuffing, units

AUDIO: Final = range(0xC0, 0xE0)
VIDEO: Final = range(0xE0, 0xF0)
PACK: Final = b"\0\0\1\xba"
_PACK, _END, _SYSTEM, _PADDING = 0xBA, 0xB9, 0xBB, 0xBE
_STAMP_BYTES = (0, 0, 5, 10)
_MPEG1_STAMP_BYTES = {2: 4, 3: 9}


def packet_header(head: bytes) -> bytes:
    """Return the header of an MPEG-2 packet, from its flags on, with nothing but its time stamps."""
    stamps = _STAMP_BYTES[head[1] >> 6]
    return head[:1] + bytes([head[1] & 0xC0]) + head[2 : 3 + stamps] + ones(head[3 + stamps :])


def elementary(codec: Codec) -> CodestreamCleaner:
    """Return the cleaner of a stream of units, which gives as many bytes as it gets."""
    return CodestreamCleaner(lambda _: units(codec))


def program(codec: Codec) -> Parser:
    """Parse a program stream. Raises MalformedInput."""
    videos = {number: elementary(codec) for number in VIDEO}
    while True:
        yield Find(START, 3, stuffing)
        code = (yield Take(1))[0]
        if code < _END:
            raise MalformedInput("a unit outside the packets of a program stream", (PIXEL_DATA,))
        kept = code in (_PACK, _END, _SYSTEM) or code in AUDIO or code in VIDEO
        yield Put(bytes([code if kept else _PADDING]))
        if code == _PACK:
            yield from _pack()
        elif code != _END:
            size = int.from_bytes((yield Read(2)), "big")
            if code in AUDIO or code in VIDEO:
                size -= yield from _header(size)
            yield Filter(size, videos[code].feed) if code in VIDEO else Keep(size) if kept else Filter(size, ones)


def _pack() -> Parser:
    if (yield Read(1))[0] >> 6 == 1:
        stuffing_bytes = (yield Read(9))[8] & 7
        yield Filter(stuffing_bytes, ones)
    else:  # MPEG-1
        yield Keep(7)


def _header(size: int) -> Generator[Any, bytes, int]:
    """Parse the header of a packet and return its size."""
    first = yield Take(min(size, 1))
    if size >= 3 and first[0] >> 6 == 2:
        used = 3 + (yield Take(3))[2]
        if used > size:
            raise MalformedInput("a packet shorter than its header", (PIXEL_DATA,))
        head = yield Take(used)
        yield Put(packet_header(head))
        return used
    yield Put(first)
    return (yield from _mpeg1_header(first, size))


def _mpeg1_header(byte: bytes, size: int) -> Generator[Any, bytes, int]:
    """ISO/IEC 11172-1 Section 2.4.3.3: stuffing, a buffer size, time stamps."""
    used = len(byte)
    while byte == b"\xff" and used < size:
        byte = yield Read(1)
        used += 1
    if byte and byte[0] >> 6 == 1 and used + 2 <= size:
        byte = (yield Read(2))[1:]
        used += 2
    stamps = min(_MPEG1_STAMP_BYTES.get(byte[0] >> 4, 0), size - used) if byte else 0
    yield Keep(stamps)
    return used + stamps
