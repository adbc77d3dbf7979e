"""An HttpOrigin in front of a scripted server, and scripts that many tests use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from tests.kit.scripted_server import Connection, Script, ScriptedServer, scripted_server

CANARY = "1.2.826.0.1.3680043.10.543.4711"
STUDY = f"/studies/{CANARY}"
CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def origin_on(
    script: Script, policy: ConnectionPolicy | None = None, auth: str | None = None
) -> AsyncIterator[tuple[HttpOrigin, ScriptedServer]]:
    async with scripted_server(script) as server:
        origin = HttpOrigin("archive", server.base, auth, policy=policy or ConnectionPolicy())
        try:
            yield origin, server
        finally:
            await origin.aclose()


async def read(origin: HttpOrigin, path: str = STUDY, query: str = "") -> tuple[int, bytes]:
    async with origin.get(path, query) as answer:
        return answer.status, b"".join([piece async for piece in answer.body])


async def answer_all(connection: Connection) -> None:
    while await connection.request():
        await connection.answer(b"body")


def script_of(*sends: bytes) -> Script:
    """Answer the first request of each connection with these bytes and close."""

    async def script(connection: Connection) -> None:
        await connection.request()
        for data in sends:
            await connection.send(data)

    return script
