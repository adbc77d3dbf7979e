"""Looks at the frames of one object, one after the other, at whatever in them was not looked at before.

No frame is passed over: a pixel that is not looked at differs by a few shades at most from one that was, in the same
place of an earlier frame. Text that is fainter than that, no detector finds either. What a frame holds besides its
picture, in more bytes or in unused bits of its samples, nobody could look at: that raises.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

import numpy as np

from gateway.core.mask.model import Rectangle
from gateway.ports import Frame
from gateway.rendering.colour import colours
from gateway.rendering.frames import Samples
from gateway.rendering.grey import has_own_range, shades, whole_range
from gateway.screening.stored import samples_of
from gateway.screening.text import Looked, Pixels, Text, TextDetector

TILE: Final = 704
"""Pixels a side of what the detector is given at a time."""
OVERLAP: Final = 96
"""Text that one tile cuts is whole in the next; what is higher than this shows in the whole picture made small."""
TOLERANCE: Final = 4
"""Shades by which a pixel may differ from one that was looked at: a letter and its ground by twice as many."""
AROUND: Final = 16
"""Pixels around what is new, so that letters are whole."""
FEW_SHADES: Final = 64
"""Where nearly all pixels lie in fewer, text may hide in what is left of its contrast."""
NEARLY_ALL: Final = (1, 99)
"""In percent of the pixels."""
_GREYS: Final = ("MONOCHROME1", "MONOCHROME2")
_HIDING: Final = ("ModalityLUTSequence", "PixelPaddingValue", "RedPaletteColorLookupTableDescriptor")
"""Attributes by which different values may look alike."""


class _View(Enum):
    """How a frame was made a picture."""

    WHOLE = auto()
    OWN = auto()
    APART = auto()


class Looker:
    """Remembers what was looked at of one object."""

    def __init__(self, detector: TextDetector, *, reads: bool) -> None:
        self._detector = detector
        self._reads = reads
        self._seen: dict[_View, Pixels] = {}

    def look(self, frame: Frame) -> Looked:
        """Find the text of a frame that earlier ones have not shown. Raises whatever decoders and detectors do."""
        texts: list[Text] = []
        pixels = 0
        for view, picture in _pictures(frame):
            new = _new(self._seen.get(view), picture)
            if new is None:
                continue
            piece = _cut(picture, new)
            pixels += new.width * new.height
            texts += [text.moved(new.x, new.y) for text in self._found(piece)]
            if new.height * new.width == picture.shape[0] * picture.shape[1]:
                self._seen[view] = picture.copy()
            else:
                _cut(self._seen[view], new)[:] = piece
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


def _pictures(frame: Frame) -> Iterator[tuple[_View, Pixels]]:
    """Yield a frame as it is shown: colours, or all shades of grey; and in its own window, should that show others.

    And with its stored values apart, where what is shown may leave out what another viewer brings out.
    """
    samples, interpretation, attributes = samples_of(frame)
    is_grey = interpretation in _GREYS
    if is_grey:
        shown = shades(samples, attributes, whole_range(samples, attributes))
    else:
        shown = np.ascontiguousarray(colours(samples, interpretation, attributes))
    yield _View.WHOLE, shown
    if is_grey and has_own_range(attributes):
        yield _View.OWN, shades(samples, attributes, None)
    if samples.dtype.itemsize > 1 or any(name in attributes for name in _HIDING) or _is_flat(shown):
        yield _View.APART, _apart(samples)


def _is_flat(shown: Pixels) -> bool:
    low, high = np.percentile(shown, NEARLY_ALL)
    return bool(high - low < FEW_SHADES)


def _apart(samples: Samples) -> Pixels:
    """Return shades as far apart as they can be: half by how many pixels have a value, half by how many values occur.

    The first brings out what is written on a ground of one value, however little it differs; the second what is
    written small.
    """
    values, counts = np.unique(samples, return_counts=True)
    above = np.cumsum(counts)
    share = (above - counts / 2) / above[-1] + np.arange(len(values)) / max(1, len(values) - 1)
    picture: Pixels = np.rint(share * 127.5).astype(np.uint8)[np.searchsorted(values, samples)]
    return picture


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
