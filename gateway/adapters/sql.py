"""Connections to the databases behind ``state``: SQLite files that only their owner reads, or PostgreSQL."""

import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

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
SCHEMA_LOCK = 0x6469636F6D
"""Key of PostgreSQL's advisory lock: replicas that start together would collide in making the tables."""


def open_engine(url: URL, tables: MetaData, pragmas: Sequence[str] = WRITE_AHEAD) -> AsyncEngine:
    """Return an engine; on SQLite each connection makes the tables: the file may be deleted under a running gateway."""
    on_sqlite = url.get_backend_name() == "sqlite"
    engine = create_async_engine(
        url, hide_parameters=True, pool_size=POOL_SIZE, max_overflow=0, pool_pre_ping=not on_sqlite
    )
    if on_sqlite:
        event.listen(engine.sync_engine, "do_connect", _make_private_file)
        event.listen(engine.sync_engine, "connect", _preparing([*_pragmas(pragmas), *_creating(tables)]))
    return engine


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
