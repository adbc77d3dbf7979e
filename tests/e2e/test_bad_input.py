"""An archive that breaks off, lies or sends rubbish: refused before the first byte or aborted after it."""

import asyncio
import json
import re
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from tests.kit.canary import plant, source_uids
from tests.kit.canary_search import search
from tests.kit.encode import DEFLATED, EXPLICIT, Element, as_json, data_set, encoding_of, part10
from tests.kit.scripted_server import Connection, scripted_server
from tests.kit.servers import Gateway, gateway, worklists

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

BOUNDARY: Final = b"origin-boundary"
MULTIPART: Final = f'multipart/related; type="application/dicom"; boundary={BOUNDARY.decode()}'
JSON: Final = "application/dicom+json"
PLANTED: Final = plant("CT", EXPLICIT, hostile=False, small=True)
STUDY, SERIES, INSTANCE = source_uids(PLANTED)
SECRET: Final = next(value for value in PLANTED.canaries.names if value.startswith("QZJXVK"))
PIXELS: Final = bytes(600_000)
DEPTH: Final = 10_000
EMPTY_ITEM: Final = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
OPEN_SEQUENCE: Final = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff"


@dataclass(slots=True)
class Answer:
    """What the archive says to one retrieval: ``close`` breaks the connection before its body is whole."""

    body: bytes
    content_type: str = MULTIPART
    status: str = "200 OK"
    headers: str = ""
    close: bool = False


