"""Extended offset tables leave together, as numbers that they can be, or not at all, from Part 10 and JSON alike."""

import itertools
import json
import struct
from base64 import b64encode
from typing import Any

import pytest

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.offsets import MAX_FRAME_BYTES, are_tables
from gateway.core.rewrite.stream import Limits
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.arrays import sequence
from tests.unit.core.rewrite.objects import CT, data_set_rewriter, engine, feed, head, released, released_head

OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002
BEHIND = 0x7FE00010
TEXT = b"SMITH^JOHN^19650412^PID7"
LUT = b"\x28\0\x10\x30"


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


GOOD = [
    (b"", b""),
    (numbers(0), numbers(0)),
    (numbers(0), numbers(7)),
    (numbers(0, 16, 32), numbers(8, 7, 99)),
    (numbers(0, 18), numbers(8, 1)),
    (numbers(*range(0, 40 * MAX_FRAME_BYTES, MAX_FRAME_BYTES)), numbers(*[MAX_FRAME_BYTES - 8] * 40)),
]
BAD = [
    (TEXT, TEXT),
    (TEXT, numbers(8, 8, 8)),
    (numbers(0, 16, 32), TEXT),
    (numbers(0, 16), numbers(8, *struct.unpack("<Q", b"SMITH^JO"))),
    (numbers(0), b"SMIT\0\0\0\0"),
    (numbers(0, 16, 32), numbers(8, 8)),
    (numbers(0, 16), numbers(8, 8, 8)),
    (numbers(8, 24), numbers(8, 8)),
    (numbers(0, 17), numbers(8, 8)),
    (numbers(0, 16, 16), numbers(8, 8, 8)),
    (numbers(0, 16, 8), numbers(8, 8, 8)),
    (numbers(0, 16), numbers(9, 8)),
    (numbers(0, MAX_FRAME_BYTES + 2), numbers(8, 8)),
    (numbers(0, 16), numbers(8, MAX_FRAME_BYTES)),
    (numbers(0)[:6], numbers(0)[:6]),
    (numbers(0), b""),
    (b"", numbers(0)),
]


def tables(offsets: bytes, lengths: bytes, encoding: Encoding = EXPLICIT_LE, vr: str = "OV") -> bytes:
    return encoding.make(OFFSETS, vr, offsets) + encoding.make(LENGTHS, vr, lengths)


def in_json(data_set: dict[str, Any], under: Engine | None = None) -> dict[str, Any]:
    first = {
        "00080016": {"vr": "UI", "Value": [CT.decode()]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00280010": {"vr": "US", "Value": [1]},
    }
    by = under or engine()
    found = [by.metadata(json.dumps(first | data_set).encode(), lambda uri: uri) for _ in range(2)]
    assert found[0] == found[1]
    return {key: value for key, value in json.loads(found[0] or b"").items() if key in (*data_set, "7FE00001")}


def element(raw: bytes, vr: str = "OV") -> dict[str, Any]:
    return {"vr": vr, "InlineBinary": b64encode(raw).decode()} if raw else {"vr": vr}


@pytest.mark.parametrize(("offsets", "lengths"), GOOD)
def test_offsets_and_the_lengths_between_them_are_tables(offsets: bytes, lengths: bytes) -> None:
    assert are_tables(offsets, lengths)


@pytest.mark.parametrize(("offsets", "lengths"), BAD)
def test_anything_else_is_none(offsets: bytes, lengths: bytes) -> None:
    assert not are_tables(offsets, lengths)


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, IMPLICIT_LE])
@pytest.mark.parametrize("vr", ["OV", "UN"])
def test_part_10_lets_tables_pass_together_or_not_at_all(encoding: Encoding, vr: str) -> None:
    under = engine()
    pixels = encoding.make(BEHIND, "OW", b"PIXELS")
    for (offsets, lengths), _ in itertools.product(GOOD, range(3)):
        whole = tables(offsets, lengths, encoding, vr) + pixels
        assert released(whole, under, encoding) == whole
    for (offsets, lengths), _ in itertools.product(BAD, range(3)):
        assert released(tables(offsets, lengths, encoding, vr) + pixels, under, encoding) == pixels


@pytest.mark.parametrize("vr", ["OV", "UN"])
def test_the_json_model_says_the_same(vr: str) -> None:
    by = engine()
    for offsets, lengths in GOOD:
        both = {"7FE00001": element(offsets, vr), "7FE00002": element(lengths, vr)}
        assert in_json(both, by) == both
    for offsets, lengths in BAD:
        assert in_json({"7FE00001": element(offsets, vr), "7FE00002": element(lengths, vr)}, by) == {}


