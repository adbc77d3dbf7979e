"""Search over origins that do things their own way, or wrong: what they are asked, what of their answers is used."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.routes.headers import OURS
from tests.kit.archive import JSON_HEADER, Archive, Row, json_reply, reply
from tests.kit.inprocess import CHEST, HEAD, on_a_port, over, released

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

ROWS = [
    Row(f"1.2.3.{n}", f"1.2.3.{n}.1", f"1.2.3.{n}.1.1", f"PAT-{n}", f"SMITH^N{n}", "CT" if n % 2 else "MR")
    for n in range(1, 10)
]


def value(one: dict[str, Any], tag: str) -> Any:
    return one[tag]["Value"][0]


async def test_an_origin_is_asked_for_kept_keys_and_mapped_ones_only(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    kept = {"research": {"profile": "kept"}}
    details = "  StudyID: {action: keep}\n  AccessionNumber: {action: pseudonym}\n"
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "kept.yaml").write_text(f"name: kept\nbased_on: nominal\nattributes:\n{details}")
    async with over(archive, tmp_path, kept, profiles=str(tmp_path / "profiles")) as gateway:
        service = gateway["research"]
        found = await service.results("/studies")
        first = next(one for one in found if value(one, "0020000D") == released("1.2.3.1"))
        archive.asked.clear()
        query = "ModalitiesInStudy=CT&PatientName=DV*&AccessionNumber=DV*&StudyID=A%20B&StudyDescription=*"
        await service.results(
            f"/studies?{query}&PatientID={value(first, '00100020')}&StudyInstanceUID={value(first, '0020000D')}"
        )
    sent = [pair for asked in archive.asked for pair in asked.query]
    keys = {name: text for name, text in sent if name not in ("includefield", "limit", "offset", "StudyInstanceUID")}
    assert keys == {"00080061": "CT", "00200010": "A*B", "00100020": "PAT-1", "0020000D": "1.2.3.1"}
    fields = {text for name, text in sent if name == "includefield"}
    assert {"00100010", "00080050", "00080061", "00200010"} <= fields
    assert "00081030" not in fields  # what never leaves is not asked for


@pytest.mark.parametrize(
    "key",
    [
        "PatientName=SMITH*x", "PatientName=SMITH^N1", "PatientID=PAT-1", "PatientID=DVABC", "StudyDate=20200101-",
        "AccessionNumber=1", "StudyDescription=*a", "StudyInstanceUID=1.2.3.1", "PatientSex=F", "00101060=x",
        "00090010=ACME&00091010=x", "ReferencedPatientSequence.ReferencedSOPInstanceUID=2.25.1",
    ],
)  # fmt: skip
async def test_what_no_released_value_can_match_is_decided_without_asking(tmp_path: Path, key: str) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get(f"/studies?{key}")
    if key != "PatientName=SMITH*x":  # a pattern may match a pseudonym, as far as anybody knows
        assert archive.asked == []
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    "key", ["PatientName=SMITH*", "PatientID=PAT-1", "StudyDate=20200101", "StudyInstanceUID=1.2.3.1"]
)
async def test_an_origin_never_sees_a_source_value_of_a_client(tmp_path: Path, key: str) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        assert await gateway["research"].results(f"/studies?{key}") == []
    name, guess = key.split("=")
    for asked in archive.asked:
        assert guess not in [text for _, text in asked.query]
        assert name not in [key for key, _ in asked.query if key != "StudyInstanceUID"]


async def test_what_an_origin_is_asked_needs_no_decoding(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        await gateway["research"].get(
            "/studies?ModalitiesInStudy=C%20T%26limit%3D1&PatientName=%C3%A9*&includefield=00080061%2C00100040"
        )
    (asked, *_) = archive.asked
    assert "%" not in asked.raw_query
    assert asked.values("limit") == ["100"]
    assert asked.raw_query.count("includefield=") == len(asked.values("includefield"))


async def test_an_empty_modalities_in_study_is_left_out(tmp_path: Path) -> None:
    empty = ROWS[0].json(_00080061={"vr": "CS"})
    async with over(Archive(ROWS, {"/studies": json_reply([empty])}), tmp_path) as gateway:
        (one,) = await gateway["research"].results("/studies")
    assert "00080061" not in one
    assert value(one, "0020000D") == released(ROWS[0].study)


@pytest.mark.parametrize("name", ["ISO_IR 100", "ISO 2022 IR 87"])
async def test_the_character_set_is_that_of_json(tmp_path: Path, name: str) -> None:
    odd = ROWS[0].json(_00080005={"vr": "CS", "Value": [name]})
    async with over(Archive(ROWS, {"/studies": json_reply([odd])}), tmp_path) as gateway:
        (one,) = await gateway["research"].results("/studies")
    assert value(one, "00080005") == "ISO_IR 192"


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "500 Internal Server Error", "302 Found"])
async def test_what_an_origin_refuses_is_a_502_without_its_words(tmp_path: Path, status: str) -> None:
    headers = "Location: http://10.9.8.7/\r\nWarning: 299 JANE\r\nX-Study: 1.2.3.1\r\n" + JSON_HEADER
    archive = Archive(ROWS, {"/studies": reply(b'{"Details":"JANE DOE 1.2.3.1"}', status, headers)})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get("/studies")
    assert answer.status == 502
    for word in (b"JANE", b"1.2.3", b"10.9", b"127.0.0.1", b"archive"):
        assert word not in answer.said


async def test_an_origins_headers_are_not_handed_on(tmp_path: Path) -> None:
    headers = 'Warning: 299 archive "JANE"\r\nETag: "1.2.3"\r\nServer: X\r\nSet-Cookie: a=b\r\nLink: <http://x>\r\n'
    body = json.dumps([ROWS[0].json()]).encode()
    archive = Archive(ROWS, {"/studies": reply(body, headers=headers + "Content-Type: application/dicom+json\r\n")})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get("/studies")
    assert set(answer.headers) <= {"content-type", "x-request-id", *OURS}


async def test_malformed_results_break_a_search_off_when_it_has_begun(tmp_path: Path) -> None:
    many = [json.dumps(row.json(_00204000={"vr": "LT"}, _00200010={"vr": "SH"})) for row in ROWS] * 300
    good = "[" + ",".join(many)
    for body, whole in (
        (good + "]", True),
        (good + "," + json.dumps(ROWS[0].json(_00100010={"vr": "PN", "Value": "JANE"})) + "]", False),
        (good, False),
    ):
        archive = Archive(ROWS, {"/studies": reply(body.encode(), headers="Content-Type: application/dicom+json\r\n")})
        async with over(archive, tmp_path) as gateway:
            answer = await gateway["research"].get("/studies")
        assert (answer.status, answer.whole) == (200, whole)
        assert answer.body.endswith(b"]") is whole
        assert b"JANE" not in answer.body


async def test_malformed_results_at_the_start_are_a_problem(tmp_path: Path) -> None:
    archive = Archive(ROWS, {"/studies": json_reply([ROWS[0].json(_00100010={"vr": "PN", "Value": "JANE"})])})
    async with over(archive, tmp_path) as gateway:
        answer = await gateway["research"].get("/studies")
    assert answer.status == 502
    assert b"JANE" not in answer.body


async def test_a_series_result_need_not_repeat_the_study_of_the_path(tmp_path: Path) -> None:
    row = ROWS[0]
    series = row.json()
    del series["0020000D"]
    async with over(Archive(ROWS, {f"/studies/{row.study}/series": json_reply([series])}), tmp_path) as gateway:
        assert len(await gateway["research"].results(f"/studies/{released(row.study)}/series")) == 1


async def test_a_long_list_of_uids_is_not_cut_in_silence(tmp_path: Path) -> None:
    rows = [Row(f"1.2.9.{n}", f"1.2.9.{n}.1", f"1.2.9.{n}.1.1") for n in range(1, 206)]
    async with over(Archive(rows), tmp_path) as gateway:
        await gateway["research"].results("/studies")
        answer = await gateway["research"].get(
            "/studies?StudyInstanceUID=" + ",".join(released(row.study) for row in rows)
        )
    assert answer.status == 400 or len(answer.json) == 205


async def test_a_raw_backslash_separates_too(tmp_path: Path, samples: dict[str, object]) -> None:
    async with on_a_port(tmp_path, {"samples": samples}, {"research": {}}) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        uids = f"{released(CHEST)}\\{released(HEAD)}"
        path = f"/worklists/research/dicom-web/studies?StudyInstanceUID={uids}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b'"00081190"') == 2
