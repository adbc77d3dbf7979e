"""What is encoded holds a picture and nothing else."""

import io
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gateway.core.errors import NotAcceptable
from gateway.rendering.colour import srgb_profile
from gateway.rendering.encoders import animated, encoded, joined, video
from tests.kit.images import coloured, count, ramp

GREY = Image.fromarray(ramp(low=0, high=255).astype("uint8"))
COLOUR = Image.fromarray(coloured())
ODD = Image.fromarray(coloured(47, 63))


def chunks(png: bytes) -> list[bytes]:
    """Name the chunks of a PNG."""
    names, at = [], 8
    while at < len(png):
        names.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return names


def segments(jpeg: bytes) -> list[int]:
    """Name the segments of a JPEG up to its first scan."""
    codes, at = [], 2
    while jpeg[at + 1] != 0xDA:
        codes.append(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return codes


@pytest.mark.parametrize("picture", [GREY, COLOUR])
def test_a_png_has_its_three_chunks(picture: Image.Image) -> None:
    assert set(chunks(encoded(picture, "image/png", 90, None))) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("picture", [GREY, COLOUR])
def test_a_jpeg_has_no_application_segment_but_that_of_jfif_and_no_comment(picture: Image.Image) -> None:
    codes = segments(encoded(picture, "image/jpeg", 90, None))
    assert [code for code in codes if 0xE0 <= code <= 0xEF or code == 0xFE] == [0xE0]
    assert 0xC0 in codes  # baseline, PS3.18 Section 8.7.4


def test_a_profile_is_embedded_where_it_is_asked_for_and_never_tells_a_time() -> None:
    assert b"iCCP" in chunks(encoded(COLOUR, "image/png", 90, srgb_profile()))
    found = Image.open(io.BytesIO(encoded(COLOUR, "image/jpeg", 90, srgb_profile()))).info["icc_profile"]
    assert found == srgb_profile()
    assert not any(found[24:36])


def test_a_gif_has_no_comment() -> None:
    body = encoded(COLOUR, "image/gif", 90, None)
    assert b"\x21\xfe" not in body
    body = animated(iter([GREY, COLOUR.convert("L"), GREY]), 33.3)
    found = Image.open(io.BytesIO(body))
    assert (count(found), found.info["duration"], found.info["loop"]) == (3, 30, 0)
    assert "comment" not in found.info


def test_jpeg_2000_does_not_name_its_maker() -> None:
    body = encoded(COLOUR, "image/jp2", 90, None)
    assert b"OpenJPEG" not in body
    assert Image.open(io.BytesIO(body)).tobytes() == COLOUR.tobytes()


def test_quality_decides_the_size_of_a_jpeg() -> None:
    sizes = [len(encoded(COLOUR, "image/jpeg", quality, None)) for quality in (1, 50, 100)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("picture", [GREY, COLOUR, ODD])
def test_a_clip_can_be_played_and_names_nobody(picture: Image.Image) -> None:
    body = video(iter([np.asarray(picture)] * 5), 40)
    assert body[4:8] == b"ftyp"
    assert not [name for name in (b"x264", b"Lavf", b"Lavc") if name in body]
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames,r_frame_rate"]
    found = subprocess.run([*command, "-of", "csv=p=0", "-"], input=body, capture_output=True, check=True)
    assert found.stdout.strip() == b"25/1,5"
    assert not found.stderr


def test_without_an_encoder_there_is_no_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(NotAcceptable):
        video(iter([np.asarray(GREY)]), 40)


def test_a_picture_that_fails_in_mid_clip_ends_the_encoder() -> None:
    def pictures() -> Iterator[NDArray[np.uint8]]:
        yield np.asarray(GREY)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        video(pictures(), 40)


def test_the_index_of_a_clip_comes_before_its_frames() -> None:
    body = video(iter([np.asarray(COLOUR)] * 5), 40)
    assert body.index(b"moov") < body.index(b"mdat")


def test_parts_of_a_clip_are_joined_without_a_seam() -> None:
    frames = [np.roll(np.asarray(COLOUR), shift, axis=1) for shift in range(11)]
    body = joined([video(iter(frames[at : at + 4]), 40) for at in (0, 4, 8)])
    assert body.index(b"moov") < body.index(b"mdat")
    assert not [name for name in (b"x264", b"Lavf", b"Lavc") if name in body]
    command = ["ffprobe", "-v", "error", "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", "-"]
    found = subprocess.run(command, input=body, capture_output=True, check=True).stdout.split()
    times = [float(one.rstrip(b",")) for one in found]
    assert times == pytest.approx([0.04 * number for number in range(11)], abs=0.002)


def test_what_cannot_be_joined_is_refused() -> None:
    with pytest.raises(NotAcceptable):
        joined([b"no clip", b"none either"])
