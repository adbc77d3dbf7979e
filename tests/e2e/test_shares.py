"""The website of a share in a real browser: on a phone, at a desk, by keyboard, without scripts."""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from tests.e2e.ohif_check import CHROMIUM
from tests.kit.shared import Running, deidentified, running_site
from tests.unit.routes.test_shares import CLIP_BOUND, JPEG_BOUND, difference, frames_of, is_bare

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

STUDY: Final = "1.2.826.0.1.99.1"
FLAGS: Final = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-dev-shm-usage")
PHONE: Final = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESK: Final = {"viewport": {"width": 1280, "height": 860}}
IMAGES: Final = 7


@dataclass
class Seen:
    """An open page and whatever went wrong on it."""

    page: Page
    run: Running
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def exam(samples: Path) -> list[FileDataset]:
    """Put samples of several kinds, and a report, into one study."""
    found = []
    for series, files in enumerate(
        ("*/us-*.dcm", "*/cr-*.dcm", "*abdomen*/mr-*.dcm", "*/ct-00[1-4].dcm", "*/sr-*.dcm"), 1
    ):
        for number, path in enumerate(sorted(samples.glob(files)), 1):
            one = dcmread(path)
            one.StudyInstanceUID, one.SeriesInstanceUID = UID(STUDY), UID(f"{STUDY}.{series}")
            one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(f"{STUDY}.{series}.{number}")
            one.SeriesNumber, one.InstanceNumber = series, number
            found.append(one)
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, exam: list[FileDataset]) -> Iterator[Running]:
    with running_site(tmp_path_factory.mktemp("site"), exam) as running:
        running.site.clock.now = time.time()
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def watched(context: BrowserContext, run: Running) -> Seen:
    """Open a page on which every fault and every request elsewhere counts."""
    seen = Seen(context.new_page(), run)
    seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
    seen.page.on("console", lambda line: seen.faults.append(line.text) if line.type in ("error", "warning") else None)
    seen.page.on(
        "request",
        lambda asked: None if asked.url.startswith(run.base) else seen.faults.append(f"elsewhere {asked.url}"),
    )
    seen.page.on("response", lambda answer: seen.faults.append(answer.url) if answer.status >= 400 else None)
    return seen


@pytest.fixture
def phone(browser: Browser, run: Running) -> Iterator[Seen]:
    context = browser.new_context(**PHONE)  # type: ignore[arg-type]
    yield watched(context, run)
    context.close()


@pytest.fixture
def desk(browser: Browser, run: Running) -> Iterator[Seen]:
    context = browser.new_context(**DESK)  # type: ignore[arg-type]
    yield watched(context, run)
    context.close()


def opened(seen: Seen, pin: str | None = None) -> str:
    """Share the exam and open its page; the page's address."""
    address = seen.run.base + seen.run.wait(seen.run.site.share(pin=pin)).path
    seen.page.goto(address)
    return address


def until(page: Page, claim: str) -> None:
    """Wait until something is true; the policy of the page forbids the browser's own way."""
    deadline = time.monotonic() + 60
    while not page.evaluate(claim):
        assert time.monotonic() < deadline, f"never true: {claim}"
        page.wait_for_timeout(50)


def painted(seen: Seen) -> None:
    """Scroll through the page until every picture is there."""
    for picture in seen.page.locator("img[loading]").all():
        picture.scroll_into_view_if_needed()
    until(seen.page, "[...document.querySelectorAll('img[loading]')].every(one => one.naturalWidth)")
    seen.page.evaluate("scrollTo(0, 0)")
    seen.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["phone", "desk"])
