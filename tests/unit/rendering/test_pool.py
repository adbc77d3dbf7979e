"""Processes that render: what breaks one is nobody else's trouble."""

import asyncio
import os
import resource
import shutil
import sys
import time
from pathlib import Path

import pytest

from gateway import worker
from gateway.core.errors import NotAcceptable, RenderingBusy, RenderingFailed
from gateway.memory import container_bytes
from gateway.processes import memory_bound
from gateway.rendering.pool import AHEAD, Renderers


async def test_work_is_done_in_another_process() -> None:
    assert await Renderers(1).run(os.getpid) != os.getpid()


async def test_a_process_that_dies_is_an_answer_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    renderers = Renderers(1)
    with pytest.raises(NotAcceptable):
        await renderers.run(os._exit, 1)
    assert await renderers.run(abs, -3) == 3
    assert [record.name for record in caplog.records if "rendering process" in record.message] == [
        "dicomveil.rendering"
    ]


@pytest.mark.parametrize("program", [shutil.which("false"), "/nowhere/python"])
async def test_a_process_that_does_not_start_is_not_blamed_on_the_pixels(
    monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(RenderingFailed):
        await Renderers(1).run(abs, -3)


async def test_a_process_has_no_secret_in_its_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SECRET_OF_TODAY", "SECRET_OF_2024", "ARCHIVE_PASSWORD"):
        monkeypatch.setenv(name, name * 3)
    monkeypatch.setenv("STATE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.setenv("DICOMVEIL_CONFIG", str(tmp_path / "dicomveil.yaml"))
    (tmp_path / "dicomveil.yaml").write_text(
        "secret: {env: SECRET_OF_TODAY}\nprevious_secrets: [{env: SECRET_OF_2024}]\nstate: {env: STATE_URL}\n"
        "origins:\n  archive:\n    dicomweb: http://127.0.0.1:1/dicom-web\n"
        "    auth: {basic: {username: gateway, password: {env: ARCHIVE_PASSWORD}}}\n"
        "worklists: {research: {origin: archive, profile: nominal}}\n"
    )
    worker.application(tmp_path / "dicomveil.yaml", "127.0.0.1", 0)
    inherited = await Renderers(1).run(Path.read_bytes, Path("/proc/self/environ"))
    names = {entry.partition(b"=")[0].decode() for entry in inherited.split(b"\0")}
    assert "PATH" in names
    assert not names & {"SECRET_OF_TODAY", "SECRET_OF_2024", "ARCHIVE_PASSWORD", "STATE_URL"}


async def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await Renderers(1).run(divmod, 1, 0)


async def test_a_process_may_not_take_all_memory() -> None:
    soft, _ = await Renderers(1).run(resource.getrlimit, resource.RLIMIT_DATA)
    assert soft == memory_bound(container_bytes())
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != soft


def test_without_a_container_there_is_no_limit_of_one(tmp_path: Path) -> None:
    assert container_bytes(tmp_path / "memory.max") is None


async def test_work_that_nobody_waits_for_is_ended() -> None:
    renderers = Renderers(1)
    number = await renderers.run(os.getpid)
    waiting = asyncio.create_task(renderers.run(time.sleep, 3600))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await renderers.run(os.getpid) != number
    assert _is_gone(number)


async def test_work_that_takes_too_long_is_ended() -> None:
    renderers = Renderers(1)
    number = await renderers.run(os.getpid)
    with pytest.raises(NotAcceptable, match="too long"):
        await Renderers(1, 0.1).run(time.sleep, 3600)
    assert _is_gone(number)


async def test_no_more_processes_than_allowed_are_busy() -> None:
    renderers = Renderers(1)
    numbers = await asyncio.gather(*(renderers.run(os.getpid) for _ in range(3)))
    assert len(set(numbers)) == 1


async def test_nobody_waits_for_a_process_for_ever() -> None:
    renderers = Renderers(1, wait_s=0.1)
    busy = asyncio.create_task(renderers.run(time.sleep, 3600))
    await asyncio.sleep(0.05)
    with pytest.raises(RenderingBusy) as refused:
        await renderers.run(abs, -3)
    assert refused.value.retry_after_s >= 1
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)


async def test_nobody_waits_for_a_turn_for_ever() -> None:
    renderers = Renderers(1, wait_s=0.1)
    turns = [asyncio.create_task(_stay(renderers)) for _ in range(1 + AHEAD)]
    await asyncio.sleep(0.05)
    with pytest.raises(RenderingBusy):
        await _stay(renderers)
    await _cancelled(turns)


async def test_animations_leave_a_turn_and_a_process_to_others() -> None:
    renderers = Renderers(2, wait_s=0.1)
    animations = [asyncio.create_task(_stay(renderers, moving=True)) for _ in range(9)]
    await asyncio.sleep(0.3)
    assert sum(one.done() and isinstance(one.exception(), RenderingBusy) for one in animations) == 8
    async with renderers.turn():
        assert await renderers.run(abs, -3) == 3
    await _cancelled(animations)


async def _stay(renderers: Renderers, *, moving: bool = False) -> None:
    async with renderers.turn(moving=moving):
        await renderers.run(time.sleep, 3600) if moving else await asyncio.sleep(3600)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _is_gone(number: int) -> bool:
    status = Path(f"/proc/{number}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] in ("Z", "X")
