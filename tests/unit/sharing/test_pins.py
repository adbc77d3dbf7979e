"""PINs: what is kept of them, and how long wrong ones make one wait."""

import pytest

from gateway.core.errors import BadRequest
from gateway.sharing.pins import LONGEST_WAIT_S, checked_pin, is_right, made_check, wait_s

DAY_S = 86_400


def test_a_pin_is_right_and_every_other_is_not() -> None:
    check = made_check("4711")
    assert is_right("4711", check)
    assert is_right(" 4711 ", check)
    assert not any(is_right(pin, check) for pin in ("", "4712", "47110", "\udcff", "0" * 1000))


def test_the_same_pin_is_kept_differently_each_time_and_never_as_it_is() -> None:
    first, second = made_check("4711"), made_check("4711")
    assert first[:16] != second[:16]
    assert first[16:] != second[16:]
    assert b"4711" not in first


@pytest.mark.parametrize("pin", ["", "123", "   1   ", "x" * 33, "12\n34", "pässword"])
def test_a_pin_that_is_none_is_refused_without_repeating_it(pin: str) -> None:
    with pytest.raises(BadRequest, match=r"^pin: has 4 to 32"):
        checked_pin(pin)


def test_spaces_around_a_pin_do_not_count() -> None:
    assert checked_pin(" 4711\n") == "4711"


def test_some_wrong_pins_are_free_and_then_the_wait_doubles_up_to_a_day() -> None:
    assert [wait_s(n) for n in range(8)] == [0, 0, 0, 0, 0, 60, 120, 240]
    assert wait_s(1_000) == LONGEST_WAIT_S == DAY_S


def test_in_a_month_fewer_than_fifty_pins_can_be_tried() -> None:
    time = failures = 0
    while time < 30 * DAY_S:
        failures += 1
        time += wait_s(failures)
    assert failures < 50
