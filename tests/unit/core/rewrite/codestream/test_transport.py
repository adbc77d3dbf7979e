"""Transport streams: program tables, packets of streams, and null packets for all the rest."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.transport import transport as parse_transport
from gateway.core.rewrite.codestream.units import stuffing
from tests.kit.codestreams import (
    AVC,
    HEVC,
    MPEG,
    PROGRAMS,
    TEXT,
    USER,
    packet,
    packets,
    pes,
    program_map,
    section,
    sei,
    transport,
    units,
)
from tests.unit.core.rewrite.codestream.streams import parsed

NULL = b"\x47\x1f\xff\x10" + b"\xff" * 184
CLEAN = (0xFE, b"\xff" * len(USER[1]))


def clean(data: bytes, lead: int = 0) -> bytes:
    return parsed(lambda: parse_transport(lead), data)


def video(*contents: bytes, pid: int = 256) -> bytes:
    return b"".join(packets(pid, pes(0xE0, units(*contents))))


@pytest.mark.parametrize("lead", [b"", b"\1\2\3\4"])
def test_tables_video_and_audio_stay(lead: bytes) -> None:
    audio = b"".join(packets(257, pes(0xC0, TEXT * 30)))
    stream = transport(video(*AVC * 40), audio, video(*AVC), lead=lead)
    assert clean(stream, len(lead)) == stream


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (0x1B, (b"\x06" + sei(USER) + b"\0", *AVC), (b"\x06" + sei(CLEAN) + b"\0", *AVC)),
        (0x20, (b"\x06" + sei(USER), *AVC), (b"\x06" + sei(CLEAN), *AVC)),
        (0x24, (b"\x4e\1" + sei(USER), *HEVC), (b"\x4e\1" + sei(CLEAN), *HEVC)),
        (0x01, (*MPEG, b"\xb2" + TEXT), (*MPEG, b"\xb2" + stuffing(TEXT))),
        (0x02, (*MPEG, b"\xb2" + TEXT * 40), (*MPEG, b"\xb2" + stuffing(TEXT * 40))),
    ],
)
@pytest.mark.parametrize("lead", [b"", b"\1\2\3\4"])
def test_the_kind_of_a_stream_says_its_codec(
    kind: int, before: tuple[bytes, ...], after: tuple[bytes, ...], lead: bytes
) -> None:
    tables = program_map((kind, 300))
    stream = transport(video(*before, *before, pid=300), tables=tables, lead=lead)
    assert clean(stream, len(lead)) == transport(video(*after, *after, pid=300), tables=tables, lead=lead)


@pytest.mark.parametrize("pid", [0x01, 0x10, 0x11, 0x12, 0x14, 300, 0x1FFF])
def test_packets_of_no_program_become_null_packets(pid: int) -> None:
    assert clean(transport(packet(pid, section(0x42, TEXT), begins=True), packet(pid, TEXT * 3))) == transport(
        NULL, NULL
    )


@pytest.mark.parametrize("kind", [0x05, 0x06, 0x0D, 0x15, 0x90, 0xEA])
def test_so_do_those_of_streams_that_are_neither_video_nor_audio(kind: int) -> None:
    tables = program_map((0x1B, 256), (kind, 300))
    subtitles = b"".join(packets(300, pes(0xBD, TEXT * 20)))
    nulls = NULL * (len(subtitles) // 188)
    assert clean(transport(subtitles, video(*AVC), tables=tables)) == transport(nulls, video(*AVC), tables=tables)


@pytest.mark.parametrize(
    ("descriptor", "kept"),
    [
        (b"\x1d" + bytes([len(TEXT)]) + TEXT, 0),
        (b"\x05" + bytes([4 + len(TEXT)]) + b"HDMV" + TEXT, 4),
        (b"\x28\x04\x64\0\x28\xbf", 4),
        (b"\x0a\x04deu\0", 0),
    ],
)
def test_descriptors_lose_what_may_be_text_and_the_check_sum_is_right(descriptor: bytes, kept: int) -> None:
    without = descriptor[: 2 + kept] + b"\xff" * (len(descriptor) - 2 - kept)
    for place in ("descriptors", "of_stream"):
        before = transport(tables=program_map((0x1B, 256), (0x0F, 257), **{place: descriptor * 2}))
        after = transport(tables=program_map((0x1B, 256), (0x0F, 257), **{place: without * 2}))
        assert clean(before) == after


def test_a_table_that_comes_again_or_anew_is_read() -> None:
    again = PROGRAMS + program_map((0x1B, 256)) + PROGRAMS + program_map((0x1B, 256))
    anew = program_map((0x02, 256))
    stream = transport(video(*AVC), anew, video(*MPEG, b"\xb2" + TEXT), tables=again)
    assert clean(stream) == transport(video(*AVC), anew, video(*MPEG, b"\xb2" + stuffing(TEXT)), tables=again)
    gone = program_map((0x06, 256))
    assert clean(transport(gone, video(*AVC))) == transport(gone, NULL)


def test_bytes_after_a_table_become_stuffing() -> None:
    assert clean(PROGRAMS[:-9] + b"SMITHJOHN") == PROGRAMS


def test_an_adaptation_field_keeps_its_clock_and_flags() -> None:
    clock = b"\x50\0\1\2\3\4\5"
    with_private = b"\x52" + clock[1:] + bytes([len(TEXT)]) + TEXT
    content = units(*AVC)[:60]

    def stream(field: bytes) -> bytes:
        return transport(packet(256, pes(0xE0, content), begins=True, adaptation=field))

    assert clean(stream(clock)) == stream(clock)
    assert clean(stream(with_private)) == stream(clock)
    assert clean(stream(b"\x02" + bytes([len(TEXT)]) + TEXT)) == stream(b"\0")
    only = transport(packet(256, pes(0xE0, units(*AVC))[:60].ljust(183, b"x"), begins=True))  # one byte of adaptation
    assert clean(only) == only


def test_a_stream_that_was_cut_says_nothing_until_a_packet_begins() -> None:
    payload = packet(256, TEXT * 8 + b"x" * 16)
    assert clean(transport(payload, video(*AVC))) == transport(packet(256, b"\xff" * 184), video(*AVC))


def test_payload_that_is_said_not_to_be_there_becomes_stuffing() -> None:
    hidden = bytearray(packet(256, TEXT * 8 + b"x" * 16))
    hidden[3] = 0x00
    assert clean(transport(bytes(hidden)))[-184:] == b"\xff" * 184


@pytest.mark.parametrize(
    "wrong",
    [
        b"SMITH".ljust(188, b"x"),
        packet(0, section(0, b"\0\1\xf0\0")[1:], begins=True),  # a section that begins elsewhere
        packet(0, section(0, b"\0\2\xf0\0"), begins=False),
        packet(0, b"\0\0\xb0\xff" + bytes(180), begins=True),
        program_map((0x1B, 256)).replace(b"\xf0\0\x1b", b"\xf0\xf0\x1b"),
        packet(256, TEXT, begins=True),
        packet(256, b"\0\0\1", begins=True),
        packet(256, b"\0\0\1\xe0\0\0\x80\x80\xf0".ljust(184, b"x"), begins=True),
        packet(256, pes(0xBD, TEXT), begins=True),
        b"\x47\1\0\x30\xff" + bytes(183),
    ],
)
def test_what_is_no_transport_stream_is_malformed(wrong: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        clean(transport(wrong))
    assert "SMITH" not in str(caught.value)
