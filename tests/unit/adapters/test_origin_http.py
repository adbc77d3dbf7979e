"""What HttpOrigin asks and how it takes answers, against a real server that breaks every rule on purpose."""

import asyncio
import gc
import gzip
import logging
import traceback
import zlib

import aiohttp
import pytest

from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import OriginBusy, OriginFailed
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
    "status", ["300 Choices", "304 Not Modified", "305 Proxy", "101 Switching", "700 Odd", "206 Part"]
)
async def test_an_odd_status_fails_and_is_not_followed(status: str) -> None:
    headers = "Location: /dicom-web/x\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Range: bytes 0-1/9\r\n"

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(b"", status, headers)

    async with origin_on(script) as (origin, server):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)
        assert len(server.heads) == 1


async def redirecting(location: str, status: str = "302 Found", path: str = STUDY) -> tuple[list[str], bytes | str]:
    """Ask an origin whose first answer redirects; the targets that were asked for, and the body or the error."""

    async def script(connection: Connection) -> None:
        while await connection.request():
            if len(connection.server.heads) == 1:
                where = location.replace("BASE", connection.server.base)
                await connection.answer(b"moved", status, f"Location: {where}\r\n" if location else "")
            else:
                await connection.answer(b"body")

    async with origin_on(script, auth="Bearer token") as (origin, server):
        said: bytes | str
        try:
            said = (await read(origin, path, "q=1"))[1]
        except OriginFailed as failure:
            said = str(failure)
        assert all(b"Authorization: Bearer token" in head for head in server.heads)
    return [head.split(b" ")[1].decode() for head in server.heads], said


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Again", "308 For good"])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("BASE/here/%7e,1?a=%5b*", "/dicom-web/here/%7e,1?a=%5b*"),
        ("/dicom-web/here", "/dicom-web/here"),
        ("here?x", "/dicom-web/studies/here?x"),
        ("../here/#part", "/dicom-web/here/"),
        ("?q=2", f"/dicom-web{STUDY}?q=2"),
    ],
)
async def test_a_redirect_below_the_base_is_followed(status: str, location: str, target: str) -> None:
    assert await redirecting(location, status) == ([f"/dicom-web{STUDY}?q=1", target], b"body")


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/dicom-web/x",
        "http://localhost/dicom-web/x",
        "https://127.0.0.1/dicom-web/x",
        "//evil.example/dicom-web/x",
        "/elsewhere",
        "/dicom-web",
        "/dicom-webbed/x",
        "/dicom-web/../admin",
        "../../admin",
        "BASE/../admin",
        "BASE/%2e%2E/admin",
        "BASE/.",
        "BASE@evil.example/x",
        "BASE/a b",
        "BASE/\xe9",
        "http://[/",
        "http://127.0.0.1:port/dicom-web/x",
        "ftp:x",
        "",
    ],
)
async def test_a_redirect_out_of_the_service_fails_and_is_not_followed(location: str) -> None:
    asked, said = await redirecting(location)
    assert len(asked) == 1
    assert said in (
        "origin archive: a redirect that leads out of its service",
        "origin archive: a redirect to what is no URL",
    )


async def test_redirects_without_end_fail() -> None:
    async def script(connection: Connection) -> None:
        while await connection.request():
            await connection.answer(b"", "302 Found", "Location: /dicom-web/again\r\n")

    async with origin_on(script) as (origin, server):
        with pytest.raises(OriginFailed, match="archive: redirects that do not end"):
            await read(origin)
    assert len(server.heads) == 4


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Retry-After: 7\r\n", 7), ("Retry-After: 99999\r\n", 300), ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 5),
     ("Retry-After: \xb2\r\n", 5), ("", 5)],
)  # fmt: skip
@pytest.mark.parametrize("status", ["503 Busy", "429 Slow down"])
async def test_an_origin_that_is_busy_says_when_to_come_back(status: str, header: str, seconds: int) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.answer(CANARY.encode(), status, header)

    async with origin_on(script) as (origin, server):
        with pytest.raises(OriginBusy, match=f"^origin archive: status {status[:3]}$") as busy:
            await read(origin)
    assert busy.value.retry_after_s == seconds
    assert len(server.heads) == 1


async def test_206_without_a_range_is_an_answer() -> None:
    async with origin_on(script_of(b"HTTP/1.1 206 Some\r\nContent-Length: 4\r\n\r\nbody")) as (origin, _):
        assert await read(origin) == (206, b"body")


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
        pytest.param([CHUNKED, b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"], id="a length as a trailer"),
        pytest.param([CHUNKED, b"5\r\nhello\r\n0\r\nTrailer: x\r\n"], id="inside the trailers"),
    ],
)
async def test_a_body_that_breaks_off_fails_and_is_not_asked_for_again(sends: list[bytes]) -> None:
    async with origin_on(script_of(*sends)) as (origin, server):
        with pytest.raises(OriginFailed, match="archive"):
            await read(origin)
    assert len(server.heads) == 1


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("size", [5, 1_000_000])
async def test_a_malformed_chunk_in_mid_body_fails_at_once(size: int, *, closes: bool) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(CHUNKED + f"{size:x}\r\n".encode() + bytes(size))
        await begun.wait()
        await connection.send(b"\r\nno chunk\r\n" + bytes(100_000))
        if not closes:
            await connection.until_gone()

    async def body() -> None:
        async with origin.get(STUDY) as answer:
            async for _ in answer.body:
                begun.set()

    begun = asyncio.Event()
    async with origin_on(script) as (origin, _):
        with pytest.raises(OriginFailed, match="archive"):
            await body()


async def test_a_connection_that_serves_often_remembers_nothing_of_it() -> None:
    async def script(connection: Connection) -> None:
        while await connection.request():
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            await begun.wait()
            await connection.send(b"body")

    begun = asyncio.Event()
    async with origin_on(script) as (origin, server):
        for _ in range(5):
            begun.clear()
            async with origin.get(STUDY) as answer:
                begun.set()
                assert b"".join([piece async for piece in answer.body]) == b"body"
        del answer
        gc.collect()
        bodies = [one for one in gc.get_objects() if isinstance(one, aiohttp.StreamReader)]
        assert len(server.connections) == 1
        assert len(bodies) <= 2


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 xyz OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA" + b"a" * 9999,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(1000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b" folded %d\r\n" % number for number in range(9999)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 2\r\n\r\nab",
    ],
    ids=lambda head: repr(head[:40]),
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
        pytest.param([CHUNKED, b"6\r\nonetwo\r\n0\r\n", b"A: b\r\nC: 3\r\n", b"\r\n"], id="more trailers"),
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
        ("gzip", gzip.compress(b"one" * 999, mtime=0)),
        ("X-GZIP", gzip.compress(b"one" * 400, mtime=0) + gzip.compress(b"one" * 599, mtime=0)),
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
        ("gzip", gzip.compress(b"one" * 999, mtime=0)[:-9]),
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(b"one", mtime=0) + b"and more"),
        ("br", b"x"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"one", mtime=0), mtime=0)),
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
        [b"HTTP/1.1 302 Found\r\nLocation: /dicom-web/" + CANARY.encode() + b"\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 302 Found\r\nLocation: http://h:" + CANARY.encode() + b"/\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 503 " + CANARY.encode() + b"\r\nRetry-After: " + CANARY.encode() + b"\r\n\r\n"],
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
