"""Traces, as a collector gets them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.telemetry import tracing
from tests.kit.archive import Archive, Row, reply
from tests.kit.collector import Collector, attributes, collecting
from tests.kit.inprocess import over, released

ROWS = [Row("1.2.3", "1.2.3.4", "1.2.3.4.5")]
BASE = "/worklists/research/dicom-web"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PROXIES = ["10.0.0.0/8"]
KNOWN = {
    "dicomveil.transaction", "dicomveil.place", "dicomveil.bytes", "dicomveil.count", "dicomveil.origin",
    "http.response.status_code",
}  # fmt: skip


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


async def asked(
    folder: Path, collector: Collector, archive: Archive, *paths: str, ratio: float = 1, **headers: str
) -> None:
    settings = {"endpoint": collector.endpoint, "ratio": ratio}
    async with over(archive, folder, tracing=settings, trusted_proxies=PROXIES) as gateway:
        for path in paths:
            await gateway.ask(path, **headers)


def kinds(collector: Collector) -> tuple[list[Span], list[Span]]:
    spans = collector.spans
    return [[one for one in spans if one.kind == kind] for kind in (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)]  # type: ignore[return-value]


async def test_an_exchange_is_a_span_and_what_is_asked_for_it_lies_below(tmp_path: Path, collector: Collector) -> None:
    archive = Archive(ROWS)
    await asked(tmp_path, collector, archive, f"{BASE}/studies")
    (exchange,), requests = kinds(collector)
    assert set(collector.paths) == {"/v1/traces"}
    assert exchange.name == "SearchForStudies"
    assert not exchange.parent_span_id
    told = attributes(exchange)
    assert told.pop("dicomveil.bytes")
    assert told == {
        "dicomveil.transaction": "SearchForStudies",
        "dicomveil.place": "worklist:research",
        "dicomveil.count": 1,
        "http.response.status_code": 200,
    }
    assert requests
    for one in requests:
        assert (one.trace_id, one.parent_span_id) == (exchange.trace_id, exchange.span_id)
        assert attributes(one) == {"dicomveil.origin": "archive", "http.response.status_code": 200}
    carried = {one.headers["traceparent"][:-2] for one in archive.asked}
    assert carried == {f"00-{one.trace_id.hex()}-{one.span_id.hex()}-" for one in requests}


async def test_a_trusted_proxys_trace_goes_on(tmp_path: Path, collector: Collector) -> None:
    await asked(tmp_path, collector, Archive(ROWS), f"{BASE}/studies", traceparent=f"00-{TRACE}-{SPAN}-01")
    (exchange,), _ = kinds(collector)
    assert (exchange.trace_id.hex(), exchange.parent_span_id.hex()) == (TRACE, SPAN)


async def test_what_the_proxy_does_not_sample_is_not_sent(tmp_path: Path, collector: Collector) -> None:
    archive = Archive(ROWS)
    await asked(tmp_path, collector, archive, f"{BASE}/studies", traceparent=f"00-{TRACE}-{SPAN}-00")
    assert collector.spans == []
    assert {one.headers["traceparent"][:36] for one in archive.asked} == {f"00-{TRACE}-"}


async def test_probes_and_what_is_not_sampled_leave_no_span(tmp_path: Path, collector: Collector) -> None:
    await asked(tmp_path, collector, Archive(ROWS), "/healthz", "/metrics")
    await asked(tmp_path, collector, Archive(ROWS), f"{BASE}/studies", ratio=0)
    assert collector.spans == []


async def test_nothing_of_a_request_is_in_a_span(tmp_path: Path, collector: Collector) -> None:
    archive = Archive(ROWS, {"/studies": reply(b"Jane Doe", "500 Internal Server Error")})
    paths = (f"{BASE}/studies", f"{BASE}{released('/studies/1.2.3')}/metadata", "/CANARY", f"{BASE}/studies?CANARY=1")
    await asked(tmp_path, collector, archive, *paths, user_agent="CANARY", tracestate="CANARY=1", baggage="CANARY=1")
    assert len(collector.spans) > len(paths)
    assert {key for span in collector.spans for key in attributes(span)} <= KNOWN
    assert not any(span.events or span.status.message or span.trace_state for span in collector.spans)
    whole = b"".join(collector.raw)
    for value in (b"CANARY", b"1.2.3", released("/studies/1.2.3")[9:].encode(), b"Jane", b"127.0.0.1"):
        assert value not in whole


async def test_what_failed_is_marked(tmp_path: Path, collector: Collector) -> None:
    archive = Archive(ROWS, {"/studies": reply(b"", "500 Internal Server Error")})
    await asked(tmp_path, collector, archive, f"{BASE}/studies")
    assert {span.status.code for span in collector.spans} == {Status.STATUS_CODE_ERROR}


@pytest.mark.parametrize("fault", ["refuses", "hangs", "is not there"])
async def test_a_collector_that_fails_touches_no_exchange(
    tmp_path: Path, collector: Collector, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "EXPORT_S", 0.2)
    monkeypatch.setattr(tracing, "CLOSE_S", 0.5)
    collector.status, collector.hangs = (503 if fault == "refuses" else 200), fault == "hangs"
    endpoint = "http://127.0.0.1:1" if fault == "is not there" else collector.endpoint
    async with over(Archive(ROWS), tmp_path, tracing={"endpoint": endpoint}) as gateway:
        answers = [await gateway.ask(f"{BASE}/studies") for _ in range(5)]
    collector.let_go.set()
    assert {answer.status for answer in answers} == {200}
    assert all(answer.whole for answer in answers)
