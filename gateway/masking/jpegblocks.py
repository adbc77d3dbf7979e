"""Mask lossy JPEG by its blocks: those that a rectangle touches become flat, all others keep their coefficients.

A rectangle grows to whole units (MCU: 8 x 8 pixels, or 16 x 16 where colours are subsampled), of which nothing is left.
So nothing is lost a second time; decoders that smooth subsampled colours may blend a pixel at its edge with the mask.

Of segments only those stay that a decoder needs. Sequential processes, of 8 and 12 bits, in one scan or several.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import FrameWork, Image
from gateway.masking import headers, turbojpeg
from gateway.masking.blanking import unsigned_values
from gateway.masking.huffman import Block, Table, replaced

_DHT, _EOI, _SOI = 0xC4, 0xD9, b"\xff\xd8"
_FRAMES: Final = (headers.SOF0, headers.SOF1)
_NEEDED: Final = (_DHT, 0xDB, 0xDD)
_LIBRARY_BITS: Final = 8
_RST: Final = range(0xD0, 0xD8)
_WHOLE: Final = b"\x00\x3f\x00"
"""Spectral selection and approximation of a sequential scan: they cannot be others, whatever some encoders write."""
_NO_THUMBNAIL: Final = b"\0\0"


@dataclass(frozen=True, slots=True)
class _Component:
    identifier: int
    across: int
    down: int
    quantisation: int
    number: int


@dataclass(slots=True)
class _State:
    """What the segments before a scan said."""

    quantisers: dict[int, int] = field(default_factory=dict)
    tables: dict[int, Table] = field(default_factory=dict)
    components: list[_Component] = field(default_factory=list)
    interval: int = 0
    jfif: bool = False
    adobe: int | None = None


def masked(work: FrameWork) -> bytes:
    """Return a frame without what its rectangles hold. Raises MalformedInput."""
    header = headers.checked(headers.jpeg(work.data, headers.SOF0, headers.SOF1), work.image)
    return (_by_library(work) if header.bits == _LIBRARY_BITS else None) or by_symbols(work)


def by_symbols(work: FrameWork) -> bytes:
    """Do it without a library: slower, and all that the library does not know. Raises MalformedInput."""
    bits = headers.jpeg(work.data, headers.SOF0, headers.SOF1).bits
    state = _State()
    out = [_SOI]
    data, at = work.data, 2
    while True:
        marker, content, at = _segment(data, at)
        if marker == _EOI:
            break
        if marker == headers.SOS:
            end, intervals = _intervals(data, at)
            out += _scan(content, intervals, state, work, bits)
            at = end
        else:
            out += _kept(marker, content, state)
    return b"".join([*out, b"\xff\xd9"])


def _by_library(work: FrameWork) -> bytes | None:
    """Put the segments that stay before what the library made of the rest, with the frame header of the source."""
    state = _State()
    kept: dict[int, bytes] = {}
    for marker, start, end in headers.segments(work.data):
        kept[marker] = b"".join(_kept(marker, work.data[start + 4 : end], state))
    whole = _whole_units(state, work)
    masks = [whole.repeat(one.down, axis=0).repeat(one.across, axis=1) for one in state.components]
    frame = turbojpeg.replaced(work.data, masks, _fills(state, work.image, _LIBRARY_BITS))
    if frame is None:
        return None
    out = [_SOI, kept.get(0xE0, b""), kept.get(0xEE, b"")]
    for marker, start, end in headers.segments(frame):
        if marker in _FRAMES:
            out.append(next(kept[one] for one in _FRAMES if one in kept))
        elif marker == headers.SOS:
            out.append(frame[start:])
        elif marker in _NEEDED:
            out.append(frame[start:end])
    return b"".join(out)


def _segment(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return a marker, its content, and where the next one is. A frame that lost its end has one here."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    if at >= len(data):
        return _EOI, b"", at
    if data[at] != 0xFF or at + 1 >= len(data):
        raise MalformedInput("bytes between the segments of a JPEG frame")
    if data[at + 1] == _EOI:
        return _EOI, b"", at + 2
    size = int.from_bytes(data[at + 2 : at + 4], "big")
    if size < 2 or at + 2 + size > len(data):
        raise MalformedInput("a JPEG segment without an end")
    return data[at + 1], data[at + 4 : at + 2 + size], at + 2 + size


def _kept(marker: int, content: bytes, state: _State) -> Iterator[bytes]:
    """Take note of a segment and yield what stays of it; Huffman tables are written with the scan that needs them."""
    match marker:
        case headers.SOF0 | headers.SOF1:
            _read_frame(content, state)
            yield _written(marker, content)
        case 0xC4:  # DHT
            _read_tables(content, state)
        case 0xDB:  # DQT
            _read_quantisers(content, state)
            yield _written(marker, content)
        case 0xDD:  # DRI
            if len(content) != 2:
                raise MalformedInput("a JPEG segment of a wrong length")
            state.interval = int.from_bytes(content, "big")
            yield _written(marker, content)
        case 0xE0 if content[:5] == b"JFIF\0" and len(content) >= 14:
            state.jfif = True
            yield _written(marker, content[:12] + _NO_THUMBNAIL)
        case 0xEE if content[:5] == b"Adobe" and len(content) >= 12:
            state.adobe = content[11]
            yield _written(marker, content[:12])
        case 0xCC | 0xDC | 0xDE | 0xDF:  # arithmetic coding, lines, hierarchy
            raise MalformedInput("a frame of another JPEG process than its Transfer Syntax")


def _read_frame(content: bytes, state: _State) -> None:
    parts = [content[at : at + 3] for at in range(6, len(content), 3)]
    if state.components or not parts or len(parts) != content[5] or len(parts[-1]) != 3:
        raise MalformedInput("a JPEG segment of a wrong length")
    for number, (identifier, factors, table) in enumerate(parts):
        across, down = (factors >> 4, factors & 15) if len(parts) > 1 else (1, 1)
        if not (1 <= across <= 4 and 1 <= down <= 4):
            raise MalformedInput("a JPEG frame with sampling factors that there are not")
        state.components.append(_Component(identifier, across, down, table, number))


def _read_tables(content: bytes, state: _State) -> None:
    at = 0
    while at < len(content):
        counts = list(content[at + 1 : at + 17])
        end = at + 17 + sum(counts)
        if len(counts) != 16 or end > len(content):
            raise MalformedInput("a JPEG segment of a wrong length")
        state.tables[content[at]] = Table(counts, list(content[at + 17 : end]))
        at = end


def _read_quantisers(content: bytes, state: _State) -> None:
    at = 0
    while at < len(content):
        width = 2 if content[at] >> 4 else 1
        if at + 1 + 64 * width > len(content):
            raise MalformedInput("a JPEG segment of a wrong length")
        state.quantisers[content[at] & 15] = int.from_bytes(content[at + 1 : at + 1 + width], "big")
        at += 1 + 64 * width


def _intervals(data: bytes, at: int) -> tuple[int, list[bytes]]:
    """Return where a scan ends, and what lies between its restart markers, as it is."""
    array = np.frombuffer(data, np.uint8)[at:]
    marks = np.flatnonzero(array[:-1] == 0xFF)
    codes = array[marks + 1]
    is_restart = (codes >= _RST.start) & (codes < _RST.stop)
    ends = marks[(codes != 0) & ~is_restart]
    end = int(ends[0]) if len(ends) else len(array)
    starts = [0, *(int(mark) + 2 for mark in marks[is_restart] if mark < end)]
    stops = [*(start - 2 for start in starts[1:]), end]
    return at + end, [data[at + start : at + stop] for start, stop in zip(starts, stops, strict=True)]


def _scan(header: bytes, intervals: list[bytes], state: _State, work: FrameWork, bits: int) -> Iterator[bytes]:
    """Yield the tables, header and data of a scan without the masked blocks."""
    count = header[0]
    if len(header) != 4 + 2 * count:
        raise MalformedInput("a JPEG segment of a wrong length")
    named = {header[1 + 2 * at]: header[2 + 2 * at] for at in range(count)}
    components = [one for one in state.components if one.identifier in named]
    if len(components) != count or not count:
        raise MalformedInput("a JPEG scan of components that there are not")
    fills = _fills(state, work.image, bits)
    blocks = [
        Block(state.tables[choice >> 4], state.tables[choice & 15 | 16], fills[one.number], one.number)
        for one in components
        for choice in (named[one.identifier],)
        for _ in range(one.across * one.down if count > 1 else 1)
    ]
    masks = _units(state, work, components).ravel()
    each = state.interval or len(masks)
    if len(intervals) != -(-len(masks) // each):
        raise MalformedInput("a JPEG scan with restart markers that do not fit")
    data = []
    for number, interval in enumerate(intervals):
        own = masks[number * each : (number + 1) * each]
        data.append(_stuffed(replaced(interval.replace(b"\xff\0", b"\xff"), blocks, own)) if own.any() else interval)
    for key in sorted({choice >> 4 for choice in named.values()} | {choice & 15 | 16 for choice in named.values()}):
        table = state.tables[key]
        yield _written(_DHT, bytes([key, *table.counts, *table.symbols]))
    yield _written(headers.SOS, header[:-3] + _WHOLE)
    for number, entropy in enumerate(data):
        yield entropy
        if number + 1 < len(data):
            yield bytes([0xFF, _RST[number % 8]])


def _units(state: _State, work: FrameWork, components: Sequence[_Component]) -> NDArray[np.bool_]:
    """Return which units of a scan are masked: of all components, or blocks of its only one (A.2)."""
    whole = _whole_units(state, work)
    if len(components) > 1:
        return whole
    (one,) = components
    blocks = whole.repeat(one.down, axis=0).repeat(one.across, axis=1)
    widest, highest = _factors(state)
    down, across = -(-work.image.rows * one.down // highest), -(-work.image.columns * one.across // widest)
    return blocks[: -(-down // 8), : -(-across // 8)]


def _whole_units(state: _State, work: FrameWork) -> NDArray[np.bool_]:
    """Return which units that hold all components are masked."""
    across, down = (8 * factor for factor in _factors(state))
    whole = np.zeros((-(-work.image.rows // down), -(-work.image.columns // across)), np.bool_)
    for at in work.rectangles:
        rows = slice(at.y // down, -(-(at.y + at.height) // down))
        whole[rows, at.x // across : -(-(at.x + at.width) // across)] = True
    return whole


def _factors(state: _State) -> tuple[int, int]:
    return max(one.across for one in state.components), max(one.down for one in state.components)


def _fills(state: _State, image: Image, bits: int) -> list[int]:
    """Return the DC coefficient of a masked block, per component; past the darkest, so that rounding makes it so."""
    is_rgb = state.adobe == 0 or (not (state.jfif or state.adobe) and image.photometric == "RGB")
    if image.samples == 3:
        image = replace(image, photometric="RGB" if is_rgb else "YBR_FULL")
    top = (1 << bits) - 1
    fills = []
    for component, value in zip(state.components, unsigned_values(image, bits), strict=True):
        quantiser = state.quantisers[component.quantisation] or 1
        scaled = 8 * (value - (top + 1) // 2)
        if value == 0:
            fills.append(scaled // quantiser)
        elif value == top:
            fills.append(-(-scaled // quantiser))
        else:
            fills.append(round(scaled / quantiser))
    return fills


def _stuffed(data: bytes) -> bytes:
    return data.replace(b"\xff", b"\xff\0")


def _written(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (2 + len(content)).to_bytes(2, "big") + content
