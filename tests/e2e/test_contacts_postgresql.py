"""Contacts on a real PostgreSQL: nothing but what is sealed ever gets there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.adapters.state_contacts import SqlContacts
from gateway.adapters.state_sql import state_url
from gateway.core.pseudonym.keys import KeyRings
from gateway.notify.contact import Contact, Kind
from tests.kit.contacts import EMAIL, PHONE, REFERENCE, traces
from tests.kit.postgresql import postgresql

pytestmark = pytest.mark.e2e

MAIL = Contact(Kind.EMAIL, EMAIL)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as address:
        yield address


def replica(server: str) -> SqlContacts:
    return SqlContacts(state_url(server, Path("/")), lambda domain: KeyRings.derive([bytes(range(32))], domain))


async def ask(server: str, statement: str) -> list[str]:
    engine = create_async_engine(state_url(server, Path("/")), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        result = await connection.execute(text(statement))
        found = [str(row[0]) for row in result] if result.returns_rows else []
    await engine.dispose()
    return found


async def test_what_one_replica_keeps_another_finds_and_wipes(server: str) -> None:
    first, second = replica(server), replica(server)
    await first.start()
    await second.start()
    await first.put("clinic", "job", Contact(Kind.PHONE, PHONE))
    await first.put("clinic", "job", MAIL)
    assert await second.get("clinic", "job") == MAIL
    assert await second.get("ward", "job") is None
    await second.wipe("job")
    assert await first.get("clinic", "job") is None
    assert await ask(server, "SELECT count(*) FROM contacts WHERE job = 'job'") == ["0"]
    for each in (first, second):
        await each.aclose()


async def test_no_file_of_the_server_ever_holds_a_contact(server: str) -> None:
    contacts = replica(server)
    await contacts.start()
    folder = Path((await ask(server, "SHOW data_directory"))[0])
    before = stored(folder)
    for number, contact in enumerate((MAIL, Contact(Kind.PHONE, PHONE), Contact(Kind.REFERENCE, REFERENCE, "sms"))):
        await contacts.put("clinic", f"job-{number}", contact)
    await contacts.wipe("job-1")
    await ask(server, "CHECKPOINT")
    files = {path: content for path, content in stored(folder).items() if content != before.get(path)}
    assert any(b"job-0" in content for content in files.values())  # the test reads what was written
    assert {path: hits for path, content in files.items() if (hits := traces(content, EMAIL, PHONE, REFERENCE))} == {}
    await contacts.aclose()


def stored(folder: Path) -> dict[Path, bytes]:
    """Read the database's files, its log of transactions among them, and what the server has printed; less zeros."""
    return {
        path: path.read_bytes().replace(bytes(256), b"")
        for path in folder.parent.rglob("*")
        if path.is_file() and path.name != "password"
    }
