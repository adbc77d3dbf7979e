"""Directory records of a DICOMDIR (PS3.3 Annex F): which type stands for an object, and the keys that it carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.core.standard import dictionary
from gateway.core.standard.iods import iod_of
from gateway.core.standard.vr import dummy_bytes

IMAGE: Final = "IMAGE"
_CONTENT: Final = "InstanceNumber/1 ContentDate/1 ContentTime/1"
_IDENTIFIED: Final = f"{_CONTENT} ContentLabel/1 ContentDescription/2 ContentCreatorName/2"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record. ``kind`` is its Type: 1, 2, or 1C, which is there where the object has a value.

    ``neutral`` stands, encoded, for the missing value of Type 1; empty for UIDs and sequences, which have none.
    """

    tag: int
    vr: str
    kind: str
    neutral: bytes


# What is enumerated, or for which the dummy of the VR would say something wrong.
_NEUTRAL: Final = {
    "CompletionFlag": "PARTIAL",
    "DoseSummationType": "PLAN",
    "ImageType": "DERIVED\\SECONDARY",
    "MIMETypeOfEncapsulatedDocument": "application/octet-stream",
    "Modality": "OT",
    "NumberOfFrames": "1",
    "VerificationFlag": "UNVERIFIED",
}


def _keys(text: str) -> tuple[Key, ...]:
    """Read ``Keyword/Type`` pairs; the keys come out in the order of their tags."""
    found = []
    for pair in text.split():
        keyword, _, kind = pair.partition("/")
        tag = dictionary.tag_of(keyword)
        vr = dictionary.vr_of(tag) if tag is not None else None
        if tag is None or vr is None:
            raise LookupError(keyword)
        found.append(Key(tag, vr, kind, _neutral(keyword, vr)))
    return tuple(sorted(found, key=lambda key: key.tag))


def _neutral(keyword: str, vr: str) -> bytes:
    if keyword in _NEUTRAL:
        return _NEUTRAL[keyword].encode()
    return b"" if vr in ("SQ", "UI") else dummy_bytes(vr)


PATIENT: Final = _keys("PatientName/2 PatientID/1")
STUDY: Final = _keys("StudyDate/1 StudyTime/1 AccessionNumber/2 StudyDescription/2 StudyInstanceUID/1 StudyID/1")
SERIES: Final = _keys("Modality/1 SeriesInstanceUID/1 SeriesNumber/1")
LEAVES: Final[Mapping[str, tuple[Key, ...]]] = MappingProxyType(
    {
        name: _keys(text)
        for name, text in {
            IMAGE: "InstanceNumber/1",
            "ANNOTATION": _IDENTIFIED,
            "ASSESSMENT": "InstanceNumber/1 InstanceCreationDate/1 InstanceCreationTime/2",
            "ENCAP DOC": "ContentDate/2 ContentTime/2 InstanceNumber/1 DocumentTitle/2 HL7InstanceIdentifier/1C "
            "ConceptNameCodeSequence/2 MIMETypeOfEncapsulatedDocument/1",
            "FIDUCIAL": _IDENTIFIED,
            "KEY OBJECT DOC": f"{_CONTENT} ConceptNameCodeSequence/1 ContentSequence/1C",
            "MEASUREMENT": _IDENTIFIED,
            "PLAN": "",
            "PRESENTATION": "PresentationCreationDate/1 PresentationCreationTime/1 InstanceNumber/1 ContentLabel/1 "
            "ContentDescription/2 ContentCreatorName/2 ReferencedSeriesSequence/1C BlendingSequence/1C",
            "RADIOTHERAPY": "InstanceNumber/1 UserContentLabel/1C UserContentLongLabel/1C ContentDescription/2 "
            "ContentCreatorName/2",
            "RAW DATA": _CONTENT,
            "REGISTRATION": _IDENTIFIED,
            "RT DOSE": "InstanceNumber/1 DoseSummationType/1",
            "RT PLAN": "InstanceNumber/1 RTPlanLabel/1 RTPlanDate/2 RTPlanTime/2",
            "RT STRUCTURE SET": "InstanceNumber/1 StructureSetLabel/1 StructureSetDate/2 StructureSetTime/2",
            "RT TREAT RECORD": "InstanceNumber/1 TreatmentDate/2 TreatmentTime/2",
            "SPECTROSCOPY": f"ImageType/1 {_CONTENT} ReferencedImageEvidenceSequence/1C NumberOfFrames/1 Rows/1 "
            "Columns/1 DataPointRows/1 DataPointColumns/1",
            "SR DOCUMENT": f"{_CONTENT} CompletionFlag/1 VerificationFlag/1 VerificationDateTime/1C "
            "ConceptNameCodeSequence/1 ContentSequence/1C",
            "STEREOMETRIC": "",
            "SURFACE": _IDENTIFIED,
            "SURFACE SCAN": "ContentDate/1 ContentTime/1",
            "TRACT": _IDENTIFIED,
            "VALUE MAP": _IDENTIFIED,
            "WAVEFORM": _CONTENT,
        }.items()
    }
)
"""Keys of the records below SERIES (PS3.3 Sections F.5.4 to F.5.47)."""

