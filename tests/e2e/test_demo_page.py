"""The page of the demonstration in a real browser, served by the command itself."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pydicom import dcmread

from tests.e2e.ohif_check import CHROMIUM
from tests.kit.servers import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@dataclass
class Seen:
    """An open page and whatever went wrong on it."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def base(cache: Path) -> Iterator[str]:
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
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


def is_ended(url: str) -> bool:
    """Say whether this is a stream of events, which the page ends itself."""
    return url.endswith("/events")


@pytest.fixture
def seen(browser: Browser, base: str) -> Iterator[Seen]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    result = Seen(page, base)
    page.on("pageerror", lambda error: result.faults.append(str(error)))
    page.on("console", lambda line: result.faults.append(line.text) if line.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: result.faults.append(request.url) if not is_ended(request.url) else None)
    page.on(
        "request",
        lambda request: result.faults.append(request.url) if not request.url.startswith(("blob:", base)) else None,
    )
    page.on("response", lambda answer: result.faults.append(answer.url) if answer.status >= 400 else None)
    page.goto(base)
    page.wait_for_selector("#tags tr")
    yield result
    page.close()


def open_row(page: Page, index: int) -> None:
    page.locator("#studies tr").nth(index).click()
    page.locator("#studies tr.open").nth(0).wait_for()
    page.locator("#pair[aria-busy=false]").wait_for()


def test_both_lists_show_and_the_right_one_holds_no_identifier(seen: Seen, samples: Path) -> None:
    rows = seen.page.locator("#studies tr")
    assert rows.count() == 8
    left, right = (" ".join(seen.page.locator(f"#studies td.{side}").all_inner_texts()) for side in "lr")
    for path in sorted(samples.glob("*/*-001.dcm")):
        data_set = dcmread(path)
        assert str(data_set.PatientID) in left
        for keyword in ("PatientID", "AccessionNumber", "StudyDescription"):
            assert str(data_set[keyword].value) not in right
        assert data_set.PatientName.family_name not in right
    assert seen.faults == []


def test_every_study_opens_with_the_same_picture_on_both_sides_but_for_what_is_masked(seen: Seen) -> None:
    shown = []
    for index in range(7):
        open_row(seen.page, index)
        pictures = seen.page.evaluate(
            """() => ['before', 'after'].map((side) => {
                 const canvas = document.querySelector(`#pane-${side} canvas`);
                 if (!canvas) return document.querySelector(`#pane-${side} .document`) ? 'document' : 'nothing';
                 const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                 let [sum, most] = [0, 0];
                 for (let i = 0; i < data.length; i += 4) { sum += data[i]; most = Math.max(most, data[i]); }
                 return `${canvas.width}x${canvas.height} ${sum} ${most > 150 ? 'bright' : 'dark'}`;
               })"""
        )
        assert (pictures[0] == pictures[1]) is (index != 1)  # the ultrasound clip
        shown.append(pictures[0].split(" ")[0] + pictures[0][-6:])
    assert shown == [
        "256x256bright",
        "640x480bright",
        "256x256bright",
        "documentcument",
        "484x300bright",
        "512x512bright",
        "640x480bright",
    ]
    assert seen.faults == []


def test_the_masked_clip_is_black_where_its_banner_was(seen: Seen) -> None:
    open_row(seen.page, 1)
    before, after = (
        seen.page.evaluate(
            """(side) => {
                 const canvas = document.querySelector(`#pane-${side} canvas`);
                 const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, 40).data;
                 let most = 0;
                 for (let i = 0; i < data.length; i += 1) if (i % 4 < 3) most = Math.max(most, data[i]);
                 return most;
               }""",
            side,
        )
        for side in ("before", "after")
    )
    assert before > 200
    assert after == 0


