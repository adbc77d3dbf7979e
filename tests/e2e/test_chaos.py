"""Whatever breaks under load, an answer is right, a stated refusal or visibly broken; afterwards all is as before."""

import asyncio
import hashlib
import json
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.kit.faulty import Fault, Faulty, faulty
from tests.kit.scripted_server import until
from tests.kit.servers import START_S, Gateway, Orthanc, gateway, orthanc
from tests.kit.uplinks import write_study

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow]

STUDY: Final = "1.2.826.0.1.89"
CLIENTS: Final = 12
ABORTED: Final = 1000
STATED: Final = frozenset({502, 503, 504})
JSON: Final = "application/dicom+json"
ACCEPTS: Final = {"metadata": JSON, "studies": JSON, "1": "application/octet-stream"}
LONG_S: Final = 1.5
"""How long a fault lasts, which is longer than the origin may be silent."""


@dataclass(frozen=True)
class Stage:
    """An archive behind a relay, and a gateway of two workers."""

    archive: Orthanc
    relay: Faulty
    gateway: Gateway

    @property
    def base(self) -> str:
        return self.gateway.worklist("research")

    def workers(self) -> set[int]:
        """Return the processes that listen; the others only help them."""
        assert self.gateway.process is not None
        pid = self.gateway.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return {int(one) for one in children if b"resource_tracker" not in Path(f"/proc/{one}/cmdline").read_bytes()}

    def sockets(self) -> int:
        """Count what workers have open to clients, origins and each other."""
        found = (one for worker in self.workers() for one in Path(f"/proc/{worker}/fd").iterdir())
        return sum(1 for one in found if _link(one).startswith("socket:"))


def _link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("chaos")
    write_study(folder / "source", STUDY, 8, side=400)
    with orthanc(folder) as archive, faulty(archive.port) as relay:
        archive.load(folder / "source")
        origin = {"dicomweb": f"http://127.0.0.1:{relay.port}/dicom-web", "read_timeout_s": 1, "queue_timeout_s": 5}
        settings = {
            "origins": {"archive": origin},
            "worklists": {"research": {"origin": "archive", "profile": "nominal"}},
        }
        with gateway(folder / "gateway", settings, workers=2) as server:
            yield Stage(archive, relay, server)


@dataclass
class Load:
    """Clients that ask and compare: each answer is counted as right, stated, broken, refused or wrong."""

    base: str
    expected: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    is_over: bool = False

    async def learn(self, session: aiohttp.ClientSession) -> None:
        """Ask for everything once, while nothing is broken."""
        for path in ["/studies", *await self._below(session)]:
            self.expected[path] = await self._asked(session, path)

    async def _below(self, session: aiohttp.ClientSession) -> list[str]:
        async with session.get(f"{self.base}/instances") as answer:
            found = await answer.json(content_type=None)
        paths = []
        for one in found:
            study, series, instance = (one[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
            path = f"/studies/{study}/series/{series}/instances/{instance}"
            paths += [path, f"{path}/metadata", f"{path}/frames/1"]
        return paths

    async def _asked(self, session: aiohttp.ClientSession, path: str) -> str:
        """Ask once; return a digest of what it says, or what else came."""
        accept = {
            "metadata": "application/dicom+json",
            "studies": "application/dicom+json",
            "1": "application/octet-stream",
        }
        header = {"accept": accept.get(path.rsplit("/", 1)[1], "application/dicom")}
        try:
            async with session.get(self.base + path, headers=header) as answer:
                body = await answer.read()
        except aiohttp.ClientConnectorError:
            return "refused"
        except (aiohttp.ClientError, TimeoutError) as error:
            return "broken" if not isinstance(error, TimeoutError) else "stuck"
        if answer.status in STATED and answer.content_type == "application/problem+json":
            assert json.loads(body)["status"] == answer.status
            return "stated"
        return f"{answer.status} {hashlib.sha256(body).hexdigest()}"

    async def client(self, session: aiohttp.ClientSession, number: int) -> None:
        chance = random.Random(number)
        while not self.is_over:
            await self.one(session, chance.choice(list(self.expected)))

    async def one(self, session: aiohttp.ClientSession, path: str) -> str:
        said = await self._asked(session, path)
        kind = "right" if said == self.expected[path] else said if " " not in said else "wrong"
        self.seen[kind] += 1
        if kind in ("wrong", "stuck"):
            self.wrong.append(f"{path.rsplit('/', 1)[1][:12]}: {said}")
        return kind


@asynccontextmanager
async def loaded(stage: Stage) -> AsyncIterator[tuple[Load, aiohttp.ClientSession]]:
    """Keep the gateway busy; at the end everything must be right again, and no descriptor be left over."""
    timeout = aiohttp.ClientTimeout(60)
    load = Load(stage.base)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        await load.learn(session)
    before = stage.sockets()
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        clients = [asyncio.create_task(load.client(session, number)) for number in range(CLIENTS)]
        yield load, session
        load.is_over = True
        await asyncio.gather(*clients)
        async with asyncio.timeout(60):
            while any([await load.one(session, path) != "right" for path in load.expected]):
                pass
    print(dict(load.seen))
    assert load.wrong == []
    assert load.seen["right"] > 0
    await until(lambda: stage.sockets() <= before, 60)  # the archive's connections end by themselves


@pytest.mark.parametrize("fault", [Fault.REFUSES, Fault.STALLS, Fault.CUTS, Fault.LIES])
async def test_an_origin_that_fails_in_the_middle(stage: Stage, fault: Fault) -> None:
    async with loaded(stage) as (load, _):
        for _ in range(3):
            stage.relay.begin(fault)
            await asyncio.sleep(LONG_S)
            stage.relay.begin(Fault.NONE)
            await asyncio.sleep(0.3)
    assert load.seen["stated"] + load.seen["broken"] > 0


async def test_an_origin_that_is_killed_and_comes_back(stage: Stage) -> None:
    async with loaded(stage) as (load, _):
        await asyncio.to_thread(stage.archive.stop)
        await asyncio.sleep(LONG_S)
        await asyncio.to_thread(stage.archive.start)
    assert load.seen["stated"] > 0


async def test_a_worker_that_is_killed_breaks_only_what_it_was_doing(stage: Stage) -> None:
    workers = stage.workers()
    assert len(workers) == 2
    async with loaded(stage) as (load, _):
        for victim in sorted(workers):
            os.kill(victim, signal.SIGKILL)
            await until(lambda gone=victim: len(stage.workers() - {gone}) == 2, START_S)  # type: ignore[misc]
    assert load.seen["broken"] <= 2 * CLIENTS
    assert not stage.workers() & workers


async def test_a_thousand_clients_that_leave_in_the_middle(stage: Stage) -> None:
    host, port = stage.gateway.base.removeprefix("http://").split(":")
    async with loaded(stage) as (load, _):
        paths = list(load.expected)
        chance = random.Random(20261122)

        async def leaves() -> None:
            reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 10)
            path = stage.base.removeprefix(stage.gateway.base) + chance.choice(paths)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".encode())
            if chance.random() < 0.6:
                await reader.read(chance.randint(1, 1 << 10))
            writer.transport.abort()

        for _ in range(ABORTED // 50):
            await asyncio.gather(*(leaves() for _ in range(50)))


async def test_a_state_file_that_is_taken_away(stage: Stage) -> None:
    async with loaded(stage) as (load, _):
        for _ in range(3):
            for name in ("state.db", "state.db-wal", "state.db-shm"):
                (stage.gateway.folder / name).unlink(missing_ok=True)
            await asyncio.sleep(0.5)
    assert load.seen["broken"] == 0
