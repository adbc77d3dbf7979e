"""A syslog server over TLS: it takes frames as RFC 5425 has them, and nothing else."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

HEADER: Final = re.compile(
    rb"<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (-|\[.*?\]) (.*)", re.DOTALL
)
"""RFC 5424 Section 6: PRI, VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID, STRUCTURED-DATA, MSG."""


@dataclass(slots=True)
class Receiver:
    """What came, message by message. It reads on while it is ``awake``."""

    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def records(self) -> list[bytes]:
        """Give the MSG part of each message."""
        return [found[8] for one in self.messages if (found := HEADER.fullmatch(one))]

    async def until(self, count: int) -> None:
        """Wait until so many messages have come."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.messages) >= count)

    def drop(self) -> None:
        """Break all connections."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the frames of one connection."""
        self.writers.append(writer)
        try:
            while await self.awake.wait():
                count = (await reader.readuntil(b" "))[:-1]
                if not re.fullmatch(rb"[1-9][0-9]*", count):
                    self.faults.append("a length that is none")
                    break
                self.messages.append(await reader.readexactly(int(count)))
                async with self.changed:
                    self.changed.notify_all()
        except asyncio.IncompleteReadError as cut:
            if cut.partial:
                self.faults.append("a frame that was cut off")
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(context: ssl.SSLContext, port: int = 0) -> AsyncIterator[Receiver]:
    """Receive on a free port of loopback, or on ``port``."""
    receiver = Receiver()
    receiver.awake.set()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", port, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.awake.set()
        receiver.drop()
        server.close()
        with suppress(OSError):
            await server.wait_closed()
