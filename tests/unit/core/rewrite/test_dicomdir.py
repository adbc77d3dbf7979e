"""The DICOMDIR of released objects, read by pydicom and dcmtk and checked by dciodvfy."""

import subprocess
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.fileset import DIRECTORY_RECORDERS

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite import dicomdir
from gateway.core.rewrite.dicomdir import Directory
from tests.kit.clinical import BUILDERS, clinical
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Element, part10
from tests.kit.engine import nominal, rewrite
from tests.kit.media import file_set

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

LINKS = ("OffsetOfTheNextDirectoryRecord", "RecordInUseFlag", "OffsetOfReferencedLowerLevelDirectoryEntity")
REFERENCES = ("ReferencedFileID", "ReferencedSOPClassUIDInFile", "ReferencedSOPInstanceUIDInFile",
              "ReferencedTransferSyntaxUIDInFile")  # fmt: skip
SR = "1.2.840.10008.5.1.4.1.1.88.33"
SPECTROSCOPY = "1.2.840.10008.5.1.4.1.1.4.2"
CT = "1.2.840.10008.5.1.4.1.1.2"


def directory(files: Iterable[bytes]) -> bytes:
    entered = Directory()
    for file in files:
        assert entered.enter(file) or entered.enter(file, whole=True)
    return b"".join(entered.pieces())


def records(files: Iterable[bytes]) -> list[Dataset]:
    return list(pydicom.dcmread(BytesIO(directory(files))).DirectoryRecordSequence)


def keys(record: Dataset) -> Dataset:
    """Leave out what is no key of the object."""
    left = Dataset()
    left.update({element.tag: element for element in record if element.keyword not in (*LINKS, *REFERENCES)})
    return left


def object_(number: int, *more: Element, syntax: str = EXPLICIT, sop_class: str = CT, study: int = 1) -> bytes:
    """Write an object; ``more`` replaces its elements, and one without a value takes it out."""
    elements = [
        Element(0x00080016, "UI", sop_class.encode()),
        Element(0x00080018, "UI", f"1.2.3.{number}".encode()),
        Element(0x00080020, "DA", b"20240312"),
        Element(0x00080030, "TM", b"090000.25"),
        Element(0x00080060, "CS", b"CT"),
        Element(0x00100010, "PN", b"DVABC"),
        Element(0x00100020, "LO", b"DVABC"),
        Element(0x0020000D, "UI", f"1.2.{study}".encode()),
        Element(0x0020000E, "UI", f"1.2.{study}.1".encode()),
        Element(0x00200010, "SH", b"S1"),
        Element(0x00200011, "IS", b"1"),
        Element(0x00200013, "IS", str(number).encode()),
        Element(0x7FE00010, "OW", bytes(16)),
    ]
    known = {one.tag: one for one in [*elements, *more]}
    return part10([one for one in known.values() if one.value is not None], syntax)


@pytest.mark.parametrize("modality", BUILDERS)
@pytest.mark.parametrize("released", [True, False])
def test_the_keys_are_those_that_pydicom_takes_from_the_same_file(modality: str, *, released: bool) -> None:
    file = rewrite(nominal(), [clinical(modality)]) if released else clinical(modality)
    found = records([file])
    source = pydicom.dcmread(BytesIO(file))
    assert [record.DirectoryRecordType for record in found[:3]] == ["PATIENT", "STUDY", "SERIES"]
    source.StudyDate = source.StudyDate or "19000101"
    source.StudyTime = source.StudyTime or "000000"
    source.StudyID = source.StudyID or "ANONYMOUS"
    if "ContentSequence" in source:
        del source.ContentSequence  # no content item modifies the name of the document
    for record in found:
        expected = DIRECTORY_RECORDERS[record.DirectoryRecordType](source)
        expected.DirectoryRecordType = record.DirectoryRecordType
        if any(element.VR == "SQ" for element in expected):
            expected.SpecificCharacterSet = source.SpecificCharacterSet
        assert keys(record).to_json_dict() == expected.to_json_dict()
    assert found[3].ReferencedSOPInstanceUIDInFile == source.SOPInstanceUID
    assert found[3].ReferencedSOPClassUIDInFile == source.SOPClassUID
    assert found[3].ReferencedTransferSyntaxUIDInFile == source.file_meta.TransferSyntaxUID


