"""DICOM JSON answers of an origin, read over a real connection: one data set at a time, page after page."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.adapters.origin_http import HttpOrigin
from gateway.core.errors import GatewayError, MalformedInput, NotReleased, OriginFailed
from gateway.core.wire.dicomjson import DataSet
from gateway.worklists.origin_json import LEAST_CAP, encode_query, read_json, read_pages
from tests.kit.archive import JSON_HEADER, Archive, Asked, Reply, Row, ended_by_close, json_reply, reply, serving
from tests.kit.scripted_server import Connection

PATH = "/studies"
DATA_SETS = [{"0020000D": {"vr": "UI", "Value": [f"1.2.{n}"]}} for n in range(3)]
ROWS = [Row(f"1.2.{n:03}", f"1.2.{n:03}.1", f"1.2.{n:03}.1.1") for n in range(10)]


@asynccontextmanager
async def origin_on(archive: Archive) -> AsyncIterator[HttpOrigin]:
    async with serving(archive):
        origin = HttpOrigin("archive", archive.base)
        try:
            yield origin
        finally:
            await origin.aclose()


async def read(answer: Reply) -> list[dict[str, Any]]:
    async with origin_on(Archive([], {PATH: answer})) as origin:
        return [plain(data_set) async for data_set in read_json(origin, PATH, "a=b")]


async def pages(archive: Archive, page: int, parameters: str = "") -> list[str]:
    async with origin_on(archive) as origin:
        return [
            plain(data_set)["0020000D"]["Value"][0] async for data_set in read_pages(origin, PATH, parameters, page)
        ]


def plain(data_set: DataSet) -> dict[str, Any]:
    return {key: json.loads(bytes(raw)) for key, raw in data_set.items()}


@pytest.mark.parametrize(
    "header",
    [JSON_HEADER, "Content-Type: application/json\r\n", "Content-Type: Application/DICOM+JSON; charset=utf-8\r\n"],
)
async def test_data_sets_are_read_from_any_json(header: str) -> None:
    assert await read(json_reply(DATA_SETS, header)) == DATA_SETS


async def test_nothing_found_may_be_an_empty_array_or_204() -> None:
    assert await read(json_reply([])) == []
    assert await read(reply(b"", "204 No Content")) == []


async def test_206_is_an_answer() -> None:
    assert await read(reply(json.dumps(DATA_SETS).encode(), "206 Partial Content", JSON_HEADER)) == DATA_SETS


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(b'{"Details":"1.2.3"}', "404 Not Found", JSON_HEADER), OriginFailed),  # the service itself is missing
        (reply(b"JANE DOE", "500 Internal Server Error"), OriginFailed),
        (reply(b"JANE DOE", "400 Bad Request"), OriginFailed),
        (reply(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"), OriginFailed),
        (reply(b"[]", headers="Content-Type: text/html\r\n"), OriginFailed),
        (reply(b"[]", headers="Content-Type: multipart/related; type=application/dicom+json\r\n"), OriginFailed),
        (reply(b"[]"), OriginFailed),
        (reply(b"[]", headers="Content-Type: ;;;\r\n"), OriginFailed),
        (reply(b'[{"0020000D":', headers=JSON_HEADER), MalformedInput),
        (reply(b"", headers=JSON_HEADER), MalformedInput),
        (reply(b"JANE DOE", headers=JSON_HEADER), MalformedInput),
        (reply(b'[{}] "more"', headers=JSON_HEADER), MalformedInput),
        (ended_by_close(b'[{"0020000D":{"vr":"UI"}},', headers=JSON_HEADER), MalformedInput),
    ],
)
async def test_what_is_no_answer_is_an_error_without_its_text(answer: Reply, expected: type[GatewayError]) -> None:
    with pytest.raises(expected) as raised:
        await read(answer)
    assert "JANE" not in str(raised.value)
    assert "1.2" not in str(raised.value)


async def test_data_sets_come_before_the_answer_is_complete() -> None:
    async def answer(connection: Connection, _asked: Asked) -> None:
        await connection.send(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{JSON_HEADER}\r\n".encode())
        await connection.send(b"[" + json.dumps(DATA_SETS[0]).encode() + b",")
        await connection.until_gone()

    async with origin_on(Archive([], {PATH: answer})) as origin:
        found = read_json(origin, PATH)
        assert plain(await anext(found)) == DATA_SETS[0]
        await found.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", [1, 3, 5, 9, 10, 11, 500])
async def test_every_result_comes_once_whatever_the_page(page: int) -> None:
    assert await pages(Archive(ROWS), page) == [row.study for row in ROWS]


@pytest.mark.parametrize("cap", [1, 2, 4, 9])
async def test_an_origin_that_gives_fewer_than_it_is_asked_for_is_asked_on(
    cap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.worklists.origin_json.LEAST_CAP", 1)
    archive = Archive(ROWS, cap=cap)
    assert await pages(archive, 5) == [row.study for row in ROWS]
    offsets = [int(asked.values("offset")[0]) for asked in archive.asked]
    assert offsets == sorted(set(offsets))


async def test_few_results_are_taken_for_the_last() -> None:
    archive = Archive(ROWS)
    assert len(await pages(archive, 500)) == len(ROWS)
    assert len(archive.asked) == 1


async def test_a_cap_that_archives_have_is_read_past() -> None:
    rows = [Row(f"1.2.{n:03}", f"1.2.{n:03}.1", f"1.2.{n:03}.1.1") for n in range(250)]
    assert len(await pages(Archive(rows, cap=LEAST_CAP), 500)) == 250


@pytest.mark.parametrize("page", [1, 9, 10, 11])
async def test_an_origin_that_does_not_page_gives_everything_at_once_and_is_not_read_twice(page: int) -> None:
    archive = Archive(ROWS, reads_paging=False)
    assert await pages(archive, page) == [row.study for row in ROWS]
    assert len(archive.asked) <= 2


async def test_keys_go_before_limit_and_offset() -> None:
    archive = Archive(ROWS[:1])
    await pages(archive, 7, "00080061=CT&includefield=00100020")
    assert archive.asked[0].raw_query == "00080061=CT&includefield=00100020&limit=7&offset=0"


async def test_no_more_pages_are_asked_for_than_are_read() -> None:
    archive = Archive(ROWS)
    async with origin_on(archive) as origin:
        found = read_pages(origin, PATH, "", 2)
        for _ in range(2):
            await anext(found)
    assert len(archive.asked) == 1


async def test_a_search_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.worklists.origin_json.MAX_PAGES", 2)
    with pytest.raises(OriginFailed, match="does not end"):
        await pages(Archive(ROWS), 1)


def test_a_query_is_written_without_any_encoding() -> None:
    assert encode_query([("00080061", "CT,MR"), ("includefield", "00100020")]) == "00080061=CT,MR&includefield=00100020"


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
async def test_what_an_origin_does_not_have_below_a_study_was_never_released(status: str) -> None:
    path = "/studies/1.2.3/series"
    async with origin_on(Archive([], {path: reply(b"JANE DOE", status)})) as origin:
        with pytest.raises(NotReleased):
            [found async for found in read_json(origin, path)]
