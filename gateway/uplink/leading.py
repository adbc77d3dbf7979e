"""One process runs the jobs of a state store: it takes the lead when it can, and takes up whatever is unfinished.

Others write jobs into the store and wait for their turn to lead; they look for it once in ``LOOK_EACH_S``.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final, Protocol

from gateway.core.errors import StateFailed
from gateway.uplink.model import KEPT_S, JobStore
from gateway.uplink.stages import FIRST

__all__ = ["Leader"]

log = logging.getLogger("dicomveil.uplink")

LOOK_EACH_S: Final = 1.0
JOBS_AT_ONCE: Final = 8
"""Of one uplink, without those that wait for an archive or a mail server to come back."""
MOST_JOBS: Final = 256
"""Of one uplink, those that wait among them; each has a thread, which mostly sleeps."""
AFTER_BUG_S: Final = 30.0
"""Also after what only an administrator can mend, such as a database that lets nobody make a schema."""
CHECK_EACH_S: Final = 60.0
"""What a fault of the engine ended in the middle is found so often."""
TIDY_EACH_S: Final = 3600.0


class Leadership(Protocol):
    """What only one process has at a time."""

    async def take(self) -> bool:
        """Try to lead; True also when this process leads already."""

    async def give(self) -> None:
        """Let another lead."""


class Runner(Protocol):
    """What runs jobs so that they outlive the process."""

    async def launch(self) -> bool:
        """Begin, and take up what was begun before; False when it can't be done in this process."""

    async def start(self, job: str) -> None:
        """Begin a job, unless it was begun before."""

    async def prune(self, kept_s: float) -> None:
        """Forget what ended longer ago."""

    async def close(self) -> None:
        """Stop; what is under way goes on at the next start."""


class Work(Protocol):
    """What jobs are made of (``Stages``)."""

    async def run(self, job_id: str, stage: str) -> str:
        """Run one stage and return the next."""

    def cancel(self, job_id: str) -> None:
        """End a job at once, if it runs here."""

    def is_waiting(self, job_id: str) -> bool:
        """Say whether a job pauses, so that it is in nobody's way."""

    async def tidy(self) -> None:
        """Forget what is left over."""


class Leader:
    """Leads from ``open`` to ``close``, whenever it is its turn. ``wake`` when there is something new."""

    def __init__(self, store: JobStore, stages: Work, leadership: Leadership, runner: Callable[[], Runner]) -> None:
        self._store = store
        self._stages = stages
        self._leadership = leadership
        self._make = runner
        self._runner: Runner | None = None
        self._started: dict[str, str] = {}
        self._news = asyncio.Event()
        self._tidied = float("-inf")
        self._checked = monotonic()
        self._is_open = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to look whether it is its turn."""
        self._is_open = True
        self._task = asyncio.create_task(self._lead())

    async def close(self) -> None:
        """Stop; the jobs under way go on elsewhere, or at the next start."""
        self._is_open = False  # a library that loses the cancellation must not keep it going
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])  # and not for itself: that would hide a cancellation of whoever closes
        await self._resign()

    def wake(self) -> None:
        """Look at once."""
        self._news.set()

    async def _lead(self) -> None:
        while self._is_open:
            self._news.clear()
            try:
                await self._look()
            except StateFailed as fault:
                log.warning("jobs wait: %s", fault)
            except Exception:
                log.exception("jobs wait")
                await self._resign()
                await asyncio.sleep(AFTER_BUG_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EACH_S):  # wait_for loses a cancellation that comes with the news
                    await self._news.wait()

    async def _look(self) -> None:
        """Take or keep the lead, begin what has room, and cancel what is to be."""
        if not await self._leadership.take():
            await self._stop()
            return
        if self._runner is None:
            runner = self._make()
            if not await runner.launch():
                await self._leadership.give()
                return
            self._runner = runner
        if monotonic() - self._tidied >= TIDY_EACH_S:
            self._tidied = monotonic()  # first: what cannot be tidied must not keep jobs from running
            await self._stages.tidy()
            await self._runner.prune(KEPT_S)
        unfinished = await self._store.unfinished()
        self._started = {job: uplink for job, uplink in unfinished if job in self._started}
        if monotonic() - self._checked >= CHECK_EACH_S:
            self._checked = monotonic()
            for job in self._started:
                await self._runner.start(job)  # which leaves those alone that go on
        await self._begin(unfinished)
        for job in await self._store.cancelling():
            if job in self._started:
                self._stages.cancel(job)
            else:
                await self._stages.run(job, FIRST)  # which ends it before it begins

    async def _begin(self, unfinished: list[tuple[str, str]]) -> None:
        known = Counter(self._started.values())
        busy = Counter(uplink for job, uplink in self._started.items() if not self._stages.is_waiting(job))
        for job, uplink in unfinished:
            has_room = known[uplink] < MOST_JOBS and busy[uplink] < JOBS_AT_ONCE
            if self._runner is not None and job not in self._started and has_room:
                self._started[job] = uplink
                known[uplink] += 1
                busy[uplink] += 1
                await self._runner.start(job)

    async def _resign(self) -> None:
        await self._stop()
        await self._leadership.give()

    async def _stop(self) -> None:
        runner, self._runner, self._started = self._runner, None, {}
        if runner is not None:
            await runner.close()
