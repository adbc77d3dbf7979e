"""Data Element headers in the three encodings of PS3.5 Section 7.1, and a careful reader for a few elements.

``key`` is the start of an element as it stands in the stream: tag and VR (6 bytes) or, with implicit VR, the tag (4
bytes). Reading past the end of the bytes raises IndexError or struct.error: the caller knows whether more can come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard.vr import VRS

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
MAX_SHORT_BYTES = 0xFFFE
MAX_DEPTH = 64
"""Sequences within sequences; real objects stay below 10."""

SHORT, LONG, IMPLICIT = 0, 1, 2
"""Forms of a header: 8 bytes with a 2-byte length; 12 bytes; 8 bytes with a 4-byte length and no VR."""
HEADER_BYTES = (8, 12, 8)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How element headers are written; values of text VRs do not depend on it."""

    explicit: bool
    little: bool
    tags: Struct
    u16: Struct
    u32: Struct

    @property
    def width(self) -> int:
        """Bytes of a key."""
        return 6 if self.explicit else 4

    def tag(self, tag: int) -> bytes:
        """Encode a tag."""
        return self.tags.pack(tag >> 16, tag & 0xFFFF)

    def parse_key(self, key: bytes) -> tuple[int, str]:
        """Return tag and VR (empty with implicit VR) of a whole key."""
        group, element = self.tags.unpack_from(key)
        return group << 16 | element, key[4:6].decode("latin-1")

    def element(self, key: bytes, form: int, value: bytes) -> bytes:
        """Encode a whole element."""
        if form == SHORT:
            if len(value) > MAX_SHORT_BYTES:
                raise MalformedInput("a value longer than its VR can be", (self.parse_key(key)[0],))
            return key + self.u16.pack(len(value)) + value
        if form == LONG:
            return key + b"\0\0" + self.u32.pack(len(value)) + value
        return key + self.u32.pack(len(value)) + value

    def header(self, key: bytes, form: int, length: int) -> bytes:
        """Encode a header alone; ``length`` may be UNDEFINED."""
        return key + (b"\0\0" if form == LONG else b"") + self.u32.pack(length)

    def make(self, tag: int, vr: str, value: bytes) -> bytes:
        """Encode an element that was not there; pads to even length as the VR demands."""
        if len(value) % 2:
            value += VRS[vr].padding
        if not self.explicit:
            return self.element(self.tag(tag), IMPLICIT, value)
        return self.element(self.tag(tag) + vr.encode(), LONG if VRS[vr].is_long else SHORT, value)


EXPLICIT_LE = Encoding(explicit=True, little=True, tags=Struct("<HH"), u16=Struct("<H"), u32=Struct("<I"))
EXPLICIT_BE = Encoding(explicit=True, little=False, tags=Struct(">HH"), u16=Struct(">H"), u32=Struct(">I"))
IMPLICIT_LE = Encoding(explicit=False, little=True, tags=Struct("<HH"), u16=Struct("<H"), u32=Struct("<I"))


_IS_LONG = {vr.code.encode(): vr.is_long for vr in VRS.values()}
VR_CODES = frozenset(_IS_LONG)
_MAX_FIRST_GROUP = 0x00FF
_MAX_FIRST_BYTES = 0x1000


def actual_encoding(buf: bytes, pos: int, declared: Encoding) -> Encoding:
    """Return the encoding that the first element of a data set is plainly in, whatever was said; else ``declared``.

    Data sets begin with a low group, and their first value is short: in an encoding that it is not in, the group of an
    element or its length is absurd. Needs the first 8 bytes.
    """
    for encoding in (declared, EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE):
        if _is_first(buf[pos : pos + 8], encoding):
            return encoding
    return declared


def _is_first(header: bytes, encoding: Encoding) -> bool:
    if len(header) < 8 or not 8 <= encoding.tags.unpack_from(header)[0] <= _MAX_FIRST_GROUP:
        return False
    if encoding.explicit:
        return header[4:6] in _IS_LONG
    return bool(encoding.u32.unpack_from(header, 4)[0] < _MAX_FIRST_BYTES)


def item_encoding(buf: bytes, pos: int, end: int | None, encoding: Encoding) -> Encoding:
    """Return the encoding of the item whose elements begin at ``pos``; it should be that of the data set, ``encoding``.

    It is the other little endian one where its first element plainly is: PS3.5 Section 7.5 knows no such items, writers
    do. ``end`` is where its elements end, None for an item of undefined length. Raises MalformedInput where both may
    be meant, IndexError or struct.error.
    """
    if not encoding.little or (buf[pos + 4 : pos + 6] in VR_CODES) == encoding.explicit:
        return encoding
    other = IMPLICIT_LE if encoding.explicit else EXPLICIT_LE
    if not _begins_item(buf, pos, end, other):
        return encoding
    if end is not None and not encoding.explicit:
        after = pos + 8 + encoding.u32.unpack_from(buf, pos + 4)[0]
        if after <= end and _is_next(buf, after, end, buf[pos : pos + 4], encoding):
            raise MalformedInput("an item that can be read in two encodings", (), pos)
    return other


def _begins_item(buf: bytes, pos: int, end: int | None, encoding: Encoding) -> bool:
    """Say whether the first element of an item, and the tag after it, are plainly in an encoding."""
    if pos == end:
        return False
    raw = buf[pos + 4 : pos + 6]
    if not 8 <= encoding.tags.unpack_from(buf, pos)[0] < ITEM >> 16:
        return False
    if not encoding.explicit and raw.isalpha() and raw.isupper():
        return False  # a VR that nobody knows, no length
    start, length = element_value(buf, pos, encoding)
    if start == pos + 12 and buf[pos + 6 : pos + 8] != b"\0\0":
        return False
    if length == UNDEFINED:
        return buf[start : start + 2] == b"\xfe\xff"
    return length < _MAX_FIRST_BYTES and _is_next(buf, start + length, end, buf[pos : pos + 4], encoding)


