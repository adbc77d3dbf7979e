"""The DICOM JSON Model (PS3.18 Annex F) as a stream: an array of data sets in, one data set at a time out.

Cutting is fast because the seams between the data sets of one array look alike. The end of the first data set is found
by counting braces outside strings; the bytes from there to the second are learned, and from then on searched for. A
candidate counts only if the parser takes what lies before it as one whole object: no proper prefix of a JSON object is
a JSON object, so a wrong cut cannot pass. A document that misleads the search is scanned to its end. Linear in both
cases. Small data sets, as searches find them, are parsed as many at a time as have come: up to the last seam.
"""

import re
from enum import Enum, auto
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.wire.jsonobject import DataSet, decode_object, decode_objects, encode_object
from gateway.core.wire.jsonruns import MIN_OBJECT_BYTES, Splitter

__all__ = ["ArrayReader", "DataSet", "decode_object", "encode_object"]

MAX_OBJECT_BYTES: Final = 64 * 1024 * 1024
PATIENCE_BYTES: Final = 4 * 1024 * 1024
"""How much to gather before a data set's end is scanned for: braces inside strings can hide its seam."""
MAX_SEAM_BYTES: Final = 256
"""More white space than this between two data sets is not worth learning."""
ATTEMPTS: Final = 3
"""How often to try to parse many at a time in vain: what looks like the last seam may lie in a sequence."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"
_SPACES: Final = re.compile(rb"[ \t\r\n]*+")
_TO_BRACE_OR_CUT_STRING: Final = re.compile(rb'[^"{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}]*+)*+([{}"]|\Z)', re.DOTALL)
_REST_OF_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)


class _Place(Enum):
    """Where in the document the reader stands."""

    BYTE_ORDER_MARK = auto()
    START = auto()
    FIRST = auto()
    OBJECT = auto()
    AFTER = auto()
    NEXT = auto()
    END = auto()


_STEPS: Final = {
    (_Place.START, b"["): _Place.FIRST,
    (_Place.START, b"{"): _Place.OBJECT,
    (_Place.FIRST, b"{"): _Place.OBJECT,
    (_Place.FIRST, b"]"): _Place.END,
    (_Place.AFTER, b","): _Place.NEXT,
    (_Place.AFTER, b"]"): _Place.END,
    (_Place.NEXT, b"{"): _Place.OBJECT,
}


class ArrayReader:
    """Cut a JSON array of objects into its objects; a lone object stands for an array of one.

    Holds the object under way, ``max_object_bytes`` at most, and up to ``PATIENCE_BYTES`` where seams are hidden.
    ``feed`` raises MalformedInput and LimitExceeded; the reader is of no use afterwards.
    """

    def __init__(self, max_object_bytes: int = MAX_OBJECT_BYTES) -> None:
        self._max_object_bytes = max_object_bytes
        self._patience_bytes = min(PATIENCE_BYTES, max_object_bytes)
        self._place = _Place.BYTE_ORDER_MARK
        self._after_object = _Place.AFTER
        self._buffer = bytearray()  # begins where the reader stands
        self._offset = 0  # of the buffer in the document
        self._may_be_end = False
        self._between = b""  # what stood between the last object and here
        self._splitter = Splitter(decode_object)
        self._scan = _Scan()
        self._seam: _Seam | None = None
        self._trusts_seams = True
        self._attempts = ATTEMPTS
        self._may_hold_many = False

    def feed(self, data: bytes) -> list[DataSet]:
        """Take the next bytes; return the objects that are complete with them."""
        self._buffer += data
        self._may_hold_many = self._attempts > 0
        self._may_be_end = data.rstrip(_SPACE).endswith(b"]")
        found: list[DataSet] = []
        while self._advance(found):
            pass
        return found

    def close(self) -> None:
        """End the document; raises MalformedInput unless its array, or its lone object, has ended."""
        if self._place is not _Place.END:
            raise self._malformed("JSON array without its end")

    def _advance(self, found: list[DataSet]) -> bool:
        """Take one token or one object; return False when there is none yet."""
        if self._place is _Place.OBJECT:
            return self._cut(found)
        if self._place is _Place.BYTE_ORDER_MARK:
            return self._skip_byte_order_mark()
        spaces = _SPACES.match(self._buffer)
        self._drop(0 if spaces is None else spaces.end())
        token = bytes(self._buffer[:1])
        if not token:
            return False
        step = _STEPS.get((self._place, token))
        if step is None:
            raise self._malformed("not a JSON array of objects")
        if step is _Place.OBJECT:
            self._begin_object()
        else:
            self._drop(1)
        self._place = step
        return True

    def _skip_byte_order_mark(self) -> bool:
        head = bytes(self._buffer[:3])
        if len(head) < 3 and _BYTE_ORDER_MARK.startswith(head):
            return False
        if head == _BYTE_ORDER_MARK:
            self._drop(3)
        self._place = _Place.START
        return True

    def _begin_object(self) -> None:
        self._after_object = _Place.END if self._place is _Place.START else _Place.AFTER
        self._scan = _Scan()
        if self._seam is not None:
            self._seam.restart()
        elif self._place is _Place.NEXT and self._trusts_seams and len(self._between) <= MAX_SEAM_BYTES:
            self._seam = _Seam(self._between)

    def _cut(self, found: list[DataSet]) -> bool:
        """Take the object at the buffer's begin if its end is there, and those behind it if they are small."""
        if self._may_hold_many and self._seam is not None and self._cut_many(self._seam, found):
            return True
        members = self._cut_at_seam()
        if members is None:
            if self._seam is not None and not self._may_be_end and len(self._buffer) <= self._patience_bytes:
                return False
            members = self._cut_by_scan()
            if members is None:
                return False
        found.append(members)
        return True

    def _cut_many(self, seam: "_Seam", found: list[DataSet]) -> bool:
        """Take all objects up to the last seam in the buffer, if the parser agrees that they are that."""
        self._may_hold_many = False
        end = seam.last_end(self._buffer)
        if 0 < end <= self._max_object_bytes and end < MIN_OBJECT_BYTES * seam.count(self._buffer):
            many = decode_objects(self._piece(end))
            if many is not None:
                found += many
                self._take(end)
                self._next_object(seam)
                return True
        self._attempts -= 1
        return False

    def _cut_at_seam(self) -> DataSet | None:
        seam, members, end = self._seam, None, -1
        while seam is not None and members is None:
            end = seam.find_end(self._buffer, self._splitter.last_text)
            if end < 0:
                return None
            try:
                members = self._splitter.split(self._piece(end))
            except MalformedInput:
                if not seam.stop_skipping():
                    self._give_up_seams()
                    return None
        if members is not None:
            self._take(end)
            self._next_object(seam)
        return members

    def _next_object(self, seam: "_Seam | None") -> None:
        """Go on behind a seam, which was found to its last byte: there the next object begins."""
        if seam is not None:
            self._drop(seam.length)
            self._begin_object()
            self._place = _Place.OBJECT

    def _cut_by_scan(self) -> DataSet | None:
        end = self._scan.find_end(self._buffer)
        self._check_size(len(self._buffer) if end < 0 else end)
        if end < 0:
            return None
        if self._seam is not None:  # hidden by braces in strings, unless this is the last object
            self._give_up_seams()
        try:
            members = self._splitter.split(self._piece(end))
        except MalformedInput as error:
            raise self._malformed(error.what) from None
        self._take(end)
        return members

    def _give_up_seams(self) -> None:
        self._seam = None
        self._trusts_seams = False

    def _piece(self, end: int) -> bytes:
        with memoryview(self._buffer) as view:
            return bytes(view[:end])

    def _take(self, end: int) -> None:
        self._check_size(end)
        self._drop(end)
        self._between = b""
        self._place = self._after_object

    def _drop(self, length: int) -> None:
        self._between = (self._between + self._buffer[: min(length, MAX_SEAM_BYTES + 1)])[: MAX_SEAM_BYTES + 1]
        del self._buffer[:length]
        self._offset += length

    def _check_size(self, length: int) -> None:
        if length > self._max_object_bytes:
            raise LimitExceeded("JSON object", self._max_object_bytes, offset=self._offset)

    def _malformed(self, what: str) -> MalformedInput:
        return MalformedInput(what, offset=self._offset)


