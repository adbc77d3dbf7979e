"""Verdicts: which released values name their subject, told by their paths."""

import json
from base64 import b64encode
from typing import Any

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite import verdict as verdicts
from gateway.core.rewrite.factwalk import BULK_BYTES
from gateway.core.rewrite.needles import Needles
from gateway.core.rewrite.told import Told, tell
from gateway.core.rewrite.verdict import Path, Verdict, is_bulk
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding, read_header
from tests.unit.core.rewrite.objects import CT, engine

LATIN = ("ISO_IR 100",)
UID = "1.2.3.4.5.6789"
DESCRIPTION, BODY_PART, MEANING, KERNEL, BIRTH = 0x00081030, 0x00180015, 0x00080104, 0x00181210, 0x00100030


def told(tag: int, vr: str, text: str) -> Told:
    found = tell(tag, vr, text)
    assert found is not None
    return found


def verdict(details: str = "") -> Verdict:
    said = [
        told(0x00100010, "PN", "Müller^Johanna"),
        told(0x00100020, "LO", "4711-0815"),
        told(0x00080050, "SH", "12345678"),
        told(0x00080080, "LO", "TOSHIBA"),
        told(BIRTH, "DA", "19500102"),
        told(0x00080020, "DA", "20200304"),
    ]
    return Verdict(Needles(said, (), LATIN), frozenset({UID}), engine(details).plan(CT.decode()), LATIN)


def paths(data: bytes, encoding: Encoding = EXPLICIT_LE) -> list[Path]:
    return list(verdict().data_set(data, encoding))


def tells(tag: int, vr: str, value: bytes) -> bool:
    return paths(EXPLICIT_LE.make(tag, vr, value)) == [(tag,)]


def item(body: bytes, encoding: Encoding) -> bytes:
    return encoding.tag(0xFFFEE000) + encoding.u32.pack(len(body)) + body


@pytest.mark.parametrize(
    "value",
    [
        b"of Johanna",
        "bei Müller".encode("latin-1"),
        "bei MÜLLER".encode(),
        "Müller".encode("utf-16-le"),
        b"see M%C3%BCller",
        b64encode("Müller, Johanna".encode("latin-1")),
        b"no. 4711-0815",
        b"born 1950-01-02",
        b"on 04.03.2020",
        UID.encode() + b".",
        b64encode(UID.encode()),
    ],
)
def test_text_that_names_the_subject_in_any_form_tells(value: bytes) -> None:
    assert tells(DESCRIPTION, "LO", value)
    assert tells(0x00091001, "UN", value)
    assert tells(0x00091001, "OB", value)


@pytest.mark.parametrize(
    "value",
    [b"CT Abdomen", b"Johannas", b"x4711-08150", b"1" + UID.encode(), UID.encode() + b".1", UID.encode() + b"1"],
)
def test_text_that_names_nobody_does_not(value: bytes) -> None:
    assert not tells(DESCRIPTION, "LO", value)


@pytest.mark.parametrize(
    ("tag", "vr", "value", "expected"),
    [
        (BODY_PART, "CS", b"JOHANNA", False),
        (BODY_PART, "CS", b"JOHANNA_M\xdcLLER", True),
        (BODY_PART, "CS", b"TOSHIBA", True),
        (BODY_PART, "UN", b"JOHANNA", False),
        (0x00080070, "LO", b"TOSHIBA_MEC", False),
        (0x00080070, "LO", b"Johanna", False),
        (MEANING, "LO", b"Johanna", False),
        (MEANING, "LO", b"4711-0815", True),
        (0x00180060, "DS", b"12345678", True),
        (0x00180060, "DS", b"4711-0815", False),
        (0x00280010, "US", b"12345678", False),
        (0x00080018, "UI", UID.encode(), True),
        (0x00080018, "UI", b"1.2.12345678", False),
        (0x00100010, "PN", b"M\xfcller", True),
    ],
)
def test_it_depends_on_the_attribute_what_counts(tag: int, vr: str, value: bytes, *, expected: bool) -> None:
    assert tells(tag, vr, value) is expected


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("", True),  # E.1-1 empties it: nothing of it should be there
        ("  PatientBirthDate: {action: keep}\n", True),
        ("  PatientBirthDate: {action: shift_date}\n", False),
        ('  PatientBirthDate: {action: replace, value: "19500102"}\n', False),
        ("  PatientBirthDate: {action: truncate_date}\n", False),
    ],
)
def test_a_date_that_the_plan_wrote_is_no_hit(detail: str, *, expected: bool) -> None:
    data = EXPLICIT_LE.make(BIRTH, "DA", b"19500102") + EXPLICIT_LE.make(0x00080020, "DA", b"20200304")
    assert list(verdict(detail).data_set(data, EXPLICIT_LE)) == ([(BIRTH,)] if expected else [])


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE])
def test_items_are_walked(encoding: Encoding) -> None:
    own = encoding.make(0x00080005, "CS", b"ISO_IR 192") + encoding.make(DESCRIPTION, "LO", "Müller".encode())
    deep = encoding.make(0x0040A730, "SQ", item(own, encoding))
    data = encoding.make(KERNEL, "SH", b"BONE") + encoding.make(0x0040A730, "SQ", item(deep, encoding))
    assert paths(data, encoding) == [(0x0040A730, 0x0040A730, DESCRIPTION)]


