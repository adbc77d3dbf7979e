"""What masks look at in an object, the same from Part 10 and from the JSON Model: values as text, and its regions."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput, RefusedByMasks
from gateway.core.mask.fill import PALETTE, darkest
from gateway.core.mask.image import ALLOCATED, DESCRIPTOR, IMAGE_TAGS, PHOTOMETRIC, STORED, image_of
from gateway.core.mask.model import Image, PixelDecision, Policy, Verdict
from gateway.core.mask.policy import size
from gateway.core.mask.rules import Masks
from gateway.core.mask.syntaxes import MASKED
from gateway.core.rewrite.asked import json_number, json_text, number_vr, numbers, said_text
from gateway.core.rewrite.codestream import beginnings
from gateway.core.standard.tags import json_key
from gateway.core.standard.uids import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
)
from gateway.core.wire.elements import IMPLICIT_LE, Encoding, elements, item_encoding, items, read_header
from gateway.core.wire.jsonelement import Elements, decode_element, decode_items, inline_bytes, text

REGIONS: Final = 0x00186011
"""Sequence of Ultrasound Regions (PS3.3 Section C.8.5.5)."""
COLOURS: Final = (0x00281201, 0x00281202, 0x00281203)
"""The tables of a palette."""
LAST: Final = 0x0028FFFF
"""What says how the pixels lie stands up to here, in order (PS3.5 Section 7.1)."""
PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA = 0x7FE00010, 0x7FE00008, 0x7FE00009
NATIVE: Final = frozenset(
    {
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_LITTLE_ENDIAN,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
    }
)
"""Transfer Syntaxes whose pixels stand as they are in the data set; those of JPIP are elsewhere."""
OVERLAY_BITS: Final = tuple(0x60000102 + (number << 17) for number in range(16))
"""Overlay Bit Position: but for 0, which overlay lies in bits of the pixels that they do not need (retired)."""
APART: Final = MappingProxyType(dict.fromkeys(OVERLAY_BITS, bytes(2)))
"""What all say of overlays that lie in no pixels, encoded."""
OVERLAID: Final = "an overlay lies in bits of the pixels, where no mask reaches it and nobody looks for text"
_SIGN: Final = 0x00280103
_CORNERS: Final = (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)

Regions = tuple[tuple[int, int, int, int], ...]
"""Where ultrasound regions lie: min x0, min y0, max x1, max y1, the corners inclusive."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """What an object says of its pixels: decoded values, ultrasound regions, the raw tables of its palette."""

    values: Mapping[int, str]
    regions: Regions | None = None
    palette: Mapping[int, bytes] | None = None
    little: bool = True

    @property
    def has_size(self) -> bool:
        """Say whether it has rows and columns, without which no rule can be for it."""
        return size(self.values) is not None

    def image(self, tag: int | None = None) -> Image:
        """Return how its frames lie; ``tag`` is that of its pixel data, by default the likely one.

        Raises MalformedInput for what no pixel data can be like.
        """
        values = self.values
        if values.get(PHOTOMETRIC, "").strip(" \0").upper() == PALETTE and self.palette:
            red, green, blue = (self.palette.get(colour, b"") for colour in COLOURS)
            black = darkest(red, green, blue, values.get(DESCRIPTOR, ""), little_endian=self.little)
            return replace(image_of(values, tag or PIXEL_DATA), palette_black=black)
        return image_of(values, tag or self._likely_tag())

    def _likely_tag(self) -> int:
        """Say which pixel data the object has: floating point numbers come without Bits Stored (C.7.6.24)."""
        if self.values.get(STORED):
            return PIXEL_DATA
        return {"32": FLOAT_PIXEL_DATA, "64": DOUBLE_PIXEL_DATA}.get(self.values.get(ALLOCATED, ""), PIXEL_DATA)


def wanted(masks: Masks | None) -> tuple[int, ...]:
    """Return the root attributes, ascending, that decide about the pixels of objects; none without masks."""
    return tuple(sorted({*masks.tags, *IMAGE_TAGS, *COLOURS})) if masks else ()


def overlay_bits(masks: Masks | None, *, is_masked: bool) -> tuple[int, ...]:
    """Return which Overlay Bit Positions must be 0: all, but where a profile lets text pass and masks nothing."""
    return OVERLAY_BITS if is_masked or (masks and masks.policy is not Policy.ALLOW) else ()


def pictured(found: Mapping[int, bytes], tags: Iterable[int], encoding: Encoding, terms: Sequence[str]) -> Pictured:
    """Read encoded values, and the whole element of the regions. Raises MalformedInput where a number is cut."""
    is_signed = int.from_bytes(found.get(_SIGN, b""), "little" if encoding.little else "big") == 1
    values = {}
    for tag in tags:
        if tag in found and tag not in COLOURS:
            if number_vr(tag):
                values[tag] = numbers(tag, found[tag], encoding, is_signed=is_signed)
            else:
                values[tag] = said_text(tag, found[tag], terms)
    where = regions(found[REGIONS], encoding) if REGIONS in found else None
    palette = {tag: found[tag] for tag in COLOURS if tag in found}
    return Pictured(values, where, palette, encoding.little)


def regions(element: bytes, encoding: Encoding) -> Regions | None:
    """Read Sequence of Ultrasound Regions from its whole element; None where something is missing or broken."""
    try:
        header = read_header(element, 0, encoding)
        inner = IMPLICIT_LE if header.vr == "UN" else encoding
        if header.vr not in ("", "SQ", "UN"):
            return None
        value = element[header.start :]
        found = tuple([_corners(value, start, end, inner) for start, end in items(value, inner)])
    except (IndexError, struct.error, KeyError, MalformedInput, LimitExceeded):
        return None
    return found or None


def _corners(value: bytes, start: int, end: int, encoding: Encoding) -> tuple[int, int, int, int]:
    """Read one region. Raises KeyError where a corner is missing, MalformedInput, IndexError, struct.error."""
    found: dict[int, int] = {}
    encoding = item_encoding(value, start, end, encoding)
    for header, after in elements(value, start, end, encoding):
        if after > end:
            raise MalformedInput("an element ends past the end of its item", (REGIONS, header.tag))
        if header.tag in _CORNERS:
            if header.tag in found or header.vr not in ("", "UL") or header.length != 4:
                raise MalformedInput("a corner of a region that is none", (REGIONS, header.tag))
            (found[header.tag],) = encoding.u32.unpack_from(value, header.start)
    x0, y0, x1, y1 = (found[tag] for tag in _CORNERS)
    return x0, y0, x1, y1


def json_pictured(
    data_set: Elements, tags: Iterable[int], palette: Mapping[int, bytes] = MappingProxyType({})
) -> Pictured:
    """Read an object of the JSON Model; ``palette`` are raw tables that it only names. Raises MalformedInput."""
    values = {}
    for tag in tags:
        key = json_key(tag)
        if key in data_set and tag not in COLOURS:
            values[tag] = json_number(data_set, tag) if number_vr(tag) else json_text(data_set, tag)
    inline = {tag: raw for tag in COLOURS if (raw := _inline(data_set, tag))}
    return Pictured(values, _json_regions(data_set), inline | dict(palette))


def require_one_picture(data_set: Elements, pictured: Pictured) -> None:
    """Raise MalformedInput for pixel data that nothing is decided about, as the stream does where it meets them."""
    found = [tag for tag in (FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA, PIXEL_DATA) if json_key(tag) in data_set]
    if len(found) > 1:
        raise MalformedInput("pixel data twice", (found[1],))
    if found and not pictured.has_size:
        raise MalformedInput("pixel data without rows and columns", (found[0],))


def _inline(data_set: Elements, tag: int) -> bytes:
    raw = data_set.get(json_key(tag))
    return b"" if raw is None else inline_bytes(decode_element(bytes(raw), tag), tag)


def _json_regions(data_set: Elements) -> Regions | None:
    raw = data_set.get(json_key(REGIONS))
    if raw is None:
        return None
    try:
        element = decode_element(bytes(raw), REGIONS)
        if element.vr != "SQ":
            return None
        return tuple([_json_corners(item or {}) for item in decode_items(element, REGIONS)]) or None
    except (MalformedInput, ValueError):
        return None


def has_overlay_in_bits(data_set: Elements) -> bool:
    """Say whether overlays lie inside the pixels of an object of the JSON Model. Raises MalformedInput."""
    return any(json_number(data_set, tag) != "0" for tag in OVERLAY_BITS if json_key(tag) in data_set)


def require_answer(decision: PixelDecision) -> None:
    """Raise RefusedByMasks where an object must not leave, or not before somebody has looked at it."""
    if decision.verdict is Verdict.REFUSE:
        raise RefusedByMasks(decision.reason)
    if decision.verdict is Verdict.SCREEN:
        raise RefusedByMasks(f"{decision.reason}; it must be screened, and nothing screens here")


def require_answered(question: PixelDecision, answer: PixelDecision) -> None:
    """Raise RefusedByMasks for what lets pixels pass without having looked at them, or that a rule masks."""
    if answer.verdict is Verdict.PASS and (question.rectangles or not answer.is_clean):
        raise RefusedByMasks("the object must be screened, and its metadata say otherwise")


def require_same(image: Image, looked_at: Image) -> None:
    """Raise MalformedInput where an answer is about another image, as of an object that has changed since."""
    if _seen(image) != _seen(looked_at):
        raise MalformedInput("the metadata describe another image than the object")


def _seen(image: Image) -> tuple[int, ...]:
    """Return what holds of an image however it comes: an archive may decompress on the way, and name other colours."""
    return (image.rows, image.columns, image.frames, image.samples, image.bits_allocated, image.bits_stored)


def require_countable(syntax: TransferSyntax) -> None:
    """Raise RefusedByMasks where nobody can say whether all frames were looked at."""
    if syntax.encapsulated and not beginnings(syntax.uid):
        raise RefusedByMasks(f"the frames of pixels in {syntax.name} cannot be counted")


def require_maskable(syntax: TransferSyntax) -> None:
    """Raise RefusedByMasks where the pixels of a Transfer Syntax cannot be overwritten."""
    if syntax.uid not in (MASKED if syntax.encapsulated else NATIVE):
        raise RefusedByMasks(f"no mask can be laid on pixels in {syntax.name}")


def _json_corners(item: Elements) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(text(item, json_key(tag))) for tag in _CORNERS)
    return x0, y0, x1, y1
