"""The store of shares on a real SQLite file and a real PostgreSQL."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from gateway.adapters.state_shares import SqlShareStore
from gateway.adapters.state_sql import state_url
from gateway.core.errors import StateFailed
from gateway.sharing.model import Standing, digest_of

NOW = 1_800_000_000
ONE = Standing(digest_of("one"), "clinic", NOW + 60, 2, b"sealed check")


@pytest.fixture
async def store(state: URL) -> AsyncIterator[SqlShareStore]:
    store = SqlShareStore(state)
    await store.start()
    yield store
    await store.aclose()


def every_byte(folder: Path) -> bytes:
    with sqlite3.connect(folder / "state.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(path.read_bytes() for path in folder.glob("state.db*"))


async def test_a_share_is_found_as_it_was_put(store: SqlShareStore) -> None:
    await store.put("job-1", ONE, b"contents")
    assert await store.find(ONE.digest, NOW) == ONE
    assert await store.sealed(ONE.digest) == b"contents"


async def test_what_never_was_and_what_has_expired_is_nothing(store: SqlShareStore) -> None:
    await store.put("job-1", ONE, b"contents")
    assert await store.find(digest_of("another"), NOW) is None
    assert await store.find(ONE.digest, NOW + 60) is None
    assert await store.sealed(digest_of("another")) is None
    assert not await store.count_view(digest_of("another"))


async def test_the_same_id_replaces(store: SqlShareStore) -> None:
    await store.put("job-1", ONE, b"contents")
    again = replace(ONE, digest=digest_of("two"), views_left=None, pin=None)
    await store.put("job-1", again, b"others")
    assert await store.find(ONE.digest, NOW) is None
    assert await store.find(again.digest, NOW) == again
    assert await store.sealed(again.digest) == b"others"


async def test_views_go_down_to_none(store: SqlShareStore) -> None:
    await store.put("job-1", ONE, b"")
    assert [await store.count_view(ONE.digest) for _ in range(4)] == [True, True, False, False]
    assert await store.find(ONE.digest, NOW) == replace(ONE, views_left=0)


async def test_a_failure_counts_for_who_saw_the_last_one(store: SqlShareStore) -> None:
    await store.put("job-1", ONE, b"")
    assert await store.count_failure(ONE.digest, 0, NOW + 5)
    assert not await store.count_failure(ONE.digest, 0, NOW + 9)
    assert await store.find(ONE.digest, NOW) == replace(ONE, failures=1, retry_at=NOW + 5)
    await store.forgive(ONE.digest)
    assert await store.find(ONE.digest, NOW) == ONE


async def test_a_deleted_share_leaves_no_byte_behind(tmp_path: Path) -> None:
    store = SqlShareStore(state_url("sqlite:///state.db", tmp_path))
    await store.start()
    await store.put("job-1", ONE, b"CONTENTS" * 1000)
    await store.put("job-2", replace(ONE, digest=digest_of("two"), expires=NOW + 999), b"others")
    await store.delete("job-1")
    await store.delete("job-1")
    await store.aclose()
    kept = every_byte(tmp_path)
    assert b"CONTENTSCONTENTS" not in kept
    assert b"others" in kept


async def test_expired_shares_are_deleted(store: SqlShareStore) -> None:
    await store.put("job-1", ONE, b"")
    await store.put("job-2", replace(ONE, digest=digest_of("two"), expires=NOW + 999), b"")
    await store.delete_expired(NOW + 60)
    assert await store.sealed(ONE.digest) is None
    assert await store.sealed(digest_of("two")) == b""


async def test_a_database_that_fails_is_named_and_nothing_of_the_share(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"not a database" * 1000)
    broken = SqlShareStore(state_url("sqlite:///other.db", tmp_path))
    with pytest.raises(StateFailed, match=r"^the state store failed \(\w+(: [\w ,:]+)?\)$"):
        await broken.put("job-1", ONE, b"contents")
    await broken.aclose()
