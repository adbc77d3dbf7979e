"""An engine ends with its threads, or they would report to an event loop that is closed."""

import asyncio
import threading
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.adapters.sql import begin, open_engine


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
