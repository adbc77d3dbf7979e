"""From a frame as stored to an array of samples: imagecodecs for what is compressed, pydicom for RLE and the rest.

An origin's word on the Transfer Syntax of a frame is not enough: some name none, some name the default for everything.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import UID

Samples = NDArray[Any]

NATIVE: Final = "1.2.840.10008.1.2.1"
RLE: Final = "1.2.840.10008.1.2.5"
_ENCAPSULATED: Final = "1.2.840.10008.1.2.4."
_UNCOMPRESSED: Final = frozenset({"1.2.840.10008.1.2", NATIVE, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"})
_CODECS: Final = {
    **dict.fromkeys((_ENCAPSULATED + number for number in ("50", "51", "57", "70")), "jpeg8_decode"),
    **dict.fromkeys((_ENCAPSULATED + number for number in ("80", "81")), "jpegls_decode"),
    **dict.fromkeys((_ENCAPSULATED + number for number in ("90", "91", "201", "202", "203")), "jpeg2k_decode"),
    **dict.fromkeys((_ENCAPSULATED + number for number in ("110", "111", "112")), "jpegxl_decode"),
}
"""Functions of imagecodecs, by Transfer Syntax."""
_LOSSY_JPEG: Final = (_ENCAPSULATED + "50", _ENCAPSULATED + "51")
_JPEG_HEADERS: Final = {0xC0: "50", 0xC1: "51", 0xC2: "51", 0xC3: "57", 0xF7: "80"}
_BY_MEDIA_TYPE: Final = {
    "image/jpeg": _ENCAPSULATED + "50",
    "image/dicom-rle": RLE,
    "image/jls": _ENCAPSULATED + "80",
    "image/jp2": _ENCAPSULATED + "90",
    "image/jphc": _ENCAPSULATED + "201",
    "image/jxl": _ENCAPSULATED + "110",
}
_MADE_RGB: Final = frozenset({"YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "XYB"})


def syntax_of(frame: bytes, named: str, media_type: str) -> str:
    """Return the Transfer Syntax that a frame has: its first bytes decide, then what was said."""
    if frame[:3] == b"\xff\xd8\xff":
        return _jpeg_syntax(frame, named)
    if frame[:4] == b"\xff\x4f\xff\x51" or frame[4:8] == b"jP  ":
        return _ENCAPSULATED + "90"
    if frame[4:8] == b"JXL ":
        return _ENCAPSULATED + "110"
    if not named and media_type in _BY_MEDIA_TYPE:
        return _BY_MEDIA_TYPE[media_type]
    return named or NATIVE


def decodes(syntax: str) -> bool:
    """Say whether frames in a Transfer Syntax can be shown."""
    return syntax in _CODECS or syntax in _UNCOMPRESSED or syntax == RLE


def decoded(frame: bytes, syntax: str, attributes: Dataset, keyword: str = "PixelData") -> tuple[Samples, str]:
    """Return the samples of one frame and their Photometric Interpretation, never a YBR one.

    Raises whatever the decoders do for data that are not what they say.
    """
    if syntax in _CODECS:
        return _decompressed(frame, syntax, attributes)
    options: Any = as_pixel_options(attributes)
    options |= {"number_of_frames": 1, "pixel_keyword": keyword}
    if syntax != RLE:
        options["photometric_interpretation"] = _native_colours(frame, options)
    source = encapsulate([frame], has_bot=False) if syntax == RLE else frame
    samples, said = get_decoder(UID(syntax)).as_array(source, index=0, **options)
    return np.ascontiguousarray(samples), str(said["photometric_interpretation"])


def _decompressed(frame: bytes, syntax: str, attributes: Dataset) -> tuple[Samples, str]:
    import imagecodecs  # noqa: PLC0415 - many libraries, which only a process that decodes shall load

    said = str(attributes.PhotometricInterpretation)
    options = {}
    if syntax in _LOSSY_JPEG and said == "RGB" and not _names_its_colours(frame):
        options = {"colorspace": "RGB", "outcolorspace": "RGB"}
    samples: Samples = getattr(imagecodecs, _CODECS[syntax])(frame, **options)
    if samples.shape[:2] != (attributes.Rows, attributes.Columns):
        raise ValueError("a frame of another size")
    if samples.ndim == 2:
        return _signed(samples, attributes), said
    if said.startswith("YBR_FULL") and syntax not in _LOSSY_JPEG:
        samples = convert_color_space(samples, "YBR_FULL", "RGB")
    return samples, "RGB"


def _signed(samples: Samples, attributes: Dataset) -> Samples:
    """Read samples as two's complement where the object says so; most codecs know of no sign."""
    if not attributes.PixelRepresentation or samples.dtype.kind != "u":
        return samples
    unused = samples.dtype.itemsize * 8 - int(attributes.BitsStored)
    shifted = (samples << max(0, unused)).view(f"i{samples.dtype.itemsize}")
    signed: Samples = shifted >> max(0, unused)
    return signed


def _native_colours(frame: bytes, options: dict[str, Any]) -> Any:
    """Correct what no longer holds once an origin has decompressed: it hands out RGB under the name of what it was."""
    said = options["photometric_interpretation"]
    size = options["rows"] * options["columns"]
    subsampled = said == "YBR_FULL_422" and len(frame) >= 3 * size
    return "RGB" if said in _MADE_RGB or subsampled else said


def _names_its_colours(frame: bytes) -> bool:
    return b"JFIF\0" in frame[:64] or b"\xff\xee\0\x0eAdobe" in frame[:4096]


def _jpeg_syntax(frame: bytes, named: str) -> str:
    """Return the syntax of the JPEG process that the frame header names (ISO/IEC 10918-1 Table B.1)."""
    at = 2
    while at + 4 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in _JPEG_HEADERS:
            return _ENCAPSULATED + _JPEG_HEADERS[marker]
        at += 1 if marker == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return named or _ENCAPSULATED + "50"