class _Seam:
    """Find the end of the object at the buffer's begin by what stands between two objects; may be wrong."""

    def __init__(self, between: bytes) -> None:
        self._needle = b"}" + between + b"{"
        self.length = len(between)
        self._skips = True
        self.restart()

    def last_end(self, buffer: bytearray) -> int:
        """Return the place where the last object of the buffer with another behind it may end; 0 without any."""
        return buffer.rfind(self._needle) + 1

    def count(self, buffer: bytearray) -> int:
        """Return how many seams there are at most."""
        return buffer.count(self._needle)

    def restart(self) -> None:
        """Begin with another object."""
        self._sought = 0
        self._counted = 0
        self._open = 0
        self._skipped = 0

    def stop_skipping(self) -> bool:
        """Begin with the object again and skip nothing from now on; False where nothing was skipped."""
        if not self._skipped:
            return False
        self._skips = False
        self.restart()
        return True

    def find_end(self, buffer: bytearray, skip: bytes) -> int:
        """Return the next place with as many braces closed as opened before it, or -1; goes on where it stopped.

        ``skip``: what may stand near the end of the object, between two of its members; before it, nothing is counted.
        """
        at = buffer.find(skip) if skip and self._skips and not self._sought else -1
        if at >= 0:
            self._sought = self._counted = self._skipped = at + len(skip)
            self._open = 1
        found = buffer.find(self._needle, self._sought)
        while found >= 0:
            end = found + 1
            self._open += buffer.count(b"{", self._counted, end) - buffer.count(b"}", self._counted, end)
            self._counted = self._sought = end
            if self._open == 0:
                return end
            found = buffer.find(self._needle, end)
        self._sought = max(self._sought, len(buffer) - len(self._needle) + 1)
        return -1


class _Scan:
    """Find the end of the object at the buffer's begin by its braces outside strings; right if it is JSON."""

    def __init__(self) -> None:
        self._scanned = 0
        self._open = 0
        self._is_in_string = False

    def find_end(self, buffer: bytearray) -> int:
        """Return the place after the closing brace, or -1; goes on where it stopped."""
        while self._scanned < len(buffer):
            if self._is_in_string:
                if not self._leave_string(buffer):
                    break
            elif self._find_closing_brace(buffer):
                return self._scanned
        return -1

    def _leave_string(self, buffer: bytearray) -> bool:
        rest = _REST_OF_STRING.match(buffer, self._scanned)
        if rest is not None:  # pragma: no branch  (it matches anything)
            self._scanned = rest.end()
            self._is_in_string = not rest[1]
        return not self._is_in_string

    def _find_closing_brace(self, buffer: bytearray) -> bool:
        """Go to the closing brace, into a string that is cut off, or to the end of the buffer."""
        for brace in _TO_BRACE_OR_CUT_STRING.finditer(buffer, self._scanned):  # pragma: no branch  (the end matches)
            self._scanned = brace.end()
            if brace[1] == b"{":
                self._open += 1
            elif brace[1] == b"}":
                self._open -= 1
                if self._open == 0:
                    return True
            else:
                self._is_in_string = brace[1] == b'"'
                break
        return False
