"""The parts of an origin's answer over a real connection: what is asked, what is believed, what is refused."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import GatewayError, MalformedInput, NotAcceptable, NotReleased, OriginFailed
from gateway.core.wire.multipart import Event, PartChunk, PartEnd, PartStart
from gateway.routes.exchange import Outcome
from gateway.routes.parts import RETRIED, open_parts
from tests.kit.archive import (
    BOUNDARY,
    Archive,
    Asked,
    Reply,
    ended_by_close,
    multipart,
    multipart_reply,
    reply,
    serving,
)
from tests.kit.scripted_server import Connection

PATH = "/studies/1.2.3"
OCTETS = "application/octet-stream"
ALLOWED = frozenset({OCTETS, "image/jpeg"})
HEADER, BODY = multipart([b"one", b"two"], OCTETS)


@asynccontextmanager
async def origin_with(answer: Reply) -> AsyncIterator[tuple[HttpOrigin, Archive]]:
    async with serving(Archive([], {PATH: answer})) as archive:
        origin = HttpOrigin("archive", archive.base)
        try:
            yield origin, archive
        finally:
            await origin.aclose()


async def events_of(answer: Reply, attempts: Sequence[str] = ("*/*",)) -> list[Event]:
    async with origin_with(answer) as (origin, _):
        return [event async for event in open_parts(origin, PATH, attempts, ALLOWED)]


async def parts_of(answer: Reply) -> list[tuple[str, bytes]]:
    """Join the events to parts."""
    found: list[tuple[str, bytes]] = []
    for event in await events_of(answer):
        if isinstance(event, PartStart):
            assert set(event.headers) == {"content-type"}
            found.append((event.headers["content-type"], b""))
        elif isinstance(event, PartChunk):
            found[-1] = (found[-1][0], found[-1][1] + event.data)
    return found


def by_accept(answers: dict[str, tuple[str, bytes, str]]) -> Reply:
    """Answer by what is accepted."""

    async def answer(connection: Connection, asked: Asked) -> None:
        status, body, headers = answers[asked.accept]
        await connection.answer(body, status, headers)

    return answer


async def test_parts_come_as_they_are_with_no_header_but_their_type() -> None:
    assert await parts_of(multipart_reply([b"one", b"two"], OCTETS)) == [(OCTETS, b"one"), (OCTETS, b"two")]


async def test_every_part_ends() -> None:
    events = await events_of(multipart_reply([b"one", b""], OCTETS))
    assert [type(event) for event in events] == [PartStart, PartChunk, PartEnd, PartStart, PartEnd]


async def test_one_part_may_stand_alone() -> None:
    events = await events_of(reply(b"pixels", headers="Content-Type: image/jpeg; transfer-syntax=1.2.840.10008.1\r\n"))
    assert events == [
        PartStart({"content-type": "image/jpeg; transfer-syntax=1.2.840.10008.1"}), PartChunk(b"pixels"), PartEnd(),
    ]  # fmt: skip


async def test_no_parts_are_no_events() -> None:
    assert await events_of(multipart_reply([], OCTETS)) == []


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ('type="application/octet-stream; transfer-syntax=1.2.4"', OCTETS),
        ('type="application/octet-stream"; transfer-syntax=1.2.4', OCTETS),
        ("type=application/octet-stream; transfer-syntax=1.2.4", ""),
        ('type="application/octet-stream; transfer-syntax=1.2.4"', ""),
        ("type=application/octet-stream", f"{OCTETS}; transfer-syntax=1.2.4"),
        ('type="application/octet-stream; transfer-syntax=1.2.9"; transfer-syntax=1.2.8',
        f"{OCTETS};transfer-syntax=1.2.4"),
    ],
)  # fmt: skip
async def test_the_transfer_syntax_is_found_wherever_the_origin_wrote_it(header: str, part: str) -> None:
    line = f"Content-Type: {part}\r\n" if part else "X: y\r\n"
    body = f"--{BOUNDARY}\r\n{line}\r\nbytes\r\n--{BOUNDARY}--".encode()
    answer = reply(body, headers=f"Content-Type: multipart/related; {header}; boundary={BOUNDARY}\r\n")
    assert await parts_of(answer) == [(f"{OCTETS}; transfer-syntax=1.2.4", b"bytes")]


@pytest.mark.parametrize("syntax", ['"1.2; x=y"', "*", '"JANE DOE"', "1" * 65, '""', "é"])
async def test_a_transfer_syntax_that_is_none_is_dropped(syntax: str) -> None:
    body = f"--{BOUNDARY}\r\nContent-Type: {OCTETS}; transfer-syntax={syntax}\r\n\r\nx\r\n--{BOUNDARY}--".encode(
        "latin-1"
    )
    assert await parts_of(reply(body, headers=HEADER)) == [(OCTETS, b"x")]


@pytest.mark.parametrize("status", sorted(RETRIED))
async def test_what_an_origin_cannot_make_is_asked_for_in_the_next_form(status: int) -> None:
    answer = by_accept({"first": (f"{status} No", b"Jane", ""), "second": ("200 OK", BODY, HEADER)})
    async with origin_with(answer) as (origin, archive):
        events = [event async for event in open_parts(origin, PATH, ["first", "second", "third"], ALLOWED)]
    assert len(events) == 6
    assert [asked.accept for asked in archive.asked] == ["first", "second"]


async def test_when_no_form_can_be_made_it_is_not_acceptable() -> None:
    with pytest.raises(NotAcceptable):
        await events_of(reply(b"", "500 Internal Server Error"), ["first", "second"])


@pytest.mark.parametrize(
    ("status", "expected"),
    [("404 Not Found", NotReleased), ("410 Gone", NotReleased), ("401 Unauthorized", OriginFailed),
     ("403 Forbidden", OriginFailed), ("302 Found", OriginFailed), ("503 Service Unavailable", OriginFailed),
     ("204 No Content", OriginFailed)],
)  # fmt: skip
async def test_another_status_ends_it_at_once(status: str, expected: type[GatewayError]) -> None:
    async with origin_with(reply(b"", status, "Location: http://127.0.0.1:1/\r\n")) as (origin, archive):
        with pytest.raises(expected) as raised:
            [event async for event in open_parts(origin, PATH, ["first", "second"], ALLOWED)]
    assert len(archive.asked) == 1
    assert "1.2.3" not in str(raised.value)


@pytest.mark.parametrize(("status", "is_partial"), [("206 Partial Content", True), ("200 OK", False)])
async def test_206_is_an_answer_that_leaves_something_out(status: str, is_partial: bool) -> None:
    outcome = Outcome()
    async with origin_with(reply(BODY, status, HEADER)) as (origin, _):
        assert len([event async for event in open_parts(origin, PATH, ["*/*"], ALLOWED, outcome)]) == 6
    assert outcome.is_partial == is_partial


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("image/dicom+jpeg; transfer-syntax=1.2.3", "image/jpeg; transfer-syntax=1.2.3"),
        (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2", f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1"),
        (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.2", f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.2"),
    ],
)
async def test_what_has_another_name_today_gets_it(said: str, meant: str) -> None:
    assert [media_type for media_type, _ in await parts_of(multipart_reply([b"one"], said))] == [meant]


@pytest.mark.parametrize(
    "header",
    ["text/html", "application/dicom+json", "", "nonsense", "multipart/mixed; boundary=x", "image/png",
    "application/dicom"],
)  # fmt: skip
async def test_a_media_type_that_was_not_asked_for_is_refused(header: str) -> None:
    with pytest.raises(OriginFailed):
        await events_of(reply(BODY, headers=f"Content-Type: {header}\r\n" if header else ""))


@pytest.mark.parametrize("line", ["Content-Type: text/html", "Content-Type: image/svg+xml"])
async def test_so_is_that_of_a_later_part(line: str) -> None:
    body = BODY.replace(b"--\r\n", b"") + f"\r\n{line}\r\n\r\nthree\r\n--{BOUNDARY}--".encode()
    with pytest.raises(OriginFailed):
        await events_of(reply(body, headers=HEADER))


async def test_a_part_without_a_type_in_an_answer_without_a_type_is_refused() -> None:
    body = f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--".encode()
    with pytest.raises(OriginFailed):
        await events_of(reply(body, headers=f"Content-Type: multipart/related; boundary={BOUNDARY}\r\n"))


@pytest.mark.parametrize("boundary", ["", "; boundary=", '; boundary="a\tb"', "; boundary=" + "x" * 80])
async def test_a_boundary_that_is_none_is_malformed(boundary: str) -> None:
    with pytest.raises((MalformedInput, OriginFailed)):
        await events_of(reply(BODY, headers=f'Content-Type: multipart/related; type="{OCTETS}"{boundary}\r\n'))


@pytest.mark.parametrize("cut", [1, 10, len(BODY) // 2, len(BODY) - 5])
async def test_a_body_that_ends_with_its_connection_must_have_its_closing_delimiter(cut: int) -> None:
    with pytest.raises(MalformedInput):
        await events_of(ended_by_close(BODY[:cut], headers=HEADER))
    assert len(await events_of(ended_by_close(BODY, headers=HEADER))) == 6


async def test_a_body_shorter_than_its_length_is_the_origins_failure() -> None:
    async def answer(connection: Connection, _asked: Asked) -> None:
        await connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n{HEADER}\r\n".encode() + BODY[:40])
        connection.reset()

    with pytest.raises(OriginFailed):
        await events_of(answer)


async def test_what_is_not_read_to_its_end_is_closed() -> None:
    async with origin_with(multipart_reply([bytes(8 << 20)], OCTETS)) as (origin, archive):
        events = open_parts(origin, PATH, ["*/*"], ALLOWED)
        assert isinstance(await anext(events), PartStart)
        await events.aclose()
        while archive.open():
            await origin_idle()


async def origin_idle() -> None:
    """Let the other side run."""
    import asyncio

    await asyncio.sleep(0.01)