def test_the_page_shows_everything_and_asks_nobody_else(
    browser: Browser, run: Running, artifacts: Path, device: str, scheme: str
) -> None:
    options = PHONE if device == "phone" else DESK
    context = browser.new_context(color_scheme=scheme, **options)  # type: ignore[arg-type]
    seen = watched(context, run)
    opened(seen)
    painted(seen)
    seen.page.screenshot(path=artifacts / f"share-{device}-{scheme}.png", full_page=True)
    assert [one.get_attribute("alt") for one in seen.page.locator("img[loading]").all()] == [
        f"Image {number} of {IMAGES}" for number in range(1, IMAGES + 1)
    ]
    assert seen.page.locator("video").get_attribute("aria-label") == "Clip 1 of 1"
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    text = seen.page.content()
    for name in ("Lindqvist", "2.25.", "SMITH"):
        assert name not in text
    assert seen.faults == []
    context.close()


def test_a_finger_finds_every_target(phone: Seen) -> None:
    opened(phone)
    painted(phone)
    for target in phone.page.locator("body > :not(dialog) a:visible:not(.skip)").all():
        box = target.bounding_box()
        assert box
        assert box["height"] >= 44
        assert box["width"] >= 44


def test_a_clip_plays_and_seeks(phone: Seen, artifacts: Path) -> None:
    opened(phone)
    phone.page.evaluate("document.querySelector('video').play()")
    until(phone.page, "document.querySelector('video').currentTime > 0.3")
    phone.page.screenshot(path=artifacts / "share-phone-clip.png")
    size = phone.page.evaluate("[document.querySelector('video').videoWidth, document.querySelector('video').duration]")
    assert size[0] == 640
    assert size[1] == pytest.approx(30 * 0.0333, abs=0.1)
    phone.page.evaluate("const clip = document.querySelector('video'); clip.pause(); clip.currentTime = 0.5")
    until(phone.page, "!document.querySelector('video').seeking")
    assert phone.page.evaluate("document.querySelector('video').currentTime") == pytest.approx(0.5, abs=0.05)
    assert phone.faults == []


