"""Which objects may show burned-in text, by what they say of themselves. Whoever says nothing is suspected.

Burned In Annotation (0028,0301) NO clears nobody: devices write it without having looked.
"""

from collections.abc import Mapping
from typing import Final

from gateway.core.conditions import SOP_CLASS
from gateway.core.standard import iods

IMAGE_TYPE, MODALITY, CONVERSION = 0x00080008, 0x00080060, 0x00080064
MANUFACTURER, MODEL, SERIES = 0x00080070, 0x00081090, 0x0008103E
SAMPLES, ROWS, COLUMNS, BURNED_IN = 0x00280002, 0x00280010, 0x00280011, 0x00280301
CAPTURED: Final = (0x00181012, 0x00181016, 0x00181018, 0x00181019)
"""Date of Secondary Capture, and manufacturer, model and software of the device that captured."""
TAGS: Final = (
    IMAGE_TYPE, SOP_CLASS, MODALITY, CONVERSION, MANUFACTURER, SERIES, MODEL, *CAPTURED,
    SAMPLES, ROWS, COLUMNS, BURNED_IN,
)  # fmt: skip
"""The attributes that suspicion, and the words about it, look at."""

_DOCUMENT: Final = "encapsulated-"
_VIDEO: Final = "video-"
_SLIDE: Final = frozenset({"vl-whole-slide-microscopy-image", "confocal-microscopy-tiled-pyramidal-image"})
"""Slides: of these, label and overview show what is written on the glass, and the tiles do not."""
_SUSPECTS: Final = {
    "ultrasound": "ultrasound",
    "enhanced-us": "ultrasound",
    "photoacoustic": "ultrasound",
    "secondary-capture": "a secondary capture",
    "intravascular-optical": "an intravascular image",
    "endoscop": "an endoscopic image",
    "photograph": "a photograph",
    "microscop": "a microscopic image",
    "ophthalmic": "an ophthalmic image",
    "corneal-topography": "an ophthalmic image",
}
"""Parts of the names of IODs whose pictures commonly show text, and what to call them."""
_COLOURED: Final = _SLIDE | {"enhanced-mr-color-image"}
"""IODs that have colour, and are not suspected for what they are."""
_ORIGINALS: Final = frozenset(
    {
        "ct-image",
        "enhanced-ct-image",
        "enhanced-mr-color-image",
        "enhanced-mr-image",
        "enhanced-xa-image",
        "enhanced-xrf-image",
        "legacy-converted-enhanced-ct-image",
        "legacy-converted-enhanced-mr-image",
        "mr-image",
        "x-ray-angiographic-image",
        "x-ray-radiofluoroscopic-image",
    }
)
"""IODs whose pictures show no text as the device takes them, and may when they were made from others."""
_COMPUTED: Final = frozenset({"height-map-segmentation", "parametric-map", "rt-dose", "segmentation"})
"""IODs that are no pictures, and have pixels all the same; what was computed shows no text."""
_SPECTRA: Final = "mr-spectroscopy"
"""It has rows and columns, of spectra."""
_SUSPECT_MODALITIES: Final = frozenset(
    {"BDUS", "DMS", "DOC", "ES", "GM", "HC", "IVUS", "OAM", "OCT", "OP", "OPM", "OPT", "OPV", "OT", "US", "XC"}
)
_TYPED: Final = (iods.IMAGE_IODS | _COMPUTED) - {"rt-dose"}
"""IODs with pixels that must have an Image Type."""
_TYPE_WORDS: Final = ("SAVE", "SCREEN", "CAPTURE", "REPORTDATA", "DEMOGRAPHICDATA", "INVALID")
_SERIES_WORDS: Final = (
    "SAVE", "SCREENSHOT", "SCREEN CAP", "PATIENT PROTOCOL", "DOSE REPORT", "PACS NOMINATION", "OUTSIDE HOSPITAL",
)  # fmt: skip


def has_pixels(values: Mapping[int, str]) -> bool:
    """Say whether an object may show anything: it has rows, is a document, or is of a class nobody knows."""
    iod = _iod(values)
    return iod is None or ROWS in values or iod.startswith((_DOCUMENT, _VIDEO)) or iod in iods.IMAGE_IODS


