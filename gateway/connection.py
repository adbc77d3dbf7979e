"""A client's connection: uvicorn's, left where a request does not get on and where nobody takes the answer."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import Any, Final

import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr

from gateway.calls import DEPARTURE, Departure
from gateway.limits import Connections
from gateway.writing import Answer, Corked

log = logging.getLogger("dicomveil.connection")

MAX_HEAD_BYTES: Final = 64 << 10
"""Of a request's line and headers together; as much as uvicorn's other parser allows."""
MAX_AROUND_BYTES: Final = 64 << 10
"""Of what stands around a body without bringing any of it: extensions of chunks, and trailers."""
MIN_BODY_RATE: Final = 1 << 10
"""Bytes a second, over ``body_timeout_s``; what is stored has to be faster still (``storing.rewriting``)."""
REFUSED_HEAD_S: Final = 1.0
"""For how long a connection that is one too many may take to hear so."""
GOODBYE_S: Final = 2.0
"""For how long a client may take to answer the end of TLS."""
_SEPARATORS: Final = len(b": \r\n")


class _Awaited(Enum):
    """What the client has to send."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class ClientConnection(HttpToolsProtocol):
    """Aborts when a client takes nothing for a while, since each answer under way holds one of its origin's.

    So it does when a head does not end in time, or a body hardly moves. Only a client that is behind is watched, by
    one timer for each direction; what flows costs nothing. A head beyond ``MAX_HEAD_BYTES`` is 400, and no more than
    two receive buffers above that is ever held. Trailers of a body are passed over: what proxies say stands in the head
    alone, where they take care of what clients write. Limits are those of the application's ``state.connections``.
    """

    _watch: asyncio.TimerHandle | None = None
    _pauses = 0
    _seen = (0, 0)
    _in_head = False
    _head_bytes = 0
    _around_bytes = 0
    _awaited = _Awaited.HEAD
    _deadline: asyncio.TimerHandle | None = None
    _deadline_for = _Awaited.NOTHING
    _received = 0
    _received_before = 0
    _was_held_back = False
    _is_refused = False
    _counted_for: str | None = None

    def __init__(self, config: Config, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        state = getattr(config.loaded_app, "state", None)
        self._departure = Departure()
        self._connections: Connections = getattr(state, "connections", None) or Connections()
        self.timeout_keep_alive = self._connections.limits.keep_alive_s  # type: ignore[assignment] # as call_later takes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the client; what is one too many is told so, whatever it asks for."""
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type] # all that it has
        self.enter(self.client)
        self._watch_client()

    def enter(self, client: tuple[str, int] | None) -> None:
        """Count the client, unless it was before it agreed on TLS."""
        if self._counted_for is not None:
            return
        self._counted_for = client[0] if client else ""
        refusal = self._connections.enter(self._counted_for)
        if refusal is not None:
            self._is_refused = True
            self.app = refusal

    def leave(self) -> None:
        """Count the client no more."""
        if self._counted_for is not None:
            self._connections.leave(self._counted_for)
            self._counted_for = None

    @property
    def head_timeout_s(self) -> float:
        """For how long the client may take to begin."""
        return REFUSED_HEAD_S if self._is_refused else self._connections.limits.head_timeout_s

    def pause_writing(self) -> None:
        """Begin to watch a client that is behind."""
        super().pause_writing()
        self._pauses += 1
        if self._watch is None:
            self._watch_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        for timer in (self._watch, self._deadline):
            if timer is not None:
                timer.cancel()
        self.leave()
        super().connection_lost(exc)
        self._departure.come()

    def look_after_client(self) -> None:
        """Abort when nothing was taken since the last look; watch on while the client is behind."""
        self._watch = None
        if not self.flow.write_paused:
            return
        if self._taken() != self._seen:
            self._watch_on()
            return
        log.warning("aborted: the client took nothing for %s s", self._connections.limits.send_timeout_s)
        self.transport.abort()

    def _watch_on(self) -> None:
        self._seen = self._taken()
        self._watch = self.loop.call_later(self._connections.limits.send_timeout_s, self.look_after_client)

    def _taken(self) -> tuple[int, int]:
        """Return what changes whenever a client that is behind takes something."""
        return self._pauses, self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head that has begun before has become too large, or what stands around a body."""
        if self._in_head:
            self._head_bytes += len(data)
        in_body, received = self._awaited is _Awaited.BODY, self._received
        super().data_received(data)
        self._around_bytes = self._around_bytes + len(data) if in_body and received == self._received else 0
        if self._around_bytes > MAX_AROUND_BYTES and not self.transport.is_closing():
            log.info("left: what stands around a body has no end")
            self.transport.abort()
        self._was_held_back = self._was_held_back or self.flow.read_paused
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request head is too large.")
        if self._awaited is _Awaited.NOTHING and (self.cycle is None or self.cycle.response_complete):
            self._awaited = _Awaited.HEAD  # line ends before a head: they end the wait for it that uvicorn has
        if self._awaited is not self._deadline_for:
            self._watch_client()

    def _watch_client(self) -> None:
        """Give what the client has to send now its time."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._deadline_for = self._awaited
        if self._awaited is _Awaited.NOTHING or self.transport.is_closing():
            return
        limits = self._connections.limits
        seconds = limits.head_timeout_s if self._awaited is _Awaited.HEAD else limits.body_timeout_s
        self._received_before, self._was_held_back = self._received, self.flow.read_paused
        self._deadline = self.loop.call_later(REFUSED_HEAD_S if self._is_refused else seconds, self._late)

    def _late(self) -> None:
        """Leave a client whose head is not whole yet, or whose body has hardly moved."""
        if self._is_excused():
            self._watch_client()
            return
        what = "head was not whole" if self._awaited is _Awaited.HEAD else "body hardly moved"
        log.info("left: a request's %s in time", what)
        self.transport.abort()

    def _is_excused(self) -> bool:
        """Say whether it was the client's turn at all, and whether what it sent was enough."""
        if self._was_held_back:
            return True
        is_answered = self.cycle is None or self.cycle.response_complete
        if self._awaited is _Awaited.HEAD:
            return not is_answered
        if not is_answered and self.cycle.waiting_for_100_continue:
            return True
        enough = MIN_BODY_RATE * self._connections.limits.body_timeout_s
        return self._received - self._received_before >= enough

    def on_body(self, body: bytes) -> None:
        """Take a piece of a request's body; one that nothing waits before is handed on as it is, not copied twice."""
        self._received += len(body)
        cycle = self.cycle
        if cycle.body or cycle.response_complete or len(body) <= HIGH_WATER_LIMIT:
            super().on_body(body)
            return
        cycle.body = body  # type: ignore[assignment] # it is only measured, made bytes of, and replaced
        self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        super().on_message_begin()
        self.scope[DEPARTURE] = self._departure  # type: ignore[typeddict-unknown-key]
        self._in_head, self._head_bytes = True, 0
        self._awaited = _Awaited.HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; one of the trailers is none (RFC 9110 Section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer. Raises ValueError, which the parser makes a 400, for a head that is too large.

        So does one with two hosts (RFC 9112 Section 3.2): a proxy may have gone by the other one.
        """
        self._in_head = False
        self._awaited = _Awaited.BODY
        size = len(self.url) + sum(len(name) + len(value) + _SEPARATORS for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            raise ValueError("the request head is too large")
        if sum(name == b"host" for name, _ in self.headers) > 1:
            raise ValueError("the request has two hosts")
        super().on_headers_complete()
        self.cycle.__class__ = Answer  # its task has yet to begin
        if self._is_of_former_settings():
            self.cycle.keep_alive = False

    def _is_of_former_settings(self) -> bool:
        """Say whether the client agreed on TLS before a reload, which may have taken its authority out."""
        if self.scheme != "https":
            return False
        now = getattr(getattr(self.config.loaded_app, "state", None), "connections", self._connections)
        return now is not self._connections

    def on_message_complete(self) -> None:
        """Await nothing more."""
        self._awaited = _Awaited.NOTHING
        super().on_message_complete()


class Doorstep(asyncio.Protocol):
    """A client that has yet to agree on TLS: counted from here on, and given as long for it as for a head.

    A loop's own server says nothing of a client before it has agreed. So the client is taken off that server.
    """

    _agreeing: asyncio.Task[None] | None = None

    def __init__(self, connection: Callable[[], ClientConnection], shown: ssl.SSLContext) -> None:
        self._connection = connection()
        self._shown = shown

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the client and begin to agree; nothing was read of it before."""
        client = get_remote_addr(transport)
        try:
            accepted = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        except OSError as error:  # there are no descriptors left
            log.warning("left: %s", error.strerror)
            return
        finally:
            transport.abort()  # the connection stands: it has another descriptor
        accepted.setblocking(False)  # noqa: FBT003 a socket takes no keyword
        self._connection.enter(client)
        self._agreeing = asyncio.get_running_loop().create_task(self._agree(accepted))

    async def _agree(self, accepted: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._connection,
                accepted,
                ssl=self._shown,
                ssl_handshake_timeout=self._connection.head_timeout_s,
                ssl_shutdown_timeout=GOODBYE_S,
            )
        except OSError as error:
            log.debug("left: no TLS, %s", type(error).__name__)
        if self._connection.transport is None:  # also when it left meanwhile
            self._connection.leave()


class Loop(uvloop.Loop):
    """uvloop, whose servers count clients before they agree on TLS."""

    async def create_server(  # type: ignore[override] # all else is passed on as it is
        self, protocol_factory: Any, *args: Any, **more: Any
    ) -> asyncio.AbstractServer:
        """Make a server."""
        if shown := more.pop("ssl", None):
            protocol_factory = partial(Doorstep, protocol_factory, shown)
        return await super().create_server(protocol_factory, *args, **more)
