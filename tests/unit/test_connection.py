"""What a client may not do to its connection, tried over real sockets: a head without an end, an answer not taken.

Waits are those of settings made small; nothing here measures one.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway.config import DEFAULT_LIMITS, Limits, Tls
from gateway.connection import MAX_HEAD_BYTES, ClientConnection, Loop
from gateway.limits import Connections, tls
from gateway.routes.exchange import Streamed, WhileClientStays
from tests.kit.certificates import Certificate, certificate

CHUNK = bytes(1 << 16)
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n"
WHOLE = b"HTTP/1.1 200 OK"


IMPATIENT = replace(DEFAULT_LIMITS, send_timeout_s=0.05, head_timeout_s=0.05, body_timeout_s=0.05, keep_alive_s=0.05)
"""Waits for a client for a moment only."""
PATIENT = replace(DEFAULT_LIMITS, head_timeout_s=3600, body_timeout_s=3600, keep_alive_s=3600)


class Endless:
    """Answers every request with a body that does not end, and knows when one was given up."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Streamed(self._body(), "application/x")(scope, receive, send)

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield CHUNK
                await asyncio.sleep(0)
        finally:
            self.closed.set()


async def small(scope: Scope, receive: Receive, send: Send) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"all of it"

    await Streamed(body(), "application/x")(scope, receive, send)


class Application(WhileClientStays):
    """Carries the limits of its connections, as the gateway's application does."""

    def __init__(self, application: object, limits: Limits) -> None:
        super().__init__(application)  # type: ignore[arg-type]
        self.state = SimpleNamespace(connections=Connections(limits))


async def connect(server: uvicorn.Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open one more connection."""
    return await asyncio.open_connection(*server.servers[0].sockets[0].getsockname()[:2])


async def none_open(server: uvicorn.Server) -> None:
    """Wait until no client is connected any more."""
    async with asyncio.timeout(20):
        while server.server_state.connections:  # noqa: ASYNC110 - uvicorn says it by no event
            await asyncio.sleep(0.01)


async def reads_all(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


@asynccontextmanager
async def serving(
    application: object, limits: Limits = PATIENT, **more: Any
) -> AsyncIterator[tuple[uvicorn.Server, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serve an application; give the server and one client's connection to it."""
    app = Application(application, limits)
    config = uvicorn.Config(
        app,
        port=0,
        ws="none",
        http=ClientConnection,
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=5,  # a test that fails may leave its client waiting
        **more,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    reader, writer = await connect(server)
    try:
        yield server, reader, writer
    finally:
        writer.transport.abort()
        server.should_exit = True
        await task


async def answer_to(*pieces: bytes) -> bytes:
    """Send pieces one by one until something comes back, and return its status line."""
    async with serving(small) as (_, reader, writer):
        answer = asyncio.create_task(reader.readline())
        for piece in pieces:
            if not answer.done():
                writer.write(piece)
                await asyncio.sleep(0.01)
        return (await asyncio.wait_for(answer, 20)).rstrip()


async def test_a_client_that_takes_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    application = Endless()
    with caplog.at_level(logging.WARNING, logger="dicomveil.connection"):
        async with serving(application, IMPATIENT) as (server, _, writer):
            writer.write(ASK + b"\r\n")
            await asyncio.wait_for(application.closed.wait(), 20)
            await none_open(server)
    assert caplog.messages == ["aborted: the client took nothing for 0.05 s"]


async def test_a_client_that_takes_something_is_kept() -> None:
    application = Endless()
    async with serving(application) as (server, reader, writer):
        writer.write(ASK + b"\r\n")
        (connection,) = server.server_state.connections
        assert isinstance(connection, ClientConnection)
        for _ in range(3):
            await reader.readexactly(16 << 20)
            connection.look_after_client()
            assert not connection.transport.is_closing()
        while not connection.flow.write_paused:  # noqa: ASYNC110 - uvicorn says it by no event
            await asyncio.sleep(0.01)
        assert not application.closed.is_set()


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(ASK + b"\r\n", id="a head"),
        pytest.param(ASK + b"content-length: 200000\r\n\r\n" + bytes(200_000), id="a body that nobody reads"),
    ],
)
async def test_what_is_under_way_ends_when_its_client_leaves(asked: bytes) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def silent(_scope: Scope, _receive: Receive, _send: Send) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(silent) as (server, _, writer):
        writer.write(asked)
        await asyncio.wait_for(begun.wait(), 20)
        assert not ended.is_set()
        writer.close()
        await asyncio.wait_for(ended.wait(), 20)
        await none_open(server)


