"""Open a DICOMweb service in the real viewer OHIF, in headless Chromium, and check what is seen and sent.

The study list shows rows; a study opens; its first image is painted, with real pixels on the canvas; no request fails;
text that must not be seen stands in no body, header or URL of the service and on no page. Screenshots, the picture
alone, the requests and the text of the pages are left in a folder.
"""

import argparse
import base64
import dataclasses
import json
import os
import re
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, Route, sync_playwright

from tests.e2e.ohif_server import OHIF_DIST, Service, serve_ohif

CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")

FLAGS: Final = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # a container's /dev/shm is too small for a page of images
    "--disable-sync",
    "--use-gl=angle",  # this and the next two: WebGL2 on the CPU
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",  # only WebGL: to lay out whole pages as well took twelve seconds of a core a visit
)
_SERVICE_PATH: Final = re.compile(r"/(studies|series|instances|wado)\b")
_METADATA: Final = re.compile(r"/series/[0-9.]+/metadata$")
_SEGMENTATION: Final = "1.2.840.10008.5.1.4.1.1.66.4"
_ROWS: Final = "tbody tr[aria-selected]"  # the first tr of tbody is the filter row
_FILTER: Final = "tbody tr[data-filter-row] input, thead input"
_NO_DIALOGS: Final = """
try {
  localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']));
  sessionStorage.setItem('investigationalUseDialog', 'hidden');
} catch (e) {}
"""
_CANVASES: Final = """() => [...document.querySelectorAll('canvas')].map(canvas => {
  if (canvas.width < 100 || canvas.height < 100 || !canvas.offsetParent) return null;
  const small = document.createElement('canvas'); small.width = small.height = 96;
  const context = small.getContext('2d', {willReadFrequently: true}); context.drawImage(canvas, 0, 0, 96, 96);
  const data = context.getImageData(0, 0, 96, 96).data, seen = new Set(); let lit = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] && data[i] + data[i + 1] + data[i + 2] > 24) lit++;
    seen.add((data[i] >> 2) << 12 | (data[i + 1] >> 2) << 6 | data[i + 2] >> 2);
  }
  return {width: canvas.width, height: canvas.height, lit: lit / 9216, colours: seen.size};
}).filter(Boolean)"""
_LARGEST: Final = """() => {
  const size = (canvas) => canvas.offsetParent ? canvas.width * canvas.height : 0;
  const canvas = [...document.querySelectorAll('canvas')].sort((a, b) => size(b) - size(a))[0];
  const copy = document.createElement('canvas'); copy.width = canvas.width; copy.height = canvas.height;
  copy.getContext('2d').drawImage(canvas, 0, 0);
  return copy.toDataURL('image/png').split(',')[1];
}"""
_LIT, _COLOURS = 0.02, 12  # more than this share of lit pixels and this many colours is an image, not a message


@dataclass(frozen=True, slots=True)
class Check:
    """What to open and what to look for; ``forbid`` is matched without regard to case, also in bodies as bytes.

    ``search`` is typed into the list, ``query`` stands in its address. ``activate`` names a series without pictures of
    its own, by its modality, that is opened on top; ``fetches`` is a pattern for the address of what the viewer must
    get for that, before it paints again. ``user`` logs in at the issuer that the viewer leads to. Who is ``refused``
    sees a list without rows, and opens nothing.
    """

    base: str
    out: Path
    study: str = ""
    search: str = ""
    query: str = ""
    lists_only: bool = False
    activate: str = ""
    fetches: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    forbid: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    scroll: int = 0
    timeout_s: float = 60
    settle_s: float = 2
    user: str = ""
    refused: bool = False


@dataclass(slots=True)
class Outcome:
    """What was seen; the check holds when ``problems`` is empty."""

    rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    bytes: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser for any number of checks."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def run_check(check: Check, browser: Browser | None = None) -> Outcome:
    """Run one check as a new visitor, in a browser that is there or in one of its own.

    The outcome lists every problem, at most the browser's own failures are raised.
    """
    check.out.mkdir(parents=True, exist_ok=True)
    with nullcontext(browser) if browser else chromium() as found:
        context = _context(found, check)
        try:
            return _Visit(check, context).run()
        finally:
            context.close()


class _Visit:
    """One run of the steps in one page."""

    def __init__(self, check: Check, context: BrowserContext) -> None:
        self._check = check
        self._base = check.base.rstrip("/")
        self._timeout_ms = check.timeout_s * 1000
        self._start = time.monotonic()
        self._pending: list[tuple[float, Request]] = []
        self._lines = ["t\tmethod\tstatus\turl\taccept\tcontent_type\tbytes"]
        self._forbidden = [text.lower() for text in check.forbid]
        self._outcome = Outcome()
        self._page = self._open_page(context)

    def run(self) -> Outcome:
        outcome, page = self._outcome, self._page
        if self._step("list", self._list):
            page.wait_for_timeout(500)
        outcome.rows = page.locator(_ROWS).count()
        self._keep("list")
        if not (self._check.lists_only or self._check.refused):
            if self._step("painted", self._paint):
                self._turn_wheel()
                self._step("picture", self._picture)
            if self._check.activate:
                self._step("activated", self._activate)
            page.wait_for_timeout(self._check.settle_s * 1000)
            self._keep("study")
        self._look_at_text()
        (self._check.out / "requests.tsv").write_text("\n".join(self._lines) + "\n")
        (self._check.out / "page.txt").write_text("\n=====\n".join(outcome.text))
        return outcome

    def _open_page(self, context: BrowserContext) -> Page:
        page = context.new_page()
        console = self._outcome.console_errors
        page.on("request", self._note)
        page.on("console", lambda message: console.append(message.text[:300]) if message.type == "error" else None)
        page.on("pageerror", lambda error: console.append(f"uncaught: {str(error)[:300]}"))
        return page

    def _note(self, request: Request) -> None:
        if _SERVICE_PATH.search(request.url) and "/viewer" not in request.url.split("?")[0]:
            self._outcome.requests += 1
            self._pending.append((time.monotonic() - self._start, request))

    def _step(self, name: str, action: Callable[[], None]) -> bool:
        try:
            action()
        except (Error, TimeoutError) as fault:
            self._outcome.problems.append(f"{name}: {str(fault).splitlines()[0][:200]}")
            return False
        self._outcome.seconds[name] = round(time.monotonic() - self._start, 1)
        return True

    def _list(self) -> None:
        self._page.goto(f"{self._base}/{self._check.query}", wait_until="domcontentloaded", timeout=self._timeout_ms)
        if self._check.user:
            self._page.locator("input[name=user]").fill(self._check.user, timeout=self._timeout_ms)
            with self._page.expect_response(
                lambda answer: bool(_SERVICE_PATH.search(answer.url)), timeout=self._timeout_ms
            ):
                self._page.get_by_role("button").click()
        if self._check.refused:
            self._page.wait_for_timeout(self._check.settle_s * 1000)  # rows would be there soon after the answer
            return
        if self._check.search:
            self._page.locator(_FILTER).first.fill(self._check.search, timeout=self._timeout_ms)
            self._page.wait_for_timeout(1500)  # OHIF waits for the end of typing before it asks
        self._page.locator(_ROWS).first.wait_for(timeout=self._timeout_ms)

    def _paint(self) -> None:
        if self._check.fetches:
            self._page.route(_METADATA, self._hold_back)
        if self._check.study:
            url = f"{self._base}/viewer?StudyInstanceUIDs={self._check.study}"
            self._page.goto(url, wait_until="domcontentloaded", timeout=self._timeout_ms)
        else:
            self._page.locator(_ROWS).first.dblclick(timeout=self._timeout_ms)
        self._wait_for_paint()

    def _hold_back(self, route: Route) -> None:
        """Let a segmentation come first: OHIF draws it over nothing that it met before, from any server."""
        answer = route.fetch()
        if _SEGMENTATION not in answer.text():
            self._page.wait_for_timeout(1000)
        route.fulfill(response=answer)

    def _wait_for_paint(self) -> None:
        end = time.monotonic() + self._check.timeout_s
        canvases: list[dict[str, float]] = []
        while time.monotonic() < end:
            self._page.wait_for_timeout(250)
            canvases = self._page.evaluate(_CANVASES)
            if any(canvas["lit"] > _LIT and canvas["colours"] > _COLOURS for canvas in canvases):
                return
        raise TimeoutError(f"no image painted within {self._check.timeout_s:.0f} s; canvases: {canvases}")

    def _activate(self) -> None:
        series = self._page.locator('[data-cy="study-browser-thumbnail-no-image"]', has_text=self._check.activate)
        if not self._check.fetches:
            series.first.dblclick(timeout=self._timeout_ms)
            self._page.wait_for_timeout(2000)
            return
        wanted = re.compile(self._check.fetches)
        with self._page.expect_response(wanted, timeout=self._timeout_ms) as fetched:
            series.first.dblclick(timeout=self._timeout_ms)
        fetched.value.finished()
        self._wait_for_paint()

    def _picture(self) -> None:
        """Keep what is on the canvas, without the text that the viewer lays over it."""
        self._page.wait_for_timeout(500)
        (self._check.out / "canvas.png").write_bytes(base64.b64decode(self._page.evaluate(_LARGEST)))

    def _turn_wheel(self) -> None:
        self._page.mouse.move(700, 450)
        for _ in range(self._check.scroll):
            self._page.mouse.wheel(0, 120)
            self._page.wait_for_timeout(150)

    def _keep(self, name: str) -> None:
        """Keep a picture and the text; read the answers so far, whose bodies are gone once the page navigates."""
        self._page.screenshot(path=str(self._check.out / f"{name}.png"))
        self._outcome.text.append(self._page.inner_text("body"))
        while self._pending:
            self._look_at(*self._pending.pop(0))

    def _look_at(self, seconds: float, request: Request) -> None:
        outcome = self._outcome
        status, body, headers = 0, b"", dict[str, str]()
        try:
            if (response := request.response()) is not None:
                status, headers = response.status, response.all_headers()
                body = response.body()
        except Error as fault:
            if status == 0:
                outcome.problems.append(f"{request.method} {request.url[:160]}: {str(fault).splitlines()[0]}")
        outcome.bytes += len(body)
        outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
        url = request.url.removeprefix(self._base)
        accept, kind = request.all_headers().get("accept", ""), headers.get("content-type", "")
        columns = [f"{seconds:.2f}", request.method, str(status), url, accept, kind, str(len(body))]
        self._lines.append("\t".join(columns))
        if status >= 400:
            outcome.problems.append(f"{status} {request.method} {url[:160]}")
        plain = body.decode("latin1") + body.decode("utf-8", "ignore")
        seen = (plain + json.dumps(headers) + urllib.parse.unquote(url)).lower()
        for text in self._forbidden:
            if text in seen:
                outcome.problems.append(f"forbidden text {text!r} in {request.method} {url[:160]}")

    def _look_at_text(self) -> None:
        shown = "\n".join(self._outcome.text)
        lowered = shown.lower()
        found = [f"forbidden text {text!r} on the page" for text in self._forbidden if text in lowered]
        absent = [f"expected text {text!r} not on the page" for text in self._check.expect if text not in shown]
        self._outcome.problems += found + absent


def _context(browser: Browser, check: Check) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, service_workers="block", ignore_https_errors=True
    )
    context.add_init_script(_NO_DIALOGS)
    if check.headers:  # a route hides CORS preflights, so there is none without need
        extra = {name.lower(): value for name, value in check.headers.items()}

        def with_headers(route: Route) -> None:
            route.continue_(headers={**route.request.headers, **extra})

        context.route(_SERVICE_PATH, with_headers)
    return context


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Open a DICOMweb service in OHIF and check what is seen and sent.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--base", help="where OHIF is served already")
    where.add_argument("--dicomweb", help="base URL of the service; OHIF is served here, in front of it")
    parser.add_argument("--ohif", type=Path, default=OHIF_DIST, help="folder dist/ of the npm package @ohif/app")
    parser.add_argument("--cross-origin", action="store_true", help="let the browser call --dicomweb itself")
    parser.add_argument("--isolate", action="store_true", help="make the page crossOriginIsolated")
    parser.add_argument("--rendering", choices=["wadors", "wadouri"], default="wadors")
    parser.add_argument("--source", default="{}", help="JSON merged into the configuration of the data source")
    parser.add_argument("--study", default="", help="Study Instance UID to open (default: the first row of the list)")
    parser.add_argument("--search", default="", help="type this into the patient filter of the list first")
    parser.add_argument("--header", action="append", default=[], metavar="K: V", help="sent along to the service")
    parser.add_argument("--forbid", action="append", default=[], help="text that must be seen nowhere")
    parser.add_argument("--expect", action="append", default=[], help="text that a page must show")
    parser.add_argument("--scroll", type=int, default=0, help="turn the mouse wheel so many times over the image")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for each step")
    parser.add_argument("--out", type=Path, default=Path(".cache/ohif-check"))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one check from the command line; print the outcome as one line of JSON and return 0 or 1."""
    options = _parser().parse_args(arguments)
    headers = dict(re.split(r":\s*", header, maxsplit=1) for header in options.header)
    source = json.loads(options.source)
    service = Service(options.dicomweb or "", options.rendering, source, options.cross_origin, options.isolate)
    with nullcontext(options.base) if options.base else serve_ohif(service, options.ohif) as base:
        outcome = run_check(
            Check(
                base=base,
                out=options.out,
                study=options.study,
                search=options.search,
                headers=headers,
                forbid=tuple(options.forbid),
                expect=tuple(options.expect),
                scroll=options.scroll,
                timeout_s=options.timeout,
            )
        )
    facts = dataclasses.asdict(outcome)
    del facts["text"]
    print(json.dumps({"ok": not outcome.problems, **facts, "out": str(options.out)}))
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
