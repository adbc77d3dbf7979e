"""What the elements of one encoding tell about the subject, in the root and at any depth.

Items are headers to step over, so depth costs nothing. A long sequence is cut at its items, and each piece is looked at
once: functional groups and content items repeat most of theirs, within an object and over the objects of a study. Where
a piece is not a row of whole elements, or its meaning depends on what stands around it, the sequence is walked.
A sequence ends where the one who removes it unread says it does, and what reaches past the sequence or item that it
stands in is cut there: what is broken inside hides nothing that comes after it.
Items in another encoding than their data set are walked in theirs, as far as that can be told.
In implicit VR the VR of a private element is not known, and it says nothing here.
"""

import struct
from collections.abc import Sequence

from gateway.core.clean.subject import Kind, kind_of
from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.tables import MAX_KEYS, MAX_MEMO
from gateway.core.rewrite.told import Told, meant, tell
from gateway.core.standard.vr import VRS
from gateway.core.wire import charset
from gateway.core.wire.elements import (
    HEADER_BYTES,
    IMPLICIT,
    IMPLICIT_LE,
    ITEM,
    LONG,
    MAX_DEPTH,
    SEQUENCE_DELIMITER,
    SHORT,
    UNDEFINED,
    VR_CODES,
    Encoding,
    Header,
    is_item,
    item_encoding,
    skip_item,
    skip_value,
)

BULK_BYTES = 1 << 20
FIRST_LONG_TAG = 0x00420000
"""From here on (Encapsulated Document) a value of the root longer than BULK_BYTES ends the head; before it, more may
follow that names the subject, whatever the length."""
FIRST_BULK_TAG = 0x7FE00000
MEMO_BYTES, MAX_PIECES, MAX_REMEMBERED_BYTES = 1024, 8_192, 1 << 20
"""Up to where a sequence is remembered as a whole; how many pieces of longer ones are, and how many bytes of them."""
MAX_ITEM_SETS = 16
"""How many character sets the items of one sequence may have besides the object's: text is read in each of them."""
_CODES = frozenset({0x00080100, 0x00080104, 0x00080119})
"""Code Value, Code Meaning, Long Code Value: what they tell depends on the sequence they stand in."""

_PASS, _TELL, _MOMENT, _CODE, _ENTER, _UNKNOWN, _ITEM, _LEAVE, _END, _STOP, _SET = range(11)
"""What to do with an element. MOMENT: a date and time; UNKNOWN: it may hold items; LEAVE: an item ends; END: a sequence
does; STOP: the head ends at it; SET: the character set of the item."""
_FRAMES = (_ITEM, _LEAVE, _END)
_TELLING = (_TELL, _MOMENT)
_PASS_SHORT = _PASS << 2 | SHORT


class Short(Exception):
    """The bytes end before the head does."""


class Stop(Exception):
    """The head ends here."""


