"""Private elements that a profile keeps: with creators that still reserve something, walked where they are items."""

from collections.abc import Callable

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.arrays import DUMMY_NAME, NAME, NAMES, WINDOW, open_sequence, sequence
from tests.unit.core.rewrite.objects import data_set_rewriter, engine, feed, head, released, uid

DETAILS = """\
  ("ACME",0029,10): {action: keep}
  ("ACME",0029,20): {action: remove}
  ("ELSE",0029,10): {action: keep}
"""
ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]


def element(number: int, value: bytes, vr: str = "LO", encoding: Encoding = EXPLICIT_LE) -> bytes:
    return encoding.make(0x00290000 + number, vr, value)


ACME, ELSE = element(0x10, b"ACME"), element(0x11, b"ELSE")
LARGE = element(0x1020, bytes(70_000), "OB")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ACME + element(0x1020, b"Hi"), b""),
        (ACME + ELSE + element(0x1110, b"Hi"), ELSE + element(0x1110, b"Hi")),
        (
            ACME + ELSE + element(0x1010, b"A") + element(0x1020, b"B") + element(0x1110, b"C"),
            ACME + ELSE + element(0x1010, b"A") + element(0x1110, b"C"),
        ),
        (ACME + LARGE + element(0x1010, b"A"), ACME + element(0x1010, b"A")),
        (ACME + LARGE, b""),
        (ACME + element(0x1010, b"A") + LARGE, ACME + element(0x1010, b"A")),
        (ACME + element(0x1010, bytes(70_000), "OB"), ACME + element(0x1010, bytes(70_000), "OB")),
        (ACME + element(0x10, b"ELSE") + element(0x1010, b"A"), b""),
        (ACME + element(0x1010, b"A") + element(0x10, b"ELSE") + element(0x1010, b"A"), ACME + element(0x1010, b"A")),
    ],
    ids=[
        "nothing of the block is kept",
        "nothing of the first block is kept",
        "two blocks, their creators together and first",
        "a kept element after a long one that goes",
        "nothing but a long one that goes",
        "a long one that goes after a kept element",
        "a long one that is kept",
        "two creators of one block",
        "a second creator that comes later",
    ],
)
def test_a_creator_is_written_where_it_reserves_something(body: bytes, expected: bytes) -> None:
    assert released(body + WINDOW, engine(DETAILS)) == expected + WINDOW


def test_the_last_element_of_the_data_set_decides_too() -> None:
    assert released(ACME, engine(DETAILS)) == b""
    assert released(ACME + element(0x1010, b""), engine(DETAILS)) == ACME + element(0x1010, b"")


@pytest.mark.parametrize("make", [sequence, open_sequence])
def test_blocks_of_items_are_their_own(make: Callable[..., bytes]) -> None:
    inside = make(NAMES, ACME + element(0x1020, b"B"), ACME + element(0x1010, b"A"), element(0x1010, b"C"))
    expected = make(NAMES, b"", ACME + element(0x1010, b"A"), b"")
    assert released(ACME + element(0x1010, b"A") + inside, engine(DETAILS)) == ACME + element(0x1010, b"A") + expected


@pytest.mark.parametrize("make", [sequence, open_sequence])
def test_a_kept_sequence_is_walked_with_all_rules(make: Callable[..., bytes]) -> None:
    tag = b"\x29\0\x10\x10"
    block = ACME + element(0x1010, b"A")
    inner = block + element(0x1020, b"B") + NAME + make(NAMES, NAME)
    expected = block + DUMMY_NAME + make(NAMES, DUMMY_NAME)
    assert released(ACME + make(tag, inner), engine(DETAILS)) == ACME + make(tag, expected)


def test_a_uid_in_a_kept_sequence_is_mapped() -> None:
    tag, reference = b"\x29\0\x10\x10", EXPLICIT_LE.make(0x00081155, "UI", b"1.2.9")
    mapped = EXPLICIT_LE.make(0x00081155, "UI", uid("1.2.9"))
    assert released(ACME + sequence(tag, reference), engine(DETAILS)) == ACME + sequence(tag, mapped)


# (2005,140F) of this creator is a sequence, says the private dictionary.
PHILIPS = b"Philips MR Imaging DD 005"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_the_private_dictionary_calls_a_sequence_is_walked_in_any_encoding(encoding: Encoding) -> None:
    details = '  ("Philips MR Imaging DD 005",2005,0F): {action: keep}\n'
    creator = encoding.make(0x20050014, "LO", PHILIPS)
    inner = IMPLICIT_LE.make(0x00081155, "UI", b"1.2.9"), IMPLICIT_LE.make(0x00081155, "UI", uid("1.2.9"))
    before, after = (b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item for item in inner)
    body = creator + encoding.make(0x2005140F, "UN", before)
    assert released(body, engine(details), encoding) == creator + encoding.make(0x2005140F, "UN", after)


def test_text_of_a_private_block_is_cleaned() -> None:
    details = '  ("ACME",0029,10): {action: clean}\n'
    name = EXPLICIT_LE.make(0x00100010, "PN", b"Smith^Jane")
    before, after = head().split(EXPLICIT_LE.make(0x00100020, "LO", b"P1"))
    patient = name + EXPLICIT_LE.make(0x00100020, "LO", b"P1")
    whole = feed(
        data_set_rewriter(engine(details)), [before + patient + after + ACME + element(0x1010, b"CT Smith") + WINDOW]
    )
    assert whole.endswith(ACME + element(0x1010, b"CT ***") + WINDOW)


def test_private_items_of_unknown_meaning_go_whatever_their_length() -> None:
    details = '  ("NOBODY KNOWS",0029,10): {action: keep}\n'
    creator = element(0x10, b"NOBODY KNOWS")
    tag = b"\x29\0\x10\x10"
    kept = element(0x1110, b"A")
    for value in (open_sequence(tag, b"", vr=b"UN"), sequence(tag, b"", vr=b"UN")):
        assert released(creator + value + WINDOW, engine(details)) == WINDOW
    assert kept not in released(creator + kept, engine(details))


def test_a_block_that_never_ends_is_malformed() -> None:
    cut = ACME + element(0x1010, b"A")[:-1]
    with pytest.raises(MalformedInput):
        feed(data_set_rewriter(engine(DETAILS)), [head() + cut])


def test_a_group_that_no_rule_keeps_anything_of_goes_at_once() -> None:
    other = EXPLICIT_LE.make(0x00310010, "LO", b"ACME") + EXPLICIT_LE.make(0x00311010, "LO", b"Hi")
    assert released(other + WINDOW, engine(DETAILS)) == WINDOW


def test_the_group_length_before_a_creator_takes_nothing_with_it() -> None:
    body = element(0x0000, b"\1\0\0\0", "UL") + ACME + element(0x1010, b"A")
    assert released(body, engine(DETAILS)) == ACME + element(0x1010, b"A")
