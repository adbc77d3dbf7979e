"""Jobs of uplinks in SQLite or PostgreSQL: fills JobStore.

A row holds counts and states; what the job was asked, and the link to what it shared, are sealed for exactly that row
under the keys of its domain; who began it is kept as a keyed digest. When a job ends, what it was asked is forgotten,
and so are its instances (released UIDs).
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.sql import WRITE_AHEAD, begin, migrate, open_engine
from gateway.core.errors import KeyReused
from gateway.core.pseudonym.keys import KeyRing, KeyRings
from gateway.uplink.model import KEPT_S, Asked, Fate, Job, Notified, State, Told

__all__ = ["SqlJobStore"]

BATCH_ROWS: Final = 500
_ASKED: Final = "uplink job"
_LINK: Final = "uplink link"
_OWNER: Final = "uplink owner"
_PRAGMAS: Final = (*WRITE_AHEAD, "secure_delete=ON")
_TABLES: Final = MetaData()
_JOBS: Final = Table(
    "uplink_jobs",
    _TABLES,
    Column("id", String(64), primary_key=True),
    Column("uplink", String(64), nullable=False),
    Column("domain", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("begun", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("total", Integer, nullable=False),
    *(Column(fate.value, Integer, nullable=False) for fate in Fate),
    Column("reason", String(256), nullable=False),
    Column("is_cancelled", Boolean, nullable=False),
    Column("shares", Boolean, nullable=False),
    Column("notified", String(16), nullable=False),
    Column("base", String(512), nullable=False),
    Column("link", LargeBinary),
    Column("expires", BigInteger),
    Column("is_revoked", Boolean, nullable=False),
    Column("asked", LargeBinary),
    Column("told_key", LargeBinary),
    Column("told_whole", LargeBinary),
    Column("told_rest", LargeBinary),
    Column("owner", LargeBinary),
    UniqueConstraint("uplink", "told_key"),
)
_INSTANCES: Final = Table(
    "uplink_instances",
    _TABLES,
    Column("job", String(64), primary_key=True),
    Column("released", String(64), primary_key=True),
    Column("fate", String(16), nullable=False),
)
_FINAL: Final = tuple(state.value for state in State if state.is_final)
_PLAIN: Final = (
    "id", "uplink", "begun", "total", *(fate.value for fate in Fate), "reason", "shares", "base", "is_revoked",
    "is_cancelled",
)  # fmt: skip


class SqlJobStore:
    """Jobs in a database. ``rings`` gives the key rings of a domain; call ``start`` once before use.

    Every method raises StateFailed when the database does.
    """

    def __init__(self, url: URL, rings: Callable[[str], KeyRings], clock: Callable[[], float] = time.time) -> None:
        self._rings = rings
        self._clock = clock
        self._url = url
        self._engine = open_engine(url, pragmas=_PRAGMAS)
        dialect = sqlite if url.get_backend_name() == "sqlite" else postgresql
        self._insert_job = dialect.insert(_JOBS).on_conflict_do_nothing()
        insert = dialect.insert(_INSTANCES)
        keys = ["job", "released"]
        self._expect = insert.on_conflict_do_nothing(index_elements=keys)
        self._account = insert.on_conflict_do_update(index_elements=keys, set_={"fate": insert.excluded.fate})

    async def start(self) -> None:
        """Make the tables, or bring them up to this program's."""
        await migrate(self._url)

    async def create(self, job: Job, domain: str, asked: Asked, told: Told | None, owner: str | None = None) -> str:
        """Keep a new job and return its id, or that of the job that had the same request. Raises KeyReused."""
        ring = self._rings(domain).current
        row = {name: getattr(job, name) for name in (*_PLAIN, "state", "notified")} | {
            "domain": domain,
            "created": self._clock(),
            "owner": None if owner is None else _owned(ring, owner, job.id),
            "asked": ring.seal(_ASKED, _written(asked), job.id.encode()),
            "told_key": told.key if told else None,
            "told_whole": told.whole if told else None,
            "told_rest": told.rest if told else None,
        }
        async with begin(self._engine) as connection:
            made = (await connection.execute(self._insert_job.values(row))).rowcount
            return job.id if made or told is None else await _same(connection, job.uplink, told)

    async def get(self, uplink: str, job: str, owner: str | None = None) -> Job | None:
        """Return a job of an uplink, if it is the owner's; None asks for anybody's."""
        row = await self._row(job)
        if row is None or row.uplink != uplink or not (owner is None or self._is_owner(row, owner)):
            return None
        return self._job(row)

    async def find(self, job: str) -> Job | None:
        """Return a job by its id alone."""
        row = await self._row(job)
        return None if row is None else self._job(row)

    async def _row(self, job: str) -> Row[Any] | None:
        async with begin(self._engine) as connection:
            return (await connection.execute(select(_JOBS).where(_JOBS.c.id == job))).one_or_none()

    def _is_owner(self, row: Row[Any], owner: str) -> bool:
        kept = row.owner or b""
        return any(hmac.compare_digest(kept, _owned(ring, owner, row.id)) for ring in self._rings(row.domain))

    async def asked(self, job: str) -> Asked | None:
        """Return what a job is to do; None when it has ended, or when no secret opens it."""
        async with begin(self._engine) as connection:
            row = (
                await connection.execute(select(_JOBS.c.domain, _JOBS.c.asked).where(_JOBS.c.id == job))
            ).one_or_none()
        plain = self._opened(row.domain, _ASKED, row.asked, job) if row else None
        return None if plain is None else _read(plain)

    async def unfinished(self) -> list[tuple[str, str]]:
        """Return the ids of all jobs that have not ended, oldest first, each with its uplink."""
        wanted = select(_JOBS.c.id, _JOBS.c.uplink).where(_JOBS.c.state.not_in(_FINAL)).order_by(_JOBS.c.created)
        async with begin(self._engine) as connection:
            return [(row.id, row.uplink) for row in await connection.execute(wanted)]

    async def cancelling(self) -> list[str]:
        """Return the ids of the jobs that are to be cancelled and have not ended."""
        wanted = select(_JOBS.c.id).where(_JOBS.c.state.not_in(_FINAL), _JOBS.c.is_cancelled)
        async with begin(self._engine) as connection:
            return list((await connection.execute(wanted)).scalars())

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """Return how many jobs there are of each uplink in each state."""
        async with begin(self._engine) as connection:
            asked = select(_JOBS.c.uplink, _JOBS.c.state, func.count()).group_by(_JOBS.c.uplink, _JOBS.c.state)
            return {(uplink, state): count for uplink, state, count in await connection.execute(asked)}

    async def update(self, job: str, **values: object) -> None:
        """Change what is known of a job, by the names of ``Job``; a job that has ended stays as it is."""
        async with begin(self._engine) as connection:
            await connection.execute(
                update(_JOBS).where(_JOBS.c.id == job, _JOBS.c.state.not_in(_FINAL)).values(values)
            )

    async def shared(self, job: str, link: str, expires: datetime) -> None:
        """Keep the token of a job's share, sealed."""
        async with begin(self._engine) as connection:
            domain = (await connection.execute(select(_JOBS.c.domain).where(_JOBS.c.id == job))).scalar_one()
            sealed = self._rings(domain).current.seal(_LINK, link.encode(), job.encode())
            values = {"link": sealed, "expires": int(expires.timestamp())}
            await connection.execute(update(_JOBS).where(_JOBS.c.id == job).values(values))

    async def revoked(self, job: str) -> None:
        """Forget the token of a job's share; that it was revoked stays known."""
        async with begin(self._engine) as connection:
            await connection.execute(update(_JOBS).where(_JOBS.c.id == job).values(link=None, is_revoked=True))

    async def cancel(self, job: str) -> None:
        """Ask for the end of a job, if it has not ended."""
        await self.update(job, is_cancelled=True)

    async def expect(self, job: str, instances: Collection[str]) -> None:
        """Add instances (released UIDs) to those that a job has to account for; known ones stay as they are."""
        rows = [{"job": job, "released": uid, "fate": ""} for uid in sorted(instances)]
        async with begin(self._engine) as connection:
            for start in range(0, len(rows), BATCH_ROWS):
                await connection.execute(self._expect, rows[start : start + BATCH_ROWS])
            await _count(connection, job)

    async def instances(self, job: str) -> Mapping[str, Fate | None]:
        """Return what became of each instance of a job that runs; None of those that are still to come."""
        wanted = select(_INSTANCES.c.released, _INSTANCES.c.fate).where(_INSTANCES.c.job == job)
        async with begin(self._engine) as connection:
            return {row.released: Fate(row.fate) if row.fate else None for row in await connection.execute(wanted)}

    async def account(self, job: str, fates: Mapping[str, Fate]) -> None:
        """Note what became of instances, and count anew."""
        if not fates:
            return
        rows = [{"job": job, "released": uid, "fate": fate.value} for uid, fate in sorted(fates.items())]
        async with begin(self._engine) as connection:
            for start in range(0, len(rows), BATCH_ROWS):
                await connection.execute(self._account, rows[start : start + BATCH_ROWS])
            await _count(connection, job)

    async def end(self, job: str, state: State, reason: str) -> None:
        """End a job, and forget what it was asked and what became of each instance."""
        values = {"state": state.value, "reason": reason, "asked": None, "told_whole": None}
        async with begin(self._engine) as connection:
            await connection.execute(delete(_INSTANCES).where(_INSTANCES.c.job == job))
            await connection.execute(
                update(_JOBS).where(_JOBS.c.id == job, _JOBS.c.state.not_in(_FINAL)).values(values)
            )

    async def prune(self) -> None:
        """Forget jobs that have ended and were asked for longer than ``KEPT_S`` ago."""
        now = self._clock()
        is_closed = _JOBS.c.expires.is_(None) | _JOBS.c.is_revoked | (_JOBS.c.expires < int(now))
        async with begin(self._engine) as connection:
            await connection.execute(
                delete(_JOBS).where(_JOBS.c.state.in_(_FINAL), _JOBS.c.created < now - KEPT_S, is_closed)
            )

    async def aclose(self) -> None:
        """Release connections."""
        await self._engine.dispose()

    def _job(self, row: Row[Any]) -> Job:
        link = self._opened(row.domain, _LINK, row.link, row.id)
        return Job(
            **{name: getattr(row, name) for name in _PLAIN},
            state=State(row.state),
            notified=Notified(row.notified),
            link=link.decode() if link else "",
            expires=None if row.expires is None else datetime.fromtimestamp(row.expires, UTC),
        )

    def _opened(self, domain: str, purpose: str, sealed: bytes | None, job: str) -> bytes | None:
        opened = (ring.open(purpose, sealed, job.encode()) for ring in self._rings(domain)) if sealed else iter(())
        return next((plain for plain in opened if plain is not None), None)


