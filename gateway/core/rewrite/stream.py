"""A whole data set in pieces of any size: bytes in, de-identified bytes out.

Holds one element that must be looked into (or the head), never a bulk value: what is kept passes, what is removed is
counted off. The same path serves the elements before and after Pixel Data.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.core.errors import LimitExceeded, MalformedInput, RefusedByProfile
from gateway.core.profile.plan import Plan
from gateway.core.rewrite import marks
from gateway.core.rewrite.dataset import DataSetWalker, Piece, Short
from gateway.core.rewrite.head import Head, read_head
from gateway.core.rewrite.identity import Identity, Patient
from gateway.core.rewrite.tables import INSERT, PADDING, PIXELS, STAGES, STUDY_UID, Table
from gateway.core.wire.elements import ITEM, SEQUENCE_DELIMITER, UNDEFINED, Encoding, read_header


@dataclass(frozen=True, slots=True)
class Limits:
    """What one object may cost, in bytes. An element is held whole only if something inside it may change."""

    max_head_bytes: int = 32 << 20
    max_element_bytes: int = 256 << 20
    max_meta_bytes: int = 1 << 20
    max_inflated_bytes: int = 8 << 30


PIXEL_VRS = frozenset({"OB", "OD", "OF", "OW", "UN"})


class Planner(Protocol):
    """Finds the Plan for a SOP Class, laid out as tables; the engine is one."""

    wants_burned_in: bool

    def tables(self, sop_class: str, encoding: Encoding) -> tuple[Plan, tuple[Table, ...]]:
        """Return the plan and its root tables, one per stage."""

    def known_in_heads(self, encoding: Encoding) -> dict[bytes, int]:
        """Return what heads know of keys; filled by them."""


class DataSetRewriter:
    """Rewrites one data set. ``head`` is set before the first byte comes out.

    ``base`` is the offset of the data set in the object. ``feed`` and ``close`` raise MalformedInput, LimitExceeded
    or RefusedByProfile; after that nothing more may be fed.
    """

    def __init__(
        self, planner: Planner, identity: Identity, encoding: Encoding, limits: Limits, base: int = 0, study: str = ""
    ) -> None:
        self._planner = planner
        self._identity = identity
        self._encoding = encoding
        self._limits = limits
        self._walker = DataSetWalker(identity, Patient("", 0))
        self._plan: Plan | None = None
        self._tables: tuple[Table, ...] = ()
        self._stage = 0
        self._pending: list[bytes] = []
        self._held = self._need = self._remaining = self._start = 0
        self._base = base
        self._study = study
        self._passing = self._in_fragments = self._ended = False
        self.head: Head | None = None

    @property
    def counts(self) -> list[int]:
        """Changed values by operation code."""
        return self._walker.counts

    def feed(self, data: bytes, start: int = 0) -> list[Piece]:
        """Take the next bytes of the source data set, from ``start``, and return what may leave now, in order."""
        if self._ended:
            self._padding(data, start)
            return []
        if self._remaining:
            beyond = len(data) - start - self._remaining
            if beyond <= 0:
                self._remaining = -beyond
                self._base += len(data) - start
                return [data[start:]] if self._passing else []
            rest, self._remaining = self._remaining, 0
            self._base += rest
            ahead: list[Piece] = [data[start : start + rest]] if self._passing else []
            return ahead + self.feed(data[start + rest :])
        self._start = start
        self._pending.append(data)
        self._held += len(data) - start
        if max(self._held if self._need else 0, self._need) > self._limit:
            raise LimitExceeded("bytes of what must be held whole", self._limit, offset=self._base)
        return self._advance(whole=False) if self._held >= self._need else []

    def close(self) -> list[Piece]:
        """Say that the data set ends here and return the rest. Raises MalformedInput when it ends inside an element."""
        out = self._advance(whole=True)
        if self._remaining or self._in_fragments:
            raise MalformedInput("the data ends inside an element", offset=self._base)
        if self._study and not self._walker.has_study:
            raise MalformedInput("an object of no study", (STUDY_UID,))
        while self._stage < len(STAGES) - 1:
            out.append(self._insertion())
        return out

    def _advance(self, *, whole: bool) -> list[Piece]:
        buf = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        pos, self._start = self._start, 0
        self._pending, self._held, self._need = [], 0, 0
        if self.head is None and not self._begin(buf, pos, whole=whole):
            self._hold_more(buf[pos:])
            return []
        out: list[Piece] = []
        self._base -= pos
        while pos < len(buf):
            pos = self._fragments(buf, pos, out) if self._in_fragments else self._elements(buf, pos, out, whole=whole)
        self._base += len(buf) - self._held
        return out

    def _hold_more(self, rest: bytes) -> None:
        """Wait for twice as much: walking again what has come so far stays linear in the end."""
        self._hold(rest, max(len(rest) + 1, min(2 * len(rest), self._limit)))

    @property
    def _limit(self) -> int:
        return self._limits.max_element_bytes if self.head else self._limits.max_head_bytes

    def _hold(self, rest: bytes, need: int) -> None:
        if rest:
            self._pending, self._held, self._need = [rest], len(rest), need

    def _begin(self, buf: bytes, pos: int, *, whole: bool) -> bool:
        known = self._planner.known_in_heads(self._encoding)
        head = read_head(buf, pos, self._encoding, known, whole=whole, with_burned_in=self._planner.wants_burned_in)
        if head is None:
            return False
        self._plan, self._tables = self._planner.tables(head.sop_class, self._encoding)
        reason = self._plan.refuses(head.sop_class, head.burned_in)
        if reason:
            raise RefusedByProfile(reason)
        patient = self._identity.patient(head.issuer, head.patient_id, head.study)
        self._walker = DataSetWalker(self._identity, patient, head.raw_patient_id, head.character_set)
        self._walker.study = self._study
        self.head = head
        return True

    def _elements(self, buf: bytes, pos: int, out: list[Piece], *, whole: bool) -> int:
        walker = self._walker
        walker.path.clear()
        walker.base = self._base
        try:
            after = walker.walk(buf, pos, len(buf), self._tables[self._stage], out, closed=whole)
        except Short as short:
            out.append(buf[walker.run : walker.pos])
            if short.upto:
                self._hold(buf[walker.pos :], short.upto - walker.pos)
            else:
                self._hold_more(buf[walker.pos :])
            return len(buf)
        out.append(buf[walker.run : after])
        if walker.stop == INSERT:
            out.append(self._insertion())
        elif walker.stop == PIXELS:
            return self._pixels(buf, after, out)
        elif walker.stop == PADDING:
            self._ended = True
            return self._padding(buf, after)
        elif after > len(buf):
            self._passing = walker.run < after
            self._remaining = after - len(buf)
            return len(buf)
        return after

    def _padding(self, buf: bytes, pos: int) -> int:
        """Drop zeros after the data set (PS3.15 Annex E lets no trailer pass); anything else there is malformed."""
        if buf[pos:].strip(b"\0"):
            raise MalformedInput("bytes after the data set", offset=self._base + pos)
        return len(buf)

    def _pixels(self, buf: bytes, pos: int, out: list[Piece]) -> int:
        header = read_header(buf, pos, self._encoding)
        if self._encoding.explicit and header.vr not in PIXEL_VRS:
            raise MalformedInput("pixel data in a VR that it cannot have", (header.tag,), self._base + pos)
        if header.length == UNDEFINED:
            if not self._encoding.explicit or header.vr not in ("OB", "OW", "UN"):
                raise MalformedInput("encapsulated pixel data must be OB", (header.tag,), self._base + pos)
            self._in_fragments = True
            after = header.start
        else:
            after = header.start + header.length
        out.append(memoryview(buf)[pos:after])  # not copied: it may be most of the buffer
        self._passing = True
        self._remaining = max(0, after - len(buf))
        return min(after, len(buf))

    def _fragments(self, buf: bytes, pos: int, out: list[Piece]) -> int:
        """Pass the offset table and the fragments of encapsulated Pixel Data (PS3.5 Section A.4)."""
        run = pos
        while len(buf) - pos >= 8:
            kind, start = buf[pos : pos + 4], pos + 8
            length = self._encoding.u32.unpack_from(buf, pos + 4)[0]
            if kind == self._encoding.tag(SEQUENCE_DELIMITER) and length == 0:
                self._in_fragments = False
                out.append(buf[run:start])
                return start
            if kind != self._encoding.tag(ITEM) or length == UNDEFINED:
                raise MalformedInput("a fragment was expected", (0x7FE00010,), self._base + pos)
            pos = start + length
            if pos >= len(buf):
                out.append(memoryview(buf)[run:])
                self._passing, self._remaining = True, pos - len(buf)
                return len(buf)
        out.append(buf[run:pos])
        self._hold(buf[pos:], 8)
        return len(buf)

    def _insertion(self) -> bytes:
        """Return what belongs before the next stage and enter it."""
        if self._plan is None:
            raise MalformedInput("an empty data set")
        stage, walker = self._stage, self._walker
        self._stage += 1
        if walker.codes or walker.temporal:
            return marks.elements(self._plan, self._encoding, walker.codes, walker.temporal)[stage]
        return self._tables[stage].insertion
