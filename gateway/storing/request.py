"""One POST to a destination: parts are put into it as they come, and its answer says what became of them.

A task of its own sends, so that a destination that answers early, or breaks off, does not break off the reading of
what the client still sends. Held in memory: what was put last, and what is being written.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Final

from gateway.core.errors import OriginFailed
from gateway.core.rewrite.dataset import Piece
from gateway.core.wire.multipart import MultipartWriter, content_type, random_boundary
from gateway.ports import OriginServer
from gateway.storing.answer import Answer, read_answer, too_early, unanswered

DICOM: Final = "application/dicom"
ACCEPT: Final = "application/dicom+json"
_PART: Final = {"Content-Type": DICOM}
"""Without parameters: there are destinations that store nothing where there are some."""


class Request:
    """A multipart request under way: of one large object, or of small ones, if ``idle_s`` is given.

    Then it ends by itself when nothing was put for so long, and ``open_s`` after its begin.
    """

    def __init__(self, origin: OriginServer, idle_s: float | None = None, open_s: float = 0.0) -> None:
        boundary = random_boundary(os.urandom(16))
        self._writer = MultipartWriter(boundary)
        self._slot: list[Piece] = []
        self._turn: asyncio.Future[None] | None = None
        self._ended = self._is_sent = False
        self._loop = asyncio.get_running_loop()
        self._idle_s = idle_s
        self._ends_at = self._loop.time() + open_s
        self._idle: asyncio.TimerHandle | None = None
        self._task = asyncio.create_task(self._exchange(origin, content_type(DICOM, boundary)))

    async def put(self, pieces: list[Piece], *, begins: bool) -> bool:
        """Hand on pieces once the earlier ones were taken, the first of a part where it ``begins``.

        False when nobody takes any more: the request has ended, or was answered.
        """
        if self._idle is not None:
            self._idle.cancel()
        if not await self._is_free():
            return False
        self._give([self._writer.part(_PART), *pieces] if begins else pieces)
        if self._idle_s is not None:
            self._idle = self._loop.call_at(min(self._loop.time() + self._idle_s, self._ends_at), self._end)
        return True

    async def finish(self) -> Answer:
        """End the request after whole parts, and return what the destination says."""
        if self._idle is not None:
            self._idle.cancel()
        if await self._is_free():
            self._end()
        return await self._task

    async def abort(self) -> None:
        """Break the request off in the middle: the destination must see that it is not whole."""
        if self._idle is not None:
            self._idle.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _is_free(self) -> bool:
        while self._slot and not self._task.done():
            await self._wait()
        return not (self._ended or self._task.done())

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._give([*self._slot, self._writer.end()])

    def _give(self, pieces: list[Piece]) -> None:
        self._slot = pieces
        self._wake()

    async def _exchange(self, origin: OriginServer, media_type: str) -> Answer:
        try:
            is_long = self._idle_s is None
            async with origin.post("/studies", media_type, self._body(), ACCEPT, is_long=is_long) as answer:
                said = await read_answer(answer)
                return said if self._is_sent else too_early(said)
        except OriginFailed as fault:
            return unanswered(fault)
        finally:
            self._wake()

    async def _body(self) -> AsyncIterator[Piece]:
        while True:
            while not self._slot:
                if self._ended:
                    return
                await self._wait()
            pieces, self._slot = self._slot, []
            has_end = self._ended
            self._wake()
            for piece in pieces:
                self._is_sent = has_end and piece is pieces[-1]
                yield piece
            del pieces

    async def _wait(self) -> None:
        """Wait for the other side; only one of them ever does."""
        turn = self._turn = self._loop.create_future()
        await turn

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
