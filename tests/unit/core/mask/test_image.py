"""What attributes say of how frames lie in pixel data."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.image import IMAGE_TAGS, image_of
from gateway.core.mask.model import Image

CT = {
    0x00280002: "1",
    0x00280004: "MONOCHROME2 ",
    0x00280010: "512",
    0x00280011: "256",
    0x00280100: "16",
    0x00280101: "12",
    0x00280103: "1",
}
US = {
    0x00280002: "3",
    0x00280004: "RGB",
    0x00280006: "1",
    0x00280008: "+42 ",
    0x00280010: "600",
    0x00280011: "800",
    0x00280100: "8",
    0x00280101: "8",
    0x00280103: "0",
}
FLOATS = 0x7FE00008


def test_all_that_is_said_is_read() -> None:
    assert image_of(CT) == Image(512, 256, 1, 16, 12, is_signed=True, photometric="MONOCHROME2")
    assert image_of(US) == Image(600, 800, 3, 8, 8, is_signed=False, photometric="RGB", planar=1, frames=42)


def test_what_is_read_is_listed_in_order() -> None:
    assert list(IMAGE_TAGS) == sorted(IMAGE_TAGS)
    assert set(CT) | set(US) <= set(IMAGE_TAGS)


def test_what_only_says_how_pixels_look_may_be_missing() -> None:
    bare = {tag: text for tag, text in CT.items() if tag not in (0x00280101, 0x00280103)}
    found = image_of(bare | {0x00280008: " "})
    assert (found.bits_stored, found.is_signed, found.frames) == (16, False, 1)


@pytest.mark.parametrize(
    ("sign", "text", "padding"),
    [("1", "-2000", -2000), ("1", "63536", -2000), ("0", "63536", 63536), ("0", "-2000", 63536), ("0", "x", None)],
)
def test_padding_counts_in_the_sign_of_the_samples(sign: str, text: str, padding: int | None) -> None:
    assert image_of(CT | {0x00280103: sign, 0x00280120: text}).padding == padding


def test_floats_have_no_bits_stored_and_no_sign() -> None:
    values = {tag: text for tag, text in CT.items() if tag not in (0x00280101, 0x00280103)} | {0x00280100: "32"}
    found = image_of(values, FLOATS)
    assert (found.bits_allocated, found.bits_stored, found.tag) == (32, 32, FLOATS)
    assert image_of({tag: text for tag, text in values.items() if tag != 0x00280100}, 0x7FE00009).bits_allocated == 64
    with pytest.raises(MalformedInput, match=r"\(0028,0100\)"):
        image_of(CT, FLOATS)


def test_a_palette_begins_with_its_first_index() -> None:
    colour = CT | {0x00280004: "PALETTE COLOR", 0x00280103: "0"}
    assert image_of(colour | {0x00281101: "256\\17\\8"}).palette_black == 17
    assert image_of(colour).palette_black == 0
    with pytest.raises(MalformedInput, match=r"\(0028,1101\)"):
        image_of(colour | {0x00281101: "256\\17"})


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "PALETTE COLOR", "monochrome2"])
def test_one_sample_has_these_interpretations(photometric: str) -> None:
    assert image_of(CT | {0x00280004: photometric}).samples == 1


@pytest.mark.parametrize(
    ("change", "tag"),
    [
        ({0x00280010: "0"}, "0028,0010"),
        ({0x00280010: ""}, "0028,0010"),
        ({0x00280011: "65536"}, "0028,0011"),
        ({0x00280011: "-1"}, "0028,0011"),
        ({0x00280011: "5\\5"}, "0028,0011"),
        ({0x00280011: "5_0"}, "0028,0011"),
        ({0x00280011: "٥"}, "0028,0011"),
        ({0x00280100: ""}, "0028,0100"),
        ({0x00280100: "12"}, "0028,0100"),
        ({0x00280100: "128"}, "0028,0100"),
        ({0x00280100: "1"}, "0028,0100"),
        ({0x00280101: "9"}, "0028,0101"),
        ({0x00280101: "0"}, "0028,0101"),
        ({0x00280103: "2"}, "0028,0103"),
        ({0x00280002: ""}, "0028,0002"),
        ({0x00280002: "1"}, "0028,0004"),
        ({0x00280002: "5"}, "0028,0002"),
        ({0x00280004: ""}, "0028,0004"),
        ({0x00280004: "PURPLE"}, "0028,0004"),
        ({0x00280006: ""}, "0028,0006"),
        ({0x00280006: "2"}, "0028,0006"),
        ({0x00280008: "0"}, "0028,0008"),
        ({0x00280008: "4294967296"}, "0028,0008"),
        ({0x00280008: "many"}, "0028,0008"),
    ],
)
def test_what_no_pixel_data_can_be_like_is_refused_without_a_value(change: dict[int, str], tag: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        image_of(US | change)
    assert f"({tag.upper()})" in str(caught.value)
    assert not any(text and text in caught.value.what for text in change.values() if len(text) > 1)


@pytest.mark.parametrize("tag", [0x00280002, 0x00280004, 0x00280006, 0x00280010, 0x00280011, 0x00280100])
def test_what_decides_where_pixels_lie_must_be_there(tag: int) -> None:
    with pytest.raises(MalformedInput):
        image_of({other: text for other, text in US.items() if other != tag})
