"""Real files with native pixel data, a box masked by the whole engine: pydicom and DCMTK see black inside, the same outside.

Forced on every image, whatever it shows: columns 3 to 22 of rows 5 to 13.
"""

import shutil
import subprocess
from collections.abc import Sequence
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

X, Y, WIDTH, HEIGHT = 3, 5, 20, 9
RULE: Final = f"""
name: forced
rules:
  - name: box
    when: {{Rows: {{at_most: 65535}}}}
    blank: [{{x: {X}, y: {Y}, width: {WIDTH}, height: {HEIGHT}}}]
"""
NATIVE: Final = [
    entry.path
    for entry in (read_manifest(CORPUS) if CORPUS.is_dir() else ())
    if entry.path not in REFUSED and entry.rows and ("Endian" in entry.transfer_syntax or "Defl" in entry.transfer_syntax)
]
MASKED_AWAY: Final[dict[str, str]] = {}
"""Files that are refused once a mask is due, and why."""
DARKEST: Final = {"MONOCHROME1": "max", "MONOCHROME2": "min"}


@cache
def masking() -> Engine:
    rules = parse_rules(RULE, "forced.yaml")[1]
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
    order = ">u2" if data_set.original_encoding[1] is False else "<u2"
    tables = [getattr(data_set, f"{name}PaletteColorLookupTableData") for name in ("Red", "Green", "Blue")]
    sums = sum(np.frombuffer(table, order)[: count or 65536].astype(int) for table in tables)
    return int(first + np.argmin(sums))


@pytest.mark.parametrize("name", NATIVE)
def test_pydicom_sees_black_inside_and_the_same_outside(name: str) -> None:
    before = (CORPUS / name).read_bytes()
    if name in MASKED_AWAY:
        with pytest.raises(GatewayError, match=MASKED_AWAY[name]):
            released(name)
        return
    data_set = pydicom.dcmread(BytesIO(before))
    expected, after = samples(before), samples(released(name))
    left, right = X, X + WIDTH
    if data_set.PhotometricInterpretation == "YBR_FULL_422":
        left, right = X // 2 * 2, -(-right // 2) * 2
    expected[:, Y : Y + HEIGHT, left:right] = black(data_set)
    assert np.array_equal(after, expected)
