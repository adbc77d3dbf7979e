"""What a parser can ask for, over chunk boundaries."""

import re

import pytest

from gateway.core.rewrite.codestream.ops import Filter, Find, Keep, Parser, Put, Read, Take, ones, spaces, zeros
from tests.unit.core.rewrite.codestream.streams import parsed

DATA = b"0123456789" * 3


def test_bytes_pass_are_read_and_are_changed() -> None:
    read = set()

    def parser() -> Parser:
        yield Keep(3)
        read.add((yield Read(4)))
        yield Filter(2, zeros)
        yield Filter(1, spaces)
        yield Filter(4, ones)
        yield Keep()

    assert parsed(parser, DATA) == b"0123456\0\0 \xff\xff\xff\xff4567890123456789"
    assert read == {b"3456"}


def test_bytes_taken_leave_as_they_are_put() -> None:
    taken = set()

    def parser() -> Parser:
        yield Keep(1)
        taken.add((yield Take(2)))
        taken.add((yield Take(4)))  # the same two and two more
        yield Put(b"ABCD")
        taken.add((yield Take(3)))
        yield Put(b"567")
        yield Keep()

    assert parsed(parser, DATA) == b"0ABCD" + DATA[5:]
    assert taken == {b"12", b"1234", b"567"}


def test_of_many_a_multiple_comes_and_the_rest_waits() -> None:
    def parser() -> Parser:
        while True:
            taken = yield Take(4, many=True)
            assert len(taken) % 4 == 0
            yield Put(taken.translate(bytes(range(256)).replace(b"0", b"x")))

    assert parsed(parser, DATA) == DATA[:28].replace(b"0", b"x") + bytes(2)


def test_nothing_asked_for_takes_nothing() -> None:
    def parser() -> Parser:
        yield Keep(0)
        assert (yield Read(0)) == b""
        assert (yield Take(0)) == b""
        yield Put(b"")
        yield Filter(-1, zeros)
        yield Keep()

    assert parsed(parser, DATA) == DATA


@pytest.mark.parametrize(("pattern", "width"), [(rb"7", 1), (rb"[67][78]", 2), (rb"789", 3), (rb"5678", 4)])
def test_a_pattern_is_found_wherever_the_bytes_are_cut(pattern: bytes, width: int) -> None:
    found = set()

    def parser() -> Parser:
        for _ in range(3):
            found.add((yield Find(re.compile(pattern), width)))
        yield Filter(9, ones)

    end = re.search(pattern, DATA[20:])
    assert end
    stop = 20 + end.end()
    assert parsed(parser, DATA) == (DATA[:stop] + b"\xff" * 9)[: len(DATA)]
    assert found == {end.group()}


def test_bytes_before_a_pattern_can_be_changed() -> None:
    def hidden(old: bytes) -> bytes:
        return bytes(byte if byte in b"789" else 0x2E for byte in old)

    def parser() -> Parser:
        yield Find(re.compile(rb"789"), 3, hidden)
        yield Keep()

    assert parsed(parser, b"78 7788 12789789") == b"78.7788...789789"


def test_after_the_parser_bytes_become_zeros() -> None:
    def parser() -> Parser:
        yield Keep(4)

    assert parsed(parser, DATA) == DATA[:4] + bytes(26)
