"""Walk the bytes of a data set under a Plan and copy, change or drop each element: the hot path.

Unchanged elements are never looked into: a run of them leaves as one slice. A sequence in which nothing changes is part
of the run; one that changes is rebuilt, its lengths recomputed where they were defined. Small sequences are remembered
by their bytes: functional groups repeat the same items for every frame. Cost is linear in the bytes.
"""

import struct
from collections.abc import Sequence
from typing import Protocol

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.mask.model import FrameWork
from gateway.core.rewrite.ages import capped_item
from gateway.core.rewrite.change import ElementChanger, Shared
from gateway.core.rewrite.cleaning import Cleaner
from gateway.core.rewrite.foreign import foreign_item
from gateway.core.rewrite.identity import Identity, Patient
from gateway.core.rewrite.lookahead import (
    CONCEPT_NAME,
    Short,
    content_of,
    creator_name,
    kept_number,
    removed_run,
    reserved,
)
from gateway.core.rewrite.tables import (
    CONSTANT,
    CONTENT_SEQUENCE,
    CREATOR,
    DELIMITER,
    INSERT,
    KEEP,
    MAX_MEMO,
    NUMBER,
    OFFSETS,
    PADDING,
    PIXELS,
    PRIVATE,
    REMOVE,
    REMOVE_SHORT,
    UNKNOWN,
    WALK,
    Table,
)
from gateway.core.wire.elements import (
    HEADER_BYTES,
    MAX_DEPTH,
    UNDEFINED,
    VR_CODES,
    Encoding,
    Header,
    is_item,
    skip_item,
    skip_value,
)

STOPS = frozenset({INSERT, OFFSETS, PIXELS, PADDING})
MEMO_BYTES = 1024


Piece = bytes | memoryview
"""Bytes that leave; a view saves a copy of pixel data."""
Step = Piece | FrameWork
"""The same, or a frame that somebody has to mask first."""


class Sink(Protocol):
    """Takes pieces, in order."""

    def append(self, piece: Piece, /) -> None:
        """Take the next."""


