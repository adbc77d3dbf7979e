"""How a state store comes to this program's schema: new, from before there were revisions, and by several at once."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, NullPool, create_engine
from sqlalchemy.engine import URL

from gateway import migrations
from gateway.adapters import state_contacts, state_jobs, state_shares, state_sql
from gateway.adapters.postgresql import blocking_url
from gateway.adapters.sql import upgrade
from gateway.adapters.state_jobs import SqlJobStore
from gateway.adapters.state_shares import SqlShareStore
from gateway.adapters.state_sql import SqlReleaseStore, state_url
from gateway.core.errors import StateFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.migrations import HEADS
from gateway.ports import Release
from gateway.sharing.model import Standing, digest_of
from gateway.uplink.model import Asked, Job
from tests.kit.postgresql import PASSWORD, Server
from tests.kit.states import ask

TABLES = {
    "state": (state_sql._TABLES, state_jobs._TABLES, state_shares._TABLES),
    "contacts": (state_contacts._TABLES,),
}
BEFORE_REVISIONS = (
    (
        "CREATE TABLE releases (domain VARCHAR(64) NOT NULL, kind VARCHAR(16) NOT NULL, released VARCHAR(64) NOT NULL, "
        "sealed {bytes} NOT NULL, PRIMARY KEY (domain, kind, released))"
    ),
    (
        "CREATE TABLE uplink_jobs (id VARCHAR(64) NOT NULL, uplink VARCHAR(64) NOT NULL, domain VARCHAR(64) NOT NULL, "
        "created FLOAT NOT NULL, begun FLOAT NOT NULL, state VARCHAR(16) NOT NULL, total INTEGER NOT NULL, "
        "stored INTEGER NOT NULL, refused INTEGER NOT NULL, discarded INTEGER NOT NULL, failed INTEGER NOT NULL, "
        "reason VARCHAR(256) NOT NULL, is_cancelled BOOLEAN NOT NULL, shares BOOLEAN NOT NULL, "
        "notified VARCHAR(16) NOT NULL, base VARCHAR(512) NOT NULL, link {bytes}, expires BIGINT, "
        "is_revoked BOOLEAN NOT NULL, asked {bytes}, told_key {bytes}, told_whole {bytes}, told_rest {bytes}, "
        "PRIMARY KEY (id), UNIQUE (uplink, told_key))"
    ),
)
"""What ``create_all`` wrote for a gateway that had uplinks and no share yet."""
OLD_JOB = (
    "INSERT INTO uplink_jobs (id, uplink, domain, created, begun, state, total, stored, refused, discarded, failed, "
    "reason, is_cancelled, shares, notified, base, is_revoked) "
    "VALUES ('old', 'clinic', 'clinic', 1, 0, 'queued', 0, 0, 0, 0, 0, '', false, false, '', '', false)"
)


def rings(domain: str) -> KeyRings:
    return KeyRings.derive([bytes(range(32))], domain)


def make_old(state: URL) -> None:
    if state.get_backend_name() == "sqlite":
        Path(str(state.database)).touch(0o600)
    for statement in BEFORE_REVISIONS:
        ask(state, statement.format(bytes="BLOB" if state.get_backend_name() == "sqlite" else "BYTEA"))
    ask(state, OLD_JOB)


def revision(state: URL, chain: str = "state") -> str:
    return str(ask(state, f"SELECT version_num FROM {chain}_version")[0][0])  # noqa: S608 ours


async def put_and_get(state: URL, number: int) -> None:
    """Use every table of the chain as a gateway does."""
    releases, jobs, shares = SqlReleaseStore(state, rings), SqlJobStore(state, rings), SqlShareStore(state)
    for each in (releases, jobs, shares):
        await each.start()
    await releases.put("research", "study", [Release(f"2.25.{number}", f"1.2.{number}")])
    await jobs.create(Job(f"job-{number}", "clinic"), "clinic", Asked("1.2.3"), None)
    await jobs.expect(f"job-{number}", ["2.25.1"])
    await shares.put(f"job-{number}", Standing(digest_of(str(number)), "clinic", 2_000_000_000, None, None), b"sealed")
    another = SqlReleaseStore(state, rings)
    assert await another.get("research", "study", f"2.25.{number}") == f"1.2.{number}"
    assert await jobs.asked(f"job-{number}") == Asked("1.2.3")
    assert await shares.find(digest_of(str(number)), 0)
    for each in (releases, jobs, shares, another):
        await each.aclose()


@pytest.mark.parametrize("chain", HEADS)
def test_the_revisions_make_the_tables_that_the_stores_use(state: URL, chain: str) -> None:
    upgrade(state, chain)
    meant = MetaData()
    for tables in TABLES[chain]:
        for table in tables.tables.values():
            table.to_metadata(meant)
    with create_engine(blocking_url(state), poolclass=NullPool).connect() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, kind, _parents: kind != "table" or name != migrations.version_table(chain),
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), meant) == []


def test_the_heads_are_those_of_the_revisions_and_each_follows_the_one_before() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert sorted(script.get_heads()) == sorted(HEADS.values())
    for one in script.walk_revisions():
        assert Path(one.path).stem == one.revision
        chain, major, minor = one.revision.rsplit("_", 2)
        before = {None} if (major, minor) == ("1", "1") else {f"{chain}_{major}_{int(minor) - 1}"}
        assert {one.down_revision} == before


async def test_tables_from_before_revisions_are_adopted_with_what_is_in_them(state: URL) -> None:
    make_old(state)
    await put_and_get(state, 1)
    assert revision(state) == HEADS["state"]
    jobs = SqlJobStore(state, rings)
    assert await jobs.unfinished() == [("old", "clinic"), ("job-1", "clinic")]
    assert await jobs.get("clinic", "old") == Job("old", "clinic", notified="")  # type: ignore[arg-type]
    await jobs.aclose()


async def test_programs_that_start_together_upgrade_once(state: URL) -> None:
    make_old(state)
    await asyncio.gather(*(asyncio.to_thread(upgrade, state) for _ in range(6)))
    assert revision(state) == HEADS["state"]
    assert ask(state, "SELECT count(*) FROM state_version") == [(1,)]
    await put_and_get(state, 1)


async def test_what_a_newer_program_only_added_to_is_used(state: URL) -> None:
    upgrade(state)
    for table in ("releases", "uplink_jobs", "uplink_instances", "shares"):
        ask(state, f"ALTER TABLE {table} ADD COLUMN of_tomorrow INTEGER")
    ask(state, "UPDATE state_version SET version_num = 'state_1_99'")
    await put_and_get(state, 1)
    assert revision(state) == "state_1_99"


@pytest.mark.parametrize("newer", ["state_2_1", "state_17_3"])
async def test_what_a_newer_program_changed_is_refused_and_left_alone(state: URL, newer: str) -> None:
    upgrade(state)
    ask(state, "UPDATE state_version SET version_num = :newer", newer=newer)
    store = SqlReleaseStore(state, rings)
    with pytest.raises(StateFailed, match=f": the state store is at {newer}: this program, at .* is too old for it$"):
        await store.start()
    await store.aclose()
    assert revision(state) == newer


@pytest.mark.parametrize("nonsense", ["", "1f2e3d", "state_1", "contacts_1_1"])
def test_a_revision_that_is_none_is_refused(state: URL, nonsense: str) -> None:
    upgrade(state)
    ask(state, "UPDATE state_version SET version_num = :nonsense", nonsense=nonsense)
    with pytest.raises(StateFailed, match=r": the state store is at a revision that is none$"):
        upgrade(state)


async def test_an_upgrade_that_breaks_off_leaves_all_as_it_was(state: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(state)
    ask(state, "ALTER TABLE uplink_jobs ADD COLUMN owner INTEGER")  # what state_1_2 stumbles over
    with pytest.raises(StateFailed, match=r": the state store failed \(\w+(: [\w ,:]+)?\)$"):
        upgrade(state)
    with pytest.raises(Exception, match="shares"):
        ask(state, "SELECT * FROM shares")
    ask(state, "ALTER TABLE uplink_jobs DROP COLUMN owner")
    await put_and_get(state, 1)


async def test_nobody_waits_for_a_lock_where_there_is_nothing_to_do(state: URL) -> None:
    upgrade(state)
    if state.get_backend_name() == "sqlite":
        holder = sqlite3.connect(str(state.database))
        holder.execute("PRAGMA journal_mode=WAL")
        holder.execute("BEGIN EXCLUSIVE")
        upgrade(state)
        holder.close()
    else:
        with create_engine(blocking_url(state), poolclass=NullPool).begin() as holding:
            holding.exec_driver_sql("LOCK TABLE state_version IN ROW EXCLUSIVE MODE")
            upgrade(state)


async def test_a_role_that_may_not_change_tables_serves_what_another_has_made(
    database_server: Server, tmp_path: Path
) -> None:
    owner = state_url(database_server.database(), tmp_path)
    ask(owner, "DROP ROLE IF EXISTS serving")
    ask(owner, f"CREATE ROLE serving LOGIN PASSWORD '{PASSWORD}'")
    serving = owner.set(username="serving")
    with pytest.raises(StateFailed):
        upgrade(serving)
    upgrade(owner)
    for grant in ("USAGE ON SCHEMA public", "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"):
        ask(owner, f"GRANT {grant} TO serving")
    await put_and_get(serving, 1)
    with pytest.raises(Exception, match="permission denied"):
        ask(serving, "CREATE TABLE other (id INTEGER)")
