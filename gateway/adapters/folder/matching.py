"""Attribute matching of a search on DICOM JSON values (PS3.4 Section C.2.2.2, PS3.18 Section 8.3.4)."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gateway.adapters.folder.attributes import BINARY_VRS, Json
from gateway.core.standard.dictionary import tag_of, vr_of

Predicate = Callable[[Any], bool]

_TEXT_VRS = frozenset({"AE", "AS", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT", "PN"})
_NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
# A comma can be part of a name or a text, never of these.
_COMMA_LIST_VRS = frozenset({"AE", "CS", "IS", "LO", "SH", "UI"})

_MOMENT = {
    "DA": re.compile(r"\d{8}"),
    "TM": re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?"),
    "DT": re.compile(r"\d{4,14}(\.\d{1,6})?"),
}
_OFFSET = re.compile(r"(?<=\d)[+-]\d{4}(?=-|$)")
_PRECISION = 21  # YYYYMMDDHHMMSS.FFFFFF


class BadQueryError(Exception):
    """The search cannot be understood; the message holds no value."""


def attribute_path(name: str) -> tuple[str, ...]:
    """Return the tags of ``00100020``, ``PatientID`` or a dotted path of such; empty for what is no Attribute."""
    tags = []
    for part in name.split("."):
        if re.fullmatch(r"[0-9A-Fa-f]{8}", part):
            tags.append(part.upper())
        elif (tag := tag_of(part)) is not None:
            tags.append(f"{tag:08X}")
        else:
            return ()
    return tuple(tags)


def compile_match(path: Sequence[str], text: str) -> Callable[[Json], bool]:
    """Return whether a Data Set (DICOM JSON) matches a key. Raises BadQueryError for a value that is none of its VR."""
    if text in ("", "*"):
        return lambda _: True
    accepts = _predicate(_vr(path[-1]), text)
    return lambda data_set: any(accepts(value) for value in _walk(data_set, path))


def _walk(data_set: Json, path: Sequence[str]) -> Iterator[Any]:
    values = data_set.get(path[0], {}).get("Value", ())
    for value in values:
        if len(path) == 1:
            yield value
        elif isinstance(value, dict):
            yield from _walk(value, path[1:])


def _vr(tag: str) -> str:
    return vr_of(int(tag, 16)) or "LO"  # private: compared as the text it has in JSON


def _predicate(vr: str, text: str) -> Predicate:
    if vr in _MOMENT:
        return _moment(vr, text)
    if vr in BINARY_VRS or vr == "SQ":
        raise BadQueryError(f"no matching on VR {vr}")
    wanted = _alternatives(vr, text)
    if vr in _NUMBER_VRS:
        return _numbers(vr, wanted)
    if vr == "PN":
        return _names(wanted)
    if vr in _TEXT_VRS:
        patterns = [_pattern(one, 0) for one in wanted]
        return lambda value: any(pattern.fullmatch(str(value)) for pattern in patterns)
    return lambda value: str(value) in wanted


def _alternatives(vr: str, text: str) -> list[str]:
    parts = text.split("\\")
    if vr in _COMMA_LIST_VRS:
        parts += [part for one in parts if "," in one for part in one.split(",")]
    return [part.strip() for part in parts]


def _numbers(vr: str, wanted: Sequence[str]) -> Predicate:
    try:
        numbers = [float(one) for one in wanted if "," not in one]
    except ValueError:
        raise BadQueryError(f"not a number for VR {vr}") from None

    def accepts(value: Any) -> bool:
        return isinstance(value, int | float) and float(value) in numbers

    return accepts


def _names(wanted: Sequence[str]) -> Predicate:
    """Match any component group, or all of them joined, whatever the case (PS3.4 Section C.2.2.2.1.1)."""
    patterns = [_pattern(one.rstrip("^"), re.IGNORECASE) for one in wanted]

    def accepts(value: Any) -> bool:
        groups = [value.get(group, "").rstrip("^") for group in ("Alphabetic", "Ideographic", "Phonetic")]
        found = [*filter(None, groups), "=".join(groups).rstrip("=")]
        return any(pattern.fullmatch(text) for pattern in patterns for text in found)

    return accepts


def _pattern(text: str, flags: int) -> re.Pattern[str]:
    escaped = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", text))
    return re.compile("".join(escaped), flags | re.DOTALL)


def _moment(vr: str, text: str) -> Predicate:
    """A date or time, or a range of them; one that is less precise stands for all that begin with it."""
    low, dash, high = (_OFFSET.sub("", text) if vr == "DT" else text).partition("-")
    if not dash:
        high = low
    bounds = [one for one in (low, high) if one]
    if not bounds or not all(_MOMENT[vr].fullmatch(one) for one in bounds):
        raise BadQueryError(f"not a value or range of VR {vr}")
    first, last = low.ljust(_PRECISION, "0") if low else "", (high or "9").ljust(_PRECISION, "9")

    def accepts(value: Any) -> bool:
        return first <= _OFFSET.sub("", str(value)).ljust(_PRECISION, "0") <= last

    return accepts
