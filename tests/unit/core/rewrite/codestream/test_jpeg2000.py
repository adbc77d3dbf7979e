"""JPEG 2000: marker segments, tile-parts, and the boxes of JP2 files."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import cleaner
from tests.kit.codestreams import JPEG_2000, TEXT, box, jp2, jpeg2000, segment, tile
from tests.unit.core.rewrite.codestream.streams import cleaned, passes

GONE = bytes(len(TEXT))
COMMENT, NO_COMMENT = segment(0x64, b"\0\1" + TEXT), segment(0x64, b"\0\0" + GONE)


@pytest.mark.parametrize(
    "image",
    [
        jpeg2000(*(segment(code, TEXT) for code in (0x50, 0x52, 0x53, 0x55, 0x56, 0x57, 0x59, 0x5C, 0x5D, 0x5E, 0x60))),
        jpeg2000(*(segment(code, TEXT) for code in (0x63, 0x72, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79))),
        jpeg2000(b"\xff\x30\xff\x3f"),  # reserved, and no segments
        jpeg2000(tiles=tile(segment(0x58, TEXT), data=TEXT) + tile(data=b"")),
        jpeg2000(tiles=tile(data=b"\xff\xd9\xff\x90" + TEXT)),  # its length says that this is data
        jpeg2000(tiles=tile(sized=False)),
        jpeg2000(tiles=tile(data=b"\xff\x91\0\4\0\xff\xd9" + TEXT, sized=False)),  # the packet's number ends in FF
        jpeg2000(after=b"\0"),
        jpeg2000()[:-2],
        jpeg2000()[:-9],
    ],
)
def test_what_decoders_read_stays(image: bytes) -> None:
    passes(JPEG_2000, image)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (jpeg2000(COMMENT), jpeg2000(NO_COMMENT)),
        (jpeg2000(COMMENT, segment(0x52, b"12"), COMMENT), jpeg2000(NO_COMMENT, segment(0x52, b"12"), NO_COMMENT)),
        (jpeg2000(tiles=tile(COMMENT) * 2), jpeg2000(tiles=tile(NO_COMMENT) * 2)),
        (jpeg2000(tiles=tile() + tile(COMMENT, sized=False)), jpeg2000(tiles=tile() + tile(NO_COMMENT, sized=False))),
        (jpeg2000(segment(0x65, TEXT)), jpeg2000(segment(0x65, GONE))),
        (jpeg2000(after=TEXT), jpeg2000(after=GONE)),
        (jpeg2000(tiles=tile(sized=False), after=TEXT), jpeg2000(tiles=tile(sized=False), after=GONE)),
    ],
)
def test_what_they_do_not_read_is_overwritten(before: bytes, after: bytes) -> None:
    assert cleaned(JPEG_2000, before) == after
    in_a_file = jp2() + box(b"jp2c", before)
    assert cleaned(JPEG_2000, in_a_file) == jp2() + box(b"jp2c", after)


@pytest.mark.parametrize(
    "header",
    [
        box(b"colr", b"\1\0\0\0\0\0\x10"),
        box(b"colr", b"\1\0\0\0\0\0\x0e" + TEXT),  # CIELab, with parameters
        box(b"res ", box(b"resc", bytes(10)) + box(b"resd", bytes(10))),
        b"".join(box(kind, TEXT) for kind in (b"bpcc", b"pclr", b"cmap", b"cdef")),
    ],
)
def test_boxes_that_say_how_to_decode_stay(header: bytes) -> None:
    passes(JPEG_2000, jp2(header=header))
    passes(JPEG_2000, jp2(box(b"jpch", header)))


def test_other_boxes_become_free_space() -> None:
    boxes = box(b"xml ", TEXT) + box(b"uuid", TEXT, form="long") + box(b"x\0\0\0", TEXT)
    free = box(b"free", GONE) + box(b"free", GONE, form="long") + box(b"free", GONE)
    assert cleaned(JPEG_2000, jp2(boxes)) == jp2(free)
    assert cleaned(JPEG_2000, jp2(header=boxes)) == jp2(header=free)
    assert cleaned(JPEG_2000, jp2(after=box(b"xml ", TEXT, form="open"))) == jp2(after=box(b"free", GONE, form="open"))


@pytest.mark.parametrize(("method", "colour"), [(b"\2\1\1", b"\1\0\0\0\0\0\x10"), (b"\3\0\0", b"\1\0\0\0\0\0\x10")])
def test_a_colour_profile_becomes_a_colour_space_unless_it_is_kept(method: bytes, colour: bytes) -> None:
    image = jp2(header=box(b"colr", method + b"ICCP" + TEXT))
    assert cleaned(JPEG_2000, image) == jp2(header=box(b"colr", colour + GONE))
    assert cleaned(JPEG_2000, image, keeps_icc=True) == image


def test_that_of_a_grey_image_is_grey() -> None:
    grey = box(b"ihdr", b"\0\0\0\1\0\0\0\1\0\1\7\7\0\0")
    image = jp2(header=grey + box(b"colr", b"\2\0\0" + TEXT))
    assert box(b"colr", b"\1\0\0\0\0\0\x11" + bytes(len(TEXT) - 4)) in cleaned(JPEG_2000, image)


@pytest.mark.parametrize("cut", range(2, 7))
def test_a_colour_box_that_is_too_short_says_nothing(cut: int) -> None:
    image = jp2(header=box(b"colr", (b"\2" + TEXT)[:cut]))
    assert TEXT[: cut - 1] not in cleaned(JPEG_2000, image)


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xff\x4f\xff\x51SMITH",
        jpeg2000(segment(0x90, b"SMITH")),
        jpeg2000(b"\xff\x52\0\1SMITH"),
        jpeg2000(TEXT),
        jpeg2000(b"\xff\x20SMITH"),
        jpeg2000(tiles=tile() + TEXT),
        jp2(b"\0\0\0\7xml SMITH"),
        jp2(b"\0\0\0\1xml \0\0\0\0\0\0\0\x0fSMITH"),
        jp2() + box(b"jp2c", b"SMITH"),
        jp2(header=box(b"res ", b"\0\0\0\xffresc")),
        b"\0\0\0\x0cjP  SMITH",
    ],
)
def test_what_no_decoder_gets_over_is_malformed(wrong: bytes) -> None:
    one = cleaner(JPEG_2000, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput) as caught:
        one.feed(wrong + bytes(1 << 16))
    assert "SMITH" not in str(caught.value)
