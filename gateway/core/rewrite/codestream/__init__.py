"""Metadata inside compressed pixel data, overwritten in place; the format follows from Transfer Syntax or media type.

PS3.15 Annex E looks at Attributes; comments of JPEG, EXIF, boxes of JP2 and MP4 files and user data of video are none.
"""

import re
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.fragments import Fragments
from gateway.core.rewrite.codestream.jpeg import SOI, jpeg
from gateway.core.rewrite.codestream.jpeg2000 import JP2, SOC, jpeg2000
from gateway.core.rewrite.codestream.jpegxl import BARE, FILE, jpegxl
from gateway.core.rewrite.codestream.machine import CodestreamCleaner
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Format, Keep, Parser
from gateway.core.rewrite.codestream.program import PACK
from gateway.core.rewrite.codestream.rle import rle
from gateway.core.rewrite.codestream.units import H264, H265, MPEG2
from gateway.core.rewrite.codestream.video import PROBE_BYTES, video
from gateway.core.standard.uids import IMPLICIT_VR_LITTLE_ENDIAN, RLE_LOSSLESS, TRANSFER_SYNTAXES

__all__ = ["ICC_PROFILE", "CodestreamCleaner", "Fragments", "beginnings", "cleaner", "cleaner_of_media_type"]

ICC_PROFILE: Final = 0x00282000
"""The Attribute that says for a profile whether colour profiles inside frames stay."""

_JPEG, _JPEG_2000, _JPEG_XL, _RLE, _MPEG2, _H264, _H265 = range(7)
_PREFIX = IMPLICIT_VR_LITTLE_ENDIAN + ".4."
_SYNTAXES: Final[Mapping[str, int]] = MappingProxyType(
    {
        **{f"{_PREFIX}{number}": _JPEG for number in (*range(50, 67), 70, 80, 81)},
        **{f"{_PREFIX}{number}": _JPEG_2000 for number in (*range(90, 94), *range(201, 204))},
        **{f"{_PREFIX}{number}": _JPEG_XL for number in range(110, 113)},
        **{f"{_PREFIX}{number}{part}": _MPEG2 for number in (100, 101) for part in ("", ".1")},
        **{f"{_PREFIX}{number}{part}": _H264 for number in range(102, 107) for part in ("", ".1")},
        **{f"{_PREFIX}{number}": _H265 for number in (107, 108)},
        RLE_LOSSLESS: _RLE,
    }
)
_MEDIA_TYPES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "image/jpeg": _JPEG,
        "image/jls": _JPEG,
        "image/jp2": _JPEG_2000,
        "image/jpx": _JPEG_2000,
        "image/jphc": _JPEG_2000,
        "image/jxl": _JPEG_XL,
        "image/dicom-rle": _RLE,
        "video/mpeg": _MPEG2,
        "video/mp4": _H264,
        "video/h265": _H265,
    }
)
_FRAMES: Final[Mapping[int, tuple[bytes, ...]]] = MappingProxyType(
    {_JPEG: (SOI,), _JPEG_2000: (SOC, JP2), _JPEG_XL: (BARE, FILE), _RLE: (b"",)}
)
"""What a frame begins with; video has none (PS3.5 Section 8.2)."""
_VIDEO = frozenset({_MPEG2, _H264, _H265})
_UNSAID: Final = frozenset({"application/octet-stream", "application/pdf"})
"""Media types that say nothing of what pixel data are."""
_REFERENCED: Final = frozenset(f"{_PREFIX}{number}" for number in (94, 95, 204, 205))
_UNCOMPRESSED: Final = frozenset({"", *TRANSFER_SYNTAXES}) - _SYNTAXES.keys() - _REFERENCED
_PACKED: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00", PACK)
"""Item tags in both byte orders; a program stream, which does not begin with its codec."""
# Pictures may begin with a start code, but hardly with a header's fixed bits behind it.
_START = rb"\x00{2,3}\x01"
_AVC_SET = rb"[\x27\x47\x67][\x2c\x42\x4d\x53\x56\x58\x64\x6e\x76\x7a\x80\xf4].[\x09-\x3e]"
_HEVC_SET = rb"\x40\x01.[\x00-\x0f]\xff\xff"
_PACKET = rb"G..[\x10-\x3f].{184}"
_CLIPS: Final = tuple(
    (re.compile(pattern, re.DOTALL), codec)
    for pattern, codec in (
        (rb"\x00\x00\x01\xb3...[\x11-\x18\x21-\x28\x31-\x38\x41-\x48]", MPEG2),
        (_START + _AVC_SET, H264),
        (_START + rb"\x09[\x10\x30\x50\x70\x90\xb0\xd0\xf0]\x00\x00", H264),
        (_START + _HEVC_SET, H265),
        (_START + rb"\x46\x01[\x10\x30\x50]\x00\x00", H265),
        (rb"....ftyp", H264),
        (rb"(?:%b){2}G|(?:....%b){2}....G" % (_PACKET, _PACKET), H264),
    )
)
_SIGNATURE_BYTES = 2 * 192 + 5


