"""Names burned into ultrasound in a real Orthanc: masked in every frame behind every door, or behind none at all."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from tests.kit.banners import (
    BANNER,
    COLUMNS,
    ROWS,
    Burned,
    assert_masked,
    capture,
    decoded,
    decoded_frame,
    objects,
    samples_of,
)
from tests.kit.crawl import Crawler, Exchange, links
from tests.kit.images import STUDY
from tests.kit.inprocess import released
from tests.kit.servers import Gateway, gateway, orthanc, worklists

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.orthanc,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

AS_STORED: Final = "transfer-syntax=*"
OBJECT: Final = 'multipart/related; type="application/dicom"'
OCTETS: Final = 'multipart/related; type="application/octet-stream"'
CAPTURE: Final = 99
BURNED: Final = tuple(objects())
LOST: Final = 12
"""What a rendered picture may differ by in the banner: it is compressed once more."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway in front of an Orthanc that holds the objects, and what asks it."""

    server: Gateway
    crawler: Crawler

    def ask(self, number: int, below: str = "", accept: str = "*/*") -> Exchange:
        """Ask for an instance, or for what is below it."""
        return self.crawler.ask(path(number) + below, accept)


def path(number: int) -> str:
    return released(f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.{number}", "masked")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("masks")
    (folder / "objects").mkdir()
    for one in (*BURNED, capture(CAPTURE)):
        (folder / "objects" / f"{one.number}.dcm").write_bytes(one.part10)
    with orthanc(folder) as origin:
        origin.load(folder / "objects")
        settings = worklists([], origin.dicomweb, masked={"profile": "clean-pixel-data", "domain": "masked"})
        with (
            gateway(folder / "gateway", settings) as server,
            Crawler(server.worklist("masked")) as crawler,
        ):
            assert len(crawler.json("/studies")) == 1
            yield Stage(server, crawler)


def parts(answer: Exchange) -> list[tuple[str, bytes]]:
    """Give media type and body of each part, parsed by the standard library's mail parser."""
    head = next(line for line in answer.said.split(b"\n") if line.lower().startswith(b"content-type:"))
    message = message_from_bytes(head.strip() + b"\r\n\r\n" + answer.body)
    assert message.is_multipart(), answer.question
    assert not message.defects
    found: Any = message.get_payload()
    return [(str(part["Content-Type"]), part.get_payload(decode=True)) for part in found]


def check_object(part10: bytes, burned: Burned, folder: Path) -> None:
    """Let an object be masked in all frames, the same outside, and say so."""
    found = pydicom.dcmread(io.BytesIO(part10))
    shown = decoded(part10, folder)
    source = decoded(burned.part10, folder)
    for frame in shown:
        assert_masked(frame, burned.name)
    assert len(shown) == len(burned.frames)
    if found.file_meta.TransferSyntaxUID == burned.found.file_meta.TransferSyntaxUID:
        assert (shown[:, BANNER:] == source[:, BANNER:]).all()
    assert found.BurnedInAnnotation == "NO"
    assert "113101" in [code.CodeValue for code in found.DeidentificationMethodCodeSequence]


by_number = pytest.mark.parametrize("burned", BURNED, ids=[one.name for one in BURNED])


@by_number
def test_objects_are_masked_as_stored_and_decompressed(burned: Burned, stage: Stage, tmp_path: Path) -> None:
    for accept in (f"{OBJECT}; {AS_STORED}", OBJECT, "application/dicom"):
        answer = stage.ask(burned.number, "", accept)
        assert answer.status == 200, answer.question
        body = answer.body if accept == "application/dicom" else parts(answer)[0][1]
        check_object(body, burned, tmp_path)
    zipped = stage.ask(burned.number, "", "application/zip")
    with ZipFile(io.BytesIO(zipped.body)) as archive:
        (name,) = [name for name in archive.namelist() if name.startswith("DICOM/") or name.count("/") > 0]
        check_object(archive.read(name), burned, tmp_path)


@by_number
def test_the_uri_service_masks(burned: Burned, stage: Stage, tmp_path: Path) -> None:
    _, _, study, _, series, _, instance = path(burned.number).split("/")
    base = stage.crawler.base.removesuffix("/dicom-web") + "/wado?requestType=WADO"
    named = f"{base}&studyUID={study}&seriesUID={series}&objectUID={instance}"
    answer = stage.crawler.ask(f"{named}&contentType=application/dicom&transferSyntax=*")
    check_object(answer.body, burned, tmp_path)
    picture = stage.crawler.ask(f"{named}&contentType=image/png")
    check_picture(picture.body)


@by_number
def test_frames_are_masked_each(burned: Burned, stage: Stage) -> None:
    count = len(burned.frames)
    every = ",".join(str(number) for number in range(count, 0, -1))
    for accept in (f"{OCTETS}; {AS_STORED}", OCTETS, "*/*"):
        answer = stage.ask(burned.number, f"/frames/{every}", accept)
        assert answer.status == 200, answer.question
        shown = [decoded_frame(body, media_type, burned) for media_type, body in parts(answer)]
        assert len(shown) == count
        for number, one in enumerate(reversed(shown)):
            check_frame(one, burned, number)


@by_number
def test_bulk_data_are_masked(burned: Burned, stage: Stage) -> None:
    (metadata,) = stage.crawler.json(path(burned.number) + "/metadata")
    pixels = list(links(metadata.get("7FE00010", {})))
    asked = [stage.crawler.ask(link, f"{OCTETS}; {AS_STORED}") for link in pixels]
    asked += [stage.ask(burned.number, below, f"{OCTETS}; {AS_STORED}") for below in ("/pixeldata", "/bulkdata")]
    for answer in asked:
        assert answer.status == 200, answer.question
        found = [(kind, body) for kind, body in parts(answer) if len(body) != 512]  # without the tables of a palette
        if len(found) == 1 and len(burned.frames) > 1:
            copy = pydicom.dcmread(io.BytesIO(burned.part10))
            copy.PixelData = found[0][1]
            shown = list(samples_of(copy))
        else:
            shown = [decoded_frame(body, media_type, burned) for media_type, body in found]
        assert len(shown) == len(burned.frames), answer.question
        for number, one in enumerate(shown):
            check_frame(one, burned, number)


@by_number
def test_pictures_are_drawn_from_what_is_masked(burned: Burned, stage: Stage) -> None:
    count = len(burned.frames)
    for below in ("/rendered", "/thumbnail", f"/frames/{count}/rendered", f"/frames/{count}/thumbnail"):
        for accept in ("image/png", "image/jpeg"):
            answer = stage.ask(burned.number, below, accept)
            assert answer.status == 200, answer.question
            check_picture(answer.body)
    if count > 1:
        moving = Image.open(io.BytesIO(stage.ask(burned.number, "/rendered", "image/gif").body))
        for one in ImageSequence.Iterator(moving):
            check_shown(np.asarray(one.convert("RGB")))


def check_frame(shown: NDArray[Any], burned: Burned, number: int) -> None:
    """Compare one decoded frame with what was there."""
    shown = shown.reshape(ROWS, COLUMNS, -1)
    assert_masked(shown, burned.name)
    if burned.is_lossless:
        is_as_stored = shown[BANNER:] == burned.frames[number][BANNER:].reshape(ROWS - BANNER, COLUMNS, -1)
        if "by planes" in burned.name:  # Orthanc does not say how it stores them, so they are masked in both layouts
            is_as_stored |= shown[BANNER:] == 0
        assert is_as_stored.all()


def check_picture(body: bytes) -> None:
    check_shown(np.asarray(Image.open(io.BytesIO(body)).convert("RGB")))


def check_shown(shown: NDArray[Any]) -> None:
    """Let the banner of a picture be of one shade, but for what compression does at its edge, and not all of it."""
    rows = BANNER * shown.shape[0] // ROWS - 8
    banner = shown[:rows].astype(int)
    assert np.ptp(banner.reshape(-1, 3), axis=0).max() <= LOST
    assert np.ptp(shown[rows + 16 :].reshape(-1, 3), axis=0).max() > 60


def test_whole_studies_and_series_are_masked(stage: Stage, tmp_path: Path) -> None:
    study, series = path(1).split("/series")[0], path(1).split("/instances")[0]
    numbers = {released(f"{STUDY}.1.{one.number}", "masked"): one for one in BURNED}
    for place in (study, series):
        answer = stage.crawler.ask(place, f"{OBJECT}; {AS_STORED}")
        assert answer.status in (200, 206)  # whether the one that is refused came first is the origin's choice
        found = [body for _, body in parts(answer)]
        assert len(found) == len(BURNED)
        for body in found:
            check_object(body, numbers[pydicom.dcmread(io.BytesIO(body)).SOPInstanceUID], tmp_path)
        with ZipFile(io.BytesIO(stage.crawler.ask(place, "application/zip").body)) as archive:
            files = [archive.read(name) for name in archive.namelist()]
        packed = [body for body in files if body[128:132] == b"DICM" and b"1.2.840.10008.1.3.10" not in body[:400]]
        assert len(packed) == len(BURNED)
        for body in packed:
            check_object(body, numbers[pydicom.dcmread(io.BytesIO(body)).SOPInstanceUID], tmp_path)


def test_a_capture_that_no_rule_knows_is_nowhere(stage: Stage) -> None:
    for below in (
        "", "/metadata", "/frames/1", "/frames/1,1", "/frames/2", "/bulkdata", "/pixeldata", "/rendered", "/thumbnail",
        "/frames/1/rendered", "/frames/1/thumbnail", "/bulkdata/AAAA",
    ):  # fmt: skip
        for accept in ("*/*", "application/zip" if not below else "*/*"):
            answer = stage.ask(CAPTURE, below, accept)
            assert answer.status == 404, answer.question
    assert "an object is not released" in stage.server.log
    assert "Missing rule: {name: " in stage.server.log
    stored = pydicom.dcmread(io.BytesIO(capture(CAPTURE).part10))
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SOPInstanceUID"):
        assert stored[keyword].value, keyword
        assert str(stored[keyword].value) not in stage.server.log, keyword


def test_no_door_gives_what_was_stored(stage: Stage) -> None:
    stage.crawler.crawl()
    stage.crawler.instance(path(CAPTURE))
    runs = re.compile(b"|".join(re.escape(run) for one in (*BURNED, capture(CAPTURE)) for run in runs_of(one)))
    assert all(runs.search(one.part10) for one in BURNED)
    for exchange in stage.crawler.exchanges:
        assert not runs.search(exchange.said), exchange.question


def runs_of(burned: Burned) -> list[bytes]:
    """Give pieces of the banner as they are stored: samples where they are native, else a part of the codestream."""
    data = burned.found.PixelData
    if burned.found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1":
        sample = burned.found.SamplesPerPixel
        width = COLUMNS * (1 if burned.found.get("PlanarConfiguration") else sample)
        return [data[row * width + 5 : row * width + 29] for row in (2, 14, BANNER - 1)]
    return [data[at : at + 48] for at in range(900, 2200, 200)]


def test_masked_lists_of_frames_are_masked_with_cold_caches_too(stage: Stage) -> None:
    stage.server.stop()
    stage.server.start()
    stage.crawler.base = stage.server.worklist("masked")
    for one in BURNED[-2:]:
        answer = stage.ask(one.number, "/frames/1", f"{OCTETS}; {AS_STORED}")
        ((kind, body),) = parts(answer)
        check_frame(decoded_frame(body, kind, one), one, 0)
    assert stage.ask(CAPTURE, "/frames/1").status == 404
