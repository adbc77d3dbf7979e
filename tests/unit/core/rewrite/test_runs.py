"""Runs of removed elements are remembered by their bytes; that may change nothing but the time it takes."""

import pytest

from gateway.core.rewrite.lookahead import RUN_ELEMENTS
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, Encoding
from tests.unit.core.rewrite.arrays import MEANING, NAMES, WINDOW, sequence
from tests.unit.core.rewrite.objects import engine, head, released, walk


def block(encoding: Encoding = EXPLICIT_LE, count: int = 3, value: bytes = b"SECRET") -> bytes:
    """Write private elements one after another."""
    return b"".join(encoding.make(0x00711001 + n, "LO", value) for n in range(count))


@pytest.mark.parametrize("count", [1, 2, RUN_ELEMENTS, RUN_ELEMENTS + 1, 3 * RUN_ELEMENTS])
def test_a_run_met_again_goes_like_the_first_time(count: int) -> None:
    under = engine()
    for value in (b"SECRET", b"SECRET", b"SECRET", b"OTHER ", b"SECRETLY"):
        assert released(block(count=count, value=value) + WINDOW, under) == released(WINDOW, under)


def test_one_value_that_differs_in_a_known_run_takes_nothing_else_with_it() -> None:
    under = engine()
    for _ in range(3):
        released(block(count=4) + WINDOW, under)
    changed = block(count=2) + EXPLICIT_LE.make(0x00711003, "LO", b"A") + block(count=4)[-14:]
    assert released(changed + WINDOW, under) == released(WINDOW, under)


def test_a_known_run_ends_where_its_item_ends() -> None:
    under = engine()
    for number in range(3):  # else the sequence as a whole is remembered
        released(sequence(NAMES, block(count=3) + EXPLICIT_LE.make(0x00080104, "LO", b"%d " % number)), under)
    ends_early = sequence(NAMES, MEANING + block(count=1)) + block(count=3)[14:]
    assert released(ends_early, under) == sequence(NAMES, MEANING)


def test_the_runs_of_a_big_endian_data_set_are_its_own() -> None:
    under = engine()
    data_set = head(EXPLICIT_BE) + block(EXPLICIT_BE, 5)
    assert (
        len({walk(data_set, under, EXPLICIT_BE) for _ in range(3)} | {walk(head(EXPLICIT_BE), under, EXPLICIT_BE)}) == 1
    )
