"""Search parameters (PS3.18 Section 8.3.4): what the client asks.

What is no parameter of the standard is ignored, and said to be; a parameter of the standard with a bad value is an
error that names it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.core.errors import BadRequest
from gateway.core.rewrite.keys import (
    EMPTY,
    INSTANCE_UID,
    ISSUER,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    RETRIEVE_URL,
    SERIES_UID,
    SOP_CLASS,
    STUDY_UID,
    Key,
    is_universal,
)
from gateway.core.rewrite.matching import ANY_VALUE, Criterion, Rules, criteria, split_list
from gateway.core.rewrite.moments import MOMENT_VRS, require_moment
from gateway.core.standard import dictionary
from gateway.core.standard.levels import Level, level_of
from gateway.core.standard.tags import is_private, is_private_creator, json_key, parse_tag
from gateway.core.wire.elements import MAX_DEPTH

__all__ = [
    "INSTANCE_UID",
    "ISSUER",
    "MODALITIES_IN_STUDY",
    "PATIENT_ID",
    "RETRIEVE_URL",
    "SERIES_UID",
    "SOP_CLASS",
    "STUDY_UID",
    "Key",
    "Level",
    "Search",
    "parse_search",
]

MAX_OFFSET: Final = 1_000_000
MAX_PARAMETERS: Final = 200
MAX_LISTED, MAX_LISTED_IN_ALL = 200, 400
"""Values of one key, and of all keys together: every result is compared with each of them."""
_FLAGS: Final = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_NEGOTIATED: Final = frozenset({"accept", "charset"})
"""Query parameters of every transaction (PS3.18 Section 8.3.3), read elsewhere."""
_NOT_MATCHED: Final = frozenset({0x00080005, 0x00080201})
"""Character set and timezone of a request are never matched (PS3.4 Section C.2.2.2); both are ours to choose."""
_KEYWORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed query. ``is_fuzzy`` and ``ignores`` say that something was asked for that is not done."""

    level: Level
    keys: tuple[Key, ...] = ()
    include: tuple[int, ...] = ()
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    rules: Rules = ANY_VALUE
    is_fuzzy: bool = False
    ignores: bool = False
    criteria: tuple[Criterion, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the conditions ready; keys that match everything set none."""
        asked = [key for key in self.keys if not is_universal(key.value)]
        object.__setattr__(self, "criteria", criteria(asked, self.rules))

    def accepts(self, elements: Mapping[str, bytes]) -> bool:
        """Say whether a released result matches every key."""
        return all(one.holds(elements) for one in self.criteria)

    def key(self, tag: int) -> Key | None:
        """Return the key on one attribute of the result itself, unless it matches everything."""
        return next((key for key in self.keys if key.is_plain and key.tag == tag and not is_universal(key.value)), None)

    def value(self, tag: int) -> str | None:
        """Return its value."""
        key = self.key(tag)
        return None if key is None else key.value


def parse_search(parameters: Iterable[tuple[str, str]], level: Level) -> Search:
    """Parse decoded query parameters. Raises BadRequest, which names the parameter but no value."""
    pairs = list(parameters)
    if len(pairs) > MAX_PARAMETERS:
        raise BadRequest(f"more than {MAX_PARAMETERS} parameters")
    fields = [value for name, value in pairs if name == "includefield"]
    single: dict[str, str] = {}
    asked: dict[tuple[int, ...], tuple[str, str]] = {}
    ignores = False
    for name, value in pairs:
        if name in ("limit", "offset", *_FLAGS):
            _once(name, single)
            single[name] = value
        elif name not in ("includefield", *_NEGOTIATED):
            path = _path(name)
            if path is None:
                ignores = True
            elif path in asked:
                raise BadRequest(f"{name} is given twice")
            else:
                asked[path] = name, value
    flags = {name: _flag(name, single.get(name, "false")) for name in _FLAGS}
    rules = Rules(flags["emptyvaluematching"], flags["multiplevaluematching"])
    include, include_all = _fields(fields)
    return Search(
        level,
        tuple(_keys(asked, level, rules)),
        include,
        include_all,
        _count("limit", single["limit"]) or None if "limit" in single else None,
        _count("offset", single.get("offset", "0")),
        rules,
        flags["fuzzymatching"],
        ignores or any(path[0] in _NOT_MATCHED and value for path, (_, value) in asked.items()),
    )


def _once(name: str, seen: Mapping[str, str]) -> None:
    if name in seen:
        raise BadRequest(f"{name} is given twice")


def _flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise BadRequest(f"{name} is true or false")
    return value == "true"


def _count(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 10 or int(value) > MAX_OFFSET:
        raise BadRequest(f"{name} is a number from 0 to {MAX_OFFSET}")
    return int(value)


def _fields(values: Iterable[str]) -> tuple[tuple[int, ...], bool]:
    """Read ``includefield``: of a path, the sequence that it begins with comes back whole."""
    found: dict[int, None] = {}
    include_all = False
    for part in (part.strip() for value in values for part in value.split(",")):
        path = _path(part)
        if part == "all":
            include_all = True
        elif path is None:
            raise BadRequest("includefield must name attributes, by keyword or tag")
        else:
            found[path[0]] = None
    return tuple(found), include_all


def _path(name: str) -> tuple[int, ...] | None:
    """Return the tags that a name like ``a.b`` stands for; None when it is no attribute."""
    parts = name.split(".")
    if not name:
        raise BadRequest("a parameter has no name")
    if len(parts) > MAX_DEPTH:
        raise BadRequest(f"a key in more than {MAX_DEPTH} sequences")
    tags = [_tag(part) for part in parts]
    return None if None in tags else tuple(tag for tag in tags if tag is not None)


def _tag(name: str) -> int | None:
    tag = dictionary.tag_of(name) if _KEYWORD.fullmatch(name) else None
    if tag is not None:
        return tag
    try:
        return parse_tag(name)
    except ValueError:
        return None


def _keys(asked: Mapping[tuple[int, ...], tuple[str, str]], level: Level, rules: Rules) -> Iterable[Key]:
    listed = 0
    for path, (name, value) in asked.items():
        *within, tag = path
        if path[0] in _NOT_MATCHED:
            continue
        if level_of(path[0]) > level:
            raise BadRequest(f"{name} does not belong to the {level.name.lower()} level")
        if any(dictionary.vr_of(sequence) != "SQ" for sequence in within if not is_private(sequence)):
            raise BadRequest(f"{name} does not lie in a sequence")
        creator = _creator(name, path, asked)
        vr = dictionary.vr_of(tag) or (dictionary.private_vr(tag & 0xFFFF00FF, creator) if creator else None) or "LO"
        if vr == "SQ" and not is_universal(value):
            raise BadRequest(f"{name} is a sequence; its keys are written {name}.Attribute")
        if vr in MOMENT_VRS and not (rules.empty_values and value == EMPTY):
            require_moment(vr, name, value)
        values = len(set(split_list(vr, value)))
        if values > MAX_LISTED:
            raise BadRequest(f"{name} lists more than {MAX_LISTED} values")
        listed += values if values > 1 else 0
        if listed > MAX_LISTED_IN_ALL:
            raise BadRequest(f"the keys list more than {MAX_LISTED_IN_ALL} values")
        yield Key(tag, vr, value, tuple(within), creator)


def _creator(name: str, path: tuple[int, ...], asked: Mapping[tuple[int, ...], tuple[str, str]]) -> str:
    """Return the creator that a private attribute comes with as another key (PS3.18 Section 8.3.4.1)."""
    tag = path[-1]
    if any(is_private(sequence) for sequence in path[:-1]):
        raise BadRequest(f"{name} lies in a private sequence")
    if not is_private(tag) or is_private_creator(tag):
        return ""
    creator = tag & 0xFFFF0000 | tag >> 8 & 0xFF
    _, value = asked.get((*path[:-1], creator), ("", ""))
    if not value or not is_private_creator(creator):
        raise BadRequest(f"{name} is private and needs the key of its creator beside it: {json_key(creator)}")
    return value
