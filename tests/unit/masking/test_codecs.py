"""Frames masked in their own Transfer Syntax, read back by decoders that the gateway does not use."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.mask.fill import sample_values
from gateway.core.mask.model import FrameWork, Image, Rectangle
from gateway.core.mask.syntaxes import DEFLATED_FRAMES, JPEG, JPEG_XL, JPEG_XL_LOSSLESS, MASKED
from gateway.core.standard import uids
from gateway.masking.codecs import masked
from tests.kit.frames import COLUMNS, ROWS, Samples, decoded, encoded, image, scene

SOME = (Rectangle(0, 0, 9, 31), Rectangle(33, 50, 7, 13), Rectangle(ROWS - 1, COLUMNS - 1, 1, 1))
WHOLE = (Rectangle(0, 0, ROWS, COLUMNS),)
GREY, INVERSE, PALETTE, RGB, YBR = "MONOCHROME2", "MONOCHROME1", "PALETTE COLOR", "RGB", "YBR_FULL"
IMAGES = {
    "8 bit": image(),
    "8 bit, inverse": image(INVERSE),
    "8 bit, palette": image(PALETTE, palette_black=17),
    "12 bit": image(bits=12),
    "12 bit, inverse": image(INVERSE, 12),
    "12 bit, signed": image(bits=12, is_signed=True),
    "12 bit, signed, padding": image(bits=12, is_signed=True, padding=-2000),
    "16 bit": image(bits=16),
    "16 bit, signed": image(bits=16, is_signed=True),
    "10 bit, inverse": image(INVERSE, 10),
    "RGB": image(RGB),
    "RGB, 16 bit": image(RGB, 16),
    "YBR": image(YBR),
    "YBR_RCT": image("YBR_RCT"),
    "YBR_ICT": image("YBR_ICT"),
}
OF_JPEG_2000 = ("YBR_RCT", "YBR_ICT")
LOSSLESS = sorted(MASKED - JPEG - {JPEG_XL, JPEG_XL_LOSSLESS})


def cases() -> list[tuple[str, str]]:
    """Name what there is in each syntax."""
    found = [(syntax, name) for syntax in LOSSLESS for name in IMAGES if name not in OF_JPEG_2000]
    of_2000 = (uids.JPEG_2000, uids.JPEG_2000_LOSSLESS, uids.HTJ2K, uids.HTJ2K_LOSSLESS)
    found += [(syntax, name) for syntax in of_2000 for name in OF_JPEG_2000]
    # FFmpeg scales other depths.
    return found + [(JPEG_XL_LOSSLESS, name) for name in ("8 bit", "8 bit, inverse", "16 bit", "RGB", "RGB, 16 bit")]


def fill(described: Image, kind: np.dtype[np.generic]) -> Samples:
    """Return what a masked pixel is, as samples of this kind."""
    return (np.array(sample_values(described)) & (1 << 8 * kind.itemsize) - 1).astype(f"u{kind.itemsize}").view(kind)


def inside(described: Image, rectangles: tuple[Rectangle, ...]) -> Samples:
    found = np.zeros((described.rows, described.columns), bool)
    for at in rectangles:
        found[at.y : at.y + at.height, at.x : at.x + at.width] = True
    return found


def signed(samples: Samples, described: Image) -> Samples:
    """Read samples without a sign, as most codecs give them, as the object says."""
    unused = 8 * samples.itemsize - described.bits_stored
    if not described.is_signed:
        return samples
    return (samples.view(f"i{samples.itemsize}") << unused) >> unused


@pytest.mark.parametrize(("syntax", "name"), cases())
@pytest.mark.parametrize("rectangles", [SOME, WHOLE])
def test_a_masked_frame_is_the_same_but_for_its_rectangles(
    syntax: str, name: str, rectangles: tuple[Rectangle, ...], tmp_path: Path
) -> None:
    described = IMAGES[name]
    source = encoded(scene(described), described, syntax)
    before = signed(decoded(source, described, syntax, tmp_path), described)
    after = signed(
        decoded(masked(FrameWork(source, syntax, described, rectangles)), described, syntax, tmp_path), described
    )
    where = inside(described, rectangles)
    assert np.array_equal(before, scene(described))
    assert after.dtype == before.dtype
    assert np.array_equal(after[~where], before[~where])
    assert (after[where] == fill(described, after.dtype)).all()


@pytest.mark.parametrize(
    ("syntax", "how"),
    [
        (uids.JPEG_LOSSLESS, {"predictor": 4}),
        (uids.JPEG_LOSSLESS, {"predictor": 7}),
        (uids.JPEG_LS_NEAR_LOSSLESS, {"lossy_error": 3}),
        (uids.JPEG_2000_LOSSLESS, {"codecformat": "jp2"}),
        (uids.JPEG_2000, {"reversible": False, "level": 40}),
        (uids.HTJ2K, {"reversible": False, "level": 0.01}),
    ],
)
@pytest.mark.parametrize("name", ["8 bit", "RGB"])
def test_what_was_lost_before_is_not_lost_again(syntax: str, how: dict[str, object], name: str, tmp_path: Path) -> None:
    described = IMAGES[name]
    source = encoded(scene(described), described, syntax, **how)
    before = decoded(source, described, syntax, tmp_path)
    after = decoded(masked(FrameWork(source, syntax, described, SOME)), described, syntax, tmp_path)
    where = inside(described, SOME)
    assert np.array_equal(after[~where], before[~where])
    assert (after[where] == fill(described, after.dtype)).all()


@pytest.mark.parametrize("name", ["8 bit", "RGB"])
def test_lossy_jpeg_xl_is_not_lost_again(name: str, tmp_path: Path) -> None:
    described = IMAGES[name]
    source = encoded(scene(described), described, JPEG_XL, lossless=False, distance=2.0)
    frame = masked(FrameWork(source, JPEG_XL, described, SOME))
    where = inside(described, SOME)
    after = decoded(frame, described, JPEG_XL, tmp_path)
    assert np.array_equal(after[~where], imagecodecs.jpegxl_decode(source)[~where])
    assert (after[where] == fill(described, after.dtype)).all()
    assert np.abs(after.astype(int) - decoded(source, described, JPEG_XL, tmp_path))[~where].max() <= 2  # of libjxl


@pytest.mark.parametrize("bits", [2, 7, 9, 12, 15])
@pytest.mark.parametrize(
    ("syntax", "at", "lead"),
    [
        (uids.JPEG_LOSSLESS, b"\xff\xc3", 4),
        (uids.JPEG_LS_LOSSLESS, b"\xff\xf7", 4),
        (uids.JPEG_2000_LOSSLESS, b"\xff\x51", 40),
        (uids.HTJ2K_LOSSLESS, b"\xff\x51", 40),
    ],
)
def test_the_precision_stays(syntax: str, at: bytes, lead: int, bits: int) -> None:
    described = image(bits=bits)
    source = encoded(scene(described), described, syntax)
    frame = masked(FrameWork(source, syntax, described, SOME))
    precision = frame[frame.index(at) + lead]
    assert precision == source[source.index(at) + lead] == (bits if lead == 4 else bits - 1)


def test_htj2k_has_resolutions_one_by_one_and_says_where() -> None:
    described = image(bits=12)
    source = encoded(scene(described), described, uids.HTJ2K_LOSSLESS_RPCL)
    frame = masked(FrameWork(source, uids.HTJ2K_LOSSLESS_RPCL, described, SOME))
    style = frame.index(b"\xff\x52")
    assert frame[style + 5] == 2  # RPCL
    assert b"\xff\x55" in frame[: frame.index(b"\xff\x90")]
    assert frame.count(b"\xff\x90\x00\x0a") == frame[style + 9] + 1 == source[source.index(b"\xff\x52") + 9] + 1


@pytest.mark.parametrize("syntax", sorted(MASKED))
def test_a_frame_without_rectangles_stays_as_it_is(syntax: str) -> None:
    assert masked(FrameWork(b"anything", syntax, image(), ())) == b"anything"


@pytest.mark.parametrize("syntax", sorted(MASKED))
def test_a_frame_of_another_size_is_malformed(syntax: str) -> None:
    other = image()
    smaller = Image(ROWS - 1, COLUMNS + 1, 1, 8, 8, is_signed=False, photometric=GREY)
    with pytest.raises(MalformedInput):
        masked(FrameWork(encoded(scene(other), other, syntax), syntax, smaller, SOME[:1]))


@pytest.mark.parametrize("syntax", sorted(MASKED))
def test_a_frame_with_other_samples_is_malformed(syntax: str) -> None:
    with pytest.raises(MalformedInput):
        masked(FrameWork(encoded(scene(image(RGB)), image(RGB), syntax), syntax, image(), SOME))


@pytest.mark.parametrize("syntax", sorted(MASKED - {DEFLATED_FRAMES, uids.RLE_LOSSLESS} - JPEG))
def test_a_frame_deeper_than_the_object_says_is_malformed(syntax: str) -> None:
    deep = image(bits=16)
    with pytest.raises(MalformedInput):
        masked(FrameWork(encoded(scene(deep), deep, syntax), syntax, image(), SOME))


@pytest.mark.parametrize("syntax", sorted(MASKED))
@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\x4f\xff\x51", b"SMITH^JOHN" * 9, bytes(64)])
def test_what_is_no_codestream_is_malformed_and_named_by_nothing_of_it(syntax: str, data: bytes) -> None:
    with pytest.raises(MalformedInput) as refused:
        masked(FrameWork(data, syntax, image(), SOME))
    assert "SMITH" not in str(refused.value)


def test_a_frame_that_takes_too_much_memory_is_not_decoded() -> None:
    huge = Image(0xFFFF, 0xFFFF, 3, 16, 16, is_signed=False, photometric=RGB)
    with pytest.raises(LimitExceeded):
        masked(FrameWork(b"", uids.RLE_LOSSLESS, huge, SOME))


def test_metadata_of_a_codestream_do_not_survive() -> None:
    described = image()
    frame = encoded(scene(described), described, uids.JPEG_LOSSLESS)
    planted = frame[:2] + b"\xff\xe1\x00\x10Exif\0\0THUMBNAI" + b"\xff\xfe\x00\x0aSMITH^JO" + frame[2:] + b"SMITH"
    left = masked(FrameWork(planted, uids.JPEG_LOSSLESS, described, SOME))
    assert b"THUMB" not in left
    assert b"SMITH" not in left
