"""Objects to measure on, built with pydicom: a CT slice, an enhanced multi-frame CT and a structured report.

Every identifying text holds TEXT_MARK and every UID that names something holds the study's number, so what a tool left
behind can be counted. ``variant`` gives another instance, or one of another study, without building it anew.
"""

import io
from collections.abc import Callable, Iterable
from typing import Final

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComprehensiveSRStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
)

ROOT: Final = "1.2.826.0.1.3680043.10.1341"
STUDY: Final = ".70001."
INSTANCE: Final = ".80001"
TEXT_MARK: Final = "ZIMMERMANN"
FRAMES: Final = 400


def uid(kind: int, number: int = 0) -> str:
    """Return a UID of the fixtures' study."""
    return f"{ROOT}{STUDY}{kind}.{number}" if number else f"{ROOT}{STUDY}{kind}{INSTANCE}"


def variant(fixture: bytes, *, instance: int = 1, study: int = 1) -> bytes:
    """Return the same object as another instance of the study, or with another study's UIDs throughout."""
    number = f".{80000 + instance}"
    return fixture.replace(STUDY.encode(), f".{70000 + study}.".encode()).replace(INSTANCE.encode(), number.encode())


def identifiers(data: bytes, study: int = 1) -> int:
    """Count the marks in an object."""
    return data.count(TEXT_MARK.encode()) + data.count(f"{ROOT}.{70000 + study}.".encode())


def ct_slice() -> bytes:
    """Build a CT slice of 512 x 512: 297 elements, 179 of them private, 9 sequences."""
    source = get_testdata_file("CT_small.dcm")
    assert isinstance(source, str)
    data_set = dcmread(source)
    del data_set[0xFFFCFFFC]
    _identify(data_set, CTImageStorage)
    data_set.PixelData = _enlarged(data_set.PixelData, data_set.Columns, 4)
    data_set.Rows = data_set.Columns = 512
    data_set.OtherPatientIDsSequence = _items(_patient_id(number) for number in (1, 2))
    data_set.ReferencedStudySequence = _items([_reference("1.2.840.10008.3.1.2.3.1", uid(1, 9))])
    data_set.ReferencedPerformedProcedureStepSequence = _items([_reference("1.2.840.10008.3.1.2.3.3", uid(4, 1))])
    data_set.ReferencedImageSequence = _items(_reference(CTImageStorage, uid(3, number)) for number in (1, 2))
    data_set.SourceImageSequence = _items([_reference(CTImageStorage, uid(3, 3))])
    data_set.ProcedureCodeSequence = _items([_code("CTABD", "99LOCAL", "CT abdomen")])
    data_set.PerformedProtocolCodeSequence = _items([_code("P5-09051", "SRT", "CT protocol")])
    data_set.AnatomicRegionSequence = _items([_code("818981001", "SCT", "Abdomen")])
    request = Dataset()
    request.RequestedProcedureID = TEXT_MARK
    request.ScheduledProcedureStepID = TEXT_MARK
    data_set.RequestAttributesSequence = _items([request])
    data_set.PatientAddress = data_set.PatientComments = f"{TEXT_MARK}, 1 Main Street"
    data_set.OperatorsName = data_set.PerformingPhysicianName = f"{TEXT_MARK}^Karl"
    data_set.ProtocolName = data_set.SeriesDescription = "Abdomen 5.0"
    data_set.DeviceSerialNumber = TEXT_MARK
    return _written(data_set)


