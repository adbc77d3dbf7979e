"""From the attributes of an object to how its frames lie in its pixel data (PS3.3 Section C.7.6.3)."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.mask.fill import FLOATS, PALETTE, descriptor_of
from gateway.core.mask.model import Image

SAMPLES, PHOTOMETRIC, PLANAR, FRAMES, ROWS, COLUMNS = (
    0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011,
)  # fmt: skip
ALLOCATED, STORED, SIGN, PADDING, DESCRIPTOR = 0x00280100, 0x00280101, 0x00280103, 0x00280120, 0x00281101
IMAGE_TAGS: Final = (
    SAMPLES, PHOTOMETRIC, PLANAR, FRAMES, ROWS, COLUMNS, ALLOCATED, STORED, SIGN, PADDING, DESCRIPTOR,
)  # fmt: skip
"""The attributes that ``image_of`` reads, ascending."""
_SAMPLES: Final = {
    **dict.fromkeys(("MONOCHROME1", "MONOCHROME2", PALETTE), 1),
    **dict.fromkeys(("RGB", "HSV", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"), 3),
    **dict.fromkeys(("YBR_ICT", "YBR_RCT", "XYB"), 3),
    **dict.fromkeys(("ARGB", "CMYK"), 4),
}
"""How many samples a pixel has, by Photometric Interpretation, the retired ones included."""
_INTEGER: Final = re.compile(r"[+-]?\d{1,12}", re.ASCII)
_MAX_SIDE, _MAX_FRAMES = 0xFFFF, 0x7FFFFFFF


def image_of(values: Mapping[int, str], tag: int = 0x7FE00010) -> Image:
    """Read the image that an object holds; ``values`` is decoded text per tag, numbers in decimal.

    ``tag`` is that of its pixel data. Raises MalformedInput for what no pixel data can be like; what only says how
    pixels look may be missing.
    """
    photometric = values.get(PHOTOMETRIC, "").strip(" \0").upper()
    samples = _integer(values, SAMPLES, (1, 4))
    if _SAMPLES.get(photometric) != samples:
        raise MalformedInput("a Photometric Interpretation that does not go with its samples", (PHOTOMETRIC,))
    allocated = _integer(values, ALLOCATED, (1, 64), FLOATS.get(tag))
    if ((allocated != 1 or samples > 1) and allocated % 8) or allocated != FLOATS.get(tag, allocated):
        raise MalformedInput("Bits Allocated that pixel data cannot have", (ALLOCATED,))
    is_signed = _integer(values, SIGN, (0, 1), 0) == 1
    return Image(
        rows=_integer(values, ROWS, (1, _MAX_SIDE)),
        columns=_integer(values, COLUMNS, (1, _MAX_SIDE)),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=_integer(values, STORED, (1, allocated), allocated),
        is_signed=is_signed,
        photometric=photometric,
        planar=_integer(values, PLANAR, (0, 1)) if samples > 1 else 0,
        frames=_integer(values, FRAMES, (1, _MAX_FRAMES), 1),
        padding=_padding(values, allocated, is_signed=is_signed),
        tag=tag,
        palette_black=descriptor_of(values[DESCRIPTOR])[1] if photometric == PALETTE and DESCRIPTOR in values else 0,
    )


def _padding(values: Mapping[int, str], allocated: int, *, is_signed: bool) -> int | None:
    """Read Pixel Padding Value, whose VR may be for the other sign (PS3.3 Section C.7.5.1.1.2)."""
    text = values.get(PADDING, "").strip(" \0")
    if not _INTEGER.fullmatch(text):
        return None
    cell = int(text) & (1 << allocated) - 1
    return cell - (1 << allocated) if is_signed and cell >> allocated - 1 else cell


def _integer(values: Mapping[int, str], tag: int, limits: tuple[int, int], default: int | None = None) -> int:
    """Read one integer within limits. Raises MalformedInput; where there is no value, only without a default."""
    text = values.get(tag, "").strip(" \0")
    if not text and default is not None:
        return default
    if not _INTEGER.fullmatch(text) or not limits[0] <= int(text) <= limits[1]:
        raise MalformedInput("no value, or one that pixel data cannot have" if text else "no value", (tag,))
    return int(text)
