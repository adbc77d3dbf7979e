"""One result of a search as it is released, and before that, whether it can match at all.

Whoever reads on from page to page, or looks at a list again, asks for the same results: what became of them is
remembered by their bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from operator import ne
from typing import Final, Protocol

import msgspec

from gateway.core.rewrite.keys import (
    ISSUER,
    MODALITIES_IN_STUDY,
    MODALITY,
    PATIENT_ID,
    RETRIEVE_URL,
    SOP_CLASS,
    STUDY_UID,
)
from gateway.core.rewrite.metadata import Elements, encode, text
from gateway.core.rewrite.query import Search
from gateway.core.standard.levels import Level, attributes_above, level_of
from gateway.core.standard.modalities import WITHOUT_PICTURE
from gateway.core.standard.tags import is_private, json_key
from gateway.core.wire.dicomjson import DataSet
from gateway.core.wire.jsonelement import Raw
from gateway.worklists.candidates import UIDS
from gateway.worklists.source import valid_source
from gateway.worklists.worklist import Worklist

ARCHIVE_COUNTS = ("00201200", "00201202", "00201204")
"""Number of Patient Related Studies, Series, Instances: they count what lies outside the worklist, too."""
OBJECT_COUNTS = ("00201206", "00201208", "00201209")
"""Number of Study Related Series, Instances, of Series Related Instances: they count what a profile refuses, too."""
BURNED_IN = "00280301"
"""Burned In Annotation: what is released says what masks did, and a search looks at no pixels."""
PATIENT = (0x00100010, 0x00100020, 0x00100030, 0x00100040)
"""Name, ID, birth date and sex, which every result of a study has (PS3.18 Table 10.6.3-3)."""
MAX_FORMS, MAX_DESCRIBED, MAX_RESULT_BYTES = 8, 4_096, 4_096
"""In how many forms results are remembered, how many in all, and how long one may be; they take some 3 kB each."""

_SOP_CLASS, _MODALITY, _MODALITIES = json_key(SOP_CLASS), json_key(MODALITY), json_key(MODALITIES_IN_STUDY)
_STUDY, _RETRIEVE_URL, _CHARACTER_SET = json_key(STUDY_UID), json_key(RETRIEVE_URL), "00080005"
_WHO: Final = frozenset(map(json_key, (PATIENT_ID, ISSUER, STUDY_UID)))
_DECIDING: Final = _WHO | {_SOP_CLASS, _MODALITY, _MODALITIES, _CHARACTER_SET}
_ODD: Final = frozenset("13579BDF")
_UTF8 = b'{"vr":"CS","Value":["ISO_IR 192"]}'


class Link(Protocol):
    """Makes the element of the gateway's own URL for a result, of its released UIDs from the study down."""

    def __call__(self, uids: Sequence[str]) -> bytes:
        """Return the element; links that are equal make the same."""

    def __hash__(self) -> int: ...


@dataclass(slots=True)
class Described:
    """What is released of a result; ``study`` is the source UID of its study, ``uid`` its own released one.

    ``stored_at`` says when what leads back to the study was stored, ``written`` how it is written in JSON.
    """

    released: dict[str, bytes]
    study: str
    uid: str
    stored_at: float = float("-inf")
    written: bytes = b""

    def in_json(self) -> bytes:
        """Write it, once."""
        self.written = self.written or encode(self.released)
        return self.written


Results = dict[tuple[tuple[str, ...], bytes], Described]


class Known:
    """Results of one worklist by their bytes, for each form in which they were asked for."""

    def __init__(self) -> None:
        self._forms: dict[tuple[Link, Level, frozenset[str]], Results] = {}

    def of(self, link: Link, level: Level, returned: frozenset[str]) -> Results:
        """Return those of one form."""
        form = link, level, returned
        if form not in self._forms and len(self._forms) >= MAX_FORMS:
            self._forms.clear()
        return self._forms.setdefault(form, {})

    def make_room(self, form: Results) -> None:
        """Forget all of them once they are too many, and those of a form that a search under way still has."""
        if sum(map(len, self._forms.values())) >= MAX_DESCRIBED or len(form) >= MAX_DESCRIBED:
            for results in (form, *self._forms.values()):
                results.clear()