def enhanced_ct() -> bytes:
    """Build an enhanced CT of 400 frames: some 13,600 elements in 4,400 items, three identifying ones a frame."""
    data_set = _started(EnhancedCTImageStorage, "CT")
    data_set.AcquisitionDateTime = "20200102030405"
    data_set.NumberOfFrames = FRAMES
    data_set.Rows = data_set.Columns = 64
    data_set.SamplesPerPixel = 1
    data_set.PhotometricInterpretation = "MONOCHROME2"
    data_set.BitsAllocated = data_set.BitsStored = 16
    data_set.HighBit = 15
    data_set.PixelRepresentation = 1
    data_set.DimensionOrganizationSequence = _items([_one("DimensionOrganizationUID", uid(6, 1))])
    shared = Dataset()
    shared.PixelMeasuresSequence = _items([_one("PixelSpacing", [0.5, 0.5])])
    data_set.SharedFunctionalGroupsSequence = _items([shared])
    data_set.PerFrameFunctionalGroupsSequence = _items(_frame(number) for number in range(1, FRAMES + 1))
    data_set.PixelData = bytes(range(256)) * (FRAMES * 64 * 64 * 2 // 256)
    data_set["PixelData"].VR = "OW"
    return _written(data_set)


def structured_report() -> bytes:
    """Build a Comprehensive SR of some 2,050 elements in 510 items."""
    data_set = _started(ComprehensiveSRStorage, "SR")
    data_set.CompletionFlag = "COMPLETE"
    data_set.VerificationFlag = "VERIFIED"
    observer = Dataset()
    observer.VerifyingObserverName = f"{TEXT_MARK}^Anna"
    observer.VerificationDateTime = "20200102030405"
    data_set.VerifyingObserverSequence = _items([observer])
    data_set.ValueType = "CONTAINER"
    data_set.ContinuityOfContent = "SEPARATE"
    data_set.ConceptNameCodeSequence = _items([_code("126000", "DCM", "Imaging Measurement Report")])
    data_set.ContentSequence = _items(_section(number) for number in range(10))
    return _written(data_set)


BUILDERS: Final[dict[str, Callable[[], bytes]]] = {"CT": ct_slice, "EMF": enhanced_ct, "SR": structured_report}


def _frame(number: int) -> Dataset:
    frame = Dataset()
    content = Dataset()
    content.FrameAcquisitionDateTime = f"20200102030405.{number:06d}"
    content.FrameReferenceDateTime = f"20200102030406.{number:06d}"
    content.FrameAcquisitionDuration = 12.5
    content.DimensionIndexValues = [1, number]
    content.StackID = "1"
    content.InStackPositionNumber = number
    content.FrameAcquisitionNumber = content.TemporalPositionIndex = number
    content.NominalCardiacTriggerDelayTime = 0.5 * number
    frame.FrameContentSequence = _items([content])
    frame.PlanePositionSequence = _items([_one("ImagePositionPatient", [-120.5, -130.25, number * 1.5])])
    frame.PlaneOrientationSequence = _items([_one("ImageOrientationPatient", [1, 0, 0, 0, 1, 0])])
    frame.CTImageFrameTypeSequence = _items([_one("FrameType", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])])
    anatomy = _one("FrameLaterality", "U")
    anatomy.AnatomicRegionSequence = _items([_code("818981001", "SCT", "Abdomen")])
    frame.FrameAnatomySequence = _items([anatomy])
    source = _reference(CTImageStorage, uid(5, number))
    source.PurposeOfReferenceCodeSequence = _items([_code("121322", "DCM", "Source image for image processing")])
    derivation = Dataset()
    derivation.SourceImageSequence = _items([source])
    derivation.DerivationCodeSequence = _items([_code("113076", "DCM", "Segmentation")])
    frame.DerivationImageSequence = _items([derivation])
    return frame


def _section(number: int) -> Dataset:
    section = _content("CONTAINS", "CONTAINER", _code("125007", "DCM", "Measurement Group"))
    section.ContinuityOfContent = "SEPARATE"
    items = [_measurement(number, index) for index in range(8)]
    for index in range(5):
        text = _content("CONTAINS", "TEXT", _code("121071", "DCM", "Finding"))
        text.TextValue = (
            f"{TEXT_MARK}: finding {index} of section {number}, as dictated on the day of the examination. " * 2
        )
        items.append(text)
    person = _content("HAS OBS CONTEXT", "PNAME", _code("121008", "DCM", "Person Observer Name"))
    person.PersonName = f"{TEXT_MARK}^Anna"
    identifier = _content("HAS OBS CONTEXT", "UIDREF", _code("112040", "DCM", "Tracking Unique Identifier"))
    identifier.UID = uid(7, number + 1)
    image = _content("CONTAINS", "IMAGE", _code("121112", "DCM", "Source of Measurement"))
    image.ReferencedSOPSequence = _items([_reference(DigitalXRayImageStorageForPresentation, uid(3, number + 1))])
    section.ContentSequence = _items([*items, person, identifier, image])
    return section


