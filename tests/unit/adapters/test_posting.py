"""POST through HttpOrigin: streamed as the server takes it, sent once, and broken off where it cannot be ended well."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import MalformedInput, OriginBusy, OriginFailed, OriginTimedOut
from tests.kit.scripted_origin import origin_on
from tests.kit.scripted_server import Connection, ScriptedServer, until

PIECE = bytes(range(256)) * 256
PATIENT = ConnectionPolicy(connect_s=5, read_s=20, queue_s=5)
HASTY = ConnectionPolicy(connect_s=5, read_s=0.2, queue_s=5)
TYPE = 'multipart/related; type="application/dicom"; boundary=x'


async def pieces_of(*pieces: bytes | memoryview) -> AsyncIterator[bytes | memoryview]:
    for piece in pieces:
        yield piece


async def post(origin: HttpOrigin, body: AsyncIterator[bytes | memoryview]) -> tuple[int, bytes]:
    async with origin.post("/studies", TYPE, body, "application/dicom+json") as answer:
        return answer.status, b"".join([piece async for piece in answer.body])


async def taken(server: ScriptedServer) -> None:
    """Wait until the server is done with a connection."""
    await asyncio.wait_for(server.ended.get(), 20)


async def test_a_body_arrives_as_it_was_made() -> None:
    bodies: list[bytes] = []

    async def script(connection: Connection) -> None:
        await connection.request()
        bodies.append(await connection.body())
        await connection.answer(b"stored")

    async with origin_on(script) as (origin, server):
        assert await post(origin, pieces_of(b"head", memoryview(PIECE)[3:], b"tail")) == (200, b"stored")
        assert await post(origin, pieces_of()) == (200, b"stored")
    assert bodies == [b"head" + PIECE[3:] + b"tail", b""]
    head = server.heads[0].decode("ascii")
    assert head.startswith("POST /dicom-web/studies HTTP/1.1\r\n")
    for line in (f"Content-Type: {TYPE}", "Accept: application/dicom+json", "Transfer-Encoding: chunked"):
        assert line in head
    assert "Content-Length" not in head
    assert len(server.connections) == 2, "one that was kept alive may just be closing"


async def test_the_maker_waits_for_a_server_that_does_not_read() -> None:
    made = 0
    go_on = asyncio.Event()

    async def maker() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(1000):
            made += 1
            yield PIECE

    async def script(connection: Connection) -> None:
        await connection.request()
        await go_on.wait()
        assert len(await connection.body()) == 1000 * len(PIECE)
        await connection.answer()

    async with origin_on(script, PATIENT) as (origin, _):
        posting = asyncio.create_task(post(origin, maker()))
        before = -1
        while before != made or not made:
            before = made
            await asyncio.sleep(0.2)
        assert made < 500, "what is not taken is not made"
        go_on.set()
        assert (await posting)[0] == 200


async def test_an_answer_before_the_end_of_the_body_ends_it() -> None:
    is_closed = asyncio.Event()

    async def maker() -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
                await asyncio.sleep(0)
        finally:
            is_closed.set()

    async def script(connection: Connection) -> None:
        await connection.request()
        async for _ in connection.chunks():
            break
        await connection.answer(b"no", "413 Content Too Large")
        await connection.until_gone()

    async with origin_on(script, PATIENT) as (origin, _):
        assert await post(origin, maker()) == (413, b"no")
        await asyncio.wait_for(is_closed.wait(), 10)


async def test_it_is_never_sent_twice() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        connection.reset()

    async with origin_on(script, PATIENT) as (origin, server):
        with pytest.raises(OriginFailed):
            await post(origin, pieces_of(PIECE))
        assert len(server.connections) == 1


async def test_no_redirect_is_followed() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.body()
        await connection.answer(b"", "307 Temporary Redirect", "Location: /dicom-web/elsewhere\r\n")

    async with origin_on(script, PATIENT) as (origin, server):
        with pytest.raises(OriginFailed, match="neither an answer nor an error"):
            await post(origin, pieces_of(PIECE))
        assert len(server.heads) == 1


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_busy_server_is_busy(status: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.body()
        await connection.answer(b"", status, "Retry-After: 7\r\n")

    async with origin_on(script, PATIENT) as (origin, _):
        with pytest.raises(OriginBusy) as found:
            await post(origin, pieces_of(PIECE))
        assert found.value.retry_after_s == 7


async def test_a_server_that_takes_nothing_is_given_up() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await asyncio.sleep(60)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    async with origin_on(script, HASTY) as (origin, server):
        with pytest.raises(OriginTimedOut) as found:
            await post(origin, endless())
        assert server.base not in str(found.value)


async def test_a_server_that_takes_all_and_says_nothing_is_given_up() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.body()
        await asyncio.sleep(60)

    async with origin_on(script, HASTY) as (origin, _):
        with pytest.raises(OriginTimedOut):
            await post(origin, pieces_of(PIECE))


async def test_a_maker_may_take_its_time() -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(3 * HASTY.read_s + HASTY.connect_s / 10)
        yield b"two"

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(await connection.body())

    async with origin_on(script, HASTY) as (origin, _):
        assert await post(origin, slow()) == (200, b"onetwo")


async def test_a_fault_of_the_maker_breaks_the_request_off() -> None:
    broken: list[bool] = []

    async def maker() -> AsyncIterator[bytes]:
        yield PIECE
        raise MalformedInput("a secret value")

    async def script(connection: Connection) -> None:
        await connection.request()
        try:
            await connection.body()
        except ConnectionError:
            broken.append(True)

    async with origin_on(script, PATIENT) as (origin, server):
        with pytest.raises(OriginFailed) as found:
            await post(origin, maker())
        assert "secret" not in str(found.value)
        assert found.value.__cause__ is found.value.__context__ is None
        await taken(server)
    assert broken == [True]


async def test_what_may_last_long_leaves_a_quarter_of_the_connections() -> None:
    async def forever() -> AsyncIterator[bytes]:
        yield PIECE
        await asyncio.Event().wait()

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(await connection.body())

    async def long(origin: HttpOrigin) -> None:
        async with origin.post("/studies", TYPE, forever(), is_long=True):
            pass

    policy = ConnectionPolicy(limit=4, connect_s=5, read_s=20, queue_s=0.3)
    async with origin_on(script, policy) as (origin, server):
        posting = [asyncio.create_task(long(origin)) for _ in range(3)]
        await until(lambda: len(server.heads) == 3)
        with pytest.raises(OriginBusy):
            await long(origin)
        for _ in range(2):
            assert (await post(origin, pieces_of(b"short")))[0] == 200
        posting.pop().cancel()
        posting.append(asyncio.create_task(long(origin)))
        await until(lambda: len(server.heads) == 6)
        for one in posting:
            one.cancel()
        await asyncio.gather(*posting, return_exceptions=True)


async def test_who_is_cancelled_breaks_the_request_off() -> None:
    broken = asyncio.Event()

    async def forever() -> AsyncIterator[bytes]:
        yield PIECE
        await asyncio.Event().wait()

    async def script(connection: Connection) -> None:
        await connection.request()
        try:
            await connection.body()
        except ConnectionError:
            broken.set()

    async with origin_on(script, PATIENT) as (origin, server):
        posting = asyncio.create_task(post(origin, forever()))
        await until(lambda: server.heads)
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        await asyncio.wait_for(broken.wait(), 10)


@pytest.mark.parametrize("count", [1, 200])
async def test_a_server_that_goes_leaves_nothing_in_the_log(count: int, caplog: pytest.LogCaptureFixture) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        async for _ in connection.chunks():
            connection.reset()
            return

    for _ in range(3):
        async with origin_on(script, PATIENT) as (origin, _):
            with pytest.raises(OriginFailed):
                await post(origin, pieces_of(*[PIECE] * count))
        gc.collect()
        await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
