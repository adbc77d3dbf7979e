import numpy as np
import pytest
from PIL import ImageFont

pytest.importorskip("rapidocr", reason="needs the extra screen")

from gateway.screening.looking import Looker
from gateway.screening.rapid import RapidText
from gateway.screening.text import as_colour
from tests.kit import burned
from tests.kit.detection import measured
from tests.kit.screened import frame_of

needs_fonts = pytest.mark.skipif(not burned.FONTS, reason="needs the DejaVu fonts")


@pytest.fixture(scope="module")
def detector() -> RapidText:
    return RapidText()


@pytest.mark.slow
@needs_fonts
def test_text_that_can_be_read_is_masked(detector: RapidText) -> None:
    tally = measured(burned.frames(seed=7, count=5), detector)
    assert tally.of(burned.CLEAR).recall >= 0.93, [(one.text, one.size, one.contrast) for one in tally.missed]
    assert tally.of(burned.FAINT).recall >= 0.4
    assert tally.precision >= 0.95


@pytest.mark.slow
@needs_fonts
def test_other_scripts_are_masked_as_well(detector: RapidText) -> None:
    tally = measured(burned.frames(seed=8, count=3, texts=burned.OTHER_SCRIPTS), detector)
    assert tally.of(burned.CLEAR).recall >= 0.85


@pytest.mark.slow
def test_frames_without_text_are_hardly_touched(detector: RapidText) -> None:
    tally = measured(burned.empty_frames(seed=9, count=5), detector)
    assert tally.false_alarms <= 3


def test_a_name_is_read(detector: RapidText) -> None:
    pixels, _ = burned.write(np.zeros((100, 400), np.uint8), "BEISPIEL^ERIKA", (30, 40), 20, 200)
    (found,) = detector.find(pixels, reads=True)
    assert found.written.replace(" ", "") == "BEISPIEL^ERIKA"
    assert found.confidence > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (300, 5), (64, 64)])
def test_pictures_of_any_size_can_be_looked_at(detector: RapidText, shape: tuple[int, int]) -> None:
    assert detector.find(np.zeros(shape, np.uint8), reads=True) == []


def test_text_in_colour_is_found_like_grey(detector: RapidText) -> None:
    pixels, written = burned.write(np.zeros((100, 400), np.uint8), "MRN-0815", (30, 40), 20, 200)
    yellow = as_colour(pixels).copy()
    yellow[..., 2] = 0
    (found,) = detector.find(yellow, reads=False)
    rows = np.flatnonzero(written.glyphs.any(axis=1))
    assert abs(found.rectangle.y - int(rows[0])) <= 6


def test_a_narrow_strip_with_text_is_seen(detector: RapidText) -> None:
    face = ImageFont.load_default(14)
    pixels, _ = burned.write(np.zeros((20, 400), np.uint8), "12.03.1961", (30, 1), 14, 200, face)
    assert detector.find(pixels, reads=False)


@needs_fonts
def test_text_of_the_same_brightness_in_another_colour_is_found(detector: RapidText) -> None:
    pixels, written = burned.write(np.zeros((100, 400), np.uint8), "MRN-0815", (30, 40), 20, 200)
    grounds = np.full((*pixels.shape, 3), (200, 0, 0), np.uint8)
    grounds[written.glyphs] = (0, 102, 0)
    assert detector.find(grounds, reads=False)


@needs_fonts
def test_faint_text_in_sixteen_bits_is_found_beside_one_bright_pixel(detector: RapidText) -> None:
    pixels, written = burned.write(np.zeros((100, 400), np.uint8), "BEISPIEL^ERIKA", (30, 40), 20, 100)
    deep = pixels.astype(np.uint16) + 1000
    deep[-1, -1] = 65535
    found = Looker(detector, reads=False).look(frame_of(deep)).texts
    rows = np.flatnonzero(written.glyphs.any(axis=1))
    assert any(abs(one.rectangle.y - int(rows[0])) <= 6 for one in found)
