"""A structured report with names and dates in its sentences, as reports are."""

from collections.abc import Sequence as Items
from typing import NamedTuple

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from gateway.demo.people import Examination

COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"


class Code(NamedTuple):
    """A coded concept (PS3.16)."""

    value: str
    scheme: str
    meaning: str


_LANGUAGE = Code("en-US", "RFC5646", "English (United States)")


def fill_report(data_set: Dataset, exam: Examination, about: Examination, image: tuple[str, str]) -> None:
    """Make a Comprehensive SR out of a described Data Set; ``image`` is a SOP Class and Instance UID of ``about``."""
    name = exam.patient.family_name
    reader = exam.hospital.reading
    data_set.Modality, data_set.SeriesNumber, data_set.InstanceNumber = "SR", 1, 1
    data_set.SeriesDescription = f"Final report {name}"
    data_set.CompletionFlag, data_set.VerificationFlag = "COMPLETE", "VERIFIED"
    data_set.ContentDate, data_set.ContentTime = exam.date, exam.time
    data_set.ReferencedPerformedProcedureStepSequence = Sequence()
    data_set.PerformedProcedureCodeSequence = Sequence()
    data_set.VerifyingObserverSequence = Sequence([_verifier(exam)])
    data_set.ValueType, data_set.ContinuityOfContent = "CONTAINER", "SEPARATE"
    data_set.ConceptNameCodeSequence = _code(Code("18748-4", "LN", "Diagnostic imaging report"))
    findings = [
        _text("121071", "Finding", f"Mr {name}'s ventricles are of normal width. No haemorrhage, no mass."),
        _number("121206", "Distance", "6.2"),
        _text("121071", "Finding", "Compared with the CT of 2021-05-04 at Sapporo Kita Clinic: no change."),
        _image(image),
    ]
    data_set.ContentSequence = Sequence(
        [
            _coded(Code("121049", "DCM", "Language of Content Item and Descendants"), _LANGUAGE),
            _coded(Code("121005", "DCM", "Observer Type"), Code("121006", "DCM", "Person"), "HAS OBS CONTEXT"),
            _observer(reader),
            _container("121060", "History", [_text("121060", "History", f"{exam.reason}. Seen by Dr. Mizushima.")]),
            _container("121070", "Findings", findings),
            _container(
                "121076", "Conclusions", [_text("121077", "Conclusion", f"Normal MR head of {name}, born 1984.")]
            ),
        ]
    )
    evidence, series, instance = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = image
    series.ReferencedSOPSequence, series.SeriesInstanceUID = Sequence([instance]), about.uid("series")
    evidence.ReferencedSeriesSequence, evidence.StudyInstanceUID = Sequence([series]), about.study_uid
    data_set.CurrentRequestedProcedureEvidenceSequence = Sequence([evidence])


def _verifier(exam: Examination) -> Dataset:
    item = Dataset()
    item.VerifyingOrganization, item.VerifyingObserverName = exam.hospital.name, exam.hospital.reading
    item.VerificationDateTime = exam.date + exam.time
    item.VerifyingObserverIdentificationCodeSequence = Sequence()
    return item


def _code(code: Code) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return Sequence([item])


def _item(relation: str, value_type: str, concept: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, value_type
    item.ConceptNameCodeSequence = _code(concept)
    return item


def _text(value: str, meaning: str, text: str) -> Dataset:
    item = _item("CONTAINS", "TEXT", Code(value, "DCM", meaning))
    item.TextValue = text
    return item


def _coded(concept: Code, value: Code, relation: str = "HAS CONCEPT MOD") -> Dataset:
    item = _item(relation, "CODE", concept)
    item.ConceptCodeSequence = _code(value)
    return item


def _observer(name: str) -> Dataset:
    item = _item("HAS OBS CONTEXT", "PNAME", Code("121008", "DCM", "Person Observer Name"))
    item.PersonName = name
    return item


def _number(value: str, meaning: str, number: str) -> Dataset:
    item, measured = _item("CONTAINS", "NUM", Code(value, "DCM", meaning)), Dataset()
    measured.NumericValue = number
    measured.MeasurementUnitsCodeSequence = _code(Code("mm", "UCUM", "mm"))
    item.MeasuredValueSequence = Sequence([measured])
    return item


def _image(image: tuple[str, str]) -> Dataset:
    item, reference = _item("CONTAINS", "IMAGE", Code("121112", "DCM", "Source of Measurement")), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image
    item.ReferencedSOPSequence = Sequence([reference])
    return item


def _container(value: str, meaning: str, content: Items[Dataset]) -> Dataset:
    item = _item("CONTAINS", "CONTAINER", Code(value, "DCM", meaning))
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = Sequence(content)
    return item
