"""Processes that render: what breaks one is nobody else's trouble."""

import asyncio
import os
import resource
import time
from pathlib import Path

import pytest

from gateway.core.errors import NotAcceptable
from gateway.rendering.pool import Renderers
from gateway.rendering.work import MAX_MEMORY


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


async def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await Renderers(1).run(divmod, 1, 0)


async def test_a_process_may_not_take_all_memory() -> None:
    soft, _ = await Renderers(1).run(resource.getrlimit, resource.RLIMIT_DATA)
    assert soft == MAX_MEMORY
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != MAX_MEMORY


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


def _is_gone(number: int) -> bool:
    status = Path(f"/proc/{number}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] in ("Z", "X")
