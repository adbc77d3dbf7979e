"""A plan laid out for an encoding: first bytes of an element to what the walker does."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.profile.decisions import PIXEL_DATA
from gateway.core.profile.plan import ROOT, Place
from gateway.core.rewrite import tables
from gateway.core.rewrite.tables import Table, root_tables
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT, IMPLICIT_LE, LONG, SHORT, Encoding
from tests.unit.core.rewrite.objects import engine

DETAILS = """\
  ("ACME",0029,10): {action: keep}
  ("ACME",0029,11): {action: replace}
  PlacerOrderNumberImagingServiceRequest: {action: pseudonym}
  InstitutionName: {action: replace, value: ODD}
  (0040,A121): {action: truncate_date}
options: [retain_longitudinal_modified_dates]
"""
PLAN = engine(DETAILS).plan("1.2.840.10008.5.1.4.1.1.2")


def inner(encoding: Encoding = EXPLICIT_LE) -> Table:
    return Table(PLAN, ROOT, encoding, 0x0040A043)


def key(encoding: Encoding, tag: int, vr: str) -> bytes:
    return encoding.make(tag, vr, b"")[: encoding.width]


OPERATIONS = [
    (0x00281050, "DS", tables.NUMBER, SHORT),
    (0x00281055, "LO", tables.KEEP, SHORT),
    (0x00281201, "OW", tables.KEEP, LONG),
    (0x00324000, "LT", tables.REMOVE, SHORT),
    (0x00100030, "DA", tables.CONSTANT, SHORT),
    (0x0040A123, "PN", tables.CONSTANT, SHORT),
    (0x00081155, "UI", tables.UID, SHORT),
    (0x00100010, "PN", tables.PATIENT, SHORT),
    (0x00100020, "LO", tables.PATIENT, SHORT),
    (0x00402016, "LO", tables.PSEUDONYM, SHORT),
    (0x00080020, "DA", tables.SHIFT, SHORT),
    (0x0040A121, "DA", tables.TRUNCATE, SHORT),
    (0x0040A043, "SQ", tables.WALK, LONG),
    (0x00290010, "LO", tables.CREATOR, SHORT),
    (0x00291010, "LO", tables.PRIVATE, SHORT),
    (0x00080000, "UL", tables.REMOVE, SHORT),
    (0x7FE00010, "OW", tables.KEEP, LONG),  # an icon's, inside an item
]


@pytest.mark.parametrize(("tag", "vr", "operation", "form"), OPERATIONS)
@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE])
def test_each_key_has_its_operation_and_form(encoding: Encoding, tag: int, vr: str, operation: int, form: int) -> None:
    table = inner(encoding)
    found = table.classify(key(encoding, tag, vr))
    assert found == operation << 2 | (form if encoding.explicit else IMPLICIT)
    assert table.operations == {key(encoding, tag, vr): found}


def test_the_three_plain_forms_of_keep_are_the_smallest_numbers() -> None:
    assert (tables.KEEP << 2 | SHORT, tables.KEEP << 2 | LONG, tables.KEEP << 2 | IMPLICIT) == (0, 1, 2)


STAGES = (0x00120062, 0x00120065, 0x00280304, 0x1_0000_0000)


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_at_the_root_an_element_past_its_stage_waits_for_the_marks(stage: int) -> None:
    tables_by_stage = root_tables(PLAN, EXPLICIT_LE)
    assert len(tables_by_stage) == len(STAGES)
    table = tables_by_stage[stage]
    for tag, vr in ((0x00120062, "CS"), (0x00120065, "LO"), (0x00280304, "UI"), (0x00281050, "DS"), (0x7FE00010, "OW")):
        waits = table.classify(key(EXPLICIT_LE, tag, vr)) >> 2 == tables.INSERT
        assert waits is (tag >= STAGES[stage])


def test_at_the_root_earlier_marks_and_pixel_data_have_operations_of_their_own() -> None:
    *_, last = root_tables(PLAN, EXPLICIT_LE)
    assert last.classify(key(EXPLICIT_LE, 0x00120064, "SQ")) >> 2 == tables.CODES
    assert last.classify(key(EXPLICIT_LE, 0x00280303, "CS")) >> 2 == tables.TEMPORAL
    assert {last.classify(key(EXPLICIT_LE, tag, "OW")) >> 2 for tag in PIXEL_DATA} == {tables.PIXELS}
    assert last.classify(bytes(6)) >> 2 == tables.PADDING


def test_an_item_end_is_an_operation_and_other_delimiters_are_malformed() -> None:
    assert inner().classify(b"\xfe\xff\x0d\xe0\0\0") >> 2 == tables.DELIMITER
    for other in (b"\xfe\xff\x00\xe0\0\0", b"\xfe\xff\xdd\xe0\0\0", b"\xfe\xff\xff\xff\0\0"):
        with pytest.raises(MalformedInput, match="an item outside a sequence"):
            inner().classify(other)


@pytest.mark.parametrize("vr", [b"XX", b"\0\0", b"lo"])
def test_an_unknown_vr_is_malformed(vr: bytes) -> None:
    with pytest.raises(MalformedInput, match="VR"):
        inner().classify(b"\x10\0\x20\0" + vr)


@pytest.mark.parametrize(
    ("tag", "vr", "element"),
    [
        (0x00100030, "DA", b"\x10\0\x30\0DA\0\0"),
        (0x0040A123, "PN", b"\x40\0\x23\xa1PN\x0a\0" + b"ANONYMOUS "),
        (0x0040A123, "UN", b"\x40\0\x23\xa1UN\0\0\x0a\0\0\0" + b"ANONYMOUS "),
        (0x0040A123, "SQ", b"\x40\0\x23\xa1SQ\0\0\0\0\0\0"),
        (0x00080080, "LO", b"\x08\0\x80\0LO\4\0" + b"ODD "),
        (0x00080080, "UN", b"\x08\0\x80\0UN\0\0\4\0\0\0" + b"ODD "),
    ],
)
def test_a_constant_is_the_whole_element(tag: int, vr: str, element: bytes) -> None:
    table = inner()
    assert table.classify(key(EXPLICIT_LE, tag, vr)) >> 2 == tables.CONSTANT
    assert table.constants[key(EXPLICIT_LE, tag, vr)] == element


def test_a_private_element_is_decided_when_its_creator_is_known() -> None:
    block = inner().block(0x2910, "ACME")
    for tag, vr, operation in (
        (0x00291010, "LO", tables.KEEP),
        (0x00291010, "UI", tables.UID),
        (0x00291011, "LO", tables.CONSTANT),
        (0x00291012, "LO", tables.REMOVE),
    ):
        assert block.classify(key(EXPLICIT_LE, tag, vr)) >> 2 == operation
    assert inner().keeps("ACME", 0x0029)
    assert not inner().keeps("ELSE", 0x0029)
    assert not inner().keeps("ACME", 0x0031)


def test_a_block_that_nobody_reserved_loses_everything() -> None:
    block = inner().block(0x2910, "")
    assert block.classify(key(EXPLICIT_LE, 0x00291010, "LO")) >> 2 == tables.REMOVE


def test_a_table_of_a_block_is_for_that_block_alone() -> None:
    table = inner()
    block = table.block(0x2910, "ACME")
    assert table.block(0x2910, "ACME") is block
    assert table.block(0x2911, "ACME") is not block
    for tag, covered in ((0x00291010, True), (0x002910FF, True), (0x00291110, False), (0x002B1010, False)):
        assert block.covers(key(EXPLICIT_LE, tag, "LO")) is covered


def test_a_content_item_is_known_by_how_it_begins() -> None:
    place = Place(content=True)
    table = Table(engine("options: [clean_structured_content]\n").plan(""), place, EXPLICIT_LE)
    text = table.content_item(("DCM", "999999"), "TEXT", b"begins")
    assert text is not None
    assert table.content_item(("DCM", "999998"), "TEXT", b"") is text, "no rule can tell them apart"
    assert table.content_item(("DCM", "121022"), "TEXT", b"accession number") is None
    assert table.begun == {b"begins": text, b"accession number": None}
    assert table.sizes == [6, 16]
    for size in range(100, 200):
        table.content_item(("DCM", "999999"), "TEXT", bytes(size))
    assert len(table.sizes) <= tables.MAX_SIZES


def test_without_private_rules_everything_private_goes_at_once() -> None:
    table = Table(engine().plan(""), ROOT, EXPLICIT_LE)
    assert table.classify(key(EXPLICIT_LE, 0x00290010, "LO")) >> 2 == tables.REMOVE
    assert table.classify(key(EXPLICIT_LE, 0x00291010, "SQ")) >> 2 == tables.REMOVE


def test_a_sequence_as_un_is_walked_in_implicit_little_endian() -> None:
    for encoding, vr, within in (
        (EXPLICIT_LE, "SQ", EXPLICIT_LE),
        (EXPLICIT_LE, "UN", IMPLICIT_LE),
        (EXPLICIT_BE, "UN", IMPLICIT_LE),
        (IMPLICIT_LE, "SQ", IMPLICIT_LE),
    ):
        table = inner(encoding)
        table.classify(key(encoding, 0x0040A043, vr))
        (child,) = table.children.values()
        assert child.encoding == within
        assert child.sequence == 0x0040A043


def test_sequences_at_places_that_no_rule_tells_apart_share_a_table() -> None:
    *_, root = root_tables(PLAN, EXPLICIT_LE)
    name = key(EXPLICIT_LE, 0x0040A043, "SQ")
    root.classify(name)
    child = root.children[name]
    child.classify(name)
    assert child.children[name] is child


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_KEYS", 10)
    table = inner()
    for number in range(100):
        table.classify(key(EXPLICIT_LE, 0x00280000 + 0x1100 + number, "LO"))
    assert max(len(table.operations), len(table.vrs), len(table.constants)) <= 11
