"""Searching for many at once finds what looking for one after the other finds."""

from random import Random

import pytest

from gateway.core.rewrite import search
from gateway.core.rewrite.search import FEW, STEP_BYTES, AnyOf, UidSearch


def letters(random: Random, length: int) -> bytes:
    return bytes(random.choices(b"abcd", k=length))


@pytest.mark.parametrize("number", [0, 1, FEW, FEW + 1, 4 * FEW])
def test_any_of_some_bytes_is_in_what_holds_one(number: int) -> None:
    random = Random(number)
    seen = set()
    for _ in range(300):
        wanted = [letters(random, random.randrange(3, 12)) + b"x" for _ in range(number)]
        data = letters(random, 200)
        if number and random.random() < 0.5:
            data = data[:100] + random.choice(wanted) + data[100:]
        expected = any(one in data for one in wanted)
        seen.add(expected)
        assert AnyOf(wanted).is_in(data) == expected
    assert seen == ({True, False} if number else {False})


def test_what_lies_across_two_steps_is_found() -> None:
    wanted = [b"name%04d" % number for number in range(2 * FEW)]
    for at in (*range(STEP_BYTES - 9, STEP_BYTES + 2), 3 * STEP_BYTES - 8):
        data = bytearray(3 * STEP_BYTES)
        data[at : at + 8] = wanted[7]
        assert AnyOf(wanted).is_in(bytes(data))
        data[at] = 0
        assert not AnyOf(wanted).is_in(bytes(data))


@pytest.mark.parametrize("wanted", [b"ab", b"abc", b"abcd"])
def test_what_is_shorter_than_a_row_is_found_among_many(wanted: bytes) -> None:
    many = [wanted, *(b"long%04d" % number for number in range(2 * FEW))]
    assert AnyOf(many).is_in(b"..." + wanted + b"...")
    assert not AnyOf(many).is_in(b"..." + wanted[:-1] + b"...")


@pytest.mark.parametrize("few", [0, FEW])
def test_uids_are_found_wherever_they_occur(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "FEW", few)
    uids = frozenset(b"1.2.840.113619.2.55.3.%d.%d" % (number, number % 7) for number in range(50)) | {b"1.2.3.4.5.67"}
    searched = UidSearch(uids)
    for uid in uids:
        for data in (uid, b"UI\x20\0" + uid + b"\0", b"9" + uid + b"8", b"1.2.840.113619.2.55.3." + uid):
            assert searched.finds(data)
        assert searched.finds(uid[:-1] + b"x") == any(other in uid[:-1] for other in uids)
    assert not searched.finds(b"1.2.840.113619.2.55.3.77.9 1.2.3.4.5.6 " + b"1.2.3.4.5.6.7")
    assert not UidSearch(frozenset()).finds(b"1.2.3")
