"""Native pixel data overwritten while they pass (PS3.5 Section 8, PS3.3 Section C.7.6.3): no frame is ever held.

Rows of a rectangle lie at equal distances, so each chunk costs one assignment for a row in it and nothing for a pixel.
What no rectangle touches is handed on uncopied.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.mask.fill import sample_bytes
from gateway.core.mask.geometry import Band, bands
from gateway.core.mask.model import Image, Rectangle

_PAIRED: Final = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
_SUBSAMPLED: Final = _PAIRED | {"YBR_PARTIAL_420"}
_PAIR: Final = 2
_WHOLE_ROWS: Final = 1 << 20
"""Bytes up to which whole rows are overwritten at once."""


_Spans = tuple[tuple[int, int, bytearray], ...]


@dataclass(frozen=True, slots=True)
class _Stripes:
    """``count`` rows of a frame, the first at ``start``, ``stride`` apart; of each, spans become what stands there.

    All are bytes, or bits where a sample has one; ``end`` is where the last span ends. What they become is a bytearray,
    since bytes would be copied each time.
    """

    start: int
    stride: int
    count: int
    spans: _Spans
    end: int


_Run = tuple[int, int, list[tuple[int, _Stripes]]]
"""Bytes from here to there, and what is overwritten in them: where a frame begins, and what of it."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """A frame as it lies: its size in bytes (bits), and what of it is overwritten, in order."""

    size: int
    stripes: tuple[_Stripes, ...]


class NativeMasker:
    """Overwrites rectangles in every frame of one value; ``feed`` it in pieces of any size, then ``close``.

    ``vr`` is that of the pixel data: in big endian, samples of less than 16 bits in OW lie in swapped bytes. ``length``
    is that of the value; where it is known, it is checked here, before anything leaves. Raises MalformedInput where
    value and frames differ in length: a longer one could hide a picture. More than a padding byte is longer.
    """

    def __init__(
        self,
        image: Image,
        rectangles: Sequence[Rectangle],
        *,
        little_endian: bool,
        vr: str = "OW",
        length: int | None = None,
    ) -> None:
        image = _as_stored(image, length)
        layout = _layout(image, rectangles, little_endian=little_endian)
        self._image = image
        self._size, self._stripes = layout.size, layout.stripes
        self._unit = 8 if image.bits_allocated == 1 else 1  # of the layout, in a byte
        self._end = image.frames * layout.size
        self._whole = -(-self._end // self._unit)
        self._limit = self._whole + self._whole % 2
        self._swaps = not little_endian and image.bits_allocated <= 8 and vr == "OW"
        self._at = 0
        self._odd = b""
        if length is not None:
            self._check(length)

    def feed(self, data: bytes | memoryview, start: int = 0) -> list[bytes | memoryview]:
        """Take the next bytes of the value, from ``start``, and return as many, masked.

        Swapped ones may wait for the other byte of their word. Raises MalformedInput at the first byte too many.
        """
        view = memoryview(data)[start:]
        if self._at + len(self._odd) + len(view) > self._limit:
            raise MalformedInput("pixel data longer than their frames", (self._image.tag,))
        if not self._swaps:
            return self._masked(view)
        held = self._odd + bytes(view)
        words = len(held) & ~1
        self._odd = held[words:]
        return [_swapped(b"".join(self._masked(memoryview(_swapped(held[:words])))))]

    def close(self) -> None:
        """Say that the value ends here. Raises MalformedInput when frames are missing."""
        self._check(self._at)

    @property
    def untouched(self) -> int:
        """How many of the next bytes leave as they are; they may go another way, if ``skip`` is told."""
        if self._swaps:
            return 0
        low = self._at * self._unit
        for frame in range(low - low % self._size, self._end, self._size)[:2]:
            for stripes in self._stripes:
                if low < frame + stripes.end:
                    return max(0, (frame + stripes.start) // self._unit - self._at)
        return self._limit - self._at

    def skip(self, count: int) -> None:
        """Take note that so many untouched bytes went another way."""
        if not 0 <= count <= self.untouched:
            raise ValueError("more than the untouched bytes")
        self._at += count

    def _check(self, length: int) -> None:
        if length not in (self._whole, self._limit):
            kind = "longer" if length > self._limit else "shorter"
            raise MalformedInput(f"pixel data {kind} than their frames", (self._image.tag,))

    def _masked(self, view: memoryview) -> list[bytes | memoryview]:
        begin, unit = self._at, self._unit
        self._at = end = begin + len(view)
        overwrite = _overwrite_bits if unit == 8 else _overwrite
        pieces: list[bytes | memoryview] = []
        cursor = 0
        for first, after, touched in self._runs(begin, end):
            patch = bytearray(view[first:after])
            for frame, stripes in touched:
                overwrite(patch, frame - (begin + first) * unit, stripes)
            if cursor < first:
                pieces.append(view[cursor:first])
            pieces.append(memoryview(patch))
            cursor = after
        if cursor < len(view):
            pieces.append(view[cursor:])
        return pieces

    def _runs(self, begin: int, end: int) -> list[_Run]:
        """Return what must be copied of the bytes between two of the value, and what is overwritten in it."""
        unit, low, high = self._unit, begin * self._unit, end * self._unit
        runs: list[_Run] = []
        for frame in range(low - low % self._size, min(high, self._end), self._size):
            for stripes in self._stripes:
                start, after = frame + stripes.start, frame + stripes.end
                if start < high and low < after:
                    first, last = max(begin, start // unit) - begin, min(end, -(-after // unit)) - begin
                    if runs and first <= runs[-1][1]:  # bits of two rows may share a byte
                        earlier, _, placed = runs[-1]
                        placed.append((frame, stripes))
                        runs[-1] = (earlier, last, placed)
                    else:
                        runs.append((first, last, [(frame, stripes)]))
        return runs


def _as_stored(image: Image, length: int | None) -> Image:
    """Correct what no longer holds once an origin has decompressed: it hands out RGB under the name of what it was."""
    if image.photometric not in _SUBSAMPLED:
        return image
    whole = image.frames * image.rows * image.columns * image.samples * image.bits_allocated // 8
    if length in (whole, whole + whole % 2):
        return replace(image, photometric="RGB")
    if image.photometric not in _PAIRED or image.columns % _PAIR:
        raise MalformedInput("subsampled pixel data that no native encoding has", (image.tag,))
    return image


def _layout(image: Image, rectangles: Sequence[Rectangle], *, little_endian: bool) -> _Layout:
    samples, columns = sample_bytes(image, little_endian=little_endian), image.columns
    planes = [b"".join(samples)]
    if image.photometric in _PAIRED:  # two pixels share their colour: Y Y Cb Cr
        planes, columns = [samples[0] + planes[0]], columns // _PAIR
        rectangles = [_of_pairs(each) for each in rectangles]
    elif image.planar:
        planes = list(samples)
    row = columns * len(planes[0])  # a single bit is a unit as a byte is
    plane = image.rows * row
    stripes = [
        each
        for number, pixel in enumerate(planes)
        for band in bands(rectangles)
        for each in _stripes(number * plane + band.top * row, band, columns, pixel)
    ]
    return _Layout(plane * len(planes), tuple(stripes))


def _stripes(start: int, band: Band, columns: int, pixel: bytes) -> Iterator[_Stripes]:
    """Yield what is overwritten for a band: whole rows as one, and the end of a row with the beginning of the next."""
    row, count, spans = columns * len(pixel), band.bottom - band.top, band.spans
    if spans == ((0, columns),) and count * row <= _WHOLE_ROWS:
        yield _made(start, count * row, 1, [(0, columns * count)], pixel)
    elif len(spans) > 1 and (spans[0][0], spans[-1][1]) == (0, columns):
        (_, left), (right, _) = spans[0], spans[-1]
        yield _made(start, row, 1, [(0, left)], pixel)
        if count > 1:
            yield _made(start, row, count - 1, [*spans[1:-1], (right, columns + left)], pixel)
        yield _made(start + (count - 1) * row, row, 1, spans[1:], pixel)
    else:
        yield _made(start, row, count, spans, pixel)


def _made(start: int, stride: int, count: int, columns: Sequence[tuple[int, int]], pixel: bytes) -> _Stripes:
    cell = len(pixel)
    spans = tuple((begin * cell, end * cell, bytearray(pixel * (end - begin))) for begin, end in columns)
    return _Stripes(start, stride, count, spans, start + (count - 1) * stride + spans[-1][1])


def _of_pairs(rectangle: Rectangle) -> Rectangle:
    """Return the pairs of columns that a rectangle touches."""
    first, after = rectangle.x // _PAIR, -(-(rectangle.x + rectangle.width) // _PAIR)
    return Rectangle(rectangle.y, first, rectangle.height, after - first)


def _overwrite(patch: bytearray, origin: int, stripes: _Stripes) -> None:
    for begin, _, fill in stripes.spans:
        _fill(patch, origin + stripes.start + begin, stripes.count, stripes.stride, fill)


def _fill(patch: bytearray, start: int, count: int, stride: int, fill: bytearray) -> None:
    """Overwrite the beginning of so many rows; these may begin before the patch or end after it."""
    size, width = len(patch), len(fill)
    first = max(0, -(start // stride))
    after = max(0, min(count, (size - width - start) // stride + 1))
    for at in range(start + first * stride, start + after * stride, stride):
        patch[at : at + width] = fill
    for number in (first - 1, after):  # cut by the borders of the chunk
        at = start + number * stride
        low, high = max(0, at), min(at + width, size)
        if low < high and 0 <= number < count:
            patch[low:high] = fill[low - at : high - at]


def _overwrite_bits(patch: bytearray, origin: int, stripes: _Stripes) -> None:
    """Overwrite bits, of which the first pixel is the lowest of its byte (PS3.5 Section 8.1.1).

    Rows of whole bytes begin at the same bit all, so that they are done together.
    """
    start, stride = origin + stripes.start, stripes.stride
    if stride % 8 == 0:
        _fill_bits(patch, start, stripes.count, stride // 8, stripes.spans)
        return
    before = max(0, -start // stride - 1)  # a span may end in the next row
    for row in range(start, start + stripes.count * stride, stride)[before:]:
        if row >= len(patch) * 8:
            break
        _fill_bits(patch, row, 1, stride // 8 + 1, stripes.spans)


def _fill_bits(patch: bytearray, start: int, count: int, step: int, spans: _Spans) -> None:
    """Overwrite bits of so many rows, ``step`` bytes apart: bytes as such, their ends column by column."""
    for begin, end, fill in spans:
        (low, from_bit), (high, to_bit) = divmod(start + begin, 8), divmod(start + end - 1, 8)
        head, tail = 0xFF << from_bit & 0xFF, 0xFF >> 7 - to_bit
        for at, mask in ((low, head), (high, tail)) if low < high else ((low, head & tail),):
            rows = range(at, at + count * step, step)[max(0, -(at // step)) :]
            column = slice(rows.start, rows.stop, step)
            patch[column] = patch[column].translate(_setting(mask, fill[0]))
        if high - low > 1:
            _fill(patch, low + 1, count, step, fill[: high - low - 1])


@cache
def _setting(mask: int, fill: int) -> bytes:
    """Return the table that sets the bits of a mask."""
    return bytes(byte & ~mask | fill & mask for byte in range(256))


def _swapped(data: bytes) -> bytes:
    """Swap the bytes of every word."""
    swapped = bytearray(data)
    swapped[::2], swapped[1::2] = data[1::2], data[::2]
    return bytes(swapped)