class DataSetWalker:
    """Rewrites the data sets of one object. After each walk ``run`` says where the last unchanged run begins.

    ``stop`` is INSERT, OFFSETS, PIXELS or PADDING when the walk of a root ended for one of these, else 0. ``base`` is
    the offset of the buffer in the whole data set, for messages. ``deepest`` is how deep sequences were nested so far,
    in what stays. Without a ``cleaner`` text that is to be cleaned is emptied.
    """

    def __init__(
        self,
        identity: Identity,
        patient: Patient,
        patient_id: bytes = b"",
        character_set: Sequence[str] = (),
        cleaner: Cleaner | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.shared = shared or Shared()
        self.changer = ElementChanger(identity, patient, patient_id, character_set, cleaner, self.shared)
        self._character_set = self.changer.character_set
        self.creators: dict[int, Table] = {}
        self.path: list[int] = []
        self.base = self.deepest = 0
        self.run = self.pos = self.stop = 0
        self._told = UNDEFINED  # where a content item has said what it is about

    def begin(self, base: int) -> None:
        """Start at the root again: an earlier walk may have ended inside an item."""
        self.path.clear()
        self.base = base
        self._told = UNDEFINED
        self.changer.character_set = self._character_set

    def walk(  # noqa: C901, PLR0912, PLR0915 - one loop: a kept element costs no call
        self, buf: bytes, start: int, end: int, table: Table, out: Sink, *, closed: bool, open_item: bool = False
    ) -> int:
        """Walk from ``start``, append changed bytes to ``out`` and return the position after the last element.

        The position lies past ``end`` when the last element needs no look inside and goes on beyond. ``closed``: no
        more bytes can come. Raises Short (``pos`` and ``run`` are set), MalformedInput, LimitExceeded.
        """
        whole, encoding, operations = table, table.encoding, table.operations
        width, unpack = encoding.width, encoding.u32.unpack_from
        low, high = (6, 7) if encoding.little else (7, 6)
        pos = run = start
        creators: dict[int, Table] = {} if table.stage is None else self.creators
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
                            pos, count = removed_run(buf, pos, end, table, key)
                            run = pos
                            removed += count
                            continue
                        code = operation >> 2
                        if code == NUMBER:
                            known = table.numbers.get(key)
                            if known is not None and buf.startswith(known, pos) and pos + len(known) <= end:
                                pos += len(known)
                                continue
                            after = kept_number(buf, pos, end, table, key)
                            if after > pos:
                                pos = after
                                continue
                        form = operation & 3
                        value = pos + HEADER_BYTES[form]
                        length = unpack(buf, value - 4)[0] if form else buf[pos + low] + (buf[pos + high] << 8)
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
                            if key in table.deciding:
                                self.changer.decide(buf[value : value + min(length, 4)], table, key)
                            if changed is not None:
                                if pos > run:
                                    out.append(buf[run:pos])
                                if changed or table.children[key].sequence != CONTENT_SEQUENCE:
                                    size = UNDEFINED if length == UNDEFINED else len(changed)
                                    out.append(encoding.header(key, form, size) + changed)
                                run = after
                        elif code == DELIMITER:
                            if not open_item or length:
                                raise self.malformed("an item end where none belongs", pos)
                            self.run = run
                            return pos
                        elif code == PRIVATE:  # the elements of a block are looked up in its own table
                            table = self._block(whole, key, creators)
                            operations = table.operations
                            continue
                        elif code == UNKNOWN:
                            if length == UNDEFINED:
                                after = self._unknown(buf, pos, value, table, key)
                            elif min(after, value + 4) > end:
                                raise Short(value + 4)
                            if length == UNDEFINED or is_item(buf[value : min(after, value + 4)]):
                                if pos > run:
                                    out.append(buf[run:pos])
                                run = after
                                removed += 1
                        elif code == CREATOR:
                            if after > end:
                                raise Short(after)
                            if not self._reserves(buf, pos, value, after, end, whole, creators, closed=closed):
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
                            new = self.changer.change(code, buf[value:after], table, key, form)
                            if new is not None:
                                if pos > run:
                                    out.append(buf[run:pos])
                                out.append(new)
                                run = after
                        pos = after
                except KeyError:
                    if len(key) < width:
                        if self._is_padding(buf, pos, whole, closed=closed):
                            self.stop, self.run = PADDING, run
                            return pos
                        raise self._short(Short(), pos, run, closed=closed) from None
                    if table is not whole and not table.covers(key):
                        table, operations = whole, whole.operations
                    else:
                        self._classify(table, key, pos)
                except (IndexError, struct.error):
                    if self._is_padding(buf, pos, whole, closed=closed):
                        self.stop, self.run = PADDING, run
                        return pos
                    raise self._short(Short(), pos, run, closed=closed) from None
                except Short as short:
                    raise self._short(short, pos, run, closed=closed) from None
            self.run = run
            return pos
        finally:
            if removed or replaced:
                counts = self.changer.counts
                counts[REMOVE] += removed
                counts[CONSTANT] += replaced

    def look_ahead(self, buf: bytes, pos: int, table: Table, *, closed: bool) -> None:
        """Find out who reserves what in the private group whose creator is at ``pos``, before a walk that ends earlier.

        Raises what ``walk`` does.
        """
        try:
            self._reserved(buf, pos, len(buf), table, self.creators, closed=closed)
        except Short as short:
            raise self._short(short, pos, pos, closed=closed) from None

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
        if pos > self._told and table.sequence == CONCEPT_NAME:
            raise self.malformed("a concept name twice or out of order", pos)
        if length == UNDEFINED:
            return self._undefined_items(buf, pos, end, table, closed=closed)
        limit = pos + length
        if limit > end:
            raise Short(limit)
        if length > MEMO_BYTES:
            return self.items(buf, pos, limit, limit, table, closed=True)
        raw = buf[pos:limit]
        known = table.memo.get(raw)
        if known is None:
            if self.changer.character_set is self._character_set:
                known = self.shared.sequences.get((table, raw))
            if known is None:
                return limit, self._remembered(buf, pos, limit, table, raw)
            self.changer.touched += 1  # what holds it is not the same for all objects either
        self.deepest = max(self.deepest, len(self.path) + known[2])
        if known[1]:
            self.changer.counts = [a + b for a, b in zip(self.changer.counts, known[1], strict=True)]
        return limit, known[0]

    def _undefined_items(
        self, buf: bytes, pos: int, end: int, table: Table, *, closed: bool
    ) -> tuple[int, bytes | None]:
        """Walk a sequence of undefined length; where it goes on beyond the bytes, it is walked again later."""
        counted = self.changer.counts[:]
        try:
            return self.items(buf, pos, None, end, table, closed=closed)
        except (Short, IndexError, struct.error):
            self.changer.counts = counted
            raise

    def _remembered(self, buf: bytes, pos: int, limit: int, table: Table, raw: bytes) -> bytes | None:
        """Walk a small sequence and remember what became of it, for all objects or for those it is the same for."""
        changer = self.changer
        touched, before = changer.touched, changer.counts[:]
        deepest, self.deepest = self.deepest, len(self.path)
        changed = self.items(buf, pos, limit, limit, table, closed=True)[1]
        depth = self.deepest - len(self.path)
        self.deepest = max(self.deepest, deepest)
        counts = tuple(a - b for a, b in zip(changer.counts, before, strict=True))
        outcome = changed, counts if any(counts) else (), depth
        if changer.touched == touched:
            if len(table.memo) >= MAX_MEMO:
                table.memo.clear()
            table.memo[raw] = outcome
        elif changer.character_set is self._character_set:
            sequences = self.shared.sequences
            if len(sequences) >= MAX_MEMO:
                sequences.clear()
            sequences[table, raw] = outcome
        return changed

    def items(  # noqa: C901, PLR0915 - one loop: an item costs no call
        self, buf: bytes, pos: int, limit: int | None, end: int, table: Table, *, closed: bool
    ) -> tuple[int, bytes | None]:
        """Walk items up to ``limit`` (None: up to the delimiter, which belongs to the value)."""
        self.path.append(table.sequence)
        self.deepest = max(self.deepest, len(self.path))
        if self.deepest > MAX_DEPTH:
            raise LimitExceeded("nesting of sequences", MAX_DEPTH, self.path[:3], self.base + pos)
        unpack, changer, explicit = table.encoding.u32.unpack_from, self.changer, table.encoding.explicit
        character_set, told = changer.character_set, self._told
        self._told = UNDEFINED
        pieces: list[bytes] = []
        run, stays = pos, False
        while pos != limit:
            kind = buf[pos : pos + 4]
            length = unpack(buf, pos + 4)[0]
            if kind != table.item:
                if kind != table.sequence_end or limit is not None or length:
                    raise self.malformed("an item was expected", pos)
                pos += 8
                break
            out: list[Piece] = []
            if length != UNDEFINED and pos + 8 + length > end:
                raise self._short(Short(pos + 8 + length), pos, pos, closed=closed)
            if length and (buf[pos + 12 : pos + 14] in VR_CODES) != explicit:
                found = foreign_item(self, buf, pos, length, end, table)
                if found is not None:
                    pieces += buf[run:pos], found[1]
                    stays = stays or bool(found[1])
                    pos = run = found[0]
                    continue
            inside = self._content(buf, pos, length, end, table) if table.content else table
            if inside is None:
                pieces.append(buf[run:pos])
                pos = run = self._after_item(buf, pos + 8, length, table)
                continue
            stays = True
            if length == UNDEFINED:
                tail = self.walk(buf, pos + 8, end, inside, out, closed=closed, open_item=True)
                if tail >= end:
                    raise self._short(Short(), pos, pos, closed=closed)
                after = tail + 8
            else:
                tail = after = pos + 8 + length
                if self.walk(buf, pos + 8, after, inside, out, closed=True) != after:
                    raise self.malformed("an element ends past the end of its item", pos)
            changer.character_set = character_set
            if out or self.run > pos + 8 or inside.ages:
                out.append(buf[self.run : tail])
                body = b"".join(out) if not inside.ages else capped_item(b"".join(out), table.encoding)
                pieces.append(buf[run:pos])
                pieces.append(
                    table.item + (table.encoding.u32.pack(len(body)) if length != UNDEFINED else b"\xff\xff\xff\xff")
                )
                pieces.append(body)
                run = tail
            pos = after
        self.path.pop()
        self._told = told
        if not pieces:
            return pos, None
        is_gone = table.sequence == CONTENT_SEQUENCE and not stays  # Type 1C: not without items
        pieces = [] if is_gone else [*pieces, buf[run:pos]]
        return pos, b"".join(pieces)

    def _content(self, buf: bytes, pos: int, length: int, end: int, table: Table) -> Table | None:
        """Return the table for the content item at ``pos``; None when the item goes. Sets where it has said so."""
        start = pos + 8
        for size in table.sizes:
            begins = buf[start : start + size]
            if begins in table.begun:
                self._told = start + size
                return table.begun[begins]
        last = end if length == UNDEFINED else start + length
        try:
            concept, value_type, after = content_of(buf, start, last, table.encoding)
        except MalformedInput as fault:
            raise self.malformed(fault.what, pos) from None
        self._told = after or start
        return table.content_item(concept, value_type, buf[start : self._told])

    def _after_item(self, buf: bytes, start: int, length: int, table: Table) -> int:
        """Return the position after an item that goes; ``start`` is where its elements begin."""
        self.changer.counts[REMOVE] += 1
        if length != UNDEFINED:
            return start + length
        try:
            return skip_item(buf, start, table.encoding)
        except (MalformedInput, LimitExceeded) as fault:
            raise self.located(fault) from None

    def _no_sequence(self, pos: int, key: bytes, table: Table) -> MalformedInput:
        return self.malformed("undefined length of what is no sequence", pos, key, table.encoding)

    def _unknown(self, buf: bytes, pos: int, value: int, table: Table, key: bytes) -> int:
        """Return the position after private items of a meaning that nobody knows, which go (PS3.5 Section 6.2.2)."""
        if table.creator is None:
            raise self._no_sequence(pos, key, table)
        return self._skip(buf, value, key, table)

    def _undefined(self, buf: bytes, pos: int, value: int, table: Table, key: bytes) -> int:
        """Return the position after a sequence of undefined length whose value is replaced as a whole."""
        if table.vrs.get(key, "SQ") != "SQ":
            return self._unknown(buf, pos, value, table, key)
        return self._skip(buf, value, key, table)

    def _skip(self, buf: bytes, value: int, key: bytes, table: Table) -> int:
        """Return the position after a value of undefined length."""
        header = Header(*table.encoding.parse_key(key), value, UNDEFINED)
        try:
            return skip_value(buf, header, table.encoding)
        except (MalformedInput, LimitExceeded) as fault:
            raise self.located(fault) from None

    def located(self, fault: MalformedInput | LimitExceeded) -> MalformedInput | LimitExceeded:
        """Let an error name the place in the whole object."""
        path, offset = (*self.path, *fault.path), self.base + (fault.offset or 0)
        if isinstance(fault, LimitExceeded):
            return LimitExceeded(fault.what, fault.limit, path, offset)
        return MalformedInput(fault.what, path, offset)

    @staticmethod
    def _block(table: Table, key: bytes, creators: dict[int, Table]) -> Table:
        """Return the table for the private block of an element; nothing stays of one that nobody reserved."""
        group, element = table.encoding.tags.unpack_from(key)
        number = group << 8 | element >> 8
        return creators.get(number) or table.block(number, "")

    def _reserves(  # noqa: PLR0913 - where the creator stands and ends
        self,
        buf: bytes,
        pos: int,
        value: int,
        after: int,
        end: int,
        table: Table,
        creators: dict[int, Table],
        *,
        closed: bool,
    ) -> bool:
        """Say whether a private creator still reserves something."""
        number = self._reserved(buf, pos, end, table, creators, closed=closed)
        owner = creators.get(number)
        if owner is not None and owner.creator and owner.creator == creator_name(buf[value:after]):
            return True
        creators[number] = table.block(number, "")  # of two creators that claim one block none is believed
        return False

    @staticmethod
    def _reserved(buf: bytes, pos: int, end: int, table: Table, creators: dict[int, Table], *, closed: bool) -> int:
        """Return group and block of a private creator; who reserves what in its group is known from now on."""
        group, element = table.encoding.tags.unpack_from(buf, pos)
        number: int = group << 8 | element & 0xFF
        if number not in creators:
            creators.update(reserved(buf, pos, end, table, closed=closed))
        return number
