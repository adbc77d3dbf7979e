"""What a number is made of."""

import pytest

from gateway.core.wire.numbers import are_numbers, only_numbers


@pytest.mark.parametrize("raw", [b"", b"1 ", b" -1.5E+3\\.5", b"+1e-2\0", b"\\", b"512\\\\512 "])
def test_what_decimal_and_integer_strings_may_hold_are_numbers(raw: bytes) -> None:
    assert are_numbers(raw, "DS")
    assert are_numbers(raw, "IS")


@pytest.mark.parametrize(
    "raw",
    [
        b"SMITH^JOHN",
        b"PID77731",
        b"1\\SMITH",
        b"1,5 ",
        b"12-34 ",
        b"12.04.1965",
        b"1 2 ",
        b"+-1 ",
        b"1e",
        b"\xfe\xff\x00\xe0",
        b"\xb2 ",
    ],
)
def test_text_is_no_number(raw: bytes) -> None:
    assert not are_numbers(raw, "DS")


@pytest.mark.parametrize(("vr", "unit"), [("US", 2), ("SS", 2), ("UL", 4), ("FL", 4), ("AT", 4), ("FD", 8), ("SV", 8)])
def test_binary_numbers_come_whole(vr: str, unit: int) -> None:
    assert are_numbers(bytes(3 * unit), vr)
    assert not are_numbers(bytes(3 * unit - 1), vr)
    assert only_numbers(bytes(unit + 1), vr) == b""


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (b"SMITH^JOHN", b""),
        (b"1.5\\SMITH\\-2", b"1.5\\\\-2 "),
        (b"NaN ", b"NaN "),
        (b"1\\nan\\-inf", b"1\\nan\\-inf"),
        (b"\xb2\xb3", b""),
        (b"1e5\\e", b"1e5\\"),
        (b"12.04.1965\\7", b"\\7"),
    ],
)
def test_values_that_are_no_numbers_are_emptied_and_the_others_stay(raw: bytes, left: bytes) -> None:
    assert only_numbers(raw, "DS") == (left + b" " if len(left) % 2 else left)


@pytest.mark.parametrize("raw", [b"1" * 2_000_000 + b"x", b"1\\" * 1_000_000 + b"x", b" " * 2_000_000 + b"x"])
def test_no_value_is_looked_at_more_than_a_few_times(raw: bytes) -> None:
    assert not are_numbers(raw, "DS")  # would take hours if the pattern tried again
    assert b"x" not in only_numbers(raw, "DS")
