"""Turns of those who want pictures, and the processes that make them: a few at once."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from math import ceil
from typing import Final, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, fail_after

from gateway.core.errors import NotAcceptable, ProcessFailed, RenderingBusy, RenderingFailed
from gateway.processes import Ended, called
from gateway.rendering import work

log = logging.getLogger("dicomveil.rendering")

MAX_SECONDS: Final = 60
MAX_WAIT_SECONDS: Final = 10
AHEAD: Final = 3
"""Turns beyond the processes: frames are fetched while others are drawn."""
_T = TypeVar("_T")
_A = TypeVarTuple("_A")


class Renderers:
    """At most ``count`` pictures are made at a time, each in ``max_seconds``; others wait ``wait_s`` for their turn."""

    def __init__(self, count: int, max_seconds: float = MAX_SECONDS, wait_s: float = MAX_WAIT_SECONDS) -> None:
        self._processes = CapacityLimiter(count)
        self._turns = CapacityLimiter(count + AHEAD)
        # Animations take long: all but one process are theirs at most, or a few of them would keep out every thumbnail.
        self._animations = CapacityLimiter(max(1, count - 1))
        self._max_seconds = max_seconds
        self._wait_s = wait_s

    @property
    def queue(self) -> tuple[CapacityLimiter, CapacityLimiter]:
        """Return what counts pictures that are made, and those that wait for their turn: for metrics."""
        return self._processes, self._turns

    @asynccontextmanager
    async def turn(self, *, moving: bool = False) -> AsyncIterator[None]:
        """Wait before frames are fetched, so that who waits holds none. Raises RenderingBusy."""
        async with AsyncExitStack() as held:
            with self._patience():
                if moving:
                    await held.enter_async_context(self._animations)
                await held.enter_async_context(self._turns)
            yield

    async def run(self, function: Callable[[*_A], _T], *arguments: *_A) -> _T:
        """Call a function of ``work`` in a process.

        Raises what it raises, NotAcceptable when that ends early, RenderingBusy, RenderingFailed.
        """
        async with AsyncExitStack() as held:
            with self._patience():
                await held.enter_async_context(self._processes)
            try:
                return await called(self._max_seconds, function, *arguments)
            except TimeoutError:
                raise NotAcceptable("the picture takes too long to make") from None
            except Ended:
                log.warning("a rendering process ended before its picture was made")
                raise NotAcceptable(work.UNREADABLE) from None
            except ProcessFailed:
                raise RenderingFailed("a rendering process does not start") from None

    @contextmanager
    def _patience(self) -> Iterator[None]:
        try:
            with fail_after(self._wait_s):
                yield
        except TimeoutError:
            raise RenderingBusy("no rendering process is free", ceil(self._wait_s)) from None
