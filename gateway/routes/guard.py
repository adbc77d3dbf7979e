"""What a route demands of whoever calls it. Every route has a guard: one without cannot be made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.model import GATEWAY, Method, Role
from gateway.calls import Call, call_of
from gateway.core.errors import Forbidden, NotReleased, Unauthenticated

__all__ = ["Door", "Endpoint", "Guard", "login"]

_LEVELS: Final = ("study", "series", "instance")

Endpoint = Callable[[Request], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Guard:
    """One of ``roles`` at ``place``, and all of ``besides``; no ``roles``: everybody, logged in or not.

    ``transaction`` and ``profile`` are what a Call says of the route.
    """

    transaction: str
    roles: frozenset[Role] = frozenset()
    place: str = GATEWAY
    besides: frozenset[Role] = frozenset()
    profile: str = ""

    def enter(self, call: Call, path: dict[str, str]) -> None:
        """Let a call in, or raise Unauthenticated, NotReleased (nothing here is theirs) or Forbidden."""
        call.transaction, call.place, call.profile = self.transaction, self.place, self.profile
        call.released = tuple(path[level] for level in _LEVELS if level in path)
        call.admit = self.admit
        self.admit(call)
        call.is_let_in = True

    def admit(self, call: Call) -> None:
        """Look at roles and at nothing else; raises as ``enter`` does."""
        if not self.roles:
            return
        own = call.principal.roles(self.place)
        if self.roles & own and self.besides <= own:
            return
        if call.principal.method is Method.NONE:
            raise login()
        if not own:
            raise NotReleased("nothing here is theirs")
        raise Forbidden(f"This needs the role {_in_words(self.roles, self.besides)}.")

    def show(self, call: Call) -> None:
        """Let whoever has any role here know that there is something; raises Unauthenticated or NotReleased."""
        if not self.roles or call.principal.roles(self.place):
            return
        call.transaction, call.place = self.transaction, self.place  # for the record
        raise login() if call.principal.method is Method.NONE else NotReleased("nothing here is theirs")

    def over(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint that asks for more than its resource does: for a representation that shows more."""

        async def answer(request: Request) -> ASGIApp:
            self.admit(call_of(request.scope))
            return await endpoint(request)

        return answer


def _in_words(roles: frozenset[Role], besides: frozenset[Role]) -> str:
    return " and ".join([" or ".join(sorted(roles)), *sorted(besides)])


def login() -> Unauthenticated:
    """Return what asks for credentials."""
    return Unauthenticated("This needs credentials.")


class Door(Route):
    """A guarded route that leaves errors to what is around all routes; Starlette's own look at every message for them.

    ``endpoint`` takes a request and returns an answer. There is one guard for all methods, or one for each.
    """

    def __init__(
        self, path: str, endpoint: Endpoint, guard: Guard | Mapping[str, Guard], methods: Sequence[str] = ("GET",)
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.guards = dict.fromkeys(methods, guard) if isinstance(guard, Guard) else dict(guard)
        if "GET" in self.guards:
            self.guards["HEAD"] = self.guards["GET"]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that matches."""
        call = call_of(scope)
        if scope["method"] not in self.guards:
            next(iter(self.guards.values())).show(call)
            await super().handle(scope, receive, send)
            return
        self.guards[scope["method"]].enter(call, scope["path_params"])
        for watcher in call.watchers:
            watcher.entered(call)
        answer = await self.endpoint(Request(scope, receive, send))
        await answer(scope, receive, send)
