"""Entrances: one URL for several audiences, each led to a worklist by host, group, claim or header.

What a choice leads to is guarded as if it had been asked for by its own path, and answers the same but for URLs, which
stay below the entrance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from gateway.access.entrances import Entrance
from gateway.access.model import Method
from gateway.calls import call_of
from gateway.core.errors import NotReleased
from gateway.routes.guard import login
from gateway.routes.links import Entered, Links, enter

__all__ = ["EntranceRoute", "Target", "entrance_routes"]

NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Target:
    """The routes of a worklist, and where its two services are."""

    base_path: str
    wado_path: str
    routes: Sequence[BaseRoute]


def entrance_routes(
    entrances: Iterable[Entrance], targets: Mapping[str, Target], links: Links
) -> list["EntranceRoute"]:
    """Return the routes of entrances; ``targets`` are the worklists by name."""
    return [EntranceRoute(one, targets, links) for one in entrances]


class EntranceRoute(BaseRoute):
    """Hands a request to the routes of the worklist that it is for."""

    def __init__(self, entrance: Entrance, targets: Mapping[str, Target], links: Links) -> None:
        self._entrance = entrance
        self._targets = targets
        self._links = links

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request comes this way."""
        path, own = scope["path"] if scope["type"] == "http" else "", self._entrance
        is_ours = path in (own.path, own.wado_path) or path.startswith(own.path + "/")
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as the worklist does; raises Unauthenticated or NotReleased when it is for none."""
        target, path, entrance = self._target(scope), scope["path"], self._entrance
        path = target.wado_path if path == entrance.wado_path else target.base_path + path[len(entrance.path) :]
        inner = enter(scope, Entered(entrance.path, entrance.asks_host), path)
        for route in target.routes:
            match, found = route.matches(inner)
            if match is not Match.NONE:
                await route.handle({**inner, **found}, receive, send)
                return
        raise HTTPException(NOT_FOUND)

    def _target(self, scope: Scope) -> Target:
        who, headers = call_of(scope).principal, Headers(scope=scope)
        host = self._links.host(scope, headers) if self._entrance.asks_host else ""
        name = self._entrance.choose(who, host, headers.getlist)
        if name is not None:
            return self._targets[name]
        call_of(scope).place = f"entrance:{self._entrance.name}"  # for the record
        raise login() if who.method is Method.NONE and not who.everywhere else NotReleased("this leads nowhere")
