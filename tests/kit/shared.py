"""A share's website over de-identified copies in a folder: the objects go through profile ``strict`` first."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import uvicorn
from pydicom import dcmread
from pydicom.dataset import FileDataset
from sqlalchemy.engine import URL
from starlette.applications import Starlette

from gateway.adapters.origin_folder import FolderOrigin
from gateway.adapters.state_shares import SqlShareStore
from gateway.adapters.state_sql import SqlReleaseStore, state_url
from gateway.connection import ClientConnection
from gateway.core.errors import RefusedByProfile
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.ports import OriginServer
from gateway.rendering.pool import Renderers
from gateway.routes.front import Gateway
from gateway.routes.links import Links
from gateway.routes.shares import share_routes
from gateway.sharing.model import Share
from gateway.sharing.service import Sharing, destination
from tests.kit.engine import profile, rewrite
from tests.kit.images import written

SECRET: Final = bytes(range(32))
UPLINK: Final = "clinic"
KEYS: Final = KeyRings.derive([SECRET], UPLINK)
PUBLIC: Final = "https://images.hospital.example/gateway"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Policy:
    """How long, how often."""

    days: int = 30
    views: int | None = None


@dataclass(slots=True)
class Clock:
    """A time that tests set."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Give it."""
        return self.now


@dataclass(slots=True)
class Site:
    """What is shared: copies as the destination has them, and the service that shares them."""

    sharing: Sharing
    copies: Sequence[FileDataset]
    clock: Clock
    application: Starlette
    jobs: int = 0
    client: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    async def share(self, policy: Policy | None = None, pin: str | None = None) -> Share:
        """Share every copy of the first one's study."""
        self.jobs += 1
        study = self.copies[0].StudyInstanceUID
        instances = [one.SOPInstanceUID for one in self.copies]
        return await self.sharing.create(f"job-{self.jobs}", UPLINK, study, instances, policy or Policy(), pin)

    def asks(self, address: str = "10.1.2.3") -> httpx.AsyncClient:
        """Give a client at an address; it keeps cookies and follows nothing."""
        transport = httpx.ASGITransport(self.application, client=(address, 50000))
        return httpx.AsyncClient(transport=transport, base_url="https://gateway.example")


def deidentified(objects: Sequence[FileDataset | Path]) -> list[bytes]:
    """Release objects under profile ``strict``; what it refuses is not there."""
    engine = Engine(profile("strict"), KEYS.current)
    released: list[bytes] = []
    for one in objects:
        try:
            released.append(rewrite(engine, [one.read_bytes() if isinstance(one, Path) else written(one)]))
        except RefusedByProfile:
            continue
    return released


@asynccontextmanager
async def share_site(
    folder: Path,
    objects: Sequence[FileDataset | Path],
    *,
    url: URL | None = None,
    public_url: str | None = None,
    trusted: tuple[IPv4Network | IPv6Network, ...] = (ip_network("10.9.0.0/16"),),
    store: Callable[[Path], OriginServer] | None = None,
) -> AsyncIterator[Site]:
    """Write de-identified copies into a folder and run the website over it, or over what ``store`` makes of it."""
    (folder / "cloud").mkdir(parents=True)
    paths = [folder / "cloud" / f"{number}.dcm" for number, _ in enumerate(objects)]
    copies = []
    for path, body in zip(paths, deidentified(objects), strict=False):
        path.write_bytes(body)
        copies.append(dcmread(path))
    url = url or state_url("sqlite:///state.db", folder)
    origin, releases, shares = (
        FolderOrigin(folder / "cloud", "cloud"),
        SqlReleaseStore(url, _no_rings),
        SqlShareStore(url),
    )
    await origin.open()
    await shares.start()
    clock = Clock()
    sharing = Sharing(shares, {UPLINK: destination(UPLINK, origin, KEYS, UPLINK, releases)}, clock)
    routes = share_routes(sharing, Links(public_url, trusted), Renderers(2, wait_s=60))
    application = Gateway(routes, _nothing_to_open, ())
    site = Site(sharing, copies, clock, application)
    try:
        async with site.asks() as site.client:
            yield site
    finally:
        for each in (releases, shares):
            await each.aclose()
        await origin.aclose()


@asynccontextmanager
async def _nothing_to_open(_app: object) -> AsyncIterator[None]:
    yield


@dataclass(slots=True)
class Running:
    """The website under a real server; ``base`` is its address."""

    base: str
    site: Site
    loop: asyncio.AbstractEventLoop

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something where the server runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def running_site(folder: Path, objects: Sequence[FileDataset | Path]) -> Iterator[Running]:
    """Run the website under uvicorn, in a thread of its own, on a free port of loopback."""
    started: list[Running] = []
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with share_site(folder, objects) as site:
            config = uvicorn.Config(
                site.application, port=0, ws="none", http=ClientConnection, lifespan="off", log_config=None,
                timeout_graceful_shutdown=5,
            )  # fmt: skip
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server._serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            started.append(Running(f"http://127.0.0.1:{port}", site, asyncio.get_running_loop()))
            ready.set()
            await asyncio.to_thread(ended.wait)
            server.should_exit = True
            await serving

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    while not ready.wait(0.1):
        assert thread.is_alive(), "the server does not start"
    try:
        yield started[0]
    finally:
        ended.set()
        thread.join()


def _no_rings(_domain: str) -> KeyRings:
    return KEYS
