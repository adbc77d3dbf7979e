"""STOW-RS as a client sees it, over a destination that behaves in every way there is."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import numpy as np
import pytest

from gateway.core.pseudonym.keys import KeyRing
from gateway.routes import store
from gateway.storing import parts as storing_parts
from gateway.storing import rewriting
from tests.kit.destination import JSON, Destination, destination, response, uid_of
from tests.kit.images import CANARY, STUDY, image, ramp, written
from tests.kit.inprocess import SECRET, InProcess, in_process, on_a_port
from tests.kit.scripted_server import Connection, scripted_server, until
from tests.kit.upload import BOUNDARY, PARTS, body, end, part, said

WORKLISTS: Mapping[str, Mapping[str, object]] = {
    "uplink": {"profile": "strict", "services": ["store"]},
    "both": {"services": ["search", "retrieve", "store"]},
    "some": {"services": ["retrieve", "store"], "studies": ["1.2.3"]},
    "passing": {"identified": True, "services": ["store"]},
    "reading": {},
}
PDF = b"%PDF-1.7" + CANARY.encode() + bytes(300)


def small(number: int, **attributes: Any) -> bytes:
    return written(image(ramp(), number, **attributes))


def uid(number: int) -> str:
    return f"{STUDY}.1.{number}"


@asynccontextmanager
async def over(folder: Path, behaviour: Destination | None = None) -> AsyncIterator[tuple[InProcess, Destination]]:
    async with destination(behaviour) as far:
        origins = {"far": {"dicomweb": far.base, "connect_timeout_s": 2}}
        async with in_process(folder / "gateway", origins, WORKLISTS) as running:
            yield running, far


async def post(
    running: InProcess,
    content: bytes,
    content_type: str | None = PARTS,
    path: str = "/studies",
    name: str = "uplink",
    **headers: str,
) -> httpx.Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    if content_type is not None:
        named["Content-Type"] = content_type
    return await running.client.post(f"/worklists/{name}/dicom-web{path}", content=content, headers=named)


async def test_all_that_is_good_is_200_and_told_by_the_senders_names(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, far):
        answer = await post(running, body(small(1), small(2)))
        found = said(answer)
    assert (found.status, found.stored, found.failed, found.others, found.urls) == (200, [uid(1), uid(2)], {}, [], [])
    assert "SECRET" not in answer.text
    assert "origin.invalid" not in answer.text
    assert not any(CANARY.encode() in one for one in far.parts)
    assert {"location", "content-location", "warning", "etag"}.isdisjoint(answer.headers)


async def test_xml_is_given_to_who_wants_it(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, _):
        answer = await post(running, body(small(1), PDF), Accept="application/dicom+xml")
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/dicom+xml")
    tags = [one.get("tag") for one in ET.fromstring(answer.content)]  # noqa: S314 - our own
    assert tags == ["00081190", "00081199", "0008119A"]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/dicom+json, application/json", None])
async def test_everyone_else_gets_json(tmp_path: Path, accept: str | None) -> None:
    async with over(tmp_path) as (running, _):
        headers = {} if accept is None else {"Accept": accept}
        assert said(await post(running, body(small(1)), **headers)).status == 200


async def test_who_takes_no_response_that_there_is_stores_nothing(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, far):
        assert (await post(running, body(small(1)), Accept="image/jpeg")).status_code == 406
        assert far.begun == 0


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        'multipart/related; type="application/pdf"; boundary=x',
        'multipart/related; type="image/jpeg"; boundary=x',
        "nonsense",
    ],
)
async def test_another_media_type_is_415(tmp_path: Path, content_type: str | None) -> None:
    async with over(tmp_path) as (running, far):
        answer = await post(running, body(small(1)), content_type)
        assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
        assert answer.json()["detail"] == (
            'The Content-Type should be one of application/dicom, multipart/related; type="application/dicom", '
            'multipart/related; type="application/dicom+json", multipart/related; type="application/dicom+xml".'
        )
        assert far.begun == 0


async def test_a_coded_body_is_415(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, _):
        answer = await post(running, body(small(1)), Content_Encoding="gzip")
        assert (answer.status_code, answer.json()["detail"]) == (415, "The body may have no Content-Encoding.")


HOSTILE: Mapping[str, tuple[str, bytes]] = {
    "no boundary": ('multipart/related; type="application/dicom"', body(small(1))),
    "a boundary that is none": ('multipart/related; type="application/dicom"; boundary="a*b"', body(small(1))),
    "another boundary": (PARTS.replace(BOUNDARY, "x"), body(small(1))),
    "no body": (PARTS, b""),
    "nothing but the end": (PARTS, end()),
    "a part header without a colon": (PARTS, f"--{BOUNDARY}\r\nContent-Type\r\n\r\n".encode() + end()),
    "a header twice": (PARTS, f"--{BOUNDARY}\r\nA: b\r\nA: c\r\n\r\nx".encode() + end()),
    "a control character": (PARTS, f"--{BOUNDARY}\r\nA: \x01\r\n\r\nx".encode() + end()),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_cannot_be_read_is_400(tmp_path: Path, name: str) -> None:
    content_type, content = HOSTILE[name]
    async with over(tmp_path) as (running, far):
        answer = await post(running, content, content_type)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert far.begun == 0


async def test_part_headers_without_end_are_413(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, _):
        content = f"--{BOUNDARY}\r\nA: {'x' * 9000}\r\n\r\n".encode() + end()
        assert (await post(running, content)).status_code == 413


@pytest.mark.parametrize(
    ("tail", "failed", "others"),
    [
        (b"", {uid(2): 0xC000}, []),  # without a delimiter behind it, nobody knows that a part is whole
        (f"\r\n--{BOUNDARY}\r\nnot a header\r\n\r\n".encode(), {}, [0xC000]),
        (f"\r\n--{BOUNDARY}\r\nA: {'x' * 9000}".encode(), {}, [0xA700]),
        (part(small(3)[:2000]), {uid(3): 0xC000}, []),
    ],
    ids=["cut", "broken", "too large", "cut in a part"],
)
async def test_what_stands_before_the_fault_is_stored_and_told(
    tmp_path: Path, tail: bytes, failed: dict[str, int], others: list[int]
) -> None:
    async with over(tmp_path) as (running, far):
        found = said(await post(running, part(small(1)) + part(small(2)) + tail))
        assert (found.status, found.stored) == (202, [uid(1), uid(2)][: len(far.parts)])
        assert (found.failed, found.others, len(far.parts)) == (failed, others, 2 if tail else 1)


async def test_parts_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing_parts, "MAX_PARTS", 2)
    async with over(tmp_path) as (running, _):
        found = said(await post(running, body(small(1), small(2), small(3))))
    assert (found.status, found.stored, found.others) == (202, [uid(1), uid(2)], [0xA700])


@pytest.mark.parametrize("line", ["\r\n", "\n"])
async def test_multipart_is_read_as_real_clients_write_it(tmp_path: Path, line: str) -> None:
    content = (
        f"preamble{line}--{BOUNDARY}{line}content-type:application/dicom; transfer-syntax=*{line}"
        f"Content-Length: 1{line}X-Name: {CANARY}{line}{line}"
    ).encode() + small(1) + f"{line}--{BOUNDARY}--{line}epilogue".encode()  # fmt: skip
    async with over(tmp_path) as (running, far):
        found = said(await post(running, content, f"multipart/related; boundary={BOUNDARY}; type=application/dicom"))
    assert found.stored == [uid(1)]
    assert far.part_types == ["Content-Type: application/dicom"]


async def test_what_a_part_is_said_to_be_does_not_count(tmp_path: Path) -> None:
    content = part(small(1), "application/pdf") + part(PDF, "application/dicom") + part(small(2), "x") + end()
    async with over(tmp_path) as (running, _):
        found = said(await post(running, content))
    assert (found.status, found.stored, found.others) == (202, [uid(1), uid(2)], [0xC000])


async def test_a_study_in_the_path_is_the_senders(tmp_path: Path) -> None:
    other = small(2, StudyInstanceUID="1.2.3.4")
    async with over(tmp_path) as (running, far):
        found = said(await post(running, body(small(1), other), path=f"/studies/{STUDY}"))
        assert (found.status, found.stored, found.failed) == (202, [uid(1)], {uid(2): 0x0110})
        found = said(await post(running, body(small(1)), path="/studies/1.2.3.4"))
        assert (found.status, found.stored, found.failed) == (409, [], {uid(1): 0x0110})
        assert [head.split()[1] for head in far.heads] == [b"/dicom-web/studies"]


FAULTS: Mapping[str, tuple[Destination, int]] = {
    "busy": (Destination(lambda _: ("503 Busy", b"SECRET", "")), 503),
    "too many": (Destination(lambda _: ("429 Too Many", b"SECRET", "")), 503),
    "full": (Destination(lambda _: ("507 Full", b"SECRET", "")), 503),
    "forbidden": (Destination(lambda _: ("403 Forbidden", b"SECRET", "")), 502),
    "broken": (Destination(lambda _: ("500 Oops", b"SECRET", "")), 502),
    "silent about it": (Destination(lambda _: ("200 OK", response([]), JSON)), 502),
    "breaking off": (Destination(breaks_after=0), 502),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_destination_that_stores_nothing_is_to_blame(tmp_path: Path, name: str) -> None:
    behaviour, status = FAULTS[name]
    async with over(tmp_path, behaviour) as (running, _):
        answer = await post(running, body(small(1), PDF))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert ("retry-after" in answer.headers) == (status == 503)
    assert "SECRET" not in answer.text
    assert STUDY not in answer.text


async def test_a_gateway_that_holds_all_it_may_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "UNCOUNTED_BYTES", -(1 << 30))
    async with over(tmp_path) as (running, far):
        answer = await post(running, body(small(1)))
        assert far.begun == 0
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["type"] == "urn:dicomveil:problem:storing-busy"


async def test_a_destination_that_is_down_is_502(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, far):
        far.breaks_after = 0
        assert (await post(running, body(small(1)))).status_code == 502


async def test_a_destination_that_finds_an_object_too_large_makes_a_conflict(tmp_path: Path) -> None:
    async with over(tmp_path, Destination(lambda _: ("413 Too Large", b"SECRET", ""))) as (running, _):
        found = said(await post(running, body(small(1))))
    assert (found.status, found.failed) == (409, {uid(1): 0xA700})


async def test_a_destination_that_comes_and_goes_is_told_as_it_was(tmp_path: Path) -> None:
    turns = iter([True, False, True])

    def flaps(parts: list[bytes]) -> tuple[str, bytes, str]:
        return ("200 OK", response(map(uid_of, parts)), JSON) if next(turns) else ("503 Busy", b"", "")

    async with over(tmp_path, Destination(flaps)) as (running, far):
        assert said(await post(running, body(small(1)))).status == 200
        assert (await post(running, body(small(2)))).status_code == 503
        again = said(await post(running, body(small(1), small(2))))
        assert (again.status, again.stored) == (200, [uid(1), uid(2)])
        assert len({uid_of(one) for one in far.parts}) == 2, "a retry has the same names"


async def test_what_the_destination_refuses_is_passed_on_by_number_only(tmp_path: Path) -> None:
    def refuses(parts: list[bytes]) -> tuple[str, bytes, str]:
        one, other = map(uid_of, parts)
        return (
            "202 Accepted",
            response([one], [(other, 0xA900)], **{"00080058": {"vr": "UI", "Value": ["SECRET"]}}),
            JSON,
        )

    async with over(tmp_path, Destination(refuses)) as (running, _):
        answer = await post(running, body(small(1), small(2)))
    found = said(answer)
    assert (found.status, found.stored, found.failed) == (202, [uid(1)], {uid(2): 0xA900})
    assert "SECRET" not in answer.text


async def test_urls_are_ours_and_of_what_can_be_retrieved(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, _):
        found = said(await post(running, body(small(1)), name="both"))
        assert len(found.urls) == 2
        assert all(
            url.startswith("http://gateway.example:8042/worklists/both/dicom-web/studies/2.25.") for url in found.urls
        )
        assert said(await post(running, body(small(1)), name="some")).urls == [], "it may be outside of the worklist"
        two = said(await post(running, body(small(1), small(2, StudyInstanceUID="1.2.3.4")), name="both"))
        assert len(two.urls) == 2, "of two studies neither is the study"


async def test_identified_worklists_pass_objects_as_they_are(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, far):
        found = said(await post(running, body(small(1), PDF), name="passing"))
    assert (found.status, found.stored, found.others) == (202, [uid(1)], [0xC000])
    assert far.parts == [small(1)]


async def test_doors_that_are_not_enabled_are_not_there(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, _):
        for path in ("/studies", f"/studies/{STUDY}", f"/studies/{STUDY}/metadata", "/series", "/instances"):
            assert (await running["uplink"].get(path)).status == 404, path
        answer = await running.ask("/worklists/uplink/dicom-web/studies", method="DELETE")
        assert (answer.status, answer.headers["allow"]) == (405, "OPTIONS, POST")
        answer = await running.ask("/worklists/both/dicom-web/studies", method="DELETE")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
        assert (await post(running, body(small(1)), name="reading")).status_code == 405
        assert (await post(running, body(small(1)), name="nowhere")).status_code == 404
        assert (await running["both"].get("/studies")).status in (200, 204)


@pytest.mark.parametrize(("origins", "status"), [(["https://viewer.example"], 200), (["*"], 400)])
async def test_pages_that_the_settings_name_may_store(tmp_path: Path, origins: list[str], status: int) -> None:
    async with (
        destination() as far,
        in_process(
            tmp_path / "gateway", {"far": {"dicomweb": far.base}}, WORKLISTS, cors={"origins": origins}
        ) as running,
    ):
        answer = await running.ask(
            "/worklists/uplink/dicom-web/studies",
            method="OPTIONS",
            Origin="https://viewer.example",
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="content-type",
        )
    assert answer.status == status
    assert ("POST" in answer.headers["access-control-allow-methods"]) == (status == 200)


async def test_the_service_says_that_it_stores(tmp_path: Path) -> None:
    async with over(tmp_path) as (running, _):
        found = (await running.ask("/worklists/uplink/dicom-web", "application/json", "OPTIONS")).json
        assert found["services"] == ["store"]
        assert [(one["path"], one["transaction"], one["methods"]) for one in found["resources"]] == [
            ("/studies", "StoreInstances", ["POST"]),
            ("/studies/{study}", "StoreStudyInstances", ["POST"]),
        ]
        assert 'multipart/related; type="application/dicom"' in found["resources"][0]["takes"]
        wadl = (await running.ask("/worklists/uplink/dicom-web", "application/xml", "OPTIONS")).body
        assert b'<method name="POST" id="StoreInstances"><request><param name="accept" style="query"/>' in wadl


async def test_nothing_of_what_was_sent_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    content = body(small(1), PDF, small(2)[:-20], small(3)[:400], small(4, LossyImageCompressionMethod=CANARY))
    async with over(tmp_path) as (running, _):
        found = said(await post(running, content))
    assert found.status == 202
    logged = [one.getMessage() for one in caplog.records if one.name.startswith(("dicomveil", "aiohttp", "asyncio"))]
    assert any("1 stored" in line for line in logged)
    assert not any(CANARY in line or STUDY in line for line in logged)


async def test_a_client_that_sends_no_more_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "RECEIVE_TIMEOUT_S", 0.2)
    async with (
        destination() as far,
        on_a_port(tmp_path / "gateway", {"far": {"dicomweb": far.base}}, WORKLISTS) as (
            host,
            port,
        ),
    ):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head(1 << 30) + part(small(1)) + part(large(9))[:-50_000])
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert [uid_of(one) for one in far.parts] == [KeyRing(SECRET, "uplink").uid(uid(1))]
        await until(lambda: far.broken)


async def test_a_client_waits_for_a_destination_that_does_not_read(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        await go_on.wait()
        found = await connection.body()
        await connection.answer(
            response([uid_of(found.partition(b"\r\n\r\n")[2])]), headers=f"Content-Type: {JSON}\r\n"
        )

    content = body(large(1, 200))
    async with (
        scripted_server(script) as far,
        on_a_port(tmp_path / "gateway", {"far": {"dicomweb": far.base}}, WORKLISTS) as (host, port),
    ):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head(len(content)) + content)
        left = [-1, 0]
        while left[-1] != left[-2]:
            await asyncio.sleep(0.5)
            left.append(writer.transport.get_write_buffer_size())
        assert left[-1] > len(content) - (48 << 20), "what the destination does not take stays with the client"
        go_on.set()
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 60)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 ")


def head(length: int) -> bytes:
    return (
        f"POST /worklists/uplink/dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {PARTS}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def large(number: int, mib: int = 6) -> bytes:
    return written(image(np.zeros((mib, 1024, 1024), np.uint8), number, frames=mib))
