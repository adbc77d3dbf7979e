from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.core.mask.model import Rectangle
from gateway.screening.looking import AROUND, OVERLAP, TILE, Looker, tiles
from gateway.screening.text import Pixels, Text, as_colour
from tests.kit.screened import frame_of

WHITE = 250


class Bright:
    """Takes whatever is nearly white for one text, and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, ...]] = []

    def find(self, pixels: Pixels, *, reads: bool) -> list[Text]:
        self.shown.append(pixels.shape)
        light = (as_colour(pixels) >= WHITE).min(axis=2)
        if not light.any():
            return []
        y, x = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
        return [Text(Rectangle(int(y[0]), int(x[0]), int(y[-1] - y[0]) + 1, int(x[-1] - x[0]) + 1), "read" * reads)]


def dark(rows: int = 100, columns: int = 120) -> Pixels:
    """Make a picture of many shades, none of them nearly white."""
    return np.tile(np.linspace(0, 245, columns).astype(np.uint8), (rows, 1))


def with_text(pixels: Pixels, place: Rectangle) -> Pixels:
    written = pixels.copy()
    written[place.y : place.y + place.height, place.x : place.x + place.width] = 255
    return written


def test_text_is_found_where_it_is() -> None:
    place = Rectangle(30, 40, 8, 50)
    assert [one.rectangle for one in Looker(Bright(), reads=False).look(frame_of(with_text(dark(), place))).texts] == [
        place
    ]


def test_text_is_read_where_that_is_asked_for() -> None:
    frame = frame_of(with_text(dark(), Rectangle(30, 40, 8, 50)))
    assert [one.written for one in Looker(Bright(), reads=True).look(frame).texts] == ["read"]


def test_a_frame_that_was_seen_is_not_looked_at_again() -> None:
    detector = Bright()
    looker = Looker(detector, reads=False)
    colours = np.repeat(dark()[..., None], 3, axis=2)
    looker.look(frame_of(colours))
    assert looker.look(frame_of(colours)).pixels == 0
    assert len(detector.shown) == 1


def test_only_what_is_new_in_a_frame_is_looked_at_and_found() -> None:
    looker = Looker(Bright(), reads=False)
    place = Rectangle(40, 60, 6, 20)
    colours = np.repeat(dark()[..., None], 3, axis=2)
    looker.look(frame_of(colours))
    new = np.repeat(with_text(dark(), place)[..., None], 3, axis=2)
    looked = looker.look(frame_of(new))
    assert [one.rectangle for one in looked.texts] == [place]
    assert looked.pixels == (place.height + 2 * AROUND) * (place.width + 2 * AROUND)
    assert looker.look(frame_of(colours)).pixels > 0, "what went is something new as well"


def test_a_slow_change_is_noticed_in_the_end() -> None:
    looker = Looker(Bright(), reads=False)
    picture = as_colour(dark(40, 40)) // 2
    pixels = [looker.look(frame_of(picture + np.uint8(level))).pixels for level in range(0, 40, 4)]
    assert pixels[:2] == [1600, 0]
    assert sum(pixels[1:]) > 0


def test_large_pictures_are_seen_in_tiles_and_as_a_whole() -> None:
    detector = Bright()
    places = [Rectangle(3, 4, 8, 50), Rectangle(1490, 2950, 8, 40)]
    picture = dark(1500, 3000)
    for place in places:
        picture = with_text(picture, place)
    found = {one.rectangle for one in Looker(detector, reads=False).look(frame_of(picture)).texts}
    assert set(places) <= found
    assert max(max(shape) for shape in detector.shown) <= TILE


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (704, 705), (480, 640), (1500, 3000), (1313, 5000)])
def test_tiles_cover_a_picture_and_overlap(rows: int, columns: int) -> None:
    covered = np.zeros((rows, columns), np.uint8)
    across = sorted({(one.x, one.width) for one in tiles(rows, columns)})
    for one in tiles(rows, columns):
        assert one.y >= 0
        assert one.x >= 0
        covered[one.y : one.y + one.height, one.x : one.x + one.width] = 1
    assert covered.all()
    assert all(x + width - after >= OVERLAP - 1 for (x, width), (after, _) in pairwise(across))


def test_shades_that_only_the_own_window_tells_apart_are_seen() -> None:
    deep = np.full((100, 120), 1000, np.uint16)
    deep[0, 0], deep[0, 1] = 0, 65535
    deep[40:48, 30:80] = 1040
    window = {"00281050": {"vr": "DS", "Value": [1020]}, "00281051": {"vr": "DS", "Value": [40]}}
    seen = {one.rectangle for one in Looker(Bright(), reads=False).look(frame_of(deep, **window)).texts}
    assert any(one.y <= 40 and one.y + one.height >= 48 and one.x <= 30 and one.x + one.width >= 80 for one in seen)


def test_palettes_are_seen_in_their_colours() -> None:
    indices = np.zeros((100, 120), np.uint8)
    indices[40:48, 30:80] = 1
    table = {"vr": "OW", "InlineBinary": "AAD//w=="}  # two entries: black, white
    said: dict[str, object] = {"00280004": {"vr": "CS", "Value": ["PALETTE COLOR"]}}
    for number in (1, 2, 3):
        said[f"0028110{number}"] = {"vr": "US", "Value": [2, 0, 16]}
        said[f"0028120{number}"] = table
    seen = {one.rectangle for one in Looker(Bright(), reads=False).look(frame_of(indices, **said)).texts}
    assert seen == {Rectangle(40, 30, 8, 50)}


def letters(ground: int, written: int, kind: type[np.uint8 | np.uint16] = np.uint16) -> NDArray[Any]:
    """Make a sign of one value on a ground of another, and one pixel that takes the whole range for itself."""
    pixels = np.full((100, 120), ground, kind)
    pixels[40:48, 30:80] = written
    pixels[99, 119] = np.iinfo(kind).max
    return pixels


class Contrast:
    """Takes the sign for a text wherever it stands out."""

    def find(self, pixels: Pixels, *, reads: bool) -> list[Text]:
        grey = as_colour(pixels).astype(np.int16).max(axis=2)
        stands_out = pixels.shape[0] == 100 and abs(int(grey[44, 50]) - int(grey[10, 10])) >= 40
        return [Text(Rectangle(40, 30, 8, 50))] if stands_out else []


def sees(pixels: NDArray[Any], **said: object) -> bool:
    return bool(Looker(Contrast(), reads=False).look(frame_of(pixels, **said)).texts)


def test_faint_text_is_seen_although_one_bright_pixel_takes_the_range() -> None:
    assert sees(letters(1000, 1100))
    assert sees(letters(100, 104, np.uint8))


def test_text_is_seen_that_a_modality_lut_or_a_slope_of_zero_makes_one_with_its_ground() -> None:
    flat = {"00283002": {"vr": "US", "Value": [2, 0, 8]}, "00283006": {"vr": "US", "Value": [7, 7]}}
    lut = {"vr": "SQ", "Value": [flat]}
    zero = {"00281053": {"vr": "DS", "Value": [0]}, "00281052": {"vr": "DS", "Value": [1]}}
    for kind in (np.uint8, np.uint16):
        assert sees(letters(10, 200, kind), **{"00283000": lut})
        assert sees(letters(10, 200, kind), **zero)


def test_text_is_seen_that_is_padding() -> None:
    padding = {"00280120": {"vr": "US", "Value": [0]}, "00280121": {"vr": "US", "Value": [255]}}
    assert sees(letters(30, 200, np.uint8), **padding)


def test_text_is_seen_of_which_a_palette_makes_one_colour() -> None:
    said: dict[str, object] = {"00280004": {"vr": "CS", "Value": ["PALETTE COLOR"]}}
    for number in (1, 2, 3):
        said[f"0028110{number}"] = {"vr": "US", "Value": [2, 0, 16]}
        said[f"0028120{number}"] = {"vr": "OW", "InlineBinary": "AAAAAA=="}
    assert sees(np.minimum(letters(0, 1, np.uint8), 1), **said)


def test_an_ordinary_picture_of_eight_bits_is_looked_at_once() -> None:
    detector = Bright()
    Looker(detector, reads=False).look(frame_of(dark()))
    assert len(detector.shown) == 1


def test_letters_cannot_come_up_in_steps_that_are_each_too_small() -> None:
    ground = as_colour(dark()).copy()
    ground[20:] = 100
    written = ground.copy()
    written[20:] = 93
    written[40:48, 30:80] = 107
    looker = Looker(Bright(), reads=False)
    looker.look(frame_of(ground))
    assert looker.look(frame_of(written)).pixels > 0
