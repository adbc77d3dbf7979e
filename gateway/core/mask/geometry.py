"""Rectangles of a frame: cut to it, put together, turned inside out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gateway.core.errors import LimitExceeded
from gateway.core.mask.model import Rectangle

MAX_RECTANGLES: Final = 1024
"""What a rule or an object may name for one frame: putting them together takes their number squared."""


@dataclass(frozen=True, slots=True)
class Band:
    """Rows ``top <= row < bottom`` that are covered alike: in columns ``begin <= column < end`` of each span."""

    top: int
    bottom: int
    spans: tuple[tuple[int, int], ...]


def clipped(x: int, y: int, width: int, height: int, rows: int, columns: int) -> Rectangle | None:
    """Return what of a rectangle lies inside a frame, None where nothing does."""
    left, right = max(x, 0), min(x + width, columns)
    top, bottom = max(y, 0), min(y + height, rows)
    return Rectangle(top, left, bottom - top, right - left) if left < right and top < bottom else None


def bands(rectangles: Sequence[Rectangle]) -> tuple[Band, ...]:
    """Return what rectangles cover together, top down. Raises LimitExceeded for more than 1024 of them."""
    if len(rectangles) > MAX_RECTANGLES:
        raise LimitExceeded("rectangles of a frame", MAX_RECTANGLES)
    found: list[Band] = []
    for top, bottom in pairwise(sorted({edge for each in rectangles for edge in (each.y, each.y + each.height)})):
        spans = _joined((each.x, each.x + each.width) for each in rectangles if each.y <= top < each.y + each.height)
        if found and found[-1].bottom == top and found[-1].spans == spans:
            found[-1] = Band(found[-1].top, bottom, spans)
        elif spans:
            found.append(Band(top, bottom, spans))
    return tuple(found)


def merged(rectangles: Sequence[Rectangle]) -> tuple[Rectangle, ...]:
    """Return rectangles that cover the same pixels, each once, in order. Raises LimitExceeded."""
    return _rectangles(bands(rectangles))


def complement(keep: Sequence[Rectangle], rows: int, columns: int) -> tuple[Rectangle, ...]:
    """Return rectangles for all of a frame but what is kept. Raises LimitExceeded."""
    found: list[Band] = []
    at = 0
    for band in bands(keep):
        found.append(Band(at, band.top, ((0, columns),)))
        edges = (0, *(edge for span in band.spans for edge in span), columns)
        found.append(Band(band.top, band.bottom, tuple(zip(edges[::2], edges[1::2], strict=True))))
        at = band.bottom
    return _rectangles([*found, Band(at, rows, ((0, columns),))])


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join spans that touch."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)


def _rectangles(covered: Iterable[Band]) -> tuple[Rectangle, ...]:
    return tuple(
        Rectangle(band.top, begin, band.bottom - band.top, end - begin)
        for band in covered
        for begin, end in band.spans
        if band.top < band.bottom and begin < end
    )
