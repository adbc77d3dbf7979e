"""Shares in SQLite or PostgreSQL: fills ShareStore.

A row says when a share ends and how it is guarded; what it shows is sealed for exactly that row. A share that ends is
deleted, and SQLite overwrites what it deletes.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from gateway.adapters.sql import WRITE_AHEAD, begin, migrate, open_engine
from gateway.sharing.model import Standing

__all__ = ["SqlShareStore"]

_PRAGMAS: Final = (*WRITE_AHEAD, "secure_delete=ON")
_TABLES = MetaData()
_SHARES = Table(
    "shares",
    _TABLES,
    Column("id", String(64), primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("uplink", String(64), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("views_left", Integer),
    Column("pin", LargeBinary),
    Column("failures", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
_STANDING: Final = ("digest", "uplink", "expires", "views_left", "pin", "failures", "retry_at")


class SqlShareStore:
    """Shares in a database. Call ``start`` once before use. Every method raises StateFailed when the database does."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine = open_engine(url, pragmas=_PRAGMAS)
        dialect = sqlite if url.get_backend_name() == "sqlite" else postgresql
        insert = dialect.insert(_SHARES)
        changed = {column.name: insert.excluded[column.name] for column in _SHARES.columns if column.name != "id"}
        self._put = insert.on_conflict_do_update(index_elements=["id"], set_=changed)

    async def start(self) -> None:
        """Make the table, or bring it up to this program's."""
        await migrate(self._url)

    async def put(self, share_id: str, standing: Standing, sealed: bytes) -> None:
        """Keep a share in the place of the one that has its id, if any."""
        row = {name: getattr(standing, name) for name in _STANDING} | {"id": share_id, "sealed": sealed}
        async with begin(self._engine) as connection:
            await connection.execute(self._put, row)

    async def find(self, digest: bytes, now: int) -> Standing | None:
        """Return what is true of a share that has not expired."""
        columns = [_SHARES.c[name] for name in _STANDING]
        wanted = select(*columns).where(_SHARES.c.digest == digest, _SHARES.c.expires > now)
        async with begin(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return Standing(*row) if row else None

    async def sealed(self, digest: bytes) -> bytes | None:
        """Return what was sealed with a share."""
        async with begin(self._engine) as connection:
            wanted = select(_SHARES.c.sealed).where(_SHARES.c.digest == digest)
            found: bytes | None = (await connection.execute(wanted)).scalar_one_or_none()
        return found

    async def count_view(self, digest: bytes) -> bool:
        """Take one of the views that are left; False when there is none."""
        left = _SHARES.c.views_left
        return await self._change(
            update(_SHARES).where(_SHARES.c.digest == digest, left > 0).values(views_left=left - 1)
        )

    async def count_failure(self, digest: bytes, failures: int, retry_at: int) -> bool:
        """Count one wrong PIN more than ``failures``; False when another request has done so meanwhile."""
        this = update(_SHARES).where(_SHARES.c.digest == digest, _SHARES.c.failures == failures)
        return await self._change(this.values(failures=failures + 1, retry_at=retry_at))

    async def forgive(self, digest: bytes) -> None:
        """Forget wrong PINs."""
        await self._change(update(_SHARES).where(_SHARES.c.digest == digest).values(failures=0, retry_at=0))

    async def delete(self, share_id: str) -> None:
        """Delete a share, if it is there."""
        await self._change(delete(_SHARES).where(_SHARES.c.id == share_id))

    async def delete_expired(self, now: int) -> None:
        """Delete every share that has expired."""
        await self._change(delete(_SHARES).where(_SHARES.c.expires <= now))

    async def aclose(self) -> None:
        """Release connections."""
        await self._engine.dispose()

    async def _change(self, statement: Any) -> bool:
        async with begin(self._engine) as connection:
            return bool((await connection.execute(statement)).rowcount)
