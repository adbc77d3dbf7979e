"""Real files with native pixel data, a box masked by the whole engine, seen by pydicom and by DCMTK.

Forced on every image, whatever it shows: columns 3 to 22 of rows 5 to 13, or the middle of a tiny one.
"""

import subprocess
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from gateway.core.errors import GatewayError
from gateway.core.mask.model import Policy
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import Masks
from gateway.core.rewrite.engine import Engine
from tests.differential.corpus_files import CORPUS, REFUSED
from tests.kit.corpus import read_manifest
from tests.kit.engine import KEYS, profile, random_cuts, rewrite

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings("ignore")]

SYNTAXES: Final = {
    "Implicit VR Little Endian",
    "Explicit VR Little Endian",
    "Explicit VR Big Endian",
    "Deflated Explicit VR Little Endian",
}
BOX: Final = (slice(5, 14), slice(3, 23))
MIDDLE: Final = (slice(1, 2), slice(1, 2))
RULES: Final = """
name: forced
rules:
  - name: box
    when: {Rows: {at_most: 65535}}
    blank: [{x: 3, y: 5, width: 20, height: 9}]
  - name: middle
    when: {Rows: {at_most: 4}}
    blank: [{x: 1, y: 1, width: 1, height: 1}]
"""
_ENTRIES: Final = {
    entry.path: (entry.transfer_syntax, entry.rows, entry.columns, entry.frames, entry.photometric, entry.bytes)
    for entry in (read_manifest(CORPUS) if CORPUS.is_dir() else ())
    if entry.path not in REFUSED and entry.rows and entry.transfer_syntax in SYNTAXES
}
NATIVE: Final = list(_ENTRIES)
ONE_OF_A_KIND: Final = sorted({kind: name for name, kind in _ENTRIES.items()}.values())
_SHIPPED: Final = "pydicom/pydicom/data/test_files"
UNMASKABLE: Final = {
    f"{_SHIPPED}/MR_small_padded.dcm": "pixel data longer than their frames",
    f"{_SHIPPED}/badVR.dcm": r"one that pixel data cannot have at \(0028,0008\)",
}
"""Files that pass as they are but are refused once a mask is due, and why."""


@cache
def masking() -> Engine:
    rules = parse_rules(RULES, "forced.yaml")[1]
    return Engine(replace(profile("nominal"), masks=Masks(Policy.MASK, rules)), KEYS)


def released(name: str) -> bytes:
    data = (CORPUS / name).read_bytes()
    return rewrite(masking(), random_cuts(data, crc32(name.encode()), longest=200_000))


def samples(data: bytes) -> NDArray[Any]:
    """Read all frames as they are stored: (frames, rows, columns, samples)."""
    data_set = pydicom.dcmread(BytesIO(data))
    frames, colours = int(data_set.get("NumberOfFrames") or 1), data_set.SamplesPerPixel
    found: NDArray[Any] = pixel_array(data_set, raw=True)
    return found.reshape(frames, data_set.Rows, data_set.Columns, colours)


def black(data_set: Dataset) -> tuple[int, ...]:
    """Say what is black, in the words of the standard and not of the gateway."""
    stored, name = data_set.BitsStored, data_set.PhotometricInterpretation
    if name.startswith("YBR"):
        return (0, 1 << stored - 1, 1 << stored - 1)
    if name == "RGB":
        return (0, 0, 0)
    if name == "PALETTE COLOR":
        return (darkest_entry(data_set),)
    if "PixelPaddingValue" in data_set:
        return (int(data_set.PixelPaddingValue),)
    low, high = 0, (1 << stored) - 1
    if data_set.PixelRepresentation:
        high = min(1 << stored - 1, 2048) - 1
        low = -high - 1
    return (high if name == "MONOCHROME1" else low,)


def darkest_entry(data_set: Dataset) -> int:
    count, first, _ = data_set.RedPaletteColorLookupTableDescriptor
    if "SegmentedRedPaletteColorLookupTableData" in data_set:
        return int(first)
    order = "<u2" if data_set.original_encoding[1] else ">u2"
    tables = [getattr(data_set, f"{name}PaletteColorLookupTableData") for name in ("Red", "Green", "Blue")]
    return int(first + np.argmin(sum(np.frombuffer(table, order)[: count or 65536].astype(int) for table in tables)))


def box(data_set: Dataset) -> tuple[slice, slice]:
    """Return rows and columns that are masked: of pixels that share their colour, both."""
    rows, columns = MIDDLE if data_set.Rows < 5 else BOX
    if data_set.PhotometricInterpretation == "YBR_FULL_422":
        columns = slice(columns.start // 2 * 2, -(-columns.stop // 2) * 2)
    return rows, columns


@pytest.mark.parametrize("name", NATIVE)
def test_pydicom_sees_black_inside_and_the_same_outside(name: str) -> None:
    before = (CORPUS / name).read_bytes()
    if name in UNMASKABLE:
        with pytest.raises(GatewayError, match=UNMASKABLE[name]):
            released(name)
        return
    data_set = pydicom.dcmread(BytesIO(before))
    if "PixelData" not in data_set:
        pytest.skip("rows and columns, but no pixels")
    expected = samples(before)
    expected[(slice(None), *box(data_set))] = black(data_set)
    assert np.array_equal(samples(released(name)), expected)


def pictures(folder: Path, data: bytes) -> list[NDArray[np.uint8]]:
    """Have DCMTK show all frames, over the whole range of values."""
    (folder / "in.dcm").write_bytes(data)
    subprocess.run(
        [
            "dcm2pnm",
            "--all-frames",
            "--no-windowing",
            "--no-overlays",
            "--write-raw-pnm",
            folder / "in.dcm",
            folder / "out",
        ],
        check=True,
        capture_output=True,
    )
    found = sorted(folder.glob("out.*"), key=lambda path: int(path.suffixes[0][1:]))
    shown = [np.atleast_3d(np.array(Picture.open(path))) for path in found]
    for path in found:
        path.unlink()
    return shown


@pytest.mark.parametrize("name", [name for name in ONE_OF_A_KIND if name not in UNMASKABLE])
def test_dcmtk_sees_one_colour_inside_and_the_same_outside(tmp_path: Path, name: str) -> None:
    before = (CORPUS / name).read_bytes()
    data_set = pydicom.dcmread(BytesIO(before), stop_before_pixels=True)
    try:
        expected = pictures(tmp_path, before)
    except subprocess.CalledProcessError:
        pytest.skip("DCMTK does not show it")
    inside = box(data_set)
    shown = pictures(tmp_path, released(name))
    assert len(shown) == len(expected) == int(data_set.get("NumberOfFrames") or 1)
    for one, other in zip(shown, expected, strict=True):
        assert len(np.unique(one[inside].reshape(-1, one.shape[-1]), axis=0)) == 1
        one[inside] = other[inside] = 0
        assert np.array_equal(one, other)
