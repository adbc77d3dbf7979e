"""Processes that render: a few at once, killed when the client leaves, when they take too long or break.

Decoders are native code fed with data from anywhere. What breaks them ends a process that holds one frame and no key.
"""

import logging
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after
from anyio.to_process import run_sync

from gateway.core.errors import NotAcceptable
from gateway.rendering import work

log = logging.getLogger("dicomveil.rendering")

MAX_SECONDS = 60
_T = TypeVar("_T")
_A = TypeVarTuple("_A")


class Renderers:
    """At most ``count`` pictures are made at a time, each in ``max_seconds``; others wait for their turn."""

    def __init__(self, count: int, max_seconds: float = MAX_SECONDS) -> None:
        self._limiter = CapacityLimiter(count)
        self._max_seconds = max_seconds

    async def run(self, function: Callable[[*_A], _T], *arguments: *_A) -> _T:
        """Call a function of ``work`` in a process. Raises what it raises, and NotAcceptable when that ends early."""
        async with self._limiter:
            try:
                with fail_after(self._max_seconds):
                    return await run_sync(_bounded, function, *arguments, cancellable=True)
            except BrokenWorkerProcess:
                log.warning("a rendering process ended before its picture was made")
                raise NotAcceptable(work.UNREADABLE) from None
            except TimeoutError:
                raise NotAcceptable("the picture takes too long to make") from None


def _bounded(function: Callable[[*_A], _T], *arguments: *_A) -> _T:
    work.limit_memory()
    return function(*arguments)
