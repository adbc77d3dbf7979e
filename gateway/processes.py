"""Processes that work on pixels from anywhere, killed when nobody waits for them, when they take too long or break.

Decoders are native code. What breaks them ends a process that was given frames and no key. That is no sandbox: a
process runs as the gateway's user, and what it answers is unpickled.
"""

import resource
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after
from anyio.to_process import run_sync

from gateway.core.errors import ProcessFailed
from gateway.memory import container_bytes

MAX_MEMORY: Final = 4 << 30
"""Bytes that a process may take: a compressed frame can pretend to be any size."""
CONTAINER_SHARE: Final = 4
"""In a container with a limit, two processes and the gateway have room: past the limit all of them would be ended."""
MAX_STARTS: Final = 4
_T = TypeVar("_T")
_A = TypeVarTuple("_A")


class Ended(Exception):
    """A process ended, or was ended, before its work was done."""


async def called(max_seconds: float, function: Callable[[*_A], _T], *arguments: *_A) -> _T:
    """Call a function in a process of its own.

    Raises what it raises, Ended, TimeoutError when it takes longer than ``max_seconds``, and ProcessFailed when there
    is no process.
    """
    own = CapacityLimiter(1)  # anyio's is for the whole loop and may be smaller
    with fail_after(max_seconds):
        await _ready(own)
        try:
            return await run_sync(_bounded, function, *arguments, cancellable=True, limiter=own)
        except BrokenWorkerProcess:
            raise Ended from None


async def _ready(own: CapacityLimiter) -> None:
    """Have a process ready; one that idled may have been ended from outside, which shows when it is called."""
    for _ in range(MAX_STARTS):
        try:
            await run_sync(limit_memory, cancellable=True, limiter=own)
        except (BrokenWorkerProcess, OSError):  # nothing of the object was there yet
            continue
        return
    raise ProcessFailed("a process that decodes does not start")


def limit_memory(least: int = 0) -> None:
    """Bound what this process may take; it is given ``least`` in any container."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    bound = max(least, memory_bound(container_bytes()))
    resource.setrlimit(resource.RLIMIT_DATA, (bound if most == resource.RLIM_INFINITY else min(most, bound), most))


def memory_bound(container: int | None) -> int:
    """Return the bytes that a process may take in a container with this limit."""
    return MAX_MEMORY if container is None else min(MAX_MEMORY, container // CONTAINER_SHARE)


def _bounded(function: Callable[[*_A], _T], *arguments: *_A) -> _T:
    limit_memory()
    return function(*arguments)
