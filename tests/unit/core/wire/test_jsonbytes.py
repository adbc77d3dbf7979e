"""Values of the DICOM JSON Model as they are encoded: every VR, and what none can hold."""

import json
from typing import Any

import pytest

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard.vr import VRS
from gateway.core.wire import jsonbytes
from gateway.core.wire.jsonbytes import bulk_text, value_bytes
from gateway.core.wire.jsonelement import decode_element

TAG = 0x00091001


def encoded(vr: str, *values: Any, **members: Any) -> bytes:
    element = {"vr": vr, "Value": list(values)} if values else {"vr": vr, **members}
    return value_bytes(decode_element(json.dumps(element).encode(), TAG), TAG)


@pytest.mark.parametrize(
    ("vr", "values", "expected"),
    [
        ("AE", ["STORE_1"], b"STORE_1"),
        ("AT", ["7FE00010", "00080018"], b"\xe0\x7f\x10\x00\x08\x00\x18\x00"),
        ("CS", ["A", None, "B"], b"A\\\\B"),
        ("DS", [1.5, 2, "3.0", None], b"1.5\\2\\3.0\\"),
        ("DS", [0.30000000000000004], b"0.3"),
        ("DS", [-1.2345678901234567e-100], b"-1.23456789e-100"),
        ("DS", [12345678901234567890], b"1.2345678901e+19"),
        ("IS", [7, 8.0, "9"], b"7\\8\\9"),
        ("FD", [1, "NaN"], b"\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\xf8\x7f"),
        ("FL", [0.5, "-Infinity"], b"\0\0\0\x3f\0\0\x80\xff"),
        ("SL", [-2], b"\xfe\xff\xff\xff"),
        ("SS", [-2, 3], b"\xfe\xff\x03\0"),
        ("SV", ["-2"], b"\xfe" + b"\xff" * 7),
        ("UL", [2**32 - 1], b"\xff" * 4),
        ("US", [1, 2.0], b"\1\0\2\0"),
        ("UV", [2**64 - 1], b"\xff" * 8),
        ("LO", ["Größe", "ß"], "Größe\\ß".encode()),
        ("LT", ["a\\b\r\nc"], b"a\\b\r\nc"),
        ("UR", ["http://127.0.0.1/a\\b"], b"http://127.0.0.1/a\\b"),
        ("UI", ["1.2.3"], b"1.2.3"),
        ("PN", [{"Alphabetic": "A^B", "Ideographic": "山", "Phonetic": "やま"}, None], "A^B=山=やま\\".encode()),
        ("PN", [{"Phonetic": "x"}, "C^D=E"], b"==x\\C^D=E"),
        ("PN", [{}], b""),
        ("DA", [None], b""),
    ],
)
def test_values_are_encoded(vr: str, values: list[Any], expected: bytes) -> None:
    assert encoded(vr, *values) == expected


@pytest.mark.parametrize("vr", sorted(VRS.keys() - {"SQ"}))
def test_no_value_is_no_bytes(vr: str) -> None:
    assert encoded(vr) == b""
    assert encoded(vr, Value=[]) == b""


def test_bytes_may_be_inline_for_binary_vrs() -> None:
    assert encoded("OB", InlineBinary="AQID") == b"\1\2\3"
    assert encoded("US", InlineBinary="AQI=") == b"\1\2"
    assert encoded("UN", InlineBinary="") == b""


@pytest.mark.parametrize(
    ("vr", "values"),
    [
        ("US", [65536]), ("US", [-1]), ("US", [1.5]), ("US", ["x"]), ("US", [True]), ("US", [None]), ("US", [[1]]),
        ("SV", ["1.5"]), ("SV", ["9" * 5000]), ("FL", [1e300]), ("FL", ["0x1"]), ("AT", ["7FE0001"]),
        ("AT", ["7FE0_010"]), ("AT", [5]), ("AT", ["ABCDEFGH"]), ("LO", [5]), ("LO", ["a\\b"]), ("LO", [["a"]]),
        ("CS", ["ä"]), ("UI", ["1.2.ä"]), ("LT", ["a", "b"]), ("UT", ["a", "b"]), ("IS", [1.5]), ("DS", [True]),
        ("DS", [10**400]), ("PN", [{"Alphabetic": "a=b"}]), ("PN", [{"Alphabetic": "a\\b"}]),
        ("PN", [{"Alphabetic": 5}]), ("PN", [5]), ("OB", ["AQID"]), ("UN", [1]), ("LO", [{"a": "b"}]),
    ],
)  # fmt: skip
def test_what_a_vr_cannot_hold_is_malformed(vr: str, values: list[Any]) -> None:
    with pytest.raises(MalformedInput, match=r"\(0009,1001\)"):
        encoded(vr, *values)


@pytest.mark.parametrize(("vr", "text"), [("OB", "A"), ("OB", "A B="), ("OW", "AQID"), ("US", "AQID"), ("LO", "AQID")])
def test_inline_bytes_that_are_no_values_are_malformed(vr: str, text: str) -> None:
    with pytest.raises(MalformedInput):
        encoded(vr, InlineBinary=text)


def test_inline_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonbytes, "MAX_INLINE_BYTES", 3)
    assert encoded("OB", InlineBinary="AQID") == b"\1\2\3"
    with pytest.raises(LimitExceeded):
        encoded("OB", InlineBinary="AQIDBA==")


def test_text_in_octets_becomes_utf_8() -> None:
    assert bulk_text("Käse".encode(), "LT", ("ISO_IR 100",), TAG) == "Käse".encode()
    assert bulk_text("Käse".encode("latin-1"), "LT", ("ISO_IR 100",), TAG) == "Käse".encode()
    assert bulk_text(b"", "UT", (), TAG) == b""
    assert bulk_text(b"\xff\x00", "OB", (), TAG) == b"\xff\x00"
    with pytest.raises(MalformedInput):
        bulk_text(b"K\xe4se", "LT", (), TAG)
