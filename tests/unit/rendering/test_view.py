"""The part of a picture that is shown, and how large it becomes."""

import pytest
from PIL import Image

from gateway.rendering.look import Look, Region
from gateway.rendering.view import viewed, viewed_pixels

WHOLE = Region(0, 0, None, None)


@pytest.mark.parametrize(
    "look",
    [Look(), Look(20, 20), Look(width=700), Look(height=1), Look(90, 90, Region(3, 4, 5, 60)), Look(region=WHOLE),
     Look(region=Region(10, 20, None, None)), Look(region=Region(500, 500, 0.2, 0.2)),
     Look(300, 0, Region(0.1, 0.2, 0.33, 0.5, fractional=True))],
)  # fmt: skip
def test_the_pixels_of_a_picture_are_counted_before_it_is_made(look: Look) -> None:
    picture = viewed(Image.new("L", (64, 48)), look)
    assert viewed_pixels((64, 48), look) == picture.width * picture.height
