"""The IOD of each storage SOP Class, and which IODs are images or clips."""

from functools import cache
from typing import Final

from pydicom._uid_dict import UID_dictionary

from gateway.core.standard._iod_table import IODS

# Retired SOP Classes that archives still hold, and the IOD that replaced theirs (PS3.4 Section B.6).
_RETIRED: Final = {
    "1.2.840.10008.5.1.4.1.1.3": "ultrasound-multi-frame-image",
    "1.2.840.10008.5.1.4.1.1.5": "nuclear-medicine-image",
    "1.2.840.10008.5.1.4.1.1.6": "ultrasound-image",
}

# Pictures and clips taken of a patient or a specimen, or scanned in. What is computed from them (segmentations, maps,
# volume analyses, dose) and what is no picture (presentation states, waveforms, reports, documents, raw data) is not.
IMAGE_IODS: Final = frozenset(
    {
        "breast-projection-x-ray-image",
        "breast-tomosynthesis-image",
        "computed-radiography-image",
        "confocal-microscopy-image",
        "confocal-microscopy-tiled-pyramidal-image",
        "ct-image",
        "dermoscopic-photography-image",
        "digital-intra-oral-x-ray-image",
        "digital-mammography-x-ray-image",
        "digital-x-ray-image",
        "enhanced-continuous-rt-image",
        "enhanced-ct-image",
        "enhanced-mr-color-image",
        "enhanced-mr-image",
        "enhanced-pet-image",
        "enhanced-rt-image",
        "enhanced-us-volume",
        "enhanced-xa-image",
        "enhanced-xrf-image",
        "intravascular-optical-coherence-tomography-image",
        "legacy-converted-enhanced-ct-image",
        "legacy-converted-enhanced-mr-image",
        "legacy-converted-enhanced-pet-image",
        "mr-image",
        "multi-frame-grayscale-byte-secondary-capture-image",
        "multi-frame-grayscale-word-secondary-capture-image",
        "multi-frame-single-bit-secondary-capture-image",
        "multi-frame-true-color-secondary-capture-image",
        "nuclear-medicine-image",
        "ophthalmic-optical-coherence-tomography-en-face-image",
        "ophthalmic-photography-16-bit-image",
        "ophthalmic-photography-8-bit-image",
        "ophthalmic-tomography-image",
        "photoacoustic-image",
        "positron-emission-tomography-image",
        "rt-image",
        "secondary-capture-image",
        "ultrasound-image",
        "ultrasound-multi-frame-image",
        "video-endoscopic-image",
        "video-microscopic-image",
        "video-photographic-image",
        "vl-endoscopic-image",
        "vl-microscopic-image",
        "vl-photographic-image",
        "vl-slide-coordinates-microscopic-image",
        "vl-whole-slide-microscopy-image",
        "wide-field-ophthalmic-photography-3d-coordinates-image",
        "wide-field-ophthalmic-photography-stereographic-projection-image",
        "x-ray-3d-angiographic-image",
        "x-ray-3d-craniofacial-image",
        "x-ray-angiographic-image",
        "x-ray-radiofluoroscopic-image",
    }
)


def iod_of(sop_class_uid: str) -> str | None:
    """Name the IOD of a storage SOP Class; None for private and unknown ones."""
    return IODS.get(sop_class_uid) or _RETIRED.get(sop_class_uid)


def is_image(sop_class_uid: str) -> bool:
    """Say whether objects of the SOP Class are images or clips; False where the class is unknown."""
    return iod_of(sop_class_uid) in IMAGE_IODS


def sop_class_of(name: str) -> str | None:
    """Find the UID of a storage SOP Class by its UID or its keyword, such as ``CTImageStorage``; None for others."""
    return name if iod_of(name) else _keywords().get(name)


def keyword_of(sop_class_uid: str) -> str | None:
    """Give the keyword of a storage SOP Class; None for private and unknown ones."""
    known = UID_dictionary.get(sop_class_uid) if iod_of(sop_class_uid) else None
    return known[4] or None if known else None


@cache
def _keywords() -> dict[str, str]:
    return {row[4]: uid for uid, row in UID_dictionary.items() if row[4] and iod_of(uid)}
