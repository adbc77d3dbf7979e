"""Facts out of the JSON Model: the same that the bytes of the object tell."""

import base64
import json
from typing import Any

import pytest

from gateway.core.clean.subject import Subject
from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite import jsonfacts
from gateway.core.rewrite.jsonfacts import JsonFactReader
from gateway.core.wire.elements import IMPLICIT_LE


def read(reader: JsonFactReader | None = None, /, **elements: Any) -> Subject:
    reader = reader or JsonFactReader()
    raw = {key.lstrip("T"): json.dumps(element).encode() for key, element in elements.items()}
    first, second = reader.read(raw), reader.read(raw)
    assert reader.subject(first) == reader.subject(second) == first.subject()
    return first.subject()


def test_the_root_and_items_tell() -> None:
    nested = {"0040A123": {"vr": "PN", "Value": [{"Alphabetic": "Deep^Down", "Ideographic": "深^下"}]}}
    code = {"00080100": {"vr": "SH", "Value": ["P-12"]}}
    assert read(
        T00080018={"vr": "UI", "Value": ["1.2.3.4"]},
        T0008002A={"vr": "DT", "Value": ["20200103101112.5", None]},
        T00080080={"vr": "LO", "Value": ["Clinic"]},
        T00100010={"vr": "PN", "Value": [{"Alphabetic": "Smith^John"}]},
        T00100020={"vr": "LO"},
        T00280010={"vr": "US", "Value": [512]},
        T00401101={"vr": "SQ", "Value": [code]},
        T0040A730={"vr": "SQ", "Value": [nested, None]},
        T00091001={"vr": "OB", "InlineBinary": "AAAA"},
        Tnotatag={"vr": "LO", "Value": ["x"]},
        T00091002={"vr": "??", "Value": ["x"]},
    ) == Subject(
        names=frozenset({"Smith^John", "Deep^Down=深^下", "P-12"}),
        places=frozenset({"Clinic"}),
        dates=frozenset({"20200103"}),
        uids=frozenset({"1.2.3.4"}),
    )


def test_a_value_in_vr_unknown_tells_what_it_means() -> None:
    name = base64.b64encode("Müller^J".encode("latin-1")).decode()
    inner = IMPLICIT_LE.make(0x00100020, "LO", b"4711")
    items = IMPLICIT_LE.tag(0xFFFEE000) + IMPLICIT_LE.u32.pack(len(inner)) + inner
    assert read(
        T00080005={"vr": "CS", "Value": ["ISO_IR 100"]},
        T00100010={"vr": "UN", "InlineBinary": name},
        T00091001={"vr": "UN", "InlineBinary": base64.b64encode(items).decode()},
    ) == Subject(names=frozenset({"Müller^J"}), identifiers=frozenset({"4711"}))


@pytest.mark.parametrize("vr", ["DA", "DT", "UI"])
def test_a_name_or_identifier_tells_in_whatever_vr_it_was_written(vr: str) -> None:
    name, number = {"vr": vr, "Value": ["Smith^John"]}, {"vr": vr, "Value": ["PID77731-9"]}
    expected = Subject(names=frozenset({"Smith^John"}), identifiers=frozenset({"PID77731-9"}))
    assert read(T00100010=name, T00100020=number) == expected


def test_codes_tell_also_where_their_sequence_is_in_vr_unknown() -> None:
    code = IMPLICIT_LE.make(0x00080104, "LO", b"Kilgore Trout ")
    items = IMPLICIT_LE.tag(0xFFFEE000) + IMPLICIT_LE.u32.pack(len(code)) + code
    unknown = {"vr": "UN", "InlineBinary": base64.b64encode(items).decode()}
    assert read(T00401101=unknown).names == {"Kilgore Trout"}
    assert read(T0040A730={"vr": "SQ", "Value": [{"00401101": unknown}]}).names == {"Kilgore Trout"}


@pytest.mark.parametrize("limit", ["MAX_MEMO", "MAX_SUBJECTS", "MEMO_BYTES"])
def test_what_is_remembered_is_bounded(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonfacts, limit, 1)
    reader = JsonFactReader()
    for number in range(4):
        element = {"vr": "LO", "Value": [f"ID-{number}"]}
        assert read(reader, T00100020=element, T00080050=element).identifiers == {f"ID-{number}"}


def test_items_too_deep_are_refused() -> None:
    element: dict[str, Any] = {"vr": "SQ", "Value": [{}]}
    for _ in range(70):
        element = {"vr": "SQ", "Value": [{"0040A730": element}]}
    with pytest.raises(LimitExceeded):
        read(T0040A730=element)


def test_what_is_no_json_model_is_malformed() -> None:
    with pytest.raises(MalformedInput, match=r"\(0010,0010\)"):
        JsonFactReader().read({"00100010": b'{"vr":1}'})
