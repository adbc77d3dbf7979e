"""What HttpOrigin asks and how it takes answers, against a real server that breaks every rule on purpose."""

import asyncio
import gzip
import logging
import traceback
import zlib

import pytest

from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import OriginFailed
from tests.kit.scripted_origin import CANARY, CHUNKED, CLOSE_DELIMITED, STUDY, answer_all, origin_on, read, script_of
from tests.kit.scripted_server import Connection, scripted_server


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
