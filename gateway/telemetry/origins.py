"""An origin whose requests are counted, timed and traced: by its name in the settings, never by what is asked."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Final

from gateway.core.errors import OriginBusy, OriginFailed, OriginTimedOut
from gateway.ports import OriginAnswer, OriginServer
from gateway.telemetry.metrics import CLASSES, Metrics, status_class
from gateway.telemetry.requestid import following

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

__all__ = ["WatchedOrigin"]

_UNANSWERED: Final = ("busy", "timeout", "failed", "left")
"""Why there is no status: it turned us away, was silent, did not do its part, or nobody waited any more."""


class WatchedOrigin:
    """Passes everything on to an origin, and back."""

    def __init__(self, origin: OriginServer, name: str, metrics: Metrics, tracing: "Tracing | None" = None) -> None:
        self.name = name
        self.tracing = tracing
        self.seconds = metrics.origin_seconds.labels(name)
        self.requests = {kind: metrics.origin_requests.labels(name, kind) for kind in (*CLASSES, *_UNANSWERED)}
        self.broken = metrics.origin_broken.labels(name)
        self._origin = origin
        self._later = metrics.later
        self._all_open = metrics.open_requests
        self._all_open.setdefault(name, 0)

    def get(self, path: str, query: str = "", accept: str = "*/*") -> AbstractAsyncContextManager[OriginAnswer]:
        """Ask."""
        return _Watched(self, self._origin.get(path, query, accept))

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
        return _Watched(self, self._origin.post(path, content_type, body, accept, is_long=is_long))

    async def aclose(self) -> None:
        """Release connections."""
        await self._origin.aclose()

    def open(self, by: int) -> None:
        """Count requests that have not ended."""
        self._all_open[self.name] += by

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer, from when its head is there."""
        self._later(self.seconds.observe, seconds)
        self._later(self.requests[status_class(status)].inc)


class _Watched(AbstractAsyncContextManager[OriginAnswer]):
    """One request: counted as open while it is, timed and traced until the head of its answer is there."""

    __slots__ = ("_opening", "_origin")

    def __init__(self, origin: WatchedOrigin, opening: AbstractAsyncContextManager[OriginAnswer]) -> None:
        self._origin = origin
        self._opening = opening

    async def __aenter__(self) -> OriginAnswer:
        origin = self._origin
        origin.open(1)
        began = perf_counter()
        try:
            answer = await (self._opening.__aenter__() if origin.tracing is None else self._traced(origin.tracing))
        except BaseException as error:
            origin.open(-1)
            origin.requests[_outcome(error)].inc()
            raise
        origin.answered(answer.status, perf_counter() - began)
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._origin.open(-1)
        if isinstance(error, OriginFailed):
            self._origin.broken.inc()
        return await self._opening.__aexit__(kind, error, trace)

    async def _traced(self, tracing: "Tracing") -> OriginAnswer:
        asked = tracing.asks(self._origin.name)
        status = 0
        try:
            with following(asked.trail):
                answer = await self._opening.__aenter__()
            status = answer.status
        finally:
            asked.end(status)
        return answer


def _outcome(error: BaseException) -> str:
    if isinstance(error, OriginBusy):
        return "busy"
    if isinstance(error, OriginTimedOut):
        return "timeout"
    return "failed" if isinstance(error, OriginFailed) else "left"
