"""An identified worklist: every door hands out what the archive holds, and nothing tells where that is."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.routes.headers import OURS
from tests.kit.archive import Archive, Reply, Row, multipart, multipart_reply, reply, serving
from tests.kit.inprocess import DICOM, OCTETS, Answer, InProcess, in_process

READ = Row("1.2.840.77.1", "1.2.840.77.11", "1.2.840.77.111", name="BEISPIEL^ERIKA", patient="MRN-0815")
HIDDEN = Row("1.2.840.77.2", "1.2.840.77.22", "1.2.840.77.222", name="MUSTER^MAX", patient="MRN-4711", modality="MR")
JSON = "application/dicom+json"
TELLING = (
    "Content-Location: http://archive.example/secret\r\nETag: archive.example\r\nServer: archive.example\r\n"
    "Warning: 299 archive.example\r\nLink: <http://archive.example/>\r\nSet-Cookie: archive.example=1\r\n"
)
FRAME = bytes(range(256)) * 300
PDF = b"%PDF-1.4 archive"
DOORS = {
    "studies": ("/studies", JSON),
    "series": (f"/studies/{READ.study}/series", JSON),
    "instances": ("/instances", JSON),
    "study": (f"/studies/{READ.study}", DICOM),
    "series' objects": (f"/studies/{READ.study}/series/{READ.series}", DICOM),
    "instance": (READ.path, DICOM),
    "bare instance": (READ.path, "application/dicom"),
    "metadata": (f"{READ.path}/metadata", JSON),
    "study's metadata": (f"/studies/{READ.study}/metadata", JSON),
    "frames": (f"{READ.path}/frames/1", OCTETS),
}


def link(row: Row, path: str) -> dict[str, str]:
    return {"vr": "OB", "BulkDataURI": f"http://archive.example/dicom-web{row.path}/{path}"}


def described(row: Row) -> dict[str, object]:
    url = {"vr": "UR", "Value": [f"http://archive.example/dicom-web{row.path}"]}
    item = {"00081190": url, "00420011": link(row, "bulk/nested")}
    return row.json(_00081190=url, _7FE00010=link(row, "bulk/7fe00010"), _0040A730={"vr": "SQ", "Value": [item]})


def telling(parts: list[bytes], media_type: str) -> Reply:
    """Answer with parts, and say in the header where they come from."""
    header, body = multipart(parts, media_type)
    return reply(body, headers=header + TELLING)


def archive() -> Archive:
    found = Archive([READ, HIDDEN])
    for row in found.rows:
        metadata = reply(json.dumps([described(row)]).encode(), headers=f"Content-Type: {JSON}\r\n{TELLING}")
        for path in (row.path, f"/studies/{row.study}", f"/studies/{row.study}/series/{row.series}"):
            found.replies[f"{path}/metadata"] = metadata
            found.replies[path] = telling([row.part10()], "application/dicom")
        found.replies[f"{row.path}/frames/1"] = telling([FRAME], "application/octet-stream")
        for name in ("bulk/7fe00010", "bulk/nested"):
            found.replies[f"{row.path}/{name}"] = telling([PDF], "application/pdf")
    return found


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[InProcess, Archive]]:
    async with serving(archive()) as found:
        worklists = {
            "reading": {"identified": True, "studies": [READ.study]},
            "ct": {"identified": True, "match": {"ModalitiesInStudy": "CT"}},
            "research": {},
        }
        origins = {"archive": {"dicomweb": found.base}}
        async with in_process(tmp_path / "gateway", origins, worklists) as running:
            yield running, found


def is_silent(answer: Answer, found: Archive) -> bool:
    where = ("archive.example", "secret", found.base.split("/")[2])
    return not any(word.encode() in answer.said for word in where)


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_hands_out_what_is_there_and_says_not_where(
    door: str, gateway: tuple[InProcess, Archive]
) -> None:
    running, found = gateway
    path, accept = DOORS[door]
    for name in ("reading", "ct"):
        answer = await running[name].get(path, accept)
        assert (answer.status, answer.whole) == (200, True)
        assert READ.instance.encode() in answer.body or b"BEISPIEL" in answer.body or FRAME in answer.body
        assert HIDDEN.patient.encode() not in answer.body
        assert is_silent(answer, found)
        assert set(answer.headers) <= {*OURS, "content-type", "content-length", "content-location", "x-request-id"}


async def test_objects_metadata_and_frames_are_those_of_the_archive(gateway: tuple[InProcess, Archive]) -> None:
    reading = gateway[0]["reading"]
    assert [body for _, body in (await reading.get(READ.path, DICOM)).parts()] == [READ.part10()]
    assert (await reading.get(READ.path, "application/dicom")).body == READ.part10()
    assert [body for _, body in (await reading.get(f"{READ.path}/frames/1", OCTETS)).parts()] == [FRAME]
    (metadata,) = (await reading.get(f"{READ.path}/metadata", JSON)).json
    assert {tag: metadata[tag] for tag in READ.json()} == READ.json()


async def test_links_lead_back_through_the_gateway(gateway: tuple[InProcess, Archive]) -> None:
    running, found = gateway
    (metadata,) = (await running["reading"].get(f"{READ.path}/metadata", JSON)).json
    assert "00081190" not in metadata
    (item,) = metadata["0040A730"]["Value"]
    assert "00081190" not in item
    for element in (metadata["7FE00010"], item["00420011"]):
        base = f"http://gateway.example:8042/worklists/reading/dicom-web{READ.path}/bulkdata/"
        assert element["BulkDataURI"].startswith(base)
        answer = await running.ask(element["BulkDataURI"], 'multipart/related; type="application/pdf"')
        assert [body for _, body in answer.parts()] == [PDF]
        assert is_silent(answer, found)
    (study,) = await running["reading"].results("/studies")
    assert study["00081190"]["Value"] == [
        f"http://gateway.example:8042/worklists/reading/dicom-web/studies/{READ.study}"
    ]


async def test_a_link_is_good_for_its_own_instance_and_worklist_alone(gateway: tuple[InProcess, Archive]) -> None:
    running, _ = gateway
    (metadata,) = (await running["reading"].get(f"{READ.path}/metadata", JSON)).json
    token = metadata["7FE00010"]["BulkDataURI"].rpartition("/")[2]
    for name in ("ct", "research"):
        assert (await running[name].get(f"{READ.path}/bulkdata/{token}", OCTETS)).status == 404
    assert (await running["reading"].get(f"{READ.path}/bulkdata/bulk", OCTETS)).status == 404


@pytest.mark.parametrize("door", [door for door in DOORS if door not in ("studies", "instances")])
@pytest.mark.parametrize("name", ["reading", "ct", "research"])
async def test_what_lies_outside_of_the_worklist_is_not_there(
    name: str, door: str, gateway: tuple[InProcess, Archive]
) -> None:
    running, _ = gateway
    path, accept = DOORS[door]
    for uid in ("study", "series", "instance"):
        path = path.replace(getattr(READ, uid), getattr(HIDDEN, uid))
    hidden = await running[name].get(path, accept)
    unknown = await running[name].get(path.replace(HIDDEN.study, "1.2.840.77.9"), accept)
    assert (hidden.status, hidden.said) == (404, unknown.said)


async def test_it_passes_nothing_where_the_settings_do_not_say_so(gateway: tuple[InProcess, Archive]) -> None:
    running, _ = gateway
    for path, accept in DOORS.values():
        answer = await running["research"].get(path, accept)
        assert b"BEISPIEL" not in answer.said
        assert READ.study.encode() not in answer.said


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_it_is_only_read(method: str, gateway: tuple[InProcess, Archive]) -> None:
    running, found = gateway
    answer = await running.ask(f"/worklists/reading/dicom-web{READ.path}", method=method)
    assert answer.status == 405
    assert found.asked == []


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (reply(b"BEISPIEL archive.example", "500 archive.example", TELLING), 406),
        (reply(b"BEISPIEL", "403 archive.example", TELLING), 502),
        (reply(b"BEISPIEL archive.example", "404 archive.example", TELLING), 404),
        (reply(b"", "302 archive.example", "Location: http://archive.example/\r\n"), 502),
        (reply(b"<html>archive.example", headers="Content-Type: text/html\r\n"), 502),
        (multipart_reply([b"<html>archive.example, a login page"]), 502),
        (multipart_reply([HIDDEN.part10()]), 502),
    ],
)
async def test_errors_are_ours_and_what_is_no_object_of_the_study_does_not_pass(
    told: Reply, status: int, gateway: tuple[InProcess, Archive]
) -> None:
    running, found = gateway
    found.replies[READ.path] = told
    for accept in (DICOM, "application/dicom"):
        answer = await running["reading"].get(READ.path, accept)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert is_silent(answer, found)
        assert b"BEISPIEL" not in answer.said


async def test_a_second_object_of_another_study_breaks_the_answer_off(gateway: tuple[InProcess, Archive]) -> None:
    running, found = gateway
    header, body = multipart([READ.part10(), HIDDEN.part10()])
    found.replies[READ.path] = reply(body, headers=header)
    answer = await running["reading"].get(READ.path, DICOM)
    assert not answer.whole
    assert HIDDEN.patient.encode() not in answer.body


async def test_links_lead_back_over_several_searches_of_metadata(gateway: tuple[InProcess, Archive]) -> None:
    running, _ = gateway
    found = await running["ct"].results(f"/studies/{READ.study}/instances?includefield=all")
    assert [one["00081190"]["Value"] for one in found] == [
        [f"http://gateway.example:8042/worklists/ct/dicom-web{READ.path}"]
    ]
