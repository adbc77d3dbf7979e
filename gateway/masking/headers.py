"""What a codestream says of itself, read before a codec sees it: one that pretends to be any size is not decoded."""

from dataclasses import dataclass
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import Image

SOF0, SOF1, SOF3, SOF55, SOS = 0xC0, 0xC1, 0xC3, 0xF7, 0xDA
_APPLICATION: Final = range(0xE0, 0xF0)
_FRAMES: Final = frozenset({*range(0xC0, 0xD0), SOF55} - {0xC4, 0xC8, 0xCC})
_SIZ, _COD, _SOT = 0x51, 0x52, 0x90


@dataclass(frozen=True, slots=True)
class Header:
    """Size and precision of a codestream.

    ``transform`` and ``levels`` are of JPEG 2000: whether components are transformed, and how often each is halved.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    is_signed: bool = False
    transform: bool = False
    levels: int = 0


def checked(header: Header, image: Image) -> Header:
    """Return the header of a frame of this image. Raises MalformedInput for any other."""
    same = (header.rows, header.columns, header.samples) == (image.rows, image.columns, image.samples)
    if not same or header.bits > image.bits_allocated:
        raise MalformedInput("a frame of another size or depth than the object says")
    return header


def segments(data: bytes) -> list[tuple[int, int, int]]:
    """Return marker, start and end of the segments of JPEG or JPEG-LS up to the first scan, without SOI.

    Raises MalformedInput.
    """
    found = []
    at = 2
    while data[at : at + 1] == b"\xff" and data[:2] == b"\xff\xd8":
        marker = int.from_bytes(data[at + 1 : at + 2], "big")
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((marker, at, end))
        if marker == SOS:
            return found
        at = max(end, at + 4)
    raise MalformedInput("a JPEG frame without a scan")


def jpeg(data: bytes, *forms: int) -> Header:
    """Read the frame header of JPEG or JPEG-LS (ISO/IEC 10918-1 B.2.2), one of ``forms``. Raises MalformedInput."""
    found = [(marker, data[start + 4 : end]) for marker, start, end in segments(data) if marker in _FRAMES]
    if len(found) != 1 or found[0][0] not in forms or len(found[0][1]) < 6:
        raise MalformedInput("a frame of another JPEG process than its Transfer Syntax")
    ((_, content),) = found
    return Header(
        rows=int.from_bytes(content[1:3], "big"),
        columns=int.from_bytes(content[3:5], "big"),
        samples=content[5],
        bits=content[0],
    )


def component_names(data: bytes) -> bytes:
    """Return the identifiers of the components of a JPEG frame: some decoders guess colours by them."""
    return b"".join(data[start + 10 : end : 3] for marker, start, end in segments(data) if marker in _FRAMES)


def components_named(data: bytes, names: bytes) -> bytes:
    """Return a JPEG frame of one scan with these identifiers, without the segments that name colours too."""
    out = [data[:2]]
    for marker, start, end in segments(data):
        segment = bytearray(data[start:end])
        if marker in _FRAMES:
            segment[10::3] = names
        elif marker == SOS:
            segment[5 : 5 + 2 * len(names) : 2] = names
            segment += data[end:]
        if marker not in _APPLICATION:
            out.append(bytes(segment))
    return b"".join(out)


def bare(data: bytes) -> bytes:
    """Return the codestream of JPEG 2000 without the boxes around it, if there are any."""
    at = 0
    while data[:4] != b"\xff\x4f\xff\x51" and at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        lead = 16 if size == 1 else 8
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        end = at + size if size else len(data)
        if data[at + 4 : at + 8] == b"jp2c":
            return data[at + lead : end]
        at = max(end, at + 8)
    return data


def jpeg2000(codestream: bytes) -> Header:
    """Read the main header of JPEG 2000 (ISO/IEC 15444-1 A.5, A.6). Raises MalformedInput.

    Components that are smaller than the others, or differ in depth, are none of a DICOM image.
    """
    parts = _main_header(codestream)
    size, style = parts.get(_SIZ, b""), parts.get(_COD, b"")
    components = {size[at : at + 3] for at in range(36, len(size), 3)}
    if len(size) < 39 or len(style) < 6 or len(components) != 1 or size[37:39] != b"\1\1":
        raise MalformedInput("a JPEG 2000 frame that is none")
    right, bottom, left, top = (int.from_bytes(size[at : at + 4], "big") for at in (2, 6, 10, 14))
    return Header(
        rows=bottom - top,
        columns=right - left,
        samples=int.from_bytes(size[34:36], "big"),
        bits=(size[36] & 0x7F) + 1,
        is_signed=size[36] > 0x7F,
        transform=bool(style[4]),
        levels=style[5],
    )


def _main_header(codestream: bytes) -> dict[int, bytes]:
    parts: dict[int, bytes] = {}
    at = 2
    while codestream[:2] == b"\xff\x4f" and codestream[at : at + 1] == b"\xff" and codestream[at + 1] != _SOT:
        size = int.from_bytes(codestream[at + 2 : at + 4], "big")
        parts.setdefault(codestream[at + 1], codestream[at + 4 : at + 2 + size])
        at += 2 + max(size, 2)
    return parts