async def test_an_answer_that_fits_needs_no_watch() -> None:
    async with serving(small, replace(PATIENT, send_timeout_s=0.05)) as (server, reader, writer):
        for _ in range(2):
            writer.write(ASK + b"\r\n")
            await reader.readuntil(b"\r\n0\r\n\r\n")
            await asyncio.sleep(0.15)
        assert len(server.server_state.connections) == 1


@pytest.mark.parametrize(
    "pieces",
    [
        [ASK, b"X: ", *[b"a" * 4096] * 20],  # never ends
        [ASK, *[b"X: a\r\n" * 1000] * 12],
        [b"GET /", *[b"a" * 4096] * 20],
        [ASK + b"X: a\r\n" * (MAX_HEAD_BYTES // 6) + b"\r\n"],  # ends where it is refused
        [ASK + b"X: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n"],
    ],
)
async def test_a_request_head_that_is_too_large_is_refused(pieces: list[bytes]) -> None:
    assert await answer_to(*pieces) == b"HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize(
    "pieces",
    [
        [ASK + b"\r\n"],
        [ASK, b"X: ", b"a" * (MAX_HEAD_BYTES - 100), b"\r\n\r\n"],
        [b"GET /?" + b"a" * (MAX_HEAD_BYTES // 2) + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
        [ASK + b"Content-Length: 200000\r\n\r\n" + bytes(50_000), *[bytes(50_000)] * 3],  # a body is no head
    ],
)
async def test_a_request_head_up_to_the_limit_is_answered(pieces: list[bytes]) -> None:
    assert await answer_to(*pieces) == WHOLE


async def test_the_limit_counts_anew_for_each_request() -> None:
    async with serving(small) as (_, reader, writer):
        for _ in range(4):
            writer.write(ASK + b"X: " + b"a" * (MAX_HEAD_BYTES // 2))
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b"\r\n\r\n")
            assert (await reader.readline()).rstrip() == WHOLE
            await reader.readuntil(b"\r\n0\r\n\r\n")


async def test_a_request_for_two_hosts_is_refused() -> None:
    assert await answer_to(ASK + b"HOST: y\r\n\r\n") == b"HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize("pause_s", [0, 0.05])
async def test_trailers_are_no_headers(pause_s: float) -> None:
    seen: list[set[bytes]] = []

    async def names(scope: Scope, receive: Receive, send: Send) -> None:
        await reads_all(scope, receive, send)
        seen.append({name for name, _ in scope["headers"]})

    async with serving(names) as (_, reader, writer):
        for _ in range(2):
            writer.write(ASK + b"Transfer-Encoding: chunked\r\nTrailer: X-User\r\n\r\n4\r\nbody\r\n0\r\n")
            await asyncio.sleep(pause_s)
            writer.write(b"X-User: chief\r\nX-Forwarded-For: 192.0.2.1\r\nAuthorization: Bearer x\r\n\r\n")
            assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).startswith(WHOLE)
    assert seen == [{b"host", b"transfer-encoding", b"trailer"}] * 2


@pytest.mark.parametrize("endless", [b"X: a\r\n" * 10_000, b"X: " + b"a" * 60_000])
async def test_trailers_without_end_are_left(endless: bytes) -> None:
    async with serving(reads_all) as (server, _, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n")
        with suppress(ConnectionError):
            for _ in range(20):
                writer.write(endless)
                await writer.drain()
        await asyncio.wait_for(none_open(server), 20)


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_a_body_arrives_whole_however_fast_it_is_read(coding: str) -> None:
    sent = random.Random(7).randbytes(3 << 20)

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        found = hashlib.sha256()
        turns, more = 0, True
        while more:
            message = await receive()
            assert type(message["body"]) is bytes
            found.update(message["body"])
            more, turns = message["more_body"], turns + 1
            await asyncio.sleep(0.002 if turns % 3 else 0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": found.digest()})

    async with serving(reads) as (_, reader, writer):
        for _ in range(2):
            if coding == "length":
                writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(sent) + sent)
            else:
                writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                for at in range(0, len(sent), 100_000):
                    piece = sent[at : at + 100_000]
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                writer.write(b"0\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            assert (await reader.readuntil(b"\r\n0\r\n\r\n")).partition(b"\r\n")[2][:32] == hashlib.sha256(
                sent
            ).digest()


async def test_a_body_that_nobody_reads_is_passed_over() -> None:
    async with serving(small) as (_, reader, writer):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 << 20) + bytes(2 << 20))
            assert b"all of it" in await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 20)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",  # what a client may send before a head (RFC 9112 Section 2.2)
        b"GET / HT",
        ASK,
        ASK + b"\r\n" + b"\r\n",  # answered, and then nothing but that
        ASK + b"\r\n" + ASK,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nslow",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n",
    ],
)
async def test_a_request_that_does_not_get_on_is_left(sent: bytes) -> None:
    async with serving(reads_all, IMPATIENT) as (server, _, writer):
        writer.write(sent)
        await none_open(server)


