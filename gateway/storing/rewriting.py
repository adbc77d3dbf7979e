"""One object on its way through the rewriter: what it calls itself first, then its de-identified bytes."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from gateway.core.errors import GatewayError
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import joined
from gateway.core.rewrite.passing import Passing
from gateway.core.rewrite.stream import Limits
from gateway.storing.model import Incoming, Names
from gateway.storing.names import NameReader, said_by_meta

LIMITS: Final = Limits(max_inflated_bytes=1 << 30)
"""A deflated object is not read from the sender as fast as it is inflated: a bomb must not keep everybody waiting."""
DEFLATED_STEP_BYTES: Final = 16 << 10
"""At most a thousand times as much is made of it before others have their turn."""


class Rewriting:
    """Reads one object. ``source`` is what it calls itself, as far as that is known."""

    def __init__(self, one: Incoming, reader: NameReader) -> None:
        self.source = one.names
        self._chunks = one.chunks
        self._reader = reader
        self._head = b""
        self._is_deflated = False

    async def begin(self) -> None:
        """Read on until all names are known. Raises NotDicom, MalformedInput, LimitExceeded, and what the chunks do."""
        held: list[bytes] = []
        size = need = 0
        found: Names | None = None
        try:
            async for chunk in self._chunks:
                held.append(chunk)
                size += len(chunk)
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

    async def pieces(self, engine: Engine | Passing) -> AsyncGenerator[list[Piece], None]:
        """Yield what may leave, as it comes; nothing that came out is a whole object before the end.

        Raises MalformedInput, LimitExceeded, RefusedByProfile, and what the chunks do.
        """
        rewriter = engine.part10(self.source.study, LIMITS)
        head, self._head = self._head, b""
        step = DEFLATED_STEP_BYTES if self._is_deflated else 0
        for part in _steps(head, step):
            if found := rewriter.pieces(part):
                yield joined(found)
        del head
        async for chunk in self._chunks:
            for part in _steps(chunk, step):
                if found := rewriter.pieces(part):
                    yield joined(found)
                if step:
                    await asyncio.sleep(0)
        if rest := rewriter.last_pieces():
            yield joined(rest)

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
