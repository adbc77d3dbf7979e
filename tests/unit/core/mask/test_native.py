"""Native pixel data, masked while they pass, as arrays say they must look afterwards."""

from collections.abc import Iterable, Sequence
from itertools import combinations, product
from typing import Any

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import Image, Rectangle
from gateway.core.mask.native import NativeMasker
from tests.kit.native import blanked, image, noise, packed
from tests.kit.splits import splits

PIXEL_DATA, FLOATS, DOUBLES = 0x7FE00010, 0x7FE00008, 0x7FE00009


def masked(one: Image, rectangles: Sequence[Rectangle], chunks: Iterable[bytes], **encoding: Any) -> bytes:
    masker = NativeMasker(one, rectangles, **{"little_endian": True} | encoding)
    out = b"".join(piece for chunk in chunks for piece in masker.feed(chunk))
    masker.close()
    return out


def every_rectangle(rows: int, columns: int) -> list[Rectangle]:
    return [
        Rectangle(top, left, bottom - top, right - left)
        for (top, bottom), (left, right) in product(
            combinations(range(rows + 1), 2), combinations(range(columns + 1), 2)
        )
    ]


HALF, FULL = 0x80, 0xFF
LOOKS: list[tuple[Image, tuple[int, ...]]] = [
    (image(3, 4), (0,)),
    (image(3, 5, "MONOCHROME1"), (FULL,)),
    (image(3, 4, "MONOCHROME1", 16, bits_stored=12), (0xFFF,)),
    (image(3, 4, "MONOCHROME2", 16, bits_stored=12, is_signed=True), (0xF800,)),
    (image(3, 4, "MONOCHROME2", 16, is_signed=True), (0xF800,)),
    (image(3, 4, "MONOCHROME2", 8, is_signed=True), (HALF,)),
    (image(3, 4, "MONOCHROME1", 16, is_signed=True), (0x7FF,)),
    (image(3, 4, "MONOCHROME2", 16, is_signed=True, padding=-2000), (0xF830,)),
    (image(3, 3, "MONOCHROME2", 24), (0,)),
    (image(3, 4, "MONOCHROME1", 32), (0xFFFFFFFF,)),
    (image(3, 4, "MONOCHROME2", 64, is_signed=True, bits_stored=4), (0xFFFFFFFFFFFFFFF8,)),
    (image(3, 4, "MONOCHROME2", 32, tag=FLOATS), (0,)),
    (image(3, 4, "MONOCHROME1", 64, tag=DOUBLES), (0,)),
    (image(3, 4, "PALETTE COLOR", palette_black=17), (17,)),
    (image(3, 4, "PALETTE COLOR", 16, palette_black=0x1234), (0x1234,)),
    (image(3, 4, "RGB", planar=0), (0, 0, 0)),
    (image(3, 3, "RGB", planar=1), (0, 0, 0)),
    (image(3, 4, "RGB", 16, planar=0), (0, 0, 0)),
    (image(3, 4, "YBR_FULL", planar=0), (0, HALF, HALF)),
    (image(3, 3, "YBR_FULL", planar=1), (0, HALF, HALF)),
    (image(3, 4, "YBR_FULL", 16, bits_stored=10, planar=1), (0, 0x200, 0x200)),
    (image(3, 6, "YBR_FULL_422"), (0, HALF, HALF)),
    (image(3, 6, "YBR_PARTIAL_422"), (16, HALF, HALF)),
    (image(3, 4, "YBR_RCT"), (0, 0, 0)),
    (image(3, 4, "CMYK", planar=0), (0, 0, 0, FULL)),
    (image(3, 3, "CMYK", planar=1), (0, 0, 0, FULL)),
    (image(3, 5, bits=1), (0,)),
    (image(3, 5, "MONOCHROME1", bits=1), (1,)),
    (image(3, 8, "MONOCHROME1", bits=1), (1,)),
    (image(2, 19, "MONOCHROME1", bits=1), (1,)),
]
LOOK_IDS = [f"{one.photometric}-{one.bits_allocated}-{one.bits_stored}-{one.planar}" for one, _ in LOOKS]