async def test_line_ends_after_an_answer_do_not_keep_a_connection() -> None:
    async with serving(small, replace(PATIENT, head_timeout_s=0.05)) as (server, reader, writer):
        writer.write(ASK + b"\r\n")
        await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.write(b"\r\n")
        await none_open(server)


async def test_a_body_that_trickles_is_left_though_nobody_reads_it() -> None:
    async with serving(small, replace(PATIENT, body_timeout_s=0.5)) as (server, _, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        async with asyncio.timeout(20):
            while server.server_state.connections:
                writer.write(b"a")
                await asyncio.sleep(0.02)


async def test_what_is_around_a_body_is_no_progress_of_it() -> None:
    async with serving(reads_all, replace(PATIENT, body_timeout_s=0.2)) as (server, _, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        async with asyncio.timeout(20):
            while server.server_state.connections:
                writer.write(b"1;" + b"a" * 1100 + b"\r\na\r\n")
                await asyncio.sleep(0.02)


async def test_a_body_that_moves_is_not_left() -> None:
    async with serving(reads_all, replace(PATIENT, body_timeout_s=0.1)) as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n")
        for _ in range(20):
            writer.write(bytes(2_000))
            await asyncio.sleep(0.02)
        assert (await reader.readline()).rstrip() == WHOLE


async def test_a_body_that_the_gateway_lets_wait_is_not_left() -> None:
    go_on = asyncio.Event()

    async def reads_late(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await reads_all(scope, receive, send)

    async with serving(reads_late, IMPATIENT) as (server, reader, writer):
        sent = 1 << 20
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % sent + bytes(sent))
        await asyncio.sleep(5 * IMPATIENT.body_timeout_s)
        assert len(server.server_state.connections) == 1
        go_on.set()
        assert (await reader.readline()).rstrip() == WHOLE


async def test_a_client_that_waits_to_be_asked_for_its_body_is_not_left() -> None:
    go_on = asyncio.Event()

    async def reads_late(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await reads_all(scope, receive, send)

    async with serving(reads_late, IMPATIENT) as (server, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        await asyncio.sleep(5 * IMPATIENT.body_timeout_s)
        assert len(server.server_state.connections) == 1
        go_on.set()
        assert (await reader.readline()).rstrip() == b"HTTP/1.1 100 Continue"
        writer.write(b"done")
        assert (await reader.readline(), (await reader.readline()).rstrip()) == (b"\r\n", WHOLE)


async def test_an_answer_under_way_is_not_cut_for_the_head_that_follows_it() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await small(scope, receive, send)

    async with serving(slow, IMPATIENT) as (server, reader, writer):
        writer.write(ASK + b"\r\n" + ASK)
        await asyncio.sleep(5 * IMPATIENT.head_timeout_s)
        assert len(server.server_state.connections) == 1
        go_on.set()
        assert (await reader.readline()).rstrip() == WHOLE


async def test_a_connection_that_is_one_too_many_is_told_so() -> None:
    async with serving(small, replace(PATIENT, connections=1)) as (server, reader, writer):
        late, other = await connect(server)
        other.write(ASK + b"\r\n")
        refused = await asyncio.wait_for(late.read(), 20)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 5\r\n" in refused
        assert b"\r\nconnection: close\r\n" in refused
        assert b"urn:dicomveil:problem:overloaded" in refused
        other.close()
        writer.write(ASK + b"\r\n")
        assert (await reader.readline()).rstrip() == WHOLE


async def test_a_connection_too_many_of_one_address_is_told_so_until_another_is_closed() -> None:
    async with serving(small, replace(PATIENT, connections_per_address=1)) as (server, _, writer):
        late, other = await connect(server)
        other.write(ASK + b"\r\n")
        assert (await asyncio.wait_for(late.read(), 20)).startswith(b"HTTP/1.1 429 ")
        other.close()
        writer.close()
        await none_open(server)
        last, again = await connect(server)
        again.write(ASK + b"\r\n")
        assert (await last.readline()).rstrip() == WHOLE
        again.close()


async def test_a_trusted_proxy_may_have_more_connections_than_a_client() -> None:
    limits = replace(PATIENT, connections_per_address=1)
    async with serving(small, limits) as (server, _, _writer):
        server.config.loaded_app.state.connections._trusted = (ip_network("127.0.0.0/8"),)
        late, other = await connect(server)
        other.write(ASK + b"\r\n")
        assert (await late.readline()).rstrip() == WHOLE
        other.close()


@pytest.fixture
def shown(tmp_path: Path) -> Certificate:
    return certificate(tmp_path)


def on_the_loop(test: Coroutine[Any, Any, None]) -> None:
    """Run a test on the loop of the program: another one may hand connections on in another order."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(test)


def by_tls(shown: Certificate) -> dict[str, Any]:
    """Give what a server needs to show a certificate."""
    return {"ssl_context_factory": lambda _config, _default: tls.context(Tls(shown.path, shown.path, None))}


async def counted(server: uvicorn.Server, connections: int) -> None:
    """Wait until so many connections are counted."""
    crowd = server.config.loaded_app.state.connections._crowd
    async with asyncio.timeout(20):
        while (crowd.all, crowd.by_client.total()) != (connections, connections):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def ask_by_tls(server: uvicorn.Server, shown: Certificate) -> bytes:
    """Ask on a connection of its own; give the whole answer."""
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=shown.client())
    writer.write(ASK + b"Connection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


def test_a_connection_that_agreed_on_tls_before_a_reload_ends_with_its_next_answer(shown: Certificate) -> None:
    async def test() -> None:
        async with serving(small, **by_tls(shown)) as (server, _, _writer):
            port = server.servers[0].sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=shown.client())
            for _ in range(2):
                writer.write(ASK + b"\r\n")
                assert b"all of it" in await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 20)
            server.config.loaded_app.state.connections = Connections(PATIENT)  # as a reload does
            writer.write(ASK + b"\r\n")
            assert b"connection: close" in await asyncio.wait_for(reader.read(), 20)

    on_the_loop(test())


def test_clients_that_agree_on_tls_are_answered_and_counted_once(shown: Certificate) -> None:
    async def test() -> None:
        async with serving(small, **by_tls(shown)) as (server, _, writer):
            writer.close()
            await counted(server, 0)
            for answer in await asyncio.gather(*(ask_by_tls(server, shown) for _ in range(20))):
                assert answer.startswith(WHOLE)
                assert answer.endswith(b"all of it\r\n0\r\n\r\n")
            await counted(server, 0)

    on_the_loop(test())


def test_a_handshake_that_does_not_end_counts_until_its_client_leaves(shown: Certificate) -> None:
    async def test() -> None:
        limits = replace(PATIENT, connections_per_address=1)
        async with serving(small, limits, **by_tls(shown)) as (server, _, writer):
            await counted(server, 1)
            assert (await ask_by_tls(server, shown)).startswith(b"HTTP/1.1 429 ")
            await counted(server, 1)
            writer.transport.abort()
            await counted(server, 0)
            assert (await ask_by_tls(server, shown)).startswith(WHOLE)

    on_the_loop(test())


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_that_does_not_end_in_time_is_left(shown: Certificate, said: bytes) -> None:
    async def test() -> None:
        async with serving(small, replace(PATIENT, head_timeout_s=0.05), **by_tls(shown)) as (server, reader, writer):
            writer.write(said)
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
            await counted(server, 0)

    on_the_loop(test())


def test_who_speaks_no_tls_is_left_and_counts_no_more(shown: Certificate) -> None:
    async def test() -> None:
        async with serving(small, **by_tls(shown)) as (server, reader, writer):
            await counted(server, 1)
            writer.write(ASK + b"\r\n")
            with suppress(ConnectionError):
                assert WHOLE not in await asyncio.wait_for(reader.read(), 20)
            await counted(server, 0)

    on_the_loop(test())


def test_clients_that_leave_at_once_count_no_more(shown: Certificate) -> None:
    async def test() -> None:
        async with serving(small, **by_tls(shown)) as (server, _, writer):
            writer.transport.abort()
            for said in (b"", b"\x16", ASK) * 10:
                _, leaving = await connect(server)
                leaving.write(said)
                leaving.transport.abort()
            assert (await ask_by_tls(server, shown)).startswith(WHOLE)
            await counted(server, 0)

    on_the_loop(test())
