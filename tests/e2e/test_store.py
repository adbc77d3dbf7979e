"""STOW-RS into a real Orthanc: what arrives there, what the sender is told, and what never leaves."""

import random
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from tests.kit.canary import CHARSETS, IMAGES, SOP_CLASSES, plant, source_uids
from tests.kit.canary_search import Canaries, search
from tests.kit.encode import EXPLICIT, IMPLICIT, JPEG
from tests.kit.images import CANARY, STUDY, image, ramp, written
from tests.kit.servers import Gateway, Orthanc, gateway, orthanc, worklists
from tests.kit.upload import PARTS, body, part, send, store

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.filterwarnings("ignore:::pydicom")]

PDF = b"%PDF-1.7 " + CANARY.encode() + bytes(900)
MIB = 1 << 20
# What strict keeps of Study Date, in both encodings of its header.
_STUDY_YEAR = re.compile(rb"\x08\0 \0(?:DA\x08\0|\x08\0\0\0)[0-9]{4}0101")


@dataclass(frozen=True, slots=True)
class Stage:
    """A destination, and a gateway before it."""

    far: Orthanc
    gateway: Gateway

    def base(self, name: str = "uplink") -> str:
        return self.gateway.worklist(name)

    def files(self) -> list[bytes]:
        """Read back everything that the destination has, byte for byte."""
        found = self.far.get("/instances")
        return [httpx.get(f"http://{self.far.authority}/instances/{one}/file", timeout=60).content for one in found]

    def count(self) -> int:
        return len(self.far.get("/instances"))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("store")
    with orthanc(folder) as far:
        settings = worklists(
            [],
            far.dicomweb,
            uplink={"profile": "strict", "services": ["store"]},
            plain={"profile": "nominal", "services": ["store"]},
            both={"profile": "nominal", "services": ["search", "retrieve", "store"]},
            identified={"identified": True, "services": ["store"]},
        )
        with gateway(folder / "gateway", settings) as server:
            yield Stage(far, server)


@pytest.fixture
def stage(started: Stage) -> Iterator[Stage]:
    """Lend the servers to one test, the destination empty."""
    for one in started.far.get("/patients"):
        httpx.delete(f"http://{started.far.authority}/patients/{one}", timeout=60).raise_for_status()
    before = len(started.gateway.log)
    yield started
    print(started.gateway.log[before:])


def small(number: int, **attributes: Any) -> bytes:
    return written(image(ramp(), number, **attributes))


def clip(number: int, mib: int) -> bytes:
    pixels = np.frombuffer(random.Random(number).randbytes(MIB), np.uint8).reshape(1, 1024, 1024)
    return written(image(np.repeat(pixels, mib, 0), number, frames=mib, SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2"))


def uid(number: int) -> str:
    return f"{STUDY}.1.{number}"


def test_a_real_client_stores_and_the_destination_reads_like_an_uplink(stage: Stage) -> None:
    client = DICOMwebClient(stage.base())
    told = {"StudyDate": "20240517", "PatientBirthDate": "19611105", "PatientSex": "F"}
    given = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(small(number, **told))) for number in (1, 2)]
    answer = client.store_instances(given)
    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [uid(1), uid(2)]
    assert "FailedSOPSequence" not in answer
    (study,) = stage.far.search("/studies?includefield=PatientBirthDate&includefield=PatientSex")
    table = {"00100010": {"Alphabetic": "ANONYMOUS"}, "00100020": "000000", "00100030": "19900101", "00100040": "O",
             "00080020": "20240101"}  # fmt: skip
    assert {key: study[key]["Value"][0] for key in table} == table
    assert STUDY not in str(stage.far.search("/instances"))


def test_good_parts_arrive_while_bad_ones_are_named(stage: Stage) -> None:
    answer = store(stage.base(), small(1), PDF, small(2)[:-50], small(3), b"MZ\x90" + bytes(800))
    assert (answer.status, answer.stored) == (202, [uid(1), uid(3)])
    assert answer.failed == {uid(2): 0xC000}
    assert answer.others == [0xC000, 0xC000]
    assert answer.urls == []
    assert stage.count() == 2


