"""A destination of Store transactions that is told how to behave, and remembers what reached it whole."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from pydicom.tag import BaseTag

from tests.kit.raw import read
from tests.kit.scripted_server import Connection, ScriptedServer, scripted_server

JSON: Final = "application/dicom+json"
_INSTANCE, _CLASS = 0x00080018, 0x00080016


def uid_of(part: bytes, tag: int = _INSTANCE) -> str:
    """Read a UID of a Part 10 object with pydicom."""
    element: Any = read(part)._dict[BaseTag(tag)]
    value: bytes = element.value
    return value.decode("ascii").strip("\0 ")


def response(stored: Iterable[str], failed: Iterable[tuple[str, object]] = (), **more: Any) -> bytes:
    """Write a Store Instances Response; what is no failure reason may be said as one."""

    def item(uid: str) -> dict[str, Any]:
        return {"00081150": {"vr": "UI", "Value": ["1.2"]}, "00081155": {"vr": "UI", "Value": [uid]}}

    found: dict[str, Any] = {
        "00081190": {"vr": "UR", "Value": ["http://origin.invalid/SECRET"]},
        "00081199": {"vr": "SQ", "Value": [item(uid) for uid in stored]},
        "00081198": {"vr": "SQ", "Value": [item(u) | {"00081197": {"vr": "US", "Value": [r]}} for u, r in failed]},
    }
    return json.dumps(found | more).encode()


Reply = Callable[[list[bytes]], tuple[str, bytes, str]]
"""Makes status, body and media type of what a request's parts are."""


def all_stored(parts: list[bytes]) -> tuple[str, bytes, str]:
    """Say that everything was stored."""
    return "200 OK", response(map(uid_of, parts)), JSON


@dataclass
class Destination:
    """``requests`` are the parts of each request that came to its end; ``broken`` counts those that did not.

    ``refuses_after``: answers with this status after so many chunks, and reads no more. ``breaks_after``: resets the
    connection instead, and so does an object with ``poison`` in it. ``dies``: it answers nothing while ``is_dead``.
    """

    reply: Reply = all_stored
    refuses_after: tuple[int, str] | None = None
    breaks_after: int | None = None
    poison: bytes = b""
    dies: bool = False
    is_dead: bool = False
    requests: list[list[bytes]] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    part_types: list[str] = field(default_factory=list)
    broken: int = 0
    begun: int = 0
    server: ScriptedServer = field(default_factory=ScriptedServer)

    @property
    def base(self) -> str:
        """Give the service base."""
        return self.server.base

    @property
    def parts(self) -> list[bytes]:
        """Give all that arrived whole."""
        return [part for request in self.requests for part in request]

    async def _serve(self, connection: Connection) -> None:
        head = await connection.request()
        if self.is_dead:
            connection.reset()
            return
        if head.startswith(b"GET"):
            await connection.answer(b"[]", headers=f"Content-Type: {JSON}\r\n")
            return
        self.heads.append(head)
        self.begun += 1
        pieces: list[bytes] = []
        try:
            async for chunk in connection.chunks():
                pieces.append(chunk)
                if self.breaks_after is not None and len(pieces) > self.breaks_after:
                    connection.reset()
                    return
                if self.poison and self.poison in b"".join(pieces):
                    self.is_dead = self.dies
                    connection.reset()
                    return
                if self.refuses_after is not None and len(pieces) > self.refuses_after[0]:
                    await connection.answer(b"", self.refuses_after[1])
                    return
        except ConnectionError:
            self.broken += 1
            raise
        parts = self._parts(head, b"".join(pieces))
        self.requests.append(parts)
        status, body, media_type = self.reply(parts)
        await connection.answer(body, status, f"Content-Type: {media_type}\r\n" if media_type else "")

    def _parts(self, head: bytes, body: bytes) -> list[bytes]:
        boundary = head.partition(b"boundary=")[2].partition(b"\r\n")[0]
        begin, *parts, end = (b"\r\n" + body).split(b"\r\n--" + boundary)
        assert (begin, end) == (b"", b"--\r\n")
        found = []
        for part in parts:
            headers, empty, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            assert empty
            self.part_types.append(headers.decode("ascii"))
            found.append(content)
        return found


@asynccontextmanager
async def destination(behaviour: Destination | None = None) -> AsyncIterator[Destination]:
    """Serve one on a free port."""
    found = behaviour or Destination()
    async with scripted_server(found._serve) as server:
        found.server = server
        yield found
