"""Walk the bytes of a data set under a Plan and copy, change or drop each element: the hot path.

Unchanged elements are never looked into: a run of them leaves as one slice. A sequence in which nothing changes is part
of the run; one that changes is rebuilt, its lengths recomputed where they were defined. Small sequences are remembered
by their bytes: functional groups repeat the same items for every frame. Cost is linear in the bytes.
"""

import struct
from collections.abc import Sequence

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.pseudonym.values import shift, truncate
from gateway.core.rewrite.identity import Identity, Patient, pad
from gateway.core.rewrite.tables import (
    CODES,
    CONSTANT,
    CREATOR,
    DEFINITION,
    DELIMITER,
    INSERT,
    KEEP,
    MAX_MEMO,
    PADDING,
    PATIENT,
    PIXELS,
    PRIVATE,
    PSEUDONYM,
    REMOVE,
    REMOVE_SHORT,
    SHIFT,
    STUDY,
    STUDY_KEPT,
    TEMPORAL,
    TRUNCATE,
    UID,
    UNKNOWN,
    WALK,
    Table,
)
from gateway.core.standard.ps315 import CODING_SCHEME
from gateway.core.wire import charset
from gateway.core.wire.elements import (
    HEADER_BYTES,
    IMPLICIT_LE,
    MAX_DEPTH,
    UNDEFINED,
    Encoding,
    Header,
    elements,
    is_item,
    items,
    skip_value,
)

STOPS = frozenset({INSERT, PIXELS, PADDING})
MEMO_BYTES = 1024
RUN_ELEMENTS, RUN_BYTES = 16, 1024
"""How much of a run of removed elements is remembered as one: a value that differs costs the walk of so many."""
PATIENT_ID = 0x00100020
COUNTED = ("kept", "removed", "replaced", "uid", "pseudonym", "pseudonym", "shifted", "truncated")
"""What the report calls the operation codes that change a value, by code."""


Piece = bytes | memoryview
"""Bytes that leave; a view saves a copy of pixel data."""


class Short(Exception):
    """The bytes end inside an element; ``upto`` is the position that is needed, 0 if that is not known."""

    def __init__(self, upto: int = 0) -> None:
        self.upto = upto
        super().__init__()


def _removed_run(buf: bytes, pos: int, end: int, table: Table, first: bytes) -> tuple[int, int]:
    """Return the position after a run of removed elements in short form, and how many; ``first`` is the first's key.

    A run met before is known by its bytes: the instances of a series repeat most of their private blocks.
    """
    known = table.runs.get(first)
    if known is not None and buf.startswith(known[0], pos):
        after = pos + len(known[0])
        if after <= end:
            return after, known[1]
    encoding, operation = table.encoding, table.operations.get
    width, (low, high) = encoding.width, (6, 7) if encoding.little else (7, 6)
    after, count = pos, 0
    found: int | None = REMOVE_SHORT
    while found == REMOVE_SHORT and count < RUN_ELEMENTS:
        after += 8 + buf[after + low] + (buf[after + high] << 8)
        count += 1
        if after >= end:
            return after, count
        found = operation(buf[after : after + width])
    if found is not None and after - pos <= RUN_BYTES:  # else the next one may belong to the run
        if len(table.runs) >= MAX_MEMO:
            table.runs.clear()
        table.runs[first] = (buf[pos:after], count)
    return after, count


