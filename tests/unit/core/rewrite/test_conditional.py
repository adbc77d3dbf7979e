"""Rules with conditions: the object's own values decide, however late they come and however the bytes arrive."""

import base64
import json
import struct

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


OTHERS = """\
  InstitutionName: {action: replace, value: LARGE, when: {RealWorldValueSlope: {equals: ['0.5', '2']}}}
  StationName: {action: replace, value: FINE, when: {FrameAcquisitionDuration: {at_most: '0.1'}}}
  InstitutionalDepartmentName:
    action: replace
    value: SPLIT
    when: {SmallestImagePixelValue: {present: true}, RealWorldValueSlope: {equals: '7'}}
  StudyDescription: {action: replace, value: TOLD, when: {ContentSequence: {present: true}}}
  SeriesDescription: {action: replace, value: SHOWN, when: {ICCProfile: {present: true}}}
"""
DURATION, SMALLEST, PROFILE, SLOPE, STORY = 0x00189220, 0x00280106, 0x00282000, 0x00409225, 0x0040A730
NAMES = (0x00080080, 0x00081010, 0x00081030, 0x0008103E, 0x00081040)
IDENTIFIED = {
    "00080016": {"vr": "UI", "Value": [CT.decode()]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    **{f"{tag:08X}": {"vr": "LO", "Value": ["Smith"]} for tag in NAMES},
}


def with_names(encoding: Encoding) -> bytes:
    """Write a data set that has what the rules are about."""
    return (
        encoding.make(0x00080016, "UI", CT)
        + encoding.make(0x00080018, "UI", b"1.2.3")
        + b"".join(encoding.make(tag, "LO", b"Smith") for tag in NAMES)
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2")
    )


def encoded(encoding: Encoding, tag: int, vr: str, value: object) -> bytes:
    """Encode a number, bytes or empty items."""
    if isinstance(value, list):
        return encoding.make(tag, vr, encoding.header(encoding.tag(0xFFFEE000), 0, 0) * len(value))
    if isinstance(value, bytes):
        return encoding.make(tag, vr, value)
    order = "<" if encoding.little else ">"
    return encoding.make(tag, vr, struct.pack(order + {"FD": "d", "US": "H"}[vr], value))


def in_json(vr: str, value: object) -> dict[str, object]:
    """Write the same in the JSON Model."""
    if isinstance(value, bytes):
        return {"vr": vr, **({"InlineBinary": base64.b64encode(value).decode()} if value else {})}
    return {"vr": vr, "Value": value if isinstance(value, list) else [value]}


@pytest.mark.parametrize(
    ("elements", "left"),
    [
        ([], set()),
        ([(SLOPE, "FD", 0.5)], {"LARGE"}),
        ([(SLOPE, "FD", 2)], {"LARGE"}),
        ([(SLOPE, "FD", 0.25)], set()),
        ([(SMALLEST, "US", 0), (SLOPE, "FD", 7.0)], {"SPLIT"}),
        ([(SLOPE, "FD", 7.0)], set()),
        ([(DURATION, "FD", 0.1)], {"FINE"}),
        ([(DURATION, "FD", 0.11)], set()),
        ([(STORY, "SQ", [{}])], {"TOLD"}),
        ([(STORY, "SQ", [])], set()),
        ([(PROFILE, "OB", bytes(2))], {"SHOWN"}),
        ([(PROFILE, "OB", b"")], set()),
        ([(PROFILE, "OB", b"12"), (SLOPE, "FD", 0.5), (STORY, "SQ", [{}, {}])], {"LARGE", "TOLD", "SHOWN"}),
    ],
)
def test_floats_and_what_is_there_decide_in_every_encoding_and_in_metadata(
    elements: list[tuple[int, str, object]], left: set[str]
) -> None:
    under = engine(OTHERS)
    values = ("LARGE", "SPLIT", "FINE", "TOLD", "SHOWN")
    for encoding in ENCODINGS:
        body = b"".join(encoded(encoding, *element) for element in elements)
        whole = walk(with_names(encoding) + body, under, encoding)
        assert {value for value in values if value.encode() in whole} == left
    out = json.dumps(rewrite(under, IDENTIFIED | {f"{tag:08X}": in_json(vr, value) for tag, vr, value in elements}))
    assert {value for value in values if value in out} == left


def open_story(*items: bytes) -> bytes:
    """Write Content Sequence with an undefined length."""
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    return b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff" + b"".join(items) + end


ITEM = b"\xfe\xff\0\xe0\0\0\0\0"


def test_a_sequence_of_undefined_length_is_there_where_it_has_an_item() -> None:
    assert b"TOLD" in walk(data_set(b"CT") + open_story(ITEM), engine(OTHERS))
    assert b"TOLD" not in walk(data_set(b"CT") + open_story(), engine(OTHERS))


def test_what_is_there_after_all_is_malformed() -> None:
    full, empty = EXPLICIT_LE.make(STORY, "SQ", ITEM), EXPLICIT_LE.make(STORY, "SQ", b"")
    profile, after = EXPLICIT_LE.make(PROFILE, "OB", b"12"), EXPLICIT_LE.make(0x54000100, "SQ", b"")
    for body in (empty + full, full + empty, after + full, open_story() + full, after + profile):
        with pytest.raises(MalformedInput, match="an attribute that others depend on, twice or out of order"):
            walk(data_set(b"CT") + body, engine(OTHERS))
    for details in ("  ContentSequence: {action: remove}\n", "  ContentSequence: {action: empty}\n"):
        for late in (full, open_story(ITEM)):
            with pytest.raises(MalformedInput, match="twice or out of order"):
                walk(data_set(b"CT") + after + late, engine(OTHERS + details))
    assert b"TOLD" in walk(data_set(b"CT") + full + full, engine(OTHERS)), "it is there, whatever it holds"


@pytest.mark.parametrize(("tag", "vr"), [(STORY, "LO"), (PROFILE, "SQ"), (SLOPE, "DS")])
def test_what_decides_in_a_vr_that_it_cannot_have_is_malformed(tag: int, vr: str) -> None:
    with pytest.raises(MalformedInput, match="in a VR that it cannot have"):
        walk(data_set(b"CT") + EXPLICIT_LE.make(tag, vr, b""), engine(OTHERS))
    with pytest.raises(MalformedInput, match="in a VR that it cannot have"):
        rewrite(engine(OTHERS), IDENTIFIED | {f"{tag:08X}": {"vr": vr}})


@pytest.mark.parametrize(
    ("element", "is_there"),
    [
        ({"vr": "UN", "InlineBinary": base64.b64encode(ITEM).decode()}, True),
        ({"vr": "UN", "InlineBinary": ""}, False),
        ({"vr": "UN", "BulkDataURI": "http://origin/bulk"}, True),
        ({"vr": "UN", "Value": [None]}, False),
        ({"vr": "SQ", "Value": [None]}, True),  # an empty item
    ],
)
def test_metadata_say_of_what_is_no_text_whether_it_is_there(element: dict[str, object], *, is_there: bool) -> None:
    out = json.dumps(rewrite(engine(OTHERS), IDENTIFIED | {"0040A730": element}))
    assert ("TOLD" in out) is is_there


def test_a_single_text_keeps_its_backslash_and_many_lose_their_padding() -> None:
    details = """\
  InstitutionName: {action: replace, value: SAID, when: {PatientComments: {equals: 'a \\ b'}}}
  StudyDescription: {action: replace, value: TYPED, when: {ImageType: {equals: 'A\\B'}}}
"""
    body = EXPLICIT_LE.make(0x00104000, "LT", b"a \\ b")
    study = EXPLICIT_LE.make(0x0020000D, "UI", b"1.2")
    first = EXPLICIT_LE.make(0x00080016, "UI", CT)
    whole = data_set(b"CT").replace(study, body + study)
    whole = whole.replace(first, EXPLICIT_LE.make(0x00080008, "CS", b"A \\B ") + first)
    released = walk(whole, engine(details))
    assert b"SAID" in released
    assert b"TYPED" in released


def test_the_head_ends_at_what_is_only_asked_to_be_there() -> None:
    frames = EXPLICIT_LE.make(0x52009230, "SQ", ITEM[:4] + (1 << 20).to_bytes(4, "little") + bytes(1 << 20))
    reader = HeadReader(EXPLICIT_LE, (0x52009230,))
    head = reader.read(data_set(b"CT") + frames[:16], 0, whole=False)
    assert head is not None
    assert head.asked == {0x52009230: "present"}
    assert reader.read(data_set(b"CT") + frames[:14], 0, whole=False) is None