def test_big_endian_numbers_are_read_as_such() -> None:
    good = struct.pack(">3Q", 0, 16, 32), struct.pack(">3Q", 8, 8, 8)
    pixels = EXPLICIT_BE.make(BEHIND, "OW", b"PIXELS")
    whole = tables(*good, EXPLICIT_BE) + pixels
    assert released(whole, encoding=EXPLICIT_BE) == whole
    assert released(tables(*GOOD[3], EXPLICIT_BE) + pixels, encoding=EXPLICIT_BE) == pixels
    assert released(tables(*good, EXPLICIT_BE, "UN") + pixels, encoding=EXPLICIT_BE) == pixels


@pytest.mark.parametrize("vr", ["LT", "OB", "UT"])
def test_a_table_in_a_vr_that_it_cannot_have_goes_and_so_does_the_other(vr: str) -> None:
    good = GOOD[3]
    for vrs in ((vr, "OV"), ("OV", vr), (vr, vr)):
        pair = [EXPLICIT_LE.make(tag, vr, raw) for tag, vr, raw in zip((OFFSETS, LENGTHS), vrs, good, strict=True)]
        assert released(b"".join(pair)) == b""
    assert in_json({"7FE00001": element(good[0], "OB"), "7FE00002": element(good[1])}) == {}


def test_one_without_the_other_goes() -> None:
    offsets, lengths = (EXPLICIT_LE.make(tag, "OV", raw) for tag, raw in zip((OFFSETS, LENGTHS), GOOD[3], strict=True))
    pixels = EXPLICIT_LE.make(BEHIND, "OW", b"PIXELS")
    assert released(offsets) == released(lengths) == b""
    assert released(offsets + pixels) == released(lengths + pixels) == pixels
    assert released(lengths + offsets + pixels) == released(offsets + offsets + pixels) == pixels
    assert released(offsets + lengths + lengths + pixels) == offsets + lengths + pixels
    assert in_json({"7FE00001": element(GOOD[3][0])}) == in_json({"7FE00002": element(GOOD[3][1])}) == {}


@pytest.mark.parametrize("gone", ["ExtendedOffsetTable", "ExtendedOffsetTableLengths"])
def test_one_goes_where_the_profile_removes_the_other(gone: str) -> None:
    under = engine(f"  {gone}: {{action: remove}}\n")
    assert released(tables(*GOOD[3]), under) == b""
    assert in_json({"7FE00001": element(GOOD[3][0]), "7FE00002": element(GOOD[3][1])}, under) == {}


def test_tables_that_metadata_only_name_go() -> None:
    named = {"vr": "OV", "BulkDataURI": "table"}
    assert in_json({"7FE00001": named, "7FE00002": named}) == {}
    assert in_json({"7FE00001": element(GOOD[3][0]), "7FE00002": named}) == {}


def test_there_are_none_in_items() -> None:
    rows = EXPLICIT_LE.make(0x00280010, "US", b"\1\0")
    assert released(sequence(LUT, rows + tables(*GOOD[3]))) == sequence(LUT, rows)
    inner = {"00280010": {"vr": "US", "Value": [1]}}
    items = {"vr": "SQ", "Value": [inner | {"7FE00001": element(GOOD[3][0]), "7FE00002": element(GOOD[3][1])}]}
    assert in_json({"00283010": items})["00283010"] == {"vr": "SQ", "Value": [inner]}


def test_what_goes_is_counted() -> None:
    for body, count in ((tables(*BAD[0]), 2), (tables(*GOOD[3])[:36], 1), (tables(*GOOD[3]), 0)):
        rewriter = data_set_rewriter(engine())
        feed(rewriter, [head() + body])
        assert rewriter.counts[1] == count


def test_tables_that_are_cut_or_without_end_are_malformed() -> None:
    whole = tables(*GOOD[3])
    for cut in (*range(1, 36), *range(37, len(whole))):
        with pytest.raises(MalformedInput):
            feed(data_set_rewriter(engine()), [head() + whole[:cut]])
    endless = b"UN\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\0\0\0\0"
    for before, tag in ((b"", OFFSETS), (b"", LENGTHS), (whole[:36], LENGTHS)):
        with pytest.raises(MalformedInput, match="undefined length"):
            released(before + EXPLICIT_LE.tag(tag) + endless)


def test_no_more_is_held_than_an_element_may_have() -> None:
    rewriter = data_set_rewriter(engine(), limits=Limits(max_element_bytes=1000))
    long = EXPLICIT_LE.tag(OFFSETS) + b"OV\0\0" + (4000).to_bytes(4, "little")
    with pytest.raises(LimitExceeded, match="held whole"):
        feed(rewriter, [head() + long + bytes(12), bytes(12)])


def test_under_the_final_check_too() -> None:
    under = engine("final_check: true\n")
    before = released_head(under)
    for body, left in ((tables(*GOOD[3]), tables(*GOOD[3])), (tables(*BAD[0]), b"")):
        assert feed(data_set_rewriter(under), [head() + body]) == before + left