class DataSetWalker:
    """Rewrites the data sets of one object. After each walk ``run`` says where the last unchanged run begins.

    ``stop`` is INSERT, PIXELS or PADDING when the walk of a root ended for one of these, else 0. ``base`` is the
    offset of the buffer in the whole data set, for messages. ``study`` is the
    only study it may belong to, if set. ``codes`` and ``temporal`` are what an earlier pass wrote.
    """

    def __init__(
        self, identity: Identity, patient: Patient, patient_id: bytes = b"", character_set: Sequence[str] = ()
    ) -> None:
        self._identity = identity
        self._patient = patient
        self._patient_id = patient_id
        self._character_set = character_set
        self._touched = 0
        self._creators: dict[int, str] = {}
        self.path: list[int] = []
        self.base = 0
        self.run = self.pos = self.stop = 0
        self.study = ""
        self.has_study = False
        self.counts = [0] * len(COUNTED)
        self.codes: list[str] = []
        self.temporal = ""

    def walk(  # noqa: C901, PLR0912, PLR0915 - one loop: a kept element costs no call
        self, buf: bytes, start: int, end: int, table: Table, out: list[Piece], *, closed: bool, open_item: bool = False
    ) -> int:
        """Walk from ``start``, append changed bytes to ``out`` and return the position after the last element.

        The position lies past ``end`` when the last element needs no look inside and goes on beyond. ``closed``: no
        more bytes can come. Raises Short (``pos`` and ``run`` are set), MalformedInput, LimitExceeded.
        """
        encoding, operations = table.encoding, table.operations
        width, unpack = encoding.width, encoding.u32.unpack_from
        low, high = (6, 7) if encoding.little else (7, 6)
        pos = run = start
        creators = {} if table.stage is None else self._creators
        removed = replaced = 0
        self.stop = 0
        try:
            while pos < end:
                try:
                    while pos < end:
                        key = buf[pos : pos + width]
                        operation = operations[key]
                        if operation == 0:
                            pos += 8 + buf[pos + low] + (buf[pos + high] << 8)
                            continue
                        if operation == REMOVE_SHORT:
                            if pos > run:
                                out.append(buf[run:pos])
                            run = pos
                            pos, count = _removed_run(buf, pos, end, table, key)
                            run = pos
                            removed += count
                            continue
                        form = operation & 3
                        value = pos + HEADER_BYTES[form]
                        length = unpack(buf, value - 4)[0] if form else buf[pos + low] + (buf[pos + high] << 8)
                        code = operation >> 2
                        if code == PRIVATE:
                            code = self._private(table, key, creators)
                        if code == KEEP:
                            if length == UNDEFINED:
                                raise self._no_sequence(pos, key, table)
                            pos = value + length
                            continue
                        after = value + length
                        if code == CONSTANT and after <= end:
                            if pos > run:
                                out.append(buf[run:pos])
                            out.append(table.constants[key])
                            run = after
                            replaced += 1
                        elif code == REMOVE:
                            if length == UNDEFINED:
                                after = self._skip(buf, value, key, table)
                            if pos > run:
                                out.append(buf[run:pos])
                            run = after
                            removed += 1
                        elif code == WALK:
                            after, changed = self._sequence(buf, value, length, end, table.children[key], closed=closed)
                            if changed is not None:
                                if pos > run:
                                    out.append(buf[run:pos])
                                out.append(
                                    encoding.header(key, form, UNDEFINED if length == UNDEFINED else len(changed))
                                )
                                out.append(changed)
                                run = after
                        elif code == DELIMITER:
                            if not open_item or length:
                                raise self.malformed("an item end where none belongs", pos)
                            self.run = run
                            return pos
                        elif code == UNKNOWN:
                            if length == UNDEFINED:
                                raise self._no_sequence(pos, key, table)
                            if min(after, value + 4) > end:
                                raise Short(value + 4)
                            if is_item(buf[value : value + 4]):
                                if pos > run:
                                    out.append(buf[run:pos])
                                run = after
                                removed += 1
                        elif code in STOPS:
                            self.stop, self.run = code, run
                            return pos
                        else:
                            if length == UNDEFINED:
                                after = self._undefined(buf, pos, value, table, key)
                            if after > end:
                                raise Short(after)
                            new = self._change(code, buf[value:after], table, key, form, creators)
                            if new is not None:
                                if pos > run:
                                    out.append(buf[run:pos])
                                out.append(new)
                                run = after
                        pos = after
                except KeyError:
                    if len(key) < width:
                        if self._is_padding(buf, pos, table, closed=closed):
                            self.stop, self.run = PADDING, run
                            return pos
                        raise self._short(Short(), pos, run, closed=closed) from None
                    self._classify(table, key, pos)
                except (IndexError, struct.error):
                    if self._is_padding(buf, pos, table, closed=closed):
                        self.stop, self.run = PADDING, run
                        return pos
                    raise self._short(Short(), pos, run, closed=closed) from None
                except Short as short:
                    raise self._short(short, pos, run, closed=closed) from None
            self.run = run
            return pos
        finally:
            self.counts[REMOVE] += removed
            self.counts[CONSTANT] += replaced

    def malformed(self, what: str, pos: int, key: bytes = b"", encoding: Encoding | None = None) -> MalformedInput:
        """Make the error for an element at ``pos`` of the buffer."""
        own = (encoding.parse_key(key)[0],) if encoding else ()
        return MalformedInput(what, (*self.path, *own), self.base + pos)

    @staticmethod
    def _is_padding(buf: bytes, pos: int, table: Table, *, closed: bool) -> bool:
        """Say whether nothing but zeros, too few for an element, follow a whole data set."""
        return closed and table.stage is not None and not buf[pos:].strip(b"\0")

    def _short(self, short: Short, pos: int, run: int, *, closed: bool) -> Short | MalformedInput:
        if closed:
            return self.malformed("an element ends past the end of the data", pos)
        self.pos, self.run = pos, run
        return short

    def _classify(self, table: Table, key: bytes, pos: int) -> None:
        try:
            table.classify(key)
        except MalformedInput as fault:
            raise MalformedInput(fault.what, (*self.path, *fault.path), self.base + pos) from None

    def _sequence(
        self, buf: bytes, pos: int, length: int, end: int, table: Table, *, closed: bool
    ) -> tuple[int, bytes | None]:
        """Walk the value of a sequence; return the position after it and, if anything changed, its new value."""
        if length == UNDEFINED:
            counted = self.counts[:]
            try:
                return self._items(buf, pos, None, end, table, closed=closed)
            except (Short, IndexError, struct.error):
                self.counts = counted  # it is walked again when there is more
                raise
        limit = pos + length
        if limit > end:
            raise Short(limit)
        if length > MEMO_BYTES:
            return self._items(buf, pos, limit, limit, table, closed=True)
        raw = buf[pos:limit]
        try:
            known = table.memo[raw]
        except KeyError:
            pass
        else:
            if known is None:
                return limit, None
            self.counts = [a + b for a, b in zip(self.counts, known[1], strict=True)]
            return limit, known[0]
        touched, before = self._touched, self.counts[:]
        changed = self._items(buf, pos, limit, limit, table, closed=True)[1]
        if self._touched == touched:
            if len(table.memo) >= MAX_MEMO:
                table.memo.clear()
            table.memo[raw] = (
                None if changed is None else (changed, tuple(a - b for a, b in zip(self.counts, before, strict=True)))
            )
        return limit, changed

    def _items(
        self, buf: bytes, pos: int, limit: int | None, end: int, table: Table, *, closed: bool
    ) -> tuple[int, bytes | None]:
        """Walk items up to ``limit`` (None: up to the delimiter, which belongs to the value)."""
        self.path.append(table.sequence)
        if len(self.path) > MAX_DEPTH:
            raise LimitExceeded("nesting of sequences", MAX_DEPTH, self.path[:3], self.base + pos)
        unpack = table.encoding.u32.unpack_from
        pieces: list[bytes] = []
        run = pos
        while pos != limit:
            kind = buf[pos : pos + 4]
            length = unpack(buf, pos + 4)[0]
            if kind != table.item:
                if kind != table.sequence_end or limit is not None or length:
                    raise self.malformed("an item was expected", pos)
                pos += 8
                break
            out: list[Piece] = []
            if length == UNDEFINED:
                tail = self.walk(buf, pos + 8, end, table, out, closed=closed, open_item=True)
                if tail >= end:
                    raise self._short(Short(), pos, pos, closed=closed)
                after = tail + 8
            else:
                tail = after = pos + 8 + length
                if after > end:
                    raise self._short(Short(after), pos, pos, closed=closed)
                if self.walk(buf, pos + 8, after, table, out, closed=True) != after:
                    raise self.malformed("an element ends past the end of its item", pos)
            if out or self.run > pos + 8:
                out.append(buf[self.run : tail])
                body = b"".join(out)
                pieces.append(buf[run:pos])
                pieces.append(
                    table.item + (table.encoding.u32.pack(len(body)) if length != UNDEFINED else b"\xff\xff\xff\xff")
                )
                pieces.append(body)
                run = tail
            pos = after
        self.path.pop()
        if not pieces:
            return pos, None
        pieces.append(buf[run:pos])
        return pos, b"".join(pieces)

    def _no_sequence(self, pos: int, key: bytes, table: Table) -> MalformedInput:
        return self.malformed("undefined length of what is no sequence", pos, key, table.encoding)

    def _undefined(self, buf: bytes, pos: int, value: int, table: Table, key: bytes) -> int:
        """Return the position after a sequence of undefined length whose value is replaced as a whole."""
        if table.vrs.get(key, "SQ") != "SQ":
            raise self._no_sequence(pos, key, table)
        return self._skip(buf, value, key, table)

    def _skip(self, buf: bytes, value: int, key: bytes, table: Table) -> int:
        """Return the position after a value of undefined length; errors name the place in the whole object."""
        header = Header(*table.encoding.parse_key(key), value, UNDEFINED)
        try:
            return skip_value(buf, header, table.encoding)
        except MalformedInput as fault:
            raise MalformedInput(fault.what, (*self.path, *fault.path), self.base + (fault.offset or 0)) from None
        except LimitExceeded as fault:
            path = (*self.path, *fault.path)
            raise LimitExceeded(fault.what, fault.limit, path, self.base + (fault.offset or 0)) from None

    def _private(self, table: Table, key: bytes, creators: dict[int, str]) -> int:
        tag = table.encoding.parse_key(key)[0]
        creator = creators.get(tag >> 8)
        return REMOVE if creator is None else table.private_operation(key, creator, tag)

    def _change(
        self, code: int, raw: bytes, table: Table, key: bytes, form: int, creators: dict[int, str]
    ) -> bytes | None:
        """Return the whole new element, empty if it goes, None if it stays as it is."""
        if code == CONSTANT:
            self.counts[code] += 1
            return table.constants[key]
        if code == CREATOR:
            return self._creator(raw, table, key, creators)
        if code == CODES:
            self._read_codes(raw, table, key)
            return b""
        if code in (STUDY, STUDY_KEPT):
            self.has_study = True
            if self.study and raw.decode("latin-1").strip(" \0") != self.study:
                raise MalformedInput(
                    "an object of another study than was asked for", (table.encoding.parse_key(key)[0],)
                )
            if code == STUDY_KEPT:
                return None
            code = UID
        if code == TEMPORAL:
            self.temporal = raw.decode("latin-1").strip(" \0")
            return b""
        if code in (UID, DEFINITION):
            new = self._identity.uid_bytes(raw) if code == UID else self._identity.definition_bytes(raw)
            if new is None:
                return None
            self.counts[UID] += 1
            return table.encoding.element(key, form, new)
        self.counts[code] += 1
        return table.encoding.element(key, form, self._text(code, raw, table, key))

    def _text(self, code: int, raw: bytes, table: Table, key: bytes) -> bytes:
        tag = table.encoding.parse_key(key)[0]
        if code == PATIENT:
            self._touched += 1
            if table.stage is not None and tag == PATIENT_ID and raw.strip(b" \0") != self._patient_id:
                raise MalformedInput("Patient ID twice or out of order", (tag,))
            return pad(self._patient.pseudonym, b" ")
        if code == PSEUDONYM:
            values = charset.decode(raw, self._character_set).split("\\")
            values = [self._identity.pseudonym(tag, value) for value in values]
            return pad("\\".join(values), b" ")
        values = raw.decode("latin-1").split("\\")
        if code == SHIFT:
            self._touched += 1
            values = [shift(table.vrs[key], value, self._patient.shift_days) for value in values]
        elif code == TRUNCATE:
            values = [truncate(table.vrs[key], value) for value in values]
        return pad("\\".join(values), b" ")

    def _creator(self, raw: bytes, table: Table, key: bytes, creators: dict[int, str]) -> bytes | None:
        tag = table.encoding.parse_key(key)[0]
        creator = raw.decode("latin-1").strip(" \0")
        if table.keeps_creator(creator, tag):
            creators[(tag >> 16) << 8 | tag & 0xFF] = creator
            return None
        self.counts[REMOVE] += 1
        return b""

    def _read_codes(self, raw: bytes, table: Table, key: bytes) -> None:
        """Read the Code Values of De-identification Method Code Sequence (0012,0064) of an earlier pass."""
        encoding = IMPLICIT_LE if table.encoding.parse_key(key)[1] == "UN" else table.encoding
        try:
            for item, end in items(raw, encoding):
                values = {
                    header.tag: raw[header.start : after].decode("latin-1").strip(" \0")
                    for header, after in elements(raw, item, end, encoding)
                }
                if values.get(0x00080102) == CODING_SCHEME:
                    self.codes.append(values.get(0x00080100, ""))
        except (IndexError, struct.error):
            raise MalformedInput(
                "an element ends past the end of the data", (table.encoding.parse_key(key)[0],)
            ) from None
