"""Units of MPEG-2, H.264 and H.265, and the messages of supplemental enhancement information."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.units import H264, H265, MPEG2, Codec, Sei, sized_units, stuffing
from gateway.core.rewrite.codestream.units import units as parse_units
from tests.kit.codestreams import AVC, HEVC, MPEG, RECOVERY, TEXT, USER, sei, sized, units
from tests.unit.core.rewrite.codestream.streams import parsed

GONE = stuffing(TEXT)
NO_USER = (5, b"\xff" * len(USER[1]))


def behind_codes(codec: Codec, data: bytes) -> bytes:
    return parsed(lambda: parse_units(codec), data)


def behind_sizes(codec: Codec, data: bytes) -> bytes:
    return parsed(lambda: sized_units(codec, 4, len(data)), data)


@pytest.mark.parametrize(
    ("codec", "kept"),
    [
        (MPEG2, [bytes([code]) + TEXT for code in (0x00, 0x01, 0xAF, 0xB3, 0xB8)]),
        (MPEG2, [bytes([0xB5, number << 4]) + TEXT for number in (1, 2, 3, 5, 7, 8, 9, 10)]),
        (H264, [bytes([code]) + TEXT for code in (0x61, 0x02, 0x03, 0x04, 0x65, 0x67, 0x68, 0x09, 0x6E, 0x6F, 0x74)]),
        (H265, [bytes([kind << 1, 1]) + TEXT for kind in (*range(10), *range(16, 22), *range(32, 36))]),
    ],
)
def test_what_decoders_read_stays(codec: Codec, kept: list[bytes]) -> None:
    assert behind_codes(codec, units(*kept)) == units(*kept)


@pytest.mark.parametrize(
    ("codec", "head", "around"),
    [
        *[(MPEG2, bytes([code]), MPEG) for code in (0xB0, 0xB1, 0xB2, 0xB6, 0xB7, 0xB9, 0xC0, 0xE0, 0xFF)],
        *[(MPEG2, bytes([0xB5, number << 4]), MPEG) for number in (0, 4, 6, 11, 12, 15)],
        *[(H264, bytes([code]), AVC) for code in (0x00, 0x0A, 0x0B, 0x0C, 0x10, 0x18, 0x1F, 0x7E)],
        *[(H265, bytes([kind << 1]), HEVC) for kind in (10, 22, 31, 36, 37, 38, 41, 47, 48, 63)],
    ],
)
def test_what_they_do_not_read_becomes_stuffing(codec: Codec, head: bytes, around: tuple[bytes, ...]) -> None:
    text = TEXT + b"\0\0\3" + TEXT + b"\0S\0\0"
    gone = stuffing(text)
    assert b"\xff" * len(TEXT) in gone
    assert behind_codes(codec, units(*around, head + text, *around)) == units(*around, head + gone, *around)
    if codec is not MPEG2:
        assert behind_sizes(codec, sized(*around, head + text)) == sized(*around, head + gone)


def test_bytes_before_the_first_start_code_become_stuffing() -> None:
    assert behind_codes(H264, TEXT + units(*AVC)) == GONE + units(*AVC)


def test_a_stream_may_end_in_a_unit_that_changes() -> None:
    assert behind_codes(MPEG2, units(b"\xb2" + TEXT)) == units(b"\xb2" + GONE)
    assert behind_codes(MPEG2, units(b"\xb2")) == units(b"\xb2")


def messages(data: bytes, header: int = 0) -> bytes:
    """Change messages in one piece and byte by byte."""
    whole, piecewise = Sei(header), Sei(header)
    out = whole(data)
    assert b"".join(piecewise(data[at : at + 1]) for at in range(len(data))) == out
    return out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([USER], [NO_USER]),
        ([RECOVERY, USER, RECOVERY, USER], [RECOVERY, NO_USER, RECOVERY, NO_USER]),
        ([(4, TEXT)], [(0xFE, b"\xff" * len(TEXT))]),
        ([(0, bytes(5)), (1, b"time"), (45, b"3D"), (137, bytes(24))],) * 2,
        ([(1, bytes(33))], [(1, bytes(33))]),
        ([(1, b"x" * 33)], [(1, b"\xff" * 33)]),
        ([(6, b"x" * 9)], [(6, b"\xff" * 9)]),
        ([(5, b""), USER], [(0xFE, b""), NO_USER]),
        ([(128, TEXT)], [(128, b"\xff" * len(TEXT))]),
        ([(5, b"\0x\0y")], [(0xFE, b"\0\xff\0\xff")]),
    ],
)
def test_messages_that_decoders_do_not_need_are_overwritten(
    before: list[tuple[int, bytes]], after: list[tuple[int, bytes]]
) -> None:
    expected = [(0xFE if kind == 5 else kind, content) for kind, content in after]
    assert messages(sei(*before)) == sei(*expected)
    assert messages(b"\1" + sei(*before), header=1) == b"\1" + sei(*expected)


def test_kinds_and_sizes_beyond_255_are_understood() -> None:
    long = b"\xff\x01" + b"\xff\x05" + b"S" * 260
    assert messages(long + sei(RECOVERY)) == b"\xff\xfe\xff\x05" + b"\xff" * 260 + sei(RECOVERY)


def test_bytes_that_prevent_start_codes_belong_to_no_message() -> None:
    data = bytes([5, 4]) + b"a\0\0\3\1" + sei(RECOVERY)  # four bytes of content, and one that is none
    assert messages(data) == bytes([0xFE, 4]) + b"\xff\0\0\3\xff" + sei(RECOVERY)


def test_what_is_longer_than_any_message_becomes_stuffing() -> None:
    long = sei(*[RECOVERY] * 30_000)
    out = Sei()(long)
    assert out[: 1 << 16] == long[: 1 << 16]
    assert set(out[1 << 16 :]) <= {0, 0xFF}


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
def test_sizes_may_be_of_any_width(length_bytes: int) -> None:
    def file(*contents: bytes) -> bytes:
        return b"".join(len(content).to_bytes(length_bytes, "big") + content for content in contents)

    before, after = file(b"\x06" + sei(USER), *AVC, b""), file(b"\x06" + sei((0xFE, NO_USER[1])), *AVC, b"")
    assert parsed(lambda: sized_units(H264, length_bytes, len(before)), before) == after


@pytest.mark.parametrize("wrong", [b"\0\0\0\x09\x65slice", b"\0\0\0\5\xe5slic", TEXT])
def test_what_is_no_unit_is_malformed(wrong: bytes) -> None:
    with pytest.raises(MalformedInput, match="not units"):
        behind_sizes(H264, sized(*AVC) + wrong)