async def _same(connection: AsyncConnection, uplink: str, told: Told) -> str:
    """Return the job that had a key first. Its whole request is compared while it lasts, the rest of it later."""
    wanted = select(_JOBS.c.id, _JOBS.c.told_whole, _JOBS.c.told_rest)
    found = (await connection.execute(wanted.where(_JOBS.c.uplink == uplink, _JOBS.c.told_key == told.key))).one()
    if (found.told_whole, found.told_rest) not in ((told.whole, told.rest), (None, told.rest)):
        raise KeyReused("the Idempotency-Key came before with another request")
    job: str = found.id
    return job


async def _count(connection: AsyncConnection, job: str) -> None:
    of_job = select(_INSTANCES.c.fate, func.count().label("number")).where(_INSTANCES.c.job == job)
    found = {row.fate: row.number for row in await connection.execute(of_job.group_by(_INSTANCES.c.fate))}
    counts = {"total": sum(found.values())} | {fate.value: found.get(fate.value, 0) for fate in Fate}
    await connection.execute(update(_JOBS).where(_JOBS.c.id == job).values(counts))


def _owned(ring: KeyRing, owner: str, job: str) -> bytes:
    """Return what tells a job's owner from others, and nobody's name or what else is theirs."""
    return hashlib.sha256(ring.seal(_OWNER, owner.encode(), job.encode())).digest()


def _written(asked: Asked) -> bytes:
    return json.dumps([asked.study, asked.series, asked.instances, asked.pin]).encode()


def _read(plain: bytes) -> Asked:
    study, series, instances, pin = json.loads(plain)
    return Asked(study, tuple(series), tuple(instances), pin)
