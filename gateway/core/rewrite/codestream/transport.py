"""MPEG transport streams (ISO/IEC 13818-1 Section 2.4): packets of 188 bytes, or 192 as BD writes them.

Only the program tables and the video and audio that they name stay, without descriptors that may hold text; any other
packet (service names, times, subtitles, private data) becomes a null packet.
"""

from collections.abc import Callable
from typing import Final, Protocol

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Parser, Put, Take, ones
from gateway.core.rewrite.codestream.program import AUDIO, VIDEO, elementary, packet_header
from gateway.core.rewrite.codestream.units import H264, H265, MPEG2

SYNC: Final = 0x47
PACKET_BYTES: Final = 188
_NULL = b"\x47\x1f\xff\x10" + b"\xff" * 184
_VIDEO = {0x01: MPEG2, 0x02: MPEG2, 0x1B: H264, 0x20: H264, 0x24: H265, 0x25: H265}
_AUDIO = frozenset({0x03, 0x04, 0x0F, 0x11, *range(0x80, 0x88)})
"""MPEG, AAC, and those of BD: LPCM, AC-3, DTS."""
_DESCRIPTORS = {0x02: 3, 0x03: 1, 0x05: 4, 0x06: 4, 0x28: 4, 0x2A: 15, 0x31: 8, 0x38: 13}
"""What may be needed to decode (video, audio, registration, hierarchy, AVC, its timing, MVC, HEVC), and its bytes."""
_PRIVATE_1 = 0xBD


class Payload(Protocol):
    """Changes the payload of packets, by whether a section or a packet of the stream begins in it."""

    def __call__(self, payload: bytes, *, begins: bool) -> bytes:
        """Change it."""


def transport(lead: int) -> Parser:
    """Parse a transport stream whose packets have ``lead`` bytes before them. Raises MalformedInput."""
    streams = _Streams(lead)
    while True:
        packets = yield Take(lead + PACKET_BYTES, many=True)
        yield Put(streams.packets(packets))


class _Streams:
    """The streams that the program tables have named so far, by packet identifier (PID)."""

    def __init__(self, lead: int) -> None:
        self._lead = lead
        self._payloads: dict[int, Payload] = {0: _Table(self._programs)}
        self._kinds: dict[int, int] = {}

    def packets(self, data: bytes) -> bytes:
        """Change whole packets; of those that go on with a stream, the payloads go through it at once."""
        out: list[bytes] = []
        size = self._lead + PACKET_BYTES
        at = 0
        while at < len(data):
            start = at + self._lead
            follows = b"\x47" + data[start + 1 : start + 3]
            end = at
            while (
                data[end + self._lead : end + self._lead + 3] == follows and data[end + self._lead + 3] & 0x30 == 0x10
            ):
                end += size
            payload = self._payloads.get(_pid(follows, 1))
            if end - at <= size or follows[1] & 0x40 or not isinstance(payload, _Packets):
                out.append(data[at:start] + self.packet(data[start : at + size]))
                at += size
                continue
            old = b"".join([data[pos + self._lead + 4 : pos + size] for pos in range(at, end, size)])
            new = payload(old, begins=False)
            out += [data[at:end]] if new == old else _spread(data[at:end], new, self._lead)
            at = end
        return b"".join(out)

    def packet(self, packet: bytes) -> bytes:
        """Change one packet."""
        if packet[0] != SYNC:
            raise MalformedInput("a transport stream out of step", (PIXEL_DATA,))
        payload = self._payloads.get((packet[1] & 0x1F) << 8 | packet[2])
        if payload is None:
            return _NULL
        head = packet[:4]
        if packet[3] & 0x20:
            head = _adapted(packet)
        if not packet[3] & 0x10:
            return head + ones(packet[len(head) :])
        old = packet[len(head) :]
        new = payload(old, begins=packet[1] & 0x40 != 0)
        return packet if new == old and len(head) == 4 else head + new

    def _programs(self, section: bytes) -> bytes:
        """Read the program association table (Section 2.4.4.3)."""
        for at in range(8, len(section) - 7, 4):
            if section[at : at + 2] != b"\0\0":
                self._payloads.setdefault(_pid(section, at + 2), _Table(self._program))
        return section

    def _program(self, section: bytes) -> bytes:
        """Read a program map (Section 2.4.4.8) and overwrite its descriptors."""
        new = bytearray(section)
        at = 12 + _overwrite(new, 10)
        while at + 5 <= len(section) - 4:
            self._stream(section[at], _pid(section, at + 1))
            at += 5 + _overwrite(new, at + 3)
        if new != section:
            new[-4:] = _crc(new[:-4]).to_bytes(4, "big")
        return bytes(new)

    def _stream(self, kind: int, pid: int) -> None:
        if self._kinds.get(pid) != kind and not isinstance(self._payloads.get(pid), _Table):
            self._kinds[pid] = kind
            if kind in _VIDEO or kind in _AUDIO:
                self._payloads[pid] = _Packets(elementary(_VIDEO[kind]).feed if kind in _VIDEO else None)
            else:
                self._payloads.pop(pid, None)


