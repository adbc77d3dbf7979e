"""An origin server of a few made-up studies over the scripted server: it does wrong what it is told to do wrong."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.kit.encode import EXPLICIT, Element, part10
from tests.kit.scripted_server import Connection, scripted_server

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
JSON_HEADER = "Content-Type: application/dicom+json\r\n"
BOUNDARY = "origin-boundary"
FILLER = bytes(range(256)) * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One instance and what is known of its patient, study and series."""

    study: str
    series: str
    instance: str
    patient: str = "PAT-4711"
    name: str = "SMITH^ANN"
    modality: str = "CT"
    sop_class: str = CT_IMAGE
    pixels: bytes = FILLER

    @property
    def path(self) -> str:
        """Give its path."""
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"

    def json(self, **more: dict[str, Any]) -> dict[str, Any]:
        """Describe it in the DICOM JSON Model; a keyword argument is a tag with an underscore in front."""
        found = {
            "00080016": {"vr": "UI", "Value": [self.sop_class]},
            "00080018": {"vr": "UI", "Value": [self.instance]},
            "00080060": {"vr": "CS", "Value": [self.modality]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": self.name}]},
            "00100020": {"vr": "LO", "Value": [self.patient]},
            "0020000D": {"vr": "UI", "Value": [self.study]},
            "0020000E": {"vr": "UI", "Value": [self.series]},
        }
        return found | {tag.removeprefix("_"): element for tag, element in more.items()}

    def elements(self) -> list[Element]:
        """Give its data elements."""
        return [
            Element(0x00080016, "UI", self.sop_class.encode()),
            Element(0x00080018, "UI", self.instance.encode()),
            Element(0x00080060, "CS", self.modality.encode()),
            Element(0x00100010, "PN", self.name.encode()),
            Element(0x00100020, "LO", self.patient.encode()),
            Element(0x0020000D, "UI", self.study.encode()),
            Element(0x0020000E, "UI", self.series.encode()),
            Element(0x7FE00010, "OW", self.pixels),
        ]

    def part10(self) -> bytes:
        """Write it as a file."""
        return part10(self.elements(), EXPLICIT)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; the query is decoded."""

    path: str
    query: list[tuple[str, str]]
    accept: str
    raw_query: str
    headers: dict[str, str]

    def values(self, name: str) -> list[str]:
        """Give the values of one parameter."""
        return [value for key, value in self.query if key == name]


Reply = Callable[[Connection, Asked], Awaitable[None]]


@dataclass(slots=True)
class Archive:
    """What the origin holds and how it behaves. ``replies`` wins over everything, by path below the service base."""

    rows: list[Row]
    replies: dict[str, Reply] = field(default_factory=dict)
    reads_keys: bool = True
    reads_paging: bool = True
    cap: int | None = None
    asked: list[Asked] = field(default_factory=list)
    base: str = ""
    open: Callable[[], int] = lambda: 0

    async def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        while True:
            asked = _asked(await connection.request())
            self.asked.append(asked)
            await self.replies.get(asked.path, self._answer)(connection, asked)

    def count(self, path: str) -> int:
        """Count the requests for a path."""
        return sum(asked.path == path for asked in self.asked)

    async def _answer(self, connection: Connection, asked: Asked) -> None:
        whole, _, kind = asked.path.rpartition("/")
        if kind in ("studies", "series", "instances", "metadata"):
            found = self._search(whole if kind == "metadata" else asked.path, kind)
            await json_reply(found if kind == "metadata" else self._page(found, asked))(connection, asked)
            return
        parts = [row.part10() for row in self.rows if f"{row.path}/".startswith(f"{asked.path}/")]
        if parts:
            await multipart_reply(parts)(connection, asked)
        else:
            await connection.answer(b'{"Details":"1.2.3.4"}', "404 Not Found")

    def _search(self, path: str, kind: str) -> list[dict[str, Any]]:
        """Find what lies below a path; every result tells everything that its row knows."""
        above = path.rpartition("/")[0] if kind != "metadata" else path
        level = {"studies": "study", "series": "series"}.get(kind, "instance")
        rows = {getattr(row, level): row for row in reversed(self.rows) if f"{row.path}/".startswith(f"{above}/")}
        return [self._described(rows[uid], kind) for uid in sorted(rows)]

    def _described(self, row: Row, kind: str) -> dict[str, Any]:
        found = row.json()
        if kind == "studies":
            modalities = {other.modality: None for other in self.rows if other.study == row.study}
            found["00080061"] = {"vr": "CS", "Value": [name for name in modalities if name]}
        hidden = {"studies": ("0020000E", "00080060", "00080016", "00080018"), "series": ("00080016", "00080018")}
        return {tag: element for tag, element in found.items() if tag not in hidden.get(kind, ())}

    def _page(self, found: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
        if self.reads_keys:
            for name, value in asked.query:
                tag = {"StudyInstanceUID": "0020000D"}.get(name, name)
                if tag in ("0020000D", "00100020", "00080061", "00080060"):
                    found = [one for one in found if any(str(has) in value.split(",") for has in one[tag]["Value"])]
        if self.reads_paging:
            limit, offset = (int((asked.values(name) or ["0"])[0]) for name in ("limit", "offset"))
            found = found[offset : offset + limit if limit else None]
        return found[: self.cap]


@asynccontextmanager
async def serving(archive: Archive) -> AsyncIterator[Archive]:
    """Serve an archive on a free port."""
    async with scripted_server(archive) as server:
        archive.base = server.base
        archive.open = lambda: server.open
        yield archive


def json_reply(found: Iterable[Mapping[str, Any]], content_type: str = JSON_HEADER) -> Reply:
    """Answer with data sets."""
    return reply(json.dumps(list(found)).encode(), headers=content_type)


def reply(body: bytes, status: str = "200 OK", headers: str = "") -> Reply:
    """Answer with a whole body."""

    async def answer(connection: Connection, _asked: Asked) -> None:
        await connection.answer(body, status, headers)

    return answer


def multipart(parts: Iterable[bytes], inner: str = "application/dicom", *, end: bool = True) -> tuple[str, bytes]:
    """Write a Content-Type line and a multipart body, whose closing delimiter may be left out."""
    written = b"".join(
        f"--{BOUNDARY}\r\nContent-Type: {inner}\r\nContent-Location: http://archive.example/1.2.3\r\n\r\n".encode()
        + part
        + b"\r\n"
        for part in parts
    )
    closing = f"--{BOUNDARY}--\r\n".encode() if end else b""
    return f'Content-Type: multipart/related; type="{inner}"; boundary={BOUNDARY}\r\n', written + closing


def multipart_reply(parts: Iterable[bytes], inner: str = "application/dicom", *, end: bool = True) -> Reply:
    """Answer with a multipart body."""
    header, body = multipart(parts, inner, end=end)
    return reply(body, headers=header)


def ended_by_close(*pieces: bytes, headers: str) -> Reply:
    """Answer as some archives do: no length, no chunks, the end of the connection is the end."""

    async def answer(connection: Connection, _asked: Asked) -> None:
        await connection.send(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}\r\n".encode())
        for piece in pieces:
            await connection.send(piece)
        raise ConnectionResetError

    return answer


def _asked(head: bytes) -> Asked:
    lines = head.decode("latin-1").split("\r\n")
    path, _, query = lines[0].split(" ")[1].partition("?")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    values = parse_qsl(query, keep_blank_values=True)
    return Asked(path.removeprefix("/dicom-web"), values, headers.get("accept", ""), query, headers)