def _is_next(buf: bytes, pos: int, end: int | None, first: bytes, encoding: Encoding) -> bool:
    """Say whether what stands at ``pos`` may come after the element with the tag ``first``."""
    if end is not None and pos + 8 > end:
        return pos == end
    tags = encoding.tags.unpack_from
    if tags(buf, pos) == (ITEM_DELIMITER >> 16, ITEM_DELIMITER & 0xFFFF):
        return end is None
    is_later: bool = tags(first) < tags(buf, pos)
    return is_later and not (encoding.explicit and buf[pos + 4 : pos + 6] not in VR_CODES)


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed element header: where its value starts and how long it says it is."""

    tag: int
    vr: str
    start: int
    length: int


def read_header(buf: bytes, pos: int, encoding: Encoding) -> Header:
    """Parse one element header (item and delimiter tags too).

    Raises MalformedInput on a VR that PS3.5 Section 6.2 does not know.
    """
    group, element = encoding.tags.unpack_from(buf, pos)
    tag = group << 16 | element
    if not encoding.explicit or group == 0xFFFE:
        return Header(tag, "", pos + 8, encoding.u32.unpack_from(buf, pos + 4)[0])
    raw = buf[pos + 4 : pos + 6]
    if len(raw) < 2:
        raise IndexError
    vr = VRS.get(raw.decode("latin-1"))
    if vr is None:
        raise MalformedInput("a VR that PS3.5 does not define", (tag,), pos)
    if vr.is_long:
        return Header(tag, vr.code, pos + 12, encoding.u32.unpack_from(buf, pos + 8)[0])
    return Header(tag, vr.code, pos + 8, encoding.u16.unpack_from(buf, pos + 6)[0])


def element_value(buf: bytes, pos: int, encoding: Encoding) -> tuple[int, int]:
    """Return where the value of an element starts and its length; raises MalformedInput as ``read_header`` does."""
    if not encoding.explicit or buf[pos : pos + 2] in (b"\xfe\xff", b"\xff\xfe"):
        return pos + 8, encoding.u32.unpack_from(buf, pos + 4)[0]
    if buf[pos + 4 : pos + 6] not in _IS_LONG:
        read_header(buf, pos, encoding)  # raises
    if _IS_LONG[buf[pos + 4 : pos + 6]]:
        return pos + 12, encoding.u32.unpack_from(buf, pos + 8)[0]
    return pos + 8, encoding.u16.unpack_from(buf, pos + 6)[0]


def is_item(value: bytes) -> bool:
    """Say whether a value of unknown VR begins like the item of a sequence, in either byte order."""
    return value[:4] in (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


def skip_value(buf: bytes, header: Header, encoding: Encoding, depth: int = 0) -> int:
    """Return where the element after this one starts; walks into values of undefined length only."""
    if header.length != UNDEFINED:
        return header.start + header.length
    if depth > MAX_DEPTH:
        raise LimitExceeded("nesting of sequences", MAX_DEPTH, (header.tag,), header.start)
    if header.vr not in ("", "SQ", "UN", "OB", "OW"):
        raise MalformedInput("undefined length is for sequences and encapsulated data", (header.tag,), header.start)
    inner = IMPLICIT_LE if header.vr == "UN" else encoding
    pos = header.start
    while True:
        item = read_header(buf, pos, inner)
        if item.tag == SEQUENCE_DELIMITER:
            return item.start
        if item.tag != ITEM:
            raise MalformedInput("an item was expected", (header.tag,), pos)
        if item.length != UNDEFINED:
            pos = item.start + item.length
        elif header.vr in ("OB", "OW"):
            raise MalformedInput("a fragment of undefined length", (header.tag,), pos)
        else:
            pos = skip_item(buf, item.start, inner, depth)


def skip_item(buf: bytes, pos: int, encoding: Encoding, depth: int = 0) -> int:
    """Return the position after an item of undefined length whose elements begin at ``pos``."""
    if (buf[pos + 4 : pos + 6] in VR_CODES) != encoding.explicit:
        encoding = item_encoding(buf, pos, None, encoding)
    while True:
        if buf[pos : pos + 2] not in (b"\xfe\xff", b"\xff\xfe"):  # most elements: no item, no delimiter
            start, length = element_value(buf, pos, encoding)
            if length != UNDEFINED:
                pos = start + length
                continue
        header = read_header(buf, pos, encoding)
        if header.tag == ITEM_DELIMITER:
            return header.start
        if header.tag >> 16 == 0xFFFE:
            raise MalformedInput("an item without its end", (header.tag,), pos)
        pos = skip_value(buf, header, encoding, depth + 1)


def elements(buf: bytes, pos: int, end: int, encoding: Encoding) -> Iterator[tuple[Header, int]]:
    """Yield each element header between two positions, with the position after its value."""
    while pos < end:
        header = read_header(buf, pos, encoding)
        if header.tag >> 16 == 0xFFFE:
            return
        after = skip_value(buf, header, encoding)
        yield header, after
        pos = after


def items(value: bytes, encoding: Encoding) -> Iterator[tuple[int, int]]:
    """Yield where each item of a whole sequence value starts and ends (its delimiter excluded)."""
    pos = 0
    while pos < len(value):
        item = read_header(value, pos, encoding)
        if item.tag == SEQUENCE_DELIMITER:
            return
        if item.tag != ITEM:
            raise MalformedInput("an item was expected", (), pos)
        open_item = item.length == UNDEFINED
        pos = skip_item(value, item.start, encoding) if open_item else item.start + item.length
        yield item.start, pos - 8 if open_item else pos
