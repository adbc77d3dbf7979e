"""From released identifiers back to their sources, for the holder of the secret. No route leads here.

What the state store knows is answered from it. For the rest the worklist's studies are read and hashed, then the
series and instances of each: that takes as long as the worklist is large, unless the study is known.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.rewrite.metadata import text
from gateway.ports import Release
from gateway.worklists.source import ISSUER, PATIENT_ID, STUDY, valid_source
from gateway.worklists.worklist import Worklist

__all__ = ["NothingStored", "Source", "is_released", "reidentify"]

_UID = re.compile(r"2\.25\.[1-9][0-9]{0,38}")
_PSEUDONYM = re.compile(r"DV[A-Z2-7]{13}")
PAGE = 500


@dataclass(frozen=True, slots=True)
class Source:
    """What a released identifier stands for. ``within`` says what it belongs to, as names and values."""

    kind: str
    value: str
    within: tuple[tuple[str, str], ...] = ()


class NothingStored:
    """Fills ReleaseStore where nothing was ever stored: every identifier is found by hashing."""

    async def put(self, domain: str, kind: str, releases: Iterable[Release]) -> None:
        """Forget pairs."""

    async def get(self, domain: str, kind: str, released: str) -> str | None:  # noqa: ARG002 - the port's signature
        """Return None."""
        return None

    async def aclose(self) -> None:
        """Do nothing."""


def is_released(value: str) -> bool:
    """Say whether a value has the form of a released UID or of a patient's pseudonym; no other is looked up."""
    return bool(_UID.fullmatch(value) or _PSEUDONYM.fullmatch(value))


async def reidentify(worklist: Worklist, values: Iterable[str], study: str | None = None) -> dict[str, Source]:
    """Return the sources of released identifiers; those that are unknown are not in it.

    ``study`` is a released Study Instance UID: series and instances are then looked for in that study alone.
    """
    search = _Search(worklist, dict.fromkeys([*values, *([study] if study else [])]))
    await search.ask_store()
    if search.missing:
        await search.read_studies()
    inside = [search.found[study].value] if study in search.found else []
    for uid in inside if study else search.studies:
        if search.missing_uids:
            await search.read_below(uid)
    return {value: search.found[value] for value in values if value in search.found}


class _Search:
    """What is looked for, and what of it is found so far."""

    def __init__(self, worklist: Worklist, wanted: Iterable[str]) -> None:
        self.worklist = worklist
        self.missing = set(wanted)
        self.found: dict[str, Source] = {}
        self.studies: list[str] = []

    @property
    def missing_uids(self) -> bool:
        return any(_UID.fullmatch(value) for value in self.missing)

    async def ask_store(self) -> None:
        store, domain = self.worklist.store, self.worklist.domain
        for value in list(self.missing):
            if _UID.fullmatch(value):
                uid = await store.get(domain, "study", value)
                if uid:
                    self._note([value], Source("study", uid))
                continue
            patient = await store.get(domain, "patient", value)
            issuer, patient_id = json.loads(patient) if patient else ("", "")
            if patient_id:  # without one the patient is a study, which the store does not say
                self._note([value], _patient(issuer, patient_id, ""))

    async def read_studies(self) -> None:
        async for elements in self.worklist.studies([], PAGE):
            study, patient_id, issuer = text(elements, STUDY), text(elements, PATIENT_ID), text(elements, ISSUER)
            if not valid_source(study):
                continue
            self.studies.append(study)
            self._note(self.worklist.released_uids(study), Source("study", study))
            pseudonyms = self.worklist.released_patients(issuer, patient_id, study)
            self._note(pseudonyms, _patient(issuer, patient_id, study))

    async def read_below(self, study: str) -> None:
        in_study = (("study", study),)
        series = [uid async for uid in self.worklist.series_of(study)]
        for uid in series:
            self._note(self.worklist.released_uids(uid), Source("series", uid, in_study))
        for uid in series:
            if not self.missing_uids:
                return
            async for one in self.worklist.instances_of(study, uid):
                source = Source("instance", one.instance, (*in_study, ("series", uid)))
                self._note(self.worklist.released_uids(one.instance), source)

    def _note(self, released: Iterable[str], source: Source) -> None:
        for value in self.missing.intersection(released):
            self.missing.remove(value)
            self.found[value] = source


def _patient(issuer: str, patient_id: str, study: str) -> Source:
    if not patient_id:
        return Source("patient", "", (("study", study),))
    return Source("patient", patient_id, (("issuer", issuer),) if issuer else ())
