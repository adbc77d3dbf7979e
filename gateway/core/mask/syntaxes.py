"""Transfer Syntaxes whose frames can be masked and leave in the same syntax."""

from typing import Final

from gateway.core.standard.uids import (
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE_8_BIT,
    JPEG_EXTENDED_12_BIT,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR_LOSSLESS,
    RLE_LOSSLESS,
)

DEFLATED_FRAMES: Final = "1.2.840.10008.1.2.8.1"
JPEG_XL_LOSSLESS: Final = "1.2.840.10008.1.2.4.110"
JPEG_XL: Final = "1.2.840.10008.1.2.4.112"

JPEG: Final = frozenset({JPEG_BASELINE_8_BIT, JPEG_EXTENDED_12_BIT})
"""Lossy JPEG: masked block by block, not encoded again."""

MASKED: Final = JPEG | {
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR_LOSSLESS,
    JPEG_2000_LOSSLESS,
    JPEG_2000,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    HTJ2K,
    JPEG_XL_LOSSLESS,
    JPEG_XL,
    RLE_LOSSLESS,
    DEFLATED_FRAMES,
}
"""Any other encapsulated syntax is refused where a mask applies: video, retired JPEG, JPEG 2000 Part 2, and JPEG XL
that was made from JPEG, which it would no longer be."""

_MADE_RGB: Final = {"YBR_ICT": "YBR_RCT", "XYB": "RGB"}


def photometric_of_masked(said: str) -> str:
    """Return the Photometric Interpretation of frames that were masked.

    They are encoded again without loss, which the transforms YBR_ICT and XYB are not (PS3.5 Section 8.2.4).
    """
    return _MADE_RGB.get(said, said)
