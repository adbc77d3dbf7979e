"""What has been released, in SQLite or PostgreSQL: fills ReleaseStore.

A row names the released side in the clear and holds its source sealed for exactly that row, so that neither a copy of
the database nor a row moved within it tells anything. A row that does not open counts as absent, and the next release
of the pair mends it. A row that only an earlier secret opens is sealed anew under today's when it is read.
"""

import asyncio
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cachetools import TTLCache
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gateway.adapters.postgresql import checked
from gateway.adapters.sql import begin, migrate, open_engine
from gateway.core.pseudonym.keys import KeyRing, KeyRings
from gateway.ports import Release

__all__ = ["SqlReleaseStore", "state_url"]

CACHED_RELEASES = 20_000
"""About 8 MB; what was released last is what is asked for next."""
CACHE_TTL_S = 3600.0
BATCH_ROWS = 500

_SEAL = "release"
_TABLES = MetaData()
_RELEASES = Table(
    "releases",
    _TABLES,
    Column("domain", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("released", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
_KEY = ("domain", "kind", "released")
_Key = tuple[str, str, str]


def state_url(state: str, folder: Path) -> URL:
    """Map a URL as users write it to an async driver; a relative SQLite path counts from ``folder``.

    Raises ValueError without the URL, which may hold a password.
    """
    try:
        url = make_url(state)
    except (ArgumentError, ValueError):
        raise ValueError("should be sqlite:////path/to/file or postgresql://user@host/database") from None
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        if url.host or url.query or url.database in (None, "", ":memory:"):
            raise ValueError("should be sqlite:////path/to/file, or sqlite:///file beside the settings")
        return url.set(drivername="sqlite+aiosqlite", database=str(folder / str(url.database)))
    if backend in ("postgresql", "postgres"):
        if not url.database:
            raise ValueError("should name a database: postgresql://user@host/database")
        if find_spec("asyncpg") is None:
            raise ValueError("postgresql needs the package asyncpg: pip install 'dicomveil[postgres]'")
        return checked(url, folder)
    raise ValueError("should be sqlite:////path/to/file or postgresql://user@host/database")


class SqlReleaseStore:
    """Released pairs in a database, behind a cache that answers for the last CACHED_RELEASES of them.

    ``rings`` gives the key rings of a domain. Call ``start`` once before use. Every method raises StateFailed when the
    database does.
    """

    def __init__(self, url: URL, rings: Callable[[str], KeyRings]) -> None:
        self._rings = rings
        self._url = url
        self._engine = open_engine(url)
        dialect = sqlite if url.get_backend_name() == "sqlite" else postgresql
        insert = dialect.insert(_RELEASES)
        different = _RELEASES.c.sealed != insert.excluded.sealed
        self._insert = insert.on_conflict_do_update(
            index_elements=_KEY, set_={"sealed": insert.excluded.sealed}, where=different
        )
        self._cache: TTLCache[_Key, str] = TTLCache(CACHED_RELEASES, CACHE_TTL_S)
        self._gathered: dict[_Key, str] = {}
        self._writing: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the table, or bring it up to this program's."""
        await migrate(self._url)

    async def put(self, domain: str, kind: str, releases: Iterable[Release]) -> None:
        """Remember pairs; those that the cache knows cost no database access.

        What is put while others are written is gathered and written next, all of it at once: many clients that come
        together use one connection, and whoever leaves takes nobody along.
        """
        new = {(domain, kind, pair.released): pair.source for pair in releases if not self._knows(domain, kind, pair)}
        if not new:
            return
        self._gathered |= new
        if self._next is None:
            self._next = asyncio.create_task(self._write_after(self._writing))
        await asyncio.shield(self._next)

    async def _write_after(self, before: asyncio.Task[None] | None) -> None:
        await _end_of(before)
        new, self._gathered = self._gathered, {}
        self._writing, self._next = self._next, None
        # Sorted, so that two replicas that write the same rows wait for each other instead of locking each other out.
        rows = [self._row(key, source) for key, source in sorted(new.items())]
        for start in range(0, len(rows), BATCH_ROWS):
            async with begin(self._engine) as connection:
                await connection.execute(self._insert, rows[start : start + BATCH_ROWS])
        self._cache.update(new)

    async def get(self, domain: str, kind: str, released: str) -> str | None:
        """Return the source of a released identifier, or None."""
        key = (domain, kind, released)
        if (known := self._cache.get(key)) is not None:
            return known
        wanted = select(_RELEASES.c.sealed).where(
            _RELEASES.c.domain == domain, _RELEASES.c.kind == kind, _RELEASES.c.released == released
        )
        async with begin(self._engine) as connection:
            sealed = (await connection.execute(wanted)).scalar_one_or_none()
        if sealed is None:
            return None
        rings = self._rings(domain)
        source = _open(rings.current, kind, released, sealed)
        if source is not None:
            self._cache[key] = source
            return source
        source = next(filter(None, (_open(ring, kind, released, sealed) for ring in rings.previous)), None)
        if source is not None:
            await self.put(domain, kind, [Release(released, source)])
        return source

    @property
    def cached(self) -> int:
        """Return how many identifiers are known without asking the database."""
        return len(self._cache)

    async def aclose(self) -> None:
        """Write what is under way, and release connections."""
        await _end_of(self._next or self._writing)
        await self._engine.dispose()

    def _row(self, key: _Key, source: str) -> dict[str, Any]:
        domain, kind, released = key
        sealed = _seal(self._rings(domain).current, kind, released, source)
        return {**dict(zip(_KEY, key, strict=True)), "sealed": sealed}

    def _knows(self, domain: str, kind: str, pair: Release) -> bool:
        return self._cache.get((domain, kind, pair.released)) == pair.source


async def _end_of(task: asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        await asyncio.wait([task])


def _seal(ring: KeyRing, kind: str, released: str, source: str) -> bytes:
    return ring.seal(_SEAL, source.encode(), _binding(ring, kind, released))


def _open(ring: KeyRing, kind: str, released: str, sealed: bytes) -> str | None:
    plain = ring.open(_SEAL, sealed, _binding(ring, kind, released))
    return None if plain is None else plain.decode()


def _binding(ring: KeyRing, kind: str, released: str) -> bytes:
    return f"{ring.domain}\0{kind}\0{released}".encode()
