"""What is found out about a private group or a content item before its first element may leave."""

import struct

import pytest

from gateway.core.profile.plan import ROOT
from gateway.core.rewrite.lookahead import Short, content_of, creator_name, reserved
from gateway.core.rewrite.tables import Table
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.arrays import NAME, open_sequence, sequence
from tests.unit.core.rewrite.objects import engine

DETAILS = """\
  ("ACME",0029,10): {action: keep}
  ("ELSE",0029,10): {action: keep}
"""
ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]


def table(encoding: Encoding = EXPLICIT_LE) -> Table:
    return Table(engine(DETAILS).plan(""), ROOT, encoding)


def group(*elements: tuple[int, bytes], encoding: Encoding = EXPLICIT_LE) -> bytes:
    return b"".join(encoding.make(0x00290000 + number, "LO", value) for number, value in elements)


def blocks(body: bytes, encoding: Encoding = EXPLICIT_LE, *, closed: bool = True) -> dict[int, str]:
    found = reserved(body, 0, len(body), table(encoding), closed=closed)
    return {block & 0xFF: owner.creator or "" for block, owner in found.items()}


ACME, ELSE, NOBODY = (0x10, b"ACME"), (0x11, b"ELSE"), (0x12, b"NONE")
KEPT, GONE = (0x1010, b"Hi"), (0x1011, b"Hi")


@pytest.mark.parametrize("encoding", [EXPLICIT_LE, EXPLICIT_BE])
def test_a_block_is_reserved_when_an_element_of_it_is_kept(encoding: Encoding) -> None:
    assert blocks(group(ACME, GONE, encoding=encoding), encoding) == {0x10: ""}
    assert blocks(group(ACME, GONE, KEPT, encoding=encoding), encoding) == {0x10: "ACME"}
    assert blocks(group(ACME, encoding=encoding), encoding) == {0x10: ""}


def test_each_block_of_a_group_is_looked_at() -> None:
    assert blocks(group(ACME, ELSE, NOBODY, KEPT, (0x1210, b"Hi"))) == {0x10: "ACME", 0x11: "", 0x12: ""}
    assert blocks(group(ACME, ELSE, KEPT, (0x1110, b"Hi"))) == {0x10: "ACME", 0x11: "ELSE"}


def test_of_two_creators_of_one_block_none_counts() -> None:
    assert blocks(group(ACME, (0x10, b"ELSE"), KEPT)) == {0x10: ""}


def test_a_group_ends_where_another_begins() -> None:
    assert blocks(group(ACME) + EXPLICIT_LE.make(0x00300010, "LO", b"A") + group(KEPT)) == {0x10: ""}


@pytest.mark.parametrize("kind", [b"OB", b"SQ", b"UN"])
def test_what_lies_between_is_stepped_over(kind: bytes) -> None:
    inside = sequence(b"\x29\0\x05\x10", NAME, vr=kind)
    assert blocks(group(ACME) + inside + group(KEPT)) == {0x10: "ACME"}
    if kind == b"SQ":
        assert blocks(group(ACME) + open_sequence(b"\x29\0\x05\x10", NAME) + group(KEPT)) == {0x10: "ACME"}


def test_a_private_value_in_unknown_vr_is_kept_unless_it_is_items() -> None:
    within = engine('  ("SIEMENS CSA HEADER",0029,08): {action: keep}\n')  # CS, says the private dictionary
    here = Table(within.plan(""), ROOT, EXPLICIT_LE)
    creator = EXPLICIT_LE.make(0x00290010, "LO", b"SIEMENS CSA HEADER")
    for value, kept in ((b"IMAGE", True), (b"\xfe\xff\x00\xe0\0\0\0\0", False), (b"", True)):
        body = creator + EXPLICIT_LE.make(0x00291008, "UN", value)
        assert bool(reserved(body, 0, len(body), here, closed=True)[0x2910].creator) is kept


