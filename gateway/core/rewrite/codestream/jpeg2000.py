"""JPEG 2000 and High-Throughput JPEG 2000 (ISO/IEC 15444-1, -2, -15), bare or in a JP2 or JPX file.

Comments and marker segments that decoding does not need are overwritten. A tile-part says how long it is, so its data
are not looked at.
"""

import re
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.boxes import Rules, boxes, kept
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
    zeros,
)

SOC: Final = b"\xff\x4f\xff\x51"
JP2: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
_SOT, _SOD, _EOC = b"\xff\x90", b"\xff\x93", b"\xff\xd9"
_KEPT = frozenset(
    {
        *range(0x50, 0x54),  # CAP, SIZ, COD, COC
        *range(0x55, 0x62),  # TLM, PRF, PLM, PLT, CPF, QPD, QPC, QCD, QCC, RGN, POC, PPM, PPT
        0x63,  # CRG
        *range(0x70, 0x7A),  # Part 2: offsets, filters, component transforms
    }
)
_IN_DATA = re.compile(rb"\xff[\xd9\x91]")
_ENUMERATED, _SRGB, _GREY = 1, 16, 17
_COLOUR_BYTES, _COLOUR_PARAMETERS = 7, 28
_PARTS = (b"bpcc", b"pclr", b"cmap", b"cdef", b"resc", b"resd", b"opct", b"creg")
"""Of the header: depths, palette, channels, resolution, opacity, registration."""


def jpeg2000(start: bytes, *, keeps_icc: bool) -> Parser:
    """Parse one image. Raises MalformedInput."""
    if start.startswith(SOC):
        return codestream(start)
    if start.startswith(JP2):
        return _Jp2(keeps_icc=keeps_icc).parse()
    raise MalformedInput("a frame that does not begin as JPEG 2000", (PIXEL_DATA,))


def codestream(_start: bytes) -> Parser:
    """Parse one codestream; nothing is held. Raises MalformedInput."""
    if (yield Read(2)) != SOC[:2]:
        raise MalformedInput("a JPEG 2000 codestream without SOC", (PIXEL_DATA,))
    tile_end = position = 2
    while True:
        marker = yield Read(2)
        position += 2
        if marker == _EOC:
            return
        if marker == _SOD:
            if not tile_end:
                yield from _open_ended()
                return
            yield Keep(tile_end - position)
            position = max(position, tile_end)
            continue
        if marker[0] != 0xFF or marker[1] < 0x30:
            raise MalformedInput("a JPEG 2000 marker was expected", (PIXEL_DATA,))
        if marker[1] < 0x40:
            continue
        length = int.from_bytes((yield Read(2)), "big")
        if length < 2 or (marker == _SOT and length != 10):
            raise MalformedInput("a JPEG 2000 segment of a length that it cannot have", (PIXEL_DATA,))
        if marker == _SOT:
            tile_bytes = int.from_bytes((yield Read(8))[2:6], "big")
            tile_end = tile_bytes and position - 2 + tile_bytes
        else:
            yield Keep(length - 2) if marker[1] in _KEPT else Filter(length - 2, zeros)
        position += length


def _open_ended() -> Parser:
    """Pass a last tile-part that does not say its length, up to EOC; the number in an SOP segment may look like one."""
    while (yield Find(_IN_DATA, 2)) != _EOC:
        yield Read(4)


class _Jp2:
    """The boxes of a JP2 or JPX file (ISO/IEC 15444-1 Annex I) that say how to decode the codestream."""

    def __init__(self, *, keeps_icc: bool) -> None:
        self._keeps_icc = keeps_icc
        self._components = 1
        parts: Rules = dict.fromkeys((b"jP  ", b"ftyp", *_PARTS), kept)
        nested: Rules = dict.fromkeys((b"jp2h", b"jpch", b"jplh", b"res ", b"cgrp"), self._nested)
        own: Rules = {b"ihdr": self._image_header, b"colr": self._colour, b"jp2c": self._codestream}
        self._rules = {**parts, **nested, **own}

    def parse(self) -> Parser:
        """Parse one file. Raises MalformedInput."""
        return boxes(self._rules)

    def _nested(self, size: int, at: int) -> Parser:
        return boxes(self._rules, size, at)

    def _image_header(self, size: int, _: int) -> Parser:
        head = yield Read(min(size, 14))
        self._components = int.from_bytes(head[8:10], "big")
        yield Filter(size - 14, zeros)

    def _colour(self, size: int, _: int) -> Parser:
        """Keep an enumerated colour space; an ICC profile that must go becomes one."""
        if size < _COLOUR_BYTES:
            yield Filter(size, zeros)
            return
        head = yield Take(_COLOUR_BYTES)
        enumerated = head[:1] == bytes([_ENUMERATED])
        if not enumerated and self._keeps_icc:
            yield Put(head)
            yield Keep(size - _COLOUR_BYTES)
            return
        if not enumerated:
            space = _SRGB if self._components >= 3 else _GREY
            head = bytes([_ENUMERATED, 0, 0]) + space.to_bytes(4, "big")
        yield Put(head)
        parameters = min(size - _COLOUR_BYTES, _COLOUR_PARAMETERS) if enumerated else 0
        yield Keep(parameters)
        yield Filter(size - _COLOUR_BYTES - parameters, zeros)

    def _codestream(self, size: int, _: int) -> Parser:
        yield Filter(size, CodestreamCleaner(codestream).feed)