def test_readers_find_every_file_and_no_fault(tmp_path: Path) -> None:
    """Two patients with two studies each, of two series of three objects, that come in no order."""
    entered = Directory()
    names = []
    for number in range(24):
        patient, study, series = number % 2, number // 2 % 2, number // 4 % 2
        file = object_(
            number,
            Element(0x00100020, "LO", f"P{patient}".encode()),
            Element(0x0020000E, "UI", f"1.2.{patient}.{study}.{series}".encode()),
            study=2 * patient + study,
        )
        name = entered.enter(file)
        assert name is not None
        assert all(len(part) <= 8 and part.isalnum() and part.upper() == part for part in name)
        names.append(name)
        tmp_path.joinpath(*name).parent.mkdir(parents=True, exist_ok=True)
        tmp_path.joinpath(*name).write_bytes(file)
    assert len(set(names)) == 24
    (tmp_path / "DICOMDIR").write_bytes(b"".join(entered.pieces()))

    with file_set(tmp_path) as found:
        assert {one.load().SOPInstanceUID for one in found} == {f"1.2.3.{number}" for number in range(24)}
        assert all(one.load().StudyInstanceUID == one.StudyInstanceUID for one in found)
        assert len(found.find_values("StudyInstanceUID")) == 4
        assert len(found.find_values("SeriesInstanceUID")) == 8
    dumped = subprocess.run(["dcmdump", tmp_path / "DICOMDIR"], capture_output=True, check=True)
    assert dumped.stdout.count(b"DirectoryRecordType") == 2 + 4 + 8 + 24
    verified = subprocess.run(["dciodvfy", tmp_path / "DICOMDIR"], capture_output=True, check=False)
    assert b"Error" not in verified.stderr
    # dcmtk reads the directory and enters a file anew, which it does only where the records hold together.
    subprocess.run(["dcmmkdir", "+U", "/".join(names[0])], capture_output=True, check=True, cwd=tmp_path)
    with file_set(tmp_path) as found:
        assert len(found) == 24


def test_records_lead_to_one_another() -> None:
    files = [object_(number, Element(0x00100020, "LO", f"P{number % 2}".encode()), study=number) for number in range(6)]
    whole = pydicom.dcmread(BytesIO(directory(files)))
    at = {record.seq_item_tell: record for record in whole.DirectoryRecordSequence}

    def level(offset: int) -> Iterator[Dataset]:
        while offset:
            yield at[offset]
            offset = at[offset].OffsetOfTheNextDirectoryRecord

    def below(record: Dataset) -> list[Dataset]:
        return list(level(record.OffsetOfReferencedLowerLevelDirectoryEntity))

    patients = list(level(whole.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity))
    assert [patient.PatientID for patient in patients] == ["P0", "P1"]
    assert patients[-1] is at[whole.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity]
    for number, patient in enumerate(patients):
        studies = below(patient)
        assert [study.StudyInstanceUID for study in studies] == [f"1.2.{number + add}" for add in (0, 2, 4)]
        for study in studies:
            (series,) = below(study)
            (image,) = below(series)
            assert series.SeriesInstanceUID == f"{study.StudyInstanceUID}.1"
            assert not below(image)


def test_what_the_profile_emptied_is_made_valid() -> None:
    tags = (0x00080020, 0x00080030, 0x00080060, 0x00100010, 0x00100020, 0x00200010, 0x00200011, 0x00200013)
    empty = [Element(tag, "LO", b"") for tag in tags]
    gone = [Element(tag, "LO", None) for tag in tags]
    wrong = [
        Element(0x00080020, "DA", b"12.03.24"),
        Element(0x00080030, "TM", b"9 am"),
        Element(0x00080060, "CS", b"ct?"),
        Element(0x00200011, "IS", b"one"),
        Element(0x00200013, "IS", b"x"),
        *(Element(tag, "LO", b"") for tag in (0x00100010, 0x00100020, 0x00200010)),
    ]
    for faults in (empty, gone, wrong):
        patient, study, series, image, second = records([object_(1, *faults), object_(2, *faults)])
        assert (patient.PatientName, patient.PatientID) == ("", "ANONYMOUS")
        assert (study.StudyDate, study.StudyTime, study.StudyID) == ("19000101", "000000", "ANONYMOUS")
        assert (study.StudyDescription, study.AccessionNumber) == ("", "")
        assert (series.Modality, series.SeriesNumber) == ("OT", 1)
        assert (image.InstanceNumber, second.InstanceNumber) == (1, 2)


def test_the_study_time_may_have_a_fraction() -> None:
    assert records([object_(1)])[1].StudyTime == "090000.25"


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("undefined", [True, False])
def test_records_do_not_depend_on_how_a_file_is_encoded(syntax: str, *, undefined: bool) -> None:
    code = [
        Element(0x00080100, "SH", b"18748-4"),
        Element(0x00080102, "SH", b"LN"),
        Element(0x00080104, "LO", b"Report"),
    ]
    modifier = [
        Element(0x0040A010, "CS", b"HAS CONCEPT MOD"),
        Element(0x0040A040, "CS", b"CODE"),
        Element(0x0040A043, "SQ", [code], undefined=undefined),
        Element(0x0040A132, "UL", [1]),
    ]
    other = [Element(0x0040A010, "CS", b"CONTAINS"), Element(0x0040A160, "UT", b"found")]
    document = [
        Element(0x0040A043, "SQ", [code], undefined=undefined),
        Element(0x0040A491, "CS", b"COMPLETE"),
        Element(0x0040A493, "CS", b"VERIFIED"),
        Element(0x0040A730, "SQ", [other, modifier], undefined=undefined),
    ]
    found, plain = (records([object_(1, *document, syntax=one, sop_class=SR)])[3] for one in (syntax, EXPLICIT))
    assert keys(found) == keys(plain)
    assert found.CompletionFlag == "COMPLETE"
    assert found.ConceptNameCodeSequence[0].CodeMeaning == "Report"
    assert len(found.ContentSequence) == 1
    assert found.ContentSequence[0].ConceptNameCodeSequence[0].CodeValue == "18748-4"
    assert "TextValue" not in found.ContentSequence[0]


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_numbers_are_numbers(syntax: str) -> None:
    size = [Element(0x00280010, "US", [512]), Element(0x00289001, "UL", [70_000])]
    found = records([object_(1, *size, syntax=syntax, sop_class=SPECTROSCOPY)])[3]
    assert found.DirectoryRecordType == "SPECTROSCOPY"
    assert (found.Rows, found.DataPointRows, found.Columns) == (512, 70_000, 0)
    assert (found.ImageType, found.NumberOfFrames) == (["DERIVED", "SECONDARY"], 1)


