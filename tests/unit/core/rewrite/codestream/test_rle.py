"""RLE: the header, and what lies between it and the segments."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import cleaner
from tests.kit.codestreams import RLE, TEXT, rle
from tests.unit.core.rewrite.codestream.streams import cleaned, passes


def test_offsets_in_use_and_segments_stay() -> None:
    header = b"\3\0\0\0" + b"\x40\0\0\0\x60\0\0\0\x70\0\0\0"
    passes(RLE, header.ljust(64, b"\0") + TEXT)


def test_unused_offsets_and_bytes_before_the_first_segment_become_zeros() -> None:
    assert cleaned(RLE, rle(unused=TEXT)) == rle()
    assert cleaned(RLE, rle(gap=TEXT)) == rle(gap=bytes(len(TEXT)))


@pytest.mark.parametrize("wrong", [b"\0\0\0\0\x40\0\0\0", b"\x10\0\0\0\x40\0\0\0", b"\1\0\0\0\x3f\0\0\0", TEXT])
def test_a_header_that_is_none_is_malformed(wrong: bytes) -> None:
    one = cleaner(RLE, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput):
        one.feed(wrong.ljust(64, b"\0"))
