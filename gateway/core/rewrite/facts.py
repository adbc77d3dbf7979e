"""What an object says about its subject, gathered from its head before the first byte of it leaves.

The head is everything before Pixel Data (PS3.5 Section 7.1: tags ascend) or, if that comes first, before a value of the
root that nobody holds in memory. Sequences are walked flat: items are headers to step over, so depth costs nothing. In
implicit VR the VR of a private element is not known, and it says nothing here.

Runs of elements are remembered by their bytes, since the instances of a series repeat most of theirs: a run met again
costs one comparison. Elements that were seen to differ stand between the runs.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.core.clean.subject import Kind, Subject, gather, kind_of
from gateway.core.rewrite.tables import MAX_KEYS, MAX_MEMO
from gateway.core.standard import dictionary
from gateway.core.standard.uids import is_registered
from gateway.core.standard.vr import SINGLE_VALUE_VRS, VRS
from gateway.core.wire import charset
from gateway.core.wire.elements import (
    HEADER_BYTES,
    IMPLICIT,
    IMPLICIT_LE,
    LONG,
    SEQUENCE_DELIMITER,
    SHORT,
    UNDEFINED,
    Encoding,
    Header,
    is_item,
    skip_value,
)

BULK_BYTES = 1 << 20
FIRST_LONG_TAG = 0x00420000
"""From here on (Encapsulated Document) a value of the root longer than BULK_BYTES ends the head; before it, more may
follow that names the subject, whatever the length."""
FIRST_BULK_TAG = 0x7FE00000
RUN_BYTES, MAX_RUNS, MAX_VARYING, MAX_HEADS = 4096, 256, 512, 64
"""How long a run may be, how many runs and elements between them one subject has, and how many subjects are known."""
MEMO_BYTES = 1024
_CODES = frozenset({0x00080100, 0x00080104, 0x00080119})
"""Code Value, Code Meaning, Long Code Value: what they tell depends on the sequence they stand in."""

_PASS, _TELL, _MOMENT, _CODE, _ENTER, _UNKNOWN, _ITEM, _END, _STOP, _SET = range(10)
"""What to do with an element. MOMENT: a date and time; UNKNOWN: it may hold items; STOP: the head ends at it; SET: the
character set of the item."""
_TELLING = (_TELL, _MOMENT)
_PASS_SHORT = _PASS << 2 | SHORT
_CLOSED = 1 << 30
_UNNAMED = -1
"""In place of the tag of a sequence that is not known to be one."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What one attribute tells about the subject; the same bytes are the same object."""

    tag: int
    vr: str
    kind: Kind
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one object tells: its UIDs, and all the rest, which the objects of a series have in common."""

    said: frozenset[Told]
    uids: tuple[Told, ...]

    def subject(self) -> Subject:
        """Return the Subject that the facts are about."""
        return gather((told.kind, value) for some in (self.said, self.uids) for told in some for value in told.values)


class _Short(Exception):
    """The bytes end before the head does."""


class _Stop(Exception):
    """The head ends here."""


@dataclass(slots=True)
class _Runs:
    """The runs of one subject's heads by their first key, with what they tell, and the keys that stand between."""

    known: dict[bytes, tuple[bytes, tuple[Told, ...]]] = field(default_factory=dict)
    varying: set[bytes] = field(default_factory=set)


