"""Program streams, of MPEG-2 and of MPEG-1."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.program import program as parse_program
from gateway.core.rewrite.codestream.units import MPEG2, stuffing
from tests.kit.codestreams import MPEG, TEXT, pes, program, units
from tests.unit.core.rewrite.codestream.streams import parsed

VIDEO = pes(0xE0, units(*MPEG))
AUDIO = pes(0xC0, TEXT)
MPEG1_PACK = b"\0\0\1\xba\x21\0\1\0\1\x80\0\1"


def clean(data: bytes) -> bytes:
    return parsed(lambda: parse_program(MPEG2), data)


def plain(stream: int, content: bytes) -> bytes:
    """Write a packet without a header of its own."""
    return pes(stream, content, flags=b"", stamps=b"")


@pytest.mark.parametrize(
    "stream",
    [
        program(VIDEO, AUDIO, VIDEO),
        program(pes(0xE0, b"", flags=b"\x80\xc0\x0a", stamps=b"\x31\0\1\0\1\x11\0\1\0\1"), VIDEO),
        program(pes(0xE0, b"", flags=b"\x80\0\x02", stamps=b"\xff\xff"), VIDEO),
        MPEG1_PACK + plain(0xE0, b"\x0f" + units(*MPEG)) + plain(0xC0, b"\x0f" + TEXT),
        MPEG1_PACK + plain(0xE0, b"\xff\xff\x60\x2e\x21\0\1\0\1" + units(*MPEG)),
        MPEG1_PACK + plain(0xE0, b"\x31\0\1\0\1\x11\0\1\0\1" + units(*MPEG)),
        MPEG1_PACK + plain(0xE0, b""),
        program(plain(0xBE, b"\xff" * 9)),
    ],
)
def test_video_audio_and_their_time_stamps_stay(stream: bytes) -> None:
    assert clean(stream) == stream


@pytest.mark.parametrize("number", [0xBC, 0xBD, 0xBE, 0xBF, 0xF0, 0xF2, 0xFC, 0xFF])
def test_other_streams_become_padding(number: int) -> None:
    assert clean(program(plain(number, TEXT), VIDEO)) == program(plain(0xBE, b"\xff" * len(TEXT)), VIDEO)


def test_user_data_go_even_where_a_packet_cuts_them() -> None:
    before = [pes(0xE0, units(*MPEG, b"\xb2" + TEXT)), AUDIO, pes(0xE0, TEXT + units(*MPEG))]
    after = [pes(0xE0, units(*MPEG, b"\xb2" + stuffing(TEXT))), AUDIO, pes(0xE0, stuffing(TEXT) + units(*MPEG))]
    assert clean(program(*before)) == program(*after)


def test_each_video_has_units_of_its_own() -> None:
    other = pes(0xE1, TEXT)  # not the rest of the first stream's user data: nothing has begun here
    stream = program(pes(0xE0, units(*MPEG, b"\xb2")), pes(0xE1, units(MPEG[0])), pes(0xE0, TEXT), other)
    assert clean(stream).endswith(pes(0xE0, stuffing(TEXT)) + other + b"\0\0\1\xb9")


def test_what_else_a_header_says_becomes_stuffing() -> None:
    size = bytes([6 + len(TEXT)])
    before = pes(0xE0, units(*MPEG), flags=b"\x84\x81" + size, stamps=b"\x21\0\1\0\1\x80" + TEXT)
    after = pes(0xE0, units(*MPEG), flags=b"\x84\x80" + size, stamps=b"\x21\0\1\0\1" + b"\xff" * (1 + len(TEXT)))
    assert clean(program(before)) == program(after)


def test_bytes_between_packets_become_stuffing() -> None:
    assert clean(program(TEXT, VIDEO, TEXT)) == program(stuffing(TEXT), VIDEO, stuffing(TEXT))
    assert clean(program(bytes(2000), VIDEO)) == program(bytes(2000), VIDEO)


def test_pack_stuffing_is_stuffing() -> None:
    pack = b"\0\0\1\xba\x44\0\4\0\4\1\0\0\3"
    assert clean(pack + b"\xfdSMITH" + VIDEO) == pack + b"\xfd" + b"\xff" * 5 + VIDEO


@pytest.mark.parametrize(
    "wrong", [units(*MPEG), pes(0xE0, b"", flags=b"\x80\0\x09", stamps=b"SMITH"), b"\0\0\1\xb2SMITH"]
)
def test_what_is_no_packet_is_malformed(wrong: bytes) -> None:
    with pytest.raises(MalformedInput):
        clean(program(wrong, VIDEO))
