"""Attribute matching (PS3.4 Section C.2.2.2, PS3.18 Section 8.3.4) on values as they are released.

Text matches without regard to case, as name searches in viewers expect. Several values in a key are alternatives,
unless the search says that all of them must be there.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.rewrite.keys import EMPTY, Key, has_wildcard, is_universal
from gateway.core.rewrite.moments import MOMENT_VRS, TIME_OF_DATE, combined, parse_range
from gateway.core.standard.tags import json_key
from gateway.core.standard.vr import SINGLE_VALUE_VRS

LIST_VRS: Final = frozenset({"AE", "CS", "IS", "LO", "SH", "UI"})
"""VRs in which viewers list values by comma; a name or a text may hold a comma of its own."""
NUMBER_VRS: Final = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})

_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_decode = msgspec.json.decode

DataSet = Mapping[str, Any]
"""Elements by key: raw JSON at the root of a result, decoded objects within a sequence."""
Test = Callable[[DataSet], bool]
Values = list[Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a search says about its keys: ``emptyvaluematching`` and ``multiplevaluematching``."""

    empty_values: bool = False
    every_value: bool = False


ANY_VALUE: Final = Rules()


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition on a result, and the keys that it comes from."""

    keys: tuple[Key, ...]
    holds: Test


def criteria(keys: Sequence[Key], rules: Rules = ANY_VALUE) -> tuple[Criterion, ...]:
    """Turn keys into conditions, all of which must hold.

    A date and its time that are ranges are one condition, and so are all keys in one sequence: one item must match
    them all. Raises BadRequest on a range that is none.
    """
    return tuple(_criteria(list(keys), rules, 0))


def matches(element: bytes | None, vr: str, value: str) -> bool:
    """Say whether one element matches one key. Raises BadRequest on a bad range."""
    return _test(vr, value, ANY_VALUE)(_values(element))


def split_list(vr: str, value: str) -> list[str]:
    """Split a list of values; viewers write a comma or a backslash. What holds a comma may also be one value."""
    if vr in SINGLE_VALUE_VRS:
        return [value]
    parts = value.split("\\")
    if vr not in LIST_VRS or "," not in value:
        return parts
    return [*parts, *value.replace("\\", ",").split(",")] if vr in ("LO", "SH") else re.split(r"[,\\]", value)


def _criteria(keys: list[Key], rules: Rules, depth: int) -> Iterator[Criterion]:
    times = {key.tag: key for key in keys if len(key.within) == depth}
    sequences: dict[int, list[Key]] = {}
    taken: set[Key] = set()
    for key in keys:
        if len(key.within) > depth:
            sequences.setdefault(key.within[depth], []).append(key)
        elif time := times.get(TIME_OF_DATE.get(key.tag, 0)):
            test = _date_and_time(key, time)
            if test is not None:
                taken |= {key, time}
                yield Criterion((key, time), test)
    for key in keys:
        if len(key.within) == depth and key not in taken:
            yield Criterion((key,), _single(key, rules))
    for tag, inside in sequences.items():
        yield Criterion(tuple(inside), _in_items(tag, tuple(_criteria(inside, rules, depth + 1))))


def _single(key: Key, rules: Rules) -> Test:
    test, name = _test(key.vr, key.value, rules), json_key(key.tag)
    if key.is_creator:
        group = name[:4] + "00"
        return lambda found: test([one for at in found if at[:6] == group for one in _values(found[at])])
    if key.creator:
        return lambda found: test(_values(found.get(_in_block(found, key))))
    return lambda found: test(_values(found.get(name)))


def _in_block(found: DataSet, key: Key) -> str:
    """Return the key of a private element in the block that its creator has in this data set (PS3.5 Section 7.8.1)."""
    name = json_key(key.tag)
    group = name[:4] + "00"
    for at in found:
        if at[:6] == group and key.creator in _values(found[at]):
            return name[:4] + at[6:] + name[6:]
    return ""


def _in_items(tag: int, inner: tuple[Criterion, ...]) -> Test:
    name = json_key(tag)

    def holds(found: DataSet) -> bool:
        items = [item for item in _values(found.get(name)) if isinstance(item, dict)]
        return any(all(one.holds(item) for one in inner) for item in items or [{}])

    return holds


def _date_and_time(date: Key, time: Key) -> Test | None:
    on, at = parse_range("DA", date.value), parse_range("TM", time.value)
    test = combined(on, at) if on and at else None
    if test is None:
        return None
    names = json_key(date.tag), json_key(time.tag)

    def holds(found: DataSet) -> bool:
        days, hours = (_texts(_values(found.get(name))) for name in names)
        return any(test(day, hour) for day, hour in zip(days, hours, strict=False))

    return holds


def _test(vr: str, value: str, rules: Rules) -> Callable[[Values], bool]:
    """Return the condition that a key sets on the values of its Attribute."""
    if is_universal(value):
        return lambda _: True
    if rules.empty_values and value == EMPTY:
        return lambda found: not any(_texts(found))
    if vr in MOMENT_VRS and not has_wildcard(value):
        return _moment(vr, value)
    one = _name if vr == "PN" else _number if vr in NUMBER_VRS else _age if vr == "AS" else _text
    if rules.every_value and vr not in SINGLE_VALUE_VRS and "\\" in value:
        each_of = [one(part) for part in dict.fromkeys(value.split("\\"))]
        return lambda found: all(any(test(each) for each in found) for test in each_of)
    tests = [one(part) for part in dict.fromkeys(split_list(vr, value))]
    return lambda found: any(test(each) for each in found for test in tests)


def _moment(vr: str, value: str) -> Callable[[Values], bool]:
    if value.strip(" ") == "-":
        return lambda found: any(_texts(found))
    wanted = parse_range(vr, value)
    if wanted is None:
        raise BadRequest("a range of dates or times is written A-B, A- or -B")
    return lambda found: any(wanted.holds(each) for each in _texts(found))


def _text(wanted: str) -> Callable[[Any], bool]:
    like = _like(wanted.strip(" ").casefold())
    return lambda value: value is not None and like(str(value).strip(" \0").casefold())


def _age(wanted: str) -> Callable[[Any], bool]:
    """Compare as it stands: there are no patterns of ages (PS3.4 Section C.2.2.2.4)."""
    return lambda value: value is not None and str(value).strip(" \0") == wanted.strip(" ")


def _number(wanted: str) -> Callable[[Any], bool]:
    """Compare numbers, however they are written; a pattern is compared with what stands there."""
    try:
        number = float(wanted)
    except ValueError:
        return _text(wanted)
    return lambda value: _float(value) == number


def _float(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _name(wanted: str) -> Callable[[Any], bool]:
    """Match any component group of a name, or each its own where the key has several (PS3.5 Section 6.2.1)."""
    groups = [part.rstrip("^ ").strip(" ").casefold() for part in wanted.split("=")]
    if len(groups) == 1:
        like = _like(groups[0])
        return lambda value: any(like(part) for part in _parts(value) if part)
    tests = [None if is_universal(group) else _like(group) for group in groups]
    return lambda value: all(test is None or test(part) for part, test in zip(_parts(value), tests, strict=False))


def _parts(value: object) -> list[str]:
    """Return the three component groups of a name, or a text in place of one."""
    if not isinstance(value, dict):
        value = {} if value is None else {_GROUPS[0]: str(value)}
    found = [value.get(group) for group in _GROUPS]
    return [part.strip(" ").rstrip("^ ").casefold() if isinstance(part, str) else "" for part in found]


def _values(element: Any) -> Values:
    """Return the values of an element, raw at the root and decoded within a sequence."""
    decoded = element if element is None or isinstance(element, dict) else _decode(element)
    values = decoded.get("Value") if isinstance(decoded, dict) else None
    return values if isinstance(values, list) else []


def _texts(values: Values) -> list[str]:
    """Return values as text; of a name without any component group nothing is left."""
    return [
        "".join(_parts(value)) if isinstance(value, dict) and not _is_item(value) else str(value).strip(" \0")
        for value in values
        if value is not None and value != {}
    ]


def _is_item(value: dict[str, Any]) -> bool:
    return not value.keys() <= set(_GROUPS)


def _like(wanted: str) -> Callable[[str], bool]:
    """Match ``*`` and ``?`` piece by piece, leftmost first: never slower than the product of the lengths."""
    first, *rest = wanted.split("*")
    if not rest:
        return lambda found: len(found) == len(first) and _fits(found, first, 0)
    *inner, last = rest

    def like(found: str) -> bool:
        end = len(found) - len(last)
        if end < len(first) or not _fits(found, first, 0) or not _fits(found, last, end):
            return False
        at = len(first)
        for piece in inner:
            begin = _find(found, piece, at, end)
            if begin < 0:
                return False
            at = begin + len(piece)
        return True

    return like


def _find(found: str, piece: str, at: int, end: int) -> int:
    """Return the first place from ``at`` on where a piece stands that ends before ``end``, or -1."""
    if "?" not in piece:
        return found.find(piece, at, end)
    return next((begin for begin in range(at, end - len(piece) + 1) if _fits(found, piece, begin)), -1)


def _fits(found: str, piece: str, at: int) -> bool:
    if "?" not in piece:
        return found.startswith(piece, at)
    return all(wanted in ("?", char) for wanted, char in zip(piece, found[at : at + len(piece)], strict=True))
