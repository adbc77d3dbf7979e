"""What codestreams say of themselves, and what is no codestream."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import Image
from gateway.core.standard import uids
from gateway.masking import headers
from tests.kit.frames import COLUMNS, ROWS, encoded, image, scene


@pytest.mark.parametrize(
    ("syntax", "form"),
    [
        (uids.JPEG_BASELINE_8_BIT, headers.SOF0),
        (uids.JPEG_LOSSLESS, headers.SOF3),
        (uids.JPEG_LS_LOSSLESS, headers.SOF55),
    ],
)
@pytest.mark.parametrize("described", [image(), image("RGB")])
def test_the_size_of_a_jpeg_frame(syntax: str, form: int, described: Image) -> None:
    frame = encoded(scene(described), described, syntax)
    assert headers.jpeg(frame, form) == headers.Header(ROWS, COLUMNS, described.samples, 8)
    assert headers.jpeg(frame[:2] + b"\xff" + frame[2:], form).rows == ROWS  # a fill byte
    with pytest.raises(MalformedInput):
        headers.jpeg(frame, headers.SOF1)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("form", ["j2k", "jp2"])
def test_the_size_of_a_jpeg_2000_frame(form: str, is_signed: bool) -> None:
    described = image(bits=12, is_signed=is_signed)
    frame = headers.bare(encoded(scene(described), described, uids.JPEG_2000, codecformat=form))
    assert frame[:4] == b"\xff\x4f\xff\x51"
    found = headers.jpeg2000(frame)
    assert (found.rows, found.columns, found.samples, found.bits) == (ROWS, COLUMNS, 1, 12)
    assert found.is_signed is is_signed


@pytest.mark.parametrize("photometric", ["RGB", "YBR_RCT"])
def test_whether_components_are_transformed(photometric: str) -> None:
    described = image(photometric)
    assert headers.jpeg2000(encoded(scene(described), described, uids.JPEG_2000)).transform is (photometric != "RGB")


def test_components_of_different_size_or_depth_are_malformed() -> None:
    described = image("RGB")
    frame = bytearray(encoded(scene(described), described, uids.JPEG_2000))
    for at, value in ((45, 11), (46, 2), (47, 2)):  # second component: precision, width, height
        spoiled = frame[:at] + bytes([value]) + frame[at + 1 :]
        with pytest.raises(MalformedInput):
            headers.jpeg2000(bytes(spoiled))


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\xff\xff", b"\xff\xd8" + bytes(9)]
)
def test_what_has_no_scan_is_no_jpeg(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        headers.segments(data)


def test_boxes_of_any_size_end() -> None:
    for data in (b"\0\0\0\0abcd", b"\0\0\0\1abcd" + bytes(8), b"\0\0\0\4abcd" * 3, b"\xff" * 40):
        assert headers.bare(data) == data
    assert headers.bare(b"\0\0\0\1jp2c" + (18).to_bytes(8, "big") + b"abc") == b"ab"


def test_components_get_their_names_back() -> None:
    described = image("RGB")
    frame = encoded(scene(described), described, uids.JPEG_LOSSLESS)
    assert headers.component_names(frame) == b"RGB"
    named = headers.components_named(frame, b"\1\2\3")
    assert headers.component_names(named) == b"\1\2\3"
    assert b"Adobe" not in named
    assert headers.components_named(named, b"RGB") == frame[:2] + frame[frame.index(b"\xff\xc3") :]
