"""Liveness and readiness."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.telemetry import readiness
from gateway.uplink.model import State
from tests.kit.archive import Archive, Row, reply
from tests.kit.inprocess import InProcess, in_process, over, sample_folder

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

ROWS = [Row("1.2.3", "1.2.3.4", "1.2.3.4.5")]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_gateway_over_a_folder_is_alive_and_ready(gateway: InProcess, path: str) -> None:
    answer = await gateway.ask(path)
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_it_is_alive_but_not_ready_while_its_origin_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = {"archive": {"dicomweb": "http://127.0.0.1:1/dicom-web", "connect_timeout_s": 1}}
    async with in_process(tmp_path, nobody, {"research": {}}) as gateway:
        assert (await gateway.ask("/healthz")).status == 200
        answer = await gateway.ask("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})
    assert answer.headers["cache-control"] == "private, no-store"
    assert "not ready: archive" in caplog.messages


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "200 OK"])
async def test_an_origin_that_answers_a_search_is_ready(tmp_path: Path, status: str) -> None:
    archive = Archive(ROWS, {"/studies": reply(b"", status)})
    async with over(archive, tmp_path) as gateway:
        assert (await gateway.ask("/readyz")).status == 200


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "500 Internal Server Error", "302 Found"])
async def test_an_origin_that_refuses_is_not(tmp_path: Path, status: str) -> None:
    archive = Archive(ROWS, {"/studies": reply(b"Jane Doe", status)})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway.ask("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})


async def test_readiness_asks_for_one_study_and_names_none(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        await gateway.ask("/readyz")
    assert [(asked.path, asked.raw_query) for asked in archive.asked] == [("/studies", "limit=1")]


async def test_it_is_not_ready_without_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "KEPT_S", 0)
    (tmp_path / "state").mkdir()
    archive = Archive(ROWS)
    async with over(archive, tmp_path, state=f"sqlite:///{tmp_path}/state/state.db") as gateway:
        assert (await gateway.ask("/readyz")).status == 200
        for file in (tmp_path / "state").iterdir():
            file.write_bytes(b"no database at all" * 1000)
        answer = await gateway.ask("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})


async def test_however_many_probe_an_origin_is_asked_once(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        answers = await asyncio.gather(*(gateway.ask("/readyz") for _ in range(20)))
        answers.append(await gateway.ask("/readyz"))
    assert {answer.status for answer in answers} == {200}
    assert [asked.path for asked in archive.asked] == ["/studies"]


async def test_an_origin_that_only_jobs_wait_for_does_not_count(tmp_path: Path) -> None:
    nobody: dict[str, object] = {"dicomweb": "http://127.0.0.1:1/dicom-web", "connect_timeout_s": 1}
    origins = {"archive": sample_folder(tmp_path / "studies"), "cloud": nobody}
    uplinks: dict[str, dict[str, object]] = {"clinic": {"origin": "archive", "destination": "cloud"}}
    async with in_process(tmp_path / "one", origins, {"research": {}}, uplinks=uplinks) as gateway:
        assert (await gateway.ask("/readyz")).status == 200
    uplinks["clinic"]["share"] = {"days": 1}  # patients look at what is there
    public = {"public_url": "https://gateway.example"}
    async with in_process(tmp_path / "two", origins, {"research": {}}, uplinks=uplinks, **public) as gateway:
        assert (await gateway.ask("/readyz")).status == 503


ROLES: list[tuple[dict[str, object], int]] = [
    ({"anyone": True, "roles": ["metrics"]}, 200),
    ({"anyone": True, "roles": ["manage"]}, 200),
    ({"anyone": True, "worklists": "*", "roles": ["view", "download", "store"]}, 401),
]


@pytest.mark.parametrize(("rule", "status"), ROLES)
async def test_metrics_are_for_who_may_see_them(tmp_path: Path, rule: dict[str, object], status: int) -> None:
    origins = {"archive": sample_folder(tmp_path / "studies")}
    async with in_process(tmp_path / "gateway", origins, {"research": {}}, access={"allow": [rule]}) as gateway:
        assert (await gateway.ask("/metrics")).status == status


async def test_metrics_come_in_both_forms_and_no_page_of_another_site_reads_them(tmp_path: Path) -> None:
    origins = {"archive": sample_folder(tmp_path / "studies")}
    async with in_process(tmp_path / "gateway", origins, {"research": {}}) as gateway:
        text = await gateway.ask("/metrics", origin="https://other.example")
        openmetrics = await gateway.ask("/metrics", "application/openmetrics-text; version=1.0.0")
    assert text.headers["content-type"].startswith("text/plain; version=")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    assert openmetrics.body.endswith(b"# EOF\n")
    assert "access-control-allow-origin" not in text.headers


async def test_jobs_are_counted_by_their_state(tmp_path: Path) -> None:
    origins = {
        "archive": sample_folder(tmp_path / "studies"),
        "cloud": {"folder": str(tmp_path / "cloud"), "writable": True},
    }
    (tmp_path / "cloud").mkdir()
    uplinks = {"clinic": {"origin": "archive", "destination": "cloud"}}
    async with in_process(tmp_path / "gateway", origins, {"research": {}}, uplinks=uplinks) as gateway:
        body = (await gateway.ask("/metrics")).body.decode()
    states = re.findall(r'^dicomveil_uplink_jobs\{state="(\w+)",uplink="clinic"\} 0.0$', body, re.MULTILINE)
    assert set(states) == {state.value for state in State}