@pytest.mark.parametrize("vr", ["OB", "OW"])
@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(("one", "fill"), LOOKS, ids=LOOK_IDS)
def test_every_rectangle_is_filled_in_every_frame_and_nothing_else_changes(
    one: Image, fill: tuple[int, ...], frames: int, little_endian: bool, vr: str
) -> None:
    one = with_frames(one, frames)
    encoding: dict[str, Any] = {"little_endian": little_endian, "vr": vr}
    cells = noise(one)
    value = packed(cells, one, **encoding)
    for rectangle in every_rectangle(one.rows, one.columns):
        expected = packed(blanked(cells, [rectangle], fill), one, **encoding)
        assert masked(one, [rectangle], [value], **encoding) == expected, rectangle


SEVERAL: tuple[list[Rectangle], ...] = (
    [Rectangle(0, 0, 1, 9), Rectangle(4, 0, 1, 9)],
    [Rectangle(0, 0, 2, 3), Rectangle(1, 2, 3, 3), Rectangle(1, 7, 1, 2)],
    [Rectangle(1, 1, 3, 7), Rectangle(2, 2, 1, 2), Rectangle(1, 1, 3, 7)],
    [Rectangle(0, 0, 5, 1), Rectangle(0, 8, 5, 1)],
    [Rectangle(1, 0, 3, 2), Rectangle(1, 4, 3, 1), Rectangle(1, 7, 3, 2)],
    [Rectangle(1, 0, 2, 2), Rectangle(1, 7, 2, 2), Rectangle(4, 0, 1, 2), Rectangle(4, 7, 1, 2)],
    [Rectangle(0, 0, 5, 9)],
    [],
)


@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize("rectangles", SEVERAL, ids=range(len(SEVERAL)))
@pytest.mark.parametrize(
    ("one", "fill"),
    [
        (image(5, 9, "MONOCHROME1", bits=1, frames=3), (1,)),
        (image(5, 24, "MONOCHROME1", bits=1, frames=3), (1,)),
        (image(5, 9, "MONOCHROME1", frames=3), (FULL,)),
        (image(5, 9, "MONOCHROME1", 16, frames=2), (0xFFFF,)),
        (image(5, 9, "YBR_FULL", planar=1, frames=2), (0, HALF, HALF)),
        (image(5, 9, "YBR_FULL", planar=0), (0, HALF, HALF)),
    ],
    ids=["1", "1 in whole bytes", "8", "16", "planes", "pixels"],
)
def test_however_the_value_is_cut_it_leaves_alike(
    one: Image, fill: tuple[int, ...], rectangles: list[Rectangle], little_endian: bool
) -> None:
    cells = noise(one)
    value = packed(cells, one, little_endian=little_endian)
    expected = packed(blanked(cells, rectangles, fill), one, little_endian=little_endian)
    for chunks in splits(value):
        assert masked(one, rectangles, chunks, little_endian=little_endian) == expected


def test_bytes_may_begin_within_a_buffer() -> None:
    one, value = image(2, 4), bytes(range(1, 9))
    masker = NativeMasker(one, [Rectangle(1, 0, 1, 2)], little_endian=True)
    assert b"".join(masker.feed(b"head" + value, 4)) == value[:4] + b"\0\0" + value[6:]
    masker.close()


def test_what_no_rectangle_touches_is_not_copied() -> None:
    one = image(100, 10, frames=2)
    masker = NativeMasker(one, [Rectangle(40, 0, 5, 3)], little_endian=True)
    value = bytes(range(250)) * 8
    pieces = masker.feed(value)
    ours = [piece for piece in pieces if isinstance(piece, memoryview) and piece.obj is value]
    assert sum(map(len, ours)) == len(value) - 2 * (4 * 10 + 3)
    assert len(pieces) == 5


