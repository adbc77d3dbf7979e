"""Liveness and readiness."""

from pathlib import Path

import pytest

from tests.kit.archive import Archive, Row, reply
from tests.kit.inprocess import InProcess, in_process, over

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

ROWS = [Row("1.2.3", "1.2.3.4", "1.2.3.4.5")]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_gateway_over_a_folder_is_alive_and_ready(gateway: InProcess, path: str) -> None:
    answer = await gateway.ask(path)
    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_it_is_alive_but_not_ready_while_its_origin_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = {"archive": {"dicomweb": "http://127.0.0.1:1/dicom-web", "connect_timeout_s": 1}}
    async with in_process(tmp_path, nobody, {"research": {}}) as gateway:
        assert (await gateway.ask("/healthz")).status == 200
        answer = await gateway.ask("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})
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


async def test_it_is_not_ready_without_its_state(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    archive = Archive(ROWS)
    async with over(archive, tmp_path, state=f"sqlite:///{tmp_path}/state/state.db") as gateway:
        assert (await gateway.ask("/readyz")).status == 200
        for file in (tmp_path / "state").iterdir():
            file.write_bytes(b"no database at all" * 1000)
        answer = await gateway.ask("/readyz")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})
