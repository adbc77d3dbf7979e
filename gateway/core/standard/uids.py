"""UIDs of the standard: registered ones, syntax, and the Transfer Syntaxes a data set can be stored in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydicom._uid_dict import UID_dictionary

MAX_UID_LENGTH: Final = 64
# SOP Classes of the standard that pydicom's table does not have yet.
_NEWER_SOP_CLASSES: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation Storage
        "1.2.840.10008.5.1.4.1.1.66.8",  # Height Map Segmentation Storage
        "1.2.840.10008.5.1.4.1.1.9.100.1",  # Waveform Presentation State Storage
        "1.2.840.10008.5.1.4.1.1.9.100.2",  # Waveform Acquisition Presentation State Storage
    }
)
_CONTEXT_GROUP = re.compile(r"1\.2\.840\.10008\.6\.1\.[1-9][0-9]{0,3}")
_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")


def is_registered(uid: str) -> bool:
    """Say whether the standard itself registers the UID (PS3.6 Annex A): never an instance, never to be mapped.

    The prefix alone says nothing: careless software makes instance UIDs below it.
    """
    return (
        uid in UID_dictionary
        or uid in TRANSFER_SYNTAXES
        or uid in _NEWER_SOP_CLASSES
        or _CONTEXT_GROUP.fullmatch(uid) is not None
    )


def valid_uid(uid: str) -> bool:
    """Say whether the text is a UID (PS3.5 Section 9.1): components without leading zeros, at most 64 characters."""
    return len(uid) <= MAX_UID_LENGTH and _UID.fullmatch(uid) is not None


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How a data set is encoded (PS3.5 Section 10, Annex A).

    ``encapsulated`` says that top-level Pixel Data is a sequence of fragments; ``deflated`` that the whole data set
    after the file meta information is one deflate stream.
    """

    uid: str
    name: str
    explicit: bool = True
    little_endian: bool = True
    encapsulated: bool = True
    deflated: bool = False


IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
JPEG_BASELINE_8_BIT: Final = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED_12_BIT: Final = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1: Final = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS: Final = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR_LOSSLESS: Final = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS: Final = "1.2.840.10008.1.2.4.90"
JPEG_2000: Final = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS: Final = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL: Final = "1.2.840.10008.1.2.4.202"
HTJ2K: Final = "1.2.840.10008.1.2.4.203"
RLE_LOSSLESS: Final = "1.2.840.10008.1.2.5"

_NOT_ENCAPSULATED = (
    TransferSyntax(IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian", explicit=False, encapsulated=False),
    TransferSyntax(EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian", encapsulated=False),
    TransferSyntax(
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, "Deflated Explicit VR Little Endian", encapsulated=False, deflated=True
    ),
    TransferSyntax(EXPLICIT_VR_BIG_ENDIAN, "Explicit VR Big Endian", little_endian=False, encapsulated=False),
    # JPIP data sets hold a URL in place of the pixels.
    TransferSyntax("1.2.840.10008.1.2.4.94", "JPIP Referenced", encapsulated=False),
    TransferSyntax("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", encapsulated=False, deflated=True),
    TransferSyntax("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", encapsulated=False),
    TransferSyntax("1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate", encapsulated=False, deflated=True),
)
# UID after the common prefix, and name: all explicit, little endian, encapsulated.
_ENCAPSULATED = {
    ".1.98": "Encapsulated Uncompressed Explicit VR Little Endian",
    ".4.50": "JPEG Baseline (Process 1)",
    ".4.51": "JPEG Extended (Process 2 and 4)",
    ".4.52": "JPEG Extended (Process 3 and 5)",
    ".4.53": "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)",
    ".4.54": "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)",
    ".4.55": "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)",
    ".4.56": "JPEG Full Progression, Non-Hierarchical (Process 11 and 13)",
    ".4.57": "JPEG Lossless, Non-Hierarchical (Process 14)",
    ".4.58": "JPEG Lossless, Non-Hierarchical (Process 15)",
    ".4.59": "JPEG Extended, Hierarchical (Process 16 and 18)",
    ".4.60": "JPEG Extended, Hierarchical (Process 17 and 19)",
    ".4.61": "JPEG Spectral Selection, Hierarchical (Process 20 and 22)",
    ".4.62": "JPEG Spectral Selection, Hierarchical (Process 21 and 23)",
    ".4.63": "JPEG Full Progression, Hierarchical (Process 24 and 26)",
    ".4.64": "JPEG Full Progression, Hierarchical (Process 25 and 27)",
    ".4.65": "JPEG Lossless, Hierarchical (Process 28)",
    ".4.66": "JPEG Lossless, Hierarchical (Process 29)",
    ".4.70": "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
    ".4.80": "JPEG-LS Lossless Image Compression",
    ".4.81": "JPEG-LS Lossy (Near-Lossless) Image Compression",
    ".4.90": "JPEG 2000 Image Compression (Lossless Only)",
    ".4.91": "JPEG 2000 Image Compression",
    ".4.92": "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)",
    ".4.93": "JPEG 2000 Part 2 Multi-component Image Compression",
    ".4.100": "MPEG2 Main Profile / Main Level",
    ".4.100.1": "Fragmentable MPEG2 Main Profile / Main Level",
    ".4.101": "MPEG2 Main Profile / High Level",
    ".4.101.1": "Fragmentable MPEG2 Main Profile / High Level",
    ".4.102": "MPEG-4 AVC/H.264 High Profile / Level 4.1",
    ".4.102.1": "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1",
    ".4.103": "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
    ".4.103.1": "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
    ".4.104": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
    ".4.104.1": "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
    ".4.105": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
    ".4.105.1": "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
    ".4.106": "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
    ".4.106.1": "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
    ".4.107": "HEVC/H.265 Main Profile / Level 5.1",
    ".4.108": "HEVC/H.265 Main 10 Profile / Level 5.1",
    ".4.110": "JPEG XL Lossless",
    ".4.111": "JPEG XL JPEG Recompression",
    ".4.112": "JPEG XL",
    ".4.201": "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
    ".4.202": "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
    ".4.203": "High-Throughput JPEG 2000 Image Compression",
    ".5": "RLE Lossless",
    ".8.1": "Deflated Image Frame Compression",
}
# Left out, and so refused: RFC 2557 MIME, XML and Papyrus (retired, not PS3.5 data sets) and the SMPTE ST 2110
# syntaxes (streams in real time, never stored).
TRANSFER_SYNTAXES: Final[Mapping[str, TransferSyntax]] = MappingProxyType(
    {syntax.uid: syntax for syntax in _NOT_ENCAPSULATED}
    | {
        IMPLICIT_VR_LITTLE_ENDIAN + suffix: TransferSyntax(IMPLICIT_VR_LITTLE_ENDIAN + suffix, name)
        for suffix, name in _ENCAPSULATED.items()
    }
)


def transfer_syntax(uid: str) -> TransferSyntax | None:
    """Look a Transfer Syntax up; None for private and unknown ones, whose encoding cannot be known."""
    return TRANSFER_SYNTAXES.get(uid)
