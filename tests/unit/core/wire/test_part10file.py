"""Data sets of metadata as Part 10 files, with the places where values are missing."""

import io
import json
from typing import Any

import pydicom
import pytest

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard.uids import transfer_syntax
from gateway.core.wire import part10file
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.part10file import Described, Reference, describe, fragment_head, is_native

IMAGE: dict[str, Any] = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
}


def described(**elements: Any) -> Described:
    more = {tag.removeprefix("x"): element for tag, element in elements.items()}
    return describe(decode_object(json.dumps(IMAGE | more).encode()))


def read(found: Described) -> pydicom.Dataset:
    assert not list(found.references)
    return pydicom.dcmread(io.BytesIO(found.head() + b"".join(map(bytes, found.pieces))))  # type: ignore[arg-type]


def us(number: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [number]}


def test_the_file_is_explicit_vr_little_endian_and_names_its_object() -> None:
    data_set = read(described())
    assert data_set.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert data_set.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert "SpecificCharacterSet" not in data_set


def test_utf_8_is_declared_where_it_is_used_or_another_one_was() -> None:
    assert read(described(x00100020={"vr": "LO", "Value": ["ä"]})).SpecificCharacterSet == "ISO_IR 192"
    assert read(described(x00080005={"vr": "CS", "Value": ["ISO_IR 100"]})).SpecificCharacterSet == "ISO_IR 192"
    nested = {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": ["ä"]}}]}
    data_set = read(described(x0040A043=nested))
    assert data_set.SpecificCharacterSet == "ISO_IR 192"
    assert data_set[0x0040A043][0].CodeMeaning == "ä"


def test_items_say_utf_8_where_they_said_anything() -> None:
    item = {"00080005": {"vr": "CS"}, "00080104": {"vr": "LO", "Value": ["ä"]}}
    data_set = read(described(x0040A043={"vr": "SQ", "Value": [item, None, {}]}))
    assert data_set[0x0040A043][0].SpecificCharacterSet == "ISO_IR 192"
    assert [len(one) for one in data_set[0x0040A043].value] == [2, 0, 0]


def test_group_lengths_are_left_out() -> None:
    assert (0x0010, 0x0000) not in read(described(x00100000={"vr": "UL", "Value": [4]}))


def test_values_that_are_elsewhere_keep_their_place() -> None:
    item = {"54001010": {"vr": "OW", "BulkDataURI": "wave"}}
    found = described(x54000100={"vr": "SQ", "Value": [item]}, x7FE00010={"vr": "OW", "BulkDataURI": "pixels"})
    assert list(found.references) == [
        Reference((0x54000100, 0x54001010), "OW", "wave"), Reference((0x7FE00010,), "OW", "pixels"),
    ]  # fmt: skip
    filled = [one.element(b"1234", ()) if isinstance(one, Reference) else one for one in found.pieces]
    data_set = pydicom.dcmread(io.BytesIO(found.head() + b"".join(filled)))
    assert data_set.WaveformSequence[0].WaveformData == data_set.PixelData == b"1234"


@pytest.mark.parametrize(
    "key", ["00020010", "00000002", "00041130", "00070001", "FFFEE000", "0010001g", "0010001", "0010001a", "00100010 "]
)
def test_what_is_no_element_of_a_data_set_is_refused(key: str) -> None:
    with pytest.raises(MalformedInput):
        described(**{f"x{key}": {"vr": "OB"}})
    with pytest.raises(MalformedInput):
        described(x00081115={"vr": "SQ", "Value": [{key: {"vr": "OB"}}]})


@pytest.mark.parametrize(
    "element",
    [
        {"vr": "XX"}, {}, {"vr": ""}, {"vr": "SQ", "InlineBinary": "AA=="}, {"vr": "SQ", "BulkDataURI": "a"},
        {"vr": "OB", "BulkDataURI": ""}, {"vr": "OB", "BulkDataURI": "a", "InlineBinary": "AA=="},
        {"vr": "LO", "Value": ["a"], "BulkDataURI": "a"}, {"vr": "SQ", "Value": ["a"]}, {"vr": "SQ", "Value": [[]]},
        {"vr": "LO", "Value": "a"}, {"vr": 5}, {"vr": "OB", "InlineBinary": 5},
    ],
)  # fmt: skip
def test_what_is_no_element_of_the_model_is_refused(element: dict[str, Any]) -> None:
    with pytest.raises(MalformedInput):
        described(x00091001=element)


def test_pixel_data_have_a_vr_that_they_can_have() -> None:
    with pytest.raises(MalformedInput):
        described(x7FE00010={"vr": "LT", "BulkDataURI": "a"})


@pytest.mark.parametrize("missing", ["00080016", "00080018"])
@pytest.mark.parametrize("value", [{"vr": "UI"}, {"vr": "UI", "Value": [None]}, {"vr": "UI", "Value": ["1." * 40]}])
def test_an_object_has_a_name(missing: str, value: dict[str, Any]) -> None:
    with pytest.raises(MalformedInput, match="no UID"):
        described(**{f"x{missing}": value})


def test_nesting_and_references_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: dict[str, Any] = {}
    for _ in range(66):
        deep = {"00081115": {"vr": "SQ", "Value": [deep]}}
    with pytest.raises(LimitExceeded, match="nesting"):
        described(**{f"x{key}": element for key, element in deep.items()})
    monkeypatch.setattr(part10file, "MAX_REFERENCES", 1)
    with pytest.raises(LimitExceeded, match="refer"):
        described(x00091001={"vr": "OB", "BulkDataURI": "a"}, x00091002={"vr": "OB", "BulkDataURI": "b"})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"00280100": us(8)}, 6), ({"00280100": us(16), "00280002": us(3)}, 36), ({"00280100": us(1)}, 1),
        ({"00280100": us(8), "00280008": {"vr": "IS", "Value": [4]}}, 24),
        ({"00280100": us(8), "00280002": us(3), "00280004": {"vr": "CS", "Value": ["YBR_FULL_422"]}}, 12), ({}, None),
    ],
)  # fmt: skip
def test_the_size_of_uncompressed_pixel_data_is_known(more: dict[str, Any], expected: int | None) -> None:
    size = {"x00280010": us(2), "x00280011": us(3)}
    assert described(**size, **{f"x{key}": element for key, element in more.items()}).native_bytes == expected


def test_lengths_that_an_element_cannot_have_are_refused() -> None:
    for make in (Reference((0x7FE00010,), "OB", "a").header, fragment_head):
        assert len(make(0xFFFFFFFE)) in (8, 12)
        with pytest.raises(MalformedInput):
            make(0xFFFFFFFF)
    with pytest.raises(MalformedInput):
        Reference((0x00091001,), "OD", "a").header(12)
    with pytest.raises(MalformedInput):
        Reference((0x00091001,), "US", "a").element(bytes(0xFFFF + 1), ())


@pytest.mark.parametrize(("suffix", "expected"), [("", True), (".1", True), (".1.99", False), (".2", False)])
def test_octets_are_native_as_implicit_and_explicit_little_endian_have_them(suffix: str, expected: bool) -> None:
    syntax = transfer_syntax("1.2.840.10008.1.2" + suffix)
    assert syntax is not None
    assert is_native(syntax) is expected
