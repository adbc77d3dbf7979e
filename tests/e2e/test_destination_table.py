"""What a search of the destination shows: nobody, whatever the senders' objects said, and however they came there."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pydicom
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from gateway.storing.metadata import JSON, XML
from tests.kit.described import BOUNDARY, Part, metadata, payload, split
from tests.kit.images import image, ramp, written
from tests.kit.servers import Gateway, gateway, orthanc
from tests.kit.uplinks import begin, ended

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc]

TAGS: Final = ("00100010", "00100020", "00100030", "00100040", "00080020")
SAID: Final[tuple[dict[str, Any], ...]] = (
    {"PatientName": "Kowalska^Anna", "PatientID": "K-1", "PatientBirthDate": "19610203", "PatientSex": "F"},
    {"PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": "", "StudyDate": ""},
    {"PatientName": "ANON", "PatientID": "0", "PatientBirthDate": "1961", "PatientSex": "X", "StudyDate": "1999"},
    {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "PatientID": "山田-7", "StudyDate": "20231231"},
    {"PatientName": "Müller^Jörg\\Zweiter^Name", "PatientID": "A\\B", "PatientSex": "M", "StudyDate": "19000229"},
    {"PatientName": "x" * 64, "PatientID": "9" * 64, "PatientBirthDate": "not a date", "StudyDate": "20240101"},
    {"StudyDate": "2024.03.17", "PatientBirthDate": "1961.02.03", "PatientSex": "female"},
    {"PatientName": None, "PatientID": None, "PatientBirthDate": None, "PatientSex": None, "StudyDate": None},
    {"PatientName": None, "PatientBirthDate": None, "PatientSex": None, "StudyDate": "20220505"},
)
"""What objects say of a patient; None: the attribute is not there."""
YEARS: Final = ("20260101", "", "19990101", "20230101", "19000101", "20240101", "20240101", "", "20220101")
NOBODY: Final = ("ANONYMOUS", "000000", "19900101", "O")
EXPECTED: Final = sorted((*NOBODY, year) for year in YEARS)
"""A study date that is not there has no year."""


@dataclass(frozen=True)
class Stage:
    """A gateway whose uplink reads from one folder, and the destination, searched directly."""

    gateway: Gateway
    cloud: str

    def table(self) -> dict[str, tuple[Any, ...]]:
        """Search all studies; the text of each attribute, by study."""
        found = httpx.get(f"{self.cloud}/studies", timeout=60).raise_for_status().json()
        return {one["0020000D"]["Value"][0]: tuple(cell(one.get(tag, {})) for tag in TAGS) for one in found}


def cell(element: dict[str, Any]) -> str:
    values = element.get("Value") or [""]
    assert len(values) == 1
    value = values[0] or ""
    if isinstance(value, dict):
        assert not value.keys() - {"Alphabetic"}
        return str(value["Alphabetic"])
    return str(value)


def said(number: int, way: int) -> FileDataset:
    found = image(ramp(16, 16), SpecificCharacterSet="ISO_IR 192", PatientBirthDate="19700131", PatientSex="M")
    found.StudyDate = "20261122"
    for keyword, value in SAID[number].items():
        setattr(found, keyword, value or "")
        if value is None:
            del found[keyword]
    study = f"1.2.826.0.1.88.{number + 1}.{way}"
    found.StudyInstanceUID, found.SeriesInstanceUID = UID(study), UID(f"{study}.1")
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = UID(f"{study}.1.1")
    return found


@contextmanager
def destination(kind: str, folder: Path) -> Iterator[tuple[dict[str, object], str]]:
    """Run a destination; give its settings, and where it is searched if not through the gateway."""
    if kind == "folder":
        (folder / "cloud").mkdir()
        yield {"folder": str(folder / "cloud"), "writable": True}, ""
    else:
        with orthanc(folder) as far:
            yield {"dicomweb": far.dicomweb}, far.dicomweb


@pytest.fixture(params=["folder", "orthanc"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "local").mkdir()
    for number in range(len(SAID)):
        (tmp_path / "local" / f"{number}.dcm").write_bytes(written(said(number, 1)))
    with destination(request.param, tmp_path) as (cloud, address):
        settings = {
            "origins": {"local": {"folder": str(tmp_path / "local")}, "cloud": cloud},
            "worklists": {
                "store": {"origin": "cloud", "profile": "strict", "services": ["store"]},
                "cloud": {"origin": "cloud", "identified": True},
            },
            "uplinks": {"clinic": {"origin": "local", "destination": "cloud"}},
        }
        with gateway(tmp_path / "gateway", settings) as server:
            yield Stage(server, address or server.worklist("cloud"))


def post(stage: Stage, parts: list[Part], form: str) -> None:
    headers = {"content-type": f'multipart/related; type="{form}"; boundary={BOUNDARY.decode()}'}
    answer = httpx.post(
        f"{stage.gateway.worklist('store')}/studies", content=payload(parts), headers=headers, timeout=60
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_every_study_at_the_destination_is_of_nobody(stage: Stage) -> None:
    numbers = range(len(SAID))
    for number in numbers:
        assert ended(begin(stage.gateway.base, str(said(number, 1).StudyInstanceUID)))["state"] == "done"
    assert sorted(stage.table().values()) == EXPECTED
    post(stage, [Part(written(said(number, 2)), "application/dicom") for number in numbers], "application/dicom")
    assert sorted(stage.table().values()) == sorted(EXPECTED * 2)
    for way, form in ((3, JSON), (4, XML)):
        # pydicom writes the metadata of what it reads; a UID without its value has no JSON there.
        told = [split(pydicom.dcmread(io.BytesIO(written(said(number, way)))), f"{number}") for number in numbers]
        post(stage, metadata([one for one, _ in told], form) + [part for _, parts in told for part in parts], form)
        assert sorted(stage.table().values()) == sorted(EXPECTED * way)
