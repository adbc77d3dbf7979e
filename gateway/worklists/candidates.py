"""What the origin has that may match a search of a worklist: its results as it gives them, to be checked again.

Hints go to the origin, identifiers that were released here are mapped back first, and nothing outside the worklist
comes through. A search of all series or instances of a part of the archive goes from study to study.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import msgspec

from gateway.core.errors import BadRequest, OriginFailed
from gateway.core.profile.model import Action
from gateway.core.rewrite.hints import identifier, origin_fields, origin_hints, pseudonyms
from gateway.core.rewrite.keys import (
    INSTANCE_UID,
    ISSUER,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_UID,
    SOP_CLASS,
    STUDY_UID,
    Key,
    has_wildcard,
)
from gateway.core.rewrite.matching import split_list
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.rewrite.query import Search
from gateway.core.standard import dictionary
from gateway.core.standard.levels import STUDY_ATTRIBUTES, Level, level_of
from gateway.core.standard.tags import json_key
from gateway.core.wire.dicomjson import DataSet
from gateway.worklists.counted import Counted
from gateway.worklists.origin_json import encode_query, read_pages
from gateway.worklists.places import Reader
from gateway.worklists.source import valid_source
from gateway.worklists.subjects import asked_of_results
from gateway.worklists.worklist import Worklist

STEP, MAX_FIRST = 100, 1_000
"""Pages of the origin are multiples of the one; the first has all that is asked for, and one more, up to the other."""
MAX_NAMED = 200
"""Studies or patients in one key; viewers open a handful at once."""
UIDS = {
    Level.STUDY: (STUDY_UID,),
    Level.SERIES: (STUDY_UID, SERIES_UID),
    Level.INSTANCE: (STUDY_UID, SERIES_UID, INSTANCE_UID),
}
_STUDY, _PATIENT = json_key(STUDY_UID), json_key(PATIENT_ID)
_IDENTITY = frozenset({STUDY_UID, PATIENT_ID, ISSUER})
_ABOVE = frozenset(json_key(tag) for tag in STUDY_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a path restricts a search to: source UIDs of a study and of a series in it."""

    study: str = ""
    series: str = ""

    @property
    def path(self) -> str:
        """The path at the origin."""
        return "".join(f"/{name}/{uid}" for name, uid in (("studies", self.study), ("series", self.series)) if uid)


def candidates(worklist: Worklist, search: Search, scope: Scope, reader: Reader) -> AsyncIterator[DataSet]:
    """Yield results of the origin within the worklist; each has the UIDs of its level, or what stands for them.

    Where one question to the origin answers the search, the ``reader`` says where to begin.
    """
    finder = _Finder(worklist, search, reader)
    if search.level is Level.STUDY:
        return finder.studies()
    return finder.below_one(scope) if scope.study else finder.everywhere()


