"""An OTLP/HTTP receiver: keeps the spans that come, or refuses them, or never answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class Collector:
    """What it was sent, and how it behaves."""

    endpoint: str = ""
    paths: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    status: int = 200
    hangs: bool = False
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def spans(self) -> list[Span]:
        """Decode all spans, in the order in which they ended."""
        return [
            span
            for body in self.raw
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run one on a free port of loopback."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.paths.append(self.path)
            if collector.hangs:
                collector.let_go.wait(30)
            if collector.status == 200:
                collector.raw.append(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    collector.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        collector.let_go.set()
        server.shutdown()
        serving.join()
        server.server_close()


def attributes(span: Span) -> dict[str, str | int]:
    """Give the attributes of a span."""
    return {
        one.key: one.value.int_value if one.value.HasField("int_value") else one.value.string_value
        for one in span.attributes
    }
