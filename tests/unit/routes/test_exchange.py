"""Bodies on their way to a real client, over a real connection: what is whole, what breaks off, who leaves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from gateway.calls import DEPARTURE, Call, Departure, set_call
from gateway.core.errors import BadRequest, MalformedInput, NotReleased
from gateway.routes.exchange import Streamed, WhileClientStays

Body = Callable[[], AsyncIterator[bytes]]
CHUNK = bytes(1 << 16)


@asynccontextmanager
async def serving(body: Body) -> AsyncIterator[str]:
    """Answer every request with a body, by the server that the gateway uses."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        set_call(scope, Call("1", "", scope["method"], 0.0))
        await Streamed(body(), "application/x", {"x-more": "y"}, empty=204)(scope, receive, send)

    config = uvicorn.Config(
        WhileClientStays(application), port=0, ws="none", http="httptools", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    try:
        yield "http://{}:{}/".format(*server.servers[0].sockets[0].getsockname())
    finally:
        server.should_exit = True
        await task


async def ask(body: Body, method: str = "GET") -> httpx.Response:
    async with serving(body) as url, httpx.AsyncClient() as client:
        return await client.request(method, url)


async def of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def failing(*chunks: bytes, fault: Exception) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise fault


async def test_a_body_arrives_whole_and_is_not_kept_by_caches() -> None:
    answer = await ask(lambda: of(b"a", b"b", CHUNK))
    assert answer.status_code == 200
    assert answer.content == b"ab" + CHUNK
    assert answer.headers["content-type"] == "application/x"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-more"] == "y"


async def test_no_chunk_at_all_is_the_status_for_nothing() -> None:
    answer = await ask(of)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize(
    ("fault", "status"), [(BadRequest("limit is a number"), 400), (NotReleased(), 404), (MalformedInput("no value"),
    502)]
)  # fmt: skip
async def test_a_fault_before_the_first_chunk_is_a_problem(fault: Exception, status: int) -> None:
    answer = await ask(lambda: failing(fault=fault))
    assert answer.status_code == status
    assert answer.json()["status"] == status


async def test_a_fault_after_it_breaks_the_connection_off(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(lambda: failing(b"first", fault=MalformedInput("no value", (0x00080016,))))
    assert "aborted after the first byte: MalformedInput: no value at (0008,0016)" in caplog.messages


async def test_what_came_before_a_fault_has_arrived_but_not_its_end() -> None:
    body: list[bytes] = []
    async with (
        serving(lambda: failing(b"first", CHUNK, fault=MalformedInput("x"))) as url,
        httpx.AsyncClient() as client,
    ):
        with suppress(httpx.RemoteProtocolError):
            async with client.stream("GET", url) as answer:
                body.extend([piece async for piece in answer.aiter_raw()])
                pytest.fail("it ended as if it were whole")


async def test_a_bug_in_mid_body_breaks_the_connection_off_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="uvicorn.error")
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(lambda: failing(b"first", fault=ZeroDivisionError()))


async def test_a_body_is_closed_when_it_has_been_sent() -> None:
    closed = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.set()

    assert (await ask(body)).content == b"onetwo"
    assert closed.is_set()


async def test_a_body_is_closed_when_its_client_leaves() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield CHUNK
                await asyncio.sleep(0)
        finally:
            closed.set()

    async with serving(endless) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", url) as answer:
            await anext(answer.aiter_raw())
        await asyncio.wait_for(closed.wait(), 20)


@pytest.mark.parametrize("sent", [[], [b"first"]])
async def test_a_body_is_closed_when_its_client_leaves_while_nothing_comes(sent: list[bytes]) -> None:
    started, closed, forever = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        try:
            for chunk in sent:
                yield chunk
            started.set()
            await forever.wait()
        finally:
            closed.set()

    async with serving(stalled) as url:
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await started.wait()
        writer.close()
        await writer.wait_closed()
        try:
            await asyncio.wait_for(closed.wait(), 20)
        finally:
            forever.set()


async def test_a_head_request_has_the_headers_and_no_body() -> None:
    answer = await ask(lambda: of(b"a", CHUNK), "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x"


async def test_a_head_request_does_not_make_the_body() -> None:
    made = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(100):
            made += 1
            yield CHUNK

    await ask(body, "HEAD")
    assert made < 3


async def test_who_has_left_before_is_asked_nothing_for() -> None:
    asked = []

    async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.append(1)

    async def nothing() -> Message:
        raise AssertionError("nobody is there to read from")

    departure = Departure()
    departure.come()
    scope = {"type": "http", "method": "GET", "headers": [], DEPARTURE: departure}
    await WhileClientStays(application)(scope, nothing, nothing)  # type: ignore[arg-type]
    assert not asked
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
