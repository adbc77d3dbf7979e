"""The only loop that moves bytes to the client: before the first byte a fault is a problem, after it an abort."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.calls import DEPARTURE, Departure, call_of
from gateway.core.errors import GatewayError
from gateway.routes.conditions import condition
from gateway.routes.headers import OURS
from gateway.routes.problems import PRECONDITION_FAILED, problem, problem_response

log = logging.getLogger("dicomveil.exchange")

_OF_BODIES = (b"content-length", b"transfer-encoding")


@dataclass(slots=True)
class Outcome:
    """What the body's maker knows of it when its first byte leaves; later is too late.

    ``tag`` is the entity tag of a body that is known as a whole by then.
    """

    is_partial: bool = False
    tag: str = ""


class WhileClientStays:
    """Ends what is under way for a client that has left, the search behind a path as well as the body that follows.

    Only where nothing is read from the client but its head: the watch takes what else it sends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; when the client leaves, even while the origin is silent, stop."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(asyncio.current_task())
        departure: Departure | None = None if _has_body(scope) else scope.get(DEPARTURE)
        if departure is None:
            left = asyncio.ensure_future(_client_left(receive))
            left.add_done_callback(lambda _: exchange.leave())
        else:
            departure.add(exchange.leave)
        try:
            if departure is not None and departure.has_come:
                await asyncio.sleep(0)  # which is cancelled
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not exchange.has_left or exchange.task is None:
                raise
            exchange.task.uncancel()  # the client's doing: nobody waits for an end
        finally:
            exchange.is_over = True
            if departure is None:
                left.cancel()
            else:
                departure.discard(exchange.leave)


class _Exchange:
    """What ends when its client leaves."""

    __slots__ = ("has_left", "is_over", "task")

    def __init__(self, task: asyncio.Task[None] | None) -> None:
        self.task = task
        self.has_left = self.is_over = False

    def leave(self) -> None:
        if self.task is not None and not self.is_over:
            self.has_left = True
            self.task.cancel()


class Streamed:
    """An ASGI answer whose body comes from an iterator: nothing is sent before its first chunk is there.

    A fault after that ends the connection in mid-body: a short answer must look broken. The iterator is closed in any
    case, and with it the exchange with the origin.
    """

    def __init__(
        self,
        body: AsyncIterator[bytes] | AsyncIterator[bytes | memoryview],
        media_type: str,
        headers: dict[str, str] | None = None,
        *,
        empty: int = 200,
        outcome: Outcome | None = None,
    ) -> None:
        self._body = body
        self._empty = empty
        self._headers = {"content-type": media_type} | OURS | (headers or {})
        self._outcome = outcome or Outcome()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._answer(scope, receive, send)
        finally:
            close = getattr(self._body, "aclose", None)
            if close is not None:
                await close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            first = await anext(self._body, None)
        except GatewayError as fault:
            call_of(scope).fault = type(fault).__name__
            await problem(fault)(scope, receive, send)
            return
        if first is None:
            await send({"type": "http.response.start", "status": self._empty, "headers": _encoded(OURS)})
            await send({"type": "http.response.body"})
            return
        status = condition(scope, self._outcome.tag) or (206 if self._outcome.is_partial else 200)
        if status == 412:
            await problem_response(PRECONDITION_FAILED)(scope, receive, send)
            return
        await send(self._start(status))
        if scope["method"] == "HEAD" or status == 304:
            await send({"type": "http.response.body"})
            return
        await send({"type": "http.response.body", "body": first, "more_body": True})
        try:
            async for chunk in self._body:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except GatewayError as fault:
            call_of(scope).fault = type(fault).__name__
            log.warning("aborted after the first byte: %s: %s", type(fault).__name__, fault)
            return  # without an end: the server closes the connection
        await send({"type": "http.response.body"})

    def _start(self, status: int) -> Message:
        headers = OURS if status == 304 else self._headers
        if self._outcome.tag:
            headers = headers | {"etag": self._outcome.tag}
        return {"type": "http.response.start", "status": status, "headers": _encoded(headers)}


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def _has_body(scope: Scope) -> bool:
    """Say whether the client sends more than a head, which has to be taken for its connection to get on."""
    return any(name in _OF_BODIES for name, _ in scope["headers"])


async def _client_left(receive: Receive) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass
