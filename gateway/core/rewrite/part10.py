"""A DICOM Part 10 object in pieces: preamble and File Meta Information written anew, the data set de-identified.

PS3.10 Section 7.1, PS3.15 Section E.1.1. Pixel Data passes untouched, in its own Transfer Syntax; a deflated data set
is inflated, rewritten and deflated again, all in a stream.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import cast

from gateway.core.errors import LimitExceeded, MalformedInput, RefusedByProfile
from gateway.core.mask.model import Image, PixelDecision
from gateway.core.profile.plan import MEDIA_DIRECTORY
from gateway.core.rewrite.change import COUNTED
from gateway.core.rewrite.dataset import Piece, Step
from gateway.core.rewrite.head import Head
from gateway.core.rewrite.identity import Identity, pad
from gateway.core.rewrite.stream import DataSetRewriter, Limits, Planner
from gateway.core.standard.uids import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
    transfer_syntax,
)
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, element_value

IMPLEMENTATION_CLASS_UID = "2.25.236312430962043937044862043917393093853"
IMPLEMENTATION_VERSION_NAME = "DICOMVEIL_1"
PREAMBLE_BYTES = 132
_PREAMBLE = bytes(128) + b"DICM\x02\0\0\0UL\x04\0"
_VERSION = EXPLICIT_LE.make(0x00020001, "OB", b"\0\1")
_IMPLEMENTATION = EXPLICIT_LE.make(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode()) + EXPLICIT_LE.make(
    0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode()
)
_SHORT_META = {
    EXPLICIT_LE.tag(0x00020000 | element) + vr: element
    for element, vr in ((0x02, b"UI"), (0x03, b"UI"), (0x10, b"UI"), (0x12, b"UI"), (0x13, b"SH"), (0x16, b"AE"))
}
_PLAIN = {
    IMPLICIT_LE: IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_LE: EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_BE: EXPLICIT_VR_BIG_ENDIAN,
}
"""The Transfer Syntaxes that say nothing but how elements are encoded."""
INFLATE_STEP_BYTES = 1 << 18
LARGE_BYTES = 1 << 15


class Part10Rewriter:
    """Rewrites one Part 10 object: ``feed`` bytes, then ``close``; both return bytes that may leave.

    ``study``: the only study (source UID) that the object may belong to. Holds the head of the object until it is
    known, then at most one element. Raises MalformedInput, LimitExceeded or RefusedByProfile; after that nothing more
    may be fed, and what came out before is not a whole object.

    ``pieces`` and its like hand out frames that are to be masked as work; ``feed`` and ``close`` are for objects
    without any. ``asks``: what must be screened is not refused; after any call ``question`` may be set, and then
    nothing leaves before its ``answer``.
    """

    def __init__(
        self, planner: Planner, identity: Identity, limits: Limits, study: str = "", *, asks: bool = False
    ) -> None:
        self._study = study
        self._asks = asks
        self._planner = planner
        self._identity = identity
        self._limits = limits
        self._start = b""
        self._syntax: TransferSyntax | None = None
        self._data_set: DataSetRewriter | None = None
        self._inflater: zlib._Decompress | None = None
        self._holds_back = False
        self._deflater: zlib._Compress | None = None
        self._inflated = self._deflated = 0
        self._meta_sent = self._closing = False

    @property
    def question(self) -> PixelDecision | None:
        """What must be known of the pixels before anything leaves; ``head`` and ``series`` are known."""
        return self._data_set.question if self._data_set else None

    @property
    def decision(self) -> PixelDecision | None:
        """What was decided about the pixels, once something has left."""
        return self._data_set.decision if self._data_set else None

    @property
    def head(self) -> Head | None:
        """The source identifiers of the object, once known. Never to be shown."""
        return self._data_set.head if self._data_set else None

    @property
    def series(self) -> str:
        """The Series Instance UID of the source, empty until the bytes before it have left. Never to be shown."""
        return self._data_set.series if self._data_set else ""

    @property
    def transfer_syntax_uid(self) -> str | None:
        """The Transfer Syntax of the object, once known."""
        return self._syntax.uid if self._syntax else None

    @property
    def is_deflated(self) -> bool | None:
        """Say whether a few bytes may become many; None while that is not known."""
        return None if self._data_set is None else self._inflater is not None

    @property
    def report(self) -> dict[str, int]:
        """Changed values per kind of change; no values."""
        counts: dict[str, int] = {}
        for name, count in zip(COUNTED, self._data_set.counts if self._data_set else (), strict=False):
            if count:
                counts[name] = counts.get(name, 0) + count
        if self._data_set and self._data_set.is_refused:
            counts["refused"] = 1
        return counts

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the source object and return what may leave now."""
        return b"".join(cast("list[Piece]", self.pieces(data)))

    def close(self) -> bytes:
        """Say that the object ends here and return the rest."""
        return b"".join(cast("list[Piece]", self.last_pieces()))

    def pieces(self, data: bytes) -> list[Step]:
        """Do what ``feed`` does without joining: pixel data comes out as it went in."""
        if self._meta_sent and self._inflater is None and self._data_set is not None:
            return self._data_set.feed(data)
        return [piece for step in self.steps(data) for piece in step]

    def steps(self, data: bytes) -> Iterator[list[Step]]:
        """Do what ``pieces`` does a step at a time: deflated bytes may become a thousand times as many."""
        at = 0
        if self._data_set is None:
            self._start += data
            found = self._read_meta()
            if found is None:
                return
            data, self._start, at = self._start, b"", found
        yield from map(self._led, self._through(data, at))

    @property
    def held(self) -> int:
        """How many bytes are held until more come."""
        return self._data_set.held if self._data_set else len(self._start)

    @property
    def untouched(self) -> int:
        """How many of the next source bytes leave as they are; they may go another way, if ``skip`` is told."""
        return self._data_set.untouched if self._data_set and self._inflater is None else 0

    def skip(self, count: int) -> None:
        """Take note that so many untouched bytes went another way, at most as many as there are."""
        if self._data_set is None or not 0 <= count <= self.untouched:
            raise ValueError("more than the untouched bytes")
        self._data_set.skip(count)

    def answer(self, decision: PixelDecision, image: Image | None = None) -> list[Step]:
        """Answer the ``question`` with a decision that is none, and return what may leave now.

        ``image`` is what was looked at, where that was not this very object.
        """
        if self._data_set is None:
            return []
        out = self._data_set.answer(decision, image)
        if self._closing:
            return self._ended(out)
        waited, self._start = self._start, b""
        rest = [piece for step in self._through(waited, 0) for piece in step]
        return self._led([*self._deflated_again(out), *rest])

    def last_pieces(self) -> list[Step]:
        """Do what ``close`` does without joining."""
        if self._data_set is None:
            raise MalformedInput("not a DICOM Part 10 object, or cut before its data set", offset=len(self._start))
        if self._inflater is not None and not self._inflater.eof and not self.question:
            raise MalformedInput("the deflated data set is cut")
        self._closing = True
        return self._ended(self._data_set.close())

    def _ended(self, rest: list[Step]) -> list[Step]:
        """Put the last bytes out, unless a question is open."""
        if self.question:
            return []
        if self._deflater is not None:
            rest = self._deflated_again(rest)
            end = self._deflater.flush()
            rest += [end, b"\0" * ((self._deflated + len(end)) % 2)]  # PS3.5 Section A.5: of even length
        return self._led(rest)

    def _deflated_again(self, plain: list[Step]) -> list[Step]:
        """Deflate what leaves of a deflated data set, which has no compressed frames."""
        if self._deflater is None:
            return plain
        deflated = self._deflater.compress(b"".join(cast("list[Piece]", plain)))
        self._deflated += len(deflated)
        return [deflated] if deflated else []

    def _led(self, body: list[Step]) -> list[Step]:
        """Put preamble and File Meta Information before the first bytes."""
        if self._meta_sent or self.head is None or self._syntax is None or self._data_set is None:
            return body
        if not self._data_set.has_begun:
            return []
        if self._data_set.is_misdeclared:
            if self._syntax.uid not in _PLAIN.values():
                raise MalformedInput("a data set in another encoding than its Transfer Syntax says", (0x00020010,))
            self._syntax = transfer_syntax(_PLAIN[self._data_set.encoding]) or self._syntax
        self._meta_sent = True
        return [self._meta(self.head, self._syntax.uid), *body]

    def _read_meta(self) -> int | None:
        """Find the Transfer Syntax and where the data set starts, or return None when more bytes are needed."""
        if len(self._start) < PREAMBLE_BYTES:
            return None
        if self._start[128:PREAMBLE_BYTES] != b"DICM":
            raise MalformedInput("not a DICOM Part 10 object: no DICM prefix", offset=128)
        try:
            uid, at = self._scan_meta()
        except (IndexError, struct.error):
            if len(self._start) > self._limits.max_meta_bytes:
                raise LimitExceeded("bytes of File Meta Information", self._limits.max_meta_bytes) from None
            return None
        self._syntax = transfer_syntax(uid)
        if self._syntax is None:
            raise MalformedInput("a Transfer Syntax that the standard does not define", (0x00020010,))
        encoding = EXPLICIT_LE if self._syntax.explicit else IMPLICIT_LE
        if not self._syntax.little_endian:
            encoding = EXPLICIT_BE
        if self._syntax.deflated:
            self._inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            self._deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._data_set = DataSetRewriter(
            self._planner, self._identity, encoding, self._limits, at, self._study, self._syntax
        )
        self._data_set.asks = self._asks
        return at

    def _scan_meta(self) -> tuple[str, int]:
        buf, pos, uid = self._start, PREAMBLE_BYTES, ""
        end = None
        while end is None or pos < end:
            if end is None and buf[pos : pos + 2] != b"\x02\x00":
                if len(buf) < pos + 2:
                    raise IndexError
                break
            element = _SHORT_META.get(buf[pos : pos + 6])
            if element is None:
                element, start, length = _meta_element(buf, pos)
            else:
                start, length = pos + 8, buf[pos + 6] + (buf[pos + 7] << 8)
            pos = start + length
            if pos > len(buf):
                raise IndexError
            if element == 0x0010:
                uid = buf[start:pos].decode("latin-1").strip(" \0")
            elif element == 0x0000 and length == 4:
                end = pos + int.from_bytes(buf[start:pos], "little")
            elif element == 0x0002 and buf[start:pos].strip(b" \0") == MEDIA_DIRECTORY.encode():
                raise RefusedByProfile("a media directory (DICOMDIR) is not an instance")
        if not uid:
            raise MalformedInput("no value", (0x00020010,))
        return uid, pos

    def _through(self, data: bytes, at: int) -> Iterator[list[Step]]:
        if self._data_set is None:
            return
        if self._inflater is None:
            yield self._data_set.feed(data, at)
            return
        data = data[at:]
        while (data or self._holds_back) and not self._inflater.eof and not self.question:
            try:
                plain = self._inflater.decompress(data, INFLATE_STEP_BYTES)
            except zlib.error:
                raise MalformedInput("the deflated data set cannot be inflated") from None
            self._inflated += len(plain)
            self._holds_back = len(plain) == INFLATE_STEP_BYTES
            if self._inflated > self._limits.max_inflated_bytes:
                raise LimitExceeded("bytes of the inflated data set", self._limits.max_inflated_bytes)
            data = self._inflater.unconsumed_tail
            yield self._deflated_again(self._data_set.feed(plain))
        if self.question:
            self._start += data

    def _meta(self, head: Head, syntax: str) -> bytes:
        source = pad(head.sop_instance, b"\0")
        instance = self._identity.uid_bytes(source) or source
        body = (
            _VERSION
            + _uid(0x0002, pad(self._identity.definition(head.sop_class), b"\0"))
            + _uid(0x0003, instance)
            + _uid(0x0010, pad(syntax, b"\0"))
            + _IMPLEMENTATION
        )
        return _PREAMBLE + len(body).to_bytes(4, "little") + body


def joined(pieces: list[Piece]) -> list[Piece]:
    """Join what is small; a large last piece, pixel data, goes by itself and is not copied."""
    if len(pieces) < 2:
        return pieces
    if len(pieces[-1]) < LARGE_BYTES:
        return [b"".join(pieces)]
    return [b"".join(pieces[:-1]), pieces[-1]]


def _meta_element(buf: bytes, pos: int) -> tuple[int, int, int]:
    """Return element number, start and length of a value of the File Meta Information."""
    group, element = EXPLICIT_LE.tags.unpack_from(buf, pos)
    start, length = element_value(buf, pos, EXPLICIT_LE)
    if group != 2:
        tag = group << 16 | element
        raise MalformedInput("an element of another group in the File Meta Information", (tag,), start)
    return element, start, length


def _uid(element: int, value: bytes) -> bytes:
    return b"\x02\0" + element.to_bytes(2, "little") + b"UI" + len(value).to_bytes(2, "little") + value
