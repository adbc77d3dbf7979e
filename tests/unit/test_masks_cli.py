"""``dicomveil masks``: what it says of a file, and the picture it draws."""

import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from gateway import cli
from gateway.core.mask.parse import parse_rules
from gateway.core.standard import iods
from tests.kit.images import SYNTAXES, encapsulated, image, ramp, transcoded, written
from tests.kit.servers import ROOT

BANNER = 16
CLIP, CAPTURE, CT, SR = (
    UID(iods.sop_class_of(keyword) or "")
    for keyword in (
        "UltrasoundMultiFrameImageStorage",
        "SecondaryCaptureImageStorage",
        "CTImageStorage",
        "ComprehensiveSRStorage",
    )
)


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(cli._commands, ["masks", *arguments])


def stored(folder: Path, found: FileDataset) -> str:
    file = folder / "one.dcm"
    file.write_bytes(written(found))
    return str(file)


def clip(syntax: str = "1.2.840.10008.1.2.1") -> FileDataset:
    """Make a bright clip of two frames that says where its ultrasound lies."""
    samples = ramp(low=1000, high=3000).astype(np.uint16)
    found = image(np.stack([samples, samples[:, ::-1]]), frames=2, Modality="US", SOPClassUID=CLIP)
    found.BitsStored, found.HighBit, found.WindowCenter, found.WindowWidth = 12, 11, 1500, 3000
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, BANNER
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 63, 47
    found.SequenceOfUltrasoundRegions = Sequence([region])
    if syntax.endswith((".1.2", ".2.2", ".2.1", ".1.99")):
        return transcoded(found, syntax)
    one = image(samples, BitsStored=12, HighBit=11)
    if syntax.endswith(".50"):
        found.BitsAllocated, found.BitsStored, found.HighBit = 8, 8, 7
        found.WindowCenter, found.WindowWidth = 90, 180
        one = image((samples // 16).astype(np.uint8))
    frame = transcoded(one, syntax)
    from pydicom.encaps import generate_frames

    return encapsulated(found, syntax, [next(generate_frames(frame.PixelData, number_of_frames=1))] * 2)


def sides(picture: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut the two pictures out of the drawing."""
    with Image.open(picture) as shown:
        pixels = np.asarray(shown)
    return pixels[46 : 46 + 540, 16:736], pixels[46 : 46 + 540, 752:1472]


@pytest.mark.parametrize("syntax", [one for one in SYNTAXES if one[-4:] not in (".110", ".112")])
def test_the_picture_shows_the_file_and_what_leaves_of_it(tmp_path: Path, syntax: str) -> None:
    out = tmp_path / "out.png"
    file = stored(tmp_path, clip(syntax))
    done = ran("preview", file, "--profile", "clean-pixel-data", "--out", str(out), "--frame", "2")
    assert done.exit_code == 0, done.output
    assert "mask: by ultrasound-regions/regions; 1 rectangle in every frame" in done.output
    assert "x 0, y 0, 64 x 16" in done.output
    assert "frame 2 of 2" in done.output
    before, after = sides(out)
    edge = round(BANNER * 720 / 64)
    assert before[: edge - 12].max() > 100
    assert after[: edge - 12].max() == 0
    assert after[edge + 12 :].min() > 0


def test_what_is_overwritten_is_outlined_on_the_left_side_only(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    ran("preview", stored(tmp_path, clip()), "--profile", "clean-pixel-data", "--out", str(out))
    before, after = sides(out)
    assert (before[0] == (214, 84, 30)).all()
    assert not (after == (214, 84, 30)).all(axis=-1).any()


def test_a_missing_rule_is_printed_and_makes_the_object_leave_once_it_is_there(tmp_path: Path) -> None:
    found = image(ramp(), Modality="OT", SOPClassUID=CAPTURE, Manufacturer="Halden", StationName="STATION-7")
    file = stored(tmp_path, found)
    refused = ran("preview", file, "--profile", "clean-pixel-data")
    assert refused.exit_code == 1
    assert "refuse: a secondary capture may show burned-in text, and no mask rule matches." in refused.output
    assert "STATION-7" not in refused.output
    snippet = refused.output[refused.output.index("rules:\n") :]
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "mine.yaml").write_text(f"name: mine\n{snippet}")
    assert [one.name for one in parse_rules(f"name: mine\n{snippet}", "mine.yaml")[1]] == ["mine/my-device"]
    mine = {"name": "own", "based_on": "clean-pixel-data", "apply_masks": True, "masks": ["mine"]}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(mine))
    masked = ran("preview", file, "--profile", "own", "--profiles", str(tmp_path))
    assert masked.exit_code == 0, masked.output
    assert "mask: by mine/my-device" in masked.output


def test_the_rule_of_the_guide_masks_what_it_says(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "masks.md").read_text(encoding="utf-8")
    for name, text in re.findall(r" +```yaml\n +# profiles/(\S+)\n(.*?)```", guide, re.DOTALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dedent(text))
    found = image(np.full((600, 960), 200, np.uint8), Modality="OT", SOPClassUID=CAPTURE)
    found.ManufacturerModelName = "ReadStation"
    whole = ran("preview", stored(tmp_path, found), "--profile", "our-pixels", "--profiles", str(tmp_path))
    assert "x 0, y 0, 960 x 600" in whole.output, whole.output
    narrowed = re.search(r"Here that ends at `(blank: .*?)`", guide)
    assert narrowed
    rules = tmp_path / "masks" / "ours.yaml"
    rules.write_text(rules.read_text().replace("blank: [{x: 0, y: 0}]", narrowed[1]))
    done = ran("preview", stored(tmp_path, found), "--profile", "our-pixels", "--profiles", str(tmp_path))
    assert "x 0, y 0, 960 x 45\n  x 640, y 0, 320 x 600" in done.output


def test_what_does_not_leave_is_drawn_on_the_left_side_only(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    file = stored(tmp_path, image(ramp(), Modality="OT", SOPClassUID=CAPTURE))
    assert ran("preview", file, "--profile", "clean-pixel-data", "--out", str(out)).exit_code == 1
    before, after = sides(out)
    assert len(np.unique(before)) > 100
    assert tuple(after[0, 0]) == (30, 34, 40)


def test_an_object_that_nothing_makes_suspect_passes(tmp_path: Path) -> None:
    file = stored(tmp_path, image(ramp(), SOPClassUID=CT, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"]))
    done = ran("preview", file, "--profile", "clean-pixel-data")
    assert done.exit_code == 0
    assert "pass: no rule is for it, and nothing makes it suspect" in done.output


def test_a_mask_that_cannot_be_laid_on_compressed_frames_is_said(tmp_path: Path) -> None:
    file = stored(tmp_path, encapsulated(clip(), "1.2.840.10008.1.2.4.102", [b"\0\0\0\1\x65clip"] * 2))
    done = ran("preview", file, "--profile", "clean-pixel-data")
    assert "frames in its Transfer Syntax cannot be masked" in done.output
    assert "becomes NO" not in done.output


def test_a_file_without_a_picture_is_told_and_not_drawn(tmp_path: Path) -> None:
    found = image(ramp(), Modality="SR", SOPClassUID=SR)
    for keyword in ("Rows", "Columns", "PixelData", "BitsAllocated"):
        del found[keyword]
    done = ran("preview", stored(tmp_path, found), "--profile", "clean-pixel-data", "--out", str(tmp_path / "o.png"))
    assert done.exit_code == 0
    assert not (tmp_path / "o.png").exists()
    assert "pass: " in done.output
    assert "there is no picture in it" in done.output


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (b"no DICOM", (), "not a DICOM file"),
        (None, ("--frame", "3"), "has no frame 3"),
    ],
)
def test_what_cannot_be_looked_at_is_named(
    tmp_path: Path, content: bytes | None, more: tuple[str, ...], said: str
) -> None:
    file = Path(stored(tmp_path, clip()))
    if content is not None:
        file.write_bytes(content)
    done = ran("preview", str(file), "--profile", "clean-pixel-data", *more)
    assert done.exit_code == 1
    assert f"Error: {file}: {said}" in done.output


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "out.png"
    done = ran("preview", stored(tmp_path, clip()), "--profile", "clean-pixel-data", "--out", str(out))
    assert done.exit_code == 1
    assert f"Error: {out}: No such file or directory" in done.output


def test_the_rules_of_a_profile_are_listed() -> None:
    done = ran("list", "--profile", "clean-pixel-data")
    assert done.output.startswith("clean-pixel-data: burned_in_text: mask\n")
    assert "keep: ultrasound_regions" in done.output
    line = next(line for line in done.output.splitlines() if line.startswith("devices/iu22-768:"))
    assert line.endswith("blank {x: 0, y: 0, height: 76}")


def test_a_profile_without_masks_looks_at_nothing(tmp_path: Path) -> None:
    done = ran("preview", stored(tmp_path, clip()), "--profile", "nominal")
    assert "pass: profile nominal has no masks\n" in done.output


def test_a_profile_without_masks_has_none_to_list() -> None:
    done = ran("list", "--profile", "nominal")
    assert done.exit_code == 1
    assert "pixels pass as they are" in done.output
