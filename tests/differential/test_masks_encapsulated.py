"""Real compressed files under a rule for every image, read back by GDCM and DCMTK, which the gateway does not use."""

import subprocess
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from gateway.core.errors import GatewayError, MalformedInput, RefusedByProfile
from gateway.core.mask.fill import sample_values
from gateway.core.mask.image import image_of
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.syntaxes import JPEG, MASKED
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from gateway.core.standard import uids
from tests.differential.corpus_files import CORPUS, NAMES, REFUSED
from tests.kit.engine import KEYS, mask_rules, profile, random_cuts
from tests.kit.frames import finished_here

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.corpus]

Samples = NDArray[Any]

_RULES: Final = """
name: everything
rules:
  - {name: corner, when: {Rows: {at_most: 65535}}, blank: [{x: 0, y: 0, height: 5}, {x: 9, y: 11, width: 3, height: 7}]}
"""
_PROFILE: Final = "{name: forced, based_on: nominal, apply_masks: true, burned_in_text: mask, masks: [everything]}"
_SMOOTHED: Final = 33
"""Pixels around a rectangle that lossy JPEG may change: a unit (MCU) of up to 32, and one."""
_TOOLS: Final = {
    **dict.fromkeys((uids.JPEG_LS_LOSSLESS, uids.JPEG_LS_NEAR_LOSSLESS), ("dcmdjpls",)),
    **dict.fromkeys((*JPEG, uids.JPEG_LOSSLESS, uids.JPEG_LOSSLESS_SV1), ("dcmdjpeg", "--conv-never")),
    uids.RLE_LOSSLESS: ("dcmdrle",),
    **dict.fromkeys((uids.JPEG_2000, uids.JPEG_2000_LOSSLESS), ("gdcmconv", "--raw")),
}


@cache
def engine() -> Engine:
    """Give the engine that masks every image."""
    rules = parse_rules(_RULES, "everything.yaml")[1]
    return Engine(
        parse_profile(
            _PROFILE, "forced.yaml", profile, lambda name: rules if name == "everything" else mask_rules(name)
        ),
        KEYS,
    )


def compressed() -> list[str]:
    """Find files of encapsulated Transfer Syntaxes."""
    found = []
    for name in NAMES:
        with suppress(InvalidDicomError, AttributeError, ValueError):
            syntax = UID(str(read_file_meta_info(CORPUS / name).get("TransferSyntaxUID", "")))
            if syntax.is_transfer_syntax and syntax.is_encapsulated and name not in REFUSED:
                found.append(name)
    return found


FILES: Final = compressed()


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_leaves_masked_or_not_at_all(name: str, tmp_path: Path) -> None:
    source = CORPUS / name
    before = pydicom.dcmread(source)
    syntax = str(before.file_meta.TransferSyntaxUID)
    try:
        released = released_of(source.read_bytes())
    except RefusedByProfile:
        assert syntax not in MASKED
        return
    except MalformedInput:
        with pytest.raises((OSError, ValueError, subprocess.CalledProcessError)):
            read(source, tmp_path)
        return
    target = tmp_path / "released.dcm"
    target.write_bytes(released)
    after = pydicom.dcmread(target)
    assert str(after.file_meta.TransferSyntaxUID) == syntax
    assert after.get("NumberOfFrames") == before.get("NumberOfFrames")
    compare(read(source, tmp_path), read(target, tmp_path), before, is_by_block=syntax in JPEG)


def released_of(data: bytes) -> bytes:
    """Rewrite an object that comes in pieces of any size, its frames masked here."""
    rewriter = engine().part10()
    pieces = [piece for chunk in random_cuts(data, seed=3) for piece in finished_here(rewriter.pieces(chunk))]
    return b"".join([*pieces, *finished_here(rewriter.last_pieces())])


def read(path: Path, folder: Path) -> Samples:
    """Return all frames: number, rows, columns, samples. Raises CalledProcessError and ValueError."""
    syntax = str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
    if syntax in _TOOLS:
        raw = folder / "raw.dcm"
        subprocess.run([*_TOOLS[syntax], path, raw], check=True, capture_output=True)
        path = raw
    found = pydicom.dcmread(path)
    frames: Samples = pixel_array(found, raw=True)
    return frames.reshape(int(found.get("NumberOfFrames") or 1), found.Rows, found.Columns, -1)


def compare(before: Samples, after: Samples, source: pydicom.Dataset, *, is_by_block: bool) -> None:
    """Assert that rectangles are what the object means by black, and all else is the same."""
    assert after.shape == before.shape
    _, rows, columns, _ = before.shape
    inside = np.zeros((rows, columns), bool)
    inside[:5] = inside[11:18, 9:12] = True
    around = np.zeros_like(inside)
    around[: 5 + _SMOOTHED] = around[: 18 + _SMOOTHED, : 12 + _SMOOTHED] = True
    outside = ~(around if is_by_block else inside)
    assert np.array_equal(after[:, outside], before[:, outside])
    values = {
        int(element.tag): "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value)
        for element in source
        if element.tag.group == 0x28
    }
    described = image_of(values)
    if described.photometric == "PALETTE COLOR":
        described = replace(described, palette_black=darkest_of(source))
    expected = np.array(sample_values(described))
    if source.PhotometricInterpretation.startswith("YBR_FULL") or not is_by_block:
        assert (after[:, :5, 2 : columns - 2] == expected.astype(after.dtype)).all()
    else:
        assert len(np.unique(after[:, :5, 2 : columns - 2].reshape(-1, after.shape[-1]), axis=0)) == 1


def darkest_of(source: pydicom.Dataset) -> int:
    """Return the index of the darkest colour."""
    count, first, bits = source.RedPaletteColorLookupTableDescriptor
    tables = [source[f"{name}PaletteColorLookupTableData"].value for name in ("Red", "Green", "Blue")]
    shades = np.sum([np.frombuffer(table, "<u2").astype(int) for table in tables], axis=0)
    assert (bits, len(shades)) == (16, count)
    return int(first + shades.argmin())


def test_files_of_many_syntaxes_are_masked() -> None:
    done = set()
    for name in FILES:
        with suppress(GatewayError):
            released_of((CORPUS / name).read_bytes())
            done.add(str(read_file_meta_info(CORPUS / name).TransferSyntaxUID))
    assert done >= {
        *JPEG,
        uids.JPEG_LOSSLESS_SV1,
        uids.JPEG_LS_LOSSLESS,
        uids.JPEG_LS_NEAR_LOSSLESS,
        uids.JPEG_2000,
        uids.JPEG_2000_LOSSLESS,
        uids.RLE_LOSSLESS,
    }
