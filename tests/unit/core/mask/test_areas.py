"""Areas as a rule says them, on frames of any size."""

from fractions import Fraction

import pytest

from gateway.core.mask.areas import ZERO, Area, Length
from gateway.core.mask.model import Rectangle

ROWS, COLUMNS = 60, 80


def length(text: str) -> Length:
    return Length(Fraction(text.rstrip("%")), text.endswith("%"))


def area(**said: str) -> Area:
    return Area(**{name: length(text) for name, text in said.items()})


@pytest.mark.parametrize(
    ("said", "pixels"),
    [
        ({}, Rectangle(0, 0, 60, 80)),  # all of it
        ({"height": "7"}, Rectangle(0, 0, 7, 80)),
        ({"x": "5", "y": "6", "width": "7", "height": "8"}, Rectangle(6, 5, 8, 7)),
        ({"x": "-10", "height": "7"}, Rectangle(0, 70, 7, 10)),  # from the far edge
        ({"y": "-10", "width": "7"}, Rectangle(50, 0, 10, 7)),
        ({"x": "-10", "width": "4"}, Rectangle(0, 70, 60, 4)),
        ({"x": "70", "width": "100"}, Rectangle(0, 70, 60, 10)),  # cut to the frame
        ({"x": "-100", "width": "40"}, Rectangle(0, 0, 60, 20)),
        ({"y": "25%", "height": "50%"}, Rectangle(15, 0, 30, 80)),
        ({"y": "-25%"}, Rectangle(45, 0, 15, 80)),
        ({"height": "12.6%"}, Rectangle(0, 0, 8, 80)),  # 7.56 rows: what is touched is meant
        ({"y": "12.6%"}, Rectangle(7, 0, 53, 80)),
        ({"x": "80"}, None),
        ({"y": "100%"}, None),
        ({"x": "-100", "width": "20"}, None),
    ],
)
def test_an_area_is_cut_to_the_frame_and_covers_what_it_touches(said: dict[str, str], pixels: Rectangle | None) -> None:
    assert area(**said).on(ROWS, COLUMNS, outward=True) == pixels


def test_what_is_kept_covers_only_whole_pixels() -> None:
    assert area(y="12.6%", height="50%").on(ROWS, COLUMNS, outward=False) == Rectangle(8, 0, 29, 80)


def test_a_sliver_of_a_pixel_is_blanked_and_never_kept() -> None:
    sliver = area(y="50.1%", height="0.1%")
    assert sliver.on(ROWS, COLUMNS, outward=True) == Rectangle(30, 0, 1, 80)
    assert sliver.on(ROWS, COLUMNS, outward=False) is None


def test_nothing_said_begins_at_the_corner() -> None:
    assert Area() == Area(ZERO, ZERO, None, None)