class FactWalker:
    """Gathers what elements tell, in one encoding and one Specific Character Set; remembers what it has met."""

    def __init__(self, encoding: Encoding, character_set: Sequence[str], depth: int = 0) -> None:
        self._encoding = encoding
        self._character_set = tuple(character_set)
        self._item_sets: tuple[tuple[str, ...], ...] = ()
        self._item = encoding.tag(ITEM)
        self._kinds: dict[bytes, int] = {}
        self._told: dict[bytes, tuple[Told, ...]] = {}
        self._coded: dict[int, bool] = {}
        self._sequences: dict[bytes, tuple[Told, ...]] = {}
        self._pieces: dict[bytes, tuple[Told, ...] | None] = {}
        self._piece_bytes = 0
        self._long: dict[bytes, tuple[bytes, tuple[Told, ...]]] = {}
        self._depth = depth  # of items in another encoding than what they stand in
        self._others: dict[Encoding, FactWalker] = {}

    def begin(self) -> None:
        """Start a new object: no item has a character set of its own yet."""
        self._item_sets = ()

    def element(self, buf: bytes, pos: int, found: list[Told]) -> int:
        """Look at one element of the root and return the position after it.

        Raises Short, IndexError, struct.error when the bytes end first, Stop where the head does, MalformedInput and
        LimitExceeded on values of undefined length that do not end.
        """
        encoding = self._encoding
        key = buf[pos : pos + encoding.width]
        kind, value, length = self._header(buf, pos, key)
        if kind in _FRAMES:
            return value
        if kind == _STOP:
            raise Stop
        if kind == _ENTER:
            return self._root_sequence(buf, pos, key, value, length, found)
        if BULK_BYTES < length < UNDEFINED and encoding.parse_key(key)[0] >= FIRST_LONG_TAG:
            raise Stop
        after = self._after(buf, key, value, length)
        if kind != _PASS:
            self._value(key, buf[value:after], kind, 0, found)
        return after

    def unknown(self, tag: int, value: bytes, found: list[Told]) -> None:
        """Read a value in VR UN, if it holds items: in implicit VR, whatever surrounds them (PS3.5 Section 6.2.2)."""
        if is_item(value[:4]):
            self._elsewhere(IMPLICIT_LE, value, found, tag)

    def _elsewhere(self, encoding: Encoding, value: bytes, found: list[Told], sequence: int) -> None:
        """Walk what stands in a sequence, in another encoding."""
        other = self._others.get(encoding)
        if other is None:
            if self._depth == MAX_DEPTH:
                raise LimitExceeded("nesting of sequences", MAX_DEPTH, (sequence,))
            other = self._others[encoding] = FactWalker(encoding, self._character_set, self._depth + 1)
        other._item_sets = self._item_sets
        other._inside(value, 0, found, sequence)

    def _after(self, buf: bytes, key: bytes, value: int, length: int) -> int:
        """Return the position after an element of the root."""
        after = value + length
        if length == UNDEFINED:
            after = skip_value(buf, Header(*self._encoding.parse_key(key), value, length), self._encoding)
        if after > len(buf):
            raise Short
        return after

    def _root_sequence(self, buf: bytes, pos: int, key: bytes, value: int, length: int, found: list[Told]) -> int:
        self._item_sets = ()
        known = self._long.get(key)
        if known is not None and buf.startswith(known[0], pos):
            found += known[1]
            return pos + len(known[0])
        tag = self._encoding.parse_key(key)[0]
        after = self._after(buf, key, value, length)
        element, start = buf[pos:after], value - pos
        if after - value <= MEMO_BYTES:
            found += self._short(element, start, tag)
            return after
        told = None if self._are_telling(tag) else self._cut(element[start:])
        if told is None:
            self._inside(element, start, found, tag)
            return after
        if sum(len(element) for element, _ in self._long.values()) > MAX_REMEMBERED_BYTES:
            self._long.clear()
        if len(element) <= MAX_REMEMBERED_BYTES:
            self._long[key] = element, told
        found += told
        return after

    def _cut(self, value: bytes) -> tuple[Told, ...] | None:
        """Return what a sequence tells, cut at its items; None where that cannot be said of its pieces alone."""
        if not value.startswith(self._item):
            return None
        pieces, known = set(value[4:].split(self._item)), self._pieces
        fresh = pieces.difference(known)
        if fresh:
            self._piece_bytes += sum(map(len, fresh))
            if len(known) + len(fresh) > MAX_PIECES or self._piece_bytes > MAX_REMEMBERED_BYTES:
                known = self._pieces = {}
                fresh, self._piece_bytes = pieces, sum(map(len, pieces))
            for piece in fresh:
                known[piece] = self._piece(piece)
        found: list[Told] = []
        for told in map(known.__getitem__, pieces):
            if told is None:
                return None
            if told:
                found += told
        return tuple(found)

    def _piece(self, piece: bytes) -> tuple[Told, ...] | None:
        """Return what the elements between one item tag and the next tell; None where they are no row of elements.

        The length of the item comes first. A nested sequence can only be the last element, if it is not empty.
        """
        found: list[Told] = []
        pos, size, width = 4, len(piece), self._encoding.width
        try:
            while pos < size:
                key = piece[pos : pos + width]
                kind, value, length = self._header(piece, pos, key)
                pos = value
                if kind == _ENTER:
                    is_last = value == size or length in (0, UNDEFINED)
                    if not is_last or self._are_telling(self._encoding.parse_key(key)[0]):
                        return None
                elif kind in (_SET, _STOP) or (kind == _UNKNOWN and is_item(piece[value : value + 4])):
                    return None
                elif kind not in _FRAMES:
                    pos += length
                    if kind in _TELLING and pos <= size:
                        self._tell(key, piece[value:pos], kind, 0, found)
        except (Short, IndexError, struct.error):
            return None
        return tuple(found) if pos == size else None

    def _inside(  # noqa: C901, PLR0912 - one loop: what tells nothing costs no call
        self, buf: bytes, pos: int, found: list[Told], sequence: int
    ) -> None:
        """Walk what stands in a sequence that ends where the bytes do.

        Raises MalformedInput on values of undefined length that do not end where they stand.
        """
        kinds, little, explicit = self._kinds, self._encoding.little, self._encoding.explicit
        width, (low, high) = self._encoding.width, (6, 7) if little else (7, 6)
        outer: list[tuple[int, int, bool]] = []
        limit, is_open = len(buf), False
        while pos < limit or outer:
            if pos >= limit:
                pos = limit
                sequence, limit, is_open = outer.pop()
                continue
            key = buf[pos : pos + width]
            try:
                if kinds.get(key) == _PASS_SHORT:
                    pos += 8 + buf[pos + low] + (buf[pos + high] << 8)
                    continue
                kind, value, length = self._header(buf, pos, key)
            except (Short, IndexError, struct.error):
                pos = limit  # too few bytes for an element
                continue
            after = min(value + length, limit)
            if kind == _ENTER:
                inner = self._encoding.parse_key(key)[0]
                if length <= MEMO_BYTES:
                    found += self._short(buf[pos:after], value - pos, inner)
                    pos = after
                    continue
                outer.append((sequence, limit, is_open))
                sequence, is_open = inner, length == UNDEFINED
                limit, pos = after, value
            elif kind == _ITEM:
                if length and (buf[value + 4 : value + 6] in VR_CODES) != explicit:
                    passed = self._foreign(buf, value, length, limit, found, sequence)
                    if passed:
                        pos = passed
                        continue
                if length != UNDEFINED:
                    outer.append((sequence, limit, is_open))
                    limit, is_open = after, False
                pos = value
            elif kind in (_LEAVE, _END):
                pos = value
                if kind == _END and is_open:
                    sequence, limit, is_open = outer.pop()
            else:
                if length == UNDEFINED:
                    after = self._end(buf, key, value, limit)
                if kind != _PASS:
                    # Compiled, a slice must not end before it begins, as that of a cut value would.
                    self._value(key, buf[value:after] if value < after else b"", kind, sequence, found)
                pos = after

    def _foreign(self, buf: bytes, start: int, length: int, limit: int, found: list[Told], sequence: int) -> int:
        """Walk an item in another encoding and return the position after it; 0 where that is not plain to see."""
        is_open, end = length == UNDEFINED, min(start + length, limit)
        try:
            encoding = item_encoding(buf, start, None if is_open else end, self._encoding)
        except (MalformedInput, IndexError, struct.error):
            return 0
        if encoding is self._encoding:
            return 0
        try:
            after = min(skip_item(buf, start, encoding), limit) if is_open else end
        except (MalformedInput, IndexError, struct.error):
            after = limit  # what can be read of it counts
        self._elsewhere(encoding, buf[start:after], found, sequence)
        return after

    def _end(self, buf: bytes, key: bytes, value: int, limit: int) -> int:
        """Return the position after a value of undefined length, which ends before ``limit``."""
        header = Header(*self._encoding.parse_key(key), value, UNDEFINED)
        try:
            after = skip_value(buf, header, self._encoding)
        except (IndexError, struct.error):
            after = len(buf) + 1
        if after > limit:
            raise MalformedInput("a value of undefined length that does not end", (header.tag,))
        return after

    def _short(self, element: bytes, start: int, tag: int) -> tuple[Told, ...]:
        """Return what a small sequence tells, known by its bytes."""
        inherited = self._item_sets
        known = None if inherited else self._sequences.get(element)
        if known is None:
            told: list[Told] = []
            self._inside(element, start, told, tag)
            known = tuple(told)
            if not inherited and not self._item_sets:
                if len(self._sequences) >= MAX_MEMO:
                    self._sequences.clear()
                self._sequences[element] = known
        return known

    def _value(self, key: bytes, raw: bytes, kind: int, sequence: int, found: list[Told]) -> None:
        """Look at the value of an element that is no sequence; ``sequence`` is 0 in the root."""
        if kind in _TELLING or (kind == _CODE and self._are_telling(sequence)):
            self._tell(key, raw, kind, sequence, found)
        elif kind == _UNKNOWN:
            self.unknown(self._encoding.parse_key(key)[0], raw, found)
        elif kind == _SET and sequence:
            terms = charset.split_terms(raw)
            if terms not in self._sets():
                if len(self._item_sets) >= MAX_ITEM_SETS:
                    raise LimitExceeded("character sets of the items of a sequence", MAX_ITEM_SETS)
                self._item_sets += (terms,)

    def _header(self, buf: bytes, pos: int, key: bytes) -> tuple[int, int, int]:
        """Return what to do with an element, where its value begins and its length."""
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._classify(key)
        form = kind & 3
        value = pos + HEADER_BYTES[form]
        if form:
            return kind >> 2, value, self._encoding.u32.unpack_from(buf, value - 4)[0]
        return kind >> 2, value, self._encoding.u16.unpack_from(buf, pos + 6)[0]

    def _classify(self, key: bytes) -> int:
        if len(key) < self._encoding.width:
            raise Short
        tag, encoded = self._encoding.parse_key(key)
        form = IMPLICIT
        if self._encoding.explicit and tag >> 16 != 0xFFFE and encoded in VRS:
            form = LONG if VRS[encoded].is_long else SHORT
        if len(self._kinds) >= MAX_KEYS:
            self._kinds.clear()
        self._kinds[key] = self._kind(tag, encoded) << 2 | form
        return self._kinds[key]

    def _kind(self, tag: int, encoded: str) -> int:
        if tag >> 16 == 0xFFFE:
            return {ITEM: _ITEM, SEQUENCE_DELIMITER: _END}.get(tag, _LEAVE)
        if tag >= FIRST_BULK_TAG or (self._encoding.explicit and encoded not in VRS):
            return _STOP
        vr = meant(tag, encoded)
        if vr == "SQ":
            return _UNKNOWN if encoded == "UN" else _ENTER
        if tag == charset.SPECIFIC_CHARACTER_SET:
            return _SET
        if tag in _CODES:
            return _CODE
        told = kind_of(tag, vr)
        if told is not None:
            return _MOMENT if told is Kind.DATE and vr == "DT" else _TELL
        return _UNKNOWN if encoded == "UN" else _PASS

    def _are_telling(self, sequence: int) -> bool:
        """Say whether the codes in a sequence name somebody."""
        if sequence not in self._coded:
            if len(self._coded) >= MAX_KEYS:
                self._coded.clear()
            self._coded[sequence] = kind_of(0x00080100, "SH", sequence) is not None
        return self._coded[sequence]

    def _tell(self, key: bytes, raw: bytes, kind: int, sequence: int, found: list[Told]) -> None:
        if kind == _MOMENT and b"\\" not in raw:
            raw = raw[:8]
        element = key + raw
        known = None if kind == _CODE or self._item_sets else self._told.get(element)
        if known is None:
            tag, encoded = self._encoding.parse_key(key)
            vr = meant(tag, encoded)
            texts = {charset.decode(raw, terms, is_person_name=vr == "PN") for terms in self._sets()}
            known = tuple(told for told in (tell(tag, vr, text, sequence) for text in texts) if told)
            if kind != _CODE and not self._item_sets and len(raw) <= MEMO_BYTES:
                if len(self._told) >= MAX_KEYS:
                    self._told.clear()
                self._told[element] = known
        found += known

    def _sets(self) -> tuple[tuple[str, ...], ...]:
        """The character sets a value may be in: once an item has its own, those after it may have it too."""
        return (self._character_set, *self._item_sets)
