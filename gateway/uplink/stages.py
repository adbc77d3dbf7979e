"""What a job does, stage by stage. A stage that was cut off is begun again, so each may run more than once.

Pauses between tries are short at first and never longer than ``LONGEST_PAUSE_S``; after a restart there is none.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from gateway.core.errors import (
    GatewayError,
    NotAcceptable,
    NotifyFailed,
    NotReleased,
    NotTaken,
    OriginBusy,
    OriginFailed,
    OriginTimedOut,
    StateFailed,
)
from gateway.core.rewrite.engine import Engine
from gateway.masking.pool import Codecs
from gateway.notify.contact import Contacts
from gateway.notify.notifiers import Notifiers
from gateway.ports import OriginServer
from gateway.sharing.model import Policy, Share
from gateway.uplink.model import Asked, Fate, Job, JobStore, Notified, State
from gateway.uplink.transfer import Transfer

__all__ = ["END", "FIRST", "Stages", "Uplink"]

log = logging.getLogger("dicomveil.uplink")

FIRST: Final = "transfer"
SHARE: Final = "share"
NOTIFY: Final = "notify"
END: Final = ""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0
PATIENCE_S: Final = 24 * 3600.0
"""How long a job tries before it fails."""
NOTIFY_PATIENCE_S: Final = 36 * 3600.0
"""How long after a job was begun a message is tried; contacts are kept for longer."""
TRANSFERS_AT_ONCE: Final = 4
"""Of one uplink; others wait for their turn."""
_WHY: Final[Mapping[type[GatewayError], str]] = {
    NotTaken: "the destination does not take everything",
    OriginBusy: "the origin or the destination is busy, or full",
    OriginTimedOut: "the origin or the destination does not answer in time",
    OriginFailed: "the origin or the destination does not answer as it should",
    StateFailed: "the state store does not work",
}
"""What users are told of a fault, by its nearest class; the fault itself names hosts, and goes to the log."""


class Shares(Protocol):
    """What makes a share of what a job stored."""

    async def create(
        self,
        job_id: str,
        uplink: str,
        released_study: str,
        released_instances: list[str],
        policy: Policy,
        pin: str | None = None,
    ) -> Share:
        """Share it, in the place of a share that the job may have had."""

    async def revoke(self, share_id: str) -> None:
        """End a share, if it is there."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """One uplink, ready to work."""

    name: str
    domain: str
    origin: OriginServer
    destination: OriginServer
    engine: Engine
    policy: Policy | None = None
    codecs: Codecs = field(default_factory=lambda: Codecs(1))


class Pause(Exception):
    """A stage is to be begun again; ``least_s`` is how long the other side wants to be left alone."""

    def __init__(self, why: str, least_s: float = 0.0) -> None:
        self.why = why
        self.least_s = least_s
        super().__init__(why)

    @classmethod
    def after(cls, fault: GatewayError) -> "Pause":
        """Say what users may know of a fault."""
        log.warning("a job waits: %s: %s", type(fault).__name__, fault)
        why = next((_WHY[one] for one in type(fault).__mro__ if one in _WHY), "the gateway failed; see its log")
        return cls(why, fault.retry_after_s if isinstance(fault, OriginBusy) else 0.0)


Ended = Callable[[Job, str], None]
"""Is told of a job that has ended and of the study it was about, as that is released; must not raise."""


@dataclass(slots=True)
class Stages:
    """The stages of all jobs of this process. ``run`` one after the other until there is no next."""

    uplinks: Mapping[str, Uplink]
    store: JobStore
    contacts: Contacts
    notifiers: Notifiers
    shares: Shares
    clock: Callable[[], float] = time.time
    ended: Ended | None = None
    _transfers: dict[str, Transfer] = field(default_factory=dict)
    _tries: dict[tuple[str, str], int] = field(default_factory=dict)
    _cancelled: dict[str, asyncio.Event] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _turns: dict[str, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(TRANSFERS_AT_ONCE))
    )

    async def run(self, job_id: str, stage: str) -> str:
        """Run one stage and return the next, END at last. Raises nothing but CancelledError."""
        cancelled = self._cancelled.setdefault(job_id, asyncio.Event())
        task = asyncio.ensure_future(self._stage(job_id, stage))
        waiter = asyncio.ensure_future(cancelled.wait())
        try:
            await asyncio.wait((task, waiter), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            for one in (task, waiter):
                one.cancel()
            await asyncio.wait((task, waiter))
            self._cancelled.pop(job_id, None)
        return await self._until_stored(lambda: self._end(job_id, State.CANCELLED, ""))

    def cancel(self, job_id: str) -> None:
        """End a job at once, if it runs here."""
        if event := self._cancelled.get(job_id):
            event.set()

    def is_waiting(self, job_id: str) -> bool:
        """Say whether a job pauses, so that it is in nobody's way."""
        return job_id in self._waiting

    async def tidy(self) -> None:
        """Forget contacts of jobs that never came to be, and jobs that ended long ago."""
        await self.contacts.wipe_expired()
        await self.store.prune()

    async def _stage(self, job_id: str, stage: str) -> str:
        """Run a stage; what goes wrong is a pause, or the end of the job."""
        try:
            job = await self.store.find(job_id)
            if job is None or job.state.is_final:
                return END
            if job.is_cancelled:
                return await self._end(job_id, State.CANCELLED, "")
            return await self._begun(job, stage)
        except StateFailed as fault:
            return await self._paused(job_id, stage, Pause.after(fault))
        except Exception:
            log.exception("a job fails")
            return await self._until_stored(
                lambda: self._end(job_id, State.FAILED, "a fault of the gateway; see its log")
            )

    async def _begun(self, job: Job, stage: str) -> str:
        uplink, asked = self.uplinks.get(job.uplink), await self.store.asked(job.id)
        if uplink is None or asked is None:
            return await self._end(job.id, State.FAILED, "the settings or the secret have changed since it was begun")
        if self._is_late(job, stage):
            state = State.DONE if stage == NOTIFY else State.FAILED
            return await self._end(job.id, state, "" if stage == NOTIFY else job.reason or "it took too long")
        try:
            if stage == SHARE:
                return await self._share(job, uplink, asked)
            if stage == NOTIFY:
                return await self._notify(job, uplink)
            async with self._turns[job.uplink]:
                return await self._transfer(job, uplink, asked)
        except Pause as pause:
            await self.store.update(job.id, reason=pause.why)
            return await self._paused(job.id, stage, pause)

    def _is_late(self, job: Job, stage: str) -> bool:
        patience_s = NOTIFY_PATIENCE_S if stage == NOTIFY else PATIENCE_S
        return job.state is not State.QUEUED and job.begun + patience_s < self.clock()

    async def _transfer(self, job: Job, uplink: Uplink, asked: Asked) -> str:
        if job.state is State.QUEUED:
            await self.store.update(job.id, state=State.RUNNING.value, begun=self.clock())
        transfer = self._transfers.setdefault(
            job.id, Transfer(job.id, asked, uplink.origin, uplink.destination, uplink.engine, self.store, uplink.codecs)
        )
        try:
            if not await transfer.attempt():
                raise Pause("some instances are still missing")
        except NotReleased:
            return await self._end(job.id, State.FAILED, "there is no such study, series or instance at the origin")
        except StateFailed:
            raise
        except GatewayError as fault:
            raise Pause.after(fault) from None
        await self.store.update(job.id, reason="")
        done = await self.store.find(job.id)
        if done is None or done.failed or not done.stored:
            why = "nothing of it may be stored there" if done and not done.failed else "not everything could be stored"
            return await self._end(job.id, State.FAILED, why)
        return SHARE if job.shares else await self._end(job.id, State.DONE, "")

    async def _share(self, job: Job, uplink: Uplink, asked: Asked) -> str:
        if job.is_revoked:  # after a share that was not noted as made: the process died in between
            return await self._end(job.id, State.DONE, "")
        fates = await self.store.instances(job.id)
        stored = [uid for uid, fate in fates.items() if fate is Fate.STORED]
        if uplink.policy is None:
            return await self._end(job.id, State.FAILED, "this uplink does not share (any more)")
        try:
            study = uplink.engine.uid(asked.study)
            share = await self.shares.create(job.id, uplink.name, study, stored, uplink.policy, asked.pin)
        except NotAcceptable:
            return await self._end(job.id, State.FAILED, "nothing of it can be shown on a page")
        except StateFailed:
            raise
        except GatewayError as fault:
            raise Pause.after(fault) from None
        await self.store.shared(job.id, share.token, share.expires)
        if job.notified is Notified.PENDING:
            return NOTIFY
        return await self._end(job.id, State.DONE, "")

    async def _notify(self, job: Job, uplink: Uplink) -> str:
        if job.notified is not Notified.PENDING:
            return await self._end(job.id, State.DONE, "")
        contact = await self.contacts.get(uplink.domain, job.id)
        outcome = Notified.FAILED
        if contact is not None and job.expires is not None and not job.is_revoked:
            try:
                await self.notifiers.send(contact, f"{job.base}/shares/{job.link}/", job.expires)
                outcome = Notified.HANDED_OVER
            except NotifyFailed as fault:
                log.warning("a message was not handed over: %s", fault)
                if not fault.is_final:
                    raise Pause("the message about the share is not handed over yet") from None
        await self.store.update(job.id, notified=outcome.value, reason="")
        return await self._end(job.id, State.DONE, "")

    async def _end(self, job_id: str, state: State, reason: str) -> str:
        """End a job; its contact goes first, whatever comes then."""
        await self.contacts.wipe(job_id)
        job = await self.store.find(job_id)
        if job is not None and job.notified is Notified.PENDING:
            await self.store.update(job_id, notified=Notified.FAILED.value)
        if job is not None and job.expires is not None and state is not State.DONE:
            await self.shares.revoke(job_id)
            await self.store.revoked(job_id)
        study = await self._study(job)
        await self.store.end(job_id, state, reason)
        if job is not None and self.ended is not None:
            self.ended(replace(job, state=state), study)
        self._transfers.pop(job_id, None)
        for key in [key for key in self._tries if key[0] == job_id]:
            del self._tries[key]
        return END

    async def _study(self, job: Job | None) -> str:
        """Return what the study of a job is called where it goes; empty where that is not known any more."""
        uplink = self.uplinks.get(job.uplink) if job else None
        asked = await self.store.asked(job.id) if job else None
        return uplink.engine.uid(asked.study) if uplink and asked else ""

    async def _paused(self, job_id: str, stage: str, pause: Pause) -> str:
        """Wait, longer each time, and return the stage to begin again."""
        tries = self._tries[job_id, stage] = self._tries.get((job_id, stage), 0) + 1
        wait_s = max(pause.least_s, FIRST_PAUSE_S * 2 ** min(tries - 1, 16))
        self._waiting.add(job_id)
        try:
            await asyncio.sleep(min(wait_s, LONGEST_PAUSE_S))
        finally:
            self._waiting.discard(job_id)
        return stage

    async def _until_stored(self, ending: Callable[[], Awaitable[str]]) -> str:
        while True:
            try:
                return await ending()
            except StateFailed:
                await asyncio.sleep(FIRST_PAUSE_S)
