"""Objects that say twice, or late, what a profile's conditions look at."""

import pytest

from gateway.core.errors import GatewayError, MalformedInput
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.objects import CT, data_set_rewriter, engine, feed, walk

WHEN = """\
  Manufacturer: {action: remove, when: {Modality: {equals: US}}}
  InstitutionName: {action: keep, when: {Modality: {equals: MG}}}
  StationName: {action: keep, when: {PatientSex: {equals: O}, ImageType: {contains: DERIVED}}}
"""
ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]
MODALITY, MAKER, PIXELS = 0x00080060, 0x00080070, 0x7FE00010


def made(
    encoding: Encoding, *behind: bytes, modality: bytes | None = b"MG", details: str = WHEN, maker: bytes = b"ACME"
) -> bytes:
    first = b"" if modality is None else encoding.make(MODALITY, "CS", modality)
    data_set = (
        encoding.make(0x00080016, "UI", CT)
        + encoding.make(0x00080018, "UI", b"1.2.3")
        + first
        + encoding.make(MAKER, "LO", maker)
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2")
        + b"".join(behind)
    )
    return walk(data_set, engine(details), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("modality", [b"MG", None, b""])
def test_a_condition_cannot_be_undone_by_a_second_or_late_value(encoding: Encoding, modality: bytes | None) -> None:
    late = encoding.make(MODALITY, "CS", b"US")
    for before in (encoding.make(PIXELS, "OW", bytes(8)), encoding.make(0x00280010, "US", b"\0\1")):
        with pytest.raises(MalformedInput):
            made(encoding, before, late, modality=modality)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_value_right_behind_the_first_one_is_a_second_one(encoding: Encoding) -> None:
    twice = encoding.make(MODALITY, "CS", b"MG") + encoding.make(MODALITY, "CS", b"US")
    data_set = (
        encoding.make(0x00080016, "UI", CT)
        + encoding.make(0x00080018, "UI", b"1.2.3")
        + twice
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2")
    )
    with pytest.raises(MalformedInput):
        walk(data_set, engine(WHEN), encoding)


@pytest.mark.parametrize("vr", ["CS", "LO", "UN"])
def test_another_vr_does_not_hide_a_second_value(vr: str) -> None:
    with pytest.raises(MalformedInput):
        made(EXPLICIT_LE, EXPLICIT_LE.make(MODALITY, vr, b"US"))


def test_what_no_condition_looks_at_may_come_late() -> None:
    assert b"ACME" in made(EXPLICIT_LE, EXPLICIT_LE.make(0x00180015, "CS", b"HEAD"))
    assert b"ACME" in made(EXPLICIT_LE, EXPLICIT_LE.make(MODALITY, "CS", b"US"), details="")


@pytest.mark.parametrize(("modality", "stays"), [(b"MG", True), (b"US", False), (b"us", False), (None, True)])
def test_an_object_in_order_is_decided_as_before(modality: bytes | None, *, stays: bool) -> None:
    assert (b"ACME" in made(EXPLICIT_LE, modality=modality)) is stays


@pytest.mark.parametrize(
    ("details", "gone", "left"),
    [
        ("", b"", b"MG"),
        ("  Modality: {action: remove}\n", b"CS\2\0MG", b""),
        ("  Modality: {action: replace, value: XX}\n", b"CS\2\0MG", b"CS\2\0XX"),
        ("  Modality: {action: empty}\n", b"CS\2\0MG", b"CS\0\0"),
    ],
)
def test_what_a_condition_looks_at_follows_its_own_rule(details: str, gone: bytes, left: bytes) -> None:
    whole = made(EXPLICIT_LE, details=WHEN + details)
    assert left in whole
    assert not gone or gone not in whole


def test_numbers_text_and_items_in_an_attribute_that_is_looked_at_are_still_checked() -> None:
    details = "  Manufacturer: {action: remove, when: {SliceThickness: {equals: '5'}}}\n"
    thickness = EXPLICIT_LE.make(0x00180050, "DS", b"SMITH^JOHN")
    data_set = (
        EXPLICIT_LE.make(0x00080016, "UI", CT)
        + EXPLICIT_LE.make(0x00080018, "UI", b"1.2.3")
        + EXPLICIT_LE.make(0x00100020, "LO", b"P1")
        + thickness
        + EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    )
    assert b"SMITH" not in walk(data_set, engine(details))
    items = b"\xfe\xff\x00\xe0\x0a\0\0\0\x10\0\x10\0SMITH^"
    assert b"SMITH" not in made(EXPLICIT_LE, modality=None, details=WHEN, maker=b"X" * 4) + walk(
        data_set.replace(thickness, EXPLICIT_LE.make(0x00180050, "UN", items)), engine(details)
    )


def test_an_object_says_only_once_of_what_class_it_is_and_whether_text_is_burned_in() -> None:
    sop_class = EXPLICIT_LE.make(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.88.33")
    with pytest.raises(MalformedInput):
        made(EXPLICIT_LE, sop_class, details="")
    burned = [EXPLICIT_LE.make(0x00280301, "CS", value) for value in (b"NO", b"YES")]
    assert made(EXPLICIT_LE, *burned, details="")
    masked = engine("apply_masks: true\n")
    data_set = (
        EXPLICIT_LE.make(0x00080016, "UI", CT)
        + EXPLICIT_LE.make(0x00080018, "UI", b"1.2.3")
        + EXPLICIT_LE.make(0x00100020, "LO", b"P1")
        + EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
        + EXPLICIT_LE.make(0x00280010, "US", b"\x08\0")
        + EXPLICIT_LE.make(0x00280011, "US", b"\x08\0")
    )
    data_set = EXPLICIT_LE.make(0x00080008, "CS", b"ORIGINAL\\PRIMARY") + data_set
    assert feed(data_set_rewriter(masked), [data_set + burned[0]])
    with pytest.raises(GatewayError):
        feed(data_set_rewriter(masked), [data_set + b"".join(burned)])
