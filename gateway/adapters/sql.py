"""Connections to the databases behind ``state``: SQLite files that only their owner reads, or PostgreSQL."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from threading import Thread
from typing import Any, Final

import aiosqlite
from sqlalchemy import MetaData, event, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateTable

from gateway.core.errors import StateFailed

__all__ = ["WRITE_AHEAD", "begin", "make_tables", "open_engine"]

WRITE_AHEAD: Final = ("journal_mode=WAL", "synchronous=NORMAL")
"""Fast, and safe but for the last writes before a power cut."""

BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 4
MAX_JOIN_S = 10
SCHEMA_LOCK = 0x6469636F6D
"""Key of PostgreSQL's advisory lock: replicas that start together would collide in making the tables."""


def open_engine(url: URL, tables: MetaData, pragmas: Sequence[str] = WRITE_AHEAD) -> AsyncEngine:
    """Return an engine; on SQLite each connection makes the tables: the file may be deleted under a running gateway."""
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": POOL_SIZE, "max_overflow": 0}
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True, **options)
    threads = _Threads()
    engine = create_async_engine(url, connect_args={"async_creator_fn": threads.connect}, **options)
    event.listen(engine.sync_engine, "do_connect", _make_private_file)
    event.listen(engine.sync_engine, "connect", _preparing([*_pragmas(pragmas), *_creating(tables)]))
    return _SqliteEngine(engine, threads)


class _Threads:
    """The threads behind aiosqlite's connections."""

    def __init__(self) -> None:
        self._begun: list[Thread] = []

    def connect(self, *arguments: Any, **options: Any) -> aiosqlite.Connection:
        """Make a connection, as SQLAlchemy does."""
        connection = aiosqlite.connect(*arguments, **options)
        thread = connection._thread  # noqa: SLF001 - there is no other way to it
        thread.daemon = True
        self._begun = [*(one for one in self._begun if one.is_alive()), thread]
        return connection

    async def join(self) -> None:
        """Wait until they have ended."""
        for thread in self._begun:
            if thread.is_alive():
                await asyncio.to_thread(thread.join, MAX_JOIN_S)


class _SqliteEngine(AsyncEngine):
    """Ends with its threads: one whose task was cancelled still reports to the event loop, which must be there."""

    def __init__(self, engine: AsyncEngine, threads: _Threads) -> None:
        super().__init__(engine.sync_engine)
        self._threads = threads

    async def dispose(self, close: bool = True) -> None:  # noqa: FBT001, FBT002 - the signature of AsyncEngine
        await super().dispose(close)
        await self._threads.join()


async def make_tables(engine: AsyncEngine, tables: MetaData) -> None:
    """Make the tables where there are none. Raises StateFailed."""
    async with begin(engine) as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
        await connection.run_sync(tables.create_all)


@asynccontextmanager
async def begin(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction. Raises StateFailed."""
    try:
        async with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        # The class says what is wrong (refused, locked, full); the text may repeat the statement's values.
        raise StateFailed(f"the state store failed ({type(error).__name__})") from None


def _pragmas(pragmas: Sequence[str]) -> list[str]:
    return [f"PRAGMA {pragma}" for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *pragmas)]


def _creating(tables: MetaData) -> list[str]:
    dialect = sqlite.dialect()
    return [str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)) for table in tables.sorted_tables]


def _make_private_file(_dialect: Any, _record: Any, arguments: list[Any], _options: dict[str, Any]) -> None:
    """Make the file readable by its owner alone; SQLite gives its journal files the same mode."""
    with suppress(FileExistsError):
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _preparing(statements: Sequence[str]) -> Any:
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    return prepare
