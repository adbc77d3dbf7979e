"""HttpOrigin against a real server that breaks every rule on purpose."""

import asyncio
import datetime as dt
import gzip
import ipaddress
import logging
import ssl
import traceback
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.adapters.httpx_transport import ConnectionPolicy
from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import OriginFailed
from tests.kit.scripted_server import Connection, Script, ScriptedServer, scripted_server

CANARY = "1.2.826.0.1.3680043.10.543.4711"
STUDY = f"/studies/{CANARY}"
CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MEGABYTE = bytes(1 << 20)


@asynccontextmanager
async def origin_on(
    script: Script, policy: ConnectionPolicy | None = None, auth: str | None = None
) -> AsyncIterator[tuple[HttpOrigin, ScriptedServer]]:
    async with scripted_server(script) as server:
        origin = HttpOrigin("archive", server.base, auth, policy=policy or ConnectionPolicy())
        try:
            yield origin, server
        finally:
            await origin.aclose()


async def read(origin: HttpOrigin, path: str = STUDY, query: str = "") -> tuple[int, bytes]:
    async with origin.get(path, query) as answer:
        return answer.status, b"".join([piece async for piece in answer.body])


async def answer_all(connection: Connection) -> None:
    while await connection.request():
        await connection.answer(b"body")


def script_of(*sends: bytes) -> Script:
    """Answer the first request of each connection with these bytes and close."""

    async def script(connection: Connection) -> None:
        await connection.request()
        for data in sends:
            await connection.send(data)

    return script


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/studies", "", "/dicom-web/studies"),
        ("", "", "/dicom-web"),
        ("/studies", "PatientName=Doe^J*&x=a,b%2Cc", "/dicom-web/studies?PatientName=Doe^J*&x=a,b%2Cc"),
        ("/a/../b//./c", "", "/dicom-web/a/../b//./c"),
        ("/%7e/%2E%2f", "q=%5b%zz+{}|\\'\"<>`", "/dicom-web/%7e/%2E%2f?q=%5b%zz+{}|\\'\"<>`"),
        ("/frames/1,2", "?a=??&&;=", "/dicom-web/frames/1,2??a=??&&;="),
    ],
)
async def test_path_and_query_reach_the_origin_byte_for_byte(path: str, query: str, target: str) -> None:
    async with origin_on(answer_all) as (origin, server):
        await read(origin, path, query)
    assert server.heads[0].split(b"\r\n")[0] == f"GET {target} HTTP/1.1".encode("ascii")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("studies", ""),
        ("/a b", ""),
        ("/a\r\nX: y", ""),
        ("/a\x00", ""),
        ("/a\x7f", ""),
        ("/ü", ""),
        ("/a?b", ""),
        ("/a#b", ""),
        ("/a", "b c"),
        ("/a", "b\n"),
        ("/a", "é"),
        ("/a", "b#c"),
    ],
)
async def test_a_target_that_is_not_encoded_is_never_sent(path: str, query: str) -> None:
    async with origin_on(answer_all) as (origin, server):
        with pytest.raises(ValueError, match="not encoded"):
            await read(origin, path, query)
    assert server.connections == []


@pytest.mark.parametrize("base", ["ftp://h/x", "http://user:pw@h/x", "http://h/x?q=1", "http://h/x#f", "/x", "http://"])
def test_a_base_that_is_not_a_plain_service_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="base"):
        HttpOrigin("archive", base)


def test_an_authorization_that_would_break_the_request_is_refused() -> None:
    with pytest.raises(ValueError, match="printable") as refusal:
        HttpOrigin("archive", "http://127.0.0.1:1/x", "Bearer s3cret\r\nX: y")
    assert "s3cret" not in str(refusal.value)


