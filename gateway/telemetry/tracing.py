"""Traces by OpenTelemetry: a span for each exchange, and one for each request to an origin. Needs the extra.

A span holds what the metrics hold, and nothing else: no path, no UID, no exception's message. Spans are sent from a
thread of their own; what a collector does not take in time is dropped, and no exchange waits for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from anyio import move_on_after
from anyio.to_thread import run_sync
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway import __version__
from gateway.calls import Call, Watcher
from gateway.telemetry import requestid
from gateway.telemetry.requestid import Trail

__all__ = ["Asked", "Tracing"]

PATH: Final = "/v1/traces"
EXPORT_S: Final = 2.0
CLOSE_S: Final = 5.0
"""How long the end of an application waits for spans to be taken."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The span of one request to an origin; ``trail`` is what the request carries."""

    span: Span
    trail: Trail

    def end(self, status: int = 0) -> None:
        """End it; ``status`` 0: there was no answer."""
        _conclude(self.span, status, failed=not 0 < status < 500)


class Tracing(Watcher):
    """Sends spans to a collector; of traces that begin here ``ratio`` are kept, the others as their caller decided."""

    def __init__(self, endpoint: str, ratio: float = 1.0) -> None:
        self._exporter = OTLPSpanExporter(endpoint.rstrip("/") + PATH, timeout=EXPORT_S)
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({"service.name": "dicomveil", "service.version": __version__}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("dicomveil", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._spans: dict[int, Span] = {}

    def opened(self, call: Call, headers: Mapping[str, str]) -> None:  # noqa: ARG002 whom to believe is decided
        """Begin the span of an exchange, below the one that a trusted proxy named."""
        if not call.is_probe:
            span, trail = self._begun("exchange", SpanKind.SERVER)
            self._spans[id(call)] = span
            requestid.follow(trail)

    def ended(self, call: Call) -> None:
        """End its span."""
        span = self._spans.pop(id(call), None)
        if span is None:
            return
        if call.transaction:
            span.update_name(call.transaction)
        span.set_attributes(
            {
                "dicomveil.transaction": call.transaction,
                "dicomveil.place": call.place,
                "dicomveil.bytes": call.sent,
                "dicomveil.count": call.count,
            }
        )
        _conclude(span, call.status, failed=call.status >= 500 or not call.is_whole)

    def asks(self, origin: str) -> Asked:
        """Begin the span of a request to an origin, below the exchange that it is for."""
        span, trail = self._begun("origin", SpanKind.CLIENT)
        span.set_attribute("dicomveil.origin", origin)
        return Asked(span, trail)

    async def aclose(self) -> None:
        """Send what is left, if the collector takes it in time."""
        with move_on_after(CLOSE_S) as waiting:
            await run_sync(self._provider.shutdown, abandon_on_cancel=True)
        if waiting.cancelled_caught:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _begun(self, name: str, kind: SpanKind) -> tuple[Span, Trail]:
        trail = requestid.current()
        parent = self._propagator.extract({requestid.TRACEPARENT: trail.traceparent}, Context())
        span = self._tracer.start_span(name, parent, kind)
        carried: dict[str, str] = {}
        self._propagator.inject(carried, set_span_in_context(span, Context()))
        return span, Trail(trail.id, carried.get(requestid.TRACEPARENT, ""))


def _conclude(span: Span, status: int, *, failed: bool) -> None:
    if status:
        span.set_attribute("http.response.status_code", status)
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end()
