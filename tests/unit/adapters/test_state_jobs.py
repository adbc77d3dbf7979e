"""Jobs in the state store: what is kept, what is sealed, what is forgotten."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from gateway.adapters.state_jobs import SqlJobStore
from gateway.adapters.state_sql import state_url
from gateway.core.errors import KeyReused
from gateway.core.pseudonym.keys import KeyRings
from gateway.uplink.model import KEPT_S, Asked, Fate, Job, Notified, State, Told

SECRETS = [bytes(range(32)), bytes(range(1, 33))]
ASKED = Asked("1.2.826.99", ("1.2.826.99.1",), ("1.2.826.99.2.1",), "4711x")
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)
JOB = Job("job", "clinic", shares=True, notified=Notified.PENDING, base="https://gateway.example")
TOLD = Told(b"key", b"whole", b"rest")


def store_in(state: URL, secrets: list[bytes] = SECRETS, clock: Callable[[], float] | None = None) -> SqlJobStore:
    return SqlJobStore(state, lambda domain: KeyRings.derive(secrets, domain), clock or iter(range(100)).__next__)


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.fixture
async def store(state: URL) -> AsyncIterator[SqlJobStore]:
    found = store_in(state)
    await found.start()
    yield found
    await found.aclose()


async def test_a_job_and_what_it_was_asked_come_back(store: SqlJobStore) -> None:
    assert await store.create(JOB, "clinic", ASKED, TOLD) == "job"
    assert await store.get("clinic", "job") == JOB
    assert await store.find("job") == JOB
    assert await store.asked("job") == ASKED
    assert await store.get("other", "job") is None
    assert await store.get("clinic", "nobody") is None
    assert await store.asked("nobody") is None


async def test_the_same_key_is_the_same_job_for_the_same_request_only(store: SqlJobStore) -> None:
    await store.create(JOB, "clinic", ASKED, TOLD)
    second = replace(JOB, id="second")
    assert await store.create(second, "clinic", ASKED, TOLD) == "job"
    with pytest.raises(KeyReused):
        await store.create(second, "clinic", ASKED, replace(TOLD, whole=b"other contact"))
    assert await store.create(replace(second, uplink="other"), "other", ASKED, TOLD) == "second"
    assert await store.create(replace(JOB, id="third"), "clinic", ASKED, None) == "third"
    # When it has ended, nothing is left of the contact to compare.
    await store.end("job", State.DONE, "")
    assert (
        await store.create(replace(JOB, id="fourth"), "clinic", ASKED, replace(TOLD, whole=b"other contact")) == "job"
    )
    with pytest.raises(KeyReused):
        await store.create(replace(JOB, id="fourth"), "clinic", ASKED, replace(TOLD, rest=b"other study"))


async def test_instances_are_counted_by_what_became_of_them(store: SqlJobStore) -> None:
    await store.create(JOB, "clinic", ASKED, None)
    await store.expect("job", [f"2.25.{number}" for number in range(1200)])
    await store.account("job", {"2.25.1": Fate.STORED, "2.25.2": Fate.REFUSED, "2.25.3": Fate.DISCARDED})
    await store.expect("job", ["2.25.1", "2.25.5000"])
    await store.account("job", {"2.25.2": Fate.STORED, "2.25.4": Fate.FAILED})
    await store.account("job", {})
    found = await store.find("job")
    assert found is not None
    assert (found.total, found.stored, found.refused, found.discarded, found.failed) == (1201, 2, 0, 1, 1)
    assert found.accounted == 4
    assert (await store.instances("job"))["2.25.1"] is Fate.STORED
    assert (await store.instances("job"))["2.25.7"] is None


async def test_a_job_that_has_ended_stays_as_it_is_and_forgets_its_source(store: SqlJobStore) -> None:
    await store.create(JOB, "clinic", ASKED, TOLD)
    await store.expect("job", ["2.25.1"])
    await store.account("job", {"2.25.1": Fate.STORED})
    await store.end("job", State.DONE, "")
    await store.update("job", state=State.RUNNING.value)
    await store.end("job", State.FAILED, "late")
    await store.cancel("job")
    found = await store.find("job")
    assert found is not None
    assert (found.state, found.reason, found.is_cancelled, found.stored) == (State.DONE, "", False, 1)
    assert await store.asked("job") is None
    assert await store.instances("job") == {}
    assert await store.unfinished() == []


async def test_unfinished_jobs_come_oldest_first_and_those_to_be_cancelled_are_known(store: SqlJobStore) -> None:
    for name in ("b", "a", "c"):
        await store.create(replace(JOB, id=name), "clinic", ASKED, None)
    await store.end("a", State.FAILED, "x")
    await store.cancel("c")
    assert await store.unfinished() == [("b", "clinic"), ("c", "clinic")]
    assert await store.cancelling() == ["c"]


async def test_a_link_is_known_until_it_is_revoked(store: SqlJobStore) -> None:
    await store.create(JOB, "clinic", ASKED, None)
    await store.shared("job", "t0ken", EXPIRES)
    found = await store.find("job")
    assert found is not None
    assert (found.link, found.expires, found.is_revoked) == ("t0ken", EXPIRES, False)
    await store.revoked("job")
    found = await store.find("job")
    assert found is not None
    assert (found.link, found.expires, found.is_revoked) == ("", EXPIRES, True)


async def test_jobs_that_ended_long_ago_are_forgotten_unless_their_share_is_open(state: URL) -> None:
    now = [EXPIRES.timestamp() - 2 * KEPT_S]
    store = store_in(state, clock=lambda: now[0])
    await store.start()
    for name in ("ended", "shared", "revoked", "running"):
        await store.create(replace(JOB, id=name), "clinic", ASKED, None)
        if name in ("shared", "revoked"):
            await store.shared(name, "t0ken", EXPIRES)
        if name != "running":
            await store.end(name, State.DONE, "")
    await store.revoked("revoked")
    left = [{"ended", "shared", "revoked", "running"}, {"shared", "running"}, {"running"}]
    for after_s, expected in zip((KEPT_S, KEPT_S + 1, 2 * KEPT_S + 1), left, strict=True):
        now[0] = EXPIRES.timestamp() - 2 * KEPT_S + after_s
        await store.prune()
        assert {name for name in left[0] if await store.find(name)} == expected
    await store.aclose()


async def test_an_earlier_secret_still_opens_and_another_does_not(state: URL) -> None:
    old, both, other = (store_in(state, secrets) for secrets in (SECRETS[1:], SECRETS, [bytes(32)]))
    await old.start()
    await old.create(JOB, "clinic", ASKED, None)
    assert await both.asked("job") == ASKED
    assert await other.asked("job") is None
    for store in (old, both, other):
        await store.aclose()


async def test_no_file_holds_what_was_asked_or_the_link(tmp_path: Path) -> None:
    store = store_in(state_url("sqlite:///state.db", tmp_path))
    await store.start()
    await store.create(JOB, "clinic", ASKED, TOLD)
    await store.shared("job", "t0ken", EXPIRES)
    written = everything_in(tmp_path)
    await store.aclose()
    assert b"clinic" in written
    for word in ("1.2.826.99", "4711x", "t0ken"):
        assert word.encode() not in written
    assert "1.2.826" not in repr(ASKED)
    assert "4711x" not in repr(ASKED)
