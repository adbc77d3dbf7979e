"""The release store on a real PostgreSQL: replicas that share it, TLS, waits that end, and what is not asked at all."""

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.adapters.leadership import DatabaseLeadership
from gateway.adapters.state_sql import SqlReleaseStore, state_url
from gateway.core.errors import StateFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.ports import Release
from tests.kit.certificates import certificate
from tests.kit.postgresql import cluster, postgresql
from tests.kit.servers import gateway
from tests.kit.states import ask
from tests.kit.uplinks import write_study

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
    with pytest.raises(StateFailed, match=r"^127.0.0.1:\d+: the state store failed \(\w+(: [\w ,:]+)?\)$"):
        await wrong_password.start()
    await wrong_password.aclose()
    nobody = SqlReleaseStore(
        state_url("postgresql://u@127.0.0.1:1/d", Path("/")), lambda domain: KeyRings.derive([bytes(32)], domain)
    )
    with pytest.raises(StateFailed, match=r"^127.0.0.1:\d+: the state store failed \(\w+(: [\w ,:]+)?\)$"):
        await nobody.start()
    await nobody.aclose()


async def test_a_server_that_hangs_is_a_failure_in_a_stated_time_and_used_again_when_it_goes_on() -> None:
    with cluster() as server:
        store, lead = replica(server.url), DatabaseLeadership(state_url(server.url, Path("/")))
        await store.start()
        leaving = replica(server.url)
        await asyncio.gather(*(leaving.get("research", "study", f"2.25.{n}") for n in range(8)))
        await store.put("research", "study", [Release("2.25.1", "1.2.1")])
        assert await lead.take()
        server.signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(40):
                with pytest.raises(StateFailed):
                    await store.get("research", "study", "2.25.2")
                with pytest.raises(StateFailed):
                    await store.start()
                assert not await lead.take()
            async with asyncio.timeout(20):  # for four connections
                await leaving.aclose()
        finally:
            server.signal(signal.SIGCONT)
        assert await store.get("research", "study", "2.25.2") is None
        await store.put("research", "study", [Release("2.25.2", "1.2.2")])
        await lead.give()
        await store.aclose()


async def test_a_lock_that_another_holds_is_waited_for_in_a_stated_time(server: str) -> None:
    store = replica(server)
    await store.start()
    engine = create_async_engine(state_url(server, Path("/")))
    async with engine.begin() as connection:
        await connection.execute(text("LOCK TABLE releases IN ACCESS EXCLUSIVE MODE"))
        async with asyncio.timeout(20):
            with pytest.raises(StateFailed):
                await store.put("research", "study", [Release("2.25.9000", "1.2.9000")])
    await engine.dispose()
    await store.put("research", "study", [Release("2.25.9000", "1.2.9000")])
    await store.aclose()


async def test_tls_is_used_and_the_server_is_who_it_says(tmp_path: Path) -> None:
    shown, other = certificate(tmp_path), certificate(tmp_path, "other")
    options = "-c ssl=on -c ssl_cert_file={0} -c ssl_key_file={0}"
    files = {"shown.pem": shown.path.read_bytes()}
    with cluster(options.format("../shown.pem"), files) as server:
        for mode in ("require", f"verify-ca&sslrootcert={shown.path}", f"verify-full&sslrootcert={shown.path}"):
            url = f"{server.url}?sslmode={mode}"
            store, lead = replica(url), DatabaseLeadership(state_url(url, Path("/")))
            await store.start()
            assert await store.get("research", "study", "2.25.1") is None
            assert await lead.take()
            seen = ask(state_url(server.url, Path("/")), "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity "
                       "USING (pid) WHERE application_name = 'dicomveil'")  # fmt: skip
            assert seen == [(True,)]
            await lead.give()
            await store.aclose()
        localhost = server.url.replace("127.0.0.1", "localhost")
        for url in (
            f"{server.url}?sslmode=verify-full&sslrootcert={other.path}",
            f"{server.url}?sslmode=verify-ca&sslrootcert={other.path}",
            f"{localhost}?sslmode=verify-full&sslrootcert={shown.path}",
        ):
            store = replica(url)
            with pytest.raises(StateFailed):
                await store.start()
            with pytest.raises(StateFailed):
                await store.get("research", "study", "2.25.1")
            await store.aclose()


def test_a_warm_request_asks_the_database_nothing(tmp_path: Path) -> None:
    write_study(tmp_path / "source", "1.2.826.0.1.94", 2)
    statement = re.compile(r"LOG:  (?:statement|execute)")
    with cluster("-c log_statement=all") as server:
        settings = {
            "state": server.url,
            "origins": {"archive": {"folder": str(tmp_path / "source")}},
            "worklists": {"research": {"origin": "archive", "profile": "nominal"}},
        }
        with gateway(tmp_path / "gateway", settings) as running, httpx.Client(timeout=60) as client:
            base = running.worklist("research")
            study = f"{base}/studies/{client.get(f'{base}/studies').json()[0]['0020000D']['Value'][0]}"
            for path in (f"{base}/studies", f"{study}/series", f"{study}/instances", f"{study}/metadata", study):
                assert client.get(path).status_code == 200
                before = len(statement.findall(server.log))
                assert [client.get(path).status_code for _ in range(3)] == [200] * 3
                assert len(statement.findall(server.log)) == before > 0
