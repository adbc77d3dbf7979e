"""A client's connection: uvicorn's, left where a request's head does not end and where nobody takes the answer."""

import asyncio
import logging
from typing import Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger("dicomveil.connection")

MAX_HEAD_BYTES: Final = 64 << 10
"""Of a request's line and headers together; as much as uvicorn's other parser allows."""
_SEPARATORS: Final = len(b": \r\n")


class ClientConnection(HttpToolsProtocol):
    """Aborts when a client takes nothing for ``send_timeout_s``, since each answer under way holds one of its origin's.

    Only a client that is behind is watched, by one timer; what is sent costs nothing. A head beyond ``MAX_HEAD_BYTES``
    is 400, and no more than two receive buffers above that is ever held.
    """

    send_timeout_s: float = 60

    _watch: asyncio.TimerHandle | None = None
    _pauses = 0
    _seen = (0, 0)
    _in_head = False
    _head_bytes = 0

    def pause_writing(self) -> None:
        """Begin to watch a client that is behind."""
        super().pause_writing()
        self._pauses += 1
        if self._watch is None:
            self._watch_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def look_after_client(self) -> None:
        """Abort when nothing was taken since the last look; watch on while the client is behind."""
        self._watch = None
        if not self.flow.write_paused:
            return
        if self._taken() != self._seen:
            self._watch_on()
            return
        log.warning("aborted: the client took nothing for %s s", self.send_timeout_s)
        self.transport.abort()

    def _watch_on(self) -> None:
        self._seen = self._taken()
        self._watch = self.loop.call_later(self.send_timeout_s, self.look_after_client)

    def _taken(self) -> tuple[int, int]:
        """Return what changes whenever a client that is behind takes something."""
        return self._pauses, self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head that has begun before has become too large."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request head is too large.")

    def on_body(self, body: bytes) -> None:
        """Take a piece of a request's body; one that nothing waits before is handed on as it is, not copied twice."""
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
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Begin to answer. Raises ValueError, which the parser makes a 400, for a head that is too large."""
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) + _SEPARATORS for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            raise ValueError("the request head is too large")
        super().on_headers_complete()
