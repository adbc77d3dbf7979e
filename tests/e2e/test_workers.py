"""Several server processes behind one port: they agree, one that dies takes only its own with it, all end in order."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import psutil
import pytest

from tests.kit.inprocess import links
from tests.kit.reloads import DICOM, ROWS, Gate, Stage, gated, marks, staged
from tests.kit.scripted_server import until
from tests.kit.servers import free_port

pytestmark = [pytest.mark.e2e]

STREAMS: Final = 6
MOST_STREAMS: Final = 60


def workers(stage: Stage) -> set[int]:
    """Find the processes that serve; beside them Python has one that tidies up."""
    return {one.pid for one in psutil.Process(stage.pid).children() if serves(one)}


def serves(process: psutil.Process) -> bool:
    try:
        return "resource_tracker" not in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # or one that has ended and that nobody has taken note of
        return False


def of_client(answer: aiohttp.ClientResponse, pids: set[int]) -> int:
    """Find the worker that an answer comes from."""
    assert answer.connection is not None
    assert answer.connection.transport is not None
    port = answer.connection.transport.get_extra_info("sockname")[1]
    for pid in pids:
        if any(one.raddr and one.raddr.port == port for one in psutil.Process(pid).net_connections("tcp")):
            return pid
    raise AssertionError("nobody answers")


@asynccontextmanager
async def only(stage: Stage, pid: int) -> AsyncIterator[None]:
    """Have one worker answer: the others are stopped, for less time than their supervisor waits."""
    others = workers(stage) - {pid}
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)


async def both_start(stage: Stage) -> None:
    await stage.logs("Application startup complete", 2)


async def streams(stage: Stage, gate: Gate) -> list[tuple[int, aiohttp.ClientResponse]]:
    """Begin to read the study until each worker has a few, and stay in the middle of it."""
    pids = workers(stage)
    begun: list[tuple[int, aiohttp.ClientResponse]] = []
    while len(begun) < STREAMS or {pid for pid, _ in begun} != pids:
        assert len(begun) < MOST_STREAMS, "one worker takes all"
        answer = await stage.session.get(stage.study, headers={"Accept": DICOM})
        begun.append((of_client(answer, pids), answer))
    await until(lambda: gate.held == len(begun))
    return begun


async def is_whole(answer: aiohttp.ClientResponse) -> bool:
    try:
        body = await answer.read()
    except aiohttp.ClientPayloadError:
        return False
    assert body.count(b"MARK-") == 2 * len(ROWS)
    return True


async def test_two_workers_agree_on_released_uids_and_on_links_to_bulk_data(tmp_path: Path) -> None:
    async with staged(tmp_path, workers=2) as stage:
        await both_start(stage)
        one, other = sorted(workers(stage))
        said = {}
        for pid in (one, other):
            async with only(stage, pid):
                said[pid] = json.loads(await stage.ask())
        assert len(said[one]) == len(ROWS)
        assert said[one] == said[other]
        async with only(stage, other), stage.session.get(f"{stage.study}/bulkdata/none") as answer:
            assert answer.status == 404
        assert links(said[one]) == links(said[other])


async def test_a_worker_that_is_killed_takes_only_its_own_streams_and_is_replaced(tmp_path: Path) -> None:
    async with staged(tmp_path, workers=2, environment={"MADE_UP": "token"}, token="MADE_UP") as stage:
        await both_start(stage)
        gate = gated(stage)
        begun = await streams(stage, gate)
        before = workers(stage)
        victim = begun[0][0]
        os.kill(victim, signal.SIGKILL)
        await until(lambda: victim not in workers(stage) and len(workers(stage)) == 2)
        gate.opened.set()
        ended = [(pid, await is_whole(answer)) for pid, answer in begun]
        assert [whole for _, whole in ended] == [pid != victim for pid, _ in ended]
        await stage.logs("Application startup complete", 3)
        (new,) = workers(stage) - before
        stage.archive.replies.clear()
        async with only(stage, new):  # which has the token out of the environment, too
            assert marks(await stage.ask()) == {1}


async def test_a_hangup_reloads_every_worker_in_its_place(tmp_path: Path) -> None:
    async with staged(tmp_path, workers=2) as stage:
        await both_start(stage)
        before = workers(stage)
        stage.tell()
        await stage.logs("settings reloaded", 2)
        stage.write(2)
        await stage.logs("settings reloaded", 4)
        for pid in before:
            async with only(stage, pid):
                assert marks(await stage.ask()) == {2}
        assert workers(stage) == before


async def test_a_worker_that_is_to_be_replaced_waits_for_settings_without_faults(tmp_path: Path) -> None:
    async with staged(tmp_path, workers=2) as stage:
        await both_start(stage)
        before = workers(stage)
        sound = stage.gateway.config.read_text()
        stage.gateway.config.write_text(sound.replace('"worklists"', '"worklist"'))
        await stage.logs("the settings are not used", 2)
        os.kill(min(before), signal.SIGKILL)
        await stage.logs("the settings are not used", 3)
        assert marks(await stage.ask()) == {1}
        stage.gateway.config.write_text(sound)
        await stage.logs("Application startup complete", 3)
        assert max(before) in workers(stage)


@pytest.mark.parametrize("count", [1, 2])
async def test_told_to_end_no_stream_is_cut_and_nothing_new_is_taken(tmp_path: Path, count: int) -> None:
    async with staged(tmp_path, workers=count) as stage:
        await stage.logs("Application startup complete", count)
        gate = gated(stage)
        pids = workers(stage) if count > 1 else {stage.pid}
        begun = [await stage.session.get(stage.study, headers={"Accept": DICOM}) for _ in range(STREAMS)]
        assert {of_client(answer, pids) for answer in begun} <= pids
        os.kill(stage.pid, signal.SIGTERM)
        await stage.logs("Waiting for connections to close", len({of_client(answer, pids) for answer in begun}))
        await until(lambda: not any(listens(pid) for pid in pids))
        gate.opened.set()
        assert all([await is_whole(answer) for answer in begun])
        process = stage.gateway.process
        assert process is not None
        assert await asyncio.to_thread(process.wait, 30) in (0, -signal.SIGTERM)
        assert "Traceback" not in stage.gateway.log


def listens(pid: int) -> bool:
    try:
        return any(one.status == psutil.CONN_LISTEN for one in psutil.Process(pid).net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


async def test_a_worker_that_cannot_start_is_tried_again_as_long_as_another_serves(tmp_path: Path) -> None:
    async with staged(tmp_path, workers=2) as stage:
        await both_start(stage)
        before = workers(stage)
        store, away = stage.gateway.folder / "state.db", stage.gateway.folder / "away.db"
        store.rename(away)
        store.mkdir()
        os.kill(min(before), signal.SIGKILL)
        await stage.logs("cannot start", 2)
        assert max(before) in workers(stage)
        store.rmdir()
        away.rename(store)
        await stage.logs("Application startup complete", 3)
        assert marks(await stage.ask()) == {1}


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_start_that_fails_is_told_by_its_exit_code_with_one_worker_and_with_several(
    tmp_path: Path, count: str
) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 32)
    (tmp_path / "state.db").mkdir()
    settings = {
        "secret": {"file": "secret"},
        "origins": {"archive": {"dicomweb": "http://127.0.0.1:9/dicom-web"}},
        "worklists": {"research": {"origin": "archive", "profile": "nominal"}},
    }
    (tmp_path / "dicomveil.yaml").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(tmp_path / "dicomveil.yaml")]
    ended = subprocess.run(
        [*command, "--port", str(free_port()), "--workers", count], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3
    assert "state.db: the state store failed (OperationalError: SQLITE_CANTOPEN" in ended.stderr
