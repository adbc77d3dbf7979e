"""The application as a whole: what every answer has in common, and what no log ever holds."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway import app
from gateway.config import load_settings
from gateway.logs import log_config
from tests.kit.archive import FILLER, Archive, Asked, Row, json_reply, multipart, multipart_reply, reply, serving
from tests.kit.inprocess import DICOM, OCTETS, UNKNOWN, built, in_process, on_a_port, over, released, started
from tests.kit.scripted_server import Connection

ONE = Row("1.2.826.0.1.99.1", "1.2.826.0.1.99.1.1", "1.2.826.0.1.99.1.1.1", "PAT-4711", "SMITHSON^ANN")
TWO = Row("1.2.826.0.1.99.1", "1.2.826.0.1.99.1.1", "1.2.826.0.1.99.1.1.2", "PAT-4711", "SMITHSON^ANN")
STUDY = f"/studies/{ONE.study}"
PAGE = "https://viewer.example"
STUDIES = "/worklists/research/dicom-web/studies"


@asynccontextmanager
async def on_wire(archive: Archive, folder: Path) -> AsyncIterator[str]:
    """Serve a gateway over an archive; the URL of the study."""
    async with (
        serving(archive),
        on_a_port(folder, {"archive": {"dicomweb": archive.base}}, {"research": {}}) as (host, port),
    ):
        yield f"http://{host}:{port}/worklists/research/dicom-web{released(STUDY)}"


@pytest.mark.parametrize(
    "path", ["/studies", STUDY, f"{ONE.path}/metadata", "/nothing", "/studies?limit=x", "/studies?a=b"]
)
async def test_pages_elsewhere_may_read_every_answer(tmp_path: Path, path: str) -> None:
    async with over(Archive([ONE]), tmp_path) as gateway:
        answer = await gateway["research"].get(released(path), Origin=PAGE)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "headers", ["accept", "authorization", "Accept, Authorization, Cache-Control, Range", "content-type", ""]
)
async def test_what_viewers_ask_beforehand_is_allowed(tmp_path: Path, headers: str) -> None:
    named = {"Access_Control_Request_Headers": headers} if headers else {}
    async with over(Archive([ONE]), tmp_path) as gateway:
        for method in ("GET", "HEAD"):
            answer = await gateway.ask(
                STUDIES, None, "OPTIONS", Origin=PAGE, Access_Control_Request_Method=method, **named
            )
            assert answer.status == 200
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "GET" in answer.headers["access-control-allow-methods"]
            assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_what_writes_is_not(tmp_path: Path, method: str) -> None:
    async with over(Archive([ONE]), tmp_path) as gateway:
        answer = await gateway.ask(STUDIES, None, "OPTIONS", Origin=PAGE, Access_Control_Request_Method=method)
    assert answer.status == 400


async def test_a_page_that_is_named_may_store(tmp_path: Path) -> None:
    async with over(Archive([ONE]), tmp_path, cors={"origins": [PAGE]}) as gateway:
        asked = [
            await gateway.ask(STUDIES, None, "OPTIONS", Origin=origin, Access_Control_Request_Method="POST")
            for origin in (PAGE, "https://evil.example")
        ]
    assert [answer.status for answer in asked] == [200, 400]


@pytest.mark.parametrize("path", ["/uplinks/clinic", "/uplinks/clinic/jobs/x", "/shares/x/", "/shares/x/i/1.jpg"])
@pytest.mark.parametrize("origins", [["*"], [PAGE]])
async def test_no_page_may_call_an_uplink_or_read_a_share(tmp_path: Path, path: str, origins: list[str]) -> None:
    async with over(Archive([ONE]), tmp_path, cors={"origins": origins}) as gateway:
        for method in ("GET", "POST", "DELETE"):
            asked = await gateway.ask(
                path,
                None,
                "OPTIONS",
                Origin=PAGE,
                Access_Control_Request_Method=method,
                Access_Control_Request_Headers="content-type",
            )
            called = await gateway.ask(path, None, method, Origin=PAGE)
            for answer in (asked, called):
                assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_only_pages_that_are_named_may_read_answers(tmp_path: Path) -> None:
    async with over(Archive([ONE]), tmp_path, cors={"origins": [PAGE]}) as gateway:
        ours = await gateway.ask(STUDIES, Origin=PAGE)
        theirs = await gateway.ask(STUDIES, Origin="https://evil.example")
        asked = await gateway.ask(
            STUDIES, None, "OPTIONS", Origin="https://evil.example", Access_Control_Request_Method="GET"
        )
    assert ours.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in theirs.headers
    assert asked.status == 400


async def test_a_bug_is_a_problem_without_its_message(tmp_path: Path) -> None:
    async def buggy(_request: Request) -> Response:
        raise ZeroDivisionError("SMITHSON^ANN")

    built(tmp_path, {"archive": {"dicomweb": "http://127.0.0.1:1"}}, {"research": {}})
    application = app.build(load_settings(tmp_path / "dicomveil.yaml"), [Route("/buggy", buggy)])
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with started(application), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/buggy")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "SMITHSON" not in answer.text


async def test_more_routes_come_after_the_gateways_own(tmp_path: Path) -> None:
    async def page(_request: Request) -> Response:
        return PlainTextResponse("page")

    built(tmp_path, {"archive": {"dicomweb": "http://127.0.0.1:1"}}, {"research": {}})
    more = [Route("/", page), Route("/healthz", page)]
    application = app.build(load_settings(tmp_path / "dicomveil.yaml"), more)
    transport = httpx.ASGITransport(application)
    async with started(application), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/")).text == "page"
        assert (await client.get("/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("auth", "expected"),
    [({"basic": {"username": "reader", "password": {"file": "key"}}}, "Basic cmVhZGVyOm9wZW4="),
    ({"bearer": {"file": "key"}}, "Bearer open")],
)  # fmt: skip
async def test_the_origin_gets_our_credentials_and_none_of_the_clients(
    tmp_path: Path, auth: dict[str, object], expected: str
) -> None:
    heads: list[str] = []

    async def listen(connection: Connection, asked: Asked) -> None:
        heads.append(connection.server.heads[-1].decode())
        await json_reply([])(connection, asked)

    (tmp_path / "key").write_text("open")
    async with serving(Archive([ONE], {"/studies": listen})) as archive:
        origins = {"archive": {"dicomweb": archive.base, "auth": auth}}
        async with in_process(tmp_path, origins, {"research": {}}) as gateway:
            secrets = {
                "Authorization": "Bearer client",
                "Cookie": "a=client",
                "Forwarded": "host=client",
                "Referer": "http://client",
            }
            await gateway.ask(STUDIES, **secrets)
    (head,) = heads
    assert f"Authorization: {expected}" in head
    assert "client" not in head


async def test_an_identified_gateway_needs_no_secret(tmp_path: Path) -> None:
    archive = Archive([ONE])
    async with serving(archive):
        worklists = {"w": {"origin": "archive", "identified": True}}
        settings = {"origins": {"archive": {"dicomweb": archive.base}}, "worklists": worklists}
        (tmp_path / "dicomveil.yaml").write_text(json.dumps(settings))
        application = app.build(load_settings(tmp_path / "dicomveil.yaml"))
        transport = httpx.ASGITransport(application)
        async with started(application), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.get("/worklists/w/dicom-web/studies")
    assert answer.json()[0]["0020000D"]["Value"] == [ONE.study]


async def test_a_client_that_leaves_ends_the_exchange_with_the_origin(tmp_path: Path) -> None:
    left = asyncio.Event()
    endless_pixels = replace(ONE, pixels=b"").part10()[:-4] + b"\xfe\xff\xff\xff"
    header, body = multipart([endless_pixels + FILLER], end=False)

    async def endless(connection: Connection, _asked: Asked) -> None:
        await connection.send(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{header}\r\n".encode() + body)
        try:
            while True:
                await connection.send(FILLER)
        except ConnectionError:
            left.set()
            raise

    async with on_wire(Archive([ONE], {STUDY: endless}), tmp_path) as url:
        async with httpx.AsyncClient() as client, client.stream("GET", url, headers={"Accept": DICOM}) as answer:
            assert answer.status_code == 200
            await anext(answer.aiter_raw())
        await asyncio.wait_for(left.wait(), 30)


async def test_a_body_that_breaks_off_is_a_broken_transfer_for_its_client(tmp_path: Path) -> None:
    archive = Archive([ONE, TWO], {STUDY: multipart_reply([ONE.part10(), b"SMITHSON"])})
    async with on_wire(archive, tmp_path) as url, httpx.AsyncClient() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url, headers={"Accept": DICOM})


async def test_no_log_at_any_level_holds_a_value_a_url_or_a_uid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in log_config("debug")["loggers"]:
        caplog.set_level(logging.WARNING, logger=name)
    bad = TWO.json(_00100010={"vr": "PN", "Value": "SMITHSON"})
    answers = {
        f"{TWO.path}/metadata": json_reply([bad]),
        f"{STUDY}/series/{ONE.series}": multipart_reply([ONE.part10(), b"SMITHSON"]),
        f"{ONE.path}/frames/2": reply(b"SMITHSON", "500 Internal Server Error"),
        f"{ONE.path}/frames/3": reply(b"SMITHSON", "302 Found", f"Location: http://10.0.0.1{ONE.path}\r\n"),
        f"{ONE.path}/frames/4": reply(b"SMITHSON", headers="Content-Type: text/SMITHSON\r\n"),
    }
    async with over(Archive([ONE, TWO], answers), tmp_path) as gateway:
        service = gateway["research"]
        for path in (
            "/studies?PatientName=SMITHSON*", "/studies?PatientID=PAT-4711", "/studies?limit=SMITHSON",
            "/studies?SMITHSON=1",
            f"/studies?StudyInstanceUID={ONE.study}", f"/studies?StudyInstanceUID={released(ONE.study)}", STUDY,
            released(STUDY),
            f"/studies/{UNKNOWN}", released(f"{TWO.path}/metadata"), released(f"{STUDY}/series/{ONE.series}"),
            "/SMITHSON",
            *(released(f"{ONE.path}/frames/{n}") for n in (1, 2, 3, 4, "SMITHSON")),
            f"{released(ONE.path)}/bulkdata/SMITHSON",
        ):  # fmt: skip
            for accept in (None, DICOM, OCTETS, "text/SMITHSON"):
                await service.get(path, accept)
    assert caplog.records
    text = "\n".join(logging.Formatter("%(name)s %(message)s").format(record) for record in caplog.records)
    assert "OriginFailed" in text
    for word in ("SMITHSON", "PAT-4711", "1.2.826", "2.25.", "10.0.0.1", "/studies", "127.0.0.1"):
        assert not re.search(re.escape(word), text), word
