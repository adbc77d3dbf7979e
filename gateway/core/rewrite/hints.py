"""What of a search may reach the origin, and what can be said about it without asking.

A key is always evaluated here, on the released value. The origin sees only hints that can't narrow too far: keys on
attributes that leave unchanged, with every character that origins treat differently widened to ``*``; ranges of dates
that move, widened by as far as any of them may move; and the names of attributes that may be released.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from gateway.core.profile.decisions import Decision
from gateway.core.profile.model import Action
from gateway.core.rewrite.jsonvalues import constant
from gateway.core.rewrite.keys import EMPTY, RETRIEVE_URL, Key, has_wildcard, is_universal
from gateway.core.rewrite.matching import LIST_VRS, NUMBER_VRS, matches, split_list
from gateway.core.rewrite.moments import MOMENT_VRS, TIME_OF_DATE, Range, parse_range
from gateway.core.rewrite.moved import moved_range
from gateway.core.rewrite.query import Search
from gateway.core.standard import ps315
from gateway.core.standard.levels import Level, attributes_above, level_of
from gateway.core.standard.tags import is_private, json_key
from gateway.core.standard.uids import is_registered

Decide = Callable[[Key], Decision]
"""Says what the profile does with an attribute of a search result."""

STUDY_KEYS: Final = frozenset(
    {0x00080020, 0x00080030, 0x00080050, 0x00080061, 0x00080090, 0x00100010, 0x00100020, 0x0020000D, 0x00200010}
)
SERIES_KEYS: Final = frozenset({0x00080060, 0x0020000E, 0x00200011, 0x00400244, 0x00400245})
INSTANCE_KEYS: Final = frozenset({0x00080016, 0x00080018, 0x00200013})
"""Keys that every origin must support at these levels (PS3.18 Table 10.6.1-5); no other goes there."""

PSEUDONYM: Final = re.compile(r"DV[A-Z2-7]{13}")
_SAFE: Final = re.compile(r"[A-Za-z0-9.*?_^-]")
_DAY, _TIME = r"\d{8}", r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?"
_BOUNDS: Final = {
    "DA": re.compile(rf"{_DAY}(?:-(?:{_DAY})?)?|-{_DAY}", re.ASCII),
    "TM": re.compile(rf"{_TIME}(?:-(?:{_TIME})?)?|-{_TIME}", re.ASCII),
    "DT": re.compile(r"(?!)"),
}


def origin_hints(search: Search, decide: Decide) -> list[tuple[str, str]]:
    """Return the keys that the origin is given."""
    found = []
    for key in search.keys:
        if key.is_plain and key.tag in _forwarded(search.level) and key.vr != "UI" and not is_universal(key.value):
            value = _hint(key, decide(key).action, search)
            if value is not None:
                found.append((json_key(key.tag), value))
    return found


def origin_fields(search: Search, decide: Decide, also: Iterable[int]) -> list[tuple[str, str]]:
    """Return the attributes that the origin is asked for: those that matter, as far as they may be released."""
    listed = [*search.include, *(attributes_above(search.level) if search.include_all else ())]
    asked = [*dict.fromkeys([*(tag for key in search.keys for tag in _needed(key)), *listed])]
    wanted = [tag for tag in asked if level_of(tag) <= search.level and _may_be_released(tag, search, decide)]
    names = dict.fromkeys([*also, *wanted])
    fields = [("includefield", json_key(tag)) for tag in names if tag != RETRIEVE_URL]
    return [*fields, ("includefield", "all")] if search.include_all and search.level is Level.INSTANCE else fields


def never_matches(search: Search, decide: Decide) -> bool:
    """Say whether some key can match no released value whatever the archive holds, so that nobody need be asked."""
    return any(_is_impossible(key, decide(key), search) for key in search.keys if not is_universal(key.value))


def widen(key: Key) -> str | None:
    """Write a value so that any origin reads it alike and finds no less: what needs percent-encoding becomes ``*``.

    None: no such value. Codes are compared exactly by some origins, and lists are for UIDs only (PS3.18 Section 8.3.4).
    """
    if key.vr in MOMENT_VRS:
        return key.value if _BOUNDS[key.vr].fullmatch(key.value) else None
    if key.vr in NUMBER_VRS:
        is_plain = key.value.isascii() and key.value.isdigit()
        return key.value if is_plain and key.value == (key.value.lstrip("0") or "0") else None  # some compare text
    if "\\" in key.value or (key.vr in LIST_VRS and "," in key.value):
        return None
    value = key.value.upper() if key.vr == "CS" else key.value
    if key.vr == "PN":  # some origins compare with all component groups as one text
        value = value.partition("=")[0]
        value = value if value.endswith("*") else value.rstrip("^ ") + "*"
    widened = "".join(c if _SAFE.match(c) else "*" for c in value)
    return None if is_universal(widened) else widened


def identifier(value: str) -> str:
    """Write an identifier for an origin that decodes nothing."""
    return "".join(c if c.isascii() and (c.isalnum() or c in ".-_^") else "*" for c in value)


def pseudonyms(key: Key) -> list[str]:
    """Return the pseudonyms that a key asks for; empty where it is a pattern that more may match.

    Pseudonyms are of one length, so asterisks around a whole one change nothing; viewers put them there.
    """
    found: dict[str, None] = {}
    for part in split_list(key.vr, key.value):
        named = part.strip(" ^=*").upper()
        if PSEUDONYM.fullmatch(named):
            found[named] = None
        elif has_wildcard(part):
            return []
    return list(found)


def goes_with_date(key: Key, keys: Iterable[Key]) -> bool:
    """Say whether a time may be one range with its date, which begins and ends on different days."""
    return key.vr == "TM" and any(TIME_OF_DATE.get(other.tag) == key.tag for other in keys)


def _forwarded(level: Level) -> frozenset[int]:
    if level is Level.STUDY:
        return STUDY_KEYS
    return SERIES_KEYS if level is Level.SERIES else SERIES_KEYS | INSTANCE_KEYS


def _hint(key: Key, action: Action, search: Search) -> str | None:
    """Return what the origin may be told of one key, or None."""
    if key.value == EMPTY and search.rules.empty_values:
        return None
    if goes_with_date(key, search.keys):
        return None
    if action is Action.KEEP or (action is Action.SHIFT_DATE and key.vr == "TM"):  # a time of day stays
        return widen(key)
    wanted = parse_range("DA", key.value) if key.vr == "DA" else None
    if wanted is None:
        return None
    if action is Action.SHIFT_DATE:  # instances are many: reading those of one true date, or not, would be noticed
        return None if search.level is Level.INSTANCE else moved_range(wanted)
    return _whole_years(wanted) if action is Action.TRUNCATE_DATE else None


def _whole_years(wanted: Range) -> str:
    """Write the years of a range of dates that keep no more than their year or month."""
    first, last = wanted.low[:4] and f"{wanted.low[:4]}0101", wanted.high[:4] and f"{wanted.high[:4]}1231"
    return f"{first}-{last}"


def _needed(key: Key) -> Iterator[int]:
    yield key.root
    if key.creator and not key.within:
        yield key.tag & 0xFFFF0000 | key.tag >> 8 & 0xFF


def _may_be_released(tag: int, search: Search, decide: Decide) -> bool:
    if is_private(tag) or (search.level is Level.INSTANCE and not _is_settled(tag)):
        return True
    return decide(Key(tag, "", "")).action is not Action.REMOVE


def _is_impossible(key: Key, decision: Decision, search: Search) -> bool:
    action = decision.action
    if search.rules.empty_values and key.value == EMPTY:
        return False
    if search.level is Level.INSTANCE and not _is_settled(key.root):
        return False  # the SOP Class of each result decides
    if action is Action.REMOVE or key.within:
        return action is Action.REMOVE
    if action is Action.EMPTY or (action is Action.CLEAN and key.vr != "AS"):
        return True  # a result does not say enough of its subject for text to be cleaned
    if action is Action.REPLACE:
        return not matches(constant(key.vr, key.vr, decision.value), key.vr, key.value)
    if action is Action.UID and not has_wildcard(key.value):
        return not any(_may_be_uid(part.strip(" ")) for part in split_list(key.vr, key.value))
    if action is Action.PSEUDONYM:
        return not has_wildcard(key.value) and not pseudonyms(key)
    return False


def _is_settled(tag: int) -> bool:
    """Say whether one action is for every SOP Class; a compound code depends on the Type of the attribute."""
    entry = None if is_private(tag) else ps315.entry(tag)
    return entry is None or "/" not in entry.basic


def _may_be_uid(uid: str) -> bool:
    return uid.startswith("2.25.") or is_registered(uid)
