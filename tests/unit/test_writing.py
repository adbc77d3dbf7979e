"""What leaves together, and that it is the same bytes: over real sockets, also to a client that is slow."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway.writing import ENOUGH, LARGE, Corked
from tests.kit.certificates import Certificate, certificate
from tests.unit.test_connection import by_tls, none_open, on_the_loop, serving

ASK = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SIZES = (1, LARGE - 1, LARGE, ENOUGH, 3, ENOUGH - 1, 1, 5 * ENOUGH, 2)


class Written(asyncio.Transport):
    """Remembers each call of the system that there would be."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.is_closed = False

    def writelines(self, list_of_data: Sequence[bytes | memoryview]) -> None:  # type: ignore[override]
        self.calls.append(b"".join(list_of_data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 7


async def test_what_is_written_in_one_turn_leaves_together() -> None:
    written = Written()
    corked = Corked(written, asyncio.get_running_loop())
    for piece in (b"head", b"frame", b"piece"):
        corked.write(piece)
    assert written.calls == []
    assert corked.get_write_buffer_size() == 14 + 7
    await asyncio.sleep(0)
    assert written.calls == [b"headframepiece"]
    assert corked.get_write_buffer_size() == 7
    corked.write(b"more")
    await asyncio.sleep(0)
    assert written.calls[1:] == [b"more"]


async def test_what_is_enough_waits_for_nothing() -> None:
    written = Written()
    corked = Corked(written, asyncio.get_running_loop())
    corked.write(b"head")
    corked.write(bytes(ENOUGH))
    assert written.calls == [b"head" + bytes(ENOUGH)]
    await asyncio.sleep(0)
    assert len(written.calls) == 1


async def test_what_waits_leaves_before_the_end_and_not_after_it() -> None:
    written = Written()
    corked = Corked(written, asyncio.get_running_loop())
    corked.write(b"last")
    corked.close()
    assert (written.calls, written.is_closed) == ([b"last"], True)
    corked.write(b"too late")
    await asyncio.sleep(0)
    assert written.calls == [b"last"]


@pytest.mark.parametrize("is_slow", [False, True], ids=["fast", "slow"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ["bytes", "view", "buffer", "view of a buffer"])
def test_a_client_gets_what_was_sent_whatever_becomes_of_the_buffer(
    kind: str, scheme: str, is_slow: bool, tmp_path: Path
) -> None:
    shown = certificate(tmp_path) if scheme == "https" else None
    on_the_loop(gets_what_was_sent(kind, shown, is_slow=is_slow))


async def gets_what_was_sent(kind: str, shown: Certificate | None, *, is_slow: bool) -> None:
    made = random.Random(20261123)
    pieces = [made.randbytes(size) for size in SIZES * (20 if is_slow else 2)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in pieces:
            buffer = bytearray(piece)
            kinds = {
                "bytes": piece,
                "view": memoryview(piece),
                "buffer": buffer,
                "view of a buffer": memoryview(buffer),
            }
            await send({"type": "http.response.body", "body": kinds[kind], "more_body": True})
            buffer[:] = bytes(len(buffer))  # who made it uses it again
        await send({"type": "http.response.body"})

    async with serving(app, **(by_tls(shown) if shown else {})) as (server, _, first):
        first.close()
        await none_open(server)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=shown.client() if shown else None)
        writer.write(ASK)
        await reader.readuntil(b"\r\n\r\n")
        assert await chunks(server, reader, is_slow=is_slow) == pieces
        assert await reader.read() == b""
        writer.close()


async def chunks(server: uvicorn.Server, reader: asyncio.StreamReader, *, is_slow: bool) -> list[bytes]:
    """Read the chunks of a body, each as it was sent; slowly: not before the server has stopped writing."""
    if is_slow:
        (connection,) = server.server_state.connections
        async with asyncio.timeout(20):
            while not connection.flow.write_paused:  # type: ignore[union-attr]  # noqa: ASYNC110 - no event says it
                await asyncio.sleep(0.01)
    found = []
    while size := int(await reader.readline(), 16):
        found.append(await reader.readexactly(size))
        assert await reader.readexactly(2) == b"\r\n"
    await reader.readexactly(2)
    return found
