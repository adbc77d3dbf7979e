"""Who runs jobs: one process at a time, for as long as it lives.

Beside SQLite it is a lock on a file, which the system takes back from a process that dies; on PostgreSQL an advisory
lock, which the server takes back with the connection.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.adapters.postgresql import connecting

__all__ = ["DatabaseLeadership", "FileLeadership", "leadership"]

LEADER: Final = 0x6469636F6E
"""Key of PostgreSQL's advisory lock."""


def leadership(state: URL) -> "FileLeadership | DatabaseLeadership":
    """Return what decides it for a state store."""
    if state.get_backend_name() == "sqlite":
        path = Path(state.database or "")
        return FileLeadership(path.with_name(f"{path.stem}-jobs.lock"))
    return DatabaseLeadership(state)


class FileLeadership:
    """A lock on a file; its content is nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    async def take(self) -> bool:
        """Try to lead; True also when this process leads already."""
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    async def give(self) -> None:
        """Let another lead."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class DatabaseLeadership:
    """An advisory lock of a session of its own."""

    def __init__(self, state: URL) -> None:
        url, arguments = connecting(state)
        self._engine: AsyncEngine = create_async_engine(
            url, hide_parameters=True, pool_size=1, max_overflow=0, isolation_level="AUTOCOMMIT", connect_args=arguments
        )
        self._session: AsyncConnection | None = None

    async def take(self) -> bool:
        """Try to lead; True as long as the session that leads is alive."""
        try:
            if self._session is not None:
                await self._session.execute(text("SELECT 1"))
                return True
            session = await self._engine.connect()
            taken = (await session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER})).scalar_one()
        except (SQLAlchemyError, OSError):
            await self.give()
            return False
        if taken:
            self._session = session
        else:
            await session.close()
        return bool(taken)

    async def give(self) -> None:
        """Let another lead: the session ends, and the lock with it."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.invalidate()
            await session.close()
        await self._engine.dispose()
