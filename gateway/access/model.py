"""Who asks and what they may do: roles on places, which are worklists, uplinks and the gateway itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

__all__ = ["ANONYMOUS", "EVERYONE", "GATEWAY", "Method", "Principal", "Role", "uplink_place", "worklist_place"]

GATEWAY: Final = "gateway"
"""The place of what belongs to no worklist and no uplink."""


class Role(StrEnum):
    """What one may do at a place."""

    VIEW = "view"
    """Search, metadata, frames, bulk data, pictures, and one instance at a time: what a viewer needs."""
    DOWNLOAD = "download"
    """Whole series and studies as objects, also zipped."""
    STORE = "store"
    UPLINK = "uplink"
    """Begin, follow and cancel one's own jobs."""
    SHARE = "share"
    """Share what an uplink stores, and end that."""
    MANAGE = "manage"
    """The jobs and shares of everybody; at the gateway: its metrics."""
    IDENTIFIED = "identified"
    """Needed besides all others where identified data pass."""
    METRICS = "metrics"
    """The gateway's metrics and nothing else."""


class Method(StrEnum):
    """How somebody was recognized."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 a way to log in, not a secret
    KEY = "key"
    PROXY = "proxy"


def worklist_place(name: str) -> str:
    """Return the place of a worklist."""
    return f"worklist:{name}"


def uplink_place(name: str) -> str:
    """Return the place of an uplink."""
    return f"uplink:{name}"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, with what the settings allow them.

    ``name`` is what audit calls them (subject and issuer, name of a key), never a token. ``rights`` are roles by place;
    ``everywhere`` are roles at every place. ``expires`` is a time in seconds since 1970, None for never. ``user`` is
    what rules call them: subject, user of the proxy, or name of the key; ``claims`` are those of their token.
    """

    name: str
    method: Method
    rights: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    everywhere: frozenset[Role] = frozenset()
    expires: float | None = None
    user: str = ""
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def roles(self, place: str) -> frozenset[Role]:
        """Return what they may do at a place."""
        return self.rights.get(place, frozenset()) | self.everywhere


ANONYMOUS: Final = Principal("", Method.NONE)
"""Who shows no credentials, where settings allow nothing without."""
EVERYONE: Final = Principal("", Method.NONE, everywhere=frozenset(Role))
"""Who asks a gateway without ``access`` settings."""
