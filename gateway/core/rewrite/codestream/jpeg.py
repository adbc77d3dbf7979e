"""JPEG of all processes and JPEG-LS (ISO/IEC 10918-1, 14495-1): marker segments between SOI and EOI.

Comments and application data are overwritten but for the few bytes that decoders need. Scan data passes up to its next
marker, found by one search.
"""

import re
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.ops import (
    PIXEL_DATA,
    Filter,
    Find,
    Keep,
    Parser,
    Put,
    Read,
    Take,
    spaces,
    zeros,
)

SOI: Final = b"\xff\xd8"
_EOI, _SOS, _COM, _APP2 = 0xD9, 0xDA, 0xFE, 0xE2
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
"""No segment follows: stuffing, TEM, restarts, and SOI (of a frame whose last one was cut)."""
_KEPT = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0), 0xF7, 0xF8}) - {0xC8}
"""Frame and scan headers, tables, and those of JPEG-LS."""
_APPLICATIONS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12), 0xE8: (b"mrfx", 5)}
"""What decoders read: version and density, colour transform, the colour transform of HP's JPEG-LS."""
_ICC = b"ICC_PROFILE\0"
_SCAN_END = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_FF = re.compile(rb"\xff")
_CODE = re.compile(rb"[^\xff]")


def jpeg(start: bytes, *, keeps_icc: bool) -> Parser:
    """Parse one image. Raises MalformedInput."""
    if not start.startswith(SOI):
        raise MalformedInput("a frame that does not begin as JPEG", (PIXEL_DATA,))
    return _markers(keeps_icc=keeps_icc)


def _markers(*, keeps_icc: bool) -> Parser:
    code = 0
    while code != _EOI:
        if code != _SOS:
            yield Find(_FF, 1, zeros)  # between segments there is nothing to say
            code = (yield Find(_CODE, 1))[0]
        else:
            code = (yield Find(_SCAN_END, 2))[1]
        if code in _ALONE or code == _EOI:
            continue
        if code < 0xC0:
            raise MalformedInput("a marker that JPEG does not define", (PIXEL_DATA,))
        yield from _segment(code, keeps_icc=keeps_icc)


def _segment(code: int, *, keeps_icc: bool) -> Parser:
    size = int.from_bytes((yield Read(2)), "big") - 2
    if size < 0:
        raise MalformedInput("a JPEG segment shorter than its length", (PIXEL_DATA,))
    if code in _KEPT:
        yield Keep(size)
        return
    if code in _APPLICATIONS:
        begins, wanted = _APPLICATIONS[code]
        head = yield Take(min(size, wanted))
        yield Put(head if head.startswith(begins) else bytes(len(head)))
        size -= len(head)
    elif code == _APP2 and keeps_icc and size >= len(_ICC):
        head = yield Take(len(_ICC))
        size -= len(_ICC)
        if head == _ICC:
            yield Put(head)
            yield Keep(size)
            return
        yield Put(bytes(len(_ICC)))
    yield Filter(size, spaces if code == _COM else zeros)