async def test_only_the_gateways_own_headers_are_sent() -> None:
    async with origin_on(answer_all, auth="Bearer token") as (origin, server):
        async with origin.get(STUDY, accept="application/dicom+json") as answer:
            assert [piece async for piece in answer.body] == [b"body"]
        host = server.base.split("/")[2]
    lines = server.heads[0].decode("ascii").split("\r\n")[1:-2]
    assert sorted(lines) == [
        "Accept-Encoding: identity",
        "Accept: application/dicom+json",
        "Authorization: Bearer token",
        f"Host: {host}",
        "User-Agent: dicomveil",
    ]


async def test_any_status_is_an_answer_with_lower_case_headers() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"{}", "404 Not Found", "Content-Type: text/plain\r\nX-Two: a\r\nX-Two: b\r\n")

    async with origin_on(script) as (origin, _), origin.get(STUDY) as answer:
        assert answer.status == 404
        assert answer.headers == {"content-length": "2", "content-type": "text/plain", "x-two": "a, b"}


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "304 Not Modified", "307 Again", "101 Switching", "700 Odd"]
)
async def test_a_redirect_or_another_odd_status_fails_and_is_not_followed(status: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"", status, "Location: /elsewhere\r\nUpgrade: x\r\nConnection: upgrade\r\n")

    async with origin_on(script) as (origin, server):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)
        assert len(server.heads) == 1


async def test_cookies_are_not_sent_back() -> None:
    async def script(connection: Connection) -> None:
        while await connection.request():
            await connection.answer(b"", headers="Set-Cookie: id=1; Path=/\r\n")

    async with scripted_server(script) as server:
        origin = HttpOrigin("archive", server.base.replace("127.0.0.1", "localhost"))  # jars pass over bare addresses
        await read(origin)
        await read(origin)
        await origin.aclose()
    assert b"ookie" not in b"".join(server.heads)


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
    assert len(server.heads) <= 2


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


@pytest.mark.parametrize(
    "sends",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"short"], id="short"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"], id="empty"),
        pytest.param([CHUNKED, b"5\r\nhello\r\n"], id="no last chunk"),
        pytest.param([CHUNKED, b"5\r\nhel"], id="inside a chunk"),
        pytest.param([CHUNKED, b"5\r\nhello\r\nxyz\r\n"], id="chunk size is no number"),
        pytest.param([CHUNKED, b"3\r\nhello\r\n0\r\n\r\n"], id="chunk longer than its size"),
    ],
)
async def test_a_body_that_breaks_off_fails_and_is_not_asked_for_again(sends: list[bytes]) -> None:
    async with origin_on(script_of(*sends)) as (origin, server):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "head", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 xyz OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA" + b"a" * 9999]
)
async def test_an_answer_that_is_not_http_fails(head: bytes) -> None:
    async with origin_on(script_of(head)) as (origin, _):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)


