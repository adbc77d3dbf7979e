"""What is counted, and that no label value is a client's."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from gateway.access.model import Method
from gateway.core.errors import NotReleased, OriginBusy
from gateway.core.standard.uids import valid_uid
from gateway.core.wire.elements import EXPLICIT_LE
from gateway.telemetry.metrics import CLASSES, Metrics, reason_of, status_class
from gateway.telemetry.samples import Samples
from gateway.telemetry.workers import exposed
from tests.kit.archive import Archive, Row, multipart_reply, reply
from tests.kit.inprocess import DICOM, InProcess, over, released

ROWS = [Row("1.2.3", "1.2.3.4", "1.2.3.4.5")]
BASE = "/worklists/research/dicom-web"
STUDY = released("/studies/1.2.3")
OURS = {
    "place": {"gateway", "none", "worklist:research", "state"},
    "status": {*CLASSES, "busy", "timeout", "failed", "left"},
    "origin": {"archive"},
    "part": {"archive", "state"},
    "pool": {"rendering", "masking", "screening"},
    "outcome": {*(method.value for method in Method), "refused", "succeeded"},
    "profile": {"nominal"},
}


def page(metrics: Metrics) -> str:
    metrics.take()
    return exposed(metrics.registry, "")[0].decode()


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Give the samples of a metric by the values of their labels, in the order of their names."""
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    return {tuple(re.findall(r'"([^"]*)"', labels)): float(value) for labels, value in found}


async def scraped(gateway: InProcess) -> str:
    return (await gateway.ask("/metrics")).body.decode()


