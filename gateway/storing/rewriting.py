"""One object on its way through the rewriter: what it calls itself first, then its de-identified bytes."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from gateway.core.errors import GatewayError, TooSlow
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import joined
from gateway.core.rewrite.passing import Passing
from gateway.core.rewrite.stream import Limits
from gateway.masking.driving import finished
from gateway.masking.pool import Codecs
from gateway.storing.bulkparts import HeldBytes
from gateway.storing.model import Incoming, Names
from gateway.storing.names import NameReader, said_by_meta

LIMITS: Final = Limits(max_inflated_bytes=1 << 30, max_depth=32)
"""A deflated object is not read from the sender as fast as it is inflated: a bomb must not keep everybody waiting.

Archives built on DCMTK, Orthanc among them, die of sequences some 50 deep; real objects stay below 10.
"""
DEFLATED_STEP_BYTES: Final = 512
"""At most a thousand times as much is made of it before others have their turn."""


UNCOUNTED_BYTES: Final = 1 << 20
"""What any object may hold of itself without being counted: few heads and elements are larger."""
MIN_RATE: Final = 16 << 10
"""Bytes a second: less than any line on which images are sent, so much that a few GB an hour hold a connection."""
PATIENCE_S: Final = 60.0
"""For how long an object may fall behind that, waits for the destination not counted."""


class Rewriting:
    """Reads one object. ``source`` is what it calls itself, as far as that is known.

    ``is_hurried``: it holds a connection to the destination and must come at ``MIN_RATE``. ``held`` counts what all
    objects hold of themselves; ``close`` when nobody reads on.
    """

    def __init__(self, one: Incoming, reader: NameReader, held: HeldBytes) -> None:
        self.source = one.names
        self.is_hurried = False
        self._clock = asyncio.get_running_loop().time
        self._patience_s = PATIENCE_S
        self._of_all = held
        self._counted = 0
        self._chunks = one.chunks
        self._reader = reader
        self._head = b""
        self._is_deflated = False

    async def begin(self) -> None:
        """Read on until all names are known.

        Raises NotDicom, MalformedInput, LimitExceeded, StoringBusy, and what the chunks do.
        """
        held: list[bytes] = []
        size = need = 0
        found: Names | None = None
        try:
            async for chunk in self._chunks:
                held.append(chunk)
                size += len(chunk)
                self._count(size)
                if size >= need:
                    held = [b"".join(held)] if len(held) > 1 else held
                    found = self._reader.read(held[0], whole=False)
                    if found is not None:
                        break
                    need = 2 * size  # read again when it has doubled: linear
            self._head = b"".join(held)
            self.source = found or self._read_whole()
            self._is_deflated = self._reader.is_deflated
        except GatewayError:
            self.source = self._known(b"".join(held))
            raise

    async def pieces(self, engine: Engine | Passing, codecs: Codecs) -> AsyncGenerator[list[Piece], None]:
        """Yield what may leave, as it comes; nothing that came out is a whole object before the end.

        ``codecs`` mask compressed frames. What must be screened is refused: it is nowhere yet where it could be read.

        Raises MalformedInput, LimitExceeded, StoringBusy, RefusedByProfile, TooSlow, and what the chunks do.
        """
        rewriter = engine.part10(self.source.study, LIMITS)
        head, self._head = self._head, b""
        step = DEFLATED_STEP_BYTES if self._is_deflated else 0
        for part in _steps(head, step):
            if found := await finished(rewriter.pieces(part), codecs):
                yield joined(found)
            if step:
                await asyncio.sleep(0)
        del head
        self._count(rewriter.held)
        while (chunk := await self._next()) is not None:
            for part in _steps(chunk, step):
                if found := await finished(rewriter.pieces(part), codecs):
                    yield joined(found)
                if step:
                    await asyncio.sleep(0)
            self._count(rewriter.held)
        if rest := await finished(rewriter.last_pieces(), codecs):
            yield joined(rest)

    def close(self) -> None:
        """Take note that nothing is held any more."""
        self._count(0)

    async def _next(self) -> bytes | None:
        since = self._clock()
        chunk = await anext(self._chunks, None)
        if self.is_hurried and chunk is not None:
            left = self._patience_s - (self._clock() - since) + len(chunk) / MIN_RATE
            if left < 0:
                raise TooSlow(f"an object that comes at less than {MIN_RATE} bytes a second")
            self._patience_s = min(left, PATIENCE_S)
        return chunk

    def _count(self, held: int) -> None:
        more = max(0, held - UNCOUNTED_BYTES) - self._counted
        if more > 0:
            self._of_all.take(more)
        elif more:
            self._of_all.give(-more)
        self._counted += more

    def _read_whole(self) -> Names:
        found = self._reader.read(self._head, whole=True)
        return found or Names()  # pragma: no cover - a whole object's names are there or malformed

    def _known(self, head: bytes) -> Names:
        """Return what can be said of an object that cannot be read."""
        return self.source if self.source.instance else said_by_meta(head)


def _steps(data: bytes, size: int) -> Iterator[bytes]:
    """Cut data into steps of a size; 0: none."""
    if not size:
        return iter((data,))
    return (data[at : at + size] for at in range(0, len(data), size))
