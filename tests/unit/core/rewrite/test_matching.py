"""Attribute matching on released values."""

import json

import pytest

from gateway.core.errors import BadRequest
from gateway.core.rewrite.keys import is_universal
from gateway.core.rewrite.matching import matches, split_list


def element(*values: object, vr: str = "LO") -> bytes:
    return json.dumps({"vr": vr, "Value": list(values)}).encode()


@pytest.mark.parametrize(("value", "universal"), [("", True), ("*", True), ("***", True), ("*a", False), ("?", False)])
def test_an_empty_key_and_asterisks_match_everything(value: str, universal: bool) -> None:
    assert is_universal(value) is universal
    assert matches(element("x"), "LO", value) is True or not universal
    assert matches(None, "LO", value) is universal


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ("CT HEAD", "CT HEAD", True),
        ("ct head", "CT HEAD", True),
        ("CT", "CT HEAD", False),
        ("CT*", "CT HEAD", True),
        ("*HEAD", "CT HEAD", True),
        ("*T H*", "CT HEAD", True),
        ("C*D", "CT HEAD", True),
        ("C*H*D", "CT HEAD", True),
        ("C*X*D", "CT HEAD", False),
        ("*EA*AD", "CT HEAD", False),  # what is matched once is not matched again
        ("HEAD*HEAD", "HEAD", False),
        ("**HEAD", "CT HEAD", True),
        ("C? HEAD", "CT HEAD", True),
        ("C?? HEAD", "CT HEAD", False),
        ("?*", "C", True),
        ("?*", "", False),
        ("*?D*", "CT HEAD", True),
        ("SMITH^", "SMITH", True),  # what viewers append
        ("SMITH", "SMITH^^", True),
        ("SMITH ", "SMITH", True),
        ("SM.TH", "SMITH", False),  # no regular expression
        ("[A-Z]*", "SMITH", False),
        ("A\nB", "A\nB", True),
        ("A*B", "A\nB", True),
        ("MÜLLER", "müller", True),
    ],
)
def test_text_matches_with_wildcards_and_without_regard_to_case(wanted: str, found: str, expected: bool) -> None:
    assert matches(element(found), "PN", wanted) is expected


def test_a_wildcard_key_made_to_take_long_does_not() -> None:
    assert not matches(element("a" * 10_000), "LT", "*a" * 500 + "*b")


@pytest.mark.parametrize(
    ("vr", "wanted", "expected"),
    [
        ("CS", "MR,CT", True),
        ("CS", "MR\\CT", True),
        ("CS", "MR,US", False),
        ("UI", "1.2,CT", True),
        ("PN", "MR,CT", False),  # a name may hold a comma
    ],
)
def test_several_values_may_be_listed_except_in_a_name(vr: str, wanted: str, expected: bool) -> None:
    assert matches(element("CT"), vr, wanted) is expected
    assert len(split_list(vr, wanted)) == (1 if vr == "PN" else 2)


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        (element("CT", "MR"), "MR", True),
        (element(None, "MR"), "MR", True),
        (element(7), "7", True),
        (element({"Alphabetic": "A^B", "Ideographic": "王^小東"}), "王*", True),
        (element({"Alphabetic": "A^B", "Ideographic": "王^小東"}), "a^b", True),
        (element({"Alphabetic": None}), "A", False),
        (b'{"vr":"LO"}', "A", False),
        (b'{"vr":"LO","Value":[]}', "A", False),
        (b'{"vr":"LO","Value":null}', "A", False),
        (b'{"vr":"IS","Value":5}', "5", False),
        (None, "A", False),
    ],
)
def test_any_value_and_any_component_group_may_match(found: bytes | None, wanted: str, expected: bool) -> None:
    assert matches(found, "PN", wanted) is expected


@pytest.mark.parametrize(
    ("vr", "found", "wanted", "expected"),
    [
        ("DA", "20200713", "20200713", True),
        ("DA", "20200713", "20200714", False),
        ("DA", "20200713", "20200713-", True),
        ("DA", "20200713", "20200714-", False),
        ("DA", "20200713", "-20200713", True),
        ("DA", "20200713", "-20200712", False),
        ("DA", "20200713", "20200101-20201231", True),
        ("DA", "20200713", "20190101-20191231", False),
        ("DA", "20200713", "-", True),
        ("DA", "2020.07.13", "20200713", True),
        ("TM", "115959.5", "11", True),
        ("TM", "115959.5", "1100-1159", True),  # up to the last second of 11:59
        ("TM", "115959.5", "12:00-13:00", False),
        ("TM", "115959", "11:59:59", True),
        ("DT", "20200713115959", "20200713", True),
        ("DT", "20200713115959", "202007-202008", True),
    ],
)
def test_dates_and_times_match_by_range(vr: str, found: str, wanted: str, expected: bool) -> None:
    assert matches(element(found, vr=vr), vr, wanted) is expected


def test_nothing_is_in_no_range() -> None:
    assert not matches(b'{"vr":"DA"}', "DA", "20200101-20201231")
    assert not matches(None, "DA", "20200101")


@pytest.mark.parametrize("wanted", ["20200101-20200102-20200103", "a-b", "2020/01-"])
def test_a_range_of_another_form_is_refused(wanted: str) -> None:
    with pytest.raises(BadRequest, match="a range"):
        matches(element("20200101", vr="DA"), "DA", wanted)


def test_ages_know_no_patterns() -> None:
    assert matches(element("062Y", vr="AS"), "AS", "062Y")
    assert not matches(element("062Y", vr="AS"), "AS", "062*")
