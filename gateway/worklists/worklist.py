"""One worklist: its studies under a profile, and the way back from a released UID to its source.

What was never released here is resolved by asking the origin and hashing: a new replica or a lost store heals itself.
Studies outside, unknown ones and source UIDs are all NotReleased. What an earlier secret made leads back as well; only
the current one makes what is handed out.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from cachetools import TTLCache

from gateway.core.errors import GatewayError, NotReleased
from gateway.core.profile.decisions import Decision
from gateway.core.profile.model import Action
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.keys import Key
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.rewrite.passing import Passing
from gateway.core.rewrite.query import Search
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private, is_private_creator
from gateway.core.standard.uids import valid_uid
from gateway.core.wire.dicomjson import DataSet
from gateway.masking.pool import Codecs
from gateway.ports import OriginServer, Release, ReleaseStore, Screener
from gateway.worklists.origin_json import encode_query, read_json, read_pages
from gateway.worklists.pixels import Judge, PixelReader
from gateway.worklists.places import Reader
from gateway.worklists.source import (
    INSTANCE,
    ISSUER,
    PATIENT_ID,
    SERIES,
    SOP_CLASS,
    STUDY,
    Instance,
    Selection,
    valid_source,
)

Identity = Mapping[str, bytes]
"""What an origin says of a study's patient: Patient ID and its issuer, raw."""
UNKNOWN: Identity = {"": b""}
PASSED = Decision(Action.KEEP, "identified")
BURNED_IN = 0x00280301
UNDECIDED = Decision(Action.REMOVE, "what masks do is not known in a search")
IDENTIFIERS = [("includefield", key) for key in (STUDY, PATIENT_ID, ISSUER)]
MEMBER_TTL_S = 60
DEFAULT_BUDGET = 20_000
"""Results that one search may read in vain."""
REBUILD_PAUSE_S = 10
"""Between two readings of the whole worklist for a UID that nobody knows; a guesser can't make the origin work."""
STUDIES_PER_QUERY = 50
_T = TypeVar("_T")


