"""What masked pixels become, as numbers and in bytes."""

import struct

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.fill import darkest, sample_bytes, sample_values
from gateway.core.mask.model import Image
from tests.kit.native import image


@pytest.mark.parametrize(
    ("one", "values"),
    [
        (image(1, 1, "MONOCHROME2", 16), (0,)),
        (image(1, 1, "MONOCHROME1", 16, bits_stored=12), (4095,)),
        (image(1, 1, "MONOCHROME2", 16, bits_stored=10, is_signed=True), (-512,)),
        (image(1, 1, "MONOCHROME1", 16, bits_stored=10, is_signed=True), (511,)),
        (image(1, 1, "MONOCHROME2", 32, is_signed=True), (-2048,)),
        (image(1, 1, "MONOCHROME2", 1, is_signed=True), (-1,)),
        (image(1, 1, "MONOCHROME2", 16, bits_stored=12, padding=4095), (4095,)),
        (image(1, 1, "MONOCHROME1", 16, is_signed=True, padding=-32768), (-32768,)),
        (image(1, 1, "MONOCHROME2", 16, bits_stored=12, padding=63536), (0,)),
        (image(1, 1, "MONOCHROME1", 16, bits_stored=12, is_signed=True, padding=2048), (2047,)),
        (image(1, 1, "RGB", padding=7), (0, 0, 0)),
        (image(1, 1, "YBR_FULL"), (0, 128, 128)),
        (image(1, 1, "YBR_FULL_422", 16, bits_stored=12), (0, 2048, 2048)),
        (image(1, 1, "YBR_PARTIAL_422"), (16, 128, 128)),
        (image(1, 1, "YBR_PARTIAL_420"), (16, 128, 128)),
        (image(1, 1, "YBR_ICT"), (0, 0, 0)),
        (image(1, 1, "YBR_RCT"), (0, 0, 0)),
        (image(1, 1, "XYB"), (0, 0, 0)),
        (image(1, 1, "CMYK"), (0, 0, 0, 255)),
        (image(1, 1, "ARGB"), (0, 0, 0, 0)),
        (image(1, 1, "PALETTE COLOR", palette_black=9), (9,)),
        (image(1, 1, "PALETTE COLOR", palette_black=300), (255,)),
        (image(1, 1, "PALETTE COLOR", palette_black=-3), (0,)),
        (image(1, 1, "MONOCHROME1", 32, tag=0x7FE00008), (0.0,)),
    ],
)
def test_the_darkest_value_there_is(one: Image, values: tuple[int | float, ...]) -> None:
    assert sample_values(one) == values


def test_values_are_written_in_whole_cells() -> None:
    signed = image(1, 1, "MONOCHROME2", 16, bits_stored=12, is_signed=True)
    assert sample_bytes(signed, little_endian=True) == (b"\x00\xf8",)
    assert sample_bytes(signed, little_endian=False) == (b"\xf8\x00",)
    assert sample_bytes(image(1, 1, "YBR_FULL"), little_endian=True) == (b"\0", b"\x80", b"\x80")
    assert sample_bytes(image(1, 1, "MONOCHROME2", 64, tag=0x7FE00009), little_endian=True) == (bytes(8),)
    assert sample_bytes(image(1, 1, "MONOCHROME1", 1), little_endian=True) == (b"\xff",)


RED, GREEN, BLUE = (90, 0, 20, 255), (0, 200, 10, 255), (0, 0, 11, 255)


@pytest.mark.parametrize("form", ["<4H", ">4H", "4B"])
def test_the_darkest_colour_of_a_palette_is_found(form: str) -> None:
    red, green, blue = (struct.pack(form, *table) for table in (RED, GREEN, BLUE))
    assert darkest(red, green, blue, "4\\0\\8", little_endian=form[0] != ">") == 2
    assert darkest(red, green, blue, "4\\1000\\8", little_endian=form[0] != ">") == 1002


def test_bytes_in_words_of_big_endian_are_swapped() -> None:
    red, green, blue = (bytes((b, a, d, c)) for a, b, c, d in (RED, GREEN, BLUE))
    assert darkest(red, green, blue, "4\\0\\8", little_endian=False) == 2


def test_a_count_of_zero_is_65536() -> None:
    table = struct.pack("<65536H", *range(65535, -1, -1))
    assert darkest(table, table, table, "0\\0\\16") == 65535


def test_without_tables_it_is_the_first_index() -> None:
    assert darkest(b"", b"", b"", "256\\16\\16") == 16


@pytest.mark.parametrize(
    "descriptor", ["", "256", "256\\0\\8\\1", "256\\0\\12", "x\\0\\8", "70000\\0\\8", "4\\99999\\8"]
)
def test_a_descriptor_must_be_one(descriptor: str) -> None:
    with pytest.raises(MalformedInput, match=r"\(0028,1101\)"):
        darkest(bytes(512), bytes(512), bytes(512), descriptor)


@pytest.mark.parametrize(("size", "bits"), [(255, 8), (256, 16), (511, 16)])
def test_a_table_must_be_as_long_as_it_says(size: int, bits: int) -> None:
    with pytest.raises(MalformedInput, match="shorter"):
        darkest(bytes(512), bytes(512), bytes(size), f"256\\0\\{bits}")
