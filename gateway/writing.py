"""How an answer is written: what one turn of the loop makes in one call of the system, large pieces without a copy.

Every call wakes whoever reads at the other end, which costs more than what is written: the head of an answer, the
frames of its chunks, and the pieces that rewriting makes between two objects are small.
"""

import asyncio
from typing import Any, Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

ENOUGH: Final = 128 << 10
"""Bytes that wait for no more."""
LARGE: Final = 16 << 10
"""Bytes of a piece that are not copied; below it, a copy costs less than one more buffer."""


class Corked:
    """Stands for ``transport`` towards uvicorn; all but writing and closing is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes | memoryview] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | memoryview) -> None:
        """Write at the end of this turn, or now when enough has come together; ``data`` may not change any more."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= ENOUGH:
            self._flush()

    def get_write_buffer_size(self) -> int:
        """Return how much the client has yet to take."""
        return self._size + int(self._transport.get_write_buffer_size())

    def close(self) -> None:
        """Write what there is, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting and not self._transport.is_closing():
            self._transport.writelines(waiting)


class Answer(RequestResponseCycle):
    """uvicorn's, which would join the bytes of a large chunk with their frame."""

    async def send(self, message: Message) -> None:  # type: ignore[override] # uvicorn's name for the same
        """Send as uvicorn does, but a large chunk that more follows as it is."""
        body = message.get("body", b"")
        if not (self.chunked_encoding and message.get("more_body") and len(body) >= LARGE and _is_fixed(body)):
            await super().send(message)  # type: ignore[arg-type]
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        for piece in (b"%x\r\n" % len(body), body, b"\r\n"):
            self.transport.write(piece)


def _is_fixed(body: bytes | memoryview) -> bool:
    """Say whether nobody can change these bytes before they have left."""
    return type(body) is bytes or (type(body) is memoryview and type(body.obj) is bytes)
