"""Processes that mask frames: a few at once, the others wait."""

import logging
from typing import Final

from anyio import CapacityLimiter

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import FrameWork
from gateway.masking.codecs import masked
from gateway.processes import Ended, called

log = logging.getLogger("dicomveil.masking")

MAX_SECONDS: Final = 60


class Codecs:
    """At most ``count`` frames are masked at a time, each in ``max_seconds``.

    Others wait for as long as their clients do: what they belong to is on its way already.
    """

    def __init__(self, count: int, max_seconds: float = MAX_SECONDS) -> None:
        self._processes = CapacityLimiter(count)
        self._max_seconds = max_seconds

    @property
    def queue(self) -> tuple[CapacityLimiter, CapacityLimiter]:
        """Return what counts frames that are masked, and those that wait: for metrics."""
        return self._processes, self._processes

    async def masked(self, work: FrameWork) -> bytes:
        """Mask a frame in a process.

        Raises MalformedInput, also when that ends early or takes too long, LimitExceeded, and ProcessFailed.
        """
        async with self._processes:
            try:
                return await called(self._max_seconds, masked, work)
            except TimeoutError:
                raise MalformedInput("a frame that takes too long to mask", (work.image.tag,)) from None
            except Ended:
                log.warning("a process ended before its frame was masked")
                raise MalformedInput("a frame that cannot be masked", (work.image.tag,)) from None
