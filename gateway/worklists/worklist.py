"""One worklist: which studies it selects, under which profile, and the way back from a released UID to its source.

What was never released here is resolved by asking the origin and hashing: a new replica or a lost store heals itself.
Studies outside, unknown ones and source UIDs are all NotReleased.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from cachetools import TTLCache

from gateway.core.errors import NotReleased
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.matching import matches
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.rewrite.passing import Passing
from gateway.core.rewrite.query import Key, widen
from gateway.core.standard.tags import json_key
from gateway.core.standard.uids import valid_uid
from gateway.core.wire.dicomjson import DataSet
from gateway.ports import OriginServer, Release, ReleaseStore
from gateway.worklists.origin_json import encode_query, read_json, read_pages

STUDY, SERIES, INSTANCE, SOP_CLASS, PATIENT_ID, ISSUER = (
    "0020000D",
    "0020000E",
    "00080018",
    "00080016",
    "00100020",
    "00100021",
)
BURNED_IN = "00280301"
IDENTIFIERS = [("includefield", key) for key in (STUDY, PATIENT_ID, ISSUER)]
MEMBER_TTL_S = 60
REBUILD_PAUSE_S = 10
"""Between two readings of the whole worklist for a UID that nobody knows; a guesser can't make the origin work."""
STUDIES_PER_QUERY = 50
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Instance:
    """Source identifiers of one instance. Never to be shown."""

    study: str
    series: str
    instance: str
    sop_class: str

    @property
    def path(self) -> str:
        """Its path at the origin."""
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What belongs to a worklist: study-level keys on source values, and a list of studies; both must hold."""

    match: tuple[Key, ...] = ()
    studies: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        """Say whether the whole archive belongs."""
        return not self.match and not self.studies

    def parameters(self) -> list[tuple[str, str]]:
        """Return the keys for the origin; what it finds is checked again, since some origins ignore keys."""
        widened = [(json_key(key.tag), widen(key)) for key in self.match]
        keys = [(name, value) for name, value in widened if value is not None]
        return keys + [("includefield", json_key(key.tag)) for key in self.match]

    def has(self, elements: Elements) -> bool:
        """Say whether a study, as the origin describes it, belongs."""
        if self.studies and text(elements, STUDY) not in self.studies:
            return False
        return all(matches(_raw(elements, json_key(key.tag)), key.vr, key.value) for key in self.match)


@dataclass(slots=True)
class Worklist:
    """A named set of studies of one origin, de-identified by ``engine`` (or Passing, where the settings say so)."""

    name: str
    base_path: str
    origin: OriginServer
    engine: Engine | Passing
    keys: KeyRing
    selection: Selection
    store: ReleaseStore
    domain: str
    services: frozenset[str]
    _members: TTLCache[str, bool] = field(default_factory=lambda: TTLCache(50_000, MEMBER_TTL_S))
    _series: TTLCache[str, Mapping[str, str]] = field(default_factory=lambda: TTLCache(2_000, MEMBER_TTL_S))
    _instances: TTLCache[tuple[str, str], Mapping[str, Instance]] = field(
        default_factory=lambda: TTLCache(2_000, MEMBER_TTL_S)
    )
    _burned_in: TTLCache[Instance, bool] = field(default_factory=lambda: TTLCache(50_000, MEMBER_TTL_S))
    _rebuilding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _rebuilt_at: float = float("-inf")

    async def study(self, released: str) -> str:
        """Return the source UID of a study of this worklist. Raises NotReleased."""
        source = await self._study_source(released)
        if not await self.has_study(source):
            raise NotReleased
        return source

    async def known_study(self, released: str) -> str | None:
        """Do the same; None when there is no such study."""
        try:
            return await self.study(released)
        except NotReleased:
            return None

    async def series(self, study: str, released: str) -> str:
        """Return the source UID of a series of a (source) study. Raises NotReleased."""
        known = self._series.get(study)
        if known is None or released not in known:
            found = {self.engine.uid(uid): uid async for uid in self._uids(f"/studies/{study}/series", SERIES)}
            known = self._series[study] = found
        return _found(known, released)

    async def instance(self, study: str, series: str, released: str) -> Instance:
        """Return an instance of a (source) series. Raises NotReleased, also when the profile refuses its SOP Class."""
        known = self._instances.get((study, series))
        if known is None or released not in known:
            found = {self.engine.uid(one.instance): one async for one in self._series_instances(study, series)}
            known = self._instances[study, series] = found
        one = _found(known, released)
        if self.engine.refuses(one.sop_class) or await self._is_burned_in(one):
            raise NotReleased
        return one

    async def patient(self, pseudonym: str) -> str | None:
        """Return the source Patient ID behind a pseudonym: None when it was never released, empty when it has none."""
        known = await self.store.get(self.domain, "patient", pseudonym)
        if known is None and await self._rebuild():
            known = await self.store.get(self.domain, "patient", pseudonym)
        return json.loads(known)[1] if known else None

    async def has_study(self, source: str) -> bool:
        """Say whether a study belongs to the worklist; asks the origin at most once a minute."""
        if not valid_source(source):
            return False
        known = self._members.get(source)
        if known is None:
            query = encode_query([("StudyInstanceUID", source), *IDENTIFIERS, *self.selection.parameters()])
            known = False
            async for elements in read_json(self.origin, "/studies", query):
                known = known or (text(elements, STUDY) == source and self.selection.has(elements))
            self._members[source] = known
        return known

    async def studies(
        self, parameters: list[tuple[str, str]], page: int, uids: Collection[str] = ()
    ) -> AsyncIterator[DataSet]:
        """Yield the worklist's studies as the origin describes them, narrowed by hints and to ``uids``, if any.

        Keys of the worklist win over hints on the same attribute: a hint may only narrow what is then checked again.
        """
        own = {name for name, _ in self.selection.parameters() if name != "includefield"}
        hints = [pair for pair in parameters if pair[0] not in own]
        base = hints + self.selection.parameters() + IDENTIFIERS
        for batch in _batches(sorted(uids or self.selection.studies)):
            query = encode_query(base + ([(STUDY, batch)] if batch else []))
            async for elements in read_pages(self.origin, "/studies", query, page):
                if self.selection.has(elements):
                    yield elements

    async def remember(self, found: list[DataSet]) -> None:
        """Store the pseudonyms of studies that are about to be released."""
        if isinstance(self.engine, Passing):
            return
        studies, patients = [], []
        for elements in found:
            study, patient_id, issuer = text(elements, STUDY), text(elements, PATIENT_ID), text(elements, ISSUER)
            self._members[study] = True
            studies.append(Release(self.engine.uid(study), study))
            pseudonym = self.engine.identity.patient(issuer, patient_id, study).pseudonym
            patients.append(Release(pseudonym, json.dumps([issuer, patient_id])))
        await self.store.put(self.domain, "study", studies)
        await self.store.put(self.domain, "patient", patients)

    def seal(self, path: bytes, released: bytes) -> bytes:
        """Make the token of a bulk data path: good for one released instance, this worklist and this profile."""
        return self.keys.seal("bulk", path, self._binding(released))

    def unseal(self, token: bytes, released: bytes) -> bytes | None:
        """Return the path of a token, or None when it was not made for this."""
        return self.keys.open("bulk", token, self._binding(released))

    def _binding(self, released: bytes) -> bytes:
        return b"\0".join((self.name.encode(), self.engine.digest.encode(), released))

    async def _is_burned_in(self, one: Instance) -> bool:
        """Say whether the profile refuses an instance for what its own metadata says; pixels carry no such mark."""
        if not self.engine.wants_burned_in:
            return False
        known = self._burned_in.get(one)
        if known is None:
            found = [text(elements, BURNED_IN) async for elements in read_json(self.origin, f"{one.path}/metadata")]
            known = self._burned_in[one] = not found or self.engine.refuses(one.sop_class, found[0])
        return known

    async def _study_source(self, released: str) -> str:
        if isinstance(self.engine, Passing) or self.engine.identity.retains_uids:
            if not valid_source(released):
                raise NotReleased
            return released
        if not released.startswith("2.25.") or not valid_uid(released):
            raise NotReleased
        source = await self.store.get(self.domain, "study", released)
        if source is None and await self._rebuild():
            source = await self.store.get(self.domain, "study", released)
        if source is None:
            raise NotReleased
        return source

    async def _rebuild(self) -> bool:
        """Read the whole worklist into the store, once at a time and not too often; False when it was not done."""
        asked_at = time.monotonic()
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
                        await self.remember(batch)
                        batch = []
                await self.remember(batch)
            finally:
                self._rebuilt_at = time.monotonic()
            return True

    async def _uids(self, path: str, key: str) -> AsyncIterator[str]:
        async for elements in read_pages(self.origin, path, f"includefield={key}"):
            uid = text(elements, key)
            if valid_source(uid):
                yield uid

    async def _series_instances(self, study: str, series: str) -> AsyncIterator[Instance]:
        query = f"includefield={INSTANCE}&includefield={SOP_CLASS}"
        async for elements in read_pages(self.origin, f"/studies/{study}/series/{series}/instances", query):
            uid = text(elements, INSTANCE)
            if valid_source(uid):
                yield Instance(study, series, uid, text(elements, SOP_CLASS))


def valid_source(uid: str) -> bool:
    """Say whether a source UID can stand in a path; some archives hold UIDs with letters or leading zeros."""
    return 0 < len(uid) <= 64 and uid.isascii() and uid.replace(".", "").replace("-", "").isalnum()


def _raw(elements: Elements, key: str) -> bytes | None:
    raw = elements.get(key)
    return None if raw is None else bytes(raw)


def _found(known: Mapping[str, _T], released: str) -> _T:
    found = known.get(released)
    if found is None:
        raise NotReleased
    return found


def _batches(uids: list[str]) -> list[str]:
    if not uids:
        return [""]
    return [",".join(uids[n : n + STUDIES_PER_QUERY]) for n in range(0, len(uids), STUDIES_PER_QUERY)]
