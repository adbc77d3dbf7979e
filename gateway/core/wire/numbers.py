"""What a number is made of, encoded (PS3.5 Section 6.2) and in JSON (PS3.18 Table F.2.3-1): text is none."""

import re
from typing import Final

from gateway.core.standard.vr import VRS

DECIMAL_VRS: Final = frozenset({"DS", "IS"})
NUMBER_VRS: Final = frozenset(vr.code for vr in VRS.values() if vr.is_binary and vr.dummy is not None) | DECIMAL_VRS
"""VRs whose values are numbers (tags for AT)."""
_FINITE: Final = r"[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:e[+-]?+\d++)?+"
NUMBER: Final = re.compile(_FINITE + "|[+-]?(?:nan|inf|infinity)", re.IGNORECASE | re.ASCII)
"""One value as text. What is not finite no VR allows, but there are writers of it. Nothing is tried twice: linear."""
_NUMBERS: Final = re.compile(
    rf"(?:[ \0]*+(?:{_FINITE})?+[ \0]*+\\)*+[ \0]*+(?:{_FINITE})?+[ \0]*+".encode(), re.IGNORECASE
)


def are_numbers(raw: bytes, vr: str) -> bool:
    """Say whether an encoded value consists of what one of the NUMBER_VRS has: numbers as text, or as many bytes."""
    if vr in DECIMAL_VRS:
        return _NUMBERS.fullmatch(raw) is not None
    return len(raw) % VRS[vr].unit == 0


def only_numbers(raw: bytes, vr: str) -> bytes:
    """Empty each value of DS or IS that is no number; of numbers in a binary VR that are cut, nothing is left."""
    if vr not in DECIMAL_VRS:
        return b""
    values = raw.decode("latin-1").split("\\")
    left = "\\".join([value if NUMBER.fullmatch(value.strip(" \0")) else "" for value in values])
    return left.encode() + b" " * (len(left) % 2)
