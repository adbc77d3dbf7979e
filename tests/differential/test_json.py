"""The JSON path equals the binary path: two walkers of one plan must make the same object, tag by tag."""

import base64
import json
import warnings
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement

from tests.differential.corpus_files import CORPUS, NAMES, NO_JSON, REFUSED
from tests.kit.engine import nominal, outcome, rewrite, strict

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings("ignore")]

COMPARED = [name for name in NAMES if name not in REFUSED and name not in NO_JSON]
CHARACTER_SET = "00080005"
NAMED_UNREAD = ("7FE000", "0028120", "0028122", "00283006")
"""Pixel data and the tables of colours."""
ORIGIN = "http://origin.example/bulk/"
GATEWAY = "http://gateway.example/bulk/"


@pytest.mark.parametrize("name", COMPARED)
def test_metadata_equals_the_released_part_10_object_tag_by_tag(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    released = nominal().metadata(json.dumps(as_json(data, with_bulk=True)).encode(), gateway_uri)
    assert released is not None
    expected = as_json(rewrite(nominal(), [data]), with_bulk=False)
    assert list(differences(json.loads(released), expected)) == []


@pytest.mark.parametrize("name", COMPARED)
def test_metadata_under_strict_equals_the_released_part_10_object_tag_by_tag(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    part10 = outcome(strict(), [data])
    source = inlined(as_json(data, with_bulk=True), as_json(data, with_bulk=False))
    released = strict().metadata(json.dumps(source).encode(), gateway_uri)
    assert (released is None) is isinstance(part10, str)
    if released is None or isinstance(part10, str):
        pytest.skip("strict refuses what is no image, or names its subject")
    assert list(differences(json.loads(released), as_json(part10, with_bulk=False))) == []


def inlined(named: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Give by name what the final check lets be named, and all else in full, so that it can be searched."""
    for key, element in named.items():
        for item, full in zip(element.get("Value", ()), whole[key].get("Value", ()), strict=True):
            if element["vr"] == "SQ":
                inlined(item, full)
        if "BulkDataURI" in element and not key.startswith(NAMED_UNREAD):
            named[key] = whole[key]
    return named


@pytest.mark.parametrize("name", NO_JSON)
def test_a_file_left_out_has_no_json_form(name: str) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError, AttributeError)):
        json.dumps(as_json((CORPUS / name).read_bytes(), with_bulk=True), allow_nan=False)


def as_json(part10: bytes, *, with_bulk: bool) -> dict[str, Any]:
    """Let pydicom make the DICOM JSON Model of an object, binary values behind a URI or inline."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data_set = dcmread(BytesIO(part10))
        return to_json(data_set, with_bulk=with_bulk)


def to_json(data_set: Dataset, *, with_bulk: bool) -> dict[str, Any]:
    handler = origin_uri if with_bulk else None
    return data_set.to_json_dict(bulk_data_threshold=0 if with_bulk else 1 << 40, bulk_data_element_handler=handler)


def origin_uri(element: DataElement) -> str:
    return f"{ORIGIN}{int(element.tag):08x}"


def gateway_uri(origin: str) -> str:
    assert origin.startswith(ORIGIN)
    return GATEWAY + origin.removeprefix(ORIGIN)


def differences(ours: dict[str, Any], theirs: dict[str, Any], path: str = "") -> list[str]:
    """Say where two data sets differ, without printing a value."""
    found = []
    for key in sorted((ours.keys() | theirs.keys()) - {CHARACTER_SET}):
        where = path + key
        if key not in ours or key not in theirs:
            found.append(f"{where} only in the {'metadata' if key in ours else 'part 10 object'}")
        elif ours[key]["vr"] != theirs[key]["vr"]:
            found.append(f"{where} VR {ours[key]['vr']} and {theirs[key]['vr']}")
        else:
            found += element_differences(ours[key], theirs[key], where)
    return found


def element_differences(ours: dict[str, Any], theirs: dict[str, Any], where: str) -> list[str]:
    if "BulkDataURI" in ours:
        rewritten = ours["BulkDataURI"] == f"{GATEWAY}{where[-8:].lower()}"
        return [] if rewritten and base64.b64decode(theirs.get("InlineBinary", "")) else [f"{where} bulk data differs"]
    values, others = ours.get("Value", []), theirs.get("Value", [])
    if ours["vr"] != "SQ":
        same = values == others and ours.get("InlineBinary") == theirs.get("InlineBinary")
        return [] if same else [f"{where} {ours['vr']} differs"]
    if len(values) != len(others):
        return [f"{where} {len(values)} and {len(others)} items"]
    pairs = enumerate(zip(values, others, strict=True))
    return [text for number, (item, other) in pairs for text in differences(item, other, f"{where}[{number}]>")]
