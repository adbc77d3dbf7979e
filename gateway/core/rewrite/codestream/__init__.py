"""Metadata inside compressed pixel data, overwritten in place; the format follows from Transfer Syntax or media type.

PS3.15 Annex E looks at Attributes; comments of JPEG, EXIF, boxes of JP2 and MP4 files and user data of video are none.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from gateway.core.rewrite.codestream.fragments import Fragments
from gateway.core.rewrite.codestream.jpeg import SOI, jpeg
from gateway.core.rewrite.codestream.jpeg2000 import JP2, SOC, jpeg2000
from gateway.core.rewrite.codestream.jpegxl import BARE, FILE, jpegxl
from gateway.core.rewrite.codestream.machine import CodestreamCleaner
from gateway.core.rewrite.codestream.ops import Format, Keep, Parser
from gateway.core.rewrite.codestream.rle import rle
from gateway.core.rewrite.codestream.units import H264, H265, MPEG2
from gateway.core.rewrite.codestream.video import PROBE_BYTES, video
from gateway.core.standard.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, RLE_LOSSLESS

__all__ = ["ICC_PROFILE", "CodestreamCleaner", "Fragments", "cleaner", "cleaner_of_media_type"]

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
_VIDEO = frozenset({_MPEG2, _H264, _H265})
_OCTETS = "application/octet-stream"
_SIGNATURE_BYTES = 12


def cleaner(transfer_syntax: str, *, keeps_icc: bool) -> CodestreamCleaner | None:
    """Return what cleans the fragments of one Pixel Data; None where there is no room for text."""
    kind = _SYNTAXES.get(transfer_syntax)
    return None if kind is None else _cleaner(kind, keeps_icc=keeps_icc)


def cleaner_of_media_type(media_type: str, transfer_syntax: str, *, keeps_icc: bool) -> CodestreamCleaner | None:
    """Return what cleans one part of an answer (PS3.18 Section 8.7.3.3); octets of no Transfer Syntax are looked at."""
    said = _SYNTAXES.get(transfer_syntax)
    kind = _MEDIA_TYPES.get(media_type)
    if media_type == _OCTETS:
        kind = said
        if kind is None and transfer_syntax in ("", EXPLICIT_VR_LITTLE_ENDIAN):
            return CodestreamCleaner(partial(_octets, keeps_icc=keeps_icc), _SIGNATURE_BYTES)
    elif kind in _VIDEO and said in _VIDEO:
        kind = said
    return None if kind is None else _cleaner(kind, keeps_icc=keeps_icc)


def _cleaner(kind: int, *, keeps_icc: bool) -> CodestreamCleaner:
    formats: dict[int, tuple[Format, int, tuple[bytes, ...]]] = {
        _JPEG: (partial(jpeg, keeps_icc=keeps_icc), len(SOI), (SOI,)),
        _JPEG_2000: (partial(jpeg2000, keeps_icc=keeps_icc), len(JP2), (SOC, JP2)),
        _JPEG_XL: (jpegxl, len(FILE), (BARE, FILE)),
        _RLE: (rle, 0, (b"",)),
        _MPEG2: (partial(video, codec=MPEG2), PROBE_BYTES, ()),
        _H264: (partial(video, codec=H264), PROBE_BYTES, ()),
        _H265: (partial(video, codec=H265), PROBE_BYTES, ()),
    }
    return CodestreamCleaner(*formats[kind])


def _octets(start: bytes, *, keeps_icc: bool) -> Parser:
    """Parse what says uncompressed: an origin may hand out what it stored without saying so."""
    if start.startswith(SOI + b"\xff"):
        return jpeg(start, keeps_icc=keeps_icc)
    if start.startswith((SOC, JP2)):
        return jpeg2000(start, keeps_icc=keeps_icc)
    if start.startswith(FILE):
        return jpegxl(start)
    if start[4:8] == b"ftyp":
        return video(start[:PROBE_BYTES], H264)
    return _uncompressed()


def _uncompressed() -> Parser:
    yield Keep()
