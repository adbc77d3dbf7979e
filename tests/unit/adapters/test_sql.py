"""An engine ends with its threads, or they would report to an event loop that is closed."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.adapters.sql import begin, open_engine, upgrade
from gateway.core.errors import StateFailed


async def use(engine: AsyncEngine) -> None:
    while True:
        async with begin(engine) as connection:
            await connection.execute(text("SELECT 1"))


def workers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "_connection_worker" in thread.name}


async def test_no_thread_outlives_its_engine_whatever_was_broken_off(tmp_path: Path) -> None:
    before = workers()
    for turn in range(20):
        engine = open_engine(URL.create("sqlite+aiosqlite", database=str(tmp_path / "state.db")))
        tasks = [asyncio.create_task(use(engine)) for _ in range(4)]
        await asyncio.sleep(0.002 * turn)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await engine.dispose()
        assert not workers() - before


def test_a_fault_of_the_database_is_told_in_words_and_without_values(state: URL) -> None:
    if state.get_backend_name() == "sqlite":
        Path(str(state.database)).mkdir()
        faults = {state: "OperationalError: SQLITE_CANTOPEN"}
    else:
        faults = {
            state.set(database="no_such"): "OperationalError: there is no such database",
            state.set(port=9): "OperationalError: no connection",
        }
    for url, said in faults.items():
        with pytest.raises(StateFailed) as fault:
            upgrade(url)
        place = url.database if url.get_backend_name() == "sqlite" else f"{url.host}:{url.port}"
        assert str(fault.value) == f"{place}: the state store failed ({said})"


async def test_so_it_is_while_it_serves(state: URL) -> None:
    if state.get_backend_name() == "sqlite":
        pytest.skip("has no users")
    engine = open_engine(state.set(database="no_such"))
    with pytest.raises(StateFailed, match="there is no such database"):
        async with begin(engine):
            pass
    await engine.dispose()
