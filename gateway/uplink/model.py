"""A job of an uplink as it is known while it runs and after it: counts and states, nothing of the source."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

__all__ = ["KEPT_S", "Asked", "Fate", "Job", "JobStore", "Notified", "State", "Told"]

KEPT_S: Final = 30 * 24 * 3600.0
"""How long a job is known that has ended; one whose share can be opened for longer is known for as long."""


class State(StrEnum):
    """How far a job is; the last three are for good."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Say whether nothing will change any more."""
        return self not in (State.QUEUED, State.RUNNING)


class Fate(StrEnum):
    """What became of one instance. FAILED: the origin or the destination did not do its part, time after time."""

    STORED = "stored"
    REFUSED = "refused"
    DISCARDED = "discarded"
    FAILED = "failed"


class Notified(StrEnum):
    """What became of the message about a share; NOBODY was to be told."""

    NOBODY = ""
    PENDING = "pending"
    HANDED_OVER = "handed over"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job is to do, in the words of the source: never to be shown, and kept sealed while the job lasts.

    Without series and instances the whole study is meant, else what is in one of them. ``pin`` guards the share.
    """

    study: str = field(repr=False)
    series: tuple[str, ...] = field(default=(), repr=False)
    instances: tuple[str, ...] = field(default=(), repr=False)
    pin: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """How a request is known again, by keyed digests: of its idempotency key, of all it says, and without the contact.

    The second is forgotten when the job ends, together with the contact that went into it.
    """

    key: bytes
    whole: bytes
    rest: bytes


@dataclass(frozen=True, slots=True)
class Job:
    """A job. ``base`` is the gateway's address for links, ``link`` the token of the share while it can be opened."""

    id: str
    uplink: str
    state: State = State.QUEUED
    total: int = 0
    stored: int = 0
    refused: int = 0
    discarded: int = 0
    failed: int = 0
    reason: str = ""
    shares: bool = False
    notified: Notified = Notified.NOBODY
    base: str = ""
    link: str = field(default="", repr=False)
    expires: datetime | None = None
    is_revoked: bool = False
    is_cancelled: bool = False
    begun: float = 0

    @property
    def accounted(self) -> int:
        """Return of how many instances it is known what became of them."""
        return self.stored + self.refused + self.discarded + self.failed


class JobStore(Protocol):
    """Where jobs are kept. Every method raises StateFailed when the store does."""

    async def create(self, job: Job, domain: str, asked: Asked, told: Told | None, owner: str | None = None) -> str:
        """Keep a new job and return its id, or that of the job that had the same request. Raises KeyReused."""

    async def get(self, uplink: str, job: str, owner: str | None = None) -> Job | None:
        """Return a job of an uplink, if it is the owner's; None asks for anybody's."""

    async def find(self, job: str) -> Job | None:
        """Return a job by its id alone."""

    async def asked(self, job: str) -> Asked | None:
        """Return what a job is to do; None when it has ended, or when no secret opens it."""

    async def unfinished(self) -> list[tuple[str, str]]:
        """Return the ids of all jobs that have not ended, oldest first, each with its uplink."""

    async def cancelling(self) -> list[str]:
        """Return the ids of the jobs that are to be cancelled and have not ended."""

    async def update(self, job: str, **values: object) -> None:
        """Change what is known of a job, by the names of ``Job``; a job that has ended stays as it is."""

    async def shared(self, job: str, link: str, expires: datetime) -> None:
        """Keep the token of a job's share, sealed."""

    async def revoked(self, job: str) -> None:
        """Forget the token of a job's share; that it was revoked stays known."""

    async def cancel(self, job: str) -> None:
        """Ask for the end of a job, if it has not ended."""

    async def expect(self, job: str, instances: Collection[str]) -> None:
        """Add instances (released UIDs) to those that a job has to account for; known ones stay as they are."""

    async def instances(self, job: str) -> Mapping[str, Fate | None]:
        """Return what became of each instance of a job that runs; None of those that are still to come."""

    async def account(self, job: str, fates: Mapping[str, Fate]) -> None:
        """Note what became of instances, and count anew."""

    async def end(self, job: str, state: State, reason: str) -> None:
        """End a job, and forget what it was asked and what became of each instance."""

    async def prune(self) -> None:
        """Forget jobs that have ended and were asked for longer than ``KEPT_S`` ago."""
