"""The results of a search as they are released: rewritten, matched on what is released, in an order that tells nothing.

Results are taken from the origin some at a time and put in the order of their released UIDs, since an origin may list
by what is hidden.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import msgspec

from gateway.core.errors import SearchTooBroad
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.keys import MODALITIES_IN_STUDY, MODALITY, SOP_CLASS, STUDY_UID
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.rewrite.query import Search
from gateway.core.standard.levels import Level, attributes_above, level_of
from gateway.core.standard.modalities import WITHOUT_PICTURE
from gateway.core.standard.tags import json_key
from gateway.core.wire.dicomjson import DataSet
from gateway.worklists.candidates import UIDS
from gateway.worklists.source import valid_source
from gateway.worklists.subjects import Subjects
from gateway.worklists.worklist import Worklist

WINDOW = 100
"""Results that are put in order together; a page of them that nobody asked for costs the origin time."""
ARCHIVE_COUNTS = ("00201200", "00201202", "00201204")
"""Number of Patient Related Studies, Series, Instances: they count what lies outside the worklist, too."""
OBJECT_COUNTS = ("00201206", "00201208", "00201209")
"""Number of Study Related Series, Instances, of Series Related Instances: they count what a profile refuses, too."""
PATIENT = (0x00100010, 0x00100020, 0x00100030, 0x00100040)
"""Name, ID, birth date and sex, which every result of a study has (PS3.18 Table 10.6.3-3)."""

TURN_S = 0.001
"""How long one search may keep all others waiting."""

_SOP_CLASS, _MODALITY, _MODALITIES = json_key(SOP_CLASS), json_key(MODALITY), json_key(MODALITIES_IN_STUDY)
_STUDY = json_key(STUDY_UID)
_UTF8 = b'{"vr":"CS","Value":["ISO_IR 192"]}'
_T = TypeVar("_T")
_Found = tuple[str, DataSet, dict[str, bytes]]
"""The released UID of a result, the result, and what is released of it."""

Link = Callable[[dict[str, bytes]], None]
"""Puts the gateway's own URL into a result."""


async def released(
    worklist: Worklist, search: Search, found: AsyncIterator[DataSet], link: Link, *, within_study: bool = False
) -> AsyncIterator[dict[str, bytes]]:
    """Yield the released results that match. Raises SearchTooBroad when too much was read in vain.

    ``within_study``: the path names the study, so that a result need not describe it.
    """
    in_vain, turns = 0, _Turns()
    describe = _Describer(worklist, search, link, _returned(search, within_study=within_study))
    engine = worklist.engine
    subjects = Subjects(worklist, engine, search.level) if isinstance(engine, Engine) and engine.final_check else None
    async for window in _windows(found):
        kept: list[_Found] = []
        for source in window:
            result = describe(source)
            if result is not None and worklist.accepts(search, source, result):
                kept.append((text(result, describe.uid), source, result))
            await turns.pause()
        if subjects:
            await subjects.learn(source for _, source, _ in kept)
            kept = [one async for one in _passing(subjects, kept, turns)]
        if isinstance(engine, Engine):
            kept.sort(key=lambda one: one[0])
        await worklist.remember(list({text(source, _STUDY): source for _, source, _ in kept}.values()))
        for _, _, result in kept:
            yield result
        in_vain += len(window) - len(kept)
        if search.criteria and in_vain > worklist.search_budget:
            raise SearchTooBroad(worklist.search_budget)


async def _passing(subjects: Subjects, found: list[_Found], turns: "_Turns") -> AsyncIterator[_Found]:
    for one in found:
        if subjects.passes(one[1], one[2]):
            yield one
        await turns.pause()


class _Turns:
    """Lets others have their turn: comparing takes time, and even one result may take long."""

    def __init__(self) -> None:
        self._until = time.monotonic() + TURN_S

    async def pause(self) -> None:
        """Wait for the others once the turn is over."""
        if time.monotonic() >= self._until:
            await asyncio.sleep(0)
            self._until = time.monotonic() + TURN_S


class _Belongs(dict[str, bool]):
    """Says of keys whether they belong to a level or to one above."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self._level = level

    def __missing__(self, key: str) -> bool:
        known = self[key] = len(key) != 8 or level_of(int(key, 16)) <= self._level
        return known


class _Describer:
    """Rewrites results of one level: nothing of a lower one, no count of what is not released."""

    def __init__(self, worklist: Worklist, search: Search, link: Link, returned: frozenset[str]) -> None:
        self._engine = worklist.engine
        self._returned = returned
        self._images_only = worklist.images_only
        self._level = search.level
        self._link = link
        self._uids = [json_key(tag) for tag in UIDS[search.level]]
        self._belongs = _Belongs(search.level)
        self._dropped = (*ARCHIVE_COUNTS, *(OBJECT_COUNTS if worklist.withholds else ()))
        self.uid = self._uids[-1]

    def __call__(self, source: Elements) -> dict[str, bytes] | None:
        """Return what is released of one result, or None where it is refused or can't be asked for."""
        if not all(valid_source(text(source, key)) for key in self._uids):
            return None
        sop_class = text(source, _SOP_CLASS) if self._level is Level.INSTANCE else ""
        if self._level is Level.INSTANCE and self._engine.refuses(sop_class):
            return None
        belongs = self._belongs
        own = {key: raw for key, raw in source.items() if belongs[key]}
        result = self._engine.match(own, sop_class, self._returned)
        for key in self._dropped:
            result.pop(key, None)
        if not self._mend_modalities(result):
            return None
        if "00080005" in result:
            result["00080005"] = _UTF8
        self._link(result)
        return result

    def _mend_modalities(self, result: dict[str, bytes]) -> bool:
        """Leave out modalities of what is refused; say whether anything is left. An empty attribute stops viewers."""
        if self._images_only and text(result, _MODALITY) in WITHOUT_PICTURE:
            return False
        if _MODALITIES not in result:
            return True
        found = [name for name in text(result, _MODALITIES).split("\\") if name]
        shown = [name for name in found if name not in WITHOUT_PICTURE] if self._images_only else found
        if not shown:
            del result[_MODALITIES]
        elif shown != found:
            result[_MODALITIES] = msgspec.json.encode({"vr": "CS", "Value": shown})
        return bool(shown) or not found


def _returned(search: Search, *, within_study: bool) -> frozenset[str]:
    """List what results have wherever the objects do: match keys, included fields, and who the patient of a study is.

    The last only where the path does not name the study (PS3.18 Section 10.6.3.3).
    """
    tags = {*search.include, *(key.tag for key in search.keys if key.is_plain)}
    if search.include_all:
        tags.update(attributes_above(search.level))
    if not within_study:
        tags.update(PATIENT)
    return frozenset(json_key(tag) for tag in tags if level_of(tag) <= search.level)


async def _windows(found: AsyncIterator[_T]) -> AsyncIterator[list[_T]]:
    window: list[_T] = []
    async for one in found:
        window.append(one)
        if len(window) == WINDOW:
            yield window
            window = []
    if window:
        yield window