def _measurement(number: int, index: int) -> Dataset:
    measurement = _content("CONTAINS", "NUM", _code(f"G-{index:04d}", "SRT", "Length"))
    value = _one("NumericValue", f"{number}.{index}")
    value.MeasurementUnitsCodeSequence = _items([_code("mm", "UCUM", "millimeter")])
    measurement.MeasuredValueSequence = _items([value])
    return measurement


def _content(relationship: str, value_type: str, concept: Dataset) -> Dataset:
    item = _one("RelationshipType", relationship)
    item.ValueType = value_type
    item.ObservationDateTime = "20200102030405"
    concept.CodingSchemeVersion = "20100112"
    item.ConceptNameCodeSequence = _items([concept])
    return item


def _started(sop_class: str, modality: str) -> Dataset:
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 100"
    data_set.Modality = modality
    data_set.Manufacturer = "BENCHMARK"
    data_set.StudyTime = data_set.ContentTime = "030405"
    data_set.SeriesNumber = data_set.InstanceNumber = "1"
    data_set.PatientSex = "O"
    data_set.file_meta = FileMetaDataset()
    _identify(data_set, sop_class)
    return data_set


def _identify(data_set: Dataset, sop_class: str) -> None:
    data_set.SOPClassUID = sop_class
    data_set.StudyInstanceUID = uid(1, 1)
    data_set.SeriesInstanceUID = uid(2, 1)
    data_set.SOPInstanceUID = uid(3)
    data_set.FrameOfReferenceUID = uid(8, 1)
    data_set.StudyDate = data_set.ContentDate = "20200102"
    data_set.AccessionNumber = f"{TEXT_MARK}-1"
    data_set.InstitutionName = f"{TEXT_MARK} Hospital"
    data_set.ReferringPhysicianName = f"{TEXT_MARK}^Otto"
    data_set.PatientName = f"{TEXT_MARK}^Erika"
    data_set.PatientID = f"{TEXT_MARK}-1"
    data_set.PatientBirthDate = "19500102"
    data_set.StudyDescription = f"Abdomen {TEXT_MARK}"
    data_set.StudyID = f"{TEXT_MARK}1"


def _patient_id(number: int) -> Dataset:
    item = _one("PatientID", f"{TEXT_MARK}-{number}")
    item.TypeOfPatientID = "TEXT"
    return item


def _reference(sop_class: str, sop_instance: str) -> Dataset:
    item = _one("ReferencedSOPClassUID", sop_class)
    item.ReferencedSOPInstanceUID = sop_instance
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = _one("CodeValue", value)
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def _one(keyword: str, value: object) -> Dataset:
    item = Dataset()
    setattr(item, keyword, value)
    return item


def _items(items: Iterable[Dataset]) -> Sequence:
    return Sequence(items)


def _enlarged(pixels: bytes, columns: int, factor: int) -> bytes:
    """Repeat every 16-bit pixel and every row."""
    width = columns * 2
    rows = (pixels[at : at + width] for at in range(0, len(pixels), width))
    return b"".join(b"".join(row[at : at + 2] * factor for at in range(0, width, 2)) * factor for row in rows)


def _written(data_set: Dataset) -> bytes:
    meta = data_set.file_meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.SourceApplicationEntityTitle = TEXT_MARK
    target = io.BytesIO()
    data_set.save_as(target, enforce_file_format=True)
    return target.getvalue()