_IODS: Final = {
    "ANNOTATION": "microscopy-bulk-simple-annotations",
    "ASSESSMENT": "content-assessment-results",
    "ENCAP DOC": "encapsulated-cda encapsulated-mtl encapsulated-obj encapsulated-pdf encapsulated-stl",
    "FIDUCIAL": "spatial-fiducials",
    "KEY OBJECT DOC": "key-object-selection-document",
    "MEASUREMENT": "autorefraction-measurements intraocular-lens-calculations keratometry-measurements "
    "lensometry-measurements ophthalmic-axial-measurements ophthalmic-visual-field-static-perimetry-measurements "
    "subjective-refraction-measurements visual-acuity-measurements",
    "PLAN": "rt-beams-delivery-instruction rt-brachy-application-setup-delivery-instruction",
    "PRESENTATION": "advanced-blending-presentation-state basic-structured-display "
    "blending-softcopy-presentation-state color-softcopy-presentation-state grayscale-softcopy-presentation-state "
    "planar-mpr-volumetric-presentation-state pseudo-color-softcopy-presentation-state "
    "variable-modality-lut-softcopy-presentation-state volume-rendering-volumetric-presentation-state "
    "xa-xrf-grayscale-softcopy-presentation-state",
    "RADIOTHERAPY": "c-arm-photon-electron-radiation c-arm-photon-electron-radiation-record robotic-arm-radiation "
    "robotic-arm-radiation-record rt-patient-position-acquisition-instruction rt-physician-intent "
    "rt-radiation-record-set rt-radiation-salvage-record rt-radiation-set rt-radiation-set-delivery-instruction "
    "rt-segment-annotation rt-treatment-preparation tomotherapeutic-radiation tomotherapeutic-radiation-record",
    "RAW DATA": "raw-data",
    "REGISTRATION": "deformable-spatial-registration spatial-registration",
    "RT DOSE": "rt-dose",
    "RT PLAN": "rt-ion-plan rt-plan",
    "RT STRUCTURE SET": "rt-structure-set",
    "RT TREAT RECORD": "rt-beams-treatment-record rt-brachy-treatment-record rt-ion-beams-treatment-record "
    "rt-treatment-summary-record",
    "SPECTROSCOPY": "mr-spectroscopy",
    "SR DOCUMENT": "acquisition-context-sr basic-text-sr chest-cad-sr colon-cad-sr comprehensive-3d-sr "
    "comprehensive-sr enhanced-sr enhanced-x-ray-radiation-dose-sr extensible-sr implantation-plan-sr-document "
    "macular-grid-thickness-and-volume-report mammography-cad-sr patient-radiation-dose-sr "
    "performed-imaging-agent-administration-sr planned-imaging-agent-administration-sr procedure-log "
    "radiopharmaceutical-radiation-dose-sr simplified-adult-echo-sr spectacle-prescription-report "
    "waveform-annotation-sr x-ray-radiation-dose-sr",
    "STEREOMETRIC": "stereometric-relationship",
    "SURFACE": "surface-segmentation",
    "SURFACE SCAN": "surface-scan-mesh surface-scan-point-cloud",
    "TRACT": "tractography-results",
    "VALUE MAP": "real-world-value-mapping",
    "WAVEFORM": "12-lead-ecg ambulatory-ecg arterial-pulse-waveform basic-cardiac-electrophysiology-waveform "
    "basic-voice-audio-waveform body-position-waveform electromyogram electrooculogram general-32-bit-ecg "
    "general-audio-waveform general-ecg hemodynamic-waveform multi-channel-respiratory-waveform respiratory-waveform "
    "routine-scalp-electroencephalogram sleep-electroencephalogram",
}
_RECORD_OF: Final = {iod: name for name, iods in _IODS.items() for iod in iods.split()}


def record_of(sop_class_uid: str) -> str:
    """Name the record type of a composite object; what no table knows is nearly always a newer kind of image."""
    return _RECORD_OF.get(iod_of(sop_class_uid) or "", IMAGE)
