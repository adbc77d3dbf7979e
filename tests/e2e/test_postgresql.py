"""The release store on a real PostgreSQL, as several replicas share it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.adapters.state_sql import SqlReleaseStore, state_url
from gateway.core.errors import StateFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.ports import Release
from tests.kit.postgresql import postgresql

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as address:
        yield address


def replica(server: str) -> SqlReleaseStore:
    return SqlReleaseStore(state_url(server, Path("/")), lambda domain: KeyRings.derive([bytes(range(32))], domain))


async def test_replicas_that_start_together_share_what_each_releases(server: str) -> None:
    replicas = [replica(server) for _ in range(4)]
    await asyncio.gather(*(each.start() for each in replicas))
    pairs = [Release(f"2.25.{n}", f"1.2.{n}") for n in range(700)]
    await asyncio.gather(*(each.put("research", "study", pairs) for each in replicas))
    fresh = replica(server)
    assert [await fresh.get("research", "study", f"2.25.{n}") for n in (0, 499, 500, 699)] == [
        "1.2.0",
        "1.2.499",
        "1.2.500",
        "1.2.699",
    ]
    assert await fresh.get("research", "study", "2.25.700") is None
    for each in (*replicas, fresh):
        await each.aclose()


async def test_a_damaged_row_is_mended_by_the_next_release(server: str) -> None:
    first = replica(server)
    await first.start()
    await first.put("research", "patient", [Release("DVAAAA", "MRN-0815")])
    engine = create_async_engine(state_url(server, Path("/")))
    async with engine.begin() as connection:
        stored = (await connection.execute(text("SELECT sealed FROM releases WHERE kind = 'patient'"))).scalar_one()
        await connection.execute(text("UPDATE releases SET sealed = '' WHERE kind = 'patient'"))
    await engine.dispose()
    assert b"MRN-0815" not in stored
    second = replica(server)
    assert await second.get("research", "patient", "DVAAAA") is None
    await second.put("research", "patient", [Release("DVAAAA", "MRN-0815")])
    third = replica(server)
    assert await third.get("research", "patient", "DVAAAA") == "MRN-0815"
    for each in (first, second, third):
        await each.aclose()


async def test_a_server_that_is_not_there_is_a_plain_failure(server: str) -> None:
    wrong_password = replica(server.replace("made-up", "wrong"))
    with pytest.raises(StateFailed, match=r"^the state store failed \(\w+\)$"):
        await wrong_password.start()
    await wrong_password.aclose()
    nobody = SqlReleaseStore(
        state_url("postgresql://u@127.0.0.1:1/d", Path("/")), lambda domain: KeyRings.derive([bytes(32)], domain)
    )
    with pytest.raises(StateFailed, match=r"^the state store failed \(\w+\)$"):
        await nobody.start()
    await nobody.aclose()
