"""The settings file as written, and how rules read it.

Rules read plain data: a key of the wrong type is the schema's fault to report, and a rule passes over it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.adapters.profile_files import ProfileFiles
from gateway.config.sources import SecretReader
from gateway.core.errors import ConfigFault
from gateway.core.marked_yaml import Document, nearest
from gateway.core.marked_yaml import Path as Place
from gateway.core.mask.model import Policy
from gateway.screening.extra import missing

__all__ = [
    "Draft",
    "Place",
    "Rule",
    "domain_problem",
    "is_true",
    "mapping",
    "name_problem",
    "origin_problem",
    "profile_problem",
    "sequence",
    "stores_nothing",
    "text",
    "url_problem",
]

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_DOMAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Draft:
    """The file as written, and what is needed to judge it."""

    document: Document
    folder: Path
    secrets: SecretReader
    profiles: ProfileFiles

    @property
    def data(self) -> Mapping[str, Any]:
        """Return the whole file."""
        return self.document.data

    def entries(self, key: str) -> Iterator[tuple[Place, str, Mapping[str, Any]]]:
        """Yield path, name and content of each entry of ``origins``, ``worklists`` or ``uplinks``."""
        for name, entry in mapping(self.data, key).items():
            if isinstance(entry, Mapping):
                yield (key, name), name, entry


Rule = Callable[[Draft], Iterator[ConfigFault]]


def mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return what stands at a key, or nothing when that is no mapping."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def sequence(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    """Return what stands at a key, or nothing when that is no list."""
    value = data.get(key)
    return value if isinstance(value, list) else ()


def text(data: Mapping[str, Any], key: str) -> str | None:
    """Return what stands at a key, or None when that is no text."""
    value = data.get(key)
    return value if isinstance(value, str) else None


def name_problem(name: str) -> str | None:
    """Say what is wrong with a name that becomes part of a path."""
    return None if _NAME.fullmatch(name) else "a name holds a-z, 0-9 and - only"


def domain_problem(domain: str) -> str | None:
    """Say what is wrong with the name of a domain of pseudonyms."""
    return None if _DOMAIN.fullmatch(domain) else "a domain holds A-Z, a-z, 0-9, dot, - and _ only"


def origin_problem(draft: Draft, name: str) -> str | None:
    """Say that there is no such origin."""
    origins = mapping(draft.data, "origins")
    return None if name in origins else f'no origin named "{name}"' + nearest(name, list(origins))


_TRUE = frozenset({"true", "yes", "on", "y", "t", "1"})


def is_true(data: Mapping[str, Any], key: str) -> bool:
    """Say whether the schema will read what stands at a key as true."""
    return (text(data, key) or "").strip().lower() in _TRUE


def stores_nothing(draft: Draft, origin: str) -> bool:
    """Say whether an origin is a folder that is only read."""
    entry = mapping(mapping(draft.data, "origins"), origin)
    return "folder" in entry and not is_true(entry, "writable")


def profile_problem(draft: Draft, name: str) -> str | None:
    """Say that no such profile can be used here; its own faults are told elsewhere."""
    profile = draft.profiles.get(name)
    if name not in draft.profiles.names:
        return f'no profile named "{name}"' + nearest(name, draft.profiles.names)
    if profile is None:
        return None
    if not profile.enabled:
        return f'profile "{name}" says enabled: false'
    screens = profile.masks is not None and profile.masks.policy in (Policy.SCREEN, Policy.MASK_OR_SCREEN)
    lacking = missing() if screens else ""
    return f'profile "{name}" wants text in pictures searched for, and {lacking}' if lacking else None


def url_problem(url: str) -> str | None:
    """Say what is wrong with a URL, without any of it: it may hold a secret."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "should be a URL in ASCII"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        return "should be an http or https URL"
    if parts.username is not None or parts.password is not None:
        return "cannot hold a user name or password"
    if parts.query or parts.fragment:
        return "cannot hold a query or fragment"
    return None