@pytest.mark.parametrize(
    "sends",
    [
        pytest.param([CLOSE_DELIMITED, b"one", b"two"], id="ended by the connection"),
        pytest.param([b"HTTP/1.0 200 OK\r\n\r\n", b"onetwo"], id="HTTP/1.0"),
        pytest.param([CHUNKED, b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"], id="chunked"),
        pytest.param([CHUNKED, b"6;x=y\r\nonetwo\r\n0\r\nTrailer: x\r\n\r\n"], id="chunked with a trailer"),
        pytest.param(
            [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nonetwo"], id="100 first"
        ),
    ],
)
async def test_a_body_is_whole_however_it_is_delimited(sends: list[bytes]) -> None:
    async with origin_on(script_of(*sends)) as (origin, _):
        assert await read(origin) == (200, b"onetwo")


async def test_an_answer_without_a_body_has_an_empty_one() -> None:
    async with origin_on(script_of(b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n")) as (origin, _):
        assert await read(origin) == (204, b"")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"one" * 999)),
        ("X-GZIP", gzip.compress(b"one" * 400) + gzip.compress(b"one" * 599)),
        ("deflate", zlib.compress(b"one" * 999)),
    ],
)
async def test_a_compressed_body_is_inflated(coding: str, body: bytes) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(CLOSE_DELIMITED[:-2] + f"Content-Encoding: {coding}\r\n\r\n".encode())
        for at in range(len(body)):
            await connection.send(body[at : at + 1])

    async with origin_on(script) as (origin, _), origin.get(STUDY) as answer:
        assert "content-encoding" not in answer.headers
        assert b"".join([piece async for piece in answer.body]) == b"one" * 999


async def test_a_compressed_body_does_not_keep_its_compressed_length() -> None:
    body = gzip.compress(bytes(5000))

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(body, headers="Content-Encoding: gzip\r\n")

    async with origin_on(script) as (origin, _), origin.get(STUDY) as answer:
        assert "content-length" not in answer.headers
        assert b"".join([piece async for piece in answer.body]) == bytes(5000)


async def test_a_bomb_is_inflated_in_bounded_pieces() -> None:
    size = (64 << 20) + 5
    bomb = script_of(CLOSE_DELIMITED[:-2] + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(bytes(size)))
    async with origin_on(bomb) as (origin, _), origin.get(STUDY) as answer:
        sizes = [len(piece) async for piece in answer.body]
    assert sum(sizes) == size
    assert max(sizes) <= 256 << 10


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"one" * 999)[:-9]),
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(b"one") + b"and more"),
        ("br", b"x"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"one"))),
    ],
)
async def test_a_compressed_body_that_cannot_be_inflated_fails(coding: str, body: bytes) -> None:
    head = CLOSE_DELIMITED[:-2] + f"Content-Encoding: {coding}\r\n\r\n".encode()
    async with origin_on(script_of(head, body)) as (origin, _):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)


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
    assert str(failure.value) == "origin archive: no connection"


async def test_silence_before_the_answer_ends_in_a_timeout() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.until_gone()

    async with origin_on(script, ConnectionPolicy(read_s=0.05)) as (origin, server):
        with pytest.raises(OriginFailed, match="archive: nothing received in time"):
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


async def test_a_pool_that_stays_full_ends_in_a_timeout() -> None:
    policy = ConnectionPolicy(limit=1, connect_s=0.05, read_s=0.05)
    async with origin_on(send_for_ever, policy) as (origin, _), origin.get(STUDY):
        with pytest.raises(OriginFailed, match="archive: no connection in time"):
            await read(origin)


async def test_an_origin_with_an_untrusted_certificate_fails(tmp_path: Path) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = make_certificate(tmp_path)
    server_side.load_cert_chain(certificate)
    async with scripted_server(answer_all, server_side) as server:
        untrusting = HttpOrigin("archive", server.base)
        with pytest.raises(OriginFailed, match="archive"):
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


@pytest.mark.parametrize(
    "sends",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
        [b"HTTP/1.1 302 Found\r\nLocation: /studies/" + CANARY.encode() + b"\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nSet-Cookie: a=" + CANARY.encode() + b"; x\r\n\r\nshort"],
        [CHUNKED, b"zz " + CANARY.encode() + b"\r\n"],
        [b"SSH " + CANARY.encode() + b"\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: " + CANARY.encode() + b"\r\n\r\n"],
        [],
    ],
)
async def test_no_log_and_no_error_names_what_was_asked_for(
    caplog: pytest.LogCaptureFixture, sends: list[bytes]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "aiohttp", "aiohttp.client", "aiohttp.internal", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    asyncio.get_running_loop().set_debug(True)
    said = ""
    async with origin_on(script_of(*sends)) as (origin, server):
        try:
            await read(origin, STUDY, f"StudyInstanceUID={CANARY}")
        except OriginFailed as failure:
            said = "".join(traceback.format_exception(failure)) + chain_of(failure)
    assert CANARY in server.heads[0].decode()
    assert CANARY not in caplog.text
    assert CANARY not in said


def chain_of(error: BaseException | None) -> str:
    """Print every exception behind one, suppressed or not."""
    return "" if error is None else repr(error) + chain_of(error.__cause__) + chain_of(error.__context__)
