"""JPEG and JPEG-LS, marker by marker."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import cleaner
from tests.kit.codestreams import ICC, JPEG, TEXT, jpeg, segment
from tests.unit.core.rewrite.codestream.streams import cleaned, passes

GONE = bytes(len(TEXT))
JFIF = b"JFIF\0\1\2\1\0\x48\0\x48"
ADOBE = b"Adobe\0\x64\0\0\0\0\1"


@pytest.mark.parametrize(
    "kept",
    [
        segment(0xE0, JFIF + b"\0\0"),
        segment(0xEE, ADOBE),
        segment(0xEE, ADOBE[:-2]),  # shorter than defined: seen in the wild
        segment(0xE8, b"mrfx\1"),
        segment(0xDB, TEXT),  # tables of any content
        segment(0xC4, TEXT),
        segment(0xC3, TEXT),
        segment(0xDD, b"\0\7"),
        segment(0xF7, TEXT),
        segment(0xF8, TEXT),
        segment(0xFE, b""),
        segment(0xE1, bytes(9)),
        b"\xff\xff\xff" + segment(0xDB, TEXT),  # fill bytes
        b"\xff\x01",  # TEM
        b"\xff\x00",
    ],
)
def test_what_decoders_read_stays(kept: bytes) -> None:
    passes(JPEG, jpeg(kept))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (segment(0xFE, TEXT), segment(0xFE, b" " * len(TEXT))),
        (segment(0xE0, JFIF + b"\1\7" + TEXT), segment(0xE0, JFIF + b"\1\7" + GONE)),
        (segment(0xE0, TEXT), segment(0xE0, GONE)),
        (segment(0xE0, b"JFIF"), segment(0xE0, bytes(4))),
        (segment(0xEE, ADOBE + TEXT), segment(0xEE, ADOBE + GONE)),
        (segment(0xE8, b"mrfx\2" + TEXT), segment(0xE8, b"mrfx\2" + GONE)),
        (segment(0xE1, b"Exif\0\0" + TEXT), segment(0xE1, bytes(6) + GONE)),
        (segment(0xE2, ICC), segment(0xE2, bytes(len(ICC)))),
        (segment(0xC8, TEXT), segment(0xC8, GONE)),
        (segment(0xF0, TEXT), segment(0xF0, GONE)),
    ],
)
def test_what_they_do_not_read_is_overwritten(before: bytes, after: bytes) -> None:
    assert cleaned(JPEG, jpeg(before)) == jpeg(after)
    assert cleaned(JPEG, jpeg(between=before)) == jpeg(between=after)


@pytest.mark.parametrize("around", [b"", b"\xff\xff" + segment(0xFE, b""), segment(0xDB, b"table")])
def test_bytes_between_segments_become_zeros(around: bytes) -> None:
    assert cleaned(JPEG, jpeg(around + TEXT + around)) == jpeg(around + GONE + around)
    assert cleaned(JPEG, jpeg(b"\xff\0" + TEXT)) == jpeg(b"\xff\0" + GONE)


def test_a_colour_profile_stays_if_asked_for_and_nothing_else_in_its_segments_does() -> None:
    other = segment(0xE2, b"MPF\0" + TEXT)
    short = segment(0xE2, b"SMITH")
    image = jpeg(segment(0xE2, ICC), other, short)
    assert cleaned(JPEG, image, keeps_icc=True) == jpeg(
        segment(0xE2, ICC), segment(0xE2, bytes(4) + GONE), segment(0xE2, bytes(5))
    )


def test_bytes_after_the_image_become_zeros() -> None:
    assert cleaned(JPEG, jpeg(after=TEXT)) == jpeg(after=GONE)
    assert cleaned(JPEG, jpeg(after=jpeg())) == jpeg(after=bytes(len(jpeg())))


def test_scan_data_pass_whatever_they_are() -> None:
    data = bytes(value for value in range(256) if value != 0xFF) * 3 + b"\xff\x00\xff\xd7\xff\xff\x00"
    scan = segment(0xDA, b"\1\1\0\0\x3f\0")
    passes(JPEG, b"\xff\xd8" + scan + data + b"\xff\xd9\0")
    passes(JPEG, b"\xff\xd8" + scan + data)  # cut: as seen in the wild


@pytest.mark.parametrize(
    "wrong", [b"\xff\x02SMITH", b"\xff\xbfSMITH", b"\xff\xfe\0\1SMITH", b"\xff\xe1\0\0", b"SMITH \xff\x41"]
)
def test_what_no_decoder_gets_over_is_malformed(wrong: bytes) -> None:
    one = cleaner(JPEG, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput) as caught:
        one.feed(jpeg(wrong))
    assert "SMITH" not in str(caught.value)