def test_more_bytes_are_asked_for_until_the_answer_is_certain() -> None:
    whole = group(ACME, ELSE, GONE, KEPT, (0x1110, b"Hi"))
    certain = len(whole) - len(b"Hi")  # the last header decides
    for end in range(len(group(ACME)), len(whole)):
        if end < certain:
            with pytest.raises(Short):
                blocks(whole[:end], closed=False)
        else:
            assert blocks(whole[:end], closed=False) == {0x10: "ACME", 0x11: "ELSE"}
    with pytest.raises(Short):
        blocks(group(ACME, GONE), closed=False)
    assert blocks(group(ACME, GONE) + EXPLICIT_LE.make(0x00300010, "LO", b"A"), closed=False) == {0x10: ""}


def test_a_long_value_on_the_way_is_asked_for_at_once() -> None:
    body = group(ACME) + b"\x29\0\x11\x10OB\0\0" + (100_000).to_bytes(4, "little") + bytes(100)
    with pytest.raises(Short) as caught:
        blocks(body, closed=False)
    assert caught.value.upto > 100_000


def test_what_is_malformed_is_left_to_the_walk() -> None:
    assert blocks(group(ACME) + b"\x29\0\x11\x10??\0\0", closed=False) == {0x10: ""}
    assert blocks(b"\x29\0\x10\0UN\0\0\xff\xff\xff\xff") == {}


def test_a_creator_is_compared_without_its_padding() -> None:
    assert creator_name(b"ACME 1.1 ") == creator_name(b"ACME 1.1\0") == "ACME 1.1"


def item(encoding: Encoding, *, code: int = 0x00080100, is_open: bool = False) -> bytes:
    body = encoding.make(code, "SH", b"121106") + encoding.make(0x00080102, "SH", b"DCM ")
    length = 0xFFFFFFFF if is_open else len(body)
    end = encoding.tag(0xFFFEE00D) + encoding.u32.pack(0) if is_open else b""
    concept = encoding.tag(0xFFFEE000) + encoding.u32.pack(length) + body + end
    return (
        encoding.make(0x0040A010, "CS", b"CONTAINS")
        + encoding.make(0x0040A040, "CS", b"TEXT")
        + encoding.make(0x0040A043, "SQ", concept)
        + encoding.make(0x0040A160, "UT", b"Smith")
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("code", [0x00080100, 0x00080119, 0x00080120])
def test_a_content_item_says_what_it_is_about(encoding: Encoding, is_open: bool, code: int) -> None:
    body = item(encoding, code=code, is_open=is_open)
    if code != 0x00080100:  # after the scheme, as the tags ascend; the order does not matter here
        assert content_of(body, 0, len(body), encoding)[:2] == (("DCM", "121106"), "TEXT")
    concept, value_type, end = content_of(b"??" + body, 2, 2 + len(body), encoding)
    assert (concept, value_type) == (("DCM", "121106"), "TEXT")
    assert (b"??" + body)[end:] == encoding.make(0x0040A160, "UT", b"Smith")


def test_a_content_item_may_not_say_anything() -> None:
    body = EXPLICIT_LE.make(0x0040A160, "UT", b"Smith")
    assert content_of(body, 0, len(body), EXPLICIT_LE) == (("", ""), "", 0)
    assert content_of(b"", 0, 0, EXPLICIT_LE) == (("", ""), "", 0)
    empty = EXPLICIT_LE.make(0x0040A043, "SQ", b"") + body
    assert content_of(empty, 0, len(empty), EXPLICIT_LE) == (("", ""), "", len(empty) - len(body))


def test_a_concept_in_unknown_vr_is_read_in_implicit_vr() -> None:
    body = IMPLICIT_LE.make(0x00080100, "SH", b"121106") + IMPLICIT_LE.make(0x00080102, "SH", b"DCM ")
    coded = EXPLICIT_LE.make(0x0040A043, "UN", b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body)
    assert content_of(coded, 0, len(coded), EXPLICIT_LE)[0] == ("DCM", "121106")


def test_a_content_item_that_is_cut_is_not_taken_for_another() -> None:
    body = item(EXPLICIT_LE)
    known = body.index(b"\x40\0\x60\xa1UT")
    for end in range(known):
        with pytest.raises((IndexError, struct.error)):
            content_of(body[:end], 0, known, EXPLICIT_LE)
