"""Decoders see the same pixels: real files, pictures with metadata by Pillow, clips by FFmpeg."""

import subprocess
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info, read_preamble
from pydicom.uid import UID

from gateway.core.rewrite.codestream import cleaner
from tests.differential.corpus_files import REFUSED
from tests.kit.codestreams import H264, H265, JPEG, JPEG_2000, MPEG2, TEXT, box, segment
from tests.kit.engine import nominal, random_cuts, rewrite

pytestmark = pytest.mark.filterwarnings("ignore")

SHIPPED: Final = Path(pydicom.__file__).parent / "data" / "test_files"
CHANGED: Final = {
    "JPEG2000.dcm": b"Kakadu-2.2",
    "J2K_pixelrep_mismatch.dcm": b"JasPer",
    "693_J2KI.dcm": b"OpenJPEG",
    "GDCMJ2K_TextGBR.dcm": b"uuid",
    "SC_rgb_gdcm_KY.dcm": b"GDCM",
    "MR_small_jp2klossless.dcm": b"OpenJPEG",
}
"""What some of the files say about the software that made them; and one holds boxes of a JPX file."""
NOT_DECODED: Final = 12
"""At most so many of the files are of formats that this environment does not decode, or broken."""


def compressed() -> list[Path]:
    """Find the files of encapsulated Transfer Syntaxes that pydicom ships, but for what is refused in any case."""
    found = []
    for path in sorted(SHIPPED.glob("*.dcm")):
        with path.open("rb") as file, suppress(InvalidDicomError):
            read_preamble(file, force=False)
            syntax = UID(str(read_file_meta_info(path).get("TransferSyntaxUID", "")))
            refused = f"pydicom/pydicom/data/test_files/{path.name}" in REFUSED
            if syntax.is_transfer_syntax and syntax.is_encapsulated and not refused:
                found.append(path)
    return found


FILES: Final = compressed()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_released_file_decodes_to_the_same_pixels(path: Path) -> None:
    before = path.read_bytes()
    after = rewrite(nominal(), random_cuts(before, seed=1))
    for name, said in CHANGED.items():
        if name == path.name:
            assert said in before
            assert said not in after
    try:
        expected = pydicom.dcmread(BytesIO(before)).pixel_array
    except (AttributeError, NotImplementedError, RuntimeError, ValueError):
        return
    assert np.array_equal(pydicom.dcmread(BytesIO(after)).pixel_array, expected)


def test_most_of_the_files_can_be_decoded_here() -> None:
    decoded = 0
    for path in FILES:
        try:
            decoded += pydicom.dcmread(path).pixel_array.size > 0
        except (AttributeError, NotImplementedError, RuntimeError, ValueError):
            continue
    assert len(FILES) > 35
    assert decoded >= len(FILES) - NOT_DECODED


def picture() -> Image.Image:
    """Draw something that no compression leaves as it is."""
    y, x = np.mgrid[:96, :128]
    return Image.fromarray(np.stack([x * 2, y * 2, x ^ y], -1).astype(np.uint8), "RGB")


