"""Attacks that once worked, each with what became of it."""

import json
from base64 import b64encode

import pytest

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.identity import MAX_VALUES, Identity
from gateway.core.rewrite.matching import matches
from gateway.core.wire.elements import EXPLICIT_LE, IMPLICIT_LE
from tests.unit.core.rewrite.objects import data_set_rewriter, engine, feed

IDENTITY = Identity(KeyRing(b"s" * 32, "test"), retains_uids=False)
HEAD = {"00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}, "00080018": {"vr": "UI", "Value": ["1.2.3"]}}


def metadata(**members: object) -> dict[str, dict[str, object]]:
    data_set = json.dumps(HEAD | members, separators=(",", ":")).encode()
    released = engine().metadata(data_set, lambda uri: uri)
    assert released is not None
    found: dict[str, dict[str, object]] = json.loads(released)
    return found


def test_an_element_that_nearly_looks_plain_costs_no_more_than_its_length() -> None:
    values = [None] * 2000 + ['a"b']
    assert metadata(**{"00281055": {"vr": "LO", "Value": values}})["00281055"]["Value"] == values


def test_a_key_full_of_asterisks_costs_no_more_than_its_length() -> None:
    element = json.dumps({"vr": "LO", "Value": ["a" * 64]}).encode()
    assert not matches(element, "LO", "*a" * 30 + "b")


@pytest.mark.parametrize(
    "uid", ["1.2.840.10008.1.99.77.4711", "1.2.840.10008.113619.2.55.777", "1.2.840.10008.6.1.0815.1"]
)
def test_a_uid_that_only_begins_like_a_registered_one_is_mapped(uid: str) -> None:
    assert IDENTITY.uid(uid).startswith("2.25.")


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.6.1.1"])
def test_a_registered_uid_stays(uid: str) -> None:
    assert IDENTITY.uid(uid) == uid


def test_long_lists_of_uids_are_refused_and_not_remembered() -> None:
    with pytest.raises(LimitExceeded):
        IDENTITY.uid_bytes(b"\\".join([b"1"] * (MAX_VALUES + 1)))


def test_text_in_the_place_of_a_sop_class_does_not_leave() -> None:
    assert IDENTITY.definition_bytes(b"SMITH^JOHN") != b"SMITH^JOHN"
    released = metadata(**{"00081150": {"vr": "UI", "Value": ["SMITH^JOHN"]}})
    assert "SMITH" not in json.dumps(released)


def test_items_in_vr_unknown_under_a_text_attribute_go() -> None:
    name = EXPLICIT_LE.make(0x00100010, "PN", b"SMITH^JOHN")
    item = EXPLICIT_LE.tag(0xFFFEE000) + len(name).to_bytes(4, "little") + name
    rewriter = engine().part10()
    meta = EXPLICIT_LE.make(0x00020010, "UI", b"1.2.840.10008.1.2.1")
    data_set = (
        EXPLICIT_LE.make(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2")
        + EXPLICIT_LE.make(0x00080018, "UI", b"1.2.3")
        + EXPLICIT_LE.make(0x00080070, "UN", item)
        + EXPLICIT_LE.make(0x00200013, "IS", b"1")
    )
    released = rewriter.feed(bytes(128) + b"DICM" + meta + data_set) + rewriter.close()
    assert b"SMITH" not in released
    assert b"IS\x02\x001 " in released


@pytest.mark.parametrize("element", [{"vr": "LO", "InlineBinary": "U01JVEg="}, {"vr": "LO", "Value": [{"x": "SMITH"}]}])
def test_a_value_that_its_vr_cannot_have_is_malformed(element: dict[str, object]) -> None:
    with pytest.raises(MalformedInput):
        metadata(**{"00080070": element})


@pytest.mark.parametrize("tag", [0x0008103E, 0x00101010])
def test_items_in_vr_unknown_under_a_text_or_age_that_is_cleaned_go(tag: int) -> None:
    options = "options: [clean_descriptors, retain_patient_characteristics]"
    inner = IMPLICIT_LE.make(0x00101010, "AS", b"097Y") + IMPLICIT_LE.make(0x001021B0, "LT", b"Bobby of Smallville")
    item = IMPLICIT_LE.tag(0xFFFEE000) + len(inner).to_bytes(4, "little") + inner
    data_set = b"".join(
        EXPLICIT_LE.make(number, vr, value)
        for number, vr, value in sorted(
            [
                (0x00080005, "CS", b"ISO_IR 100"),
                (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
                (0x00080018, "UI", b"1.2.3"),
                (0x00100020, "LO", b"P1"),
                (tag, "UN", item),
                (0x0020000D, "UI", b"1.2"),
            ]
        )
    )
    released = feed(data_set_rewriter(engine(options)), [data_set])
    assert EXPLICIT_LE.make(tag, "UN", b"") in released
    element = {"vr": "UN", "InlineBinary": b64encode(item).decode()}
    data = HEAD | {"00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}, f"{tag:08X}": element}
    found = engine(options).metadata(json.dumps(data).encode(), lambda uri: uri)
    assert found is not None
    assert json.loads(found).get(f"{tag:08X}", {"vr": "UN"}) == {"vr": "UN"}
