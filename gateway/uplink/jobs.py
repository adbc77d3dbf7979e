"""What is done with jobs from outside: begun, looked at, followed, cancelled, and what they shared revoked."""

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Final

from gateway.core.errors import BadRequest, NotReleased, TooManyFollowers
from gateway.core.pseudonym.keys import KeyRing
from gateway.notify.contact import Contact, Contacts
from gateway.notify.notifiers import Notifiers
from gateway.sharing.pins import checked_pin
from gateway.sharing.service import Sharing
from gateway.uplink.model import Asked, Job, JobStore, Notified, Told
from gateway.uplink.stages import Uplink

__all__ = ["Jobs", "Sharer"]

ID_BYTES: Final = 16
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
FOLLOW_EACH_S: Final = 0.25
MOST_FOLLOWERS: Final = 64
"""Of all jobs, in one process: each job that is followed is looked at four times a second."""
MOST_OF_A_CLIENT: Final = 8
"""More than the pages somebody has open; nobody takes the places of all others."""
FOLLOW_AGAIN_S: Final = 10
_PURPOSE: Final = "uplink request"


@dataclass(frozen=True, slots=True)
class Sharer:
    """Whom a share is for, and the gateway's address in its link."""

    base: str
    contact: Contact | None = field(default=None, repr=False)


@dataclass(slots=True)
class Jobs:
    """The jobs of all uplinks; ``wake`` tells whoever runs them that there is something new.

    Who names an ``owner`` finds that owner's jobs only: those of others are not there.
    """

    uplinks: Mapping[str, Uplink]
    store: JobStore
    contacts: Contacts
    notifiers: Notifiers
    sharing: Sharing
    wake: Callable[[], None]
    is_retired: bool = False
    """Other settings are in force: who follows a job comes back and is asked by those."""
    _looks: dict[str, asyncio.Task[Job]] = field(default_factory=dict)
    _followers: Counter[str] = field(default_factory=Counter)

    def uplink(self, name: str) -> Uplink:
        """Return an uplink. Raises NotReleased."""
        uplink = self.uplinks.get(name)
        if uplink is None:
            raise NotReleased
        return uplink

    async def begin(
        self,
        name: str,
        asked: Asked,
        sharer: Sharer | None = None,
        key: str | None = None,
        owner: str | None = None,
    ) -> Job:
        """Keep a new job, or return the one that the same owner's key and request had made.

        Raises NotReleased when there is no such uplink; BadRequest for what the settings do not provide; KeyReused.
        """
        uplink = self.uplink(name)
        contact = sharer.contact if sharer else None
        if sharer is not None:
            self._check(uplink, asked, contact)
        job = Job(
            id=token_urlsafe(ID_BYTES),
            uplink=name,
            shares=sharer is not None,
            notified=Notified.PENDING if contact else Notified.NOBODY,
            base=sharer.base if sharer else "",
        )
        if contact is not None:  # first: a job that runs must find it
            await self.contacts.put(uplink.domain, job.id, contact)
        kept = ""
        try:
            told = None if key is None else _told(uplink.engine.keys, name, [owner or "", key], asked, sharer)
            kept = await self.store.create(job, uplink.domain, asked, told, owner)
        finally:
            if contact is not None and kept != job.id:
                await self.contacts.wipe(job.id)
        self.wake()
        return await self.get(name, kept)

    async def get(self, name: str, job_id: str, owner: str | None = None) -> Job:
        """Return a job. Raises NotReleased."""
        job = await self.store.get(self.uplink(name).name, job_id, owner) if _ID.fullmatch(job_id) else None
        if job is None:
            raise NotReleased
        return job

    async def follow(
        self, name: str, job_id: str, owner: str | None = None, client: str = ""
    ) -> AsyncGenerator[Job, None]:
        """Yield a job now, whenever it has changed, and last when it has ended; ``client`` is who follows.

        Raises NotReleased, and TooManyFollowers.
        """
        job = await self.get(name, job_id, owner)
        if self._followers[client] >= MOST_OF_A_CLIENT:
            raise TooManyFollowers(f"one client follows {MOST_OF_A_CLIENT} jobs already", FOLLOW_AGAIN_S)
        if self._followers.total() >= MOST_FOLLOWERS:
            raise TooManyFollowers(f"{MOST_FOLLOWERS} follow jobs already", FOLLOW_AGAIN_S)
        self._followers[client] += 1
        try:
            yield job
            while not (job.state.is_final or self.is_retired):
                last, job = job, await self._next_look(job)
                if job != last:
                    yield job
        finally:
            self._followers -= Counter((client,))  # and forget who has none

    async def _next_look(self, job: Job) -> Job:
        """Look at a job a little later, once for all who follow it."""
        look = self._looks.get(job.id)
        if look is None:
            look = self._looks[job.id] = asyncio.create_task(self._look(job))
        return await asyncio.shield(look)  # whoever leaves does not take it from the others

    async def _look(self, job: Job) -> Job:
        try:
            await asyncio.sleep(FOLLOW_EACH_S)
            return await self.get(job.uplink, job.id)
        finally:
            del self._looks[job.id]

    async def cancel(self, name: str, job_id: str, owner: str | None = None) -> Job:
        """Ask for the end of a job; one that has ended stays as it is. Raises NotReleased."""
        await self.store.cancel((await self.get(name, job_id, owner)).id)
        self.wake()
        return await self.get(name, job_id)

    async def revoke(self, name: str, job_id: str, owner: str | None = None) -> None:
        """Close what a job has shared. Raises NotReleased, also when it has shared nothing."""
        job = await self.get(name, job_id, owner)
        if job.expires is None:
            raise NotReleased
        await self.sharing.revoke(job.id)
        await self.store.revoked(job.id)

    def _check(self, uplink: Uplink, asked: Asked, contact: Contact | None) -> None:
        if uplink.policy is None:
            raise BadRequest("share: this uplink does not share")
        if asked.pin is not None:
            checked_pin(asked.pin)
        if contact is not None:
            self.notifiers.check(contact)


def _told(ring: KeyRing, name: str, key: list[str], asked: Asked, sharer: Sharer | None) -> Told:
    """Return keyed digests: of a plain one, phone numbers and PINs are found by trying."""
    rest = json.dumps([asked.study, asked.series, asked.instances, sharer is not None])
    contact = sharer.contact.to_bytes().hex() if sharer and sharer.contact else ""
    whole = json.dumps([rest, asked.pin, contact])

    def digest(kind: str, text: str) -> bytes:
        return hashlib.sha256(ring.seal(_PURPOSE, text.encode(), f"{name}\0{kind}".encode())).digest()

    return Told(digest("key", json.dumps(key)), digest("whole", whole), digest("rest", rest))
