"""Studies that go up, and what is asked of a gateway that sends them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from pydicom.uid import UID

from gateway.core.pseudonym.keys import KeyRing
from tests.kit.images import image, ramp, written

SECRET: Final = bytes(range(32))
"""What ``servers.gateway`` gives to each gateway."""
CT: Final = "1.2.840.10008.5.1.4.1.1.2"
END_S: Final = 90
ENDED: Final = ("done", "failed", "cancelled")
Document = dict[str, Any]


def write_study(folder: Path, study: str, count: int, *, side: int = 16, **attributes: Any) -> list[str]:
    """Write a study of two series and return its SOP Instance UIDs."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = []
    for number in range(1, count + 1):
        series = 1 + number % 2
        uid = f"{study}.{series}.{number}"
        found = image(ramp(side, side), number, series, SOPClassUID=CT, SOPInstanceUID=uid, **attributes)
        found.StudyInstanceUID, found.SeriesInstanceUID = UID(study), UID(f"{study}.{series}")
        found.file_meta.MediaStorageSOPInstanceUID = UID(uid)
        (folder / f"{uid}.dcm").write_bytes(written(found))
        uids.append(uid)
    return uids


def released(uids: list[str], domain: str = "clinic") -> set[str]:
    """Return the released UIDs."""
    ring = KeyRing(SECRET, domain)
    return {ring.uid(uid) for uid in uids}


def uplinks(origin: str, destination: str, **more: object) -> dict[str, object]:
    """Write settings with an uplink called ``clinic``."""
    origins = {"local": {"dicomweb": origin}, "cloud": {"dicomweb": destination}}
    return {"origins": origins, "uplinks": {"clinic": {"origin": "local", "destination": "cloud"} | more}}


def begin(base: str, study: str, headers: Mapping[str, str] | None = None, **more: object) -> str:
    """Begin a job and return its URL."""
    answer = httpx.post(f"{base}/uplinks/clinic", json={"study": study} | more, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    return base + answer.headers["location"]


def job(url: str) -> Document:
    """Look at a job."""
    found: Document = httpx.get(url, timeout=30).raise_for_status().json()
    return found


def ended(url: str) -> Document:
    """Wait for the end of a job."""
    deadline = time.monotonic() + END_S
    while (found := job(url))["state"] not in ENDED:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


@dataclass(slots=True)
class Way:
    """A way to a server that can be slow, and can be shut: then what goes through it breaks off."""

    port: int = 0
    bytes_per_s: float = 0
    is_open: bool = True
    passing: set[asyncio.StreamWriter] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop | None = None

    @property
    def base(self) -> str:
        """Give the service base behind it."""
        return f"http://127.0.0.1:{self.port}/dicom-web"

    def shut(self) -> None:
        """Break off everything, and let nothing through."""
        self.is_open = False
        assert self.loop is not None
        for writer in list(self.passing):
            self.loop.call_soon_threadsafe(writer.transport.abort)

    def reopen(self) -> None:
        """Let things through again."""
        self.is_open = True


@asynccontextmanager
async def way_to(port: int, *, bytes_per_s: float = 0, is_open: bool = True) -> AsyncIterator[Way]:
    """Relay to a port of loopback; only what goes there is slowed down."""
    way = Way(0, bytes_per_s, is_open, loop=asyncio.get_running_loop())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not way.is_open:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", port)
        way.passing |= {writer, back}
        with suppress(ConnectionError):
            await asyncio.gather(_pump(reader, back, way), _pump(there, writer, Way()))
        way.passing -= {writer, back}
        back.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=4096)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        way.shut()
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
        if way.bytes_per_s:
            await asyncio.sleep(len(data) / way.bytes_per_s)
    with suppress(OSError):
        writer.write_eof()
