"""The page of masks and the ultrasound clip of the demonstration, in a real browser and in the real viewer OHIF."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page

from gateway.demo.burned import SECTOR
from tests.e2e.ohif_check import Check, chromium, run_check
from tests.e2e.ohif_server import Service, serve_ohif
from tests.kit.servers import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 480


@pytest.fixture(scope="module")
def base(cache: Path) -> Iterator[str]:
    """Run the demonstration on a free port."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, base: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    faults: list[str] = []
    page.on("console", lambda line: faults.append(line.text) if line.type in ("error", "warning") else None)
    page.on("response", lambda answer: faults.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{base}/masks", wait_until="networkidle")
    yield page
    page.close()
    assert faults == []


def test_the_page_shows_the_clip_masked_and_the_screen_refused(page: Page, artifacts: Path) -> None:
    page.screenshot(path=artifacts / "demo-masks.png", full_page=True)
    assert page.locator(".verdict").all_inner_texts() == ["masked", "refused", "passes"]
    assert "ultrasound-regions/regions" in page.locator("section").nth(0).inner_text()
    assert page.locator("section").nth(0).locator(".hatched").count() == 4
    assert "It does not leave" in page.locator("section").nth(1).inner_text()
    assert "A secondary capture may show" in page.locator("section").nth(1).inner_text()
    assert 'ManufacturerModelName: {equals: "ReadStation"}' in page.locator("section").nth(1).inner_text()
    assert page.evaluate("[...document.images].map((one) => one.naturalWidth)")[1:] == [640, 256]


def test_the_page_fits_a_phone(page: Page, artifacts: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=artifacts / "demo-masks-phone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.slow
@pytest.mark.parametrize("worklist", ["identified", "research"])
def test_ohif_paints_the_clip_and_where_its_banner_was_it_is_black(
    base: str, browser: Browser, artifacts: Path, worklist: str
) -> None:
    service = f"{base}/worklists/{worklist}/dicom-web"
    found = httpx.get(f"{service}/studies?ModalitiesInStudy=US", timeout=60).json()
    out = artifacts / f"ohif-masks-{worklist}"
    with serve_ohif(Service(service)) as viewer:
        check = Check(viewer, out, study=found[0]["0020000D"]["Value"][0], expect=("US",), scroll=3)
        outcome = run_check(check, browser)
    assert outcome.problems == []
    shown = picture(out / "canvas.png")
    left, top, right, bottom = SECTOR
    assert shown[top:bottom, left:right].max() > 100
    around = shown.copy()
    around[top - 2 : bottom + 2, left - 2 : right + 2] = 0
    assert (around.max() > 100) is np.bool_(worklist == "identified")
    assert worklist == "identified" or around.max() <= 2


def picture(canvas: Path) -> Pixels:
    """Return the image on a canvas in its own size: the viewer scales it to fit, in the middle."""
    with Image.open(canvas) as shown:
        scale = min(shown.width / WIDTH, shown.height / HEIGHT)
        left, top = (shown.width - WIDTH * scale) / 2, (shown.height - HEIGHT * scale) / 2
        box = (left, top, left + WIDTH * scale, top + HEIGHT * scale)
        return np.asarray(shown.convert("L").resize((WIDTH, HEIGHT), box=box))
