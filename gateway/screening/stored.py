"""The samples of a frame, and nothing beside them: a picture that no decoder hands out would leave unseen."""

import re
from dataclasses import replace
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from gateway.ports import Frame
from gateway.rendering import work
from gateway.rendering.frames import Samples, syntax_of

_BITS_STORED: Final = "00280101"
_PAIRED: Final = ("YBR_FULL_422", "YBR_PARTIAL_422")
"""Two pixels share their colour; an origin may have taken them apart."""
_ANOTHER: Final = re.compile(rb"\xff\xd9[\0\xff]*\xff(?:\xd8\xff|\x4f\xff\x51)")
"""The end of a codestream and the beginning of the next, of the JPEG family; the end cannot occur inside one."""


def samples_of(frame: Frame) -> tuple[Samples, str, Dataset]:
    """Return the samples of a frame, their Photometric Interpretation, and its attributes.

    Raises ValueError where a frame holds more than that, and whatever decoders raise.
    """
    samples, interpretation, attributes = work.samples_of(frame)
    if _has_more_bytes(frame, attributes) or _has_more_bits(frame, samples, attributes):
        raise ValueError("a frame that holds more than its picture")
    return samples, interpretation, attributes


def _has_more_bytes(frame: Frame, attributes: Dataset) -> bool:
    if UID(syntax_of(frame.data, frame.transfer_syntax, frame.media_type)).is_encapsulated:
        return _ANOTHER.search(frame.data) is not None
    pixels = attributes.Rows * attributes.Columns
    bits = pixels * attributes.SamplesPerPixel * attributes.BitsAllocated
    sizes = {bits} if attributes.PhotometricInterpretation not in _PAIRED else {bits, bits // 3 * 2}
    whole = {(size + 7) // 8 for size in sizes}
    return len(frame.data) not in whole | {size + size % 2 for size in whole}


def _has_more_bits(frame: Frame, samples: Samples, attributes: Dataset) -> bool:
    """Say whether bits above those stored are anything but none, or the sign (PS3.5 Section 8.1.1)."""
    allocated = attributes.BitsAllocated
    stored = attributes.get("BitsStored", allocated)
    if stored >= allocated:
        return False
    all_bits = {_BITS_STORED: {"vr": "US", "Value": [allocated]}}
    words, _, _ = work.samples_of(replace(frame, attributes=frame.attributes | all_bits))
    is_signed = samples.dtype.kind == "i"
    return not (np.array_equal(words, samples) or (is_signed and not (words >> stored).any()))
