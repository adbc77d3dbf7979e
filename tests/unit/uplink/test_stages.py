"""The stages of a job: which comes next, what ends it, and what it has forgotten then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy.engine import URL

from gateway.adapters.origin_http import HttpOrigin
from gateway.adapters.state_contacts import SqlContacts
from gateway.adapters.state_jobs import SqlJobStore
from gateway.config import SharePolicy
from gateway.core.errors import NotAcceptable, NotifyFailed, OriginFailed, OriginTimedOut
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.notify.contact import Contact, Kind
from gateway.notify.notice import Notice
from gateway.notify.notifiers import Notifiers
from gateway.sharing.model import Policy, Share
from gateway.uplink import stages as module
from gateway.uplink.model import Asked, Fate, Job, Notified, State
from gateway.uplink.stages import END, FIRST, NOTIFY, NOTIFY_PATIENCE_S, PATIENCE_S, SHARE, Pause, Stages, Uplink
from gateway.uplink.transfer import Transfer
from tests.kit.engine import KEYS, profile
from tests.kit.scripted_server import until

EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)
CONTACT = Contact(Kind.EMAIL, "a@example.org")
DONE = {f"2.25.{number}": Fate.STORED for number in range(3)}


@dataclass
class Pages:
    """Makes shares, or raises."""

    fault: Exception | None = None
    made: list[list[str]] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    async def create(
        self, job_id: str, _uplink: str, _study: str, instances: list[str], _policy: Policy, _pin: str | None = None
    ) -> Share:
        if self.fault is not None:
            raise self.fault
        self.made.append(instances)
        return Share(job_id, "t0ken", EXPIRES)

    async def revoke(self, share_id: str) -> None:
        self.revoked.append(share_id)


@dataclass
class Mail:
    """Takes messages, or raises."""

    faults: list[Exception] = field(default_factory=list)
    taken: list[Notice] = field(default_factory=list)

    async def send(self, contact: Contact, notice: Notice) -> None:
        assert contact == CONTACT
        if self.faults:
            raise self.faults.pop(0)
        self.taken.append(notice)


@dataclass
class Stage:
    stages: Stages
    store: SqlJobStore
    contacts: SqlContacts
    pages: Pages
    mail: Mail
    now: list[float]

    async def job(self) -> Job:
        found = await self.store.find("job")
        assert found is not None
        return found

    async def run(self, stage: str = FIRST) -> list[str]:
        """Run stages to the end and return their names."""
        names = []
        while stage:
            names.append(stage)
            stage = await self.stages.run("job", stage)
        return names

    async def keeps_contact(self) -> bool:
        return await self.contacts.get("clinic", "job") is not None


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.0)


@asynccontextmanager
async def begun(state: URL, *, shares: bool = True, tells: bool = True) -> AsyncIterator[Stage]:
    def rings(_domain: str) -> KeyRings:
        return KeyRings(KEYS)

    now = [1000.0]
    store, contacts = SqlJobStore(state, rings), SqlContacts(state, rings)
    await store.start()
    await contacts.start()
    job = Job("job", "clinic", shares=shares, notified=Notified.PENDING if tells else Notified.NOBODY, base="https://g")
    if tells:
        await contacts.put("clinic", "job", CONTACT)
    await store.create(job, "clinic", Asked("1.2.3"), None)
    nowhere = HttpOrigin("nowhere", "http://127.0.0.1:1/dicom-web")
    engine = Engine(profile("strict"), KEYS)
    uplink = Uplink("clinic", "clinic", nowhere, nowhere, engine, SharePolicy(30, None))
    pages, mail = Pages(), Mail()
    stages = Stages({"clinic": uplink}, store, contacts, Notifiers(mail), pages, lambda: now[0])
    try:
        yield Stage(stages, store, contacts, pages, mail, now)
    finally:
        await nowhere.aclose()
        await store.aclose()
        await contacts.aclose()


@pytest.fixture
def transfers(monkeypatch: pytest.MonkeyPatch) -> list[Exception | dict[str, Fate] | None]:
    """Say what each attempt comes to: a fault, fates that account for everything, or None: not all of it yet."""
    outcomes: list[Exception | dict[str, Fate] | None] = [DONE]

    async def attempt(transfer: Transfer) -> bool:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not None:
            await transfer.store.account(transfer.job, outcome)
        return outcome is not None

    monkeypatch.setattr(Transfer, "attempt", attempt)
    return outcomes


Outcomes = list[Exception | dict[str, Fate] | None]


async def test_stored_then_shared_then_told_then_forgotten(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        assert await it.run() == [FIRST, SHARE, NOTIFY]
        job = await it.job()
        assert (job.state, job.notified, job.link, job.expires) == (State.DONE, Notified.HANDED_OVER, "t0ken", EXPIRES)
        assert [notice.url for notice in it.mail.taken] == ["https://g/shares/t0ken/"]
        assert [sorted(each) for each in it.pages.made] == [sorted(DONE)]
        assert not await it.keeps_contact()


@pytest.mark.parametrize(("shares", "stages"), [(False, [FIRST]), (True, [FIRST, SHARE])])
async def test_nobody_is_told_unless_somebody_is_to_be(
    state: URL, transfers: Outcomes, shares: bool, stages: list[str]
) -> None:
    async with begun(state, shares=shares, tells=False) as it:
        assert await it.run() == stages
        assert (await it.job()).notified is Notified.NOBODY
        assert it.mail.taken == []


async def test_a_fault_of_an_archive_is_a_pause_whose_reason_names_no_host(
    state: URL, transfers: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = []
    paused = Stages._paused

    async def noting(self: Stages, job_id: str, stage: str, pause: Pause) -> str:
        reasons.append(pause.why)
        return await paused(self, job_id, stage, pause)

    monkeypatch.setattr(Stages, "_paused", noting)
    transfers[:] = [OriginFailed("no connection to 10.1.2.3:8042"), OriginTimedOut("10.1.2.3"), None, DONE]
    async with begun(state, shares=False, tells=False) as it:
        assert await it.run() == [FIRST] * 4
        assert reasons == [
            "the origin or the destination does not answer as it should",
            "the origin or the destination does not answer in time",
            "some instances are still missing",
        ]
        assert (await it.job()).reason == ""


@pytest.mark.parametrize(
    ("fates", "reason"),
    [
        (DONE | {"2.25.1": Fate.FAILED}, "not everything could be stored"),
        (dict.fromkeys(DONE, Fate.REFUSED), "nothing of it may be stored there"),
    ],
)
async def test_a_job_fails_when_not_all_is_stored_and_shares_nothing(
    state: URL, transfers: Outcomes, fates: dict[str, Fate], reason: str
) -> None:
    transfers[:] = [fates]
    async with begun(state) as it:
        assert await it.run() == [FIRST]
        job = await it.job()
        assert (job.state, job.reason, job.notified) == (State.FAILED, reason, Notified.FAILED)
        assert (it.pages.made, it.mail.taken) == ([], [])
        assert not await it.keeps_contact()


async def test_what_is_refused_or_discarded_keeps_no_job_from_being_done(state: URL, transfers: Outcomes) -> None:
    transfers[:] = [DONE | {"2.25.1": Fate.REFUSED, "2.25.2": Fate.DISCARDED}]
    async with begun(state) as it:
        await it.run()
        job = await it.job()
        assert (job.state, job.stored, job.refused, job.discarded) == (State.DONE, 1, 1, 1)


async def test_a_bug_ends_the_job_without_its_text(state: URL, transfers: Outcomes) -> None:
    transfers[:] = [ValueError("SMITH^ANN")]
    async with begun(state) as it:
        assert await it.run() == [FIRST]
        job = await it.job()
        assert (job.state, job.reason) == (State.FAILED, "a fault of the gateway; see its log")
        assert not await it.keeps_contact()


async def test_a_share_that_cannot_be_made_ends_the_job_or_waits(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        it.pages.fault = OriginFailed("down")
        assert await it.stages.run("job", FIRST) == SHARE
        assert await it.stages.run("job", SHARE) == SHARE
        it.pages.fault = NotAcceptable("only text")
        assert await it.stages.run("job", SHARE) == END
        assert (await it.job()).state is State.FAILED
        assert not await it.keeps_contact()


async def test_a_share_that_was_revoked_is_not_made_again(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        assert await it.stages.run("job", FIRST) == SHARE
        assert await it.stages.run("job", SHARE) == NOTIFY
        await it.store.revoked("job")
        assert await it.stages.run("job", SHARE) == END  # the process died before it was noted that it was done
        job = await it.job()
        assert (job.state, job.link, job.is_revoked, job.notified) == (State.DONE, "", True, Notified.FAILED)
        assert len(it.pages.made) == 1
        assert not await it.keeps_contact()


async def test_a_message_is_tried_again_and_no_share_is_made_for_it(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        it.mail.faults = [NotifyFailed("later"), NotifyFailed("later")]
        assert await it.run() == [FIRST, SHARE, NOTIFY, NOTIFY, NOTIFY]
        assert (len(it.pages.made), len(it.mail.taken)) == (1, 1)


async def test_a_message_that_nobody_takes_leaves_the_job_done(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        it.mail.faults = [NotifyFailed("no such mailbox", is_final=True)]
        await it.run()
        job = await it.job()
        assert (job.state, job.notified, job.link) == (State.DONE, Notified.FAILED, "t0ken")
        assert not await it.keeps_contact()


async def test_a_message_that_was_handed_over_before_a_crash_is_not_sent_again(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        assert await it.stages.run("job", FIRST) == SHARE
        assert await it.stages.run("job", SHARE) == NOTIFY
        await it.store.update("job", notified=Notified.HANDED_OVER.value)
        assert await it.stages.run("job", NOTIFY) == END
        assert it.mail.taken == []
        assert (await it.job()).notified is Notified.HANDED_OVER


async def test_patience_ends(state: URL, transfers: Outcomes) -> None:
    transfers[:] = [OriginFailed("down"), DONE]
    async with begun(state) as it:
        assert await it.stages.run("job", FIRST) == FIRST
        it.now[0] += PATIENCE_S + 1
        assert await it.stages.run("job", FIRST) == END
        job = await it.job()
        assert job.state is State.FAILED
        assert job.reason == "the origin or the destination does not answer as it should"
        assert not await it.keeps_contact()


async def test_patience_with_a_message_lasts_longer_and_leaves_the_job_done(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        it.mail.faults = [NotifyFailed("later")] * 9
        assert await it.stages.run("job", FIRST) == SHARE
        assert await it.stages.run("job", SHARE) == NOTIFY
        it.now[0] += PATIENCE_S + 1
        assert await it.stages.run("job", NOTIFY) == NOTIFY
        it.now[0] += NOTIFY_PATIENCE_S
        assert await it.stages.run("job", NOTIFY) == END
        job = await it.job()
        assert (job.state, job.notified) == (State.DONE, Notified.FAILED)


async def test_a_job_is_cancelled_in_the_middle_of_a_pause_and_its_share_closed(
    state: URL, transfers: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 3600.0)
    async with begun(state) as it:
        it.mail.faults = [NotifyFailed("later")] * 9
        assert await it.stages.run("job", FIRST) == SHARE
        assert await it.stages.run("job", SHARE) == NOTIFY
        waiting = asyncio.create_task(it.stages.run("job", NOTIFY))
        await until(lambda: it.stages.is_waiting("job"))
        it.stages.cancel("job")
        assert await waiting == END
        job = await it.job()
        assert (job.state, job.link, job.is_revoked) == (State.CANCELLED, "", True)
        assert it.pages.revoked == ["job"]
        assert not await it.keeps_contact()


async def test_a_job_that_is_to_be_cancelled_does_not_begin(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        await it.store.cancel("job")
        assert await it.run() == [FIRST]
        assert (await it.job()).state is State.CANCELLED
        assert transfers == [DONE]


async def test_a_job_of_an_uplink_that_is_gone_fails(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        it.stages.uplinks = {}
        assert await it.run() == [FIRST]
        assert (await it.job()).reason == "the settings or the secret have changed since it was begun"


async def test_the_end_of_a_job_is_told_once_with_its_counts_and_the_released_study(
    state: URL, transfers: Outcomes
) -> None:
    async with begun(state, shares=False, tells=False) as it:
        told: list[tuple[Job, str]] = []
        it.stages.ended = lambda job, study: told.append((job, study))
        await it.run()
        await it.run()
        ((job, study),) = told
        assert (job.state, job.stored, study) == (State.DONE, (await it.job()).stored, KEYS.uid("1.2.3"))


async def test_a_job_that_is_cancelled_is_told_to_have_ended(state: URL, transfers: Outcomes) -> None:
    async with begun(state) as it:
        told: list[State] = []
        it.stages.ended = lambda job, _study: told.append(job.state)
        await it.store.update("job", is_cancelled=True)
        await it.run()
        assert told == [State.CANCELLED]
