"""Objects full of canaries, two workers, every door asked: no canary is in a metric, a log line, a span or a header.

Also none of what a client sent, and no UID of either side.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.kit.canary import Planted, plant, source_uids
from tests.kit.canary_search import TOKEN, UID_ROOT, Canaries, search
from tests.kit.collector import Collector, collecting
from tests.kit.crawl import Crawler
from tests.kit.encode import EXPLICIT
from tests.kit.servers import Gateway, gateway

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

HOSTILE = {
    "X-Request-Id": f"{TOKEN}.JANE",
    "traceparent": "00-17010101170101011701010117010101-1701010117010101-01",
    "tracestate": f"{TOKEN}=1",
    "baggage": f"name={TOKEN}",
    "User-Agent": TOKEN,
    "X-Forwarded-For": TOKEN,
    "Referer": f"https://{TOKEN}.example/",
    "Authorization": f"Bearer {TOKEN}",
    "Cookie": f"{TOKEN}=1",
}
NAMES = ("x-request-id", "traceparent", "tracestate")


@dataclass(frozen=True, slots=True)
class Told:
    """What was planted, and all that an operator was told."""

    canaries: Canaries
    released: list[tuple[str, str, str]]
    metrics: str
    server: Gateway
    collector: Collector
    heads: list[str]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("telemetry")
    planted = [plant(name, EXPLICIT, seed=number * 5000, small=True) for number, name in enumerate(("CT", "SR", "US"))]
    (folder / "objects").mkdir()
    canaries = Canaries({}, {})
    for one in planted:
        (folder / "objects" / f"{one.name}.dcm").write_bytes(one.part10)
        canaries |= one.canaries
    with collecting() as collector:
        settings = {
            "origins": {"archive": {"folder": str(folder / "objects")}},
            "worklists": {"research": {"origin": "archive", "profile": "nominal", "search_budget": 1000}},
            "logs": {"form": "json", "exchanges": True},
            "tracing": {"endpoint": collector.endpoint},
            "limits": {"misses_per_minute": 100_000},
        }
        with gateway(folder / "gateway", settings, workers=2) as server:
            with Crawler(server.worklist("research")) as crawler:
                released = crawler.crawl()
                ask_wrongly(crawler, planted, server)
                heads = [
                    one.said.partition(b"\n\n")[0].decode("latin-1") for one in crawler.exchanges if one.method != TOKEN
                ]
            metrics = "".join(httpx.get(f"{server.base}/metrics").text for _ in range(4))
        yield Told(canaries, released, metrics, server, collector, heads)


def ask_wrongly(crawler: Crawler, planted: list[Planted], server: Gateway) -> None:
    for one in planted:
        study, series, instance = source_uids(one)
        for path in (
            f"/studies/{study}", f"/studies/{study}/series/{series}/instances/{instance}/metadata",
            f"/studies?StudyInstanceUID={study}", f"/{TOKEN}", f"/studies?PatientName={TOKEN}*", f"/studies/{TOKEN}",
        ):  # fmt: skip
            for method in ("GET", "POST", TOKEN):
                crawler.ask(path, method=method, headers=HOSTILE)
        for root in (f"/{study}", f"/worklists/{TOKEN}/dicom-web/studies", f"/shares/{TOKEN}/", f"/uplinks/{TOKEN}"):
            crawler.ask(server.base + root, headers=HOSTILE)


def clean(text: bytes, told: Told) -> None:
    assert search(text, told.canaries) == []
    assert UID_ROOT.encode() not in text
    for uids in told.released:
        assert not any(uid.encode() in text for uid in uids)


def test_much_was_told(told: Told) -> None:
    assert len(told.released) == 3
    assert 'transaction="RetrieveInstanceMetadata"' in told.metrics
    assert 'reason="NotReleased"' in told.metrics
    assert len(told.collector.spans) > 500
    assert told.server.log.count("dicomveil.exchanges") > 500


def test_no_canary_is_in_the_metrics(told: Told) -> None:
    clean(told.metrics.encode(), told)


def test_no_canary_is_in_a_span(told: Told) -> None:
    clean(b"".join(told.collector.raw), told)
    clean(str(told.collector.spans).encode(), told)


def test_no_canary_is_in_the_log_and_every_line_of_it_is_json(told: Told) -> None:
    log = told.server.log
    clean(log.encode(), told)
    begin = log.index("{")  # what the command says comes first, on stdout
    lines = [json.loads(line) for line in log[begin:].splitlines()]
    exchanges = [line for line in lines if line["logger"] == "dicomveil.exchanges"]
    assert all(re.fullmatch(r"[A-Za-z]{24}", line["request"]) for line in exchanges)


def test_no_canary_is_in_a_header_that_names_the_request(told: Told) -> None:
    assert told.heads
    for head in told.heads:
        (named,) = [line for line in head.splitlines() if line.lower().startswith(NAMES)]
        assert re.fullmatch(r"x-request-id: [A-Za-z]{24}", named)
