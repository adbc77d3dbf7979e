"""Boxes: their sizes in three forms, padding, and what is no box."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.boxes import Rules, boxes, kept, needs
from gateway.core.rewrite.codestream.ops import Keep, Parser
from tests.kit.codestreams import TEXT, box
from tests.unit.core.rewrite.codestream.streams import parsed

RULES: Rules = {b"keep": kept}
GONE = bytes(len(TEXT))


@pytest.mark.parametrize("form", ["", "long"])
def test_a_box_that_a_rule_names_is_kept_and_another_becomes_free_space(form: str) -> None:
    file = box(b"keep", TEXT, form=form) + box(b"drop", TEXT, form=form) + box(b"keep", b"", form=form)
    clean = box(b"keep", TEXT, form=form) + box(b"free", GONE, form=form) + box(b"keep", b"", form=form)
    assert parsed(lambda: boxes(RULES), file) == clean


def test_a_box_without_a_size_reaches_to_the_end() -> None:
    assert parsed(lambda: boxes(RULES), box(b"keep", TEXT * 2, form="open")) == box(b"keep", TEXT * 2, form="open")
    assert parsed(lambda: boxes(RULES), box(b"drop", TEXT * 2, form="open")) == box(b"free", GONE * 2, form="open")


def test_padding_stays_and_a_header_that_is_cut_becomes_zeros() -> None:
    assert parsed(lambda: boxes(RULES), bytes(16) + box(b"keep", TEXT)) == bytes(16) + box(b"keep", TEXT)
    assert parsed(lambda: boxes(RULES), box(b"keep", TEXT) + b"SMITH") == box(b"keep", TEXT) + bytes(5)
    assert parsed(lambda: boxes(RULES, 8 + len(TEXT) + 5), box(b"keep", TEXT) + b"SMITH") == box(b"keep", TEXT) + bytes(
        5
    )


def test_rules_are_told_where_a_box_is() -> None:
    seen = set()

    def rule(size: int, at: int) -> Parser:
        seen.add((size, at))
        yield Keep(size)

    parsed(lambda: boxes({b"here": rule}, at=100), box(b"drop", b"12") + box(b"here", b"123", form="long"))
    assert seen == {(3, 100 + 10 + 16)}


@pytest.mark.parametrize(
    "wrong", [b"\0\0\0\7drop", b"\0\0\0\2drop", b"\0\0\0\1drop\0\0\0\0\0\0\0\x0f", b"\0\0\0\x21drop"]
)
def test_a_size_that_cannot_be_is_malformed(wrong: bytes) -> None:
    with pytest.raises(MalformedInput, match="a size that it cannot have"):
        parsed(lambda: boxes(RULES, 32), wrong.ljust(32, b"x"))


def test_a_box_without_room_for_what_it_must_hold_is_malformed() -> None:
    needs(4, 4)
    with pytest.raises(MalformedInput, match="too short"):
        needs(3, 4)