class FactReader:
    """Gathers facts from heads in one encoding and one Specific Character Set; remembers what it has met."""

    def __init__(self, encoding: Encoding, character_set: Sequence[str]) -> None:
        self._encoding = encoding
        self._character_set = tuple(character_set)
        self._item_set: tuple[str, ...] = ()
        self._kinds: dict[bytes, int] = {}
        self._told: dict[bytes, tuple[Told, ...]] = {}
        self._coded: dict[int, bool] = {}
        self._sequences: dict[bytes, tuple[Told, ...]] = {}
        self._runs: dict[str, _Runs] = {}
        self._subjects: dict[frozenset[Told], Subject] = {}
        self._implicit: FactReader | None = None

    def read(self, buf: bytes, pos: int, *, whole: bool, who: str = "") -> Facts | None:
        """Read the data set that begins at ``pos``; None when more bytes are needed (``whole``: there are none).

        ``who`` tells heads apart that have little in common. Raises MalformedInput and LimitExceeded on values of
        undefined length that do not end.
        """
        runs = self._runs.get(who)
        if runs is None:
            if len(self._runs) >= MAX_HEADS:
                self._runs.clear()
            runs = self._runs[who] = _Runs()
        found: list[Told] = []
        try:
            self._root(buf, pos, found, runs)
        except _Stop:
            whole = True
        except (_Short, IndexError, struct.error):
            pass
        if not whole:
            return None
        uids = [told for told in found if told.kind is Kind.UID]
        return Facts(frozenset(found).difference(uids), tuple(uids))

    def subject(self, facts: Facts) -> Subject:
        """Return the Subject that the facts are about; what the objects of a series share is remembered."""
        known = self._subjects.get(facts.said)
        if known is None:
            if len(self._subjects) >= MAX_HEADS:
                self._subjects.clear()
            known = self._subjects[facts.said] = Facts(facts.said, ()).subject()
        return replace(known, uids=frozenset(value for told in facts.uids for value in told.values))

    def _root(self, buf: bytes, pos: int, found: list[Told], runs: _Runs) -> None:
        size, width, known, varying = len(buf), self._encoding.width, runs.known, runs.varying
        self._item_set = ()
        while pos < size:
            key = buf[pos : pos + width]
            run = known.get(key)
            if run is not None and buf.startswith(run[0], pos):
                found += run[1]
                pos += len(run[0])
            elif key in varying:
                pos = self._walk(buf, pos, pos + 1, found)
            else:
                pos = self._learn(buf, pos, found, runs)

    def _learn(self, buf: bytes, pos: int, found: list[Told], runs: _Runs) -> int:
        """Walk up to an element that varies, or that differs in the run known so far, and remember the new run."""
        start, width = pos, self._encoding.width
        old = runs.known.pop(buf[pos : pos + width], (b"", ()))[0]
        told: list[Told] = []
        complete: tuple[Told, ...] = ()
        try:
            while pos - start < RUN_BYTES and pos < len(buf) and buf[pos : pos + width] not in runs.varying:
                after = self._walk(buf, pos, pos + 1, told)
                if after > len(buf):
                    raise _Short
                differs = pos - start < len(old) and not old.startswith(buf[pos:after], pos - start)
                if (differs or after - pos > RUN_BYTES) and len(runs.varying) < MAX_VARYING:
                    runs.varying.add(buf[pos : pos + width])
                    told = list(complete)
                    break
                complete = tuple(told)
                pos = after
        finally:
            found += told
            if pos > start and len(runs.known) < MAX_RUNS:
                runs.known[buf[start : start + width]] = buf[start:pos], complete
        return pos

    def _walk(  # noqa: C901, PLR0912, PLR0915 - one loop: what tells nothing costs no call
        self, buf: bytes, pos: int, end: int, found: list[Told], sequence: int = 0, opened: int = _CLOSED
    ) -> int:
        """Walk elements that begin before ``end`` and return the position after the last.

        ``sequence`` is the tag of what they stand in, 0 for the root; with ``opened`` 1 its delimiter ends the walk.
        """
        encoding, kinds, sequences, size = self._encoding, self._kinds, self._sequences, len(buf)
        width, unpack = encoding.width, encoding.u32.unpack_from
        low, high = (6, 7) if encoding.little else (7, 6)
        root = not sequence
        while pos < end:
            at = pos
            key = buf[pos : pos + width]
            kind = kinds.get(key)
            if kind == _PASS_SHORT:
                pos += 8 + buf[pos + low] + (buf[pos + high] << 8)
                continue
            if kind is None:
                kind = self._classify(key)
            form = kind & 3
            value = pos + HEADER_BYTES[form]
            length = unpack(buf, value - 4)[0] if form else buf[pos + low] + (buf[pos + high] << 8)
            kind >>= 2
            if kind == _ENTER and length <= MEMO_BYTES:
                pos = value + length
                if pos > size:
                    raise _Short
                told = sequences.get(buf[at:pos])
                if told is None or self._item_set:
                    told = self._sequence(buf[at:pos], value - at, encoding.parse_key(key)[0], root=root)
                if told:
                    found += told
            elif kind == _ITEM:
                pos = value
            elif kind == _END:
                pos = value
                opened -= 1
                if not opened:
                    return pos
            elif kind == _STOP and root:
                raise _Stop
            elif kind == _ENTER and length == UNDEFINED:
                sequence = encoding.parse_key(key)[0]
                if root:
                    self._item_set = ()
                    return self._walk(buf, value, size, found, sequence, 1)
                pos, opened = value, opened + 1
            elif length == UNDEFINED:
                header = Header(*encoding.parse_key(key), value, length)
                pos = skip_value(buf, header, encoding)
                if kind == _UNKNOWN:
                    self.unknown(buf[value:pos], found)
            else:
                pos = value + length
                if root and length > BULK_BYTES and kind != _ENTER and encoding.parse_key(key)[0] >= FIRST_LONG_TAG:
                    raise _Stop
                if pos > size:
                    raise _Short
                if kind in _TELLING or (kind == _CODE and self._are_telling(sequence)):
                    self._tell(key, buf[value:pos], kind, sequence, found)
                elif kind == _ENTER:
                    if root:
                        self._item_set = ()
                        self._walk(buf, value, pos, found, encoding.parse_key(key)[0])
                    else:
                        sequence, pos = encoding.parse_key(key)[0], value
                elif kind == _UNKNOWN and is_item(buf[value : min(pos, value + 4)]):
                    self.unknown(buf[value:pos], found)
                elif kind == _SET and not root:
                    self._item_set = charset.split_terms(buf[value:pos])
        if opened < _CLOSED:
            raise _Short
        return pos

    def _sequence(self, element: bytes, start: int, tag: int, *, root: bool) -> tuple[Told, ...]:
        """Return what a small sequence tells, known by its bytes: functional groups repeat them for every frame."""
        if root:
            self._item_set = ()
        inherited, told = self._item_set, []  # type: tuple[str, ...], list[Told]
        self._walk(element, start, len(element), told, tag)
        known = tuple(told)
        if not inherited and not self._item_set:
            if len(self._sequences) >= MAX_MEMO:
                self._sequences.clear()
            self._sequences[element] = known
        return known

    def unknown(self, value: bytes, found: list[Told]) -> None:
        """Read a value in VR UN, if it holds items: in implicit VR, whatever surrounds them (PS3.5 Section 6.2.2)."""
        if self._implicit is None:
            self._implicit = FactReader(IMPLICIT_LE, self._character_set)
        self._implicit._item_set = self._item_set  # noqa: SLF001 - of the same class
        try:
            self._implicit._walk(value, 0, len(value), found, _UNNAMED)  # noqa: SLF001
        except (_Short, IndexError, struct.error):
            return  # no items after all

    def _classify(self, key: bytes) -> int:
        if len(key) < self._encoding.width:
            raise _Short
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
            return _END if tag == SEQUENCE_DELIMITER else _ITEM
        if tag >= FIRST_BULK_TAG or (self._encoding.explicit and encoded not in VRS):
            return _STOP
        vr = meant(tag, encoded)
        if vr == "SQ":
            return _UNKNOWN if encoded == "UN" else _ENTER
        if tag == charset.SPECIFIC_CHARACTER_SET:
            return _SET
        if tag in _CODES:
            return _CODE
        if kind_of(tag, vr) is not None:
            return _MOMENT if vr == "DT" else _TELL
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
        known = None if kind == _CODE or self._item_set else self._told.get(element)
        if known is None:
            tag, encoded = self._encoding.parse_key(key)
            vr = meant(tag, encoded)
            texts = {charset.decode(raw, terms, is_person_name=vr == "PN") for terms in self._sets()}
            known = tuple(told for told in (tell(tag, vr, text, sequence) for text in texts) if told)
            if kind != _CODE and not self._item_set and len(raw) <= MEMO_BYTES:
                if len(self._told) >= MAX_KEYS:
                    self._told.clear()
                self._told[element] = known
        found += known

    def _sets(self) -> tuple[tuple[str, ...], ...]:
        """The character sets a value may be in: once an item has its own, those after it may have it too."""
        return (self._character_set, self._item_set) if self._item_set else (self._character_set,)


def tell(tag: int, vr: str, text: str, sequence: int = 0) -> Told | None:
    """Say what a decoded value tells about the subject, if anything; several values are joined by backslash."""
    kind = kind_of(tag, vr, sequence)
    if kind is None:
        return None
    parts = [text] if vr in SINGLE_VALUE_VRS else text.split("\\")
    values = dict.fromkeys(part.strip(" \0\t\r\n") for part in parts)
    told = tuple(value for value in values if value and not (kind is Kind.UID and is_registered(value)))
    return Told(tag, vr, kind, told) if told else None


def meant(tag: int, encoded: str) -> str:
    """Return the VR that an attribute has, whatever was written."""
    return dictionary.vr_of(tag) or "UN" if encoded in ("", "UN") else encoded
