"""Text where numbers belong does not leave, whatever the VR, the encoding and the place."""

import json
from base64 import b64encode

import pytest

from gateway.core.rewrite.lookahead import RUN_ELEMENTS
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.arrays import sequence
from tests.unit.core.rewrite.objects import engine, released

ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]
FIRST, WIDTH, LAST = 0x00280404, 0x00281050, 0x003A0010
INTEGER, POINTER, SMALL, LONG, SIGNED = 0x003A0202, 0x00280702, 0x00280710, 0x00289001, 0x00289503
LUT = b"\x28\0\x10\x30"
SAFE = "options: [retain_safe_private]"
SAFE_NUMBER = 0x39  # of GEMS_PARM_01, IS


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("tag", "vr", "value", "left"),
    [
        (WIDTH, "DS", b"SMITH^JOHN", b""),
        (WIDTH, "DS", b"0.5\\PID77731", b"0.5\\"),
        (INTEGER, "IS", b"PID77731", b""),
        (SMALL, "US", b"SMITH^JOH", b""),
        (POINTER, "AT", b"SMITH^JOHN", b""),
        (LONG, "UL", b"SMITH^JOHN", b""),
        (SIGNED, "SS", b"SMITH", b""),
    ],
)
def test_text_among_numbers_is_emptied(encoding: Encoding, tag: int, vr: str, value: bytes, left: bytes) -> None:
    before = encoding.make(FIRST, "AT", bytes(4))
    behind = encoding.make(LAST, "UL", bytes(4))
    if len(value) % 2:  # an odd length is written as it is
        bad = encoding.make(tag, vr, b"")[: -2 if encoding.explicit else -4]
        bad += (encoding.u16 if encoding.explicit else encoding.u32).pack(len(value)) + value
    else:
        bad = encoding.make(tag, vr, value)
    assert released(before + bad + behind, encoding=encoding) == before + encoding.make(tag, vr, left) + behind


@pytest.mark.parametrize("vr", ["DS", "IS", "US", "AT"])
def test_text_in_a_number_of_unknown_vr_is_emptied_and_a_number_stays(vr: str) -> None:
    tag = {"DS": WIDTH, "IS": INTEGER, "US": SMALL, "AT": POINTER}[vr]
    good = EXPLICIT_LE.make(tag, "UN", b"12  " if vr in ("DS", "IS") else bytes(4))
    assert released(good) == good
    text = b"SMITH^JOHN" if vr in ("DS", "IS") else b"SMITH^JOH"
    key, hidden = EXPLICIT_LE.tag(tag) + b"UN", b"\xfe\xff\x00\xe0\x0a\0\0\0\x10\0\x10\0SMITH^"
    assert released(EXPLICIT_LE.element(key, 1, text)) == EXPLICIT_LE.make(tag, "UN", b"")
    assert released(EXPLICIT_LE.element(key, 1, hidden)) == b""


@pytest.mark.parametrize("count", [1, 2, RUN_ELEMENTS, RUN_ELEMENTS + 1])
def test_a_run_of_numbers_met_before_lets_no_text_through(count: int) -> None:
    under = engine()
    numbers = [EXPLICIT_LE.make(WIDTH + n, "DS", b"0.5") for n in (0, 1, 2)]
    run = (numbers * (count // 3 + 1))[:count]
    bad, empty = EXPLICIT_LE.make(WIDTH, "DS", b"SMITH^JOHN"), EXPLICIT_LE.make(WIDTH, "DS", b"")
    for at in (*range(count), *range(count)):
        good = b"".join(run)
        assert released(good, under) == good
        left, right = b"".join(run[:at]), b"".join(run[at + 1 :])
        assert released(left + bad + right, under) == left + empty + right


def test_numbers_that_differ_from_object_to_object_are_looked_at_each_time() -> None:
    under, bad = engine(), EXPLICIT_LE.make(WIDTH + 2, "DS", b"SMITH^JOHN")
    for number in range(12):
        whole = b"".join(EXPLICIT_LE.make(WIDTH + n, "DS", b"%d" % (number // (n + 1))) for n in range(4))
        assert released(whole, under) == whole
        text = whole[:20] + bad + whole[30:]
        assert released(text, under) == whole[:20] + bad[:6] + b"\0\0" + whole[30:]


def test_a_known_run_of_numbers_ends_where_its_item_ends() -> None:
    under = engine()
    one, two = EXPLICIT_LE.make(WIDTH, "DS", b"40"), EXPLICIT_LE.make(WIDTH + 1, "DS", b"400")
    for number in range(3):
        whole = sequence(LUT, one + two + EXPLICIT_LE.make(0x00281055, "LO", b"%d" % number))
        assert released(whole, under) == whole
    ends_early = sequence(LUT, one) + two
    assert released(ends_early, under) == ends_early


def test_text_among_the_numbers_of_an_item_is_emptied() -> None:
    bad, empty = (EXPLICIT_LE.make(WIDTH, "DS", value) for value in (b"SMITH^JOHN", b""))
    assert released(sequence(LUT, bad)) == sequence(LUT, empty)


@pytest.mark.parametrize("vr", ["IS", "UN"])
def test_text_in_a_safe_private_number_is_emptied(vr: str) -> None:
    creator = EXPLICIT_LE.make(0x00430010, "LO", b"GEMS_PARM_01")
    good, bad, empty = (EXPLICIT_LE.make(0x00431000 + SAFE_NUMBER, vr, value) for value in (b"1000", b"PID77731", b""))
    assert released(creator + good, engine(SAFE)) == creator + good
    assert released(creator + bad, engine(SAFE)) == creator + empty


@pytest.mark.parametrize(
    ("tag", "raw", "left"),
    [
        ("00280030", b"0.5\\PID77731", b"0.5\\"),
        ("00280030", b"0.5 ", b"0.5 "),
        ("00280010", b"SMITH^JOH", b""),
        ("00280010", b"\0\2", b"\0\2"),
    ],
)
def test_the_json_model_empties_the_same_in_unknown_vr(tag: str, raw: bytes, left: bytes) -> None:
    element = {"vr": "UN", "InlineBinary": b64encode(raw).decode()}
    head = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    }
    found = engine().metadata(json.dumps(head | {tag: element}).encode(), lambda uri: uri)
    assert found is not None
    expected = {"vr": "UN", "InlineBinary": b64encode(left).decode()} if left else {"vr": "UN"}
    assert json.loads(found)[tag] == expected