def test_items_in_vr_unknown_are_walked_as_implicit() -> None:
    data = item(IMPLICIT_LE.make(DESCRIPTION, "LO", b"Johanna"), IMPLICIT_LE)
    for tag in (0x0040A730, 0x00091001):
        assert paths(EXPLICIT_LE.make(tag, "UN", data)) == [(tag, DESCRIPTION)]


def test_pixel_data_and_bulk_are_not_looked_at() -> None:
    large = b"Johanna " * (BULK_BYTES // 8 + 1)
    data = EXPLICIT_LE.make(0x7FE00010, "OW", b"Johanna ")
    assert paths(data) == []
    assert paths(EXPLICIT_LE.make(0x00420011, "OB", large)) == []
    assert paths(IMPLICIT_LE.make(0x00420011, "OB", large), IMPLICIT_LE) == []
    assert paths(EXPLICIT_LE.make(0x0040A160, "UT", large)) == [(0x0040A160,)]
    icon = item(data, EXPLICIT_LE)
    assert paths(EXPLICIT_LE.make(0x00880200, "SQ", icon)) == [(0x00880200, 0x7FE00010)]


def test_bulk_is_large_and_binary() -> None:
    def bulk(vr: str, length: int) -> bool:
        header = EXPLICIT_LE.tag(0x00091001) + vr.encode() + b"\0\0" + length.to_bytes(4, "little")
        return is_bulk(read_header(header, 0, EXPLICIT_LE))

    assert bulk("OB", BULK_BYTES + 1)
    assert bulk("UN", BULK_BYTES + 1)
    assert not bulk("OB", BULK_BYTES)
    assert not bulk("UT", BULK_BYTES + 1)
    assert not bulk("UN", 0xFFFFFFFF)


def json_paths(**elements: Any) -> list[Path]:
    return list(verdict().json({key[1:]: json.dumps(value).encode() for key, value in elements.items()}))


def test_the_json_model_is_read_alike() -> None:
    named = {"00081030": {"vr": "LO", "Value": [None, "for Müller"]}}
    assert json_paths(T0040A730={"vr": "SQ", "Value": [None, named]}) == [(0x0040A730, 0x00081030)]
    assert json_paths(T00100010={"vr": "PN", "Value": [{"Alphabetic": "Müller^Johanna"}]}) == [(0x00100010,)]
    assert json_paths(T00091001={"vr": "OB", "InlineBinary": b64encode(b"Johanna").decode()}) == [(0x00091001,)]
    assert json_paths(T7FE00010={"vr": "OW", "BulkDataURI": f"/studies/{UID}/bulk"}) == [(0x7FE00010,)]
    assert json_paths(T00280010={"vr": "US", "Value": [12345678]}, T00081030={"vr": "LO"}) == []


def test_what_is_no_data_set_is_malformed() -> None:
    with pytest.raises(MalformedInput):
        paths(b"\x08\x00\x30\x10??\0\0")


def test_what_would_take_too_long_to_clear_is_not_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    near = EXPLICIT_LE.make(DESCRIPTION, "LO", b"Johannaberg")
    assert paths(near) == []
    monkeypatch.setattr(verdicts, "MAX_WORK", 1)
    assert paths(near)
    assert paths(EXPLICIT_LE.make(DESCRIPTION, "LO", b"Thorax")) == []
