"""Audit records to a syslog server over TLS (RFC 5424, RFC 5425; PS3.15 Section A.6).

There is no receipt in this protocol. What was handed to a connection that then breaks may be lost: the gap shows in the
chain of records. A server that takes nothing for a while counts as broken.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.adapters.reason import reason
from gateway.audit.chain import Chain
from gateway.audit.events import Event, Kind, Outcome
from gateway.audit.lines import stamp
from gateway.core.errors import AuditFailed

__all__ = ["Syslog", "SyslogServer", "tls_context"]

log = logging.getLogger("dicomveil.syslog")

CONNECT_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
MAX_WAITING_BYTES: Final = 1 << 20
"""Some five hundred records that the server has not taken yet."""
SILENCE_MS: Final = 30_000
"""For how long what was sent may stay without TCP's acknowledgement."""
NOTICE, WARNING = 85, 84
"""PRI: facility 10 (security), severity 5 or 4 (PS3.15 Section A.6)."""


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """Where the server is; ``name`` is what its certificate must say. ``message_id`` is the MSGID of all messages."""

    host: str
    port: int
    tls: ssl.SSLContext
    message_id: str


def tls_context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Trust the authorities in ``ca``, or the system's, and show ``certificate``. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        context.load_cert_chain(certificate, key, lambda: "")  # a key with a password: nobody is asked for it
    return context


class Syslog:
    """Sends records over one connection, which is made anew whenever it breaks."""

    def __init__(self, server: SyslogServer, encode: Callable[[Event], list[bytes]], key: bytes) -> None:
        self.name = f"syslog {server.host}:{server.port}"
        self._server = server
        self._encode = encode
        self._chain = Chain(key, os.urandom(8).hex())
        self._head = f"{socket.gethostname()[:255] or '-'} dicomveil {os.getpid()} {server.message_id} - "
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to connect; wait for the first try."""
        self._task = asyncio.create_task(self._keep_connected())
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connected.wait()

    async def aclose(self) -> None:
        """Send what is on its way, and disconnect."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])  # and not for itself: that would hide a cancellation of whoever closes
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    writer.close()  # sends what waits, first
                    await writer.wait_closed()

    def write(self, event: Event) -> None:
        """Hand a record to the connection. Raises AuditFailed where there is none, or the server takes nothing."""
        writer = self._writer
        if writer is None or writer.transport.is_closing():
            raise AuditFailed("not connected")
        if writer.transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            raise AuditFailed("the server takes nothing")
        sealed = self._chain.seal(self._encode(event), ends=event.kind is Kind.STOP)
        priority = NOTICE if event.outcome is Outcome.SUCCESS else WARNING
        head = f"<{priority}>1 {stamp(event.time)} {self._head}".encode()
        writer.write(b"".join(b"%d %b%b" % (len(head) + len(one), head, one) for one in sealed))
        self._chain.keep(sealed)

    async def _keep_connected(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    reader, self._writer = await self._connect()
            except (OSError, TimeoutError) as error:
                log.warning("%s: cannot connect: %s", self.name, reason(error))
            else:
                pause_s = FIRST_PAUSE_S
                self._connected.set()
                await self._until_broken(reader)
                log.warning("%s: the connection broke", self.name)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = self._server
        reader, writer = await asyncio.open_connection(server.host, server.port, ssl=server.tls)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MS)
        return reader, writer

    async def _until_broken(self, reader: asyncio.StreamReader) -> None:
        """Wait for the end of what the server sends, which is nothing."""
        with suppress(OSError):
            while await reader.read(1024):
                pass
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
