"""Rules with conditions: the object's own values decide, however late they come and however the bytes arrive."""

import base64

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite import engine as engine_module
from gateway.core.rewrite.head import HeadReader
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.objects import CT, engine, walk
from tests.unit.core.rewrite.test_metadata import rewrite

DETAILS = """\
  InstitutionName:
    - {action: remove}
    - {action: replace, value: CT-SITE, when: {Modality: {equals: CT}}}
    - {action: replace, value: ACME-CT, when: {Modality: {equals: CT}, ManufacturerModelName: {contains: acme}}}
  StudyDescription: {action: replace, value: LATE, when: {WindowCenterWidthExplanation: {equals: groß}}}
"""
ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]


def data_set(
    modality: bytes | None, model: bytes | None = None, late: bytes | None = None, encoding: Encoding = EXPLICIT_LE
) -> bytes:
    values = [
        (0x00080005, "CS", b"ISO_IR 100"),
        (0x00080016, "UI", CT),
        (0x00080018, "UI", b"1.2.3"),
        (0x00080060, "CS", modality),
        (0x00080080, "LO", b"St. Elsewhere"),
        (0x00081030, "LO", b"CT Smith"),
        (0x00081090, "LO", model),
        (0x00100020, "LO", b"P1"),
        (0x0020000D, "UI", b"1.2"),
        (0x00281055, "LO", late),
    ]
    return b"".join(encoding.make(tag, vr, value) for tag, vr, value in values if value is not None)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("modality", "model", "site"),
    [
        (b"CT", None, b"CT-SITE"),
        (b"CT", b"The Acme 3000", b"ACME-CT"),
        (b"MR", b"The Acme 3000", None),
        (None, None, None),
        (b"", None, None),
    ],
)
def test_the_values_of_the_object_decide(
    modality: bytes | None, model: bytes | None, site: bytes | None, encoding: Encoding
) -> None:
    whole = walk(data_set(modality, model, encoding=encoding), engine(DETAILS), encoding)
    if site is None:
        assert encoding.tag(0x00080080) not in whole
    else:
        assert encoding.make(0x00080080, "LO", site) in whole


@pytest.mark.parametrize(("late", "holds"), [("groß".encode("latin-1"), True), ("groß".encode(), False), (None, False)])
def test_a_value_that_comes_after_what_it_decides_is_waited_for_and_decoded(late: bytes | None, holds: bool) -> None:
    whole = walk(data_set(b"CT", late=late), engine(DETAILS))
    assert (EXPLICIT_LE.make(0x00081030, "LO", b"LATE") in whole) is holds


NUMBERS = """\
  InstitutionName:
    - {action: remove}
    - {action: replace, value: LARGE, when: {Rows: {at_least: '256'}, Columns: {equals: ['256', '512']}}}
"""


@pytest.mark.parametrize(
    ("rows", "columns", "is_large"), [(256, 256, True), (512, 512, True), (1, 512, False), (512, 2, False)]
)
def test_whole_numbers_decide_in_every_encoding_and_in_metadata(rows: int, columns: int, is_large: bool) -> None:
    under = engine(NUMBERS)
    for encoding in ENCODINGS:
        size = b"".join(
            encoding.make(tag, "US", value.to_bytes(2, "little" if encoding.little else "big"))
            for tag, value in ((0x00280010, rows), (0x00280011, columns))
        )
        whole = walk(data_set(b"CT", encoding=encoding) + size, under, encoding)
        assert (encoding.make(0x00080080, "LO", b"LARGE") in whole) is is_large
    described = {
        "00080016": {"vr": "UI", "Value": [CT.decode()]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00080080": {"vr": "LO", "Value": ["St. Elsewhere"]},
        "00280010": {"vr": "US", "Value": [rows]},
        "00280011": {"vr": "UN", "InlineBinary": base64.b64encode(columns.to_bytes(2, "little")).decode()},
    }
    assert ("00080080" in rewrite(under, described)) is is_large


def test_a_number_that_is_none_decides_nothing_and_refuses_the_object() -> None:
    for wrong in (EXPLICIT_LE.make(0x00280010, "LO", b"256 "), b"\x28\0\x10\0US\3\x00256"):
        with pytest.raises(MalformedInput, match=r"\(0028,0010\)"):
            walk(data_set(b"CT") + wrong, engine(NUMBERS))


def test_objects_under_one_condition_share_a_plan_and_its_tables() -> None:
    under = engine(DETAILS)
    one = under.plan(CT.decode(), {0x00080060: "CT"})
    assert under.plan(CT.decode(), {0x00080060: "CT", 0x00081090: "other"}) is one
    assert under.plan(CT.decode(), {0x00080060: "MR"}) is not one
    assert under.plan(CT.decode()) is not one, "nothing is known of a search"
    assert under.plan(CT.decode(), {}) is under.plan(CT.decode(), {0x00080060: "US"})


def test_without_conditions_values_make_no_difference() -> None:
    under = engine()
    assert under.plan(CT.decode(), {0x00080060: "CT"}) is under.plan(CT.decode())


def test_a_head_is_read_up_to_the_last_attribute_that_is_asked_for() -> None:
    whole = data_set(b"CT", b"X", b"A") + EXPLICIT_LE.make(0x00281056, "CS", b"LINEAR")
    reader = HeadReader(EXPLICIT_LE, [0x00080060, 0x00281055, 0x00281057])
    assert reader.read(whole, 0, whole=False) is None
    head = reader.read(whole, 0, whole=True)
    assert head is not None
    assert head.asked == {0x00080060: "CT", 0x00281055: "A"}
    again = reader.read(whole + EXPLICIT_LE.make(0x00281101, "US", b"12"), 0, whole=False)
    assert again == head, "what was remembered changes nothing"


def test_plans_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "MAX_PLANS", 3)
    details = "".join(
        f"    - {{action: replace, value: S{n}, when: {{Modality: {{equals: M{n}}}}}}}\n" for n in range(10)
    )
    under = engine("  InstitutionName:\n" + details)
    for n in range(10):
        walk(data_set(f"M{n}".encode()), under)
        assert len(under._plans) <= 3
        assert len(under._layouts) <= 3
