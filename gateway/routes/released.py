"""The one loop that de-identifies the objects of an origin's answer, whatever they are packed into.

An object that the profile refuses is not there. Once bytes of an object have been packed, a refusal is a fault like any
other: what left cannot be taken back, and must look broken.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from gateway.calls import Call, add
from gateway.core.errors import NotReleased, RefusedByMasks, RefusedByProfile
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.part10 import Part10Rewriter, joined
from gateway.core.rewrite.passing import PassingPart10
from gateway.core.wire.multipart import Event, MultipartWriter, PartChunk, PartEnd, PartStart
from gateway.masking.driving import finished
from gateway.masking.refusals import tell
from gateway.routes.exchange import Outcome
from gateway.worklists.pixels import Judge
from gateway.worklists.source import Instance

Rewriter = Part10Rewriter | PassingPart10
Locate = Callable[[Rewriter], str]
"""Gives the released URL of an object whose head is known; empty where that does not say it."""
DICOM = "application/dicom"


class Packing(Protocol):
    """How released objects lie in a body."""

    def feed(self, pieces: list[Piece], rewriter: Rewriter) -> list[Piece]:
        """Take the next bytes of an object, the first of a new one after ``end``; return those of the body."""

    def end(self, rewriter: Rewriter) -> list[Piece]:
        """Say that the object is whole."""

    def refused(self) -> None:
        """Say that an object was left out; nothing of it was fed."""

    def close(self) -> Sequence[Piece]:
        """Say that there are no more objects."""


class Multipart:
    """Objects as the parts of multipart/related."""

    def __init__(self, writer: MultipartWriter, locate: Locate, outcome: Outcome) -> None:
        self._writer = writer
        self._locate = locate
        self._outcome = outcome
        self._begun = False

    def feed(self, pieces: list[Piece], rewriter: Rewriter) -> list[Piece]:
        """Put the part's header before its first bytes."""
        if self._begun:
            return pieces
        self._begun = True
        location = self._locate(rewriter)
        header = {"Content-Type": DICOM} | ({"Content-Location": location} if location else {})
        return [self._writer.part(header), *pieces]

    def end(self, rewriter: Rewriter) -> list[Piece]:  # noqa: ARG002 - the signature of every packing
        """Wait for the next part."""
        self._begun = False
        return []

    def refused(self) -> None:
        """Answer 206, if that can still be said."""
        self._outcome.is_partial = True

    def close(self) -> list[Piece]:
        """Return the closing delimiter."""
        return [self._writer.end()]


class Bare:
    """One object and nothing around it."""

    def feed(self, pieces: list[Piece], rewriter: Rewriter) -> list[Piece]:  # noqa: ARG002 - the signature of every packing
        """Return the bytes."""
        return pieces

    def end(self, rewriter: Rewriter) -> list[Piece]:  # noqa: ARG002 - the signature of every packing
        """Return nothing more."""
        return []

    def refused(self) -> None:
        """Return nothing instead."""

    def close(self) -> list[Piece]:
        """Return nothing more."""
        return []


async def released(
    events: AsyncGenerator[Event, None],
    pixels: Judge,
    study: str,
    packing: Packing,
    call: Call,
    *,
    single: bool = False,
) -> AsyncIterator[Piece]:
    """De-identify part by part, each an object of a (source) study; ``single``: the first that passes is all.

    ``call`` is told of how many there are and what was done to them.

    What must be screened waits for that, before its first byte leaves; compressed frames are masked as they come.

    Raises NotReleased when nothing passes, RefusedByProfile only behind the first byte of an object, and what the
    rewriter, the packing and ``events`` raise.
    """
    rewriter: Rewriter | None = None
    begun, count = False, 0
    async with aclosing(events):
        async for event in events:
            if isinstance(event, PartStart):
                rewriter, begun = pixels.engine.part10(study, asks=True), False
                continue
            if rewriter is None:
                continue
            try:
                async for pieces in _packed(rewriter, event, pixels, packing, call):
                    begun = begun or bool(pieces)
                    for piece in pieces:
                        yield piece
            except RefusedByProfile as refusal:
                if begun:
                    raise
                tell(refusal)
                packing.refused()
                add(call.left_out, {"refused": 1})
                rewriter = None
                continue
            if isinstance(event, PartEnd):
                rewriter = None
                count += 1
            if single and count:
                return
    if not count:
        raise NotReleased
    for piece in packing.close():
        yield piece


async def _packed(
    rewriter: Rewriter, event: PartChunk | PartEnd, pixels: Judge, packing: Packing, call: Call
) -> AsyncIterator[list[Piece]]:
    """Yield what leaves of the next bytes of an object; before its last bytes do, it counts."""
    async for some in _pieces(rewriter, event, pixels):
        pieces = packing.feed(some, rewriter) if some else some
        if isinstance(event, PartEnd):
            pieces = pieces + packing.end(rewriter)
            add(call.actions, rewriter.report)
            call.count += 1
        yield joined(pieces)


async def _pieces(rewriter: Rewriter, event: PartChunk | PartEnd, pixels: Judge) -> AsyncIterator[list[Piece]]:
    """Take the next bytes of an object, or its end, and yield what may leave; others have their turn in between."""
    if isinstance(event, PartEnd):
        steps = rewriter.last_pieces()
    elif isinstance(rewriter, PassingPart10) or rewriter.is_deflated is False:
        steps = rewriter.pieces(event.data)
    else:
        steps = []
        for step in rewriter.steps(event.data):
            if steps:
                yield await finished(steps, pixels.codecs)
                await asyncio.sleep(0)
            steps = step
    if isinstance(rewriter, Part10Rewriter) and rewriter.question and rewriter.head:
        head = rewriter.head
        one = Instance(head.study, head.series, head.sop_instance, head.sop_class)
        judged = await pixels.anew(one)
        if judged.image is None and not judged.is_refused:
            raise RefusedByMasks("the origin's metadata describe no image")
        steps = rewriter.answer(judged.decision, judged.image)
    yield await finished(steps, pixels.codecs)
