"""The Native DICOM Model as another implementation writes it: read, written again, and compared with JSON."""

import json
import subprocess
from tempfile import TemporaryFile
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

import pytest

from gateway.core.wire.dicomjson import encode_object
from gateway.core.wire.dicomxml import from_xml, to_xml
from gateway.core.wire.jsonelement import BINARY_VRS
from tests.differential.corpus_files import CORPUS, NAMES, NO_JSON, REFUSED
from tests.differential.test_json import CHARACTER_SET, as_json, differences
from tests.kit.engine import nominal

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings("ignore")]

MAX_BYTES = 2_000_000
"""Larger files have more pixels, which stand in XML as base64, and no more attributes."""
CHOICES = frozenset({CHARACTER_SET, "7FE00010"})
"""Attributes whose value or VR is a matter of choice: Pixel Data may be OB or OW."""
UNKNOWN_VRS = (
    "explicit_VR-UN",
    "bad_sequence",
    "emri_small_jpeg_2k_lossless",
    "emri_small_jpeg_ls_lossless",
    "rtdose_rle",
)
"""Files with VR UN, which DCMTK resolves where pydicom does not, or the other way round."""
FILES = [name for name in NAMES if name not in REFUSED and name not in NO_JSON]


def dcm2xml(name: str) -> bytes:
    """Let DCMTK write the Native DICOM Model, its text converted to UTF-8 where it can."""
    if (CORPUS / name).stat().st_size > MAX_BYTES:
        pytest.skip("large")
    for convert in (["+U8"], []):
        command = ["dcm2xml", "-q", "-nat", "+Eb", "+Xn", *convert, str(CORPUS / name)]
        with TemporaryFile() as written:  # it writes word by word, which takes a pipe long
            subprocess.run(command, stdout=written, stderr=subprocess.DEVNULL, check=False)
            written.seek(0)
            document = written.read()
        if document.endswith(b"</NativeDicomModel>\n") and is_xml(document):
            return document
    pytest.skip("not converted")


def is_xml(document: bytes) -> bool:
    """Ask another parser: where the character set of the file is beyond DCMTK, what it writes is no XML."""
    try:
        ParserCreate(namespace_separator=" ").Parse(document, True)
    except ExpatError:
        return False
    return True


@pytest.mark.parametrize("name", FILES)
def test_what_dcmtk_writes_is_read_and_written_again(name: str) -> None:
    elements = from_xml(dcm2xml(name))
    again = from_xml(to_xml(elements))
    assert json.loads(encode_object(again)) == json.loads(encode_object(elements))


@pytest.mark.parametrize("name", [name for name in FILES if not any(part in name for part in UNKNOWN_VRS)])
def test_xml_is_released_as_json_is(name: str) -> None:
    released = nominal().metadata_elements(from_xml(dcm2xml(name)), str)
    assert released is not None
    expected = nominal().metadata(json.dumps(as_json((CORPUS / name).read_bytes(), with_bulk=False)).encode(), str)
    assert expected is not None
    ours, theirs = alike(json.loads(from_and_to_xml(released))), alike(json.loads(expected))
    assert list(differences(ours, theirs)) == []


def from_and_to_xml(released: bytes) -> bytes:
    elements = {key: json.dumps(value).encode() for key, value in json.loads(released).items()}
    return encode_object(from_xml(to_xml(elements)))


def alike(data_set: dict[str, Any]) -> dict[str, Any]:
    return {key: {**element, **alike_values(element)} for key, element in data_set.items() if key not in CHOICES}


def alike_values(element: dict[str, Any]) -> dict[str, Any]:
    """Write values in one form where the two models leave a choice: numbers as numbers, nothing for nothing."""
    values = element.get("Value", [])
    if element["vr"] in BINARY_VRS:
        return {"InlineBinary": ""}  # DCMTK has a byte order of its own, and does not write fragments
    if element["vr"] == "SQ":
        return {"Value": [alike(item or {}) for item in values]}
    return {"Value": [as_number(value) for value in values] if any(value not in (None, "") for value in values) else []}


def as_number(value: Any) -> Any:
    try:
        return f"{float(value):.6g}"  # DCMTK prints no more digits
    except (TypeError, ValueError):
        return value.strip() if isinstance(value, str) else value or ""
