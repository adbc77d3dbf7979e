"""An origin whose requests are counted, timed and traced: by its name in the settings, never by what is asked."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.core.errors import OriginBusy, OriginFailed, OriginTimedOut
from gateway.ports import OriginAnswer, OriginServer
from gateway.telemetry.metrics import Metrics, status_class
from gateway.telemetry.requestid import following

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Asked, Tracing

__all__ = ["WatchedOrigin"]


class WatchedOrigin:
    """Passes everything on to an origin, and back."""

    def __init__(self, origin: OriginServer, name: str, metrics: Metrics, tracing: "Tracing | None" = None) -> None:
        self._origin = origin
        self._name = name
        self._metrics = metrics
        self._tracing = tracing
        self._open = metrics.origin_open.labels(name)
        self._seconds = metrics.origin_seconds.labels(name)

    def get(self, path: str, query: str = "", accept: str = "*/*") -> AbstractAsyncContextManager[OriginAnswer]:
        """Ask."""
        return self._watched(self._origin.get(path, query, accept))

    def post(
        self,
        path: str,
        content_type: str,
        body: AsyncIterator[bytes | memoryview],
        accept: str = "*/*",
        *,
        is_long: bool = False,
    ) -> AbstractAsyncContextManager[OriginAnswer]:
        """Store."""
        return self._watched(self._origin.post(path, content_type, body, accept, is_long=is_long))

    async def aclose(self) -> None:
        """Release connections."""
        await self._origin.aclose()

    @asynccontextmanager
    async def _watched(self, opening: AbstractAsyncContextManager[OriginAnswer]) -> AsyncGenerator[OriginAnswer, None]:
        asked = self._tracing.asks(self._name) if self._tracing is not None else None
        self._open.inc()
        try:
            async with AsyncExitStack() as stack:
                answer = await self._answered(stack, opening, asked)
                try:
                    yield answer
                except OriginFailed:
                    self._metrics.origin_broken.labels(self._name).inc()
                    raise
        finally:
            self._open.dec()

    async def _answered(
        self, stack: AsyncExitStack, opening: AbstractAsyncContextManager[OriginAnswer], asked: "Asked | None"
    ) -> OriginAnswer:
        """Wait for the head of an answer; the span is that of the wait."""
        began = perf_counter()
        status, outcome = 0, "left"
        try:
            with following(asked.trail) if asked is not None else nullcontext():
                answer = await stack.enter_async_context(opening)
            self._seconds.observe(perf_counter() - began)
            status = answer.status
            outcome = status_class(status)
        except OriginFailed as fault:
            outcome = _outcome(fault)
            raise
        finally:
            self._metrics.origin_requests.labels(self._name, outcome).inc()
            if asked is not None:
                asked.end(status)
        return answer


def _outcome(fault: OriginFailed) -> str:
    if isinstance(fault, OriginBusy):
        return "busy"
    return "timeout" if isinstance(fault, OriginTimedOut) else "failed"
