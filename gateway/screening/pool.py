"""Processes that look for text: few, long-lived, of their own, so that they never take the place of a renderer."""

import pickle
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from anyio import (
    BrokenResourceError,
    CancelScope,
    CapacityLimiter,
    EndOfStream,
    IncompleteRead,
    fail_after,
    open_process,
)
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from gateway.core.errors import ProcessFailed
from gateway.ports import Frame
from gateway.processes import Ended
from gateway.screening.looking import Looked
from gateway.screening.worker import LENGTH, Answer, Request

MAX_SECONDS: Final = 300
"""Time for one frame: a large mammogram takes a minute."""
MAX_ANSWER_BYTES: Final = 4 << 20
_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


class Worker:
    """A process. What goes wrong with it ends it, and the next object gets another."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ProcessFailed("a process that looks for text does not start")
        self._process = process
        self._requests = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)

    async def look(self, frame: Frame, *, is_first: bool, reads: bool) -> Looked | None:
        """Look at one frame; None where its pixels cannot be decoded. Raises Ended."""
        data = pickle.dumps(Request(frame, is_first, reads), pickle.HIGHEST_PROTOCOL)
        try:
            with fail_after(MAX_SECONDS):
                await self._requests.send(len(data).to_bytes(LENGTH, "big"))
                await self._requests.send(data)
                length = int.from_bytes(await self._answers.receive_exactly(LENGTH), "big")
                if length > MAX_ANSWER_BYTES:
                    raise Ended
                return _ANSWERS.decode(await self._answers.receive_exactly(length)).looked
        except (TimeoutError, BrokenResourceError, EndOfStream, IncompleteRead, OSError, msgspec.MsgspecError):
            raise Ended from None

    async def aclose(self) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            self._process.kill()
        with CancelScope(shield=True):
            await self._process.aclose()


class Workers:
    """At most ``count`` processes; one that is given back is kept for the next object."""

    def __init__(self, count: int = 1) -> None:
        self._turns = CapacityLimiter(count)
        self._idle: list[Worker] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Worker]:
        """Wait for a process and hold it; it does not outlive a fault. Raises ProcessFailed."""
        async with self._turns:
            worker = self._idle.pop() if self._idle else await _started()
            try:
                yield worker
            except BaseException:
                await worker.aclose()
                raise
            self._idle.append(worker)

    async def aclose(self) -> None:
        """End all processes that nobody holds."""
        while self._idle:
            await self._idle.pop().aclose()


async def _started() -> Worker:
    try:
        return Worker(await open_process([sys.executable, "-m", "gateway.screening.worker"], stderr=None))
    except OSError:
        raise ProcessFailed("a process that looks for text does not start") from None