class _Table:
    """Packets of a table, each with a whole section; a section that comes again is not read again."""

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        self._change = change
        self._last = b"", b""

    def __call__(self, payload: bytes, *, begins: bool) -> bytes:
        """Change the section in one packet."""
        if payload == self._last[0]:
            return self._last[1]
        start = 1 + payload[0]
        size = 3 + (int.from_bytes(payload[start + 1 : start + 3], "big") & 0xFFF)
        if not begins or payload[0] or start + size > len(payload) or size < 16:
            raise MalformedInput("a program table that does not fit in its packet", (PIXEL_DATA,))
        new = payload[:start] + self._change(payload[start : start + size]) + ones(payload[start + size :])
        self._last = payload, new
        return new


class _Packets:
    """Packets of video or audio (PES, Section 2.4.3.6)."""

    def __init__(self, change: Callable[[bytes], bytes | memoryview] | None) -> None:
        self._change = change
        self._started = False

    def __call__(self, payload: bytes, *, begins: bool) -> bytes:
        """Change the header, if it begins here, and the stream."""
        head = b""
        if begins:
            self._started = True
            size = 9 + payload[8] if len(payload) >= 9 else 9
            known = payload[:3] == b"\0\0\1" and len(payload) > 3 and self._known(payload[3])
            if size > len(payload) or not known or payload[6] >> 6 != 2:
                raise MalformedInput("a packet of a stream without its header", (PIXEL_DATA,))
            head = payload[:6] + packet_header(payload[6:size])
        rest = payload[len(head) :]
        if not self._started:  # the stream was cut: nothing says what this is
            return ones(rest)
        return head + (bytes(self._change(rest)) if self._change else rest)

    def _known(self, number: int) -> bool:
        return number in VIDEO if self._change else number in AUDIO or number in (_PRIVATE_1, 0xFD)


def _spread(packets: bytes, payload: bytes, lead: int) -> list[bytes]:
    """Put a payload back into its packets."""
    size, room = lead + PACKET_BYTES, PACKET_BYTES - 4
    heads = [packets[pos : pos + lead + 4] for pos in range(0, len(packets), size)]
    return [head + payload[number * room : (number + 1) * room] for number, head in enumerate(heads)]


def _adapted(packet: bytes) -> bytes:
    """Return header and adaptation field (Section 2.4.3.4) with the clock only."""
    size = packet[4]
    if size > PACKET_BYTES - 5:
        raise MalformedInput("an adaptation field longer than its packet", (PIXEL_DATA,))
    if not size:
        return packet[:5]
    flags = packet[5] & 0xF0
    clock = 6 if flags & 0x10 else 0
    return packet[:5] + bytes([flags]) + packet[6 : 6 + min(clock, size - 1)] + b"\xff" * max(0, size - 1 - clock)


def _overwrite(section: bytearray, at: int) -> int:
    """Overwrite the descriptors behind a length at ``at`` and return how long they are."""
    size = int.from_bytes(section[at : at + 2], "big") & 0xFFF
    pos, end = at + 2, at + 2 + size
    if end > len(section) - 4:
        raise MalformedInput("descriptors longer than their table", (PIXEL_DATA,))
    while pos < end:
        length = section[pos + 1] if pos + 1 < end else 0
        stop = min(end, pos + 2 + length)
        kept = min(stop, pos + 2 + _DESCRIPTORS.get(section[pos], 0))
        section[kept:stop] = b"\xff" * (stop - kept)
        pos += 2 + length
    return size


def _pid(section: bytes, at: int) -> int:
    return int.from_bytes(section[at : at + 2], "big") & 0x1FFF


def _crc(data: bytearray) -> int:
    """CRC-32 of MPEG (Annex A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRCS[crc >> 24 ^ byte]
    return crc


def _crc_of_byte(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


_CRCS = tuple(map(_crc_of_byte, range(256)))
"""What each byte does to a CRC."""