def test_nothing_but_garbage_is_a_conflict(stage: Stage) -> None:
    answer = store(stage.base(), PDF, b"MSH|^~\\&|", b"\xff\xd8\xff\xe0JFIF" + bytes(200))
    assert (answer.status, answer.stored, answer.others) == (409, [], [0xC000] * 3)
    assert stage.count() == 0


def test_one_object_may_come_bare(stage: Stage) -> None:
    answer = send(stage.base(), small(1), "application/dicom", Accept="application/dicom+xml")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+xml")
    assert uid(1) in answer.text
    assert stage.count() == 1


@pytest.mark.slow
def test_a_thousand_instances_are_accounted_for_one_by_one(stage: Stage) -> None:
    draw = random.Random(5)
    kinds = ["good"] * 900 + ["malformed"] * 50 + ["foreign"] * 50
    draw.shuffle(kinds)
    parts = {number: small(number) for number, kind in enumerate(kinds) if kind != "foreign"}
    content = [
        part(
            PDF
            if kind == "foreign"
            else parts[number][: -draw.randrange(1, 6000)]
            if kind == "malformed"
            else parts[number]
        )
        for number, kind in enumerate(kinds)
    ]
    answer = store(stage.base(), *[one[len(part(b"")) :] for one in content])
    good = {uid(number) for number, kind in enumerate(kinds) if kind == "good"}
    assert answer.status == 202
    assert len(answer.stored) == 900
    assert set(answer.stored) == good
    assert set(answer.failed) == {uid(number) for number, kind in enumerate(kinds) if kind == "malformed"}
    assert answer.others == [0xC000] * 50
    assert stage.count() == 900


def test_no_canary_arrives(stage: Stage) -> None:
    planted = [
        plant(name, {"MR": IMPLICIT, "US": JPEG}.get(name, EXPLICIT), seed=number * 5000, hostile=False, small=True)
        for number, name in enumerate(SOP_CLASSES)
    ]
    planted += [
        plant("CT", EXPLICIT, charset, seed=number * 5000, hostile=False, small=True)
        for number, charset in enumerate(CHARSETS, len(SOP_CLASSES))
    ]
    before = len(stage.gateway.log)
    answer = store(stage.base(), *[one.part10 for one in planted])
    images = [source_uids(one)[2] for one in planted if one.name in IMAGES]
    assert answer.stored == images
    assert set(answer.failed) == {source_uids(one)[2] for one in planted if one.name not in IMAGES}
    assert set(answer.failed.values()) == {0x0122}
    canaries = Canaries({}, {}, frozenset())
    for one in planted:
        canaries |= one.canaries
    files = stage.files()
    assert len(files) == len(images)
    for file in files:
        assert search(_STUDY_YEAR.sub(b"", file), canaries) == []
    assert search(stage.gateway.log[before:].encode(), canaries) == []
    assert search(stage.gateway.state.read_bytes(), canaries) == []


def test_a_retry_stores_nothing_twice(stage: Stage) -> None:
    first = store(stage.base(), small(1), small(2))
    before = {bytes(file) for file in stage.files()}
    assert store(stage.base(), small(2), small(3), small(1)).stored == [uid(2), uid(3), uid(1)]
    assert first.status == 200
    assert stage.count() == 3
    assert before < {bytes(file) for file in stage.files()}


