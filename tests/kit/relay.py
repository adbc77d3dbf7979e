"""A relay before a server, which keeps every byte that was sent to it and every byte that came back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class Relay:
    """A running relay: its port, and what went through it."""

    port: int = 0
    asked: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[Relay]:
    """Run a relay to a port of loopback in this event loop."""
    passed = Relay()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            await asyncio.gather(_pump(reader, back, passed.asked), _pump(there, writer, passed.answered))
        back.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    passed.port = server.sockets[0].getsockname()[1]
    try:
        yield passed
    finally:
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    while data := await reader.read(1 << 16):
        kept += data
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()