def cleaner(transfer_syntax: str, *, keeps_icc: bool) -> CodestreamCleaner | None:
    """Return what cleans the fragments of one Pixel Data; None where there is no room for text."""
    kind = _SYNTAXES.get(transfer_syntax)
    return None if kind is None else _cleaner(kind, keeps_icc=keeps_icc)


def beginnings(transfer_syntax: str) -> tuple[bytes, ...]:
    """Return what the first fragment of each frame begins with, and no other (b"": each fragment is a frame)."""
    kind = _SYNTAXES.get(transfer_syntax)
    return (b"",) if kind is None else _FRAMES.get(kind, ())


def cleaner_of_media_type(media_type: str, transfer_syntax: str, *, keeps_icc: bool) -> CodestreamCleaner | None:
    """Return what cleans one part of an answer (PS3.18 Section 8.7.3.3); uncompressed octets are looked at.

    Raises MalformedInput for octets in a Transfer Syntax that the standard does not define, or that has no pixels.
    """
    said = _SYNTAXES.get(transfer_syntax)
    kind = _MEDIA_TYPES.get(media_type)
    if media_type in _UNSAID:
        kind = said
        if transfer_syntax in _UNCOMPRESSED:
            return CodestreamCleaner(partial(_octets, keeps_icc=keeps_icc), _SIGNATURE_BYTES)
        if kind is None:
            raise MalformedInput("octets in a Transfer Syntax that the standard does not define", (PIXEL_DATA,))
    elif kind in _VIDEO and said in _VIDEO:
        kind = said
    return None if kind is None else _cleaner(kind, keeps_icc=keeps_icc)


def _cleaner(kind: int, *, keeps_icc: bool) -> CodestreamCleaner:
    formats: dict[int, tuple[Format, int, tuple[bytes, ...]]] = {
        _JPEG: (partial(jpeg, keeps_icc=keeps_icc), len(SOI), _FRAMES[_JPEG]),
        _JPEG_2000: (partial(jpeg2000, keeps_icc=keeps_icc), len(JP2), _FRAMES[_JPEG_2000]),
        _JPEG_XL: (jpegxl, len(FILE), _FRAMES[_JPEG_XL]),
        _RLE: (rle, 0, _FRAMES[_RLE]),
        _MPEG2: (partial(video, codec=MPEG2), PROBE_BYTES, ()),
        _H264: (partial(video, codec=H264), PROBE_BYTES, ()),
        _H265: (partial(video, codec=H265), PROBE_BYTES, ()),
    }
    return CodestreamCleaner(*formats[kind])


def _octets(start: bytes, *, keeps_icc: bool) -> Parser:
    """Parse what says uncompressed: an origin may hand out what it stored without saying so. Raises MalformedInput."""
    if start.startswith(_PACKED):
        raise MalformedInput("octets that are not what an uncompressed frame or value begins with", (PIXEL_DATA,))
    if start.startswith(SOI + b"\xff"):
        return jpeg(start, keeps_icc=keeps_icc)
    if start.startswith((SOC, JP2)):
        return jpeg2000(start, keeps_icc=keeps_icc)
    if start.startswith(FILE):
        return jpegxl(start)
    for pattern, codec in _CLIPS:
        if pattern.match(start):
            return video(start[:PROBE_BYTES], codec)
    return _uncompressed()


def _uncompressed() -> Parser:
    yield Keep()