def test_a_client_that_leaves_in_mid_part_leaves_nothing_partial(stage: Stage) -> None:
    host, port = stage.gateway.base.removeprefix("http://").split(":")
    for begun, whole in ((clip(9, 12), 1), (small(9), 2)):
        with socket.create_connection((host, int(port))) as client:
            head = (
                f"POST /worklists/uplink/dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {PARTS}\r\n"
                f"Content-Length: {len(begun) * 3}\r\n\r\n"
            )
            client.sendall(head.encode() + part(small(whole)) + part(begun[:-100]))
            wait_for(lambda expected=whole: stage.count() >= expected - 1)
        wait_for(lambda expected=whole: stage.count() == expected)
    assert [pydicom.dcmread(pydicom.filebase.DicomBytesIO(file)).Rows for file in stage.files()] == [48, 48]


def test_a_large_clip_passes_in_bounded_memory(stage: Stage) -> None:
    assert stage.gateway.process is not None
    status = Path(f"/proc/{stage.gateway.process.pid}/status")
    store(stage.base("plain"), clip(1, 8))
    Path(f"/proc/{stage.gateway.process.pid}/clear_refs").write_text("5", encoding="ascii")
    before = resident(status, "VmRSS")
    large = clip(2, 128)
    answer = store(stage.base("plain"), large)
    assert answer.stored == [uid(2)]
    assert resident(status, "VmHWM") - before < 24 << 10
    pixels = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(file)).PixelData for file in stage.files()]
    assert large[-len(pixels[-1]) :] in pixels


def test_what_was_stored_is_found_where_the_answer_says(stage: Stage) -> None:
    answer = store(stage.base("both"), small(1), small(2))
    study, *instances = answer.urls
    assert study.startswith(stage.base("both") + "/studies/2.25.")
    assert len(instances) == 2
    for url in answer.urls:
        found = httpx.get(f"{url}/metadata")
        assert found.status_code == 200
        assert STUDY not in found.text


def test_what_was_released_here_is_not_deidentified_once_more(stage: Stage) -> None:
    store(stage.base("both"), small(1))
    (found,) = httpx.get(stage.base("both") + "/studies").json()
    released = found["0020000D"]["Value"][0]
    answer = store(stage.base("both"), small(5, StudyInstanceUID=released), small(6))
    assert (answer.status, answer.stored, answer.failed) == (202, [uid(6)], {uid(5): 0x0110})


def test_identified_worklists_pass_what_is_dicom(stage: Stage) -> None:
    answer = store(stage.base("identified"), small(1), PDF)
    assert (answer.stored, answer.others) == ([uid(1)], [0xC000])
    assert stage.files() == [small(1)]


def test_a_worklist_that_only_stores_has_no_other_door(stage: Stage) -> None:
    store(stage.base(), small(1))
    for path in ("/studies", f"/studies/{STUDY}", f"/studies/{STUDY}/metadata", "/instances", "/series"):
        for method in ("GET", "HEAD"):
            assert httpx.request(method, stage.base() + path).status_code == 404, (method, path)
    answer = httpx.request("PUT", stage.base() + "/studies")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_chunks_of_any_size_are_one_body(stage: Stage, size: int) -> None:
    content = body(small(1)[: 2000 if size < 100 else None], small(2) if size > 100 else PDF[:50])
    answer = send(stage.base(), (content[at : at + size] for at in range(0, len(content), size)))
    assert answer.status_code == (409 if size < 100 else 200)


def test_an_eager_client_is_told_when_to_go_on(stage: Stage) -> None:
    host, port = stage.gateway.base.removeprefix("http://").split(":")
    content = body(small(1))
    for path, first in (("uplink", b"HTTP/1.1 100 "), ("nowhere", b"HTTP/1.1 404 ")):
        with socket.create_connection((host, int(port)), 20) as client:
            client.sendall(
                f"POST /worklists/{path}/dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {PARTS}\r\n"
                f"Expect: 100-continue\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            )
            answer = client.recv(4096)
            assert answer.startswith(first)
            if first.startswith(b"HTTP/1.1 100"):
                client.sendall(content)
                assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def resident(status: Path, name: str) -> int:
    """Read a size in kB."""
    (line,) = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def wait_for(holds: object, seconds: float = 30) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