class Describer:
    """Rewrites results of one level: nothing of a lower one, no count of what is not released."""

    def __init__(self, worklist: Worklist, search: Search, link: Link, known: Known, *, within_study: bool) -> None:
        self._worklist = worklist
        self._engine = worklist.engine
        self._search = search
        self._level = search.level
        self._link = link
        self._returned = _returned(search, within_study=within_study)
        self._uids = [json_key(tag) for tag in UIDS[search.level]]
        self._belongs = _Belongs(search.level)
        undecided = (BURNED_IN,) if worklist.masks else ()
        self._dropped = (*ARCHIVE_COUNTS, *(OBJECT_COUNTS if worklist.withholds else ()), *undecided)
        self._looked_at = _looked_at(search, self._uids)
        self._all_known = known
        self._known = known.of(link, search.level, self._returned)
        self._images_only = worklist.images_only
        self._last: _Last | None = None

    def may_match(self, source: Elements) -> bool:
        """Say whether what the keys look at matches: of most results nothing else need be rewritten."""
        if not self._looked_at:
            return True
        part = {key: source[key] for key in self._looked_at if key in source}
        result = self._result(part, text(part, _SOP_CLASS) if self._level is Level.INSTANCE else "")
        return result is not None and self._worklist.accepts(self._search, part, result)

    def __call__(self, source: DataSet) -> Described | None:
        """Return what is released of one result, or None where it is refused or can't be asked for."""
        said = b"".join(source.values())
        asked = tuple(source), said
        found = self._known.get(asked)
        if found is None:
            found = self._described(source)
            if found is not None and len(said) <= MAX_RESULT_BYTES:
                self._all_known.make_room(self._known)
                self._known[asked] = found
        return found

    def _described(self, source: DataSet) -> Described | None:
        last, self._last = self._last, None
        changed = None if last is None else last.changed(source)
        if last is None or changed is None:
            return self._whole(source)
        return self._changed(source, last, changed)

    def _whole(self, source: DataSet) -> Described | None:
        uids = [text(source, key) for key in self._uids]
        if not all(map(valid_source, uids)):
            return None
        sop_class = text(source, _SOP_CLASS) if self._level is Level.INSTANCE else ""
        if self._level is Level.INSTANCE and self._engine.refuses(sop_class):
            return None
        belongs = self._belongs
        result = self._result({key: raw for key, raw in source.items() if belongs[key]}, sop_class)
        if result is None:
            return None
        if _CHARACTER_SET in result:
            result[_CHARACTER_SET] = _UTF8
        return self._linked(source, result, uids, sop_class)

    def _changed(self, source: DataSet, last: "_Last", changed: Sequence[str]) -> Described | None:
        """Rewrite the attributes in which a result differs from the one before."""
        uids = [text(source, key) if key in changed else uid for key, uid in zip(self._uids, last.uids, strict=True)]
        if not all(map(valid_source, uids)):
            return None
        part = {key: source[key] for key in (*changed, *_WHO) if key in source and self._belongs[key]}
        found = self._engine.match(part, last.sop_class, self._returned)
        result = last.released.copy()
        for key in changed:
            if key in found and key not in self._dropped:
                result[key] = found[key]
            else:
                result.pop(key, None)
        return self._linked(source, result, uids, last.sop_class)

    def _linked(self, source: DataSet, result: dict[str, bytes], uids: Sequence[str], sop_class: str) -> Described:
        released = [self._engine.uid(uid) for uid in uids]
        result[_RETRIEVE_URL] = self._link(released)
        if self._level is not Level.STUDY:
            self._last = _Last(tuple(source), tuple(source.values()), result, uids, sop_class)
        return Described(result, uids[0], released[-1])

    def _result(self, own: Elements, sop_class: str) -> dict[str, bytes] | None:
        """Rewrite attributes of a result; None where it shows nothing that the profile has."""
        result = self._engine.match(own, sop_class, self._returned)
        for key in self._dropped:
            result.pop(key, None)
        return result if self._mend_modalities(result) else None

    def _mend_modalities(self, result: dict[str, bytes]) -> bool:
        """Leave out modalities of what is refused; say whether anything is left. An empty attribute stops viewers."""
        if self._images_only and text(result, _MODALITY) in WITHOUT_PICTURE:
            return False
        if _MODALITIES not in result:
            return True
        shown, is_any = _modalities(result[_MODALITIES], images_only=self._images_only)
        if shown is None:
            del result[_MODALITIES]
        else:
            result[_MODALITIES] = shown
        return is_any


@dataclass(slots=True)
class _Last:
    """The result before, from which the next one of the same study may differ in a few attributes."""

    keys: tuple[str, ...]
    values: tuple[Raw, ...]
    released: dict[str, bytes]
    uids: Sequence[str]
    sop_class: str

    def changed(self, source: DataSet) -> Sequence[str] | None:
        """List the attributes whose values differ; None where others do, or some that decide about others."""
        if tuple(source) != self.keys:
            return None
        found = list(compress(self.keys, map(ne, source.values(), self.values)))
        is_whole = _DECIDING.isdisjoint(found) and not any(key[3:4] in _ODD for key in found)
        return found if is_whole else None


class _Belongs(dict[str, bool]):
    """Says of keys whether they belong to a level or to one above."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self._level = level

    def __missing__(self, key: str) -> bool:
        known = self[key] = len(key) != 8 or level_of(int(key, 16)) <= self._level
        return known


@lru_cache(maxsize=256)
def _modalities(element: bytes, *, images_only: bool) -> tuple[bytes | None, bool]:
    """Return Modalities in Study as they are shown, None where there are none, and whether the study is shown."""
    found = [name for name in text({_MODALITIES: element}, _MODALITIES).split("\\") if name]
    shown = [name for name in found if name not in WITHOUT_PICTURE] if images_only else found
    if not shown:
        return None, not found
    return element if shown == found else msgspec.json.encode({"vr": "CS", "Value": shown}), True


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


def _looked_at(search: Search, uids: Sequence[str]) -> frozenset[str]:
    """List what tells whether a result matches: what keys name, and what that depends on; empty where it is more."""
    roots = {key.root for one in search.criteria for key in one.keys}
    if not roots or RETRIEVE_URL in roots or any(map(is_private, roots)):
        return frozenset()
    return frozenset({*map(json_key, roots), *uids, *_WHO, _SOP_CLASS})
