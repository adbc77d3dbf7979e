"""Routes of one service without what Starlette's own cost per request and per piece of a body."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


class Doors(BaseRoute):
    """The routes of the service at ``base``, found by the names in a path instead of tried one by one.

    Names and values take turns in a path: ``/studies/{study}/series/{series}/metadata``.
    """

    def __init__(self, base: str, routes: Iterable[Route]) -> None:
        self._base = base
        self._routes = {_names(route.path.removeprefix(base)): route for route in routes}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether there is a route for a request, and which."""
        path = scope["path"] if scope["type"] == "http" else ""
        route = self._routes.get(_names(path[len(self._base) :])) if path.startswith(self._base) else None
        if route is None:
            return Match.NONE, {}
        match, found = route.matches(scope)
        return match, {**found, "route": route}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by the route that was found for it."""
        await scope["route"].handle(scope, receive, send)


def _names(path: str) -> tuple[int, tuple[str, ...]]:
    parts = path.split("/")
    return len(parts), tuple(parts[1::2])