class _Finder:
    def __init__(self, worklist: Worklist, search: Search, reader: Reader) -> None:
        self._worklist = worklist
        self._search = search
        self._reader = reader
        self._below = "/series" if search.level is Level.SERIES else "/instances"

    async def studies(self) -> AsyncIterator[DataSet]:
        """Find studies, those that keys name first where they do."""
        uids, patients = await self._named_studies(), await self._named_patients()
        if uids == [] or patients == []:
            return
        parameters = self._parameters((STUDY_UID, PATIENT_ID, ISSUER))
        if not patients:
            async for elements in self._worklist.studies(parameters, self._page(), uids or (), self._reader):
                yield elements
            return
        others = [pair for pair in parameters if pair[0] != _PATIENT]
        for patient in patients:
            asked = [(_PATIENT, identifier(patient)), *others]
            async for elements in self._worklist.studies(asked, self._page(), uids or ()):
                if text(elements, _PATIENT) == patient:  # another's may look alike to an origin
                    yield elements

    async def below_one(self, scope: Scope) -> AsyncIterator[DataSet]:
        """Find what lies in one study or series."""
        known: dict[str, bytes] = dict(await self._worklist.patient_of(scope.study))
        fields = self._study_fields()
        if fields:
            async for elements in self._worklist.studies(fields, STEP, [scope.study]):
                known |= {key: bytes(elements[key]) for _, key in fields if key in elements}
        async for elements in self._within(scope, known, self._reader):
            yield elements

    async def everywhere(self) -> AsyncIterator[DataSet]:
        """Find series or instances of the whole worklist."""
        worklist, search = self._worklist, self._search
        names = any(search.key(tag) for tag in (STUDY_UID, PATIENT_ID, PATIENT_NAME))
        counts = MODALITIES_IN_STUDY in {*search.include, *(key.root for key in search.keys)}
        if worklist.selection.is_everything and not names and not counts:  # what a study counts, origins say of studies
            parameters = self._parameters((*UIDS[search.level], SOP_CLASS, PATIENT_ID, ISSUER))
            query = encode_query(parameters)
            async for elements in read_pages(worklist.origin, self._below, query, self._page(), self._reader):
                yield elements
            return
        of_studies = self._of_studies()
        counted = Counted(worklist, of_studies)
        async for study in _Finder(worklist, of_studies, Reader()).studies():
            uid = text(study, _STUDY)
            if not valid_source(uid):
                continue
            known = {key: study[key] for key in study if key in _ABOVE}
            if not counted.may_match(study):
                yield known  # read in vain: no result of the level
                continue
            async for elements in self._within(Scope(uid), known):
                yield elements

    async def _within(self, scope: Scope, known: Elements, reader: Reader | None = None) -> AsyncIterator[DataSet]:
        """Fill in what the path and the study say: an origin may leave it out (PS3.18 Section 10.6.3.3)."""
        parameters = self._parameters((*UIDS[self._search.level], SOP_CLASS, PATIENT_ID, ISSUER))
        uids = {_STUDY: scope.study} | ({json_key(SERIES_UID): scope.series} if scope.series else {})
        fixed = {key: msgspec.Raw(msgspec.json.encode({"vr": "UI", "Value": [uid]})) for key, uid in uids.items()}
        above = {key: msgspec.Raw(raw) for key, raw in known.items()}
        path = scope.path + self._below
        async for elements in read_pages(self._worklist.origin, path, encode_query(parameters), self._page(), reader):
            if any(elements.get(key) != fixed[key] and text(elements, key) not in ("", uids[key]) for key in uids):
                raise OriginFailed("the origin answered with another study or series")
            yield {**above, **elements, **fixed}

    def _of_studies(self) -> Search:
        """Return the search for the studies in which matches may lie."""
        keys = tuple(key for key in self._search.keys if level_of(key.root) is Level.STUDY)
        include = tuple(tag for tag in self._search.include if level_of(tag) is Level.STUDY)
        return replace(self._search, level=Level.STUDY, keys=keys, include=include, limit=None, offset=0)

    def _parameters(self, also: tuple[int, ...]) -> list[tuple[str, str]]:
        decide = self._worklist.decide
        asked = (*also, *asked_of_results(self._worklist, self._search.level))
        return origin_hints(self._search, decide) + origin_fields(self._search, decide, asked)

    def _study_fields(self) -> list[tuple[str, str]]:
        """Return attributes of the study that a search below one looks at."""
        roots = [key.root for key in self._search.keys] + list(self._search.include)
        above = dict.fromkeys(tag for tag in roots if level_of(tag) is Level.STUDY and tag not in _IDENTITY)
        return [("includefield", json_key(tag)) for tag in above if json_key(tag) in _ABOVE]

    def _page(self) -> int:
        search = self._search
        if search.limit is None:
            return STEP
        ahead = search.offset - self._reader.began.released + search.limit
        return min(ahead // STEP * STEP + STEP, MAX_FIRST)

    async def _named_studies(self) -> list[str] | None:
        """Return the source UIDs of the studies that a key names; None where it names none, or all of a pattern."""
        key = self._search.key(STUDY_UID)
        if key is None or has_wildcard(key.value):
            return None
        uids = _listed(key, split_list("UI", key.value))
        found = [await self._worklist.source_of_study(uid.strip(" ")) for uid in uids]
        return [uid for uid in found if uid is not None]

    async def _named_patients(self) -> list[str] | None:
        """Return the Patient IDs of those whom keys name; None where that is not known."""
        found: list[str] | None = None
        for key in map(self._search.key, (PATIENT_ID, PATIENT_NAME)):
            if key is None or self._worklist.decide(key).action is not Action.PSEUDONYM:
                continue
            named = _listed(key, pseudonyms(key))
            sources = [await self._worklist.patient(one) for one in named]
            if not named or "" in sources:  # a patient without an ID can't be asked for
                continue
            known = list(dict.fromkeys(one for one in sources if one))
            found = known if found is None else [one for one in found if one in known]
        return found


def _listed(key: Key, values: list[str]) -> list[str]:
    if len(values) > MAX_NAMED:
        raise BadRequest(f"{dictionary.keyword_of(key.tag)} lists more than {MAX_NAMED}")
    return list(dict.fromkeys(values))
