"""Processes that work on pixels: what they raise comes whole, what breaks them is told apart."""

import asyncio
import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from gateway.core.errors import LimitExceeded, MalformedInput, ProcessFailed
from gateway.memory import container_bytes
from gateway.processes import MAX_MEMORY, Ended, called, memory_bound


async def test_work_is_done_in_another_process() -> None:
    assert await called(60, os.getpid) != os.getpid()


def _malformed() -> None:
    raise MalformedInput("a frame", (0x7FE00010,), 12)


def _too_much() -> None:
    raise LimitExceeded("a frame", 99, (0x7FE00010,))


async def test_errors_come_whole() -> None:
    with pytest.raises(MalformedInput) as malformed:
        await called(60, _malformed)
    assert (malformed.value.what, malformed.value.path, malformed.value.offset) == ("a frame", (0x7FE00010,), 12)
    with pytest.raises(LimitExceeded) as limited:
        await called(60, _too_much)
    assert (limited.value.what, limited.value.limit, limited.value.path) == ("a frame", 99, (0x7FE00010,))


async def test_a_process_that_ends_is_told_apart_from_one_that_is_slow() -> None:
    with pytest.raises(Ended):
        await called(60, os._exit, 1)
    with pytest.raises(TimeoutError):
        await called(2, time.sleep, 3600)
    assert await called(60, abs, -3) == 3
    await asyncio.sleep(0.3)  # the loop closes what the ended process left


async def test_a_process_that_does_not_start_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ProcessFailed):
        await called(60, abs, -3)


async def test_a_process_that_was_ended_while_it_idled_is_replaced() -> None:
    for _ in range(10):
        os.kill(await called(60, os.getpid), signal.SIGKILL)
        assert await called(60, abs, -3) == 3
    await asyncio.sleep(0.3)  # the loop closes what the ended processes left


async def test_a_process_may_not_take_all_memory() -> None:
    soft, _ = await called(60, resource.getrlimit, resource.RLIMIT_DATA)
    assert soft == memory_bound(container_bytes())


@pytest.mark.parametrize(
    ("limit", "bound"), [("max", MAX_MEMORY), (str(2 << 30), 512 << 20), (str(1 << 40), MAX_MEMORY)]
)
def test_in_a_container_a_process_takes_a_part_of_what_there_is(limit: str, bound: int, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(limit + "\n")
    assert memory_bound(container_bytes(tmp_path / "memory.max")) == bound