@dataclass(slots=True)
class Stage:
    """The gateway, and the answer that its archive gives next."""

    server: Gateway
    answer: Answer = field(default_factory=lambda: Answer(b""))
    study: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the client got of an answer, and whether it broke off."""

    status: int
    said: bytes
    body: bytes
    whole: bool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    stages: list[Stage] = []
    async with scripted_server(lambda connection: answer(connection, stages)) as origin:
        settings = worklists(["research"], origin.base)
        with ExitStack() as stack:
            starting = gateway(tmp_path_factory.mktemp("bad"), settings)
            server = await asyncio.to_thread(stack.enter_context, starting)
            stages.append(Stage(server))
            async with httpx.AsyncClient() as client:
                found = (await client.get(server.worklist("research") + "/studies", timeout=60)).json()
            stages[0].study = f"/studies/{found[0]['0020000D']['Value'][0]}"
            yield stages[0]


async def answer(connection: Connection, stages: list[Stage]) -> None:
    """Answer searches well, and retrievals as the stage is set."""
    while True:
        path = (await connection.request()).split(b" ")[1].decode().partition("?")[0].removeprefix("/dicom-web")
        if path in ("/studies", f"/studies/{STUDY}/series") or path.endswith("/instances"):
            found = json.dumps([result()]).encode()
            await connection.answer(found, headers=f"Content-Type: {JSON}\r\n")
            continue
        told = stages[0].answer
        length = "" if told.close else f"Content-Length: {len(told.body)}\r\n"
        head = f"HTTP/1.1 {told.status}\r\nContent-Type: {told.content_type}\r\n{length}{told.headers}\r\n"
        await connection.send(head.encode() + told.body)
        if told.close:
            return


def result() -> dict[str, Any]:
    """Give one search result that serves every level."""
    found = as_json(PLANTED.elements)
    wanted = ("00080016", "00080018", "00080060", "00100010", "00100020", "0020000D", "0020000E", "00200013")
    return {key: found[key] for key in wanted}


async def ask(stage: Stage, path: str, accept: str) -> Heard:
    body = b""
    async with httpx.AsyncClient() as client:
        url = stage.server.worklist("research") + stage.study + path
        async with client.stream("GET", url, headers={"Accept": accept}, timeout=60) as response:
            said = b"\n".join(name + b": " + value for name, value in response.headers.raw)
            try:
                async for piece in response.aiter_raw():
                    body += piece
            except httpx.TransportError:
                return Heard(response.status_code, said + body, body, whole=False)
    return Heard(response.status_code, said + body, body, whole=True)


def parts(*objects: bytes, end: bytes = b"--" + BOUNDARY + b"--\r\n") -> bytes:
    head = b"--" + BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + one + b"\r\n" for one in objects) + end


def whole(pixels: bytes = b"", syntax: str = EXPLICIT, extra: Callable[[], list[Element]] = list) -> bytes:
    """Write the canary object, with other pixels, or with more elements."""
    elements = {element.tag: element for element in (*PLANTED.elements, *extra())}
    if pixels:
        elements[0x7FE00010] = Element(0x7FE00010, "OW", pixels)
    return part10(elements.values(), syntax)


def nested(count: int) -> bytes:
    """Write an object in which sequences of undefined length open one in the other, and never close."""
    top = [element for element in PLANTED.elements if element.tag < 0x00081115]
    return part10(top, EXPLICIT) + (OPEN_SEQUENCE + EMPTY_ITEM) * count


def lying() -> bytes:
    """Write a Private element that says it has 2 GiB, and has 100 bytes."""
    top = [element for element in PLANTED.elements if element.tag < 0x00090000]
    return part10(top, EXPLICIT) + b"\x09\x00\x10\x10UN\0\0" + struct.pack("<I", 2**31) + SECRET.encode() * 9


def nonsense() -> bytes:
    """Write an element whose VR is none."""
    top = [element for element in PLANTED.elements if element.tag < 0x00081140]
    return part10(top, EXPLICIT) + b"\x08\x00\x50\x11zz\x08\x00" + SECRET.encode()[:8]


def bomb() -> bytes:
    """Write a deflated object that grows to a thousand times its size inside one removed element, and is then cut."""
    top = [element for element in PLANTED.elements if element.tag < 0x00090000]
    head = part10(top, DEFLATED)
    body = data_set(top, encoding_of(DEFLATED)) + b"\x09\x00\x10\x10UN\0\0" + struct.pack("<I", 2**28)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    start = head.index(zlib_of(top))
    return head[:start] + packer.compress(body) + packer.compress(bytes(2**26)) + packer.flush()


def zlib_of(elements: list[Element]) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data_set(elements, encoding_of(DEFLATED))) + packer.flush()


GOOD: Final = whole(PIXELS)
HEADER: Final = GOOD[: GOOD.index(b"\xe0\x7f\x10\x00")]

# Nothing of these may come out: the status says it.
REFUSED: Final = {
    "cut before the patient is known": Answer(parts(HEADER[:2000])),
    "cut before the patient is known, connection closed": Answer(parts(HEADER[:2000], end=b""), close=True),
    "a length past the end": Answer(parts(lying())),
    "a VR that is none": Answer(parts(nonsense())),
    "nested without end": Answer(parts(nested(DEPTH))),
    "a deflate bomb, cut": Answer(parts(bomb())),
    "rubbish in place of a deflated data set": Answer(parts(whole(syntax=DEFLATED)[:600] + SECRET.encode() * 100)),
    "no DICOM": Answer(parts(b"<html>" + SECRET.encode() * 50)),
    "no part at all": Answer(b"--" + BOUNDARY + b"--\r\n"),
    "an endless part header": Answer(b"--" + BOUNDARY + b"\r\n" + b"X-Name: " + SECRET.encode() * 20_000),
    "no boundary": Answer(parts(GOOD), content_type='multipart/related; type="application/dicom"'),
    "a web page": Answer(SECRET.encode() * 50, content_type="text/html"),
    "an error that tells all": Answer(
        SECRET.encode(), status=f"500 {SECRET}", headers=f"Warning: 299 {SECRET}\r\nX-Patient: {SECRET}\r\n"
    ),
    "a redirect": Answer(b"", status="302 Found", headers=f"Location: http://127.0.0.1:1/{STUDY}\r\n"),
    "a login page": Answer(b"", status="401 Unauthorized", headers=f'WWW-Authenticate: Basic realm="{SECRET}"\r\n'),
}
# Of these a beginning has left before the fault shows: the client must see that the end is missing.
ABORTED: Final = {
    "cut in the header": Answer(parts(HEADER[: len(HEADER) // 2])),
    "cut in the header, connection closed": Answer(parts(HEADER[: len(HEADER) // 2], end=b""), close=True),
    "cut in pixel data": Answer(parts(GOOD[: len(HEADER) + 400_000])),
    "cut in pixel data, connection closed": Answer(parts(GOOD[: len(HEADER) + 400_000], end=b""), close=True),
    "no closing boundary": Answer(parts(GOOD, end=b""), close=True),
    "rubbish after pixel data": Answer(parts(GOOD[: len(HEADER) + 12 + len(PIXELS)] + SECRET.encode() * 9)),
    "a second object that is cut": Answer(parts(GOOD, HEADER[: len(HEADER) // 2])),
    "a second object that is none": Answer(parts(GOOD, SECRET.encode() * 50)),
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_an_object_is_refused_before_its_first_byte(running: Stage, fault: str) -> None:
    running.answer = REFUSED[fault]
    heard = await ask(running, "", 'multipart/related; type="application/dicom"; transfer-syntax=*')
    assert heard.status in (404, 406, 502)
    assert heard.whole
    assert is_silent(heard, running)


@pytest.mark.parametrize("fault", ABORTED)
async def test_an_object_breaks_off_where_it_cannot_be_refused_any_more(running: Stage, fault: str) -> None:
    running.answer = ABORTED[fault]
    heard = await ask(running, "", 'multipart/related; type="application/dicom"; transfer-syntax=*')
    assert not heard.whole or heard.status == 502
    assert not re.search(rb"--[^\r\n]+--\s*$", heard.body)
    assert is_silent(heard, running)


async def test_a_good_object_passes_on_the_same_stage(running: Stage) -> None:
    running.answer = Answer(parts(GOOD))
    heard = await ask(running, "", 'multipart/related; type="application/dicom"; transfer-syntax=*')
    assert heard.status == 200
    assert heard.whole
    assert PIXELS in heard.body
    assert is_silent(heard, running)


def good_json() -> bytes:
    return json.dumps([as_json(PLANTED.elements)]).encode()


BAD_JSON: Final = {
    "cut": good_json()[:-5000],
    "no JSON": SECRET.encode() * 50,
    "an object of strings": b'{"a": "%s"}' % SECRET.encode(),
    "a list of strings": b'["%s"]' % SECRET.encode(),
    "values that are no list": good_json().replace(b'"Value": [', b'"Value": {"a": [', 1),
    "keys that are no tags": good_json().replace(b'"00080050"', b'"%s"' % SECRET.encode()),
    "nested without end": b'[{"00081115":{"vr":"SQ","Value":' * DEPTH,
    "no UTF-8": good_json().replace(SECRET.encode(), b"\xff\xfe" + SECRET.encode()),
    "trailing text": good_json() + SECRET.encode(),
    "bad base64": good_json().replace(b'"InlineBinary": "', b'"InlineBinary": "!'),
}


@pytest.mark.parametrize("fault", BAD_JSON)
async def test_bad_metadata_are_refused_or_break_off(running: Stage, fault: str) -> None:
    running.answer = Answer(BAD_JSON[fault], content_type=JSON)
    heard = await ask(running, "/metadata", JSON)
    if heard.status == 200 and heard.whole:
        # What is wrong may stand in an attribute that goes anyway; then the rest must be whole.
        assert isinstance(json.loads(heard.body), list)
    assert is_silent(heard, running)


@pytest.mark.parametrize("fault", ["cut", "no JSON", "nested without end", "trailing text"])
async def test_metadata_that_do_not_parse_never_look_whole(running: Stage, fault: str) -> None:
    running.answer = Answer(BAD_JSON[fault], content_type=JSON)
    heard = await ask(running, "/metadata", JSON)
    assert heard.status == 502 or not heard.whole


def is_silent(heard: Heard, stage: Stage) -> bool:
    canaries = PLANTED.canaries
    assert search(heard.said, canaries) == []
    assert search(stage.server.log.encode(), canaries) == []
    assert "Traceback" not in stage.server.log
    return True