def test_a_document_without_a_name_is_a_document() -> None:
    found = records([object_(1, sop_class=SR)])[3]
    assert found.ConceptNameCodeSequence[0].CodeMeaning == "Document"
    assert (found.CompletionFlag, found.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert "ContentSequence" not in found


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_document_was_verified_when_its_last_observer_did_so(syntax: str) -> None:
    def verified(flag: bytes, *times: bytes) -> str | None:
        observers = [[Element(0x0040A030, "DT", time), Element(0x0040A075, "PN", b"X")] for time in times]
        elements = (Element(0x0040A073, "SQ", observers), Element(0x0040A493, "CS", flag))
        record = records([object_(1, *elements, sop_class=SR, syntax=syntax)])[3]
        return str(record.VerificationDateTime) if "VerificationDateTime" in record else None

    assert verified(b"VERIFIED", b"20240101120000", b"20240201", b"20231231") == "20240201"
    assert verified(b"VERIFIED", b"") == verified(b"VERIFIED") == "19000101000000"
    assert verified(b"UNVERIFIED", b"20240201") is None


def test_text_keeps_its_character_set() -> None:
    name = Element(0x00100010, "PN", "Żółw^Ωmega".encode())
    described = Element(0x00081030, "LO", "Übersicht".encode())
    patient, study, series, image = records([object_(1, Element(0x00080005, "CS", b"ISO_IR 192"), name, described)])
    assert patient.PatientName == "Żółw^Ωmega"
    assert study.StudyDescription == "Übersicht"
    assert patient.SpecificCharacterSet == study.SpecificCharacterSet == "ISO_IR 192"
    assert "SpecificCharacterSet" not in series
    assert "SpecificCharacterSet" not in image


def test_a_file_is_entered_as_soon_as_its_keys_are_there() -> None:
    file = object_(1)
    whole = Directory()
    assert whole.enter(file) == ("DICOM", "ST000001", "SE000001", "IM000001")
    cut = Directory()
    sizes = [size for size in range(len(file)) if cut.enter(file[:size])]
    assert sizes
    assert sizes == list(range(sizes[0], len(file)))
    assert sizes[0] < len(file) - 16  # pixel data need not be there
    first = Directory()
    assert first.enter(file[: sizes[0]])
    assert b"".join(first.pieces()) == b"".join(whole.pieces())


def test_equal_objects_have_an_equal_directory() -> None:
    assert directory([object_(1), object_(2)]) == directory([object_(1), object_(2)])
    one, other = (pydicom.dcmread(BytesIO(directory([object_(number)]))) for number in (1, 2))
    assert one.file_meta.MediaStorageSOPInstanceUID != other.file_meta.MediaStorageSOPInstanceUID
    assert one.file_meta.MediaStorageSOPInstanceUID.is_valid


def test_a_large_directory_comes_in_pieces() -> None:
    entered = Directory()
    for number in range(1000):
        assert entered.enter(object_(number))
    pieces = list(entered.pieces())
    assert len(pieces) > 2
    assert max(map(len, pieces)) < 2 * dicomdir.BATCH_BYTES
    assert len(pydicom.dcmread(BytesIO(b"".join(pieces))).DirectoryRecordSequence) == 1003


def test_what_has_no_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for tag in (0x0020000D, 0x0020000E):
        with pytest.raises(MalformedInput, match=f"{tag >> 16:04X},{tag & 0xFFFF:04X}"):
            Directory().enter(object_(1, Element(tag, "UI", b"")))
    with pytest.raises(MalformedInput, match="inside the File Meta"):
        Directory().enter(object_(1)[:150], whole=True)
    monkeypatch.setattr(dicomdir, "MAX_NUMBER", 2)
    entered = Directory()
    assert entered.enter(object_(1))
    assert entered.enter(object_(2))
    with pytest.raises(LimitExceeded, match="files in one folder"):
        entered.enter(object_(3))
