"""Invented studies for the twin test: several patients, some twice, every common kind of object and encoding.

Each study is made of the objects of ``clinical``, moved under a root of its own, so that they refer to each other.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.kit.clinical import ROOT, clinical

SIDE: Final = 32
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Study:
    """One study: ``objects`` name a modality of ``clinical`` and how it is written; ``values`` of None are left out."""

    number: int
    objects: tuple[tuple[str, UID], ...]
    values: Values = field(default_factory=dict)


_PLAIN, _IMPLICIT, _DEFLATED = ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian
_ERIKA = {"PatientName": "Beispiel^Erika", "PatientID": "MRN-0815", "PatientBirthDate": "19611105", "PatientSex": "F"}
_JUERGEN = {"PatientName": "Müller^Jürgen^^Dr.", "PatientID": "MRN-0816", "PatientSex": "M"}
_TAROU = {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "PatientID": "JP 77/3", "PatientSex": "M",
          "SpecificCharacterSet": "ISO_IR 192"}  # fmt: skip
_GREEK = {"PatientName": "Διονυσιος", "PatientID": "gr-1", "SpecificCharacterSet": "ISO_IR 126"}
_NOBODY = {"PatientID": None, "PatientName": ""}

STUDIES: Final = (
    Study(1, (("CT", _PLAIN), ("CT", _PLAIN), ("CT", JPEG2000Lossless), ("SEG", _PLAIN), ("SR", _PLAIN),
              ("PR", _PLAIN)),
          _ERIKA | {"StudyDate": "20240312", "StudyDescription": "CT Thorax of Mrs Beispiel",
                    "AccessionNumber": "A-1"}),
    Study(2, (("CT", _IMPLICIT), ("PT", _PLAIN)),
          _ERIKA | {"StudyDate": "20240920", "StudyTime": "101500", "StudyDescription": "PET/CT",
                    "AccessionNumber": "A-2", "PatientName": "Beispiel-Muster^Erika"}),
    Study(3, (("MR", _PLAIN), ("MR", _DEFLATED)),
          _JUERGEN | {"StudyDate": "20231231", "StudyTime": "235959", "StudyID": "77", "AccessionNumber": "B-1"}),
    Study(4, (("XA", RLELossless),),
          _JUERGEN | {"StudyDate": "20240101", "StudyTime": "000001", "InstitutionName": "Krankenhaus Süd",
                      "ReferringPhysicianName": "Größer^Åsa"}),
    Study(5, (("US", JPEGBaseline8Bit), ("US", _PLAIN)),
          _TAROU | {"StudyDate": "20200229", "StudyDescription": "心エコー", "AccessionNumber": "C,1"}),
    Study(6, (("NM", _PLAIN),), _TAROU | {"StudyDate": "20210301", "StudyTime": None}),
    Study(7, (("MG", _PLAIN), ("ECG", _PLAIN)), _GREEK | {"StudyDate": "19991130"}),
    Study(8, (("RTSTRUCT", _PLAIN), ("RTPLAN", _PLAIN), ("RTDOSE", _PLAIN)), _GREEK | {"StudyDate": ""}),
    Study(9, (("CT", _PLAIN),), _NOBODY | {"StudyDate": "20240312", "AccessionNumber": None}),
    Study(10, (("MR", _PLAIN),), _NOBODY | {"StudyDate": None, "StudyID": None, "ReferringPhysicianName": None,
                                            "StudyDescription": None, "SeriesNumber": None, "InstanceNumber": None}),
    Study(11, (("CT", _PLAIN),), _ERIKA | {"IssuerOfPatientID": "Elsewhere", "PatientName": "Namesake^Nora",
                                           "StudyDate": "20240312"}),
    Study(12, (("SR", _PLAIN),), {"PatientName": "Beispiel^Udo", "PatientID": "mrn-0815", "Modality": None,
                                  "StudyDate": "20240401"}),
)  # fmt: skip


def write_studies(folder: Path) -> None:
    """Write every object as a file."""
    folder.mkdir()
    for study in STUDIES:
        for number, data_set in enumerate(data_sets(study), 1):
            dcmwrite(folder / f"{study.number}-{number}.dcm", data_set, enforce_file_format=True)


def data_sets(study: Study) -> Iterator[Dataset]:
    """Make the objects of one study; repeated kinds share a series."""
    seen: dict[str, int] = {}
    for kind, syntax in study.objects:
        seen[kind] = seen.get(kind, 0) + 1
        data_set = dcmread(BytesIO(clinical(kind)))
        data_set.walk(_moved(study.number))
        data_set.SeriesNumber, data_set.InstanceNumber = len(seen), seen[kind]
        if seen[kind] > 1:
            data_set.SOPInstanceUID = UID(f"{data_set.SOPInstanceUID}.{seen[kind]}")
        _request(data_set, study.number)
        for keyword, value in study.values.items():
            if value is None:
                data_set.pop(keyword, None)
            else:
                setattr(data_set, keyword, value)
        if kind == "CT":
            _picture(data_set, seen[kind])
        _encode(data_set, syntax)
        data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
        yield data_set


def _moved(number: int) -> Callable[[Dataset, Any], None]:
    def move(_data_set: Dataset, element: Any) -> None:
        if element.VR == "UI" and element.value:
            element.value = UID(str(element.value).replace(f"{ROOT}.", f"{ROOT}.{number}."))

    return move


def _request(data_set: Dataset, number: int) -> None:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = f"SPS-{number}", f"RP-{number}"
    data_set.RequestAttributesSequence = [item]
    data_set.PerformedProcedureStepStartDate, data_set.PerformedProcedureStepStartTime = "20240312", "090100"


def _picture(data_set: Dataset, number: int) -> None:
    """Give a CT pixels that can be looked at, all within its window."""
    data_set.Rows = data_set.Columns = SIDE
    values = (864 + 6 * (x + y) + number for y in range(SIDE) for x in range(SIDE))
    data_set.PixelData = b"".join(value.to_bytes(2, "little") for value in values)


def _encode(data_set: Dataset, syntax: UID) -> None:
    if syntax == JPEGBaseline8Bit:
        _as_jpeg(data_set)
    elif syntax == JPEG2000Lossless:
        written = BytesIO()
        picture = Image.frombytes("I;16", (data_set.Columns, data_set.Rows), data_set.PixelData)
        picture.save(written, "JPEG2000", no_jp2=True)
        _encapsulate(data_set, [written.getvalue()], syntax)
    elif syntax.is_encapsulated:
        data_set.compress(syntax, generate_instance_uid=False)
    else:
        data_set.file_meta.TransferSyntaxUID = syntax


def _as_jpeg(data_set: Dataset) -> None:
    data_set.Rows = data_set.Columns = SIDE
    frames = []
    for number in range(int(data_set.NumberOfFrames)):
        picture = Image.new("RGB", (SIDE, SIDE))
        picture.putdata([(8 * x, 8 * y, 90 * number) for y in range(SIDE) for x in range(SIDE)])
        written = BytesIO()
        picture.save(written, "JPEG", quality=90, comment=b"Beispiel^Erika")
        frames.append(written.getvalue())
    _encapsulate(data_set, frames, JPEGBaseline8Bit)
    data_set.PhotometricInterpretation = "YBR_FULL_422"
    data_set.LossyImageCompression, data_set.LossyImageCompressionRatio = "01", "10"
    data_set.LossyImageCompressionMethod = "ISO_10918_1"


def _encapsulate(data_set: Dataset, frames: list[bytes], syntax: UID) -> None:
    data_set.PixelData = encapsulate(frames)
    data_set["PixelData"].VR, data_set["PixelData"].is_undefined_length = "OB", True
    data_set.file_meta.TransferSyntaxUID = syntax