def test_untouched_bytes_may_go_another_way() -> None:
    for one in (image(5, 8, frames=3), image(5, 9, bits=1, frames=5), image(5, 6, "RGB", planar=1, frames=2)):
        rectangles = [Rectangle(1, 2, 2, 3), Rectangle(4, 0, 1, 1)]
        cells = noise(one)
        value = packed(cells, one)
        masker = NativeMasker(one, rectangles, little_endian=True)
        out, at, skipped = bytearray(), 0, 0
        while at < len(value):
            count = masker.untouched
            masker.skip(count)
            out += value[at : at + count]
            at, skipped = at + count, skipped + count
            out += b"".join(masker.feed(value[at : at + 1]))
            at += 1
        masker.close()
        assert bytes(out[: len(value)]) == packed(blanked(cells, rectangles, (0,) * one.samples), one)
        assert skipped > len(value) // 4
    with pytest.raises(ValueError, match="untouched"):
        NativeMasker(one, rectangles, little_endian=True).skip(9)


def test_without_rectangles_all_is_untouched() -> None:
    masker = NativeMasker(image(3, 3, frames=3), [], little_endian=True)
    assert masker.untouched == 28
    masker.skip(28)
    masker.close()


@pytest.mark.parametrize("length", [None, 28])
def test_a_padding_byte_belongs_to_an_odd_value(length: int | None) -> None:
    one = image(3, 3, frames=3)
    assert masked(one, [], [bytes(27), b"\0"], length=length) == bytes(28)
    assert masked(one, [], [bytes(27)]) == bytes(27)


@pytest.mark.parametrize("little_endian", [True, False])
def test_the_first_byte_too_many_is_refused(little_endian: bool) -> None:
    for fed in (28, 27):
        masker = NativeMasker(image(3, 3, frames=3), [], little_endian=little_endian)
        masker.feed(bytes(fed))
        with pytest.raises(MalformedInput, match=r"longer than their frames at \(7FE0,0010\)"):
            masker.feed(bytes(29 - fed))


@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize("one", [image(3, 3, frames=3), image(5, 43, bits=1)])
def test_a_value_without_its_last_frames_is_refused(one: Image, little_endian: bool) -> None:
    masker = NativeMasker(one, [], little_endian=little_endian)
    masker.feed(bytes(26))
    with pytest.raises(MalformedInput, match="shorter"):
        masker.close()


@pytest.mark.parametrize(("length", "said"), [(26, "shorter"), (29, "longer"), (30, "longer"), (0, "shorter")])
def test_a_length_that_is_known_is_checked_first(length: int, said: str) -> None:
    with pytest.raises(MalformedInput, match=said):
        NativeMasker(image(3, 3, frames=3), [], little_endian=True, length=length)


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_PARTIAL_420"])
def test_what_an_origin_has_decompressed_has_all_samples_whatever_it_is_called(photometric: str) -> None:
    one = image(3, 5, photometric)
    plain = image(3, 5, "RGB")
    cells = noise(plain)
    rectangle = Rectangle(1, 1, 2, 3)
    value = packed(cells, plain)
    expected = packed(blanked(cells, [rectangle], (0, 0, 0)), plain)
    assert masked(one, [rectangle], [value], length=len(value)) == expected
    with pytest.raises(MalformedInput, match="subsampled"):
        NativeMasker(one, [rectangle], little_endian=True)


def test_memory_does_not_grow_with_frames_or_rows() -> None:
    one = image(0xFFFF, 0xFFFF, "RGB", 16, planar=1, frames=0x7FFFFFFF)
    masker = NativeMasker(one, [Rectangle(0, 0, 0xFFFF, 0xFFFF), Rectangle(5, 5, 1, 1)], little_endian=True)
    assert b"".join(masker.feed(b"\xff" * 300_001)) == bytes(300_001)


def with_frames(one: Image, frames: int) -> Image:
    return Image(**{name: getattr(one, name) for name in Image.__slots__} | {"frames": frames})
