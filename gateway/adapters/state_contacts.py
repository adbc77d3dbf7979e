"""The contacts of pending jobs, in SQLite or PostgreSQL: fills Contacts.

A row holds a contact sealed for its job under the keys of the job's domain. On SQLite the rows have a file of their own
beside the state, so that no backup of the state keeps a contact, and what is wiped is overwritten with zeros in that
file; there is no write-ahead log that could still have it. PostgreSQL keeps what was deleted until it vacuums:
there nothing but the sealing protects it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, delete, insert, select
from sqlalchemy.engine import URL

from gateway.adapters.sql import begin, migrate, open_engine
from gateway.core.pseudonym.keys import KeyRing, KeyRings
from gateway.notify.contact import Contact

__all__ = ["MAX_AGE_S", "SqlContacts", "beside"]

MAX_AGE_S: Final = 48 * 3600
"""Twice as long as a job waits for its destination."""

_SEAL: Final = "contact"
_TABLES: Final = MetaData()
_CONTACTS: Final = Table(
    "contacts",
    _TABLES,
    Column("job", String(64), primary_key=True),
    Column("kept_at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
# A rollback journal is deleted with each transaction, and a write-ahead log is not.
_OVERWRITING: Final = ("secure_delete=ON", "journal_mode=DELETE", "synchronous=FULL", "temp_store=MEMORY")


class SqlContacts:
    """Sealed contacts in a database. ``rings`` gives the key rings of a domain; call ``start`` once before use.

    ``clock`` gives the seconds of the epoch. Every method raises StateFailed when the database does.
    """

    def __init__(self, state: URL, rings: Callable[[str], KeyRings], clock: Callable[[], float] = time.time) -> None:
        self._rings = rings
        self._clock = clock
        self._url = beside(state)
        self._engine = open_engine(self._url, "contacts", _OVERWRITING)

    async def start(self) -> None:
        """Make the table, or bring it up to this program's, and wipe what an earlier run left behind."""
        await migrate(self._url, "contacts")
        await self.wipe_expired()

    async def put(self, domain: str, job: str, contact: Contact) -> None:
        """Keep the contact of a job, in place of the one it may have had."""
        ring = self._rings(domain).current
        sealed = ring.seal(_SEAL, contact.to_bytes(), _binding(ring, job))
        async with begin(self._engine) as connection:
            await connection.execute(delete(_CONTACTS).where(_CONTACTS.c.job == job))
            await connection.execute(insert(_CONTACTS).values(job=job, kept_at=int(self._clock()), sealed=sealed))

    async def get(self, domain: str, job: str) -> Contact | None:
        """Return the contact of a job; None when there is none, or none of this domain, or it is too old."""
        wanted = select(_CONTACTS.c.sealed).where(_CONTACTS.c.job == job, _CONTACTS.c.kept_at >= self._oldest())
        async with begin(self._engine) as connection:
            sealed = (await connection.execute(wanted)).scalar_one_or_none()
        if sealed is None:
            return None
        opened = (ring.open(_SEAL, sealed, _binding(ring, job)) for ring in self._rings(domain))
        return next((Contact.from_bytes(plain) for plain in opened if plain is not None), None)

    async def wipe(self, job: str) -> None:
        """Forget the contact of a job, if there is one."""
        async with begin(self._engine) as connection:
            await connection.execute(delete(_CONTACTS).where(_CONTACTS.c.job == job))

    async def wipe_expired(self) -> None:
        """Forget every contact that is older than MAX_AGE_S."""
        async with begin(self._engine) as connection:
            await connection.execute(delete(_CONTACTS).where(_CONTACTS.c.kept_at < self._oldest()))

    async def aclose(self) -> None:
        """Release connections."""
        await self._engine.dispose()

    def _oldest(self) -> int:
        return int(self._clock()) - MAX_AGE_S


def beside(state: URL) -> URL:
    """Name the file of the contacts; a PostgreSQL database has them in a table beside the others."""
    if state.get_backend_name() != "sqlite" or state.database is None:
        return state
    path = Path(state.database)
    return state.set(database=str(path.with_name(f"{path.stem}-contacts{path.suffix}")))


def _binding(ring: KeyRing, job: str) -> bytes:
    return f"{ring.domain}\0{job}".encode()
