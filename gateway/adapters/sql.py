"""Connections to the databases behind ``state``: SQLite files that only their owner reads, or PostgreSQL."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, Final

import aiosqlite
from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway import migrations
from gateway.adapters.postgresql import blocking_url, connecting
from gateway.core.errors import StateFailed

__all__ = ["WRITE_AHEAD", "begin", "migrate", "open_engine", "revision", "upgrade"]

WRITE_AHEAD: Final = ("journal_mode=WAL", "synchronous=NORMAL")
"""Fast, and safe but for the last writes before a power cut."""

BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 4
POOL_WAIT_S = 5
MAX_JOIN_S = 10
SCHEMA_LOCK = 0x6469636F6D
"""Key of PostgreSQL's advisory lock: replicas that start together would collide in making the tables."""


def open_engine(url: URL, chain: str = "state", pragmas: Sequence[str] = WRITE_AHEAD) -> AsyncEngine:
    """Return an engine; on SQLite a connection makes the tables: the file may be deleted under a running gateway."""
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": POOL_SIZE,
        "max_overflow": 0,
        "pool_timeout": POOL_WAIT_S,
    }
    if url.get_backend_name() != "sqlite":
        bare, arguments = connecting(url)
        return create_async_engine(bare, pool_pre_ping=True, connect_args=arguments, **options)
    threads = _Threads()
    engine = create_async_engine(url, connect_args={"async_creator_fn": threads.connect}, **options)
    event.listen(engine.sync_engine, "do_connect", _make_private_file)
    event.listen(engine.sync_engine, "connect", _preparing(url, chain, _pragmas(pragmas)))
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


async def migrate(url: URL, chain: str = "state") -> None:
    """Make the tables, or bring those of an earlier program up to this one's. Raises StateFailed."""
    await asyncio.to_thread(upgrade, url, chain)


def upgrade(url: URL, chain: str = "state") -> None:
    """Do so and wait for it; several programs may at once. Raises StateFailed, which names the store."""
    try:
        _upgrade(url, chain)
    except StateFailed as fault:
        raise StateFailed(f"{_place(url)}: {fault}") from None


def _place(url: URL) -> str:
    """Where a store is: its file, or its server and port; never a user or a password."""
    return str(url.database) if url.get_backend_name() == "sqlite" else f"{url.host}:{url.port}"


def _upgrade(url: URL, chain: str) -> None:
    with _blocking(url) as connection:
        if migrations.is_usable(migrations.found(connection, chain), chain):
            return  # which takes no lock, and no right to change tables
        connection.rollback()
        _lock(connection)
        migrations.upgrade(connection, chain)
        connection.commit()


def revision(url: URL, chain: str) -> tuple[str | None, bool]:
    """Return the revision of a chain, and whether it can be used as it is. Raises StateFailed."""
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return None, False
    with _blocking(url) as connection:
        there = migrations.found(connection, chain)
        return there, migrations.is_usable(there, chain)


@contextmanager
def _blocking(url: URL) -> Iterator[Connection]:
    engine = create_engine(blocking_url(url), poolclass=NullPool, hide_parameters=True)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "do_connect", _make_private_file)
    with _failing(), engine.connect() as connection:
        yield connection


def _lock(connection: Connection) -> None:
    """Let no other upgrade in until the transaction ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})


@asynccontextmanager
async def begin(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction. Raises StateFailed."""
    with _failing():
        async with engine.begin() as connection:
            yield connection


_STATES: Final = {
    "08": "no connection",
    "28": "it refuses the user or the password",
    "3D": "there is no such database",
    "42501": "the role may not do this",
    "42P01": "a table is missing",
    "53": "it has no room: connections, memory or disk",
    "57": "it is starting, or shutting down",
}
"""SQLSTATE, or its class, in words."""
_SAID: Final = (
    ("password authentication failed", _STATES["28"]),
    ("does not exist", _STATES["3D"]),
    ("Connection refused", _STATES["08"]),
    ("could not translate host name", "no such host"),
    ("Name or service not known", "no such host"),
)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StateFailed(f"the state store failed ({_kind(error)})") from None


def _kind(error: Exception) -> str:
    """Say what is wrong by class and code alone: the text may repeat the statement's values."""
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
    words = _STATES.get(state) or _STATES.get(state[:2]) or getattr(cause, "sqlite_errorname", None)
    if words is None:  # libpq gives no code for what ends an attempt to connect
        words = next((words for said, words in _SAID if said in str(cause)), None)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _pragmas(pragmas: Sequence[str]) -> list[str]:
    return [f"PRAGMA {pragma}" for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *pragmas)]


def _make_private_file(_dialect: Any, _record: Any, arguments: list[Any], _options: dict[str, Any]) -> None:
    """Make the file readable by its owner alone; SQLite gives its journal files the same mode."""
    with suppress(FileExistsError):
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _preparing(url: URL, chain: str, pragmas: Sequence[str]) -> Any:
    has_tables = f"SELECT 1 FROM sqlite_master WHERE name = '{migrations.version_table(chain)}'"  # noqa: S608 ours

    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.execute(has_tables)
        is_new = cursor.fetchone() is None
        cursor.close()
        connection.commit()
        if is_new:
            upgrade(url, chain)

    return prepare
