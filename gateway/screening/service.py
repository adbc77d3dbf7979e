"""Answers SCREEN decisions: each object once, a few at a time, and nobody waits long.

An object is looked at in a task of its own. Whoever asked waits a while and is then told to come again; the work goes
on, and its answer is there when he does. What is asked when many objects wait already is turned away at once.
"""

import asyncio
import logging
from typing import Final

from cachetools import TTLCache

from gateway.core.errors import GatewayError, MalformedInput, NotAcceptable, ProcessFailed, ScreeningBusy
from gateway.core.mask.model import PixelDecision
from gateway.core.rewrite.jsonfacts import JsonFactReader
from gateway.core.wire.jsonelement import text
from gateway.ports import Screened
from gateway.processes import Ended
from gateway.screening.decide import decided, refused
from gateway.screening.identifying import Identifying
from gateway.screening.pool import Workers
from gateway.screening.text import Text

log = logging.getLogger("dicomveil.screening")

MAX_FRAMES: Final = 1_000
"""Frames of one object; of one with more, nobody would await the answer."""
MAX_PIXELS: Final = 64 << 20
"""Pixels that are looked at for one object: what does not change from frame to frame counts once."""
MAX_BATCH_BYTES: Final = 32 << 20
MAX_BATCH: Final = 16
MAX_WAITING: Final = 8
"""Objects that are looked at or wait for it."""
WAIT_S: Final = 20.0
RETRY_AFTER_S: Final = 10
REMEMBERED, TTL_S = 50_000, 600
UNREADABLE: Final = "its pixel data cannot be decoded, so that nobody knows what text they show"
TOO_MANY_FRAMES: Final = f"it has more than {MAX_FRAMES} frames, more than are searched for text"
TOO_MANY_PIXELS: Final = f"its frames differ in more than {MAX_PIXELS >> 20} million pixels, more than are searched"
HIDDEN_OVERLAY: Final = "an overlay lies in unused bits of its pixel data, where no text can be searched for"
BROKE: Final = "searching its pixel data for text failed"
_OVERLAY_POSITION: Final = "0102"

Key = tuple[str, PixelDecision]


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
        self._reader = JsonFactReader()
        self._known: TTLCache[Key, PixelDecision] = TTLCache(REMEMBERED, TTL_S)
        self._under_way: dict[Key, asyncio.Task[PixelDecision]] = {}

    async def judge(self, one: Screened) -> PixelDecision:
        """Answer a SCREEN decision. Raises ScreeningBusy, OriginFailed, NotReleased."""
        key = (one.path, one.decision)
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
        if one.image.frames > MAX_FRAMES:
            return refused(one.decision, TOO_MANY_FRAMES)
        try:
            if _has_hidden_overlay(one):
                return refused(one.decision, HIDDEN_OVERLAY)
            own = Identifying(self._reader.subject(self._reader.read(one.elements)))
            return await self._looked_at(one, own)
        except (NotAcceptable, MalformedInput):
            return refused(one.decision, UNREADABLE)
        except (Ended, ProcessFailed):
            log.warning("a process ended before it had searched its object for text")
            return refused(one.decision, BROKE)
        except GatewayError:
            raise
        except Exception:  # noqa: BLE001 - an object that nobody foresaw is refused; messages may hold values
            log.warning("searching an object for text failed")
            return refused(one.decision, BROKE)

    async def _looked_at(self, one: Screened, own: Identifying) -> PixelDecision:
        texts: set[Text] = set()
        pixels = 0
        async with self._workers.one() as worker:
            for numbers in _batches(one):
                for number, frame in zip(numbers, await one.frames(numbers), strict=True):
                    reads = bool(one.decision.rectangles)
                    looked = await worker.look(frame, is_first=number == 1, reads=reads)
                    if looked is None:
                        return refused(one.decision, UNREADABLE)
                    texts.update(looked.texts)
                    pixels += looked.pixels
                    if pixels > MAX_PIXELS:
                        return refused(one.decision, TOO_MANY_PIXELS)
        return decided(one.decision, one.image, tuple(texts), own)


class Screeners:
    """The screeners of all worklists share ``count`` processes, started when they are needed, and turns."""

    def __init__(self, count: int = 1, most_waiting: int = MAX_WAITING, wait_s: float = WAIT_S) -> None:
        self._workers = Workers(count)
        self._turns = Turns(most_waiting)
        self._wait_s = wait_s
        self._made: list[Screening] = []

    def one(self) -> Screening:
        """Make the screener of one worklist."""
        screening = Screening(self._workers, self._turns, self._wait_s)
        self._made.append(screening)
        return screening

    async def aclose(self) -> None:
        """End what is under way, and all processes."""
        for screening in self._made:
            await screening.aclose()
        self._workers.close()


def _batches(one: Screened) -> list[range]:
    image = one.image
    size = max(1, image.rows * image.columns * image.samples * image.bits_allocated // 8)
    step = max(1, min(MAX_BATCH, MAX_BATCH_BYTES // size))
    return [range(at, min(at + step, image.frames + 1)) for at in range(1, image.frames + 1, step)]


def _has_hidden_overlay(one: Screened) -> bool:
    """Say whether an overlay lies beside the samples (PS3.5 Section 8.1.2, retired)."""
    positions = (key for key in one.elements if key[:2] == "60" and key[4:] == _OVERLAY_POSITION)
    return any(text(one.elements, key).strip(" \0") not in ("", "0") for key in positions)
