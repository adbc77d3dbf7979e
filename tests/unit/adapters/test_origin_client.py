"""How connections are kept, lost and given up, against a real server that breaks every rule on purpose."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import OriginBusy, OriginFailed, OriginTimedOut
from tests.kit.scripted_origin import CLOSE_DELIMITED, STUDY, answer_all, origin_on, read, script_of
from tests.kit.scripted_server import Connection, scripted_server

MEGABYTE = bytes(1 << 20)


async def test_a_connection_is_used_again() -> None:
    async with origin_on(answer_all) as (origin, server):
        for _ in range(3):
            assert await read(origin) == (200, b"body")
    assert (len(server.heads), len(server.connections)) == (3, 1)


async def test_a_connection_idle_for_too_long_is_not_used_again() -> None:
    async with origin_on(answer_all, ConnectionPolicy(keepalive_s=0.01)) as (origin, server):
        await read(origin)
        await asyncio.sleep(0.05)
        await read(origin)
    assert len(server.connections) == 2


def test_connections_expire_before_orthanc_closes_them() -> None:
    assert ConnectionPolicy().keepalive_s < 1


async def test_a_request_on_a_pooled_connection_that_drops_is_sent_once_more() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"body")
        if connection.number == 1:
            await connection.request()
            return
        await connection.until_gone()

    async with origin_on(script) as (origin, server):
        assert await read(origin) == (200, b"body")
        assert await read(origin) == (200, b"body")
    assert (len(server.heads), len(server.connections)) == (3, 2)


async def test_an_origin_that_always_drops_is_not_asked_for_ever() -> None:
    async with origin_on(script_of()) as (origin, server):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)
    assert len(server.heads) <= 4


async def test_a_connection_that_is_reset_fails() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        connection.reset()

    async with origin_on(script) as (origin, _):
        with pytest.raises(OriginFailed, match="archive: the connection broke"):
            await read(origin)


async def test_no_more_connections_than_allowed_are_open() -> None:
    async def script(connection: Connection) -> None:
        while await connection.request():
            await asyncio.sleep(0.01)
            await connection.answer(b"body")

    async with origin_on(script, ConnectionPolicy(limit=2)) as (origin, server):
        assert await asyncio.gather(*(read(origin) for _ in range(6))) == [(200, b"body")] * 6
    assert server.most_open == 2


async def send_for_ever(connection: Connection) -> None:
    await connection.request()
    await connection.send(CLOSE_DELIMITED)
    while True:
        await connection.send(MEGABYTE)


async def test_leaving_early_closes_the_connection() -> None:
    async with origin_on(send_for_ever) as (origin, server):
        async with origin.get(STUDY) as answer:
            await anext(aiter(answer.body))
        assert await server.ended.get() == 1


async def test_leaving_without_reading_closes_the_connection() -> None:
    async with origin_on(send_for_ever) as (origin, server):
        async with origin.get(STUDY):
            pass
        assert await server.ended.get() == 1


async def test_cancelling_the_reader_closes_the_connection() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(CLOSE_DELIMITED + b"first")
        reading.set()
        await connection.until_gone()

    reading = asyncio.Event()
    async with origin_on(script) as (origin, server):
        task = asyncio.create_task(read(origin))
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await server.ended.get() == 1


async def test_cancelling_before_the_answer_closes_the_connection() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        waiting.set()
        await connection.until_gone()

    waiting = asyncio.Event()
    async with origin_on(script) as (origin, server):
        task = asyncio.create_task(read(origin))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await server.ended.get() == 1


async def test_a_reader_that_pauses_holds_the_origin_back() -> None:
    async with origin_on(send_for_ever) as (origin, server), origin.get(STUDY) as answer:
        await anext(aiter(answer.body))
        sent = -1
        while sent < server.connections[0].sent:
            sent = server.connections[0].sent
            await asyncio.sleep(0.1)
        assert sent < 32 << 20  # the kernel's buffers, not ours, which are below 1 MiB


async def test_received_buffers_are_handed_on_as_they_are() -> None:
    async with origin_on(send_for_ever) as (origin, _), origin.get(STUDY) as answer:
        pieces = [len(await anext(answer.body)) for _ in range(50)]
    assert 32 << 10 < max(pieces) <= 512 << 10


async def test_an_origin_that_is_not_there_fails_by_its_name() -> None:
    async with scripted_server(answer_all) as server:
        base = server.base
    origin = HttpOrigin("archive", base)
    with pytest.raises(OriginFailed) as failure:
        await read(origin)
    await origin.aclose()
    address = base.split("/")[2]
    assert str(failure.value) == f"origin archive: no connection to {address} (connection refused)"


async def test_an_origin_whose_name_is_unknown_fails_with_that_reason() -> None:
    origin = HttpOrigin("archive", "http://archive.invalid:8042/dicom-web")
    with pytest.raises(OriginFailed, match=r"no connection to archive\.invalid:8042 \(no such host\)$"):
        await read(origin)
    await origin.aclose()


async def test_silence_before_the_answer_ends_in_a_timeout() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.until_gone()

    async with origin_on(script, ConnectionPolicy(read_s=0.05)) as (origin, server):
        with pytest.raises(OriginTimedOut, match="archive: nothing received in time"):
            await read(origin)
    assert len(server.heads) == 1


async def test_silence_inside_the_body_ends_in_a_timeout() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(CLOSE_DELIMITED + b"first")
        await connection.until_gone()

    async with origin_on(script, ConnectionPolicy(read_s=0.05)) as (origin, _):
        with pytest.raises(OriginFailed, match="archive: nothing received in time"):
            await read(origin)


async def test_a_slow_reader_is_not_a_silent_origin() -> None:
    async with origin_on(send_for_ever, ConnectionPolicy(read_s=0.1)) as (origin, _), origin.get(STUDY) as answer:
        for _ in range(3):
            await anext(answer.body)
            await asyncio.sleep(0.3)


async def test_a_pool_that_stays_full_turns_away() -> None:
    policy = ConnectionPolicy(limit=1, connect_s=0.05, queue_s=0.05)
    async with origin_on(send_for_ever, policy) as (origin, server), origin.get(STUDY):
        with pytest.raises(OriginBusy, match="archive: no free connection in time") as busy:
            await read(origin)
    assert busy.value.retry_after_s > 0
    assert len(server.heads) == 1


async def test_who_waits_for_a_connection_and_leaves_does_not_take_its_turn() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(CLOSE_DELIMITED)
        await let_go.wait()
        await connection.send(b"body")

    let_go = asyncio.Event()
    async with origin_on(script, ConnectionPolicy(limit=1)) as (origin, server):
        async with origin.get(STUDY) as first:
            waiting = [asyncio.create_task(read(origin)) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            let_go.set()
            assert b"".join([piece async for piece in first.body]) == b"body"
        assert await asyncio.gather(*waiting[1:]) == [(200, b"body")] * 2
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
    assert len(server.heads) == 3


async def test_several_stale_connections_do_not_fail_a_request() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        together.append(connection)
        if len(together) == 3:
            all_here.set()
        await all_here.wait()
        await connection.answer(b"body")
        await connection.request()
        if connection.number > 3:
            await connection.answer(b"body")

    together: list[Connection] = []
    all_here = asyncio.Event()
    async with origin_on(script) as (origin, server):
        assert await asyncio.gather(*(read(origin) for _ in range(3))) == [(200, b"body")] * 3
        assert await read(origin) == (200, b"body")  # the three in the pool drop it, one after the other
    assert len(server.connections) == 4


async def test_an_answer_that_was_not_asked_for_is_never_taken_for_the_next_one() -> None:
    async def script(connection: Connection) -> None:
        while await connection.request():
            await connection.answer(b"asked for")
            if connection.number == 1:
                await asyncio.sleep(0.02)  # the first answer is taken by then, and the connection in the pool
                await connection.answer(b"unasked")
                spoken.set()

    spoken = asyncio.Event()
    async with origin_on(script, ConnectionPolicy(keepalive_s=30)) as (origin, server):
        assert await read(origin) == (200, b"asked for")
        await spoken.wait()
        await asyncio.sleep(0.05)
        assert await read(origin) == (200, b"asked for")
    assert len(server.connections) == 2


async def test_an_origin_that_speaks_first_fails_and_is_not_tried_for_ever() -> None:
    async def script(connection: Connection) -> None:
        await connection.send(b"220 mail.example ESMTP\r\n")
        await connection.until_gone()

    async with origin_on(script, ConnectionPolicy(limit=3)) as (origin, server):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)
    assert len(server.connections) <= 16


async def test_a_head_that_drips_for_ever_ends_in_a_timeout() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nX: ")
        while True:  # each byte well before the silence that is allowed
            await connection.send(b"x")
            await asyncio.sleep(0.01)

    policy = ConnectionPolicy(connect_s=0.1, read_s=0.3, queue_s=0.1)
    async with origin_on(script, policy) as (origin, server):
        with pytest.raises(OriginTimedOut, match="archive: nothing received in time"):
            await read(origin)
        assert await server.ended.get() == 1


async def test_a_body_that_drips_arrives_whole() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n":
            await connection.send(bytes([byte]))
            await asyncio.sleep(0)

    async with origin_on(script) as (origin, _):
        assert await read(origin) == (200, b"hello")


async def test_an_origin_with_an_untrusted_certificate_fails(tmp_path: Path) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = make_certificate(tmp_path)
    server_side.load_cert_chain(certificate)
    async with scripted_server(answer_all, server_side) as server:
        untrusting = HttpOrigin("archive", server.base)
        with pytest.raises(OriginFailed, match=r"\(its certificate is not trusted: self-signed certificate\)$"):
            await read(untrusting)
        await untrusting.aclose()
        trusting = HttpOrigin("archive", server.base, tls=ssl.create_default_context(cafile=str(certificate)))
        assert await read(trusting) == (200, b"body")
        await trusting.aclose()


def make_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "origin")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "origin.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
