"""De-identify objects as they come and send them to a destination, none of them visible there in part.

Small objects are made whole first and share requests that stay open while more arrive; a larger one travels in a
request of its own, which is broken off where it cannot be ended well. Held in memory: ``WHOLE_BYTES`` three times
(being made, waiting, being written) and what the rewriter holds.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from gateway.core.errors import GatewayError, RefusedByProfile, RefusedSopClass
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.masking.pool import Codecs
from gateway.masking.refusals import tell
from gateway.ports import OriginServer
from gateway.storing.answer import Answer
from gateway.storing.bulkparts import HeldBytes
from gateway.storing.model import Incoming, Kind, Names, Outcome
from gateway.storing.names import NameReader
from gateway.storing.reasons import failure
from gateway.storing.request import Request
from gateway.storing.rewriting import Rewriting

WHOLE_BYTES: Final = 4 << 20
"""An object that is no larger when released is whole before its first byte is sent."""
BATCH_OBJECTS, BATCH_BYTES = 100, 64 << 20
"""When a request of small objects is ended, so that what became of them is known."""
BATCH_IDLE_S: Final = 2.0
"""It is also ended when nothing comes: a destination does not wait for ever, and forgets what it has got."""
BATCH_OPEN_S: Final = 5.0
"""And it is ended after so long, however often something comes: it holds one of few connections."""
LARGE_WRITE_BYTES: Final = 32 << 10
"""A piece of this size is written by itself; smaller ones are joined."""

Admits = Callable[[Names], Awaitable[bool]]


async def send(
    origin: OriginServer,
    engine: Engine | Passing,
    objects: AsyncIterator[Incoming],
    *,
    path_study: str = "",
    admits: Admits | None = None,
    held: HeldBytes | None = None,
    codecs: Codecs | None = None,
) -> AsyncGenerator[Outcome, None]:
    """Store objects and yield what became of each, once that is certain; use it with ``aclosing``.

    ``path_study``: the only study (the sender's UID) that they may belong to. ``admits`` says whether an object may be
    stored at all, by its source names. ``held`` counts what all sendings hold of heads and elements. A fault of one
    object, or of the destination, is an outcome, never raised; when the destination is down or full, all that follow
    fail unsent, with the same fault. ``codecs`` mask compressed frames. What ``objects`` raises ends the sending: what
    was sent whole is completed and its outcomes are yielded, then it is raised. Closed or cancelled, it breaks off the
    request under way.
    """
    sending = _Sending(origin, engine, codecs or Codecs(1), path_study, admits, held or HeldBytes())
    ended: GatewayError | None = None
    try:
        try:
            async for one in objects:
                for outcome in await sending.take(one):
                    yield outcome
        except GatewayError as fault:
            ended = fault
        for outcome in await sending.end_batch():
            yield outcome
    finally:
        await sending.close()
    if ended is not None:
        raise ended


class _Sending:
    """What is under way: a request of small objects that is open, or one of a large object."""

    def __init__(
        self,
        origin: OriginServer,
        engine: Engine | Passing,
        codecs: Codecs,
        path_study: str,
        admits: Admits | None,
        of_all: HeldBytes,
    ) -> None:
        self._origin = origin
        self._engine = engine
        self._codecs = codecs
        self._path_study = path_study
        self._admits = admits
        self._of_all = of_all
        self._reader = NameReader()
        self._seen: set[str] = set()
        self._open: Request | None = None
        self._pending: list[Names] = []
        self._pending_bytes = 0
        self._over: Answer | None = None  # the destination's last word, if no other request will fare better

    async def take(self, one: Incoming) -> list[Outcome]:
        """Read, check and send one object; return what is certain now, of this one or of earlier ones."""
        reading = Rewriting(one, self._reader, self._of_all)
        done: list[Outcome] = []
        try:
            await reading.begin()
            await self._check(reading.source)
            if self._over is not None:
                return [_outcome(reading.source, Names(), self._over)]
            async with aclosing(reading.pieces(self._engine, self._codecs)) as coming:
                held: list[Piece] = []
                size = 0
                async for pieces in coming:
                    held += pieces
                    size += sum(map(len, pieces))
                    if size > WHOLE_BYTES:
                        done += await self.end_batch()
                        reading.is_hurried = True
                        done.append(await self._large(reading.source, held, coming))
                        return done
            done += await self._small(reading.source, held, size)
        except GatewayError as fault:
            tell(fault)
            done.append(failure(reading.source, fault))
        finally:
            reading.close()
        return done

    async def end_batch(self) -> list[Outcome]:
        """End the request of small objects, if one is open, and return what became of them."""
        if self._open is None:
            return []
        answer = await self._open.finish()
        self._open = None
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        return [self._judged(source, answer) for source in pending]

    async def close(self) -> None:
        """Break off what is still under way."""
        if self._open is not None:
            await self._open.abort()
            self._open = None

    async def _check(self, source: Names) -> None:
        if self._path_study and source.study != self._path_study:
            raise RefusedByProfile("an object of another study than the path names")
        if self._engine.refuses(source.sop_class):
            raise RefusedSopClass("the profile does not let this SOP Class pass")
        if source.instance in self._seen:
            raise RefusedByProfile("an instance that was sent twice in one request")
        if self._admits is not None and not await self._admits(source):
            raise RefusedByProfile("an object of a study that was released here")

    async def _small(self, source: Names, pieces: list[Piece], size: int) -> list[Outcome]:
        """Put a whole object into the open request, or into a new one where that has ended meanwhile."""
        done: list[Outcome] = []
        whole = coalesced(pieces)
        del pieces
        if self._open is None or not await self._open.put(whole, begins=True):
            done = await self.end_batch()
            if self._over is not None:
                return [*done, _outcome(source, Names(), self._over)]
            self._open = Request(self._origin, BATCH_IDLE_S, BATCH_OPEN_S)
            await self._open.put(whole, begins=True)
        self._seen.add(source.instance)
        self._pending.append(source)
        self._pending_bytes += size
        if len(self._pending) >= BATCH_OBJECTS or self._pending_bytes >= BATCH_BYTES:
            done += await self.end_batch()
        return done

    async def _large(self, source: Names, held: list[Piece], coming: AsyncIterator[list[Piece]]) -> Outcome:
        """Send an object in a request of its own while it is still arriving; break it off if it turns out bad."""
        if self._over is not None:
            return _outcome(source, Names(), self._over)
        request = self._open = Request(self._origin)
        begun = coalesced(held)
        held.clear()
        is_taken = await request.put(begun, begins=True)
        del begun
        try:
            async for pieces in coming:
                if not is_taken:
                    break
                is_taken = await request.put(pieces, begins=False)
        except GatewayError as fault:
            await self.close()
            return failure(source, fault)
        answer = await request.finish()
        self._open = None
        self._seen.add(source.instance)
        return self._judged(source, answer)

    def _judged(self, source: Names, answer: Answer) -> Outcome:
        if answer.is_final:
            self._over = answer
        return _outcome(source, self._released(source), answer)

    def _released(self, source: Names) -> Names:
        uid = self._engine.uid
        return Names(uid(source.study), uid(source.series), uid(source.instance), source.sop_class)


def coalesced(pieces: list[Piece]) -> list[Piece]:
    """Join what is small: each piece is a write. What is large is not copied."""
    found: list[Piece] = []
    small: list[Piece] = []
    for piece in pieces:
        if len(piece) < LARGE_WRITE_BYTES:
            small.append(piece)
            continue
        if small:
            found.append(b"".join(small))
            small = []
        found.append(piece)
    return [*found, b"".join(small)] if small else found


def _outcome(source: Names, released: Names, answer: Answer) -> Outcome:
    """Say what became of an object whose request was answered: stored if that, and nothing else, was said of it."""
    said = answer.failed.get(released.instance)
    if said is not None:
        return Outcome(Kind.FAILED, source, released, said)
    if released.instance in answer.stored:
        return Outcome(Kind.STORED, source, released)
    return Outcome(Kind.FAILED, source, released, answer.reason, answer.fault)
