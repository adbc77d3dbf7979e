"""Value Representations (PS3.5 Section 6.2) as one table, and the dummy value of each.

A dummy must parse, names nobody, and is the same everywhere: with one fixed date for all, no ordering of dates is half
kept. Nothing here is derived from a value that was there before.
"""

import base64
from dataclasses import dataclass, replace
from typing import Final

Json = str | int | float | dict[str, str]

ANONYMOUS: Final = "ANONYMOUS"
_SPACE: Final = b" "
_NUL: Final = b"\0"


@dataclass(frozen=True, slots=True)
class VR:
    """One Value Representation.

    ``max_length`` counts characters of one value (bytes for binary VRs) and is None where only the length field limits
    it; ``unit`` is the size in bytes of one binary value, 1 for text.
    """

    code: str
    is_long: bool
    is_text: bool
    is_charset_dependent: bool
    padding: bytes
    max_length: int | None
    unit: int
    dummy: str | None

    @property
    def is_binary(self) -> bool:
        """Say whether values are numbers or raw bytes; False for SQ, which has items instead."""
        return not self.is_text and self.code != "SQ"


def _text(code: str, max_length: int | None, dummy: str | None, *, charset: bool = False, is_long: bool = False) -> VR:
    return VR(
        code,
        is_long=is_long,
        is_text=True,
        is_charset_dependent=charset,
        padding=_NUL if code == "UI" else _SPACE,
        max_length=max_length,
        unit=1,
        dummy=dummy,
    )


def _number(code: str, unit: int, dummy: str = "0", *, is_long: bool = False) -> VR:
    return replace(_bytes(code, unit), is_long=is_long, max_length=unit, dummy=dummy)


def _bytes(code: str, unit: int) -> VR:
    return VR(
        code,
        is_long=True,
        is_text=False,
        is_charset_dependent=False,
        padding=_NUL,
        max_length=None,
        unit=unit,
        dummy=None,
    )


VRS: Final[dict[str, VR]] = {
    vr.code: vr
    for vr in (
        _text("AE", 16, ANONYMOUS),
        _text("AS", 4, "000Y"),
        _number("AT", 4, "00000000"),
        _text("CS", 16, ANONYMOUS),
        _text("DA", 8, "19000101"),
        _text("DS", 16, "0"),
        _text("DT", 26, "19000101000000"),
        _number("FD", 8),
        _number("FL", 4),
        _text("IS", 12, "0"),
        _text("LO", 64, ANONYMOUS, charset=True),
        _text("LT", 10240, ANONYMOUS, charset=True),
        _bytes("OB", 1),
        _bytes("OD", 8),
        _bytes("OF", 4),
        _bytes("OL", 4),
        _bytes("OV", 8),
        _bytes("OW", 2),
        _text("PN", 64, ANONYMOUS, charset=True),  # per component group
        _text("SH", 16, ANONYMOUS, charset=True),
        _number("SL", 4),
        replace(_bytes("SQ", 1), padding=b""),
        _number("SS", 2),
        _text("ST", 1024, ANONYMOUS, charset=True),
        _number("SV", 8, is_long=True),
        _text("TM", 14, "000000"),
        _text("UC", None, ANONYMOUS, charset=True, is_long=True),
        _text("UI", 64, None),
        _number("UL", 4),
        _bytes("UN", 1),
        _text("UR", None, "urn:anonymous", is_long=True),
        _number("US", 2),
        _text("UT", None, ANONYMOUS, charset=True, is_long=True),
        _number("UV", 8, is_long=True),
    )
}

# Explicit VR form with two reserved bytes and a 4-byte length (PS3.5 Table 7.1-1).
LONG_VRS: Final = frozenset(code for code, vr in VRS.items() if vr.is_long)
# Values are characters, ASCII or of the Specific Character Set.
TEXT_VRS: Final = frozenset(code for code, vr in VRS.items() if vr.is_text)
# Values are in the Specific Character Set (PS3.5 Section 6.1.2.3).
CHARSET_VRS: Final = frozenset(code for code, vr in VRS.items() if vr.is_charset_dependent)
BINARY_VRS: Final = frozenset(code for code, vr in VRS.items() if vr.is_binary)
DATE_TIME_VRS: Final = frozenset({"DA", "TM", "DT"})
# One value at most: a backslash is an ordinary character there (PS3.5 Section 6.4).
SINGLE_VALUE_VRS: Final = frozenset({"LT", "ST", "UR", "UT"})


def dummy(vr: str) -> str:
    """Give the dummy value as text.

    Raises ValueError for UI, whose dummy is a UID made for the occasion, for SQ, whose dummy is an item, and for the
    VRs of raw bytes, which have no text.
    """
    text = VRS[vr].dummy
    if text is None:
        raise ValueError(f"no dummy text for VR {vr}")
    return text


def dummy_bytes(vr: str) -> bytes:
    """Give the dummy value as encoded in a data set, of even length; right in every character set and byte order.

    Raises ValueError for UI and SQ.
    """
    properties = VRS[vr]
    if properties.is_binary:
        return bytes(max(properties.unit, 2))
    encoded = dummy(vr).encode("ascii")
    return encoded + properties.padding * (len(encoded) % 2)


def dummy_json(vr: str) -> dict[str, object]:
    """Give the dummy value as the member of a DICOM JSON element besides its ``vr`` (PS3.18 Section F.2.2).

    That is ``{"Value": [...]}``, or ``{"InlineBinary": ...}`` for raw bytes. Raises ValueError for UI and SQ.
    """
    properties = VRS[vr]
    if properties.is_binary and properties.dummy is None:
        return {"InlineBinary": base64.b64encode(dummy_bytes(vr)).decode("ascii")}
    return {"Value": [_json_value(vr)]}


def _json_value(vr: str) -> Json:
    if vr == "PN":
        return {"Alphabetic": dummy(vr)}
    if vr == "AT":
        return dummy(vr)
    if vr in {"DS", "IS"} or VRS[vr].is_binary:
        return 0
    return dummy(vr)
