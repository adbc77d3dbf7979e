"""Looks at the frames of one object, one after the other, at whatever in them was not looked at before.

No frame is passed over: a pixel that is not looked at differs by a few shades at most from one that was, in the same
place of an earlier frame. Text that is fainter than that, no detector finds either.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from gateway.core.mask.model import Rectangle
from gateway.ports import Frame
from gateway.rendering.colour import colours
from gateway.rendering.grey import has_own_range, shades, whole_range
from gateway.rendering.work import samples_of
from gateway.screening.text import Looked, Pixels, Text, TextDetector

TILE: Final = 704
"""Pixels a side of what the detector is given at a time."""
OVERLAP: Final = 96
"""Text that one tile cuts is whole in the next; what is higher than this shows in the whole picture made small."""
TOLERANCE: Final = 8
"""Shades by which a pixel may differ from one that was looked at."""
AROUND: Final = 16
"""Pixels around what is new, so that letters are whole."""
_GREYS: Final = ("MONOCHROME1", "MONOCHROME2")


class Looker:
    """Remembers what was looked at of one object."""

    def __init__(self, detector: TextDetector, *, reads: bool) -> None:
        self._detector = detector
        self._reads = reads
        self._seen: dict[int, Pixels] = {}

    def look(self, frame: Frame) -> Looked:
        """Find the text of a frame that earlier ones have not shown. Raises whatever decoders and detectors do."""
        texts: list[Text] = []
        pixels = 0
        for number, picture in enumerate(_pictures(frame)):
            new = _new(self._seen.get(number), picture)
            if new is None:
                continue
            piece = _cut(picture, new)
            pixels += new.width * new.height
            texts += [text.moved(new.x, new.y) for text in self._found(piece)]
            if new.height * new.width == picture.shape[0] * picture.shape[1]:
                self._seen[number] = picture.copy()
            else:
                _cut(self._seen[number], new)[:] = piece
        return Looked(texts, pixels)

    def _found(self, picture: Pixels) -> Iterator[Text]:
        rows, columns = picture.shape[:2]
        for tile in tiles(rows, columns):
            for text in self._detector.find(_cut(picture, tile), reads=self._reads):
                yield text.moved(tile.x, tile.y)
        step = -(-max(rows, columns) // TILE)
        if step > 1:
            for text in self._detector.find(_smaller(picture, step), reads=self._reads):
                place = text.rectangle
                x, y = place.x * step, place.y * step
                height, width = min(place.height * step, rows - y), min(place.width * step, columns - x)
                yield Text(Rectangle(y, x, height, width), text.written, text.confidence)


def tiles(rows: int, columns: int) -> Iterator[Rectangle]:
    """Yield pieces of a picture that overlap and together are all of it."""
    for y in _starts(rows):
        for x in _starts(columns):
            yield Rectangle(y, x, min(TILE, rows), min(TILE, columns))


def _starts(length: int) -> list[int]:
    if length <= TILE:
        return [0]
    count = -(-(length - OVERLAP) // (TILE - OVERLAP))
    return [round(number * (length - TILE) / (count - 1)) for number in range(count)]


def _pictures(frame: Frame) -> Iterator[Pixels]:
    """Yield a frame as it is shown: colours, or all shades of grey; and in its own window, should that show others."""
    samples, interpretation, attributes = samples_of(frame)
    if interpretation not in _GREYS:
        yield np.ascontiguousarray(colours(samples, interpretation, attributes))
        return
    yield shades(samples, attributes, whole_range(samples, attributes))
    if has_own_range(attributes):
        yield shades(samples, attributes, None)


def _new(seen: Pixels | None, picture: Pixels) -> Rectangle | None:
    """Return the area of a picture that was not looked at, None when all of it was."""
    rows, columns = picture.shape[:2]
    if seen is None or seen.shape != picture.shape:
        return Rectangle(0, 0, rows, columns)
    differs = np.abs(picture.astype(np.int16) - seen) > TOLERANCE
    if differs.ndim == 3:
        differs = differs.any(axis=2)
    down, across = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not down.size:
        return None
    y, x = max(0, int(down[0]) - AROUND), max(0, int(across[0]) - AROUND)
    bottom, right = min(rows, int(down[-1]) + 1 + AROUND), min(columns, int(across[-1]) + 1 + AROUND)
    return Rectangle(y, x, bottom - y, right - x)


def _smaller(picture: Pixels, step: int) -> Pixels:
    """Return a picture in which each pixel is the mean of ``step`` by ``step``."""
    rows, columns = picture.shape[0] // step * step, picture.shape[1] // step * step
    shape = (rows // step, step, columns // step, step, *picture.shape[2:])
    small: Pixels = picture[:rows, :columns].reshape(shape).mean(axis=(1, 3)).astype(np.uint8)
    return small


def _cut(picture: Pixels, place: Rectangle) -> Pixels:
    return picture[place.y : place.y + place.height, place.x : place.x + place.width]
