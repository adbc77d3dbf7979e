"""Dates that move: whoever knows what the standard has published learns from no object by how much."""

from datetime import date, timedelta
from io import BytesIO
from typing import Final

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from gateway.core.pseudonym.keys import MAX_SHIFT_DAYS
from gateway.core.rewrite.engine import Engine
from tests.kit.engine import KEYS, profile, rewrite

DAY: Final = date(2024, 5, 17)
"""When the patient was there; it is what must not be found."""
KNOWN: Final = {
    "ContextGroupVersion": "20020904",  # of CID 4, as the standard prints it
    "ContextGroupLocalVersion": "20020904",
    "DateOfLastCalibration": "20240101",  # of a device, in objects of every patient
    "DateOfManufacture": "20190801",
    "DateOfInstallation": "20200115",
    "DateOfLastDetectorCalibration": "20240102",
}
SHIFTING: Final = ("research-longitudinal", "ai-training", "retain-longitudinal-modified-dates")


def made() -> bytes:
    """Make an object of one patient, with dates that are not only theirs."""
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "Chest"
    region.MappingResource, region.ContextIdentifier = "DCMR", "4"
    found = Dataset()
    for keyword, value in KNOWN.items():
        setattr(region if keyword.startswith("Context") else found, keyword, value)
    found.AnatomicRegionSequence = [region]
    found.SOPClassUID, found.SOPInstanceUID = CTImageStorage, UID("1.2.752.9.3")
    found.StudyInstanceUID, found.SeriesInstanceUID = "1.2.752.9.1", "1.2.752.9.2"
    found.PatientID, found.PatientName, found.Modality = "4711", "Kowalska^Anna", "CT"
    found.StudyDate = found.SeriesDate = f"{DAY:%Y%m%d}"
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID, found.file_meta.MediaStorageSOPInstanceUID = (
        CTImageStorage,
        UID("1.2.752.9.3"),
    )
    file = BytesIO()
    pydicom.dcmwrite(file, found, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("name", SHIFTING)
def test_no_date_that_is_known_elsewhere_tells_how_far_a_patients_dates_moved(name: str) -> None:
    released = pydicom.dcmread(BytesIO(rewrite(Engine(profile(name), KEYS), [made()])))
    study = day(released.StudyDate)
    moved = KEYS.shift_days("", "4711", "1.2.752.9.1")
    assert study == DAY - timedelta(moved)
    found = [(keyword, element.value) for element in released.iterall() if (keyword := element.keyword) in KNOWN]
    guessed = {keyword: day(KNOWN[keyword]) - day(value) for keyword, value in found if value}
    assert study + timedelta(moved) not in {study + by for by in guessed.values()}
    assert not [by for by in guessed.values() if timedelta(1) <= by <= timedelta(MAX_SHIFT_DAYS)], "a date moved"


def day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
