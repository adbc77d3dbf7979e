"""Contacts on real SQLite files and PostgreSQL: sealed while there, and nothing is left when they are wiped."""

import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from gateway.adapters.state_contacts import MAX_AGE_S, SqlContacts
from gateway.adapters.state_sql import state_url
from gateway.core.errors import StateFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.notify.contact import Contact, Kind
from tests.kit.contacts import EMAIL, PHONE, REFERENCE, traces

SECRET = bytes(range(32))
MAIL = Contact(Kind.EMAIL, EMAIL)
JOB = "W1vQ3kJxJ3Q"


class Clock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = 2_000_000_000.5

    def __call__(self) -> float:
        return self.now


def rings(domain: str, *secrets: bytes) -> KeyRings:
    return KeyRings.derive(secrets or [SECRET], domain)


def url(folder: Path) -> URL:
    return state_url("sqlite:///state.db", folder)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def contacts(state: URL, clock: Clock) -> AsyncIterator[SqlContacts]:
    opened = SqlContacts(state, rings, clock)
    await opened.start()
    yield opened
    await opened.aclose()


@pytest.fixture
async def file_contacts(tmp_path: Path, clock: Clock) -> AsyncIterator[SqlContacts]:
    opened = SqlContacts(url(tmp_path), rings, clock)
    await opened.start()
    yield opened
    await opened.aclose()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def stored(folder: Path) -> list[bytes]:
    """Read every sealed value with SQLite's own client."""
    with sqlite3.connect(folder / "state-contacts.db") as connection:
        rows = [bytes(row[0]) for row in connection.execute("SELECT sealed FROM contacts")]
    connection.close()
    return rows


@pytest.mark.parametrize("contact", [MAIL, Contact(Kind.PHONE, PHONE), Contact(Kind.REFERENCE, REFERENCE, "sms")])
async def test_a_contact_is_there_until_it_is_wiped(contacts: SqlContacts, contact: Contact) -> None:
    await contacts.put("clinic", JOB, contact)
    assert await contacts.get("clinic", JOB) == contact
    assert await contacts.get("clinic", JOB) == contact  # a message may have to be sent again
    await contacts.wipe(JOB)
    assert await contacts.get("clinic", JOB) is None
    await contacts.wipe(JOB)


async def test_a_contact_outlives_the_process(contacts: SqlContacts, state: URL, clock: Clock) -> None:
    await contacts.put("clinic", JOB, MAIL)
    again = SqlContacts(state, rings, clock)
    await again.start()
    assert await again.get("clinic", JOB) == MAIL
    await again.aclose()


async def test_a_contact_belongs_to_its_job_and_domain(file_contacts: SqlContacts, tmp_path: Path) -> None:
    await file_contacts.put("clinic", JOB, MAIL)
    assert await file_contacts.get("clinic", "another") is None
    assert await file_contacts.get("ward", JOB) is None
    with sqlite3.connect(tmp_path / "state-contacts.db") as connection:
        connection.execute("UPDATE contacts SET job = 'another'")
    connection.close()
    assert await file_contacts.get("clinic", "another") is None


async def test_a_second_contact_takes_the_place_of_the_first(file_contacts: SqlContacts, tmp_path: Path) -> None:
    await file_contacts.put("clinic", JOB, Contact(Kind.PHONE, PHONE))
    before = stored(tmp_path)
    await file_contacts.put("clinic", JOB, MAIL)
    assert await file_contacts.get("clinic", JOB) == MAIL
    assert not any(before[0] in content for content in contents(tmp_path).values())


async def test_a_contact_under_an_earlier_secret_opens_and_one_under_another_does_not(
    contacts: SqlContacts, state: URL, clock: Clock
) -> None:
    await contacts.put("clinic", JOB, MAIL)
    turned = SqlContacts(state, lambda domain: rings(domain, bytes(32), SECRET), clock)
    stranger = SqlContacts(state, lambda domain: rings(domain, bytes(32)), clock)
    assert await turned.get("clinic", JOB) == MAIL
    assert await stranger.get("clinic", JOB) is None
    await turned.aclose()
    await stranger.aclose()


async def test_no_contact_is_readable_in_any_file(file_contacts: SqlContacts, tmp_path: Path) -> None:
    await file_contacts.put("clinic", JOB, MAIL)
    await file_contacts.put("clinic", "another", Contact(Kind.PHONE, PHONE))
    await file_contacts.put("clinic", "third", Contact(Kind.REFERENCE, REFERENCE, "sms"))
    everything = b"".join(contents(tmp_path).values())
    assert JOB.encode() in everything  # the test reads what was written
    assert not traces(everything, EMAIL, PHONE, REFERENCE)


async def test_what_is_wiped_is_in_no_file_not_even_sealed(file_contacts: SqlContacts, tmp_path: Path) -> None:
    """Rows of many sizes come and go in any order, so that pages split, join and become free."""
    order = random.Random(7)
    jobs = [f"job-{number:03}" for number in range(120)]
    for job in jobs:
        reference = "".join(order.choices("abcdefghijklmnop", k=order.randint(1, 250)))
        await file_contacts.put("clinic", job, Contact(Kind.REFERENCE, reference, "sms"))
    sealed = dict(zip(sorted(jobs), stored(tmp_path), strict=True))
    order.shuffle(jobs)
    for wiped, job in enumerate(jobs, 1):
        await file_contacts.wipe(job)
        if wiped % 30 == 0:
            files = contents(tmp_path)
            assert set(files) == {"state-contacts.db"}
            gone = jobs[:wiped]
            # 16 bytes from the middle: a page that was rebuilt may have lost the beginning of a value.
            assert [one for one in gone if sealed[one][8:24] in files["state-contacts.db"]] == []
            assert all(sealed[one] in files["state-contacts.db"] for one in jobs[wiped:])


async def test_what_is_too_old_counts_as_gone_and_is_wiped(
    file_contacts: SqlContacts, tmp_path: Path, clock: Clock
) -> None:
    await file_contacts.put("clinic", JOB, MAIL)
    (sealed,) = stored(tmp_path)
    clock.now += MAX_AGE_S
    assert await file_contacts.get("clinic", JOB) == MAIL
    await file_contacts.wipe_expired()
    clock.now += 1
    assert await file_contacts.get("clinic", JOB) is None
    await file_contacts.put("clinic", "new", MAIL)
    await file_contacts.wipe_expired()
    assert not any(sealed in content for content in contents(tmp_path).values())
    assert await file_contacts.get("clinic", "new") == MAIL


async def test_a_start_wipes_what_is_too_old(file_contacts: SqlContacts, tmp_path: Path, clock: Clock) -> None:
    await file_contacts.put("clinic", JOB, MAIL)
    clock.now += MAX_AGE_S + 1
    await file_contacts.start()
    assert stored(tmp_path) == []


async def test_the_file_is_readable_by_its_owner_alone(file_contacts: SqlContacts, tmp_path: Path) -> None:
    await file_contacts.put("clinic", JOB, MAIL)
    assert modes(tmp_path) == {"state-contacts.db": 0o600}


async def test_a_failure_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "state-contacts.db").mkdir()
    contacts = SqlContacts(url(tmp_path), rings)
    with pytest.raises(StateFailed) as failed:
        await contacts.put("clinic", JOB, MAIL)
    assert not traces(str(failed.value).encode(), EMAIL)
    assert JOB not in str(failed.value)
    await contacts.aclose()
