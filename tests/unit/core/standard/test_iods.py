"""IODs and which of them are images."""

import pytest
from pydicom._uid_dict import UID_dictionary

from gateway.core.standard import iods
from gateway.core.standard._iod_table import IODS

STORAGE = "1.2.840.10008.5.1.4.1.1."

# Every IOD that is no image or clip, as reviewed: a new one must be sorted here or into IMAGE_IODS.
NO_IMAGE = {
    "12-lead-ecg",
    "acquisition-context-sr",
    "advanced-blending-presentation-state",
    "ambulatory-ecg",
    "arterial-pulse-waveform",
    "autorefraction-measurements",
    "basic-cardiac-electrophysiology-waveform",
    "basic-directory",
    "basic-structured-display",
    "basic-text-sr",
    "basic-voice-audio-waveform",
    "blending-softcopy-presentation-state",
    "body-position-waveform",
    "c-arm-photon-electron-radiation",
    "c-arm-photon-electron-radiation-record",
    "chest-cad-sr",
    "colon-cad-sr",
    "color-palette",
    "color-softcopy-presentation-state",
    "comprehensive-3d-sr",
    "comprehensive-sr",
    "content-assessment-results",
    "corneal-topography-map",
    "ct-defined-procedure-protocol",
    "ct-performed-procedure-protocol",
    "deformable-spatial-registration",
    "electromyogram",
    "electrooculogram",
    "encapsulated-cda",
    "encapsulated-mtl",
    "encapsulated-obj",
    "encapsulated-pdf",
    "encapsulated-stl",
    "enhanced-sr",
    "enhanced-x-ray-radiation-dose-sr",
    "extensible-sr",
    "general-32-bit-ecg",
    "general-audio-waveform",
    "general-ecg",
    "generic-implant-template",
    "grayscale-softcopy-presentation-state",
    "hanging-protocol",
    "height-map-segmentation",
    "hemodynamic-waveform",
    "implant-assembly-template",
    "implant-template-group",
    "implantation-plan-sr-document",
    "intraocular-lens-calculations",
    "inventory",
    "keratometry-measurements",
    "key-object-selection-document",
    "lensometry-measurements",
    "macular-grid-thickness-and-volume-report",
    "mammography-cad-sr",
    "microscopy-bulk-simple-annotations",
    "mr-spectroscopy",
    "multi-channel-respiratory-waveform",
    "ophthalmic-axial-measurements",
    "ophthalmic-optical-coherence-tomography-b-scan-volume-analysis",
    "ophthalmic-thickness-map",
    "ophthalmic-visual-field-static-perimetry-measurements",
    "parametric-map",
    "patient-radiation-dose-sr",
    "performed-imaging-agent-administration-sr",
    "planar-mpr-volumetric-presentation-state",
    "planned-imaging-agent-administration-sr",
    "procedure-log",
    "protocol-approval",
    "pseudo-color-softcopy-presentation-state",
    "radiopharmaceutical-radiation-dose-sr",
    "raw-data",
    "real-world-value-mapping",
    "respiratory-waveform",
    "robotic-arm-radiation",
    "robotic-arm-radiation-record",
    "routine-scalp-electroencephalogram",
    "rt-beams-delivery-instruction",
    "rt-beams-treatment-record",
    "rt-brachy-application-setup-delivery-instruction",
    "rt-brachy-treatment-record",
    "rt-dose",
    "rt-ion-beams-treatment-record",
    "rt-ion-plan",
    "rt-patient-position-acquisition-instruction",
    "rt-physician-intent",
    "rt-plan",
    "rt-radiation-record-set",
    "rt-radiation-salvage-record",
    "rt-radiation-set",
    "rt-radiation-set-delivery-instruction",
    "rt-segment-annotation",
    "rt-structure-set",
    "rt-treatment-preparation",
    "rt-treatment-summary-record",
    "segmentation",
    "simplified-adult-echo-sr",
    "sleep-electroencephalogram",
    "spatial-fiducials",
    "spatial-registration",
    "spectacle-prescription-report",
    "stereometric-relationship",
    "subjective-refraction-measurements",
    "surface-scan-mesh",
    "surface-scan-point-cloud",
    "surface-segmentation",
    "tomotherapeutic-radiation",
    "tomotherapeutic-radiation-record",
    "tractography-results",
    "variable-modality-lut-softcopy-presentation-state",
    "visual-acuity-measurements",
    "volume-rendering-volumetric-presentation-state",
    "waveform-acquisition-presentation-state",
    "waveform-annotation-sr",
    "waveform-presentation-state",
    "x-ray-radiation-dose-sr",
    "xa-defined-procedure-protocol",
    "xa-performed-procedure-protocol",
    "xa-xrf-grayscale-softcopy-presentation-state",
}


def test_every_iod_was_sorted() -> None:
    assert len(IODS) == 180
    assert not iods.IMAGE_IODS & NO_IMAGE
    assert set(IODS.values()) == iods.IMAGE_IODS | NO_IMAGE


@pytest.mark.parametrize(
    "suffix",
    ["2", "4", "1", "1.2.1", "128", "20", "12.1", "3.1", "6.1", "6.2", "7", "7.4", "77.1.1.1", "77.1.6", "481.1"],
)
def test_images_and_clips_are_images(suffix: str) -> None:
    assert iods.is_image(STORAGE + suffix)


@pytest.mark.parametrize(
    "suffix", ["66.4", "11.1", "481.2", "481.3", "30", "9.1.1", "88.11", "88.67", "104.1", "66", "4.2", "81.1"]
)
def test_derived_objects_documents_and_signals_are_no_images(suffix: str) -> None:
    assert iods.iod_of(STORAGE + suffix) is not None
    assert not iods.is_image(STORAGE + suffix)


@pytest.mark.parametrize(("suffix", "iod"), [("3", "ultrasound-multi-frame-image"), ("6", "ultrasound-image")])
def test_a_retired_class_has_the_iod_that_replaced_its_own(suffix: str, iod: str) -> None:
    assert iods.iod_of(STORAGE + suffix) == iod
    assert iods.is_image(STORAGE + suffix)


def test_retired_classes_do_not_hide_current_ones() -> None:
    assert not set(iods._RETIRED) & set(IODS)
    assert all(UID_dictionary[uid][3] == "Retired" for uid in iods._RETIRED)
    assert set(iods._RETIRED.values()) <= iods.IMAGE_IODS


@pytest.mark.parametrize("uid", ["", "1.2.3", "1.2.840.10008.1.1", "1.2.840.113619.4.26"])
def test_an_unknown_class_has_no_iod_and_is_no_image(uid: str) -> None:
    assert iods.iod_of(uid) is None
    assert not iods.is_image(uid)


def test_a_storage_sop_class_is_known_by_its_uid_and_its_keyword() -> None:
    ct = "1.2.840.10008.5.1.4.1.1.2"
    assert iods.sop_class_of("CTImageStorage") == iods.sop_class_of(ct) == ct
    assert iods.sop_class_of("Verification") is None
    assert iods.sop_class_of("CT") is None
    assert iods.sop_class_of("") is None


def test_a_storage_sop_class_has_a_keyword_that_finds_it() -> None:
    assert iods.keyword_of("1.2.840.10008.5.1.4.1.1.2") == "CTImageStorage"
    assert iods.keyword_of("1.2.840.10008.1.1") is None  # Verification
    assert iods.keyword_of("1.2.3") is None
    known = [(uid, iods.keyword_of(uid)) for uid in IODS]
    assert [uid for uid, keyword in known if keyword and iods.sop_class_of(keyword) != uid] == []