def clean(syntax: str, data: bytes) -> bytes:
    one = cleaner(syntax, keeps_icc=False)
    assert one
    return b"".join([*(one.feed(chunk) for chunk in random_cuts(data, seed=2)), one.end()])


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"quality": 100, "subsampling": 0, "restart_marker_rows": 1}]
)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_with_every_kind_of_metadata_decodes_to_the_same_pixels(mode: str, options: dict[str, int]) -> None:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = TEXT.decode()
    out = BytesIO()
    image = picture().convert(mode)
    image.save(
        out, "JPEG", exif=exif, comment=TEXT, icc_profile=TEXT * 9, xmp=TEXT, dpi=(300, 300), **options
    )  # fmt: skip
    before = out.getvalue()
    after = clean(JPEG, before)
    assert before.count(TEXT) >= 13
    assert TEXT not in after
    with Image.open(BytesIO(before)) as one, Image.open(BytesIO(after)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
        assert one.info["dpi"] == other.info["dpi"]
        assert one.info.get("adobe_transform") == other.info.get("adobe_transform")
        assert not {"exif", "xmp", "icc_profile"} & set(other.info)


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("options", [{}, {"irreversible": True}, {"tile_size": (64, 64)}, {"num_resolutions": 2}])
def test_jpeg_2000_decodes_to_the_same_pixels(bare: bool, options: dict[str, object]) -> None:
    out = BytesIO()
    picture().save(out, "JPEG2000", no_jp2=bare, comment=TEXT, **options)
    before = out.getvalue()
    if not bare:
        at = before.index(b"jp2c") - 4
        before = before[:at] + box(b"xml ", TEXT) + box(b"uuid", bytes(16) + TEXT, form="long") + before[at:]
    after = clean(JPEG_2000, before + TEXT)
    assert TEXT in before
    assert TEXT not in after
    with Image.open(BytesIO(before)) as one, Image.open(BytesIO(after)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_a_jpeg_whose_colours_need_the_adobe_segment_keeps_them() -> None:
    out = BytesIO()
    picture().save(out, "JPEG", keep_rgb=True)
    before = out.getvalue()
    marked = before[:2] + segment(0xFE, TEXT) + before[2:]
    after = clean(JPEG, marked)
    with Image.open(BytesIO(before)) as one, Image.open(BytesIO(after)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


MADE: Final = "-f lavfi -i testsrc2=size=160x128:rate=25:duration=1 -f lavfi -i sine=duration=1"
TOLD: Final = f"-metadata title={TEXT[:10].decode()} -metadata service_name={TEXT[:10].decode()}"
X264, X265, MPEG = "-c:v libx264 -bf 2", "-c:v libx265 -x265-params log-level=none -tag:v hvc1", "-c:v mpeg2video"
FIRST = "-movflags +faststart"
CLIPS: Final = {
    "h264.mp4": (H264, f"{X264} -an {TOLD}"),
    "h264-sound.mp4": (H264, f"{X264} -c:a aac {FIRST} {TOLD}"),
    "h264-fragments.mp4": (H264, f"{X264} -an -movflags frag_keyframe+empty_moov {TOLD}"),
    "h264.ts": (H264, f"{X264} -c:a aac {TOLD}"),
    "h264.m2ts": (H264, f"{X264} -c:a ac3 -mpegts_m2ts_mode 1 {TOLD}"),
    "h264-3d.ts": (H264, f"{X264} -x264-params frame-packing=3:nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900 {TOLD}"),
    "h264.h264": (H264, f"{X264} -an"),
    "h265.mp4": (H265, f"{X265} -an {TOLD}"),
    "h265-sound.mp4": (H265, f"{X265} -c:a aac {FIRST} {TOLD}"),
    "h265.ts": (H265, f"{X265} -c:a aac {TOLD}"),
    "h265.hevc": (H265, f"{X265} -an"),
    "mpeg2.m2v": (MPEG2, f"{MPEG} -an"),
    "mpeg2.ts": (MPEG2, f"{MPEG} -c:a mp2 {TOLD}"),
    "mpeg2.vob": (MPEG2, f"{MPEG} -c:a mp2 -f vob"),
    "mpeg1.mpg": (MPEG2, "-c:v mpeg1video -c:a mp2 -f mpeg"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_decodes_to_the_same_pictures_and_sound(tmp_path: Path, name: str) -> None:
    syntax, options = CLIPS[name]
    before, after = tmp_path / name, tmp_path / f"clean-{name}"
    ffmpeg(*MADE.split(), *options.split(), str(before))
    data = before.read_bytes()
    released = clean(syntax, data)
    after.write_bytes(released)
    for said in (TEXT[:10], b"x264 - core", b"x265 (build", b"Lavf", b"VideoHandler"):
        assert said not in released
    frames = decoded(before)
    assert len(frames) >= 25
    assert decoded(after) == frames


def decoded(path: Path) -> list[str]:
    """Give times and hashes of all frames of picture and sound."""
    lines = ffmpeg("-i", str(path), "-map", "0:v", "-map", "0:a?", "-f", "framemd5", "-").splitlines()
    return [line for line in lines if not line.startswith("#")]


def ffmpeg(*arguments: str) -> str:
    """Run FFmpeg and give what it prints."""
    command = ["ffmpeg", "-nostdin", "-v", "error", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
