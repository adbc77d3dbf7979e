"""Search parameters (PS3.18 Section 8.3.4): what the client asks, and what of it may reach the origin.

A key is always evaluated here, on the released value. The origin sees only a hint that can't narrow too far: keys on
attributes that leave unchanged, with every character that origins treat differently widened to ``*``.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from gateway.core.errors import BadRequest
from gateway.core.rewrite.matching import LIST_VRS, RANGE_VRS, is_universal, matches
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private, json_key, parse_tag

STUDY_UID, SERIES_UID, INSTANCE_UID = 0x0020000D, 0x0020000E, 0x00080018
PATIENT_ID, ISSUER, SOP_CLASS, RETRIEVE_URL = 0x00100020, 0x00100021, 0x00080016, 0x00081190
MODALITIES_IN_STUDY = 0x00080061
MAX_OFFSET = 1_000_000

STUDY_KEYS = frozenset(
    {0x00080020, 0x00080030, 0x00080050, 0x00080061, 0x00080090, 0x00100010, 0x00100020, 0x0020000D, 0x00200010}
)
SERIES_KEYS = frozenset({0x00080060, 0x0020000E, 0x00200011, 0x00400244, 0x00400245})
INSTANCE_KEYS = frozenset({0x00080016, 0x00080018, 0x00200013})
"""Keys that every origin must support at these levels (PS3.18 Table 10.6.1-5); no other goes there."""

NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"})
_SAFE = re.compile(r"[A-Za-z0-9.*?_^-]")
_DAY, _TIME = r"\d{8}", r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?"
_BOUNDS = {
    "DA": re.compile(rf"{_DAY}(?:-(?:{_DAY})?)?|-{_DAY}"),
    "TM": re.compile(rf"{_TIME}(?:-(?:{_TIME})?)?|-{_TIME}"),
    "DT": re.compile(r"(?!)"),
}
_RANGE = re.compile(r"[0-9.:+*]*(-[0-9.:+*]*)?")
_UNKNOWN_VALUE = "fuzzymatching", "emptyvaluematching", "multiplevaluematching"


class Level(Enum):
    """What a search returns."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3


@dataclass(frozen=True, slots=True)
class Key:
    """One match key. ``value`` is the client's and never leaves this side in a message."""

    tag: int
    vr: str
    value: str


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed query."""

    level: Level
    keys: tuple[Key, ...]
    include: tuple[int, ...]
    include_all: bool
    limit: int | None
    offset: int

    def accepts(self, elements: dict[str, bytes]) -> bool:
        """Say whether a released result matches every key."""
        return all(matches(elements.get(json_key(key.tag)), key.vr, key.value) for key in self.keys)

    def value(self, tag: int) -> str | None:
        """Return the value of the key on one attribute, unless it matches everything."""
        return next((key.value for key in self.keys if key.tag == tag and not is_universal(key.value)), None)


def parse_search(parameters: Iterable[tuple[str, str]], level: Level) -> Search:
    """Parse decoded query parameters. Raises BadRequest, which names the parameter but no value."""
    keys: dict[int, Key] = {}
    include: list[int] = []
    include_all, limit, offset = False, None, 0
    for name, value in parameters:
        if name == "includefield":
            for part in value.split(","):
                if part == "all":
                    include_all = True
                else:
                    include.append(_attribute(part.strip(), "includefield"))
        elif name == "limit":
            limit = _count(name, value) or None
        elif name == "offset":
            offset = _count(name, value)
        elif name in _UNKNOWN_VALUE:
            if value not in ("true", "false"):
                raise BadRequest(f"{name} is true or false")
        else:
            tag = _attribute(name, "a match key")
            if tag in keys:
                raise BadRequest(f"{name} is given twice")
            keys[tag] = Key(tag, _checked_vr(tag, name, level, value), value)
    return Search(level, tuple(keys.values()), tuple(dict.fromkeys(include)), include_all, limit, offset)


def origin_parameters(search: Search, keeps: Callable[[int], bool], also: Iterable[int]) -> list[tuple[str, str]]:
    """Return what the origin is asked besides paging: hints and the attributes to include."""
    asked = [key for key in search.keys if key.tag in _forwarded(search.level) and keeps(key.tag)]
    widened = [(json_key(key.tag), widen(key)) for key in asked if key.vr != "UI" and not is_universal(key.value)]
    hints = [(name, value) for name, value in widened if value is not None]
    wanted = [*also, *(key.tag for key in search.keys), *search.include]
    fields = [("includefield", json_key(tag)) for tag in dict.fromkeys(wanted) if tag != RETRIEVE_URL]
    return hints + fields + ([("includefield", "all")] if search.include_all else [])


def widen(key: Key) -> str | None:
    """Write a value so that any origin reads it alike and finds no less: what needs percent-encoding becomes ``*``.

    None: no such value. Codes are compared exactly by some origins, and lists are for UIDs only (PS3.18 Section 8.3.4).
    """
    if key.vr in RANGE_VRS:
        return key.value if _BOUNDS[key.vr].fullmatch(key.value) else None
    if key.vr in NUMBER_VRS:
        return key.value if key.value.isascii() and key.value.isdigit() else None
    if key.vr in LIST_VRS and ("," in key.value or "\\" in key.value):
        return None
    value = key.value.upper() if key.vr == "CS" else key.value
    return "".join(c if _SAFE.match(c) else "*" for c in value)


def _forwarded(level: Level) -> frozenset[int]:
    if level is Level.STUDY:
        return STUDY_KEYS
    return SERIES_KEYS if level is Level.SERIES else SERIES_KEYS | INSTANCE_KEYS


def _attribute(name: str, what: str) -> int:
    tag = dictionary.tag_of(name)
    if tag is None:
        try:
            tag = parse_tag(name)
        except ValueError:
            raise BadRequest(f"{what} must be an attribute of the standard, by keyword or tag") from None
    if is_private(tag) or dictionary.vr_of(tag) is None:
        raise BadRequest(f"{what} must be an attribute of the standard, by keyword or tag")
    return tag


def _checked_vr(tag: int, name: str, level: Level, value: str) -> str:
    below = (level is Level.STUDY and tag in SERIES_KEYS | INSTANCE_KEYS) or (
        level is Level.SERIES and tag in INSTANCE_KEYS
    )
    if below:
        raise BadRequest(f"{name} does not belong to the {level.name.lower()} level")
    vr = dictionary.vr_of(tag) or "UN"
    if vr == "SQ":
        raise BadRequest(f"{name} is a sequence; matching inside sequences is not available")
    if vr in RANGE_VRS and value and not _RANGE.fullmatch(value):
        raise BadRequest(f"{name} is not a date or time, or a range of them")
    return vr


def _count(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 10 or int(value) > MAX_OFFSET:
        raise BadRequest(f"{name} is a number from 0 to {MAX_OFFSET}")
    return int(value)
