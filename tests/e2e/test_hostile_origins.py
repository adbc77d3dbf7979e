"""Origins that misbehave, behind a gateway on a port: what is mended, refused or aborted, held back and given up."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio

from tests.kit.archive import (
    BOUNDARY,
    JSON_HEADER,
    Archive,
    Asked,
    Reply,
    Row,
    ended_by_close,
    multipart,
    multipart_reply,
    reply,
    serving,
)
from tests.kit.inprocess import DICOM, OCTETS, Answer, on_a_port, released
from tests.kit.scripted_server import Connection

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

ROW: Final = Row("1.2.840.99.1", "1.2.840.99.2", "1.2.840.99.3", name="QZJXVK^CANARY", patient="QZJXVK-4711")
JSON: Final = "application/dicom+json"
PIXELS: Final = bytes(range(256)) * 1024
HEAD: Final = "HTTP/1.1 200 OK\r\n"
MEGABYTE: Final = bytes(1 << 20)


@dataclass(slots=True)
class Stage:
    """A running gateway, the archive behind it, and what the client has to say to the archive's script."""

    archive: Archive
    address: tuple[str, int]
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, path: str, accept: str) -> Answer:
        """Retrieve through the gateway; ``begun`` is set when the first byte of a body is here."""
        url = "http://{}:{}/worklists/research/dicom-web".format(*self.address) + released(path)
        body, whole = b"", False
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream("GET", url, headers={"Accept": accept}) as response,
        ):
            try:
                async for piece in response.aiter_raw():
                    body += piece
                    self.begun.set()
                whole = True
            except httpx.TransportError:
                pass
        return Answer(response.status_code, dict(response.headers), body, whole)

    async def connect(self, path: str, accept: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request and leave the rest to the test; the reader holds next to nothing."""
        reader, writer = await asyncio.open_connection(*self.address, limit=1 << 12)
        target = "/worklists/research/dicom-web" + released(path)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: gateway\r\nAccept: {accept}\r\n\r\n".encode())
        return reader, writer


@asynccontextmanager
async def stage(folder: Path, **settings: object) -> AsyncIterator[Stage]:
    async with serving(Archive([ROW])) as archive:
        origins = {"archive": {"dicomweb": archive.base, "read_timeout_s": 20, **settings}}
        async with on_a_port(folder / "gateway", origins, {"research": {}}) as address:
            yield Stage(archive, address)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A gateway that waits for long."""
    async with stage(tmp_path_factory.mktemp("patient"), read_timeout_s=3600) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A gateway that does not."""
    async with stage(tmp_path_factory.mktemp("hasty"), read_timeout_s=0.5) as one:
        await one.ask("/studies", JSON)
        yield one


@pytest.fixture
def calm(patient: Stage, hasty: Stage) -> Stage:
    """Lend the patient one, with an archive that behaves."""
    for one in (patient, hasty):
        one.archive.replies.clear()
        one.begun.clear()
    return patient


def is_silent(answer: Answer, one: Stage) -> bool:
    """Say whether nothing in an answer tells where it comes from or of whom it speaks."""
    secrets = [ROW.study, ROW.series, ROW.instance, "QZJXVK", one.archive.base.split("/")[2], "dicom-web/studies/1.2"]
    return not any(secret.encode() in answer.said for secret in secrets)


# What an origin may do and still be understood: the answer is the same as that of a well-behaved one.


def lf_only() -> Reply:
    body = f"--{BOUNDARY}\ncontent-type:application/dicom\n\n".encode() + ROW.part10() + f"\n--{BOUNDARY}--\n".encode()
    return reply(body, headers=f"Content-Type: multipart/related; type=application/dicom; boundary={BOUNDARY}\r\n")


def lower_case() -> Reply:
    body = (
        f"--{BOUNDARY}\r\ncontent-type: APPLICATION/dicom\r\nmime-version: 1.0\r\n\r\n".encode()
        + ROW.part10()
        + f"\r\n--{BOUNDARY}--".encode()
    )
    return reply(body, headers=f'content-type: Multipart/Related;TYPE="Application/DICOM";BOUNDARY="{BOUNDARY}"\r\n')


def status(text: str) -> Reply:
    header, body = multipart([ROW.part10()])
    return reply(body, text, header)


def squeezed() -> Reply:
    header, body = multipart([ROW.part10()])
    return reply(gzip.compress(body), headers=header + "Content-Encoding: gzip\r\n")


def chunked(size: int, trailers: bytes = b"") -> Reply:
    header, body = multipart([ROW.part10()])

    async def answer(connection: Connection, _asked: Asked) -> None:
        await connection.send(f"{HEAD}Transfer-Encoding: chunked\r\n{header}\r\n".encode())
        for at in range(0, len(body), size):
            piece = body[at : at + size]
            await connection.send(f"{len(piece):x};note=QZJXVK\r\n".encode() + piece + b"\r\n")
        await connection.send(b"0\r\n" + trailers + b"\r\n")

    return answer


def dripping() -> Reply:
    header, body = multipart([ROW.part10()])

    async def answer(connection: Connection, _asked: Asked) -> None:
        for byte in f"{HEAD}{header}Content-Length: {len(body)}\r\n\r\n".encode() + body[:2000]:
            await connection.send(bytes([byte]))
            await asyncio.sleep(0)
        await connection.send(body[2000:])

    return answer


def moved() -> Reply:
    async def answer(connection: Connection, asked: Asked) -> None:
        if asked.query:
            await multipart_reply([ROW.part10()])(connection, asked)
        else:
            await connection.answer(b"", "307 Moved", f"Location: {asked.path.rpartition('/')[2]}?moved=1\r\n")

    return answer


def alone() -> Reply:
    return reply(ROW.part10(), headers='Content-Type: application/dicom; transfer-syntax="1.2.840.10008.1.2.1"\r\n')


def until_closed() -> Reply:
    header, body = multipart([ROW.part10()])
    return ended_by_close(body, headers=header)


def odd_headers() -> Reply:
    header, body = multipart([ROW.part10()])
    more = (
        "Set-Cookie: QZJXVK=1\r\nWarning: 299 QZJXVK\r\nX-Patient: QZJXVK\r\nETag: QZJXVK\r\nLink: <http://QZJXVK/>\r\n"
    )
    return reply(body, headers=header + more + "Keep-Alive: timeout=0\r\n")


MENDED: Final[dict[str, Callable[[], Reply]]] = {
    "LF only": lf_only,
    "lower case, no end of line after the last delimiter": lower_case,
    "gzip that was not asked for": squeezed,
    "chunks of 100 bytes with extensions": lambda: chunked(100),
    "chunked with trailers": lambda: chunked(70_000, b"X-Patient: QZJXVK\r\nX-Sum: 1\r\n"),
    "a head that drips": dripping,
    "a redirect inside the service": moved,
    "a single part for a multipart": alone,
    "ended by the connection": until_closed,
    "headers that tell": odd_headers,
}


@pytest.mark.parametrize("way", MENDED)
async def test_a_peculiar_origin_is_understood(way: str, calm: Stage) -> None:
    expected = (await calm.ask(ROW.path, DICOM)).parts()
    calm.archive.replies[ROW.path] = MENDED[way]()
    answer = await calm.ask(ROW.path, DICOM)
    assert (answer.status, answer.whole) == (200, True)
    assert answer.parts() == expected
    assert PIXELS in expected[0][1]
    assert is_silent(answer, calm)


async def test_metadata_and_searches_may_come_in_peculiar_ways_too(calm: Stage) -> None:
    expected = [await calm.ask(path, JSON) for path in (f"{ROW.path}/metadata", "/studies")]
    found = gzip.compress(json.dumps([ROW.json()], indent=4).encode())
    packed = JSON_HEADER + "Content-Encoding: gzip\r\n"
    calm.archive.replies[f"{ROW.path}/metadata"] = reply(found, headers=packed)
    headers = "content-type:APPLICATION/JSON; charset=utf-8\r\ncontent-encoding:GZIP\r\n"
    calm.archive.replies["/studies"] = reply(found, "206 Some", headers)
    metadata = await calm.ask(f"{ROW.path}/metadata", JSON)
    assert metadata.json == expected[0].json
    studies = await calm.ask("/studies", JSON)
    assert [one["0020000D"] for one in studies.json] == [one["0020000D"] for one in expected[1].json]
    assert is_silent(metadata, calm)
    assert is_silent(studies, calm)


async def test_an_origin_that_says_it_withheld_something_is_quoted(calm: Stage) -> None:
    calm.archive.replies[ROW.path] = status("206 Some")
    answer = await calm.ask(ROW.path, DICOM)
    assert (answer.status, answer.whole, len(answer.parts())) == (206, True, 1)
    assert "content-range" not in answer.headers


# What is refused before the first byte: the status says it, and nothing else is said.


def raw(data: bytes) -> Reply:
    async def answer(connection: Connection, _asked: Asked) -> None:
        await connection.send(data)
        raise ConnectionResetError

    return answer


async def silent(connection: Connection, _asked: Asked) -> None:
    await connection.until_gone()


async def broken(connection: Connection, _asked: Asked) -> None:
    connection.reset()
    raise ConnectionResetError


def redirect(location: str) -> Reply:
    return reply(b"QZJXVK", "302 Found", f"Location: {location}\r\n")


TYPE: Final = multipart([])[0]
REFUSED: Final[dict[str, tuple[Reply, int]]] = {
    "silence": (silent, 504),
    "a reset instead of an answer": (broken, 502),
    "no HTTP": (raw(b"QZJXVK\r\n\r\n"), 502),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\nX-Patient: QZJXVK"), 502),
    "a header of a megabyte": (raw(HEAD.encode() + b"X: " + bytes(1 << 20).replace(b"\0", b"Q") + b"\r\n\r\n"), 502),
    "ten thousand headers": (raw(HEAD.encode() + b"X: QZJXVK\r\n" * 10_000 + b"\r\n"), 502),
    "another service by redirect": (redirect("http://127.0.0.1:1/dicom-web/QZJXVK"), 502),
    "another path by redirect": (redirect("/QZJXVK"), 502),
    "a redirect to itself": (redirect("?"), 502),
    "a range that was not asked for": (reply(PIXELS, "206 Part", TYPE + "Content-Range: bytes 0-9/99\r\n"), 502),
    "a content coding that nobody knows": (reply(PIXELS, headers=TYPE + "Content-Encoding: br\r\n"), 502),
    "gzip that is none": (reply(PIXELS, headers=TYPE + "Content-Encoding: gzip\r\n"), 502),
    "a web page": (reply(b"<html>QZJXVK", headers="Content-Type: text/html\r\n"), 502),
    "no media type": (reply(ROW.part10()), 502),
    "two media types": (reply(ROW.part10(), headers="Content-Type: application/dicom\r\n" + TYPE), 502),
    "JSON instead of instances": (reply(b'["QZJXVK"]', headers=JSON_HEADER), 502),
    "two lengths": (raw(f"{HEAD}{TYPE}Content-Length: 5\r\nContent-Length: 6\r\n\r\nQZJXVK".encode()), 502),
    "a login page": (reply(b"QZJXVK", "401 Who", 'WWW-Authenticate: Basic realm="QZJXVK"\r\n'), 502),
    "no permission": (reply(b"QZJXVK", "403 QZJXVK"), 502),
    "an error": (reply(b"QZJXVK", "502 QZJXVK", "Warning: 299 QZJXVK\r\n"), 502),
    "busy": (reply(b"QZJXVK", "503 QZJXVK", "Retry-After: 17\r\n"), 503),
    "nothing there": (reply(b'{"Details":"QZJXVK"}', "404 QZJXVK"), 404),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_fault_before_the_first_byte_is_a_problem_and_tells_nothing(
    fault: str, calm: Stage, hasty: Stage
) -> None:
    told, expected = REFUSED[fault]
    one = hasty if fault == "silence" else calm
    one.archive.replies[ROW.path] = told
    answer = await one.ask(ROW.path, DICOM)
    assert (answer.status, answer.whole) == (expected, True)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == ("17" if expected == 503 else None)
    assert is_silent(answer, one)


@pytest.mark.parametrize("path", ["/studies", f"{ROW.path}/metadata", f"{ROW.path}/frames/1"])
@pytest.mark.parametrize("fault", ["another service by redirect", "a web page", "busy", "a reset instead of an answer"])
async def test_every_door_refuses_alike(path: str, fault: str, calm: Stage) -> None:
    told, expected = REFUSED[fault]
    await calm.ask(f"{ROW.path}/metadata", JSON)  # so that the path is known
    calm.archive.replies[path] = told
    answer = await calm.ask(path, OCTETS if "frames" in path else JSON)
    assert (answer.status, answer.whole) == (expected, True)
    assert is_silent(answer, calm)


# What breaks after the first byte: the client's connection breaks as well.

Fault = Callable[[Connection, bytes], Awaitable[None]]
HALF: Final = 100_000


async def reset(connection: Connection, _rest: bytes) -> None:
    connection.reset()
    raise ConnectionResetError


async def close(_connection: Connection, _rest: bytes) -> None:
    raise ConnectionResetError


async def stall(connection: Connection, _rest: bytes) -> None:
    await connection.until_gone()


async def garble(connection: Connection, rest: bytes) -> None:
    await connection.send(b"\r\nno chunk\r\n" + rest)
    raise ConnectionResetError


async def end_early(connection: Connection, _rest: bytes) -> None:
    await connection.send(b"\r\n0\r\n\r\n")


async def end_without_closing(connection: Connection, rest: bytes) -> None:
    rest = rest[: -len(f"--{BOUNDARY}--\r\n")]
    await connection.send(b"\r\n" + f"{len(rest):x}\r\n".encode() + rest + b"\r\n0\r\n\r\n")


BREAKS: Final[dict[str, Fault]] = {
    "reset": reset,
    "closed": close,
    "stalled": stall,
    "garbled": garble,
    "ended early": end_early,
    "without the closing delimiter": end_without_closing,
}


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_fault_after_the_first_byte_breaks_the_clients_connection(
    fault: str, calm: Stage, hasty: Stage
) -> None:
    header, body = multipart([ROW.part10()])
    one = hasty if fault == "stalled" else calm

    async def breaking(connection: Connection, _asked: Asked) -> None:
        await connection.send(f"{HEAD}Transfer-Encoding: chunked\r\n{header}\r\n{HALF:x}\r\n".encode() + body[:HALF])
        await one.begun.wait()
        await BREAKS[fault](connection, body[HALF:])

    one.archive.replies[ROW.path] = breaking
    answer = await one.ask(ROW.path, DICOM)
    assert (answer.status, answer.whole) == (200, False)
    assert b"--\r\n" not in answer.body[-64:]
    assert is_silent(answer, one)


async def test_a_compressed_body_that_breaks_breaks_the_clients_connection(calm: Stage) -> None:
    header, body = multipart([ROW.part10()])
    packed = gzip.compress(body, 0)

    async def breaking(connection: Connection, _asked: Asked) -> None:
        await connection.send(
            f"{HEAD}Content-Encoding: gzip\r\nConnection: close\r\n{header}\r\n".encode() + packed[:HALF]
        )
        await calm.begun.wait()
        await connection.send(b"\xff" * 70_000)
        raise ConnectionResetError

    calm.archive.replies[ROW.path] = breaking
    answer = await calm.ask(ROW.path, DICOM)
    assert (answer.status, answer.whole) == (200, False)


# Who waits for whom.


def endless() -> tuple[Reply, list[Connection]]:
    """Answer with an object whose pixels never end; the connections that did."""
    whole = ROW.part10()
    header, body = multipart([whole])
    at = body.index(PIXELS)
    seen: list[Connection] = []

    async def answer(connection: Connection, _asked: Asked) -> None:
        seen.append(connection)
        head = body[:at].replace(len(PIXELS).to_bytes(4, "little"), (0xFFFFFFF0).to_bytes(4, "little"))
        await connection.send(f"{HEAD}Connection: close\r\n{header}\r\n".encode() + head)
        while True:
            await connection.send(MEGABYTE)

    return answer, seen


async def settled(connection: Connection) -> int:
    """Return how much was sent when no more is taken."""
    sent = -1
    while sent < connection.sent:
        sent = connection.sent
        assert sent < 1 << 29, "nothing holds it back"
        await asyncio.sleep(0.2)
    return sent


async def test_a_client_that_reads_slowly_holds_the_origin_back(calm: Stage) -> None:
    calm.archive.replies[ROW.path], seen = endless()
    reader, writer = await calm.connect(ROW.path, DICOM)
    try:
        await reader.readexactly(1 << 12)
        before = await settled(seen[0])
        assert before < 32 << 20  # the kernel's buffers of two connections, and at most 1 MiB of ours
        await reader.readexactly(64 << 20)
        after = await settled(seen[0])
        assert 32 << 20 < after - before < 96 << 20
    finally:
        writer.close()
    await until_ended(seen[0])


async def until_ended(connection: Connection) -> None:
    """Wait until the origin has seen a connection close."""
    while await connection.server.ended.get() != connection.number:
        pass


LEAVING: Final = {
    "while the study is looked up": ("/studies", ROW.path, DICOM),
    "while the series is looked up": (f"/studies/{ROW.study}/series", ROW.path, DICOM),
    "while instances are awaited": (ROW.path, ROW.path, DICOM),
    "while a study is awaited": (f"/studies/{ROW.study}", f"/studies/{ROW.study}", DICOM),
    "while metadata is awaited": (f"{ROW.path}/metadata", f"{ROW.path}/metadata", JSON),
    "while frames are awaited": (f"{ROW.path}/frames/1", f"{ROW.path}/frames/1", OCTETS),
    "while a search is awaited": ("/studies", "/studies", JSON),
    "while instances are searched": ("/instances", "/instances", JSON),
}


@pytest.mark.parametrize("when", LEAVING)
async def test_a_client_that_leaves_before_the_first_byte_ends_the_origins_work(when: str, tmp_path: Path) -> None:
    stalled, path, accept = LEAVING[when]
    asked = asyncio.Event()
    seen: list[Connection] = []

    async def stalling(connection: Connection, _asked: Asked) -> None:
        seen.append(connection)
        asked.set()
        await connection.until_gone()

    async with stage(tmp_path, read_timeout_s=3600) as one:  # one that knows no path yet
        one.archive.replies[stalled] = stalling
        _, writer = await one.connect(path, accept)
        await asked.wait()
        writer.close()
        await until_ended(seen[0])
        del one.archive.replies[stalled]
        # Nothing is locked and no connection lost; the archive has no frames.
        assert (await one.ask(path, accept)).status == (404 if "frames" in path else 200)


async def test_a_client_that_leaves_after_the_first_byte_ends_the_origins_work(tmp_path: Path) -> None:
    async with stage(tmp_path, read_timeout_s=3600, connections=1) as one:
        one.archive.replies[ROW.path], seen = endless()
        reader, writer = await one.connect(ROW.path, DICOM)
        await reader.readexactly(1 << 12)
        writer.close()
        await until_ended(seen[0])
        del one.archive.replies[ROW.path]
        assert (await one.ask(ROW.path, DICOM)).whole


async def test_a_client_that_is_reset_ends_the_origins_work(calm: Stage) -> None:
    calm.archive.replies[ROW.path], seen = endless()
    reader, writer = await calm.connect(ROW.path, DICOM)
    await reader.readexactly(1 << 12)
    writer.transport.abort()
    await until_ended(seen[0])


async def test_a_head_request_does_not_read_the_body(calm: Stage) -> None:
    calm.archive.replies[ROW.path], seen = endless()
    url = "http://{}:{}/worklists/research/dicom-web".format(*calm.address) + released(ROW.path)
    async with httpx.AsyncClient() as client:
        answer = await client.head(url, headers={"Accept": DICOM})
    assert (answer.status_code, answer.content) == (200, b"")
    await until_ended(seen[0])


async def test_too_few_connections_are_waited_for_and_then_answered_with_503(tmp_path: Path) -> None:
    async with stage(tmp_path, connections=1, queue_timeout_s=0.1, read_timeout_s=3600) as one:
        await one.ask("/studies", JSON)
        one.archive.replies[ROW.path], seen = endless()
        reader, writer = await one.connect(ROW.path, DICOM)
        await reader.readexactly(1 << 12)
        answer = await one.ask("/studies", JSON)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert is_silent(answer, one)
        writer.close()
        await until_ended(seen[0])
        assert (await one.ask("/studies", JSON)).status == 200


async def test_an_origin_that_closes_between_requests_is_asked_again(calm: Stage) -> None:
    expected = (await calm.ask(ROW.path, DICOM)).parts()
    dropped: list[Connection] = []

    async def dropping(connection: Connection, asked: Asked) -> None:
        if not dropped:
            dropped.append(connection)
            raise ConnectionResetError
        await multipart_reply([ROW.part10()])(connection, asked)

    calm.archive.replies[ROW.path] = dropping
    assert (await calm.ask(ROW.path, DICOM)).parts() == expected
    assert len(dropped) == 1


async def test_an_object_that_breaks_off_is_not_asked_for_again(calm: Stage) -> None:
    await calm.ask("/studies", JSON)
    header, body = multipart([ROW.part10()])
    calm.archive.replies[ROW.path] = ended_by_close(body[:HALF], headers=header)
    before = calm.archive.count(ROW.path)
    assert not (await calm.ask(ROW.path, DICOM)).whole
    assert calm.archive.count(ROW.path) == before + 1
