"""Lossy JPEG masked by its blocks, decoded by DCMTK before and after."""

import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import FrameWork, Image, Rectangle
from gateway.core.standard.uids import JPEG_BASELINE_8_BIT, JPEG_EXTENDED_12_BIT
from gateway.masking import jpegblocks, turbojpeg
from gateway.masking.codecs import masked
from tests.kit.frames import COLUMNS, ROWS, Samples, decoded, encoded, image, scene

SOME = (Rectangle(0, 0, 9, 31), Rectangle(33, 50, 7, 13), Rectangle(ROWS - 1, COLUMNS - 1, 1, 1))
WHOLE = (Rectangle(0, 0, ROWS, COLUMNS),)
BANNER = (Rectangle(0, 0, 11, COLUMNS),)
FOOT = (Rectangle(60, 3, 15, 60),)
GREY, YBR, RGB = image(), image("YBR_FULL_422"), image("RGB")
NOTHING: tuple[str, ...] = ()


def cjpeg(described: Image, folder: Path, *options: str) -> bytes:
    """Encode with the tools of libjpeg-turbo."""
    samples = scene(described)
    PIL.Image.fromarray(samples).save(folder / "source.ppm")
    command: list[str | Path] = ["cjpeg", "-quality", "85", *options, folder / "source.ppm"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def units(rectangles: tuple[Rectangle, ...], across: int, down: int, *, around: int = 0) -> Samples:
    """Mark all pixels of the units (MCU) that rectangles touch, and so many around."""
    found = np.zeros((ROWS, COLUMNS), bool)
    for at in rectangles:
        found[
            max(0, at.y // down * down - around) : -(-(at.y + at.height) // down) * down + around,
            max(0, at.x // across * across - around) : -(-(at.x + at.width) // across) * across + around,
        ] = True
    return found


CASES = [
    (GREY, NOTHING, 8, 8),
    (GREY, ("-optimize",), 8, 8),
    (GREY, ("-restart", "3B"), 8, 8),
    (GREY, ("-restart", "1"), 8, 8),
    (GREY, ("-quality", "20"), 8, 8),
    (GREY, ("-quality", "100"), 8, 8),
    (YBR, ("-sample", "1x1"), 8, 8),
    (YBR, ("-sample", "2x1"), 16, 8),
    (YBR, ("-sample", "1x2"), 8, 16),
    (YBR, ("-sample", "2x2"), 16, 16),
    (YBR, ("-sample", "4x1"), 32, 8),
    (YBR, ("-sample", "2x2", "-optimize", "-restart", "5B"), 16, 16),
    (YBR, ("-sample", "2x2", "-quality", "10"), 16, 16),
    (RGB, ("-rgb", "-sample", "1x1"), 8, 8),
]


@pytest.mark.parametrize("rectangles", [SOME, WHOLE, BANNER, FOOT], ids=["some", "whole", "banner", "foot"])
@pytest.mark.parametrize(("described", "options", "across", "down"), CASES)
def test_blocks_that_no_rectangle_touches_are_the_same(
    described: Image,
    options: tuple[str, ...],
    across: int,
    down: int,
    rectangles: tuple[Rectangle, ...],
    tmp_path: Path,
) -> None:
    source = cjpeg(described, tmp_path, *options)
    frame = masked(FrameWork(source, JPEG_BASELINE_8_BIT, described, rectangles))
    before = decoded(source, described, JPEG_BASELINE_8_BIT, tmp_path)
    after = decoded(frame, described, JPEG_BASELINE_8_BIT, tmp_path)
    smoothed = 0 if (across, down) == (8, 8) else 1
    where = units(rectangles, across, down)
    far = ~units(rectangles, across, down, around=smoothed)
    assert np.array_equal(after[far], before[far])
    near = ~where & ~far
    light, same = (one[near].reshape(-1, described.samples)[:, 0] for one in (before, after))
    assert np.array_equal(light, same)  # the colour beside a mask is smoothed, no more
    fill = {"MONOCHROME2": 0, "RGB": (0, 0, 0), "YBR_FULL_422": (0, 128, 128)}[described.photometric]
    within = units(rectangles, across, down) & ~units_around(where, smoothed)
    assert (after[within] == fill).all()
    assert after[where].reshape(-1, described.samples)[:, 0].max() == 0


def units_around(where: Samples, count: int) -> Samples:
    """Mark pixels whose neighbours, so many away, are not all marked."""
    if not count:
        return np.zeros_like(where)
    padded = np.pad(where, 1, constant_values=True)
    every = [padded[y : y + ROWS, x : x + COLUMNS] for y in range(3) for x in range(3)]
    return np.asarray(~np.logical_and.reduce(every))


@pytest.mark.parametrize(("described", "options", "across", "down"), CASES)
def test_with_and_without_the_library_pictures_are_the_same(
    described: Image, options: tuple[str, ...], across: int, down: int, tmp_path: Path
) -> None:
    assert max(across, down) <= 32
    work = FrameWork(cjpeg(described, tmp_path, *options), JPEG_BASELINE_8_BIT, described, SOME)
    one, other = (
        decoded(frame, described, JPEG_BASELINE_8_BIT, tmp_path)
        for frame in (jpegblocks.masked(work), jpegblocks.by_symbols(work))
    )
    assert np.array_equal(one, other)


def test_without_the_library_symbols_are_followed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    work = FrameWork(cjpeg(YBR, tmp_path), JPEG_BASELINE_8_BIT, YBR, SOME)
    assert jpegblocks.masked(work) != jpegblocks.by_symbols(work)  # the library writes tables of its own
    monkeypatch.setattr(turbojpeg, "_LIBRARIES", ("libnone.so.0",))
    assert jpegblocks.masked(work) == jpegblocks.by_symbols(work)


def test_a_row_that_the_library_did_not_show_is_not_taken_for_masked(tmp_path: Path) -> None:
    source = cjpeg(GREY, tmp_path)
    beyond = np.ones((11, 14), np.bool_)  # a row more than the frame has
    assert turbojpeg.replaced(source, [beyond[:10]], [0])
    assert turbojpeg.replaced(source, [beyond], [0]) is None


@pytest.mark.parametrize("how", ["as it is", "by symbols"])
def test_components_in_scans_of_their_own(how: str, tmp_path: Path) -> None:
    (tmp_path / "scans").write_text("0;\n1;\n2;\n")
    source = cjpeg(YBR, tmp_path, "-sample", "2x2", "-scans", str(tmp_path / "scans"))
    assert source.count(b"\xff\xda") == 3
    mask = masked if how == "as it is" else jpegblocks.by_symbols
    frame = mask(FrameWork(source, JPEG_BASELINE_8_BIT, YBR, SOME))
    before, after = (decoded(one, YBR, JPEG_BASELINE_8_BIT, tmp_path) for one in (source, frame))
    far = ~units(SOME, 16, 16, around=1)
    assert np.array_equal(after[far], before[far])
    assert (after[2:8, 2:24] == (0, 128, 128)).all()


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize("rectangles", [SOME, WHOLE])
def test_twelve_bits(photometric: str, rectangles: tuple[Rectangle, ...], tmp_path: Path) -> None:
    described = image(photometric, 12)
    source = encoded(scene(described), described, JPEG_EXTENDED_12_BIT)
    frame = masked(FrameWork(source, JPEG_EXTENDED_12_BIT, described, rectangles))
    before, after = (decoded(one, described, JPEG_EXTENDED_12_BIT, tmp_path) for one in (source, frame))
    where = units(rectangles, 8, 8)
    assert np.array_equal(after[~where], before[~where])
    assert (after[where] == (4095 if photometric == "MONOCHROME1" else 0)).all()


def test_a_table_without_the_codes_that_a_mask_needs_gets_them(tmp_path: Path) -> None:
    """An optimized table of a flat picture has no code for a leap to black."""
    flat = np.full((ROWS, COLUMNS), 200, np.uint8)
    file = BytesIO()
    PIL.Image.fromarray(flat).save(file, "JPEG", quality=90, optimize=True)
    frame = masked(FrameWork(file.getvalue(), JPEG_BASELINE_8_BIT, GREY, SOME))
    after = decoded(frame, GREY, JPEG_BASELINE_8_BIT, tmp_path)
    assert (after[~units(SOME, 8, 8)] == 200).all()
    assert (after[units(SOME, 8, 8)] == 0).all()


def test_only_what_a_decoder_needs_is_left(tmp_path: Path) -> None:
    source = cjpeg(YBR, tmp_path)
    thumbnail = b"JFIF\0\1\2\0\0\1\0\1\2\1SMITH^"
    planted = (
        b"\xff\xd8\xff\xe0" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail
        + b"\xff\xe1\0\x0eExif\0\0SMITH^\xff\xfe\0\x08SMITH^\xff\xee\0\x14Adobe\0\x64\0\0\0\0\1SMITH^"
        + source[20:] + b"SMITH^"
    )  # fmt: skip
    frame = masked(FrameWork(planted, JPEG_BASELINE_8_BIT, YBR, SOME))
    assert b"SMITH" not in frame
    assert frame[:20] == b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\2\0\0\1\0\1\0\0"
    assert b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\1" in frame
    assert frame.endswith(b"\xff\xd9")


def test_the_colours_are_those_of_the_codestream_not_of_the_object(tmp_path: Path) -> None:
    source = cjpeg(YBR, tmp_path, "-sample", "1x1")  # JFIF: luminance and colour
    frame = masked(FrameWork(source, JPEG_BASELINE_8_BIT, RGB, WHOLE))
    assert not np.asarray(PIL.Image.open(BytesIO(frame))).any()


@pytest.mark.parametrize("option", ["-progressive", "-arithmetic"])
def test_other_processes_are_malformed(option: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedInput):
        masked(FrameWork(cjpeg(GREY, tmp_path, option), JPEG_BASELINE_8_BIT, GREY, SOME))


def test_a_frame_that_was_cut_is_malformed(tmp_path: Path) -> None:
    source = cjpeg(GREY, tmp_path)
    for size in (len(source) // 2, len(source) - 40, 300, 20):
        with pytest.raises(MalformedInput):
            masked(FrameWork(source[:size], JPEG_BASELINE_8_BIT, GREY, SOME))


def test_a_frame_that_lost_only_its_end_gets_one(tmp_path: Path) -> None:
    source = cjpeg(GREY, tmp_path)
    whole = masked(FrameWork(source, JPEG_BASELINE_8_BIT, GREY, SOME))
    assert masked(FrameWork(source[:-2], JPEG_BASELINE_8_BIT, GREY, SOME)) == whole


def test_what_lies_behind_the_last_block_of_a_scan_is_left_out(tmp_path: Path) -> None:
    source = cjpeg(GREY, tmp_path)
    planted = source[:-2] + b"SMITH^JOHN" + source[-2:]
    assert masked(FrameWork(planted, JPEG_BASELINE_8_BIT, GREY, SOME)) == masked(
        FrameWork(source, JPEG_BASELINE_8_BIT, GREY, SOME)
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_spoiled_frame_is_malformed_or_masked(seed: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(seed)
    data = bytearray(cjpeg(YBR, tmp_path, *(("-restart", "2B") if seed % 2 else ())))
    for at in noise.integers(20, len(data), 3):
        data[at] = noise.integers(256)
    try:
        frame = masked(FrameWork(bytes(data), JPEG_BASELINE_8_BIT, YBR, SOME))
    except MalformedInput:
        return
    with PIL.Image.open(BytesIO(frame)) as found:
        assert not np.asarray(found.convert("YCbCr"))[0:9, 0:31, 0].any()
