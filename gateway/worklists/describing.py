"""One result of a search as it is released, and before that, whether it can match at all.

Whoever reads on from page to page, or looks at a list again, asks for the same results: what became of them is
remembered by their bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

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
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.rewrite.query import Search
from gateway.core.standard.levels import Level, attributes_above, level_of
from gateway.core.standard.modalities import WITHOUT_PICTURE
from gateway.core.standard.tags import is_private, json_key
from gateway.core.wire.dicomjson import DataSet
from gateway.worklists.candidates import UIDS
from gateway.worklists.source import valid_source
from gateway.worklists.worklist import Worklist

ARCHIVE_COUNTS = ("00201200", "00201202", "00201204")
"""Number of Patient Related Studies, Series, Instances: they count what lies outside the worklist, too."""
OBJECT_COUNTS = ("00201206", "00201208", "00201209")
"""Number of Study Related Series, Instances, of Series Related Instances: they count what a profile refuses, too."""
PATIENT = (0x00100010, 0x00100020, 0x00100030, 0x00100040)
"""Name, ID, birth date and sex, which every result of a study has (PS3.18 Table 10.6.3-3)."""
MAX_DESCRIBED, MAX_RESULT_BYTES = 4_096, 4_096
"""How many results are remembered, and how long one may be: some 2 kB each, as archives answer."""

_SOP_CLASS, _MODALITY, _MODALITIES = json_key(SOP_CLASS), json_key(MODALITY), json_key(MODALITIES_IN_STUDY)
_STUDY, _RETRIEVE_URL, _CHARACTER_SET = json_key(STUDY_UID), json_key(RETRIEVE_URL), "00080005"
_WHO: Final = frozenset(map(json_key, (PATIENT_ID, ISSUER, STUDY_UID)))
_UTF8 = b'{"vr":"CS","Value":["ISO_IR 192"]}'

Link = Callable[[Sequence[str]], bytes]
"""Makes the element of the gateway's own URL for a result, of its released UIDs from the study down."""


@dataclass(slots=True)
class Described:
    """A result as the origin has it, and what is released of it; ``study`` is the source UID of its study.

    ``uids`` are the released ones from the study down. ``stored_at`` says when they were stored.
    """

    source: DataSet
    released: dict[str, bytes]
    study: str
    uids: tuple[str, ...]
    stored_at: float = float("-inf")


Known = dict[tuple[object, ...], Described]
"""Results of one worklist by how they were asked for and by their bytes."""


class Describer:
    """Rewrites results of one level: nothing of a lower one, no count of what is not released."""

    def __init__(self, worklist: Worklist, search: Search, known: Known, *, within_study: bool) -> None:
        self._worklist = worklist
        self._engine = worklist.engine
        self._search = search
        self._level = search.level
        self._returned = _returned(search, within_study=within_study)
        self._uids = [json_key(tag) for tag in UIDS[search.level]]
        self._belongs = _Belongs(search.level)
        self._dropped = (*ARCHIVE_COUNTS, *(OBJECT_COUNTS if worklist.withholds else ()))
        self._looked_at = _looked_at(search, self._uids)
        self._known = known

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
        asked = self._level, self._returned, tuple(source), said
        found = self._known.get(asked)
        if found is None:
            found = self._described(source)
            if found is not None and len(said) <= MAX_RESULT_BYTES:
                if len(self._known) >= MAX_DESCRIBED:
                    self._known.clear()
                self._known[asked] = found
        return found

    def _described(self, source: DataSet) -> Described | None:
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
        return Described(source, result, uids[0], tuple(map(self._engine.uid, uids)))

    def _result(self, own: Elements, sop_class: str) -> dict[str, bytes] | None:
        """Rewrite attributes of a result; None where it shows nothing that the profile has."""
        result = self._engine.match(own, sop_class, self._returned)
        for key in self._dropped:
            result.pop(key, None)
        return result if self._mend_modalities(result) else None

    def _mend_modalities(self, result: dict[str, bytes]) -> bool:
        """Leave out modalities of what is refused; say whether anything is left. An empty attribute stops viewers."""
        images_only = self._worklist.images_only
        if images_only and text(result, _MODALITY) in WITHOUT_PICTURE:
            return False
        if _MODALITIES not in result:
            return True
        shown, is_any = _modalities(result[_MODALITIES], images_only=images_only)
        if shown is None:
            del result[_MODALITIES]
        else:
            result[_MODALITIES] = shown
        return is_any


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