def test_a_screen_without_a_mask_shows_on_one_side_only(seen: Seen) -> None:
    seen.page.locator("#studies tr").nth(7).click()
    seen.page.locator("#pane-after", has_text="It does not leave").wait_for()
    assert seen.page.locator("#pane-before canvas").count() == 1
    assert seen.page.locator("#pane-after canvas").count() == 0
    (refused,) = {fault for fault in seen.faults if fault.startswith("http")}
    assert refused.endswith("/metadata")


def test_differences_say_what_happened_to_each_attribute(seen: Seen) -> None:
    happened = {
        row.locator("td").nth(1).inner_text(): row.locator(".chip").inner_text()
        for row in seen.page.locator("#tags tr:has(.depth-0)").all()
    }
    assert happened["PatientName"] == happened["PatientID"] == "pseudonym"
    assert happened["SOPInstanceUID"] == happened["StudyInstanceUID"] == "new UID"
    assert happened["InstitutionName"] == "removed"
    assert "Modality" not in happened
    seen.page.get_by_role("button", name="Kept").click()
    assert "Modality" in seen.page.locator("#tags").inner_text()


def test_the_arrow_keys_open_the_next_study_and_commands_follow_it(seen: Seen) -> None:
    seen.page.locator("#studies button").first.focus()
    seen.page.keyboard.press("ArrowDown")
    assert seen.page.locator("#studies tr").nth(1).get_attribute("class") == "open"
    commands = seen.page.locator("#commands").inner_text()
    assert f"{seen.base}/worklists/research/dicom-web/studies/2.25." in commands
    for client, part in (("Python", "DICOMwebClient("), ("OHIF", "qidoRoot")):
        seen.page.get_by_role("button", name=client).click()
        assert part in seen.page.locator("#commands").inner_text()
    assert seen.faults == []


def test_the_open_study_can_be_seen_and_downloaded_by_links(seen: Seen, tmp_path: Path) -> None:
    open_row(seen.page, 0)
    with seen.page.expect_popup() as popup:
        seen.page.get_by_role("link", name="Picture").click()
    popup.value.wait_for_load_state()
    assert popup.value.evaluate("document.images[0].naturalWidth") == 256
    popup.value.close()
    with seen.page.expect_download() as download:
        seen.page.get_by_role("link", name="Download (zip)").click()
    download.value.save_as(tmp_path / "study.zip")
    with ZipFile(tmp_path / "study.zip") as archive:
        assert "DICOMDIR" in archive.namelist()
    assert "-o study.zip" in seen.page.locator("#commands").inner_text()
    open_row(seen.page, 3)  # a report
    assert seen.page.locator("#links").get_by_role("link").all_inner_texts() == ["Download (zip)"]
    assert seen.faults == []


def test_the_open_study_is_sent_up_and_read_at_the_destination(seen: Seen, samples: Path) -> None:
    assert seen.page.locator("#sent").inner_text() == "Nothing was sent yet."
    open_row(seen.page, 1)
    seen.page.get_by_role("button", name="Send the open study").click()
    seen.page.locator("#uplink-state", has_text="done: 1 of 1 stored").wait_for()
    cells = seen.page.locator("#sent td")
    cells.nth(6).wait_for()
    assert cells.all_inner_texts() == ["ANONYMOUS", "000000", "1990-01-01", "O", "2024-01-01", "US", "1"]
    source = str(dcmread(next(samples.glob("2-*/*.dcm"))).StudyInstanceUID)
    assert source in seen.page.locator("#uplink-commands").inner_text()
    with seen.page.expect_popup() as popup:
        seen.page.get_by_role("link", name="The patient's page").click()
    popup.value.wait_for_load_state()
    assert popup.value.locator("video").count() == 1
    popup.value.close()
    open_row(seen.page, 3)  # a report
    seen.page.get_by_role("button", name="Send the open study").click()
    seen.page.locator("#uplink-state", has_text="That failed").wait_for()
    assert seen.page.locator("#sent tr").count() == 1
    assert seen.faults == []


def test_a_narrow_window_needs_no_sideways_scrolling(seen: Seen) -> None:
    seen.page.set_viewport_size({"width": 390, "height": 844})
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
