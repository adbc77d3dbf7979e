"""A gateway process over a scripted archive, whose profile writes a mark that says which version of it was at work."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.kit.archive import Archive, Asked, Row, multipart, serving
from tests.kit.inprocess import released
from tests.kit.scripted_server import Connection, until
from tests.kit.servers import Gateway, gateway

DICOM: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
STUDY: Final = "/studies/1.2.826.0.1.90"
ROWS: Final = [
    Row(
        "1.2.826.0.1.90",
        f"1.2.826.0.1.90.{1 + number % 2}",
        f"1.2.826.0.1.90.{1 + number % 2}.{number}",
        pixels=b"P" * 20_000,
    )
    for number in range(4)
]
_MARK: Final = re.compile(rb"MARK-[0-9]{4}")


def profile(number: int) -> str:
    """Write the profile ``marked``, the version of this number."""
    mark = f"MARK-{number:04}"
    return (
        "name: marked\nbased_on: nominal\nattributes:\n"
        f"  PatientID: {{action: replace, value: {mark}}}\n  PatientName: {{action: replace, value: {mark}}}\n"
    )


@dataclass
class Gate:
    """An answer that stops in the middle until it is opened; ``held`` counts those that have stopped."""

    opened: asyncio.Event
    held: int = 0

    async def __call__(self, connection: Connection, _asked: Asked) -> None:
        header, body = multipart([row.part10() for row in ROWS])
        await connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{header}\r\n".encode())
        middle = len(body) // 2
        await connection.send(body[:middle])
        self.held += 1
        await self.opened.wait()
        await connection.send(body[middle:])


@dataclass
class Stage:
    """The archive and the gateway before it; ``session`` opens a connection for each request."""

    archive: Archive
    gateway: Gateway
    session: aiohttp.ClientSession

    @property
    def pid(self) -> int:
        assert self.gateway.process is not None
        return self.gateway.process.pid

    @property
    def study(self) -> str:
        """Give the URL of the study."""
        return self.gateway.worklist("research") + released(STUDY)

    def tell(self) -> None:
        """Send the process a SIGHUP."""
        assert self.gateway.process is not None
        self.gateway.process.send_signal(signal.SIGHUP)

    def write(self, number: int) -> None:
        """Write a version of the profile in the place of the one before."""
        new = self.gateway.folder / "marked.new"
        new.write_text(profile(number), encoding="utf-8")
        new.replace(self.gateway.folder / "profiles" / "marked.yaml")

    async def ask(self, path: str = "/metadata", accept: str = "application/dicom+json") -> bytes:
        """Ask for something of the study; the body of a whole answer."""
        async with self.session.get(self.study + path, headers={"Accept": accept}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    async def shows(self, number: int) -> None:
        """Wait until a version of the profile is at work."""
        async with asyncio.timeout(60):
            while marks(await self.ask()) != {number}:  # noqa: ASYNC110 it is asked by HTTP
                await asyncio.sleep(0.05)

    async def logs(self, text: str, count: int = 1) -> None:
        """Wait until the log says something so often."""
        await until(lambda: self.gateway.log.count(text) >= count)


def marks(body: bytes) -> set[int]:
    """Find the versions of the profile that were at work on an answer."""
    return {int(mark[5:]) for mark in _MARK.findall(body)}


@asynccontextmanager
async def staged(
    folder: Path, settings: dict[str, Any] | None = None, token: str | None = None, **more: Any
) -> AsyncIterator[Stage]:
    """Run an archive and a gateway; ``settings`` are added, ``more`` is for ``servers.gateway``.

    ``token`` is the environment variable of what the gateway shows to the archive.
    """
    async with serving(Archive(list(ROWS))) as archive:
        auth = {"auth": {"bearer": {"env": token}}} if token else {}
        whole: dict[str, object] = {
            "origins": {"archive": {"dicomweb": archive.base} | auth},
            "worklists": {"research": {"origin": "archive", "profile": "marked"}},
        } | (settings or {})
        running = gateway(folder / "gateway", whole, {"marked": profile(1)}, **more)
        server = await asyncio.to_thread(running.__enter__)
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                yield Stage(archive, server, session)
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


def gated(stage: Stage) -> Gate:
    """Have the archive stop in the middle of the study."""
    gate = Gate(asyncio.Event())
    stage.archive.replies[STUDY] = gate
    return gate
