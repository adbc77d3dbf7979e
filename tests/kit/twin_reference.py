"""A plain archive in memory: what PS3.18 Section 10.6 and PS3.4 Section C.2.2.2 want of one that holds these files.

It is the judge where a real archive and the gateway differ, so it knows nothing of either: pydicom reads the files, and
matching is written here from the standard.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

STUDY, SERIES, INSTANCE = 0x0020000D, 0x0020000E, 0x00080018
UID_OF: Final = {"studies": STUDY, "series": SERIES, "instances": INSTANCE}
RANGED: Final = frozenset({"DA", "DT", "TM"})
NUMERIC: Final = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"})
LISTED: Final = frozenset({"UI"})
"""VRs in which a key may be a list (PS3.18 Section 8.3.4.1): more is possible, and left to each server."""
WILD: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""VRs in which ``*`` and ``?`` are wild cards (PS3.4 Section C.2.2.2.4)."""


class Level(Enum):
    """What a search returns; the value is the last part of its path."""

    STUDY = "studies"
    SERIES = "series"
    INSTANCE = "instances"


@dataclass(frozen=True, slots=True)
class Question:
    """One search: ``within`` is its path above the level, keys and fields are written as the client writes them."""

    level: Level
    keys: tuple[tuple[str, str], ...] = ()
    fields: tuple[str, ...] = ()
    limit: int | None = None
    offset: int | None = None
    within: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """Give the path below the service base."""
        above = "".join(f"/{name}/{uid}" for name, uid in zip(UID_OF, self.within, strict=False))
        return f"{above}/{self.level.value}"

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Give the query, decoded."""
        paging = [(name, getattr(self, name)) for name in ("limit", "offset")]
        return [
            *self.keys,
            *(("includefield", one) for one in self.fields),
            *((name, str(number)) for name, number in paging if number is not None),
            *self.more,
        ]


@dataclass(slots=True)
class Reference:
    """The files, by instance."""

    instances: list[Dataset] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> "Reference":
        """Read every file below a folder."""
        return cls([dcmread(file) for file in sorted(folder.rglob("*.dcm"))])

    def find(self, question: Question) -> dict[str, list[Dataset]]:
        """Give the entities that match, by UID, each with its instances; limits are left to the caller."""
        names = [UID_OF[name] for name in list(UID_OF)[: len(question.within)]]
        below = [
            one
            for one in self.instances
            if all(str(one[tag].value) == uid for tag, uid in zip(names, question.within, strict=True))
        ]
        groups: dict[str, list[Dataset]] = {}
        for one in below:
            groups.setdefault(str(one[UID_OF[question.level.value]].value), []).append(one)
        return {
            uid: members
            for uid, members in groups.items()
            if all(self._matches(members, name, value) for name, value in question.keys)
        }

    def values(self, members: list[Dataset], tag: int) -> list[str]:
        """Give the values of one attribute of an entity, also of those that are computed."""
        one = members[0]
        study = [other for other in self.instances if other[STUDY].value == one[STUDY].value]
        series = [other for other in study if other[SERIES].value == one[SERIES].value]
        if tag == 0x00080061:
            return sorted({modality for other in study for modality in texts(other, Tag(0x00080060))})
        counted = {
            0x00201206: len({other[SERIES].value for other in study}),
            0x00201208: len(study),
            0x00201209: len(series),
        }
        return [str(counted[tag])] if tag in counted else texts(one, Tag(tag))

    def _matches(self, members: list[Dataset], name: str, value: str) -> bool:
        *path, last = [tag_of(part) for part in name.split(".")]
        if not value.strip("*"):
            return True  # Universal Matching, and a wild card that says no more
        if not path:
            return any(matches(found, value, vr(last)) for found in self.values(members, last))
        items: list[Dataset] = [members[0]]
        for tag in path:
            items = [inner for item in items for inner in (item[tag].value if tag in item else [])]
        return any(matches(found, value, vr(last)) for item in items for found in texts(item, Tag(last)))


def tag_of(name: str) -> int:
    """Read a keyword or eight digits."""
    tag = int(name, 16) if re.fullmatch(r"[0-9A-Fa-f]{8}", name) else tag_for_keyword(name)
    assert tag is not None, name
    return tag


def vr(tag: int) -> str:
    """Give the VR of an attribute of the standard."""
    return str(dictionary_VR(tag))


def texts(data_set: Dataset, tag: BaseTag) -> list[str]:
    """Give the values of one attribute as text; none where it is empty or absent. A name gives its component groups."""
    value = data_set[tag].value if tag in data_set else None
    values = list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]
    found = [str(one) for one in values if one is not None and str(one) != ""]
    return [group for one in found for group in one.split("=") if group] if vr(tag) == "PN" else found


def matches(found: str, wanted: str, kind: str) -> bool:
    """Match one value (PS3.4 Section C.2.2.2), text without regard to case."""
    if kind in LISTED:
        return found in re.split(r"[,\\]", wanted)
    if kind in RANGED:
        low, dash, high = wanted.partition("-")
        if not dash:
            return found == wanted
        return (not low or found >= low) and (not high or found[: len(high)] <= high)
    if kind in NUMERIC:
        return _is_number(wanted) and float(found) == float(wanted)
    if kind not in WILD:
        return found == wanted
    pattern = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in wanted.rstrip("^ "))
    return re.fullmatch(pattern, found.rstrip("^ "), re.IGNORECASE | re.DOTALL) is not None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) is not None


def plain(element: Mapping[str, Any]) -> list[Any]:
    """Give the values of one attribute of the DICOM JSON Model as ``Reference.values`` does; items as they are."""
    found: list[Any] = []
    for value in element.get("Value", ()):
        if element["vr"] == "PN" and value is not None:
            found += [group for group in value.values() if group]
        elif element["vr"] in NUMERIC and value is not None:
            found.append(float(value))
        elif value not in (None, ""):
            found.append(value if isinstance(value, dict) else str(value).rstrip())
    return found


def same(kind: str, ours: Iterable[Any], theirs: Iterable[str]) -> bool:
    """Compare what ``plain`` and ``Reference.values`` give."""
    return list(ours) == ([float(one) for one in theirs] if kind in NUMERIC else [one.rstrip() for one in theirs])