def size(values: Mapping[int, str]) -> tuple[int, int] | None:
    """Return rows and columns; None when they are not plain numbers."""
    rows, columns = (values.get(tag, "").strip(" \0") for tag in (ROWS, COLUMNS))
    known = all(text.isascii() and text.isdecimal() and 0 < len(text) <= 5 and int(text) for text in (rows, columns))
    return (int(rows), int(columns)) if known else None


def unmaskable(values: Mapping[int, str], *, is_clean: bool) -> str:
    """Say why no rectangle can make an object safe; ``is_clean``: a rule says that its device burns nothing in."""
    iod = _iod(values) or ""
    if iod.startswith(_DOCUMENT):
        return "no mask can be laid on a document"
    if iod.startswith(_VIDEO) and not is_clean:
        return "no mask can be laid on a video"
    if size(values) is None:
        return "no mask can be laid on what does not say its rows and columns"
    return ""


def suspicion(values: Mapping[int, str]) -> str:
    """Say why an object may show burned-in text, in words for an operator; empty when it need not be suspected."""
    return _by_class(values) or _by_rows(values) or _by_capture(values) or _by_type(values)


def _iod(values: Mapping[int, str]) -> str | None:
    return iods.iod_of(values.get(SOP_CLASS, "").strip(" \0"))


def _by_class(values: Mapping[int, str]) -> str:
    iod = _iod(values)
    if iod is None:
        return "an object of an unknown SOP Class may show burned-in text"
    if iod.startswith(_DOCUMENT):
        return "a document shows whom it is about"
    if iod.startswith(_VIDEO):
        return "a video may show burned-in text"
    if iod in _SLIDE:
        return "" if _types(values)[2:3] == ["VOLUME"] else "a picture of a slide that is no tile may show its label"
    what = next((words for part, words in _SUSPECTS.items() if part in iod), "")
    return f"{what} may show burned-in text" if what else ""


def _by_rows(values: Mapping[int, str]) -> str:
    """Suspect a picture where the class has none."""
    iod = _iod(values) or ""
    has_picture = ROWS in values and (iod != _SPECTRA or SAMPLES in values)
    if has_picture and iod not in iods.IMAGE_IODS | _COMPUTED:
        return "a picture in an object whose SOP Class has none may show burned-in text"
    return ""


def _by_capture(values: Mapping[int, str]) -> str:
    if values.get(BURNED_IN, "").strip(" \0").upper() not in ("", "NO"):
        return "Burned In Annotation does not say NO"
    if any(values.get(tag, "").strip(" \0") for tag in CAPTURED):
        return "a device that captures screens made the picture"
    if values.get(CONVERSION, "").strip(" \0").upper() not in ("", "DI"):
        return "the picture was captured, drawn or scanned in"
    if values.get(MODALITY, "").strip(" \0").upper() in _SUSPECT_MODALITIES:
        return "pictures of its Modality may show burned-in text"
    return ""


def _by_type(values: Mapping[int, str]) -> str:
    iod, types, text = _iod(values), _types(values), values.get(IMAGE_TYPE, "").upper()
    if iod in (iods.IMAGE_IODS | _COMPUTED) - _COLOURED and values.get(SAMPLES, "").strip(" \0") not in ("", "1"):
        return "a picture in colour, which its SOP Class has not, may be a screen"
    if iod in _TYPED and not text.strip(" \0\\"):
        return "a picture without Image Type may be a screen"
    if any(word in text for word in _TYPE_WORDS):
        return "Image Type names a screen or report"
    if any(word in values.get(SERIES, "").upper() for word in _SERIES_WORDS):
        return "Series Description names a screen or report"
    if (iod in _ORIGINALS and types[0] != "ORIGINAL") or types[1:2] == ["SECONDARY"]:
        return "Image Type says that the picture is no original, and may be a screen"
    return ""


def _types(values: Mapping[int, str]) -> list[str]:
    return [part.strip(" \0") for part in values.get(IMAGE_TYPE, "").upper().split("\\")]
