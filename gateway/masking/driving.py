"""Put masked frames where a rewriter left work for whoever drives it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol, cast

from anyio import create_task_group
from anyio.from_thread import BlockingPortal, start_blocking_portal

from gateway.core.errors import GatewayError
from gateway.core.mask.model import FrameWork
from gateway.core.rewrite.dataset import Piece, Step
from gateway.masking.pool import Codecs


class Masking(Protocol):
    """Where frames are masked."""

    async def masked(self, work: FrameWork) -> bytes:
        """Return the codestream of a frame without what its rectangles hold. Raises GatewayError."""
        ...


async def finished(steps: Sequence[Step], codecs: Masking) -> list[Piece]:
    """Return what leaves, in its order; frames that came together are masked at the same time.

    Raises MalformedInput or LimitExceeded for the first frame that cannot be masked, and what ``codecs`` raises.
    """
    done: dict[int, bytes] = {}
    faults: list[GatewayError] = []
    waiting = {at: step for at, step in enumerate(steps) if isinstance(step, FrameWork)}
    if not waiting:
        return cast("list[Piece]", steps)
    async with create_task_group() as group:

        async def finish(at: int, work: FrameWork) -> None:
            try:
                done[at] = work.finish(await codecs.masked(work))
            except GatewayError as fault:
                faults.append(fault)
                group.cancel_scope.cancel()

        for at, work in waiting.items():
            group.start_soon(finish, at, work)
    if faults:
        raise faults[0]
    return [done[at] if isinstance(step, FrameWork) else step for at, step in enumerate(steps)]


@contextmanager
def finishing(codecs: Masking | None = None) -> Iterator[Callable[[Sequence[Step]], list[Piece]]]:
    """Give ``finished`` for who has no event loop; there is one from the first frame on. Raises what that raises."""
    used = codecs or Codecs(os.cpu_count() or 1)
    with ExitStack() as stack:
        loops: list[BlockingPortal] = []

        def finish(steps: Sequence[Step]) -> list[Piece]:
            if not any(isinstance(step, FrameWork) for step in steps):
                return cast("list[Piece]", steps)
            if not loops:
                loops.append(stack.enter_context(start_blocking_portal()))
            return loops[0].call(finished, steps, used)

        yield finish
