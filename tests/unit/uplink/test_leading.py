"""Who runs jobs, and which: with the real engine and the real lock, over SQLite and PostgreSQL."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dbos import DBOS
from sqlalchemy.engine import URL

from gateway.adapters.durable import Durable, jobs_file
from gateway.adapters.leadership import leadership
from gateway.adapters.state_jobs import SqlJobStore
from gateway.adapters.state_sql import state_url
from gateway.core.errors import StateFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.uplink import leading
from gateway.uplink.leading import JOBS_AT_ONCE, Leader
from gateway.uplink.model import Asked, Job, State
from gateway.uplink.stages import FIRST
from tests.kit.engine import KEYS
from tests.kit.scripted_server import until
from tests.kit.states import ask


@dataclass
class Work:
    """Stages that wait until they are let go; ``seen`` are those that were begun."""

    store: SqlJobStore
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[tuple[str, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    tidied: int = 0
    faults: list[Exception] = field(default_factory=list)

    async def run(self, job: str, stage: str) -> str:
        known = await self.store.find(job)
        if known is None or known.state.is_final:  # it was begun anew between its end and the next look, as it may
            return ""
        self.seen.append((job, stage))
        if stage == "one":
            return "two"
        if self.faults:
            raise self.faults.pop()
        if stage == FIRST:  # of a job that is to be cancelled before it has begun
            await self.store.end(job, State.CANCELLED, "")
            return ""
        await self.gate.wait()
        await self.store.end(job, State.DONE, "")
        return ""

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    def is_waiting(self, job: str) -> bool:
        return job in self.waiting

    async def tidy(self) -> None:
        self.tidied += 1

    def begun(self, stage: str = "two") -> list[str]:
        return [job for job, name in self.seen if name == stage]


@dataclass
class Stage:
    store: SqlJobStore
    work: Work
    leader: Leader
    runner: Durable

    async def add(self, *jobs: str) -> None:
        for job in jobs:
            await self.store.create(Job(job, "clinic"), "clinic", Asked("1.2.3"), None)
        self.leader.wake()

    async def done(self, *jobs: str) -> None:
        self.work.gate.set()
        async with asyncio.timeout(30):
            while True:
                if not {job for job, _ in await self.store.unfinished()}.intersection(jobs):
                    return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def led(state: URL) -> AsyncIterator[Stage]:
    store = SqlJobStore(state, lambda _domain: KeyRings(KEYS))
    await store.start()
    work = Work(store)
    lock = leadership(state)
    runner = Durable(state, work.run, "one")
    leader = Leader(store, work, lock, lambda: runner)
    leader.open()
    try:
        yield Stage(store, work, leader, runner)
    finally:
        await leader.close()
        await store.aclose()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "LOOK_EACH_S", 0.05)


async def listed() -> set[str]:
    # In a thread: what DBOS offers for a loop leaves that loop with threads that end with DBOS.
    return {row.workflow_id.split(".")[0] for row in await asyncio.to_thread(DBOS.list_workflows)}


async def reached(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        await until(claim)


async def test_who_closes_a_leader_can_be_cancelled(state: URL) -> None:
    async with led(state) as stage:
        closing = asyncio.create_task(stage.leader.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing


async def test_a_job_goes_through_its_stages_once(state: URL) -> None:
    async with led(state) as it:
        await it.add("a")
        await it.done("a")
        assert it.work.seen == [("a", "one"), ("a", "two")]
        assert it.work.tidied == 1


async def test_what_was_begun_goes_on_at_its_stage_after_a_restart(state: URL) -> None:
    async with led(state) as it:
        await it.add("a")
        await reached(lambda: it.work.begun() == ["a"])
    async with led(state) as it:
        await it.done("a")
        assert it.work.seen == [("a", "two")]


async def test_lost_tables_of_the_engine_begin_a_job_anew(state: URL) -> None:
    async with led(state) as it:
        await it.add("a")
        await reached(lambda: it.work.begun() == ["a"])
    if state.get_backend_name() == "sqlite":
        jobs_file(state).unlink()
    else:
        ask(state, "DROP SCHEMA dbos CASCADE")
    async with led(state) as it:
        await it.done("a")
        assert it.work.seen == [("a", "one"), ("a", "two")]


async def test_a_workflow_that_ended_before_its_job_is_begun_anew(state: URL) -> None:
    async with led(state) as it:
        await it.add("a")
        await it.done("a")
    async with led(state) as it:
        await it.store.create(Job("b", "clinic"), "clinic", Asked("1.2.3"), None)
        await it.done("b")


async def test_a_job_whose_workflow_ended_in_a_fault_is_begun_anew(state: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "CHECK_EACH_S", 0.2)
    async with led(state) as it:
        it.work.faults = [StateFailed("no disk")]
        await it.add("a", "b")
        await it.done("a", "b")
        assert sorted(it.work.begun()) in (["a", "a", "b"], ["a", "b", "b"])  # the other is not begun twice


async def test_no_more_than_some_are_begun_but_those_that_wait_do_not_count(state: URL) -> None:
    names = [f"{number:02}" for number in range(JOBS_AT_ONCE + 3)]
    async with led(state) as it:
        await it.add(*names)
        await reached(lambda: it.work.begun() == names[:JOBS_AT_ONCE] or len(it.work.begun()) >= JOBS_AT_ONCE)
        assert sorted(it.work.begun()) == names[:JOBS_AT_ONCE]
        it.work.waiting.update(names[:2])
        await reached(lambda: len(it.work.begun()) == JOBS_AT_ONCE + 2)
        await it.done(*names)


async def test_cancelling_reaches_a_job_that_runs_and_one_that_has_not_begun(state: URL) -> None:
    names = [f"{number:02}" for number in range(JOBS_AT_ONCE + 1)]
    async with led(state) as it:
        await it.add(*names)
        await reached(lambda: len(it.work.begun()) == JOBS_AT_ONCE)
        for job in (names[0], names[-1]):
            await it.store.cancel(job)
        await reached(lambda: names[0] in it.work.cancelled and names[-1] in it.work.begun(FIRST))
        await it.done(*names[:-1])


async def test_the_engine_forgets_jobs_that_ended_long_ago(state: URL) -> None:
    async with led(state) as it:
        await it.add("ended")
        await it.done("ended")
        it.work.gate.clear()
        await it.add("running")
        await reached(lambda: "running" in it.work.begun())
        await it.runner.prune(3600.0)
        assert await listed() == {"ended", "running"}
        await it.runner.prune(-3600.0)
        assert await listed() == {"running"}
        await it.done("running")


async def test_a_launch_that_is_broken_off_leaves_no_engine_behind(state: URL) -> None:
    async def run(_job: str, _stage: str) -> str:
        return ""

    for wait_s in (0.0, 0.02, 0.1):
        before = set(threading.enumerate())
        runner = Durable(state, run, "one")
        launch = asyncio.create_task(runner.launch())
        await asyncio.sleep(wait_s)
        launch.cancel()
        with suppress(asyncio.CancelledError):
            await launch
            await runner.close()
        await asyncio.sleep(0.5)
        left = [thread.name for thread in threading.enumerate() if thread not in before]
        assert [name for name in left if not name.startswith("asyncio_")] == []


async def test_it_ends_even_if_a_library_loses_the_cancellation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with led(state_url("sqlite:///state.db", tmp_path)) as it:
        looks = it.store.unfinished
        lost = asyncio.Event()

        async def deaf() -> list[tuple[str, str]]:
            with suppress(asyncio.CancelledError):
                lost.set()
                await asyncio.sleep(3600)
            return await looks()

        monkeypatch.setattr(it.store, "unfinished", deaf)
        await lost.wait()


async def test_one_leads_and_the_next_takes_over(state: URL) -> None:
    async with led(state) as first:
        await first.add("a")
        await reached(lambda: first.work.begun() == ["a"])
        other = leadership(state)
        assert not await other.take()
    assert await other.take()
    assert await other.take()
    await other.give()


async def test_the_engine_keeps_ids_and_names_of_stages_in_a_private_file_and_nothing_else(tmp_path: Path) -> None:
    state = state_url("sqlite:///state.db", tmp_path)
    async with led(state) as it:
        await it.add("a-job")
        await it.done("a-job")
    file = jobs_file(state)
    assert file.stat().st_mode & 0o777 == 0o600
    written = file.read_bytes()
    assert b"a-job" in written
    assert b'"two"' in written
    for word in (b"py_pickle", b"1.2.3", b"Traceback"):
        assert word not in written
