"""A whole data set in pieces of any size: bytes in, de-identified bytes out.

Holds one element that must be looked into (or the head), never a bulk value: what is kept passes, what is removed is
counted off. The same path serves the elements before and after Pixel Data.
"""

import struct
from dataclasses import dataclass
from typing import Protocol

from gateway.core.errors import LimitExceeded, MalformedInput, RefusedByProfile
from gateway.core.mask.model import PASSES, Image, PixelDecision, Verdict
from gateway.core.mask.native import NativeMasker
from gateway.core.profile.model import Action
from gateway.core.profile.plan import Plan
from gateway.core.rewrite import marks
from gateway.core.rewrite.change import Shared
from gateway.core.rewrite.cleaning import Cleaner
from gateway.core.rewrite.codestream import ICC_PROFILE, CodestreamCleaner, Fragments, beginnings, cleaner
from gateway.core.rewrite.dataset import DataSetWalker, Step
from gateway.core.rewrite.finalcheck import ObjectCheck
from gateway.core.rewrite.head import Head, HeadReader
from gateway.core.rewrite.identity import Identity, Patient
from gateway.core.rewrite.lookahead import Short, offset_tables
from gateway.core.rewrite.maskedpixels import MaskedFragments
from gateway.core.rewrite.maskfacts import (
    APART,
    Pictured,
    require_answer,
    require_answered,
    require_countable,
    require_maskable,
    require_same,
)
from gateway.core.rewrite.runs import walk_root
from gateway.core.rewrite.tables import INSERT, OFFSETS, PADDING, PIXELS, REMOVE, STUDY_UID, Table
from gateway.core.rewrite.verdict import is_bulk
from gateway.core.standard.uids import TransferSyntax
from gateway.core.wire.charset import SPECIFIC_CHARACTER_SET, UTF_8
from gateway.core.wire.elements import (
    HEADER_BYTES,
    MAX_DEPTH,
    SHORT,
    UNDEFINED,
    Encoding,
    Header,
    actual_encoding,
    elements,
    read_header,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one object may cost, in bytes. An element is held whole only if something inside it may change.

    ``max_depth``: of sequences within sequences, in what leaves.
    """

    max_head_bytes: int = 32 << 20
    max_element_bytes: int = 256 << 20
    max_meta_bytes: int = 1 << 20
    max_inflated_bytes: int = 8 << 30
    max_depth: int = MAX_DEPTH


ENCAPSULATED = 0x7FE00010
PIXEL_VRS = frozenset({"OB", "OD", "OF", "OW", "UN"})


@dataclass(frozen=True, slots=True)
class Layout:
    """A plan laid out as tables for one encoding: one per stage of the root.

    ``recodes``: text becomes UTF-8. ``cleans``, ``checks``: the subject must be known before the first byte.
    """

    plan: Plan
    tables: tuple[Table, ...]
    recodes: bool = False
    cleans: bool = False
    checks: bool = False


@dataclass(frozen=True, slots=True)
class Aids:
    """What knowing the subject of one object makes possible."""

    cleaner: Cleaner | None = None
    check: ObjectCheck | None = None


class Planner(Protocol):
    """Knows what happens to objects; the engine is one."""

    def head_reader(self, encoding: Encoding) -> HeadReader:
        """Return what reads the heads of data sets in one encoding."""

    def decision(self, head: Head) -> PixelDecision:
        """Return what happens to the pixels of an object."""

    def layout(self, head: Head, encoding: Encoding, decision: PixelDecision = PASSES) -> Layout:
        """Return the plan for an object."""

    def shared(self, patient: Patient, cleaner: Cleaner | None, terms: tuple[str, ...]) -> Shared:
        """Return what objects remember that have a patient, a cleaner and a character set in common."""

    def aids(
        self, head: Head, layout: Layout, encoding: Encoding, at: tuple[bytes, int], *, whole: bool
    ) -> Aids | None:
        """Return what the subject of the object that begins ``at`` makes possible; None while more bytes are needed."""


class DataSetRewriter:
    """Rewrites one data set. ``head`` is set before the first byte comes out.

    ``base`` is the offset of the data set in the object. ``feed`` and ``close`` raise MalformedInput, LimitExceeded
    or RefusedByProfile; after that nothing more may be fed. ``asks``: what must be screened is not refused; after any
    call ``question`` may be set, and then nothing leaves before its ``answer``.
    """

    def __init__(
        self,
        planner: Planner,
        identity: Identity,
        encoding: Encoding,
        limits: Limits,
        base: int = 0,
        study: str = "",
        syntax: TransferSyntax | None = None,
    ) -> None:
        self._planner = planner
        self._identity = identity
        self._encoding = self._declared = encoding
        self._limits = limits
        self._walker = DataSetWalker(identity, Patient("", 0))
        self._layout: Layout | None = None
        self._stage = 0
        self._pending: list[bytes] = []
        self._held = self._need = self._remaining = self._start = 0
        self._base = base
        self._study = study
        self._syntax = syntax
        self._fragments: Fragments | MaskedFragments | None = None
        self._masker: NativeMasker | None = None
        self._image: Image | None = None
        self._has_pixels = self._closed = False
        self.asks = False
        self.question: PixelDecision | None = None
        self.decision: PixelDecision | None = None
        self._check: ObjectCheck | None = None
        self._passing = self._ended = False
        self.head: Head | None = None

    @property
    def counts(self) -> list[int]:
        """Changed values by operation code."""
        return self._walker.changer.counts

    @property
    def is_refused(self) -> bool:
        """Say whether the final check found an identifier of the subject."""
        return self._check is not None and self._check.is_refused

    @property
    def held(self) -> int:
        """How many bytes are held until more come."""
        return self._held

    @property
    def encoding(self) -> Encoding:
        """How the data set is encoded, whatever was said of it."""
        return self._encoding

    @property
    def is_misdeclared(self) -> bool:
        """Say whether it was said to be encoded in another way."""
        return self._encoding is not self._declared

    @property
    def has_begun(self) -> bool:
        """Say whether all is known that must be before the first byte leaves."""
        return self._layout is not None

    def feed(self, data: bytes, start: int = 0) -> list[Step]:
        """Take the next bytes of the source data set, from ``start``, and return what may leave now, in order."""
        if self._ended:
            self._padding(data, start)
            return []
        if self._remaining:
            beyond = len(data) - start - self._remaining
            if beyond <= 0:
                self._remaining = -beyond
                self._base += len(data) - start
                return [data[start:]] if self._passing else self._masked(memoryview(data)[start:])
            rest, self._remaining = self._remaining, 0
            self._base += rest
            ahead = data[start : start + rest]
            return [*([ahead] if self._passing else self._masked(memoryview(ahead))), *self.feed(data[start + rest :])]
        self._start = start
        self._pending.append(data)
        self._held += len(data) - start
        if max(self._held if self._need else 0, self._need) > self._limit:
            raise LimitExceeded("bytes of what must be held whole", self._limit, offset=self._base)
        return self._advance(whole=False) if self._held >= self._need else []

    @property
    def series(self) -> str:
        """The Series Instance UID of the source, empty until the walk has passed it, or the head was read for masks."""
        return self._walker.changer.series or (self.head.series if self.head else "")

    @property
    def untouched(self) -> int:
        """How many of the next bytes leave as they are; they may go another way, if ``skip`` is told."""
        if self._passing:
            return self._remaining
        return min(self._masker.untouched, self._remaining) if self._masker else 0

    def skip(self, count: int) -> None:
        """Take note that so many untouched bytes went another way."""
        self._remaining -= count
        self._base += count
        if self._masker and count:
            self._masker.skip(count)
            self._masked(memoryview(b""))

    def answer(self, decision: PixelDecision, image: Image | None = None) -> list[Step]:
        """Answer the ``question`` with a decision and return what may leave now. Raises what ``feed`` does.

        ``image`` is what was looked at, where that was not this very object.
        """
        if image and self.head and self.head.pictured:
            require_same(self.head.pictured.image(), image)
        if self.question:
            require_answered(self.question, decision)
            if self._syntax:
                require_countable(self._syntax)
        self.question, self.decision = None, decision
        return self.close() if self._closed else self._advance(whole=False)

    def close(self) -> list[Step]:
        """Say that the data set ends here and return the rest. Raises MalformedInput when it ends inside an element."""
        if self.question:
            require_answer(self.question)
        self._closed = True
        out = self._advance(whole=True)
        if self.question:
            return []
        if self._remaining or self._fragments:
            raise MalformedInput("the data ends inside an element", offset=self._base)
        if self._study and not self._walker.changer.has_study:
            raise MalformedInput("an object of no study", (STUDY_UID,))
        while self._layout is None or self._stage < len(self._layout.tables) - 1:
            out.append(self._insertion())
        return out

    def _advance(self, *, whole: bool) -> list[Step]:
        buf = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        pos, self._start = self._start, 0
        self._pending, self._held, self._need = [], 0, 0
        out: list[Step] = []
        if self._layout is None and not self._begin(buf, pos, out, whole=whole):
            if self.question:
                self._hold(buf[pos:], self._limit)
            else:
                self._hold_more(buf[pos:])
            return []
        checked = out[:]
        self._base -= pos
        while pos < len(buf):
            after, begin = self._encapsulated(buf, pos, out), len(out)
            pos = after or self._elements(buf, pos, out, whole=whole)
            if self._check:
                checked += out[begin:]
        if self._walker.deepest > self._limits.max_depth:
            raise LimitExceeded("nesting of sequences", self._limits.max_depth, offset=self._base + pos)
        self._base += len(buf) - self._held
        if self._check:
            self._check.pieces(checked, self._encoding)
        return out

    def _hold_more(self, rest: bytes, need: int = 0) -> None:
        """Wait for what is needed, and twice as much: walking again what has come so far stays linear in the end."""
        self._hold(rest, max(need, len(rest) + 1, min(2 * len(rest), self._limit)))

    @property
    def _limit(self) -> int:
        return self._limits.max_element_bytes if self._layout else self._limits.max_head_bytes

    def _hold(self, rest: bytes, need: int) -> None:
        if rest:
            self._pending, self._held, self._need = [rest], len(rest), need

    def _begin(self, buf: bytes, pos: int, out: list[Step], *, whole: bool) -> bool:
        """Find out all that must be known before the first byte leaves; False while more bytes are needed."""
        if len(buf) - pos < HEADER_BYTES[SHORT] and not whole:
            return False
        self._encoding = encoding = actual_encoding(buf, pos, self._encoding)
        head = self._planner.head_reader(encoding).read(buf, pos, whole=whole)
        if head is None:
            return False
        decision = self.decision or self._planner.decision(head)
        layout = self._planner.layout(head, encoding, decision)
        reason = layout.plan.refuses(head.sop_class)
        if reason:
            raise RefusedByProfile(reason)
        if head.pictured and not self._is_decided(head, decision):
            return False
        aids: Aids | None = Aids()
        if layout.cleans or layout.checks:
            aids = self._planner.aids(head, layout, encoding, (buf, pos), whole=whole)
        if aids is None:
            return False
        patient = self._identity.patient(head.issuer, head.patient_id, head.study)
        shared = self._planner.shared(patient, aids.cleaner, head.character_set)
        self._walker = DataSetWalker(
            self._identity, patient, head.raw_patient_id, head.character_set, aids.cleaner, shared
        )
        self._walker.changer.study, self._walker.changer.given = self._study, head.given
        if head.pictured:
            self._walker.changer.given = {**APART, **head.given}
        self._layout, self._check, self.decision = layout, aids.check, decision
        if layout.recodes:
            out.append(encoding.make(SPECIFIC_CHARACTER_SET, "CS", UTF_8.encode()))
        self.head = head
        return True

    def _is_decided(self, head: Head, decision: PixelDecision) -> bool:
        """Carry out what is decided about the pixels as far as that can be done before they come; False: it is asked.

        Raises RefusedByMasks, and MalformedInput for pixels that cannot be as the object says.
        """
        if decision.verdict is Verdict.SCREEN and self.asks and self.decision is None:
            self.question, self.head = decision, head
            return False
        require_answer(decision)
        if head.pictured and (decision.rectangles or decision.is_clean):
            if decision.rectangles and self._syntax:
                require_maskable(self._syntax)
            self._image = head.pictured.image()
        return True

    def _elements(self, buf: bytes, pos: int, out: list[Step], *, whole: bool) -> int:
        walker, tables = self._walker, self._layout.tables if self._layout else ()
        walker.begin(self._base)
        try:
            table, at_once = tables[self._stage], self._check is not None
            after = walk_root(walker, buf, pos, table, out, closed=whole, at_once=at_once)
        except Short as short:
            out.append(buf[walker.run : walker.pos])
            self._hold_more(buf[walker.pos :], short.upto - walker.pos)
            return len(buf)
        out.append(buf[walker.run : after])
        if walker.stop == INSERT:
            out.append(self._insertion())
        elif walker.stop == OFFSETS:
            return self._offset_tables(buf, after, out, table, whole=whole)
        elif walker.stop == PIXELS:
            return self._pixels(buf, after, out)
        elif walker.stop == PADDING:
            self._ended = True
            return self._padding(buf, after)
        elif after > len(buf):
            if self._check and walker.run < after and not self._is_bulk(buf, pos, out):
                return len(buf)
            self._passing = walker.run < after
            self._remaining = after - len(buf)
            return len(buf)
        return after

    def _offset_tables(self, buf: bytes, pos: int, out: list[Step], table: Table, *, whole: bool) -> int:
        """Let extended offset tables pass, together and as such, or not at all: without any, an object is as good."""
        try:
            after, removed = offset_tables(buf, pos, table, closed=whole)
        except (Short, IndexError, struct.error) as short:
            if whole:
                raise self._walker.malformed("an element ends past the end of the data", pos) from None
            self._hold_more(buf[pos:], short.upto - pos if isinstance(short, Short) else 0)
            return len(buf)
        if not removed:
            out.append(buf[pos:after])
        self._walker.changer.counts[REMOVE] += removed
        return after

    def _is_bulk(self, buf: bytes, pos: int, out: list[Step]) -> bool:
        """Hold the last element, which goes on beyond the bytes, for the final check, unless no check looks into it."""
        run = self._walker.run
        for header, after in elements(buf, pos, len(buf), self._encoding):
            if after <= len(buf):
                pos = after
            elif is_bulk(header):
                out[-1:] = [buf[run : header.start], memoryview(buf)[header.start :]]
                return True
            else:
                out[-1] = buf[run:pos]
                self._hold(buf[pos:], after - pos)
        return False

    def _padding(self, buf: bytes, pos: int) -> int:
        """Drop zeros after the data set (PS3.15 Annex E lets no trailer pass); anything else there is malformed."""
        if buf[pos:].strip(b"\0"):
            raise MalformedInput("bytes after the data set", offset=self._base + pos)
        return len(buf)

    def _pixels(self, buf: bytes, pos: int, out: list[Step]) -> int:
        header = read_header(buf, pos, self._encoding)
        if self.head and self.head.pictured:
            self._require_known(self.head.pictured, header)
        if self._encoding.explicit and header.vr not in PIXEL_VRS:
            raise MalformedInput("pixel data in a VR that it cannot have", (header.tag,), self._base + pos)
        if header.length == UNDEFINED:
            if not self._encoding.explicit or header.vr not in ("OB", "OW"):
                raise MalformedInput("encapsulated pixel data must be OB", (header.tag,), self._base + pos)
            if self._syntax and not self._syntax.encapsulated:
                raise MalformedInput("encapsulated pixel data that no Transfer Syntax explains", (header.tag,))
            self._fragments = self._new_fragments()
            after = header.start
        else:
            if self._syntax and self._syntax.encapsulated and header.length and header.tag == ENCAPSULATED:
                raise MalformedInput(
                    "pixel data that are not encapsulated as their Transfer Syntax says", (header.tag,)
                )
            after = header.start + header.length
            if self._image and self.decision:
                masker = self._new_masker(self._image, header)
                if self.decision.rectangles:
                    return self._native(masker, buf, pos, header, out)
        out.append(memoryview(buf)[pos:after])  # not copied: it may be most of the buffer
        self._passing = True
        self._remaining = max(0, after - len(buf))
        return min(after, len(buf))

    def _require_known(self, pictured: Pictured, header: Header) -> None:
        """Raise MalformedInput for pixel data that the head does not speak of: nothing was decided about them."""
        if self._has_pixels:
            raise MalformedInput("pixel data twice", (header.tag,), self._base + header.start)
        if not pictured.has_size:
            raise MalformedInput("pixel data without rows and columns before them", (header.tag,))
        self._has_pixels = True
        if self._image and self._image.tag != header.tag:
            self._image = pictured.image(header.tag)

    def _new_masker(self, image: Image, header: Header) -> NativeMasker:
        """Raises MalformedInput where the value is longer or shorter than its frames, also if none is masked."""
        return NativeMasker(
            image,
            self.decision.rectangles if self.decision else (),
            little_endian=self._encoding.little,
            vr=header.vr or "OW",
            length=header.length,
        )

    def _native(self, masker: NativeMasker, buf: bytes, pos: int, header: Header, out: list[Step]) -> int:
        """Let native pixel data pass masked."""
        self._masker = masker
        after = header.start + header.length
        self._passing = False
        self._remaining = max(0, after - len(buf))
        out.append(memoryview(buf)[pos : header.start])
        out += self._masked(memoryview(buf)[header.start : after])
        return min(after, len(buf))

    def _masked(self, data: memoryview) -> list[Step]:
        """Mask the next bytes of native pixel data; of anything else that does not pass, nothing leaves."""
        if self._masker is None:
            return []
        out: list[Step] = [memoryview(piece) for piece in self._masker.feed(data)]
        if not self._remaining:
            self._masker.close()
            self._masker = None
        return out

    def _new_fragments(self) -> Fragments | MaskedFragments:
        if self._image is None or self.decision is None or self._syntax is None:
            return Fragments(self._encoding, self._codestreams())
        if not self.decision.rectangles:
            frames = self._image.frames if beginnings(self._syntax.uid) else None
            return Fragments(self._encoding, self._codestreams(), frames)
        work = self._syntax.uid, self._image, self.decision.rectangles
        return MaskedFragments(self._encoding, work, self._codestreams, self._limits.max_element_bytes)

    def _codestreams(self) -> CodestreamCleaner | None:
        if self._syntax is None or self._layout is None:
            return None
        keeps_icc = self._layout.plan.decide(ICC_PROFILE, "OB").action is Action.KEEP
        return cleaner(self._syntax.uid, keeps_icc=keeps_icc)

    def _encapsulated(self, buf: bytes, pos: int, out: list[Step]) -> int:
        """Take what belongs to encapsulated Pixel Data and return where it stopped; 0 when nothing does."""
        if self._fragments is None:
            return 0
        after = self._fragments.feed(buf, pos, out, self._base)
        if self._fragments.ended:
            self._fragments = None
        return after

    def _insertion(self) -> bytes:
        """Return what belongs before the next stage and enter it."""
        if self._layout is None:
            raise MalformedInput("an empty data set")
        stage, changer = self._stage, self._walker.changer
        self._stage += 1
        if changer.codes or changer.temporal:
            return marks.stages(self._layout.plan, self._encoding, changer.codes, changer.temporal)[stage][1]
        return self._layout.tables[stage].insertion
