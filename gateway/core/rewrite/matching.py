"""Attribute matching (PS3.4 Section C.2.2.2, PS3.18 Section 8.3.4) on values as they are released.

Text matches without regard to case, as name searches in viewers expect.
"""

import re

import msgspec

from gateway.core.errors import BadRequest

RANGE_VRS = frozenset({"DA", "TM", "DT"})
LIST_VRS = frozenset({"UI", "CS", "IS", "SH", "LO"})
"""VRs in which a key may list several values; a name may hold a comma of its own."""
_RANGE = re.compile(r"([0-9.:+]*)-([0-9.:+]*)")
_decode = msgspec.json.decode


def is_universal(value: str) -> bool:
    """Say whether a key matches everything: empty, or nothing but asterisks."""
    return not value.strip("*")


def split_list(vr: str, value: str) -> list[str]:
    """Split a list of values; viewers write a comma or a backslash."""
    return re.split(r"[,\\]", value) if vr in LIST_VRS else [value]


def matches(element: bytes | None, vr: str, value: str) -> bool:
    """Say whether one element of a search result matches a key. Raises BadRequest on a bad range."""
    if is_universal(value):
        return True
    values = _values(element)
    if vr in RANGE_VRS:
        return any(_in_range(found, value) for found in values)
    return any(_matches_one(found, wanted) for wanted in split_list(vr, value) for found in values)


def _values(element: bytes | None) -> list[str]:
    values = _decode(element).get("Value") if element is not None else None
    found = []
    for value in values if isinstance(values, list) else ():
        if isinstance(value, dict):
            found += [str(part) for part in value.values() if isinstance(part, str)]
        elif value is not None:
            found.append(str(value))
    return found


def _matches_one(found: str, wanted: str) -> bool:
    """Match ``*`` and ``?`` piece by piece, leftmost first: never slower than the product of the lengths."""
    found, wanted = found.rstrip("^ ").casefold(), wanted.rstrip("^ ").casefold()
    first, *rest = wanted.split("*")
    if not rest:
        return len(found) == len(first) and _fits(found, first, 0)
    last = rest.pop()
    end = len(found) - len(last)
    if end < len(first) or not _fits(found, first, 0) or not _fits(found, last, end):
        return False
    at = len(first)
    for piece in rest:
        while at + len(piece) <= end and not _fits(found, piece, at):
            at += 1
        if at + len(piece) > end:
            return False
        at += len(piece)
    return True


def _fits(found: str, piece: str, at: int) -> bool:
    return all(wanted in ("?", char) for wanted, char in zip(piece, found[at : at + len(piece)], strict=True))


def _in_range(found: str, wanted: str) -> bool:
    if "-" not in wanted:
        return _plain(found).startswith(_plain(wanted)) if wanted else True
    match = _RANGE.fullmatch(wanted)
    if match is None:
        raise BadRequest("a range of dates or times is written A-B, A- or -B")
    low, high = _plain(match[1]), _plain(match[2])
    value = _plain(found)
    return (not low or value >= low) and (not high or value[: len(high)] <= high)


def _plain(value: str) -> str:
    return value.replace(":", "").replace(".", "").strip()
