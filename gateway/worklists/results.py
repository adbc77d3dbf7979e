"""The results of a search as they are released: rewritten, matched on what is released, in an order that tells nothing.

Results are taken from the origin some at a time and put in the order of their released UIDs, since an origin may list
by what is hidden.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TypeVar

from gateway.core.errors import SearchTooBroad
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.query import Search
from gateway.core.wire.dicomjson import DataSet
from gateway.worklists.counted import Counted
from gateway.worklists.describing import Described, Describer, Known, Link
from gateway.worklists.places import Reader
from gateway.worklists.subjects import Subjects
from gateway.worklists.worklist import MEMBER_TTL_S, Worklist

WINDOW = 100
"""Results that are put in order together; a page of them that nobody asked for costs the origin time."""
TURN_S = 0.001
"""How long one search may keep all others waiting."""
STORED_S = MEMBER_TTL_S / 2
"""For how long a study that was released need not be stored again."""

_T = TypeVar("_T")
_Found = tuple[Described, DataSet]
"""A result as it is released and as the origin has it."""


async def released(
    worklist: Worklist,
    search: Search,
    found: AsyncIterator[DataSet],
    reader: Reader,
    link: Link,
    *,
    within_study: bool = False,
    known: Known | None = None,
) -> AsyncIterator[Described]:
    """Yield the released results that match, from the page's first on. Raises SearchTooBroad: too much read in vain.

    ``reader`` is what reads ``found``. ``within_study``: the path names the study, so that a result need not describe
    it. ``known``: what this worklist's searches remember.
    """
    in_vain, seen, turns = reader.began.in_vain, reader.began.released, _Turns()
    counted = Counted(worklist, search)
    found = _certain(found, counted, turns) if counted else found
    describe = Describer(worklist, search, link, known or Known(), within_study=within_study)
    engine = worklist.engine
    subjects = Subjects(worklist, engine, search.level) if isinstance(engine, Engine) and engine.final_check else None
    async for window in _windows(found):
        kept: list[_Found] = []
        for source in window:
            one = describe(source) if describe.may_match(source) else None
            if one is not None and worklist.accepts(search, source, one.released):
                kept.append((one, source))
            if turns.are_over:
                await turns.pause()
        if subjects:
            await subjects.learn(source for _, source in kept)
            kept = [one async for one in _passing(subjects, kept, turns)]
        if isinstance(engine, Engine):
            kept.sort(key=_released_uid)
        kept_of_page = kept[max(0, search.offset - seen) :]
        await _store(worklist, kept_of_page)
        for one, _ in kept_of_page:
            yield one
        seen += len(kept)
        in_vain += len(window) - len(kept)
        if len(window) == WINDOW:
            reader.reach(seen, in_vain)
        if search.criteria and in_vain > worklist.search_budget:
            raise SearchTooBroad(worklist.search_budget)


def _released_uid(found: _Found) -> str:
    return found[0].uid


async def _store(worklist: Worklist, found: list[_Found]) -> None:
    """Store what leads back from results that are about to be released, unless that was done just now."""
    now = time.monotonic()
    studies = {one.study: (one, source) for one, source in found if one.stored_at < now - STORED_S}
    if studies:
        await worklist.remember([source for _, source in studies.values()])
        for one, _ in studies.values():
            one.stored_at = now


async def _passing(subjects: Subjects, found: list[_Found], turns: "_Turns") -> AsyncIterator[_Found]:
    for one, source in found:
        if subjects.passes(source, one.released):
            yield one, source
        if turns.are_over:
            await turns.pause()


class _Turns:
    """Lets others have their turn: comparing takes time, and even one result may take long."""

    def __init__(self) -> None:
        self._until = time.monotonic() + TURN_S

    @property
    def are_over(self) -> bool:
        """Say whether it is the others' turn."""
        return time.monotonic() >= self._until

    async def pause(self) -> None:
        """Wait for the others."""
        await asyncio.sleep(0)
        self._until = time.monotonic() + TURN_S


async def _certain(found: AsyncIterator[DataSet], counted: Counted, turns: _Turns) -> AsyncIterator[DataSet]:
    """Leave out what the origin gives because of true dates alone: it decides nothing, not even the order."""
    async for one in found:
        if counted(one):
            yield one
        elif turns.are_over:
            await turns.pause()


async def _windows(found: AsyncIterator[_T]) -> AsyncIterator[list[_T]]:
    window: list[_T] = []
    async for one in found:
        window.append(one)
        if len(window) == WINDOW:
            yield window
            window = []
    if window:
        yield window