@dataclass(slots=True)
class Worklist:
    """A named set of studies of one origin, de-identified by ``engine`` (or Passing, where the settings say so).

    ``codecs`` mask compressed frames; ``reader`` and ``screener`` are for what metadata alone do not decide.
    """

    name: str
    base_path: str
    origin: OriginServer
    engine: Engine | Passing
    keys: KeyRings
    selection: Selection
    store: ReleaseStore
    domain: str
    services: frozenset[str]
    search_budget: int = DEFAULT_BUDGET
    codecs: Codecs | None = None
    reader: PixelReader | None = None
    screener: Screener | None = None
    pixels: Judge = field(init=False)
    _members: TTLCache[str, Identity | None] = field(default_factory=lambda: TTLCache(10_000, MEMBER_TTL_S))
    _series: TTLCache[str, Mapping[str, str]] = field(default_factory=lambda: TTLCache(2_000, MEMBER_TTL_S))
    _instances: TTLCache[tuple[str, str], Mapping[str, Instance]] = field(
        default_factory=lambda: TTLCache(2_000, MEMBER_TTL_S)
    )
    _rebuilding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _rebuilt_at: float = float("-inf")
    _past: tuple[Engine | Passing, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Keep an engine for each earlier secret; nothing that they rewrite is handed out."""
        engine = self.engine
        self.pixels = Judge(self.origin, engine, self.codecs, self.reader, self.screener)
        self._past = tuple(
            engine if isinstance(engine, Passing) else Engine(engine.profile, ring) for ring in self.keys.previous
        )

    async def study(self, released: str) -> str:
        """Return the source UID of a study of this worklist. Raises NotReleased."""
        source = await self._study_source(released)
        if not await self.has_study(source):
            raise NotReleased
        return source

    async def source_of_study(self, released: str) -> str | None:
        """Return the source UID of a study that was released, in this worklist or another; None of no such one."""
        try:
            return await self._study_source(released)
        except NotReleased:
            return None

    async def patient_of(self, study: str) -> Identity:
        """Return what the origin says of the patient of a (source) study of this worklist."""
        return (await self._identity(study)) or {}

    async def series(self, study: str, released: str) -> str:
        """Return the source UID of a series of a (source) study. Raises NotReleased."""
        known = self._series.get(study)
        if known is None or released not in known:
            found = [uid async for uid in self.series_of(study)]
            known = self._series[study] = {name: uid for uid in found for name in self.released_uids(uid)}
        return _found(known, released)

    async def instance(self, study: str, series: str, released: str, *, looks_inside: bool = True) -> Instance:
        """Return an instance of a (source) series. Raises NotReleased, also when the profile refuses it.

        ``looks_inside`` is for what shows nothing of the object but a part, which no rewriter can judge.
        """
        known = self._instances.get((study, series))
        if known is None or released not in known:
            found = [one async for one in self.instances_of(study, series)]
            named = {name: one for one in found for name in self.released_uids(one.instance)}
            known = self._instances[study, series] = named
        one = _found(known, released)
        if self.engine.refuses(one.sop_class) or (looks_inside and (await self.pixels.of(one)).is_refused):
            raise NotReleased
        return one

    async def patient(self, pseudonym: str) -> str | None:
        """Return the source Patient ID behind a pseudonym: None when it was never released, empty when it has none."""
        asked_at = time.monotonic()
        known = await self.store.get(self.domain, "patient", pseudonym)
        if known is None and await self._rebuild(asked_at):
            known = await self.store.get(self.domain, "patient", pseudonym)
        return json.loads(known)[1] if known else None

    async def has_study(self, source: str) -> bool:
        """Say whether a study belongs to the worklist; asks the origin at most once a minute."""
        return await self._identity(source) is not None

    async def _identity(self, source: str) -> Identity | None:
        if not valid_source(source):
            return None
        known = self._members.get(source, UNKNOWN)
        if known is not UNKNOWN:
            return known
        query = encode_query([("StudyInstanceUID", source), *IDENTIFIERS, *self.selection.parameters()])
        known = None
        async for elements in read_json(self.origin, "/studies", query):
            if text(elements, STUDY) == source and self.selection.has(elements):
                known = _patient_elements(elements)
        self._members[source] = known
        return known

    async def studies(
        self, parameters: list[tuple[str, str]], page: int, uids: Collection[str] = (), reader: Reader | None = None
    ) -> AsyncIterator[DataSet]:
        """Yield the worklist's studies as the origin describes them, narrowed by hints and to ``uids``, if any.

        Keys of the worklist win over hints on the same attribute: a hint may only narrow what is then checked again.
        A ``reader`` begins where it says, unless several questions are asked.
        """
        own = {name for name, _ in self.selection.parameters() if name != "includefield"}
        hints = [pair for pair in parameters if pair[0] not in own]
        base = hints + self.selection.parameters() + IDENTIFIERS
        batches = _batches(sorted(uids or self.selection.studies))
        for batch in batches:
            query = encode_query(base + ([(STUDY, batch)] if batch else []))
            only = reader if len(batches) == 1 else None
            async for elements in read_pages(self.origin, "/studies", query, page, only):
                if self.selection.has(elements):
                    yield elements

    async def series_of(self, study: str) -> AsyncIterator[str]:
        """Yield the source UIDs of the series of a (source) study."""
        async for elements in read_pages(self.origin, f"/studies/{study}/series", f"includefield={SERIES}"):
            uid = text(elements, SERIES)
            if valid_source(uid):
                yield uid

    async def instances_of(self, study: str, series: str) -> AsyncIterator[Instance]:
        """Yield the instances of a (source) series, also those that the profile refuses."""
        query = f"includefield={INSTANCE}&includefield={SOP_CLASS}"
        async for elements in read_pages(self.origin, f"/studies/{study}/series/{series}/instances", query):
            uid = text(elements, INSTANCE)
            if valid_source(uid):
                yield Instance(study, series, uid, text(elements, SOP_CLASS))

    def decide(self, key: Key) -> Decision:
        """Say what the profile does with an attribute of search results, of one in a sequence with the sequence."""
        if isinstance(self.engine, Passing):
            return PASSED
        plan, tag = self.engine.plan(""), key.root
        if tag == BURNED_IN and self.masks:
            return UNDECIDED
        if not is_private(tag):
            return plan.decide(tag, dictionary.vr_of(tag) or "UN")
        if is_private_creator(tag):
            keeps = (key.value, tag >> 16) in plan.private_groups
            return Decision(Action.KEEP if keeps else Action.REMOVE, "private creator")
        return plan.private_rule(key.creator, tag & 0xFFFF00FF, key.vr)

    @property
    def withholds(self) -> bool:
        """Say whether some instances may be refused, so that the origin's counts say too much."""
        if isinstance(self.engine, Passing):
            return False
        profile = self.engine.profile
        return profile.images_only or profile.apply_masks or profile.final_check

    @property
    def masks(self) -> bool:
        """Say whether burned-in text is looked after."""
        return self.engine.masks is not None

    @property
    def images_only(self) -> bool:
        """Say whether only images and clips are released."""
        return not isinstance(self.engine, Passing) and self.engine.profile.images_only

    def accepts(self, search: Search, source: Elements, released: Mapping[str, bytes]) -> bool:
        """Say whether a result matches; a key may name an identifier as an earlier secret made it."""
        missed = [one for one in search.criteria if not one.holds(released)]
        if not missed or not self._past:
            return not missed
        if not all(len(one.keys) == 1 and self._renames(one.keys[0]) for one in missed):
            return False
        views = [engine.match(source, text(source, SOP_CLASS)) for engine in self._past]
        return all(any(one.holds(view) for view in views) for one in missed)

    async def remember(self, found: list[DataSet]) -> None:
        """Store the pseudonyms of studies that are about to be released."""
        await self._remember(found, 1)

    def released_uids(self, source: str) -> Iterator[str]:
        """Yield the released UID of a source UID, then those that earlier secrets made."""
        return (engine.uid(source) for engine in (self.engine, *self._past))

    def released_patients(self, issuer: str, patient_id: str, study: str) -> Iterator[str]:
        """Yield the pseudonym of a patient, then those that earlier secrets made; none where they pass."""
        engines = (engine for engine in (self.engine, *self._past) if isinstance(engine, Engine))
        return (engine.identity.patient(issuer, patient_id, study).pseudonym for engine in engines)

    def released_path(self, source: Instance) -> str:
        """Return the released path of an instance."""
        return _released_path(self.engine, source)

    def seal(self, path: bytes, released: str) -> bytes:
        """Make the token of a bulk data path: good for one released instance, this worklist and this profile."""
        return self.keys.current.seal("bulk", path, self._binding(released))

    def unseal(self, token: bytes, source: Instance) -> bytes | None:
        """Return the path of a token, or None when it was not made for this instance."""
        for ring, engine in zip(self.keys, (self.engine, *self._past), strict=True):
            path = ring.open("bulk", token, self._binding(_released_path(engine, source)))
            if path is not None:
                return path
        return None

    async def _remember(self, found: list[DataSet], secrets: int | None) -> None:
        """Store pseudonyms under as many secrets, today's first; None for all."""
        if isinstance(self.engine, Passing):
            return
        studies: list[Release] = []
        patients: list[Release] = []
        for elements in found:
            study, patient_id, issuer = text(elements, STUDY), text(elements, PATIENT_ID), text(elements, ISSUER)
            self._members[study] = _patient_elements(elements)
            source = json.dumps([issuer, patient_id])
            if not self.engine.identity.retains_uids:  # else it leads to itself
                studies += [Release(uid, study) for uid in islice(self.released_uids(study), secrets)]
            pseudonyms = islice(self.released_patients(issuer, patient_id, study), secrets)
            patients += [Release(pseudonym, source) for pseudonym in pseudonyms]
        put = self.store.put  # together, which a store may write at once
        await asyncio.gather(put(self.domain, "study", studies), put(self.domain, "patient", patients))

    def _renames(self, key: Key) -> bool:
        return key.is_plain and self.decide(key).action in (Action.UID, Action.PSEUDONYM)

    def _binding(self, released: str) -> bytes:
        return f"{self.name}\0{self.engine.digest}\0{released}".encode()

    async def _study_source(self, released: str) -> str:
        if isinstance(self.engine, Passing) or self.engine.identity.retains_uids:
            if not valid_source(released):
                raise NotReleased
            return released
        if not released.startswith("2.25.") or not valid_uid(released):
            raise NotReleased
        asked_at = time.monotonic()
        source = await self.store.get(self.domain, "study", released)
        if source is None and await self._rebuild(asked_at):
            source = await self.store.get(self.domain, "study", released)
        if source is None:
            raise NotReleased
        return source

    async def _rebuild(self, asked_at: float) -> bool:
        """Read the whole worklist into the store, once at a time and not too often; False when it was not done.

        ``asked_at`` is when the store was asked: what was read since then may be what it did not have.
        """
        async with self._rebuilding:
            if self._rebuilt_at > asked_at:
                return True
            if time.monotonic() - self._rebuilt_at < REBUILD_PAUSE_S:
                return False
            batch: list[DataSet] = []
            try:
                async for elements in self.studies([], 500):
                    batch.append(elements)
                    if len(batch) == 500:
                        await self._remember(batch, None)
                        batch = []
                await self._remember(batch, None)
            except GatewayError:  # and not when a client leaves: the next one starts anew
                self._rebuilt_at = time.monotonic()
                raise
            self._rebuilt_at = time.monotonic()
            return True


def _released_path(engine: Engine | Passing, source: Instance) -> str:
    uid = engine.uid
    return f"/studies/{uid(source.study)}/series/{uid(source.series)}/instances/{uid(source.instance)}"


def _patient_elements(elements: Elements) -> Identity:
    return {key: bytes(elements[key]) for key in (PATIENT_ID, ISSUER) if key in elements}


def _found(known: Mapping[str, _T], released: str) -> _T:
    found = known.get(released)
    if found is None:
        raise NotReleased
    return found


def _batches(uids: list[str]) -> list[str]:
    if not uids:
        return [""]
    return [",".join(uids[n : n + STUDIES_PER_QUERY]) for n in range(0, len(uids), STUDIES_PER_QUERY)]
