"""The name of a request, and who may give it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.telemetry.requestid import Trail, begin, current, follow, following, sent_on
from tests.kit.archive import Archive, Row
from tests.kit.inprocess import InProcess, over

ROWS = [Row("1.2.3", "1.2.3.4", "1.2.3.4.5")]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROXIES = ["10.0.0.0/8"]
STUDIES = "/worklists/research/dicom-web/studies"


def named(headers: Mapping[str, str], *, is_trusted: bool = True) -> Trail:
    return begin(headers, is_trusted=is_trusted)


@pytest.mark.parametrize("name", ["12345678", "a" * 64, "0af7651916cd43dd", "A.b_c-9x"])
def test_a_trusted_proxys_name_is_kept(name: str) -> None:
    assert named({"x-request-id": name}).id == name


@pytest.mark.parametrize("name", ["", "short", "a" * 65, "Doe^Jane!", "12345678\n", "ÄÖÜäöüßé", "1234 5678"])
def test_what_is_no_name_is_replaced(name: str) -> None:
    made = named({"x-request-id": name}).id
    assert made != name
    assert len(made) == 24
    assert made.isalpha()


def test_a_client_names_nothing() -> None:
    trail = named({"x-request-id": "DOE.JANE", "traceparent": PARENT}, is_trusted=False)
    assert "DOE" not in trail.id
    assert not trail.traceparent


@pytest.mark.parametrize(
    "parent", ["", "00-" + "0" * 32 + PARENT[35:], PARENT + "-x", PARENT.upper(), "01" + PARENT[2:]]
)
def test_a_traceparent_that_is_none_is_dropped(parent: str) -> None:
    assert not named({"traceparent": parent}).traceparent


def test_what_is_asked_for_a_request_carries_its_name() -> None:
    trail = named({"x-request-id": "12345678", "traceparent": PARENT})
    assert sent_on() == {"X-Request-Id": "12345678", "traceparent": PARENT}
    with following(Trail("another1")):
        assert sent_on() == {"X-Request-Id": "another1"}
    assert current() == trail
    follow(Trail())
    assert sent_on() == {}


async def test_requests_that_are_served_at_once_keep_their_names() -> None:
    async def serve(name: str) -> bool:
        named({"x-request-id": name})
        await asyncio.sleep(0)
        return current().id == name

    assert all(await asyncio.gather(*(asyncio.create_task(serve(f"request-{number}")) for number in range(9))))


async def asked(gateway: InProcess, archive: Archive, path: str = STUDIES, **headers: str) -> tuple[str, list[str]]:
    archive.asked.clear()
    answer = await gateway.ask(path, **headers)
    return answer.headers["x-request-id"], [one.headers.get("x-request-id", "") for one in archive.asked]


async def test_the_answer_and_the_origin_are_told_the_same_name(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path) as gateway:
        name, at_origin = await asked(gateway, archive, x_request_id="DOE.JANE.1970")
        assert at_origin
        assert set(at_origin) == {name}
        assert name != "DOE.JANE.1970"
        again, _ = await asked(gateway, archive)
    assert again != name


async def test_a_trusted_proxys_name_goes_all_the_way_and_so_does_its_trace(tmp_path: Path) -> None:
    archive = Archive(ROWS)
    async with over(archive, tmp_path, trusted_proxies=PROXIES) as gateway:
        name, at_origin = await asked(gateway, archive, x_request_id="from-the-proxy", traceparent=PARENT)
    assert {name, *at_origin} == {"from-the-proxy"}
    assert {one.headers["traceparent"] for one in archive.asked} == {PARENT}


@pytest.mark.parametrize("path", ["/nothing", "/healthz", "/worklists/research/dicom-web/studies/1.2.9", STUDIES])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_every_answer_has_a_name_also_a_refusal(tmp_path: Path, path: str, method: str) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        answer = await gateway.ask(path, method=method)
    assert len(answer.headers["x-request-id"]) == 24


async def test_pages_of_other_sites_can_read_the_name(tmp_path: Path) -> None:
    async with over(Archive(ROWS), tmp_path) as gateway:
        answer = await gateway.ask(STUDIES, origin="https://viewer.example")
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
