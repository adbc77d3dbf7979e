"""Which paths worklists and entrances take: no service may answer for what is another's."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.config.draft import Draft, Place, text
from gateway.core.errors import ConfigFault

__all__ = ["base_path", "collisions", "wado_path"]

RESERVED_PATHS: Final = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/uplinks", "/shares")

_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def base_path(name: str, path: str | None, kind: str = "worklists") -> str:
    """Return the path of the DICOMweb service base of a worklist or an entrance."""
    return path or f"/{kind}/{name}/dicom-web"


def wado_path(base: str) -> str:
    """Return the path of the URI Service that stands beside the service base of an entrance."""
    return base.rpartition("/")[0] + "/wado"


def collisions(draft: Draft) -> Iterator[ConfigFault]:
    """Find paths that are none, and such that lie under another."""
    taken: list[tuple[str, str]] = [(path, "the gateway's own pages") for path in RESERVED_PATHS]
    for entry, name, path, kind in _served(draft):
        place = entry if path is None else (*entry, "path")
        if path is not None and not _PATH.fullmatch(path):
            yield draft.document.fault(place, "should start with / and not end with it, of letters, digits and -._~")
            continue
        base = base_path(name, path, kind)
        bases = [base, f"/worklists/{name}/wado" if kind == "worklists" else wado_path(base)]
        found = [(own, other, owner) for other, owner in taken for own in bases if _overlap(own, other)]
        if found:
            own, other, owner = found[0]
            yield draft.document.fault(place, f"its path {own} collides with {other} of {owner}")
        elif _overlap(*bases):
            yield draft.document.fault(place, f"its URI Service would be at {bases[1]}, too; end it otherwise")
        taken += [(one, name) for one in bases]


def _served(draft: Draft) -> Iterator[tuple[Place, str, str | None, str]]:
    for kind in ("worklists", "entrances"):
        for place, name, entry in draft.entries(kind):
            yield place, name, text(entry, "path"), kind


def _overlap(one: str, other: str) -> bool:
    """Say whether one path lies under the other: its routes would answer for the other's."""
    return (one + "/").startswith(other + "/") or (other + "/").startswith(one + "/")
