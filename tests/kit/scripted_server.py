"""A real server on loopback whose every byte is scripted: what well-behaved servers cannot be made to do."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Script = Callable[["Connection"], Awaitable[None]]


class Connection:
    """One accepted connection; ``number`` counts from 1 and ``sent`` its bytes that were handed to the kernel."""

    def __init__(
        self, server: "ScriptedServer", number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.number = number
        self.sent = 0
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """Read one request head; raise ConnectionError when the client has gone."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as gone:
            raise ConnectionResetError from gone
        self.server.heads.append(head)
        return head

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the chunks of a request's body; raise ConnectionError when it breaks off."""
        try:
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                yield await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readexactly(2)
        except asyncio.IncompleteReadError as gone:
            raise ConnectionResetError from gone

    async def body(self) -> bytes:
        """Read the body of a request to its end; raise ConnectionError when it breaks off."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def send(self, data: bytes) -> None:
        """Write and wait until the kernel has room again; raise ConnectionError when the client has gone."""
        self._writer.write(data)
        await self._writer.drain()
        self.sent += len(data)

    async def answer(self, body: bytes = b"", status: str = "200 OK", headers: str = "") -> None:
        """Send a whole answer with a Content-Length."""
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        await self.send(head.encode("latin-1") + body)

    async def until_gone(self) -> None:
        """Return when the client has closed the connection."""
        while await self._reader.read(65536):
            pass

    def reset(self) -> None:
        """Break the connection off, so that the client sees an error instead of an end."""
        socket_ = self._writer.get_extra_info("socket")
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class ScriptedServer:
    """What the server has seen: request heads, connections, and how many were open at a time."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.connections: list[Connection] = []
        self.open = 0
        self.most_open = 0
        self.base = ""
        self.ended = asyncio.Queue[int]()


async def until(holds: Callable[[], object], within_s: float = 60) -> None:
    """Wait until something holds, for some time at most."""
    async with asyncio.timeout(within_s):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def scripted_server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """Serve every connection by ``script`` on a free port; ``base`` is ``http(s)://127.0.0.1:PORT/dicom-web``."""
    server = ScriptedServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(server, len(server.connections) + 1, reader, writer)
        server.connections.append(connection)
        server.open += 1
        server.most_open = max(server.most_open, server.open)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await script(connection)
        finally:
            server.open -= 1
            server.ended.put_nowait(connection.number)
            writer.close()
            tasks.discard(task)

    tasks: set[asyncio.Task[None]] = set()
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    server.base = f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}/dicom-web"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
