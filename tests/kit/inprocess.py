"""The gateway's own application, built from a settings file and asked in this process or over a real connection."""

import asyncio
import json
import re
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final

import httpx
import pydicom
import uvicorn
from pydicom.uid import UID
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from gateway import app
from gateway.config import load_settings
from gateway.connection import ClientConnection
from gateway.core.pseudonym.keys import KeyRing
from tests.kit.archive import Archive, serving

SECRET: Final = bytes(range(32))
BASE: Final = "http://gateway.example:8042"
DICOM: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS: Final = 'multipart/related; type="application/octet-stream"'
UNKNOWN: Final = "2.25.123456789012345678901234567890123456"

CHEST, HEAD, DOSE, ECG = "1.2.826.0.1.55.1", "1.2.826.0.1.55.2", "1.2.826.0.1.55.3", "1.2.826.0.1.55.4"
_SHIPPED: Final = Path(pydicom.__file__).parent / "data" / "test_files"
_SAMPLES: Final = (
    # file, study, series, instance, patient, name
    ("CT_small.dcm", CHEST, 1, 1, "C-100", "SMITH^JOHN"),
    ("CT_small.dcm", CHEST, 1, 2, "C-100", "SMITH^JOHN"),
    ("CT_small.dcm", CHEST, 2, 1, "C-100", "SMITH^JOHN"),
    ("test-SR.dcm", CHEST, 3, 1, "C-100", "SMITH^JOHN"),
    ("MR_small.dcm", HEAD, 1, 1, "H-200", "JONES^MARY"),
    ("JPEG2000.dcm", HEAD, 2, 1, "H-200", "JONES^MARY"),
    ("rtdose.dcm", DOSE, 1, 1, "D-300", "SMITHERS^W"),
    ("waveform_ecg.dcm", ECG, 1, 1, "", "NEMO"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; ``whole`` says whether it was ended, ``pieces`` how its body came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool

    @property
    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)

    @property
    def said(self) -> bytes:
        """Give all that it tells, but for the date, the request's name and a boundary, which may look like anything."""
        headers = sorted((name, value) for name, value in self.headers.items() if name != "x-request-id")
        boundary = re.search(r'boundary="?([^";]+)', self.headers.get("content-type", ""))
        told = f"{self.status} {headers}".encode() + self.body
        return told.replace(boundary[1].encode(), b"-") if boundary else told

    def parts(self) -> list[tuple[str, bytes]]:
        """Give media type and body of each part, parsed by the standard library's mail parser."""
        message = message_from_bytes(f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode() + self.body)
        assert message.is_multipart(), message.defects
        assert not message.defects
        parts: Any = message.get_payload()
        return [(str(part["Content-Type"]), part.get_payload(decode=True)) for part in parts]


@dataclass(slots=True)
class Service:
    """One worklist's DICOMweb service."""

    gateway: "InProcess"
    name: str

    async def get(self, path: str, accept: str | None = None, **headers: str) -> Answer:
        """Ask for a path below the service base, or for a whole URL of it."""
        return await self.gateway.ask(f"/worklists/{self.name}/dicom-web{path}", accept, **headers)

    async def results(self, path: str) -> list[dict[str, Any]]:
        """Search; the results, also where there are none."""
        answer = await self.get(path)
        assert answer.status in (200, 204), answer
        found: list[dict[str, Any]] = answer.json if answer.status == 200 else []
        return found

    async def uids(self, path: str, tag: str) -> list[str]:
        """Search; the UIDs of one level."""
        return [one[tag]["Value"][0] for one in await self.results(path)]

    async def paths(self, query: str = "") -> list[str]:
        """Find the instances that match; their released paths."""
        names = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
        return [
            "".join(f"/{name}/{one[tag]['Value'][0]}" for name, tag in names.items())
            for one in await self.results(f"/instances{query}")
        ]


@dataclass(slots=True)
class InProcess:
    """A running application."""

    client: httpx.AsyncClient
    application: Starlette
    ended: list[bool]

    def __getitem__(self, name: str) -> Service:
        """Give a worklist's service."""
        return Service(self, name)

    async def ask(self, path: str, accept: str | None = None, method: str = "GET", **headers: str) -> Answer:
        """Ask once; a header's name is written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = self.client.build_request(method, path, headers=named)
        request.headers.pop("accept", None)
        if accept is not None:
            request.headers = httpx.Headers([*request.headers.raw, (b"Accept", accept.encode())])
        self.ended.clear()
        response = await self.client.send(request)
        return Answer(response.status_code, dict(response.headers), response.content, bool(self.ended))


@asynccontextmanager
async def in_process(
    folder: Path,
    origins: Mapping[str, Mapping[str, object]],
    worklists: Mapping[str, Mapping[str, object]],
    **more: object,
) -> AsyncIterator[InProcess]:
    """Run the application without a server; a worklist's origin is the first and its profile ``nominal`` by default."""
    application = built(folder, origins, worklists, **more)
    ended: list[bool] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended.append(True)
            await send(message)

        await application({**scope, "server": ("127.0.0.1", 8042)}, receive, sending)
        if not ended:  # a server closes the connection; here the client would wait
            await send({"type": "http.response.body"})

    transport = httpx.ASGITransport(watched, client=("10.1.2.3", 50000), raise_app_exceptions=False)
    async with started(application), httpx.AsyncClient(transport=transport, base_url=BASE) as asking:
        yield InProcess(asking, application, ended)


@asynccontextmanager
async def started(application: Starlette) -> AsyncIterator[None]:
    """Start and stop as a server does: what goes wrong in between is not the application's."""
    lifespan = application.router.lifespan_context(application)
    await lifespan.__aenter__()
    try:
        yield
    finally:
        await lifespan.__aexit__(None, None, None)


@asynccontextmanager
async def over(
    archive: Archive, folder: Path, worklists: Mapping[str, Mapping[str, object]] | None = None, **more: object
) -> AsyncIterator[InProcess]:
    """Run the application over a scripted archive, with one worklist called ``research`` by default."""
    async with serving(archive):
        origins = {"archive": {"dicomweb": archive.base, "read_timeout_s": 20}}
        async with in_process(folder / "gateway", origins, worklists or {"research": {}}, **more) as running:
            yield running


def released(path: str, domain: str = "research") -> str:
    """Give the released path of an archive's path."""
    keys = KeyRing(SECRET, domain)
    return re.sub(r"[0-9]+(\.[0-9]+)+", lambda uid: keys.uid(uid[0]), path)


@asynccontextmanager
async def on_a_port(
    folder: Path,
    origins: Mapping[str, Mapping[str, object]],
    worklists: Mapping[str, Mapping[str, object]],
    **more: object,
) -> AsyncIterator[tuple[str, int]]:
    """Run the application under uvicorn on a free port of loopback; give host and port."""
    config = uvicorn.Config(
        built(folder, origins, worklists, **more),
        port=0,
        ws="none",
        http=ClientConnection,
        lifespan="on",
        log_config=None,
        proxy_headers=False,
        timeout_graceful_shutdown=5,  # a test that fails may leave its client waiting
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[:2]
    finally:
        server.should_exit = True
        await serving


def built(
    folder: Path,
    origins: Mapping[str, Mapping[str, object]],
    worklists: Mapping[str, Mapping[str, object]],
    **more: object,
) -> Starlette:
    """Write a settings file and build the application from it."""
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_bytes(SECRET)
    first = next(iter(origins))
    settings = {
        "secret": {"file": "secret"},
        "state": "sqlite:///state.db",
        "origins": origins,
        "worklists": {
            name: {"origin": first} | ({} if "identified" in entry else {"profile": "nominal"}) | dict(entry)
            for name, entry in worklists.items()
        },
    } | more
    # Every JSON document is a YAML document.
    (folder / "dicomveil.yaml").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return app.build(load_settings(folder / "dicomveil.yaml"))


def sample_folder(folder: Path) -> dict[str, object]:
    """Write four studies made of shipped files and name them as an origin."""
    folder.mkdir()
    for file, study, series, instance, patient, name in _SAMPLES:
        with warnings.catch_warnings(action="ignore"):
            found = pydicom.dcmread(_SHIPPED / file)
            found.StudyInstanceUID, found.SeriesInstanceUID = UID(study), UID(f"{study}.{series}")
            found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = UID(f"{study}.{series}.{instance}")
            found.PatientID, found.PatientName, found.SeriesNumber, found.InstanceNumber = (
                patient,
                name,
                series,
                instance,
            )
            found.save_as(folder / f"{study}.{series}.{instance}.dcm")
    return {"folder": str(folder)}


def links(found: Any) -> list[str]:
    """Find every BulkDataURI in DICOM JSON."""
    if isinstance(found, list):
        return [link for one in found for link in links(one)]
    if not isinstance(found, dict):
        return []
    own = [found["BulkDataURI"]] if "BulkDataURI" in found else []
    return own + [link for one in found.values() for link in links(one)]
