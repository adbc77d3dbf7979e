"""The release store on real SQLite files and a real PostgreSQL."""

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import URL

from gateway.adapters.state_sql import SqlReleaseStore, state_url
from gateway.core.errors import StateFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.ports import Release
from tests.kit.states import ask

SECRET = bytes(range(32))
SOURCE_UID = "1.2.276.0.7230010.3.1.2.8323329.99117"
PATIENT = "HOSPITAL\\MRN-0815-ERIKA"


def rings(domain: str) -> KeyRings:
    return KeyRings.derive([SECRET], domain)


async def opened(state: URL) -> SqlReleaseStore:
    store = SqlReleaseStore(state, rings)
    await store.start()
    return store


@pytest.fixture
async def store(state: URL) -> AsyncIterator[SqlReleaseStore]:
    store = await opened(state)
    yield store
    await store.aclose()


@pytest.fixture
async def file_store(tmp_path: Path) -> AsyncIterator[SqlReleaseStore]:
    store = await opened(state_url("sqlite:///state.db", tmp_path))
    yield store
    await store.aclose()


def statements(store: SqlReleaseStore) -> list[str]:
    seen: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(store._engine.sync_engine, "before_cursor_execute", remember)
    return seen


async def test_a_released_pair_is_found_again_after_a_restart(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    again = await opened(state)
    assert await again.get("research", "study", "2.25.1") == SOURCE_UID
    await again.aclose()


async def test_an_identifier_that_was_never_released_is_absent(store: SqlReleaseStore) -> None:
    assert await store.get("research", "study", "2.25.1") is None


@pytest.mark.parametrize(("domain", "kind"), [("teaching", "study"), ("research", "patient")])
async def test_a_pair_belongs_to_its_domain_and_kind(store: SqlReleaseStore, domain: str, kind: str) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    assert await store.get(domain, kind, "2.25.1") is None


async def test_more_pairs_than_one_batch_are_all_kept(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", (Release(f"2.25.{n}", f"1.2.{n}") for n in range(1, 1202)))
    again = await opened(state)
    found = [await again.get("research", "study", f"2.25.{n}") for n in (1, 500, 501, 1000, 1001, 1201)]
    await again.aclose()
    assert found == [f"1.2.{n}" for n in (1, 500, 501, 1000, 1001, 1201)]


async def test_the_same_pair_twice_in_one_put_is_one_row(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)] * 3)
    assert rows(state) == 1


async def test_two_stores_may_put_the_same_pair(store: SqlReleaseStore, state: URL) -> None:
    other = await opened(state)
    pairs = [Release(f"2.25.{n}", f"1.2.{n}") for n in range(300)]
    await asyncio.gather(*(each.put("research", "study", pairs) for each in (store, other, store, other)))
    await other.aclose()
    assert rows(state) == 300


async def test_many_that_put_at_once_share_two_transactions(store: SqlReleaseStore, state: URL) -> None:
    seen = statements(store)
    pairs = [Release(f"2.25.{n}", f"1.2.{n}") for n in range(8)]
    first = asyncio.create_task(store.put("research", "study", pairs[:1]))
    for _ in range(2):  # until it is on its way
        await asyncio.sleep(0)
    await asyncio.gather(*(store.put("research", kind, pairs[:n]) for n in range(1, 9) for kind in 25 * ["a", "b"]))
    await first
    assert (len(seen), rows(state)) == (2, 17)


async def test_who_leaves_while_pairs_are_written_takes_nobody_along(store: SqlReleaseStore, state: URL) -> None:
    leaving, staying = (
        asyncio.create_task(store.put("research", "study", [Release(f"2.25.{n}", f"1.2.{n}")])) for n in range(2)
    )
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert leaving.cancelled()
    assert rows(state) == 2


async def test_a_store_that_closes_writes_what_was_put(state: URL) -> None:
    store = await opened(state)
    putting = asyncio.create_task(store.put("research", "study", [Release("2.25.1", SOURCE_UID)]))
    await asyncio.sleep(0)
    await store.aclose()
    await putting
    assert rows(state) == 1