async def test_an_exchange_is_counted_where_it_was_and_how_it_ended(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        found = await gateway.ask(f"{BASE}/studies")
        await gateway.ask(f"{BASE}/studies/1.2.9/metadata")
        text = await scraped(gateway)
    place = "worklist:research"
    exchanges = values(text, "dicomveil_exchanges_total")
    assert exchanges[place, "2xx", "SearchForStudies"] == 1
    assert exchanges[place, "4xx", "RetrieveStudyMetadata"] == 1
    assert values(text, "dicomveil_sent_bytes_total")[place, "SearchForStudies"] == len(found.body)
    assert values(text, "dicomveil_exchange_seconds_count")[("SearchForStudies",)] == 1
    assert values(text, "dicomveil_answer_seconds_count")[("SearchForStudies",)] == 1
    assert ("RetrieveStudyMetadata",) not in values(text, "dicomveil_answer_seconds_count")
    assert values(text, "dicomveil_refusals_total")[("NotReleased",)] == 1
    assert values(text, "dicomveil_authentications_total")[("none",)] == 3
    assert values(text, "dicomveil_exchanges_in_flight")[()] == 1  # this one
    assert values(text, "dicomveil_profile_info") != {}


async def test_what_a_client_sends_is_counted(tmp_path: Path) -> None:
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\nno object at all\r\n--b--"
    async with over(Archive(ROWS), tmp_path, {"research": {"services": ["store"]}}) as gateway:
        request = gateway.client.build_request(
            "POST",
            f"{BASE}/studies",
            content=body,
            headers={"content-type": 'multipart/related; type="application/dicom"; boundary=b'},
        )
        await gateway.client.send(request)
        text = await scraped(gateway)
    assert values(text, "dicomveil_taken_bytes_total")["worklist:research", "StoreInstances"] == len(body)


async def test_an_answer_that_breaks_off_is_counted_as_such(tmp_path: Path) -> None:
    unended = Archive(ROWS, {"/studies/1.2.3": multipart_reply([ROWS[0].part10()], end=False)})
    async with over(unended, tmp_path) as gateway:
        answer = await gateway.ask(BASE + STUDY, DICOM)
        text = await scraped(gateway)
    assert (answer.status, answer.whole) == (200, False)
    assert values(text, "dicomveil_broken_exchanges_total")["worklist:research", "RetrieveStudy"] == 1
    assert values(text, "dicomveil_exchanges_total")["worklist:research", "2xx", "RetrieveStudy"] == 1
    assert values(text, "dicomveil_exchanges_in_flight")[()] == 1  # this one


async def test_what_the_final_check_keeps_back_is_counted_where_it_was(tmp_path: Path) -> None:
    text = "name: leaky\nbased_on: nominal\nfinal_check: true\nattributes:\n  StudyDescription: {disabled: true}\n"
    (tmp_path / "leaky.yaml").write_text(text, encoding="utf-8")
    data = ROWS[0].part10()
    told = EXPLICIT_LE.make(0x00081030, "LO", b"Smith, CT ")
    at = data.index(EXPLICIT_LE.make(0x00100010, "PN", b"SMITH^ANN "))
    whole = multipart_reply([data[:at] + told + data[at:]])
    archive = Archive(ROWS, {"/studies/1.2.3": whole})
    places = {"research": {"profile": "leaky"}, "other": {"profile": "nominal"}}
    async with over(archive, tmp_path, places, profiles=str(tmp_path)) as gateway:
        answers = [await gateway.ask(BASE + STUDY, DICOM) for _ in range(2)]
        text = await scraped(gateway)
    assert [answer.status for answer in answers] == [404, 404]
    assert values(text, "dicomveil_final_check_hits_total") == {("worklist:research",): 2}


def test_a_total_counts_on_where_one_before_a_reload_ended() -> None:
    metrics, grown = Metrics(), [0, 0]
    for number in range(2):
        samples = Samples(metrics)
        samples.count(metrics.final_check_hits.labels("worklist:a"), lambda number=number: grown[number])  # type: ignore[misc]
        for _ in range(3):
            grown[number] += 1
            samples.catch_up()
        samples.take()
    assert values(page(metrics), "dicomveil_final_check_hits_total") == {("worklist:a",): 6}


async def test_requests_to_an_origin_are_counted_by_its_name(tmp_path: Path) -> None:
    replies = {"/studies": reply(b"", "503 Service Unavailable")}
    archive = Archive(ROWS, replies)
    async with over(archive, tmp_path) as gateway:
        await gateway.ask(f"{BASE}/studies")
        del replies["/studies"]
        await gateway.ask(f"{BASE}/studies")
        text = await scraped(gateway)
    requests = values(text, "dicomveil_origin_requests_total")
    assert requests["archive", "busy"] == 1
    assert requests["archive", "2xx"] == 1
    assert values(text, "dicomveil_origin_requests_open")[("archive",)] == 0
    assert values(text, "dicomveil_origin_requests_waiting")[("archive",)] == 0


def hostile() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield methods, paths and headers that a client may try to be seen by."""
    name = (f"CANARY-{number}" for number in count())
    for method in ("GET", "HEAD", "POST", "DELETE", "CANARY"):
        yield method, f"/{next(name)}", {}
        yield method, f"/worklists/{next(name)}/dicom-web/studies", {}
        yield method, f"{BASE}/{next(name)}", {}
        yield method, f"{BASE}/studies/{next(name)}/metadata", {}
        yield method, f"{BASE}/studies/1.2.3.99.{method.__hash__() % 99}/series", {}
        yield method, f"{BASE}/studies?PatientName={next(name)}&limit={next(name)}", {}
        yield method, f"{BASE}/studies?{next(name)}=1", {}
        yield method, f"{BASE}{STUDY}/series/{next(name)}/instances", {}
        yield method, f"/worklists/research/wado?requestType={next(name)}&studyUID={next(name)}", {}
        yield method, f"/shares/{next(name)}/", {}
        yield method, f"/uplinks/{next(name)}/jobs/{next(name)}", {}
        yield method, f"{BASE}/studies", {
            "host": f"{next(name)}.example", "x_request_id": next(name), "traceparent": next(name),
            "authorization": f"Bearer {next(name)}", "user_agent": next(name), "accept": next(name),
            "x_forwarded_for": next(name), "x_forwarded_host": next(name), "content_type": next(name),
        }  # fmt: skip


async def test_no_label_value_is_a_clients(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        for method, path, headers in hostile():
            accept = headers.pop("accept", None)
            await gateway.ask(path, accept, method, **headers)
        await gateway.ask("/readyz")
        text = await scraped(gateway)
    assert "CANARY" not in text.upper()
    for label, value in re.findall(r'(\w+)="([^"]*)"', text):
        assert not valid_uid(value) or label in ("le", "version", "python")
        if label in OURS:
            assert value in OURS[label], label


async def test_every_transaction_is_a_name_of_the_routes(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        for method, path, headers in hostile():
            accept = headers.pop("accept", None)
            await gateway.ask(path, accept, method, **headers)
        text = await scraped(gateway)
        doors = [*gateway.application.routes]
        for route in gateway.application.routes:
            doors += getattr(route, "_routes", {}).values()
        known = {guard.transaction for door in doors for guard in getattr(door, "guards", {}).values()}
    assert {name for label, name in re.findall(r'(transaction)="([^"]*)"', text)} <= known | {"none"}


@pytest.mark.parametrize(("status", "kind"), [(0, "none"), (101, "none"), (200, "2xx"), (404, "4xx"), (599, "5xx")])
def test_a_status_is_told_by_its_class(status: int, kind: str) -> None:
    assert status_class(status) == kind
    assert kind in CLASSES


def test_only_errors_of_ours_are_reasons() -> None:
    assert reason_of(NotReleased.__name__) == "NotReleased"
    assert reason_of(OriginBusy.__name__) == "OriginBusy"
    assert reason_of("Jane Doe") == "other"


def test_a_profile_that_is_no_longer_in_force_is_zero() -> None:
    metrics = Metrics()
    metrics.profiles_in_force({"worklist:a": ("nominal", "12"), "worklist:b": ("strict", "34")})
    metrics.profiles_in_force({"worklist:a": ("nominal", "56")})
    assert values(page(metrics), "dicomveil_profile_info") == {
        ("12", "worklist:a", "nominal"): 0,
        ("34", "worklist:b", "strict"): 0,
        ("56", "worklist:a", "nominal"): 1,
    }


def test_reloads_are_counted_and_the_last_one_is_told() -> None:
    metrics = Metrics()
    taken = values(page(metrics), "dicomveil_reload_last_success_timestamp_seconds")
    assert values(page(metrics), "dicomveil_reload_last_ok") == {(): 1}
    metrics.reloaded(ok=False)
    assert values(page(metrics), "dicomveil_reload_last_ok") == {(): 0}
    assert values(page(metrics), "dicomveil_reload_last_success_timestamp_seconds") == taken
    metrics.reloaded(ok=True)
    assert values(page(metrics), "dicomveil_reloads_total") == {("refused",): 1, ("succeeded",): 1}
    assert values(page(metrics), "dicomveil_reload_last_ok") == {(): 1}


def test_a_process_is_measured() -> None:
    metrics = Metrics()
    metrics.take()
    before = values(page(metrics), "process_cpu_seconds_total")[()]
    sum(range(3_000_000))
    metrics.take()
    text = page(metrics)
    assert values(text, "process_cpu_seconds_total")[()] >= before > 0
    assert values(text, "process_resident_memory_bytes")[()] > 1 << 20
    assert values(text, "process_open_fds")[()] > 2