def test_pictures_clips_and_all_of_them_are_downloaded_as_the_destination_has_them(
    desk: Seen, exam: list[FileDataset], tmp_path: Path
) -> None:
    opened(desk)
    copies = [dcmread(io.BytesIO(body)) for body in deidentified(exam)]
    clip, abdomen = copies[0], copies[2]
    saved = {}
    for label in ("Save clip 1 of 1", f"Save image 2 of {IMAGES}", "Download all"):
        with desk.page.expect_download() as download:
            desk.page.get_by_role("link", name=label).click()
        name = download.value.suggested_filename
        download.value.save_as(tmp_path / name)
        saved[name] = (tmp_path / name).read_bytes()
    assert set(saved) == {"clip-01.mp4", "image-02.jpg", "images.zip"}
    frames = frames_of(saved["clip-01.mp4"], clip.Columns, clip.Rows)
    assert len(frames) == clip.NumberOfFrames == 30
    assert difference(frames, clip.pixel_array) < CLIP_BOUND
    shown = np.asarray(Image.open(io.BytesIO(saved["image-02.jpg"])))
    center, width = float(abdomen.WindowCenter), float(abdomen.WindowWidth)
    expected = np.clip(((abdomen.pixel_array - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255).astype(np.uint8)
    assert difference(shown, expected) < JPEG_BOUND
    assert is_bare(saved["image-02.jpg"])
    with ZipFile(io.BytesIO(saved["images.zip"])) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["clip-01.mp4", *(f"image-{n:02}.jpg" for n in range(1, IMAGES + 1))]
        assert archive.read("image-02.jpg") == saved["image-02.jpg"]
    assert desk.faults == []


def test_by_keyboard_one_gets_everywhere_and_sees_where_one_is(desk: Seen, artifacts: Path) -> None:
    page = desk.page
    opened(desk)
    painted(desk)
    focused = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        ) or "video" in page.evaluate(
            "document.activeElement.localName"  # whose controls are the browser's own
        )
        names.append(page.evaluate(focused))
        if page.evaluate("document.activeElement.matches('a.open')"):
            break
    assert names[:2] == ["Skip to the pictures", "Download all"]
    assert "Save clip 1 of 1" in names
    page.keyboard.press("Enter")
    page.wait_for_selector("#stage:not(.waiting)")
    assert page.locator("#which").inner_text() == f"Image 1 of {IMAGES}"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#stage:not(.waiting)")
    assert page.locator("#large").get_attribute("alt") == f"Image 3 of {IMAGES}"
    page.keyboard.press("+")
    page.screenshot(path=artifacts / "share-desk-viewer.png")
    assert "scale(1.5)" in str(page.locator("#large").evaluate("one => one.style.transform"))
    page.keyboard.press("End")
    assert page.locator("#next").is_disabled()
    page.keyboard.press("ArrowLeft")
    for _ in range(12):  # the focus stays in the dialog
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    assert page.evaluate("document.activeElement.querySelector('img').alt") == f"Image {IMAGES - 1} of {IMAGES}"
    assert desk.faults == []


def test_fingers_zoom_turn_the_page_and_the_back_button_closes(phone: Seen, artifacts: Path) -> None:
    page = phone.page
    address = opened(phone)
    page.locator("a.open").first.tap()
    page.wait_for_selector("#stage:not(.waiting)")
    page.screenshot(path=artifacts / "share-phone-viewer.png")
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        named = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": named})

    touch("touchStart", (180, 400), (220, 400))
    touch("touchMove", (140, 400), (260, 400))
    touch("touchEnd")
    assert page.evaluate("new DOMMatrix(getComputedStyle(large).transform).a") == pytest.approx(3, abs=0.1)
    page.locator("#out").tap()
    for _ in range(4):
        page.locator("#out").evaluate("one => one.click()")
    touch("touchStart", (300, 400))
    touch("touchMove", (100, 405))
    touch("touchEnd")
    assert page.locator("#which").inner_text() == f"Image 2 of {IMAGES}"
    page.go_back()
    assert not page.locator("#viewer").is_visible()
    assert page.url == address
    assert phone.faults == []


def test_without_scripts_everything_can_be_seen_and_saved(browser: Browser, run: Running, artifacts: Path) -> None:
    context = browser.new_context(java_script_enabled=False, **PHONE)  # type: ignore[arg-type]
    seen = watched(context, run)
    opened(seen)
    with seen.page.expect_download() as download:
        seen.page.get_by_role("link", name="Save clip 1 of 1").click()
    assert download.value.suggested_filename == "clip-01.mp4"
    seen.page.locator("a.open").nth(1).click()
    seen.page.get_by_role("link", name="Next image").click()
    seen.page.get_by_role("img", name=f"Image 3 of {IMAGES}").wait_for()
    seen.page.wait_for_load_state()
    seen.page.screenshot(path=artifacts / "share-phone-no-script.png")
    with seen.page.expect_download() as download:
        seen.page.get_by_role("link", name="Save this image").click()
    assert download.value.suggested_filename == "image-03.jpg"
    seen.page.get_by_role("link", name="Back to all pictures").click()
    assert seen.page.locator("video source").get_attribute("src") == "c/1.mp4"
    assert seen.faults == []
    context.close()


def test_a_pin_is_typed_and_a_wrong_one_is_said(phone: Seen, artifacts: Path) -> None:
    opened(phone, pin="4711")
    phone.page.screenshot(path=artifacts / "share-phone-pin.png")
    assert phone.page.evaluate("document.activeElement.id") == "pin"
    phone.page.keyboard.type("0000")
    phone.page.keyboard.press("Enter")
    assert phone.page.get_by_role("alert").inner_text() == "That is not the PIN."
    phone.page.screenshot(path=artifacts / "share-phone-pin-wrong.png")
    phone.faults.clear()  # the browser calls 403 an error
    phone.page.get_by_label("PIN").fill("4711")
    phone.page.get_by_role("button", name="Show my images").click()
    painted(phone)
    assert phone.page.evaluate("document.cookie") == ""
    assert phone.faults == []


def test_a_link_that_does_not_work_says_so_kindly(phone: Seen, artifacts: Path) -> None:
    phone.page.goto(f"{phone.run.base}/shares/nothing/")
    phone.page.screenshot(path=artifacts / "share-phone-gone.png")
    assert phone.page.get_by_role("heading").inner_text() == "This link does not work"
