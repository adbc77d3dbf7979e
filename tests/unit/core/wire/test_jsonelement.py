"""One element of the DICOM JSON Model: its values as text, and what each VR can hold."""

import json
from typing import Any

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.wire.jsonelement import (
    BINARY_VRS,
    Raw,
    decode_element,
    decode_items,
    encode,
    fitting,
    inline_bytes,
    name_value,
    plain_text,
    text,
    value_text,
)
from gateway.core.wire.numbers import NUMBER_VRS

Json = Any
TAG = 0x00280030


def raw(value: Json) -> Raw:
    return Raw(json.dumps(value).encode())


def fitted(value: Json, vr: str) -> Json:
    return json.loads(bytes(fitting(raw(value), vr, TAG)))


def test_the_vrs_of_numbers_and_of_bytes() -> None:
    assert {"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"} == NUMBER_VRS
    assert {"OB", "OD", "OF", "OL", "OV", "OW", "UN"} == BINARY_VRS


@pytest.mark.parametrize("vr", sorted(NUMBER_VRS - {"AT"}))
@pytest.mark.parametrize("value", [0, -3, 1.5, 1e-07, 2**63, "0", "-3", "+1.50 ", " 1.", ".5", "1E5", "1e-07\0", None])
def test_a_number_passes_as_a_number_and_as_text(vr: str, value: Json) -> None:
    assert fitted(value, vr) == value


@pytest.mark.parametrize("value", ["NaN", "nan", "Infinity", "-Infinity", "inf", "-INF"])
def test_what_json_has_no_number_for_passes_as_text(value: str) -> None:
    assert fitted(value, "FD") == value


@pytest.mark.parametrize("vr", sorted(NUMBER_VRS))
@pytest.mark.parametrize("value", ["SMITH", "1 SMITH", "1\\SMITH", "1,5", "0x1F", "", "1.2.3", "--1", "1e", "\u0661"])
def test_free_text_among_numbers_becomes_null(vr: str, value: str) -> None:
    assert fitted(value, vr) is None


def test_a_tag_is_eight_hexadecimal_digits() -> None:
    assert fitted("0018106A", "AT") == "0018106A"
    assert fitted("0018106a", "AT") == "0018106a"
    for value in ("(0018,106A)", "0018106", "0018106G", "0018106A0"):
        assert fitted(value, "AT") is None


@pytest.mark.parametrize("vr", ["LO", "DA", "OB", "FD", "AT", "UI"])
@pytest.mark.parametrize("value", [{}, [], {"Alphabetic": "A"}, ["A"]])
def test_no_vr_but_pn_has_objects(vr: str, value: Json) -> None:
    with pytest.raises(MalformedInput, match="its VR cannot have"):
        fitted(value, vr)


A, J, P = {"Alphabetic": "A^B"}, {"Ideographic": "王^小東"}, {"Phonetic": "c"}


@pytest.mark.parametrize(
    ("value", "expected", "shown"),
    [
        (A, A, "A^B"),
        (J, J, "=王^小東"),
        (P, P, "==c"),
        (A | J, A | J, "A^B=王^小東"),
        (A | P, A | P, "A^B==c"),
        (J | P, J | P, "=王^小東=c"),
        (P | J | A, A | J | P, "A^B=王^小東=c"),
        ({}, None, ""),
        ({"Alphabetic": None}, None, ""),
        ({"Alphabetic": ""} | P, P, "==c"),
        (A | {"Other": "SMITH"}, A, "A^B"),
        ("A^B==c", A | P, "A^B==c"),
        ("A^B=王^小東=c=SMITH", A | J | P, "A^B=王^小東=c=SMITH"),
        ("", None, ""),
        (5, {"Alphabetic": "5"}, "5"),
        (None, None, ""),
    ],
)
def test_a_name_in_every_combination_of_its_groups(value: Json, expected: Json, shown: str) -> None:
    assert fitted(value, "PN") == expected
    assert plain_text(raw(value), TAG) == shown
    if expected is not None and shown.count("=") < 3:
        assert json.loads(bytes(name_value(shown))) == expected


def test_a_list_is_no_name() -> None:
    with pytest.raises(MalformedInput):
        fitted(["A"], "PN")


def test_a_value_as_text_has_no_padding() -> None:
    assert value_text(raw(" 1.2.3\0"), TAG) == "1.2.3"
    assert plain_text(raw(" 1.2.3\0"), TAG) == " 1.2.3\0"
    assert value_text(raw(1.5), TAG) == "1.5"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (b'{"vr":"LO","Value":["a b "]}', "a b"),
        (b'{"Value":["a"],"vr":"LO"}', "a"),
        (b'{"vr":"LO","Value":["a",null,"b"]}', "a\\\\b"),
        (b'{"vr":"LO","Value":["\\u00e9"]}', "\u00e9"),
        (b'{"vr":"PN","Value":[{"Alphabetic":"A"},{"Phonetic":"B"}]}', "A\\==B"),
        (b'{"vr":"UN","InlineBinary":"QUIA"}', "AB"),
        (b'{"vr":"LO","Value":[]}', ""),
        (b'{"vr":"LO"}', ""),
        (b'{"vr":"LO","BulkDataURI":"x"}', ""),
    ],
)
def test_an_element_as_text(element: bytes, expected: str) -> None:
    assert text({"00081030": element}, "00081030") == expected
    assert text({"00081030": Raw(element)}, "00081030") == expected
    assert text({}, "00081030") == ""


def test_elements_are_joined_by_tag() -> None:
    assert encode({}) == b"{}"
    assert encode({"00280010": b"1", "00080005": Raw(b"2")}) == b'{"00080005":2,"00280010":1}'


def test_items_are_read_one_by_one() -> None:
    element = decode_element(b'{"vr":"SQ","Value":[{"00080100":{"vr":"SH"}},null,{}]}', TAG)
    found = [
        item if item is None else {key: bytes(value) for key, value in item.items()}
        for item in decode_items(element, TAG)
    ]
    assert found == [{"00080100": b'{"vr":"SH"}'}, None, {}]
    assert decode_items(decode_element(b'{"vr":"SQ"}', TAG), TAG) == []


@pytest.mark.parametrize(
    "element",
    [
        b"",
        b"[]",
        b'{"vr":5}',
        b'{"vr":"LO","Value":"SMITH"}',
        b'{"vr":"LO","Value":["\xff"]}',
        b'{"vr":"LO","Value":["\t"]}',
    ],
)
def test_what_is_no_element_is_malformed(element: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        [plain_text(value, TAG) for value in decode_element(element, TAG).Value or ()]
    assert caught.value.path == (TAG,)


@pytest.mark.parametrize("inline", ["QUI", "QU I=", "SMITH^JOHN", "\u00e9"])
def test_what_is_not_base64_is_malformed(inline: str) -> None:
    element = decode_element(json.dumps({"vr": "OB", "InlineBinary": inline}).encode(), TAG)
    with pytest.raises(MalformedInput, match="base64"):
        inline_bytes(element, TAG)
