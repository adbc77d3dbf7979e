"""Processes that look for text: few, long-lived, of their own, so that they never take the place of a renderer."""

import asyncio
import pickle
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socketpair
from subprocess import DEVNULL, Popen
from typing import Final

import msgspec
from anyio import CapacityLimiter

from gateway.core.errors import ProcessFailed
from gateway.ports import Frame
from gateway.processes import Ended
from gateway.screening.text import Looked
from gateway.screening.worker import LENGTH, Answer, Request

MAX_SECONDS: Final = 300
"""Time for one frame: a large mammogram takes a minute."""
MAX_ANSWER_BYTES: Final = 4 << 20
_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


class Worker:
    """A process and the socket to it. What goes wrong with it ends it, and the next object gets another."""

    def __init__(self, process: Popen[bytes], answers: asyncio.StreamReader, requests: asyncio.StreamWriter) -> None:
        self._process = process
        self._answers = answers
        self._requests = requests

    async def look(self, frame: Frame, *, is_first: bool, reads: bool) -> Looked | None:
        """Look at one frame; None where its pixels cannot be decoded. Raises Ended."""
        data = pickle.dumps(Request(frame, is_first, reads), pickle.HIGHEST_PROTOCOL)
        try:
            async with asyncio.timeout(MAX_SECONDS):
                self._requests.write(len(data).to_bytes(LENGTH, "big"))
                self._requests.write(data)
                await self._requests.drain()
                length = int.from_bytes(await self._answers.readexactly(LENGTH), "big")
                if length > MAX_ANSWER_BYTES:
                    raise Ended
                return _ANSWERS.decode(await self._answers.readexactly(length)).looked
        except (TimeoutError, asyncio.IncompleteReadError, OSError, msgspec.MsgspecError):
            raise Ended from None

    def close(self) -> None:
        """End the process at once; its socket goes with the next turn of the loop."""
        self._requests.transport.abort()  # closing would wait for what nobody reads
        self._process.kill()
        self._process.wait()


class Workers:
    """At most ``count`` processes; one that is given back is kept for the next object."""

    def __init__(self, count: int = 1) -> None:
        self._turns = CapacityLimiter(count)
        self._idle: list[Worker] = []

    @property
    def queue(self) -> tuple[CapacityLimiter, CapacityLimiter]:
        """Return what counts objects that are looked at, and those that wait: for metrics."""
        return self._turns, self._turns

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Worker]:
        """Wait for a process and hold it; it does not outlive a fault. Raises ProcessFailed."""
        async with self._turns:
            worker = self._idle.pop() if self._idle else await _started()
            try:
                yield worker
            except BaseException:
                worker.close()
                raise
            self._idle.append(worker)

    def close(self) -> None:
        """End all processes that nobody holds."""
        while self._idle:
            self._idle.pop().close()


async def _started() -> Worker:
    """Start a process without asyncio, which hangs when that is cancelled; it ends when nobody holds its socket."""
    ours, theirs = socketpair()
    with theirs:
        try:
            answers, requests = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        try:
            return Worker(_process(theirs.fileno()), answers, requests)
        except OSError:
            requests.close()
            raise ProcessFailed("a process that looks for text does not start") from None


def _process(channel: int) -> Popen[bytes]:
    command = [sys.executable, "-m", "gateway.screening.worker"]
    return Popen(command, stdin=channel, stdout=channel, stderr=DEVNULL)  # noqa: S603 - this program
