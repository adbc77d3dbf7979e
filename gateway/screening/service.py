"""Answers SCREEN decisions: each object once, a few at a time, and nobody waits long.

An object is looked at in a task of its own. Whoever asked waits a while and is then told to come again; the work goes
on, and its answer is there when he does. What is asked when many objects wait already is turned away at once.
"""

import asyncio
import hashlib
import logging
from typing import Final
from weakref import WeakSet

from anyio import CapacityLimiter
from cachetools import TTLCache

from gateway.core.errors import GatewayError, MalformedInput, NotAcceptable, ProcessFailed, ScreeningBusy
from gateway.core.mask.model import Image, PixelDecision
from gateway.core.wire.jsonelement import Elements
from gateway.ports import Screened
from gateway.processes import Ended
from gateway.screening.gathered import BROKE, UNREADABLE, Gathered
from gateway.screening.pool import Workers

log = logging.getLogger("dicomveil.screening")

MAX_BATCH_BYTES: Final = 32 << 20
MAX_BATCH: Final = 16
MAX_WAITING: Final = 8
"""Objects that are looked at or wait for it."""
WAIT_S: Final = 20.0
RETRY_AFTER_S: Final = 10
REMEMBERED, TTL_S = 50_000, 600

Key = tuple[str, PixelDecision, Image, bytes]
"""Place at the origin, what is asked, how frames lie, and a digest of all that the origin says of the object."""


class Turns:
    """Counts the objects of all worklists that are looked at or wait for it."""

    def __init__(self, most: int = MAX_WAITING) -> None:
        self._most = most
        self._taken = 0

    def take(self) -> None:
        """Take a turn. Raises ScreeningBusy."""
        if self._taken >= self._most:
            raise ScreeningBusy("too many objects wait to be searched for text", RETRY_AFTER_S)
        self._taken += 1

    def give(self) -> None:
        """Give a turn back."""
        self._taken -= 1


class Screening:
    """The screener of one worklist: paths are those of its origin."""

    def __init__(self, workers: Workers, turns: Turns, wait_s: float = WAIT_S) -> None:
        self._workers = workers
        self._turns = turns
        self._wait_s = wait_s
        self._known: TTLCache[Key, PixelDecision] = TTLCache(REMEMBERED, TTL_S)
        self._under_way: dict[Key, asyncio.Task[PixelDecision]] = {}

    async def judge(self, one: Screened) -> PixelDecision:
        """Answer a SCREEN decision. Raises ScreeningBusy, OriginFailed, NotReleased."""
        key = (one.path, one.decision, one.image, _digest(one.elements))
        known = self._known.get(key)
        if known is not None:
            return known
        task = self._under_way.get(key)
        if task is None:
            self._turns.take()
            task = self._under_way[key] = asyncio.create_task(self._judged(one))
            task.add_done_callback(lambda done: self._end(key, done))
        await asyncio.wait((task,), timeout=self._wait_s)
        if not task.done():
            raise ScreeningBusy("the object is being searched for text", RETRY_AFTER_S)
        return task.result()

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, key: Key, task: "asyncio.Task[PixelDecision]") -> None:
        self._turns.give()
        del self._under_way[key]
        if not task.cancelled() and task.exception() is None:
            self._known[key] = task.result()

    async def _judged(self, one: Screened) -> PixelDecision:
        found = Gathered(one.decision, one.image, one.elements)
        try:
            if found.answer is None:
                await self._look(one, found)
            return await asyncio.to_thread(found.decided)
        except (NotAcceptable, MalformedInput):
            return found.refuse(UNREADABLE)
        except (Ended, ProcessFailed):
            log.warning("a process ended before it had searched its object for text")
        except GatewayError:
            raise
        except Exception:  # noqa: BLE001 - an object that nobody foresaw is refused; messages may hold values
            log.warning("searching an object for text failed")
        return found.refuse(BROKE)

    async def _look(self, one: Screened, found: Gathered) -> None:
        async with self._workers.one() as worker:
            for numbers in _batches(one):
                for number, frame in zip(numbers, await one.frames(numbers), strict=True):
                    found.add(await worker.look(frame, is_first=number == 1, reads=found.reads))
                    if found.answer is not None:
                        return


class Screeners:
    """The screeners of all worklists share ``count`` processes, started when they are needed, and turns."""

    def __init__(self, count: int = 1, most_waiting: int = MAX_WAITING, wait_s: float = WAIT_S) -> None:
        self._workers = Workers(count)
        self._turns = Turns(most_waiting)
        self._wait_s = wait_s
        self._made: WeakSet[Screening] = WeakSet()

    @property
    def queue(self) -> tuple[CapacityLimiter, CapacityLimiter]:
        """Return the queue of its processes."""
        return self._workers.queue

    def one(self) -> Screening:
        """Make the screener of one worklist."""
        screening = Screening(self._workers, self._turns, self._wait_s)
        self._made.add(screening)
        return screening

    async def aclose(self) -> None:
        """End what is under way, and all processes."""
        for screening in list(self._made):
            await screening.aclose()
        self._workers.close()
        await asyncio.sleep(0)  # or sockets outlive the loop


def _digest(elements: Elements) -> bytes:
    said = hashlib.sha256()
    for key in sorted(elements):
        value = bytes(elements[key])
        said.update(f"{key}{len(value)}:".encode() + value)
    return said.digest()


def _batches(one: Screened) -> list[range]:
    image = one.image
    size = max(1, image.rows * image.columns * image.samples * image.bits_allocated // 8)
    step = max(1, min(MAX_BATCH, MAX_BATCH_BYTES // size))
    return [range(at, min(at + step, image.frames + 1)) for at in range(1, image.frames + 1, step)]
