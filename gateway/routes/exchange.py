"""The only loop that moves bytes to the client: before the first byte a fault is a problem, after it an abort."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.types import Message, Receive, Scope, Send

from gateway.core.errors import GatewayError
from gateway.routes.problems import problem

log = logging.getLogger("dicomveil.exchange")


class Streamed:
    """An ASGI answer whose body comes from an iterator: nothing is sent before its first chunk is there.

    A fault after that ends the connection in mid-body: a short answer must look broken. When the client leaves, the
    iterator is closed, and with it the exchange with the origin.
    """

    def __init__(
        self,
        body: AsyncIterator[bytes] | AsyncIterator[bytes | memoryview],
        media_type: str,
        headers: dict[str, str] | None = None,
        *,
        empty: int = 200,
    ) -> None:
        self._body = body
        self._empty = empty
        self._headers = {"content-type": media_type, "cache-control": "private, no-store"} | (headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; when the client leaves, even while the origin is silent, stop."""
        exchange = asyncio.current_task()
        left = asyncio.ensure_future(_client_left(receive))
        done = False

        def stop(_left: "asyncio.Future[None]") -> None:
            if exchange is not None and not done:
                exchange.cancel()

        left.add_done_callback(stop)
        try:
            await self._answer(scope, receive, send)
        except asyncio.CancelledError:
            if not left.done() or exchange is None:
                raise
            exchange.uncancel()  # the client's doing: nobody waits for an end
        finally:
            done = True
            left.cancel()
            close = getattr(self._body, "aclose", None)
            if close is not None:
                await close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            first = await anext(self._body, None)
        except GatewayError as fault:
            await problem(fault)(scope, receive, send)
            return
        if first is None:
            await send({"type": "http.response.start", "status": self._empty, "headers": []})
            await send({"type": "http.response.body"})
            return
        await send(self._start())
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        await send({"type": "http.response.body", "body": first, "more_body": True})
        try:
            async for chunk in self._body:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except GatewayError as fault:
            log.warning("aborted after the first byte: %s: %s", type(fault).__name__, fault)
            return  # without an end: the server closes the connection
        await send({"type": "http.response.body"})

    def _start(self) -> Message:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in self._headers.items()]
        return {"type": "http.response.start", "status": 200, "headers": headers}


async def _client_left(receive: Receive) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass
