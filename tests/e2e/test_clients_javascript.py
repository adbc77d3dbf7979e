"""The JavaScript dicomweb-client in Node, and Cornerstone's dicom-image-loader in Chromium, read a worklist.

``scripts/fetch_js.sh`` installs and bundles them.
"""

import functools
import hashlib
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.e2e.ohif_check import CHROMIUM, FLAGS
from tests.kit.twin import Twin, TwinStage, ask

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.filterwarnings("ignore:::pydicom")]

BUNDLES: Final = Path(__file__).parents[2] / ".cache" / "js" / "out"
JSON: Final = "application/dicom+json"
PAGE: Final = b'<!doctype html><script type="module" src="/cornerstone.js"></script>'


@pytest.fixture
def twin(twin_stage: TwinStage) -> Twin:
    return twin_stage.twins["nominal"]


def path_of(copy: Dataset) -> str:
    return f"/studies/{copy.StudyInstanceUID}/series/{copy.SeriesInstanceUID}/instances/{copy.SOPInstanceUID}"


def metadata(twin: Twin, copy: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = ask(f"{twin.ours}{path_of(copy)}/metadata", JSON).results[0]
    return found


def test_every_call_of_the_javascript_client_works_in_node(twin: Twin) -> None:
    copies = twin.reference.instances
    cts = [copy for copy in copies if copy.get("Modality") == "CT"]
    coded = next(copy for copy in cts if copy.file_meta.TransferSyntaxUID.is_encapsulated)
    one = next(copy for copy in copies if copy.SeriesInstanceUID == coded.SeriesInstanceUID and copy is not coded)
    study = [copy for copy in copies if copy.StudyInstanceUID == one.StudyInstanceUID]
    series = [copy for copy in study if copy.SeriesInstanceUID == one.SeriesInstanceUID]
    bulk = metadata(twin, one)["7FE00010"]["BulkDataURI"]
    uids = (one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
    done = subprocess.run(
        ["node", BUNDLES / "dicomweb.cjs", twin.ours, *uids, bulk, str(one.PatientID)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    said: dict[str, Any] = dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert {name: answer for name, answer in said.items() if isinstance(answer, dict) and "failed" in answer} == {}
    assert len(said) == 25
    assert len(said["searchForStudies"]) == len({copy.StudyInstanceUID for copy in copies})
    assert said["searchForStudies, none"] == []
    assert len(said["searchForStudies by PatientID"]) == len(said["searchForStudies by PatientName"]) >= 2
    assert len(said["retrieveStudy"]) == len(said["retrieveStudyMetadata"]) == len(study)
    assert len(said["retrieveSeries"]) == len(said["searchForInstances"]) == len(series)
    pixels = {"bytes": len(one.PixelData), "sha256": hashlib.sha256(one.PixelData).hexdigest()}
    for name in ("retrieveInstanceFrames", "retrieveInstanceFrames as stored"):
        assert said[name] == [pixels], name
    for name in ("retrieveBulkData", "retrieveBulkData, one part"):
        assert said[name] in (pixels, [pixels]), name


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """Open a page that has loaded Cornerstone, on another origin than the gateway's."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {".js": "text/javascript"}  # noqa: RUF012 the base class's own form

        def do_GET(self) -> None:
            if self.path == "/":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(PAGE)
            else:
                super().do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(BUNDLES)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{server.server_port}/")
        opened.wait_for_function("() => globalThis.load")
        yield opened
        browser.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["wadors", "wadouri"])
def test_cornerstone_loads_the_pixels_of_the_copies(twin: Twin, page: Page, scheme: str) -> None:
    for copy in images(twin, scheme):
        kept = metadata(twin, copy) if scheme == "wadors" else None
        image = page.evaluate("([id, metadata]) => load(id, metadata)", [image_id(twin, copy, scheme), kept])
        assert (image["rows"], image["columns"]) == (copy.Rows, copy.Columns)
        shown = np.asarray(image["pixels"], dtype=float)
        expected = pixel_array(copy, index=0).astype(float).ravel()
        assert shown.shape == expected.shape, copy.get("Modality")
        # Made-up pixels have bits above Bits Stored, which need not be looked at; decoders of JPEG round as they like.
        apart = np.abs(shown - expected) % (1 << copy.BitsStored if copy.BitsStored < copy.BitsAllocated else 1 << 32)
        assert apart.max() <= (3 if lossy(copy) else 0), (copy.get("Modality"), scheme)


def images(twin: Twin, scheme: str) -> list[Dataset]:
    """List an image of each kind and Transfer Syntax; the loader unpacks no single bits, and no deflated object."""
    found = {
        (copy.get("Modality"), copy.file_meta.TransferSyntaxUID): copy
        for copy in twin.reference.instances
        if "PixelData" in copy
        and copy.BitsAllocated > 1
        and (scheme == "wadors" or copy.file_meta.TransferSyntaxUID != DeflatedExplicitVRLittleEndian)
    }
    return list(found.values())


def lossy(copy: Dataset) -> bool:
    return str(copy.get("LossyImageCompression")) == "01"


def image_id(twin: Twin, copy: Dataset, scheme: str) -> str:
    if scheme == "wadors":
        return f"wadors:{twin.ours}{path_of(copy)}/frames/1"
    uids = f"studyUID={copy.StudyInstanceUID}&seriesUID={copy.SeriesInstanceUID}&objectUID={copy.SOPInstanceUID}"
    return f"wadouri:{twin.wado}?requestType=WADO&{uids}&contentType=application/dicom&transferSyntax=*"
