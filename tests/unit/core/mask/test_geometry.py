"""Rectangles cover what a table of pixels says they cover."""

import random
from collections.abc import Iterable

import pytest

from gateway.core.errors import LimitExceeded
from gateway.core.mask.geometry import Band, bands, clipped, complement, merged
from gateway.core.mask.model import Rectangle

ROWS, COLUMNS = 9, 11


def pixels(rectangles: Iterable[Rectangle]) -> list[tuple[int, int]]:
    return sorted(
        (y, x)
        for each in rectangles
        for y in range(each.y, each.y + each.height)
        for x in range(each.x, each.x + each.width)
    )


def drawn(seed: int) -> list[Rectangle]:
    pick = random.Random(seed)
    found = []
    for _ in range(pick.randrange(6)):
        y, x = pick.randrange(ROWS), pick.randrange(COLUMNS)
        found.append(Rectangle(y, x, pick.randint(1, ROWS - y), pick.randint(1, COLUMNS - x)))
    return found


@pytest.mark.parametrize("seed", range(60))
def test_merged_rectangles_cover_every_pixel_once(seed: int) -> None:
    rectangles = drawn(seed)
    found = merged(rectangles)
    assert pixels(found) == sorted(set(pixels(rectangles)))
    assert list(found) == sorted(found)
    assert all(each.width > 0 and each.height > 0 for each in found)


@pytest.mark.parametrize("seed", range(60))
def test_a_complement_covers_every_other_pixel_once(seed: int) -> None:
    keep = drawn(seed)
    found = complement(keep, ROWS, COLUMNS)
    assert pixels(found) == sorted({(y, x) for y in range(ROWS) for x in range(COLUMNS)} - set(pixels(keep)))
    assert all(each.width > 0 and each.height > 0 for each in found)


def test_rectangles_side_by_side_are_one_band() -> None:
    left, right, below = Rectangle(0, 0, 2, 3), Rectangle(0, 3, 2, 4), Rectangle(2, 0, 1, 7)
    assert bands([right, left, below, left]) == (Band(0, 3, ((0, 7),)),)
    assert merged([left, right, below]) == (Rectangle(0, 0, 3, 7),)


def test_the_ends_of_a_complement() -> None:
    everything = Rectangle(0, 0, ROWS, COLUMNS)
    assert complement([], ROWS, COLUMNS) == (everything,)
    assert complement([everything], ROWS, COLUMNS) == ()


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ((3, 5, 20, 9), (5, 3, 9, 20)),
        ((-3, -5, 20, 9), (0, 0, 4, 17)),
        ((90, 40, 20, 20), (40, 90, 10, 10)),
        ((0, 0, 1150, 30), (0, 0, 30, 100)),
        ((100, 0, 5, 5), None),
        ((0, 50, 5, 5), None),
        ((-5, 0, 5, 5), None),
        ((5, 5, 0, 5), None),
        ((5, 5, 5, -1), None),
    ],
)
def test_a_rectangle_is_cut_to_the_frame(
    given: tuple[int, int, int, int], inside: tuple[int, int, int, int] | None
) -> None:
    assert clipped(*given, rows=50, columns=100) == (Rectangle(*inside) if inside else None)


def test_more_rectangles_than_a_frame_may_have_are_refused() -> None:
    many = [Rectangle(0, 0, 1, 1)] * 1025
    assert len(merged(many[1:])) == 1
    for function in (bands, merged):
        with pytest.raises(LimitExceeded, match="1024"):
            function(many)
    with pytest.raises(LimitExceeded, match="1024"):
        complement(many, ROWS, COLUMNS)
