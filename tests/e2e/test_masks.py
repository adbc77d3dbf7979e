"""Burned-in names on their way up: through an uplink to a share, and with what a client stores."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from gateway.core.pseudonym.keys import KeyRing
from tests.kit import banners
from tests.kit.banners import BANNER, ROWS
from tests.kit.images import STUDY
from tests.kit.servers import Gateway, Orthanc, gateway, orthanc
from tests.kit.uplinks import SECRET, begin, ended
from tests.kit.upload import body, send

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc]

BURNED: Final = tuple(one for one in banners.objects() if one.name.startswith(("native RGB,", "JPEG Base", "RLE")))
UNKNOWN: Final = banners.capture(99)


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("far")) as server:
        yield server


@pytest.fixture(scope="module")
def server(far: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("near")
    (folder / "objects").mkdir()
    for one in (*BURNED, UNKNOWN):
        (folder / "objects" / f"{one.number}.dcm").write_bytes(one.part10)
    with orthanc(folder) as near:
        near.load(folder / "objects")
        settings: dict[str, object] = {
            "origins": {"local": {"dicomweb": near.dicomweb}, "cloud": {"dicomweb": far.dicomweb}},
            "worklists": {"up": {"origin": "cloud", "profile": "strict-pixels", "services": ["store"]}},
            "uplinks": {
                "clinic": {"origin": "local", "destination": "cloud", "profile": "strict-pixels", "share": {"days": 1}}
            },
        }
        with gateway(folder / "gateway", settings) as running:
            yield running


def held(far: Orthanc, domain: str) -> dict[str, bytes]:
    """Give the files of the study at the far end, by SOP Instance UID."""
    study = KeyRing(SECRET, domain).uid(STUDY)
    files = [
        httpx.get(f"http://{far.authority}/instances/{one}/file", timeout=30).content for one in far.get("/instances")
    ]
    found = [(dcmread(io.BytesIO(one)), one) for one in files]
    return {one.SOPInstanceUID: part10 for one, part10 in found if one.StudyInstanceUID == study}


def check(found: dict[str, bytes], domain: str, folder: Path) -> None:
    """Let the far end have what a rule knows, masked, and nothing else."""
    keys = KeyRing(SECRET, domain)
    assert found.keys() == {keys.uid(one.found.SOPInstanceUID) for one in BURNED}
    for one in BURNED:
        shown = banners.decoded(found[keys.uid(one.found.SOPInstanceUID)], folder)
        source = banners.decoded(one.part10, folder)
        for frame in shown:
            banners.assert_masked(frame, one.name)
        assert (shown[:, BANNER:] == source[:, BANNER:]).all()


def test_an_uplink_masks_and_its_share_shows_no_name(server: Gateway, far: Orthanc, tmp_path: Path) -> None:
    job = ended(begin(server.base, STUDY, share={}))
    assert (job["state"], job["stored"], job["refused"]) == ("done", len(BURNED), 1)
    check(held(far, "clinic"), "clinic", tmp_path)
    assert "Missing rule: {name: " in server.log
    page = job["share"]["url"].replace(job["share"]["url"].partition("/shares")[0], server.base)
    stills = [one for one in BURNED if len(one.frames) == 1]
    for picture in [*(f"i/{number}.jpg" for number in range(1, len(stills) + 1)), "t/1.jpg", "c/1.jpg"]:
        answer = httpx.get(page + picture, timeout=30)
        assert answer.status_code == 200, picture
        shown = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
        edge = BANNER * len(shown) // ROWS
        assert np.ptp(shown[: edge - 8].reshape(-1, 3), axis=0).max() <= 12
        assert np.ptp(shown[edge:].reshape(-1, 3), axis=0).max() > 60


def test_what_a_client_stores_is_masked_or_fails_by_name(server: Gateway, far: Orthanc, tmp_path: Path) -> None:
    parts = body(*(one.part10 for one in (*BURNED, UNKNOWN)))
    answer = send(server.worklist("up"), parts)
    assert answer.status_code == 202
    found: dict[str, Any] = answer.json()
    (failed,) = found["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [UNKNOWN.found.SOPInstanceUID]
    assert failed["00081197"]["Value"] == [0x0110]
    check(held(far, "up"), "up", tmp_path)