async def test_putting_known_pairs_asks_the_database_nothing(store: SqlReleaseStore) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    seen = statements(store)
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    assert not seen
    await store.put("research", "study", [Release("2.25.2", SOURCE_UID)])
    assert len(seen) == 1


async def test_getting_a_warm_pair_asks_the_database_nothing(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    cold = await opened(state)
    seen = statements(cold)
    assert [await cold.get("research", "study", "2.25.1") for _ in range(3)] == [SOURCE_UID] * 3
    assert len(seen) == 1
    await cold.aclose()


async def test_an_absent_pair_is_asked_for_again_since_another_process_may_release_it(
    store: SqlReleaseStore, state: URL
) -> None:
    assert await store.get("research", "study", "2.25.1") is None
    other = await opened(state)
    await other.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    await other.aclose()
    assert await store.get("research", "study", "2.25.1") == SOURCE_UID


async def test_no_source_identifier_is_readable_in_any_file(file_store: SqlReleaseStore, tmp_path: Path) -> None:
    await file_store.put("research", "study", [Release("2.25.77", SOURCE_UID)])
    await file_store.put("research", "patient", [Release("DVABCDEFGH", PATIENT)])
    files = contents(tmp_path)
    assert "state.db-wal" in files
    stored = b"".join(files.values())
    assert b"2.25.77" in stored  # the test reads what was written
    for hidden in (SOURCE_UID, PATIENT, "MRN-0815", "ERIKA", "8323329"):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert hidden.encode(encoding) not in stored


async def test_the_files_are_readable_by_their_owner_alone(file_store: SqlReleaseStore, tmp_path: Path) -> None:
    await file_store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    assert modes(tmp_path) == {"state.db": 0o600, "state.db-shm": 0o600, "state.db-wal": 0o600}


async def test_a_row_under_another_secret_counts_as_absent(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    stranger = SqlReleaseStore(state, lambda domain: KeyRings.derive([bytes(32)], domain))
    assert await stranger.get("research", "study", "2.25.1") is None
    await stranger.aclose()


async def test_a_row_under_an_earlier_secret_opens_and_is_sealed_anew(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    before = sealed(state)
    turned = SqlReleaseStore(state, lambda domain: KeyRings.derive([bytes(32), b"o" * 32, SECRET], domain))
    assert await turned.get("research", "study", "2.25.1") == SOURCE_UID
    await turned.aclose()
    assert rows(state) == 1
    assert sealed(state) != before
    today = SqlReleaseStore(state, lambda domain: KeyRings.derive([bytes(32)], domain))
    assert await today.get("research", "study", "2.25.1") == SOURCE_UID
    await today.aclose()


async def test_a_row_that_no_secret_opens_counts_as_absent(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    before = sealed(state)
    stranger = SqlReleaseStore(state, lambda domain: KeyRings.derive([bytes(32), b"o" * 32], domain))
    assert await stranger.get("research", "study", "2.25.1") is None
    await stranger.aclose()
    assert sealed(state) == before


async def test_new_rows_are_sealed_under_the_current_secret_alone(state: URL) -> None:
    turned = SqlReleaseStore(state, lambda domain: KeyRings.derive([bytes(32), SECRET], domain))
    await turned.start()
    await turned.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    await turned.aclose()
    old = await opened(state)
    assert await old.get("research", "study", "2.25.1") is None
    await old.aclose()


async def test_a_row_moved_to_another_key_counts_as_absent(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    ask(state, "UPDATE releases SET released = '2.25.2'")
    assert await store.get("research", "study", "2.25.2") is None


async def test_a_damaged_row_is_mended_by_the_next_release(store: SqlReleaseStore, state: URL) -> None:
    await store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    ask(state, "UPDATE releases SET sealed = :nothing", nothing=b"\0")
    other = await opened(state)
    assert await other.get("research", "study", "2.25.1") is None
    await other.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    await other.aclose()
    third = await opened(state)
    assert await third.get("research", "study", "2.25.1") == SOURCE_UID
    await third.aclose()


async def test_a_file_deleted_under_a_running_store_is_made_anew(file_store: SqlReleaseStore, tmp_path: Path) -> None:
    await file_store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    await file_store._engine.dispose()  # as when idle connections are replaced
    delete(tmp_path)
    assert await file_store.get("research", "study", "2.25.2") is None
    await file_store.put("research", "study", [Release("2.25.2", SOURCE_UID)])
    assert rows(state_url("sqlite:///state.db", tmp_path)) == 1
    assert modes(tmp_path)["state.db"] == 0o600


async def test_a_database_that_cannot_be_opened_is_a_plain_failure(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    store = SqlReleaseStore(state_url("sqlite:///state.db", tmp_path), rings)
    with pytest.raises(StateFailed, match="the state store failed") as failure:
        await store.start()
    assert failure.value.__cause__ is None
    await store.aclose()


async def test_a_failure_names_no_value(store: SqlReleaseStore, state: URL) -> None:
    ask(state, "DROP TABLE releases")
    with pytest.raises(StateFailed) as failure:
        await store.put("research", "study", [Release("2.25.4711", SOURCE_UID)])
    assert "4711" not in str(failure.value)
    failed = await asyncio.gather(
        *(store.put("research", "study", [Release(f"2.25.{n}", SOURCE_UID)]) for n in range(9)), return_exceptions=True
    )
    assert {type(each) for each in failed} == {StateFailed}
    assert SOURCE_UID not in repr([failure.value, *failed])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("sqlite:////var/lib/state.db", "sqlite+aiosqlite:////var/lib/state.db"),
        ("sqlite:///state.db", "sqlite+aiosqlite:////etc/dicomveil/state.db"),
        ("postgresql://u:p@db:5432/gateway", "postgresql+asyncpg://u:p@db:5432/gateway"),
        ("postgres://u@db/gateway", "postgresql+asyncpg://u@db/gateway"),
        ("postgresql://u@db/gateway?sslmode=require", "postgresql+asyncpg://u@db/gateway?sslmode=require"),
    ],
)
def test_a_url_as_users_write_it_gets_its_async_driver(state: str, expected: str) -> None:
    assert state_url(state, Path("/etc/dicomveil")).render_as_string(hide_password=False) == expected


@pytest.mark.parametrize(
    "state",
    [
        "",
        "state.db",
        "sqlite://",
        "sqlite://host/x",
        "sqlite:///:memory:",
        "mysql://u:hunter2@h/d",
        "postgresql://u:hunter2@h",
    ],
)
def test_another_url_is_refused_without_being_repeated(state: str) -> None:
    with pytest.raises(ValueError, match="should") as fault:
        state_url(state, Path("/etc"))
    assert "hunter2" not in str(fault.value)


def test_a_printed_url_hides_its_password() -> None:
    assert "hunter2" not in repr(state_url("postgresql://u:hunter2@h/d", Path("/")))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def delete(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def rows(state: URL) -> int:
    return int(ask(state, "SELECT count(*) FROM releases")[0][0])


def sealed(state: URL) -> list[bytes]:
    return [bytes(row[0]) for row in ask(state, "SELECT sealed FROM releases")]


async def test_a_full_disk_is_a_plain_failure_and_forgotten_when_there_is_room(
    file_store: SqlReleaseStore, tmp_path: Path
) -> None:
    await file_store.put("research", "study", [Release("2.25.1", SOURCE_UID)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(map(len, contents(tmp_path).values()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 20_000, limits[1]))
    try:
        with pytest.raises(StateFailed, match=r"^the state store failed \(OperationalError(: \w+)?\)$"):
            await file_store.put("research", "study", (Release(f"2.25.{n}", SOURCE_UID) for n in range(2, 502)))
        assert await file_store.get("research", "study", "2.25.2") is None
        assert await file_store.get("research", "study", "2.25.1") == SOURCE_UID
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    await file_store.put("research", "study", [Release("2.25.2", SOURCE_UID)])
    assert rows(state_url("sqlite:///state.db", tmp_path)) == 2
