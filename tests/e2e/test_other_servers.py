"""A second archive that shares no code with Orthanc, behind the gateway: tiny-pacs (bottle, waitress), a small one.

It answers 204 where nothing matches, 406 and 404 in plain text, one instance bare, boundaries in quotes; it decodes
percent-encoding, gives neither Retrieve URL nor Modalities in Study, ignores keys it does not know, and transcodes
nothing. It has no search of all series or instances, no metadata and no frames: these are not there at the gateway.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

import httpx
import pydicom
import pytest

from tests.kit.inprocess import Answer
from tests.kit.servers import START_S, STOP_S, Gateway, free_port, gateway, worklists

pytestmark = pytest.mark.e2e

SHIPPED: Final = Path(pydicom.__file__).parent / "data" / "test_files"
FILES: Final = ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "test-SR.dcm")
NAMES: Final = (
    "CompressedSamples",
    "1CT1",
    "4MR1",
    "8NM1",
    "JFK IMAGING",
    "1.3.6.1.4.1.5962",
    "1.2.276.0.7230010.3.1.4.2139363186",
)
JSON: Final = "application/dicom+json"
PARTS: Final = 'multipart/related; type="application/dicom"'
STORED: Final = PARTS + "; transfer-syntax=*"


@contextmanager
def tiny_pacs(folder: Path) -> Iterator[str]:
    """Run a tiny-pacs on free ports; give its service base."""
    port, on = free_port(), {"on": True}
    settings = {
        "ae": {"ae_title": ["ORIGIN"], "port": free_port()},
        "log": {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}},
        "components": {
            "Database": on | {"driver": "sqlite", "mode": "memory"},
            "Devices": on,
            "PACS": on,
            "InMemoryStorage": on,
            "HttpServer": on | {"host": "127.0.0.1", "port": port, "allow_remote": False},
            "DICOMWeb": on | {"prefix": "/dicomweb", "auth": "none"},
        },
    }
    # Every JSON document is a YAML document.
    (folder / "settings.yaml").write_text(json.dumps(settings), encoding="utf-8")
    command = shutil.which("tiny-pacs", path=str(Path(sys.executable).parent))
    assert command, "tiny-pacs belongs to the development requirements"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [command, "run", "-c", "settings.yaml"], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    base = f"http://127.0.0.1:{port}/dicomweb"
    try:
        deadline = time.monotonic() + START_S
        while not answers(base):
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(STOP_S)


def answers(base: str) -> bool:
    try:
        return httpx.get(base + "/studies").status_code == 204
    except httpx.TransportError:
        return False


def store(base: str, path: Path) -> None:
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n--x--\r\n"
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x', "Accept": JSON}
    httpx.post(base + "/studies", content=body, headers=headers, timeout=60).raise_for_status()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Gateway]]:
    folder = tmp_path_factory.mktemp("other")
    with tiny_pacs(folder) as base:
        for name in FILES:
            store(base, SHIPPED / name)
        settings = worklists(
            ["research"],
            base,
            ct={"profile": "nominal", "match": {"PatientID": "1CT1"}},
            reading={"identified": True},
        )
        with gateway(folder / "gateway", settings) as server:
            yield base, server


def ask(running: tuple[str, Gateway], path: str, accept: str = JSON, worklist: str = "research") -> Answer:
    """Ask the gateway; outside of the identified worklist nothing may tell of whom or where."""
    base, server = running
    answer = httpx.get(server.worklist(worklist) + path, headers={"Accept": accept}, timeout=60)
    told = Answer(answer.status_code, dict(answer.headers), answer.content, whole=True)
    hidden = (base.split("/")[2], "dicomweb", *(NAMES if worklist != "reading" else ()))
    assert [word for word in hidden if word.encode() in told.said] == []
    assert "Traceback" not in server.log
    return told


def paths(running: tuple[str, Gateway], worklist: str = "research") -> list[str]:
    """Walk from studies to instances as viewers do."""
    found = [""]
    for level, tag in (("studies", "0020000D"), ("series", "0020000E"), ("instances", "00080018")):
        found = [
            f"{path}/{level}/{one[tag]['Value'][0]}"
            for path in found
            for one in ask(running, f"{path}/{level}", worklist=worklist).json
        ]
    return found


def test_a_walk_from_studies_to_objects_meets_every_object_without_an_identifier(running: tuple[str, Gateway]) -> None:
    found = paths(running)
    assert len(found) == len(FILES)
    classes = set()
    for path in found:
        ((_, body),) = ask(running, path, STORED).parts()
        assert not [name for name in NAMES if name.encode() in body]
        copy = pydicom.dcmread(BytesIO(body))
        assert (
            path == f"/studies/{copy.StudyInstanceUID}/series/{copy.SeriesInstanceUID}/instances/{copy.SOPInstanceUID}"
        )
        assert copy.PatientIdentityRemoved == "YES"
        classes.add(copy.SOPClassUID)
        assert ask(running, path, "application/dicom").body[128:132] == b"DICM"
    assert classes == {pydicom.dcmread(SHIPPED / name, stop_before_pixels=True).SOPClassUID for name in FILES}


def test_native_pixels_are_those_of_the_archive(running: tuple[str, Gateway]) -> None:
    bodies = [ask(running, path, STORED).parts()[0][1] for path in paths(running)]
    for name in ("CT_small.dcm", "MR_small.dcm"):
        assert any(pydicom.dcmread(SHIPPED / name).PixelData in body for body in bodies)


def test_a_study_or_series_comes_as_a_whole(running: tuple[str, Gateway]) -> None:
    for path in paths(running):
        for above in (path.rpartition("/instances/")[0], path.rpartition("/series/")[0]):
            assert len(ask(running, above, STORED).parts()) == 1


def test_released_values_are_found_and_hidden_ones_are_not(running: tuple[str, Gateway]) -> None:
    studies = ask(running, "/studies").json
    assert len(studies) == len(FILES)
    for one in studies:
        uid, patient = one["0020000D"]["Value"][0], one["00100020"]["Value"][0]
        assert [same["0020000D"] for same in ask(running, f"/studies?StudyInstanceUID={uid}").json] == [one["0020000D"]]
        assert one in ask(running, f"/studies?PatientID={patient}").json
        assert one["00081190"]["Value"] == [running[1].worklist("research") + f"/studies/{uid}"]
    for key in (
        "PatientID=1CT1",
        "PatientName=CompressedSamples*",
        "StudyInstanceUID=1.3.6.1.4.1.5962.1.2.1.20040119072730.12322",
    ):
        assert ask(running, f"/studies?{key}").status == 204


def test_pages_are_those_of_the_released_side(running: tuple[str, Gateway]) -> None:
    every = [one["0020000D"] for one in ask(running, "/studies").json]
    assert [ask(running, f"/studies?limit=1&offset={at}").json[0]["0020000D"] for at in range(len(every))] == every
    assert ask(running, f"/studies?offset={len(every)}").status == 204


def test_a_key_that_the_archive_reads_selects_a_worklist(running: tuple[str, Gateway]) -> None:
    (path,) = paths(running, "ct")
    copy = pydicom.dcmread(BytesIO(ask(running, path, "application/dicom", "ct").body))
    assert copy.Modality == "CT"
    others = [found for found in paths(running) if found != path]
    assert {ask(running, other, STORED, "ct").status for other in others} == {404}


def test_what_it_cannot_transcode_is_not_acceptable_and_what_it_has_not_is_not_there(
    running: tuple[str, Gateway],
) -> None:
    for path in paths(running):
        assert ask(running, path, PARTS + "; transfer-syntax=1.2.840.10008.1.2.4.80").status == 406
        for door, accept in (("metadata", JSON), ("frames/1", "application/octet-stream"), ("bulkdata/x", "*/*")):
            answer = ask(running, f"{path}/{door}", accept)
            assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


def test_an_identified_worklist_shows_the_archives_own(running: tuple[str, Gateway]) -> None:
    base, _ = running
    found = paths(running, "reading")
    assert len(found) == len(FILES)
    for path in found:
        answer = ask(running, path, "application/dicom", "reading")
        assert answer.body == httpx.get(base + path, headers={"Accept": "application/dicom"}).content
    names = {one["00100010"]["Value"][0]["Alphabetic"] for one in ask(running, "/studies", worklist="reading").json}
    assert "CompressedSamples^CT1" in names
