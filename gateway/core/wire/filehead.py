"""The first bytes of a Part 10 object: its File Meta Information and the values of a few root elements."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.errors import MalformedInput
from gateway.core.standard.uids import transfer_syntax
from gateway.core.wire.elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    UNDEFINED,
    Encoding,
    element_value,
    read_header,
    skip_value,
)

PREAMBLE_BYTES = 132
META_GROUP = b"\x02\0"
TRANSFER_SYNTAX = 0x00020010
_TOLD = tuple(META_GROUP + element.to_bytes(2, "little") for element in (0x0002, 0x0003, 0x0010))
MAX_KNOWN = 2_000
MAX_INFLATED_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the File Meta Information says (PS3.10 Section 7.1), and where the data set starts."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    end: int

    @property
    def encoding(self) -> Encoding:
        """How the data set is encoded. Raises MalformedInput."""
        syntax = transfer_syntax(self.transfer_syntax)
        if syntax is None:
            raise MalformedInput("a Transfer Syntax that the standard does not define", (TRANSFER_SYNTAX,))
        if not syntax.explicit:
            return IMPLICIT_LE
        return EXPLICIT_LE if syntax.little_endian else EXPLICIT_BE

    def data_set(self, head: bytes) -> tuple[bytes, int]:
        """Return bytes that hold the beginning of the data set, inflated if need be, and where it starts in them."""
        syntax = transfer_syntax(self.transfer_syntax)
        if syntax is None or not syntax.deflated:
            return head, self.end
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(head[self.end :], MAX_INFLATED_BYTES), 0
        except zlib.error:
            raise MalformedInput("the deflated data set cannot be inflated") from None


def read_meta(head: bytes) -> FileMeta | None:
    """Read the File Meta Information, or return None when more bytes are needed. Raises MalformedInput."""
    if len(head) < PREAMBLE_BYTES:
        return None
    if head[PREAMBLE_BYTES - 4 : PREAMBLE_BYTES] != b"DICM":
        raise MalformedInput("not a DICOM Part 10 object: no DICM prefix", offset=PREAMBLE_BYTES - 4)
    values: dict[bytes, str] = {}
    pos = PREAMBLE_BYTES
    try:
        while head[pos : pos + 2] == META_GROUP:
            tag = head[pos : pos + 4]
            start, length = element_value(head, pos, EXPLICIT_LE)
            pos = start + length
            if tag in _TOLD:
                values[tag] = head[start:pos].decode("latin-1").strip(" \0")
    except (IndexError, struct.error):
        return None
    if pos + 2 > len(head):
        return None
    sop_class, sop_instance, syntax = (values.get(tag, "") for tag in _TOLD)
    return FileMeta(sop_class, sop_instance, syntax, pos)


class RootReader:
    """Reads the values of root elements of data sets in one encoding, up to the last one wanted."""

    def __init__(self, encoding: Encoding, wanted: Iterable[int]) -> None:
        self._encoding = encoding
        self._wanted = frozenset(wanted)
        self._last = max(self._wanted)
        self._known: dict[bytes, int] = {}

    def read(self, buf: bytes, pos: int, *, whole: bool) -> dict[int, bytes] | None:
        """Return the raw values of those that the data set at ``pos`` has, or None when more bytes are needed.

        ``whole``: there are no more bytes. Raises MalformedInput, LimitExceeded.
        """
        found: dict[int, bytes] = {}
        encoding, known, size = self._encoding, self._known, len(buf)
        low, high = (6, 7) if encoding.little else (7, 6)
        try:
            while pos < size:
                key = buf[pos : pos + 6]
                tag = known.get(key)
                if tag is None:
                    pos = self._element(buf, pos, key, found)
                    if pos == 0:
                        return found
                    continue
                start = pos + 8
                pos = start + buf[pos + low] + (buf[pos + high] << 8)
                if tag:
                    found[tag] = buf[start:pos]
        except (IndexError, struct.error):
            return found if whole else None
        return found if whole else None

    def _element(self, buf: bytes, pos: int, key: bytes, found: dict[int, bytes]) -> int:
        """Read one element and return where the next one starts; 0 past the last one wanted."""
        encoding = self._encoding
        group, element = encoding.tags.unpack_from(buf, pos)
        tag = group << 16 | element
        if tag > self._last:
            return 0
        start, length = element_value(buf, pos, encoding)
        undefined = length == UNDEFINED
        after = skip_value(buf, read_header(buf, pos, encoding), encoding) if undefined else start + length
        if tag in self._wanted:
            found[tag] = buf[start : after - 8 if undefined else after]
        if encoding.explicit and start == pos + 8 and not undefined and len(self._known) < MAX_KNOWN:
            self._known[key] = tag if tag in self._wanted else 0
        return after
