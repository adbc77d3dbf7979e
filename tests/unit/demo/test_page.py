"""The page of the demonstration as it is served: what it may load, and that it holds nothing of its own."""

import re
from importlib.resources import files

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from gateway.core.mask.model import Rectangle
from gateway.demo.page import MAX_TAGS, Destination, Shown, Side, demo_routes, mask_routes

ASSETS = sorted(asset.name for asset in files("gateway.demo").joinpath("static").iterdir())

SHOWN = (
    Shown("A clip", "US", "/before", "/after", 480, 640, (Rectangle(0, 0, 44, 640),), "mask", "By a rule"),
    Shown(
        "A screen", "SC", "/screen", "", 480, 640, (), "refuse", "No rule", '{when: {Manufacturer: {equals: "<b>"}}}'
    ),
)


def client_of(identified: Side, released: Side, profile: str) -> AsyncClient:
    destination = Destination(
        Side("cloud", "/worklists/cloud/dicom-web"), "/worklists/store/dicom-web", "/uplinks/clinic"
    )
    pages = demo_routes(identified, released, profile, destination, {"1.2": "2.25.3"})
    application = Starlette(routes=[*pages, *mask_routes(released, profile, SHOWN)])
    return AsyncClient(transport=ASGITransport(application), base_url="http://gateway")


@pytest.fixture
def client() -> AsyncClient:
    identified = Side("identified", "/worklists/identified/dicom-web")
    return client_of(identified, Side("research", "/worklists/research/dicom-web"), "nominal")


async def test_the_page_names_both_services_and_the_profile(client: AsyncClient) -> None:
    page = (await client.get("/")).text
    assert 'data-before="/worklists/identified/dicom-web"' in page
    assert 'data-after="/worklists/research/dicom-web"' in page
    assert "<strong>nominal</strong>" in page


async def test_the_page_names_the_uplink_and_its_destination(client: AsyncClient) -> None:
    page = (await client.get("/")).text
    assert 'data-destination="/worklists/cloud/dicom-web"' in page
    assert 'data-store="/worklists/store/dicom-web"' in page
    assert 'data-uplink="/uplinks/clinic"' in page


@pytest.mark.parametrize("path", ["/", "/masks", "/demo/names?tags=00100010", *(f"/demo/{asset}" for asset in ASSETS)])
async def test_every_answer_forbids_what_does_not_come_from_this_server(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {"'self'"} == {policy[f"{kind}-src"] for kind in ("script", "style", "img", "connect")}
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_nothing_is_inline_and_everything_that_is_loaded_is_there(client: AsyncClient) -> None:
    page = (await client.get("/")).text
    masks = (await client.get("/masks")).text
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script", masks)
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", page)
    loaded = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    for script in ASSETS:
        if script.endswith(".js"):
            loaded |= {
                f"/demo/{name}" for name in re.findall(r"from '\./([^']+)'", (await client.get(f"/demo/{script}")).text)
            }
    assert {(await client.get(path)).status_code for path in loaded} == {200}
    assert loaded >= {f"/demo/{asset}" for asset in ASSETS}


async def test_no_asset_speaks_of_another_host(client: AsyncClient) -> None:
    for path in ["/", *(f"/demo/{asset}" for asset in ASSETS)]:
        foreign = re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]{2,}", (await client.get(path)).text)
        assert set(foreign) <= {"http://www.w3.org"}, path  # the namespace of SVG


async def test_which_study_is_which_is_told_by_the_server(client: AsyncClient) -> None:
    assert 'data-pairs="/demo/pairs"' in (await client.get("/")).text
    assert (await client.get("/demo/pairs")).json() == {"1.2": "2.25.3"}


async def test_the_page_of_masks_marks_what_is_overwritten_and_says_what_does_not_leave(client: AsyncClient) -> None:
    page = (await client.get("/masks")).text
    clip, screen = page.split("<section")[1:3]
    assert '<rect class="hatched" x="0" y="0" width="640" height="44"' in clip
    assert 'href="/before/frames/1/rendered?accept=image/jpeg"' in clip
    assert 'src="/after/frames/1/rendered?accept=image/jpeg"' in clip
    assert "It does not leave" in screen
    assert "<img" not in screen
    assert "&lt;b&gt;" in screen


async def test_names_of_worklists_are_escaped() -> None:
    side = Side('"><script>alert(1)</script>', "/worklists/x/dicom-web")
    page = (await client_of(side, side, "<b>").get("/")).text
    assert "<script>alert" not in page
    assert "<b>" not in page


async def test_keywords_come_from_the_dictionary(client: AsyncClient) -> None:
    assert (await client.get("/demo/names?tags=00100010,00291010,60003000")).json() == {
        "00100010": "PatientName",
        "00291010": "",
        "60003000": "OverlayData",
    }


@pytest.mark.parametrize("tags", ["", "0010001", "x" * 8, "00100010,", ",".join(["00100010"] * (MAX_TAGS + 1))])
async def test_what_is_no_list_of_tags_is_refused(client: AsyncClient, tags: str) -> None:
    answer = await client.get("/demo/names", params={"tags": tags})
    assert answer.status_code == 400
    assert not tags or tags not in answer.text
