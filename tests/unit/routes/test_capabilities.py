"""What a service says of itself: all that it serves, in its own words."""

import re
from xml.etree import ElementTree as ET

import pytest

from tests.kit.inprocess import BASE, CHEST, Answer, InProcess, released

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("ignore::UserWarning:pydicom")]

SERVICE = "/worklists/research/dicom-web"
WADL = "application/vnd.sun.wadl+xml"
NAMESPACE = "{http://wadl.dev.java.net/2009/02}"


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
@pytest.mark.parametrize("path", [SERVICE, f"{SERVICE}/"])
async def test_the_base_describes_the_service(gateway: InProcess, method: str, path: str) -> None:
    answer = await gateway.ask(path, method=method)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["base"] == BASE + SERVICE
    assert answer.json["services"] == ["retrieve", "search"]
    assert {"/studies", "/studies/{study}/metadata"} <= {one["path"] for one in answer.json["resources"]}


async def test_parameters_of_a_search_are_described(gateway: InProcess) -> None:
    found = {one["path"]: one for one in (await gateway.ask(SERVICE)).json["resources"]}
    assert {"emptyvaluematching", "fuzzymatching", "includefield", "limit", "multiplevaluematching", "offset"} <= set(
        found["/studies"]["parameters"]
    )


@pytest.mark.parametrize("accept", [WADL, "application/xml", f"{WADL}, application/json;q=0.5"])
async def test_wadl_says_the_same(gateway: InProcess, accept: str) -> None:
    answer = await gateway.ask(SERVICE, accept, "OPTIONS")
    assert answer.headers["content-type"] == WADL
    root = ET.fromstring(answer.body)  # noqa: S314 - our own
    resources = root.find(f"{NAMESPACE}resources")
    assert resources is not None
    assert resources.get("base") == BASE + SERVICE
    described = {
        f"/{one.get('path')}": [each.get("mediaType") for each in one.iter(f"{NAMESPACE}representation")]
        for one in resources
    }
    as_json = (await gateway.ask(SERVICE, method="OPTIONS")).json["resources"]
    assert described == {one["path"]: one["mediaTypes"] for one in as_json}
    names = [one.get("id") for one in root.iter(f"{NAMESPACE}method")]
    assert len(names) == len(set(names))


async def test_all_that_is_described_is_served(gateway: InProcess) -> None:
    instance = f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1"
    uids = re.findall(r"[0-9.]{9,}", released(instance))
    for one in (await gateway.ask(SERVICE)).json["resources"]:
        path = one["path"]
        for name, value in zip(("{study}", "{series}", "{instance}", "{frames}"), [*uids, "1"], strict=True):
            path = path.replace(name, value)
        if "{" in path:
            continue  # a token is not guessed
        for media_type in one["mediaTypes"]:
            answer = await gateway.ask(SERVICE + path, media_type, "HEAD")
            assert answer.status in (200, 206, 406), (path, media_type)
            refusable = answer.status == 406 and media_type not in one["mediaTypes"][:1]
            assert answer.status != 406 or refusable, (path, media_type)


async def test_a_service_that_is_not_enabled_is_not_described(gateway: InProcess) -> None:
    answer = await gateway.ask("/worklists/search-only/dicom-web")
    assert answer.json["services"] == ["search"]
    assert not any("metadata" in one["path"] for one in answer.json["resources"])


async def test_another_worklists_base_is_missing(gateway: InProcess) -> None:
    answer = await gateway.ask("/worklists/none/dicom-web", method="OPTIONS")
    assert answer.said == (await gateway.ask("/nothing")).said


@pytest.mark.parametrize("accept", ["text/html", "image/png", "multipart/related"])
async def test_another_form_is_not_acceptable(gateway: InProcess, accept: str) -> None:
    assert (await gateway.ask(SERVICE, accept, "OPTIONS")).status == 406


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
async def test_the_base_is_only_read(gateway: InProcess, method: str) -> None:
    answer: Answer = await gateway.ask(SERVICE, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
