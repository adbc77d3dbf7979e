"""Text that is burned into pictures is searched for before anything of them leaves, whatever door is asked."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.uid import UID

pytest.importorskip("rapidocr", reason="needs the extra screen")

from gateway.screening.text import Pixels
from tests.kit import burned
from tests.kit.images import image, written
from tests.kit.servers import Gateway, gateway, orthanc, worklists

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow]

PROFILE = """
name: screened
comment: Nominal, and pictures that may show text are searched for it.
based_on: nominal
apply_masks: true
burned_in_text: screen
"""
EMPTY = np.full((240, 480), 30, np.uint8)
NAMED, TEXT = burned.write(EMPTY, "BEISPIEL^ERIKA", (30, 40), 22, 200)
LARGE = np.full((480, 640), 30, np.uint8)
CODE = "113101"
PATIENCE_S = 280
WITH_TEXT, WITHOUT, CROWD = "2.25.4711.1", "2.25.4711.2", "2.25.4711.3"
CROWD_SIZE = 12
MULTIPART = 'multipart/related; type="{}"'


@dataclass(frozen=True)
class Service:
    """A worklist; its clients come again when they are told to."""

    server: Gateway

    def get(self, path: str, accept: str) -> httpx.Response:
        for _ in range(PATIENCE_S // 10):
            answer = httpx.get(
                f"{self.server.worklist('screened')}{path}", headers={"accept": accept}, timeout=PATIENCE_S
            )
            if answer.status_code != 503:
                break
            wait_s = int(answer.headers["retry-after"])
            assert wait_s > 0
            time.sleep(wait_s)
        return answer.raise_for_status()

    def instance(self, number: int) -> str:
        """Return the released path of an instance by its Instance Number."""
        found = self.get("/instances", "application/dicom+json").json()
        shown = [one for one in found if one["00200013"]["Value"] == [number]]
        study, series, one = (shown[0][key]["Value"][0] for key in ("0020000D", "0020000E", "00080018"))
        return f"/studies/{study}/series/{series}/instances/{one}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("screening")
    with orthanc(folder) as origin:
        for number, (study, pixels) in enumerate(((WITH_TEXT, NAMED), (WITHOUT, EMPTY)), 1):
            _store(folder, _capture(study, pixels, number))
        for number in range(CROWD_SIZE):
            _store(folder, _capture(CROWD, LARGE, 100 + number))
        origin.load(folder / "files")
        settings = worklists([], origin.dicomweb, screened={"profile": "screened"})
        with gateway(folder / "gateway", settings, {"screened": PROFILE}) as server:
            yield Service(server)


def test_a_name_is_masked_on_every_door_and_the_object_says_that_it_is_clean(service: Service) -> None:
    path = service.instance(1)
    frame = np.frombuffer(
        _part(service.get(f"{path}/frames/1", MULTIPART.format("application/octet-stream"))), np.uint8
    )
    whole = pydicom.dcmread(io.BytesIO(_part(service.get(path, MULTIPART.format("application/dicom")))))
    shown = np.asarray(Image.open(io.BytesIO(service.get(f"{path}/rendered", "image/png").content)).convert("L"))
    for pixels in (frame.reshape(EMPTY.shape), whole.pixel_array, shown):
        hidden = pixels[TEXT.glyphs]
        assert hidden.max() == hidden.min(), "nothing of the letters can be told"
    assert (whole.pixel_array[120:] == EMPTY[120:]).all(), "what is beside the text stays"
    assert whole.BurnedInAnnotation == "NO"
    assert CODE in [item.CodeValue for item in whole.DeidentificationMethodCodeSequence]


def test_a_picture_without_text_passes_as_it_is_and_says_that_it_is_clean(service: Service) -> None:
    path = service.instance(2)
    whole = pydicom.dcmread(io.BytesIO(_part(service.get(path, MULTIPART.format("application/dicom")))))
    (said,) = service.get(f"{path}/metadata", "application/dicom+json").json()
    assert (whole.pixel_array == EMPTY).all()
    assert whole.BurnedInAnnotation == "NO"
    assert said["00280301"]["Value"] == ["NO"]


def test_a_crowd_is_told_to_come_again_and_others_are_served_meanwhile(service: Service) -> None:
    path = service.instance(2)
    service.get(f"{path}/metadata", "application/dicom+json")
    base = service.server.worklist("screened")
    found = httpx.get(f"{base}/instances", headers={"accept": "application/dicom+json"}, timeout=PATIENCE_S).json()
    crowd = [one for one in found if one["00200013"]["Value"][0] >= 100]
    paths = ["/studies/{}/series/{}/instances/{}".format(*(one[key]["Value"][0] for key in _UIDS)) for one in crowd]
    with ThreadPoolExecutor(CROWD_SIZE) as together:
        asked = [together.submit(httpx.get, f"{base}{one}/frames/1", timeout=PATIENCE_S) for one in paths]
        meanwhile = httpx.get(f"{base}{path}/rendered", headers={"accept": "image/png"}, timeout=PATIENCE_S)
        answers = [one.result() for one in asked]
    assert meanwhile.status_code == 200
    turned_away = [one for one in answers if one.status_code == 503]
    assert turned_away
    assert all(int(one.headers["retry-after"]) > 0 for one in turned_away)
    assert all(one.json()["type"].endswith(":screening-busy") for one in turned_away)


_UIDS = ("0020000D", "0020000E", "00080018")


def _capture(study: str, pixels: Pixels, number: int) -> FileDataset:
    made = image(pixels, number, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", Modality="OT")
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = UID(f"{study}.1.{number}")
    made.PatientName, made.ConversionType = "BEISPIEL^ERIKA", "WSD"
    return made


def _store(folder: Path, made: FileDataset) -> None:
    (folder / "files").mkdir(exist_ok=True)
    (folder / "files" / f"{made.InstanceNumber}.dcm").write_bytes(written(made))


def _part(answer: httpx.Response) -> bytes:
    head = f"content-type: {answer.headers['content-type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + answer.content, policy=HTTP).iter_parts()
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content
