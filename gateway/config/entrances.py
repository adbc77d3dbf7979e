"""One URL for several audiences: rules over the file as written, and the settings made of them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.access.entrances import Choice, Entrance
from gateway.config import schema
from gateway.config.draft import Draft, Place, Rule, mapping, name_problem, sequence, text
from gateway.config.paths import base_path, wado_path
from gateway.core.errors import ConfigFault
from gateway.core.marked_yaml import nearest

__all__ = ["RULES", "make_entrance", "warnings"]

CONDITIONS: Final = ("host", "groups", "claims", "header")

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NO_AUDIENCE: Final = frozenset({"authorization", "x-api-key", "cookie", "host"})


def _choices(draft: Draft) -> Iterator[tuple[Place, list[tuple[Place, Mapping[str, Any]]]]]:
    for place, _, entry in draft.entries("entrances"):
        listed = enumerate(sequence(entry, "choose"))
        yield place, [((*place, "choose", index), one) for index, one in listed if isinstance(one, Mapping)]


def _names(draft: Draft) -> Iterator[ConfigFault]:
    worklists = mapping(draft.data, "worklists")
    for place, name, entry in draft.entries("entrances"):
        if problem := name_problem(name):
            yield draft.document.fault(place, problem)
        elif name in worklists:
            yield draft.document.fault(place, "a worklist has this name")
        if entry.get("choose") == []:
            yield draft.document.fault((*place, "choose"), "leads nowhere")
    for _, choices in _choices(draft):
        for place, one in choices:
            wanted = text(one, "worklist")
            if wanted is not None and wanted not in worklists:
                what = f'no worklist named "{wanted}"' + nearest(wanted, list(worklists))
                yield draft.document.fault((*place, "worklist"), what)


def _conditions(draft: Draft) -> Iterator[ConfigFault]:
    for _, choices in _choices(draft):
        for place, one in choices:
            for key in CONDITIONS:
                if one.get(key) in ("", [], {}):
                    yield draft.document.fault((*place, key), "is empty; leave it out to ask for nothing")
            host = text(one, "host")
            if host and not _HOST.fullmatch(host):
                yield draft.document.fault((*place, "host"), "should be the name of a host in small letters, no port")
            for name in mapping(one, "header"):
                if not _HEADER.fullmatch(name) or name.lower() in _NO_AUDIENCE:
                    yield draft.document.fault((*place, "header", name), "not a header that can name an audience")


def _logins(draft: Draft) -> Iterator[ConfigFault]:
    """Find what only those who log in can have, where nobody does."""
    access = mapping(draft.data, "access")
    needed = {"groups": ("oidc", "proxy"), "claims": ("oidc",)}
    for _, choices in _choices(draft):
        for place, one in choices:
            for key, kinds in needed.items():
                if one.get(key) and not any(access.get(kind) for kind in kinds):
                    what = f"fits nobody without {' or '.join(kinds)} in access"
                    yield draft.document.fault((*place, key), what)


def _unreached(draft: Draft) -> Iterator[ConfigFault]:
    for _, choices in _choices(draft):
        seen: list[Mapping[str, Any]] = []
        for place, one in choices:
            asked = {key: one[key] for key in CONDITIONS if key in one}
            if any(earlier.items() <= asked.items() for earlier in seen):
                yield draft.document.fault(place, "is never reached: one above it fits whenever this does")
            seen.append(asked)


RULES: tuple[Rule, ...] = (_names, _conditions, _logins, _unreached)


def warnings(draft: Draft) -> Iterator[ConfigFault]:
    """Say what works but may not be meant so."""
    for place, choices in _choices(draft):
        if "public_url" in draft.data and any("host" in one for _, one in choices):
            what = "what it hands out leads back to the host that was asked for, not to public_url's"
            yield draft.document.fault(place, what)


def make_entrance(name: str, entrance: schema.Entrance) -> Entrance:
    """Make the settings of an entrance that the rules found sound."""
    base = base_path(name, entrance.path, "entrances")
    return Entrance(name, base, wado_path(base), tuple(_choice(one) for one in entrance.choose))


def _choice(one: schema.Choice) -> Choice:
    claims = {path: frozenset([value] if isinstance(value, str) else value) for path, value in one.claims.items()}
    return Choice(one.worklist, one.host, frozenset(one.groups), claims, dict(one.header))
