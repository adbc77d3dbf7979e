"""Symbols of entropy-coded JPEG, traced by hand."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.masking.huffman import Block, Table, replaced

# DC: size 0 is 0, size 2 is 10. AC: end of block is 0, a one behind no zero is 10, 16 zeros are 110.
DC = ([1, 1, *[0] * 14], [0, 2])
AC = ([1, 1, 1, *[0] * 13], [0x00, 0x01, 0xF0])


def block(fill: int = 0) -> Block:
    return Block(Table(*map(list, DC)), Table(*map(list, AC)), fill, 0)  # type: ignore[arg-type]


def packed(bits: str) -> bytes:
    """Write bits, filled up with ones."""
    bits = bits.replace(" ", "")
    return int(bits + "1" * (-len(bits) % 8), 2).to_bytes(-(-len(bits) // 8), "big")


def test_blocks_that_are_not_masked_are_copied() -> None:
    data = packed("10 11 10 1 0 | 0 0 | 10 00 0".replace("|", ""))
    assert replaced(data, [block()], [False] * 3) == data


def test_the_block_behind_a_masked_one_counts_from_it() -> None:
    source = packed("10 11 0  10 10 10 1 0  0 0")  # 3; 2 more and a coefficient; the same
    masked = replaced(source, [block(fill=2)], [True, False, False])
    # 2, then 3 more; the third block is as it was.
    assert masked == packed("10 10 0  10 11 10 1 0  0 0")
    assert replaced(source, [block(fill=3)], [True, False, False]) == source


def test_codes_that_are_missing_are_added_behind_the_others() -> None:
    one = block(fill=-5)
    # A size of 3 has no code: the first of 16 bits behind 10 is 1100...
    assert replaced(packed("00"), [one], [True]) == packed("1100000000000000 010 0")
    assert one.dc.counts == [1, 1, *[0] * 13, 1]
    assert one.dc.symbols == [0, 2, 3]


def test_a_table_without_room_is_malformed() -> None:
    full = Table([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], list(range(16)))
    assert full.code(3) == (0b1110, 4)
    with pytest.raises(MalformedInput):
        full.code(99)


@pytest.mark.parametrize("counts", [[3, *[0] * 15], [2, 1, *[0] * 14]])
def test_a_table_with_too_many_codes_is_malformed(counts: list[int]) -> None:
    with pytest.raises(MalformedInput):
        Table(counts, list(range(sum(counts))))


@pytest.mark.parametrize(
    "bits",
    [
        "11111111 11111111",  # no DC code
        "0 111 11111 1111111",  # no AC code
        "0 110 110 110 110 0",  # 64 zeros behind the first
        "0 10 1",  # no end
        "10 1",  # half a difference
    ],
)
def test_what_is_no_block_is_malformed(bits: str) -> None:
    with pytest.raises(MalformedInput):
        replaced(packed(bits), [block()], [True])


def test_a_block_may_end_with_its_last_coefficient() -> None:
    full = packed("0" + "101" * 63 + "0 0")
    assert replaced(full, [block()], [False, False]) == full
    assert replaced(full, [block()], [True, False]) == packed("00 00")
