"""The value of one element of the DICOM JSON Model as it is encoded in Explicit VR Little Endian (PS3.5 Section 6.2).

Text becomes UTF-8, as JSON is. What a VR cannot hold is malformed: nothing is guessed, and nothing is left out.
"""

import math
import struct
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard import vr as value_representations
from gateway.core.standard.vr import SINGLE_VALUE_VRS, VRS
from gateway.core.wire import charset
from gateway.core.wire.jsonelement import BINARY_VRS, NAME_GROUPS, Element, Raw, inline_bytes
from gateway.core.wire.numbers import NUMBER

MAX_INLINE_BYTES: Final = 16 << 20
"""Of one InlineBinary, decoded: what is larger belongs into a part of its own."""
MAX_DECIMAL: Final = 16
"""Characters of a decimal string (PS3.5 Section 6.2)."""

_NUMBERS: Final = {
    "FD": struct.Struct("<d"), "FL": struct.Struct("<f"), "SL": struct.Struct("<l"), "SS": struct.Struct("<h"),
    "SV": struct.Struct("<q"), "UL": struct.Struct("<L"), "US": struct.Struct("<H"), "UV": struct.Struct("<Q"),
}  # fmt: skip
_FLOATS: Final = frozenset({"FD", "FL"})
_TAG: Final = struct.Struct("<HH")
_BASE64_DIGITS, _BASE64_BYTES = 4, 3


def value_bytes(element: Element, tag: int) -> bytes:
    """Encode InlineBinary or Value of an element that is no sequence, without padding.

    Raises MalformedInput for what the VR cannot hold, and LimitExceeded.
    """
    if element.InlineBinary is not None:
        return _inline(element, tag)
    values = element.Value or ()
    if values and element.vr in BINARY_VRS:
        raise MalformedInput("values of a VR that has raw bytes only", (tag,))
    if element.vr in _NUMBERS:
        return b"".join([_number(_parsed(value, tag), element.vr, tag) for value in values])
    if element.vr == "AT":
        return b"".join([_pointer(_parsed(value, tag), tag) for value in values])
    if len(values) > 1 and element.vr in SINGLE_VALUE_VRS:
        raise MalformedInput("several values of a VR that has one", (tag,))
    return _encoded("\\".join([_text(value, element.vr, tag) for value in values]), element.vr, tag)


def bulk_text(raw: bytes, vr: str, terms: Sequence[str], tag: int) -> bytes:
    """Bring a text value that came as octets to UTF-8: it is that, or in the character set that metadata name.

    Raises MalformedInput where it is neither.
    """
    if not VRS[vr].is_charset_dependent:
        return raw
    text = charset.read(raw, (charset.UTF_8,)) or charset.read(raw, terms)
    if text is None and raw:
        raise MalformedInput("text that is not in its character set", (tag,))
    return (text or "").encode()


def _inline(element: Element, tag: int) -> bytes:
    if element.vr not in value_representations.BINARY_VRS:
        raise MalformedInput("InlineBinary of a VR that is not binary", (tag,))
    if len(element.InlineBinary or "") > MAX_INLINE_BYTES // _BASE64_BYTES * _BASE64_DIGITS:
        raise LimitExceeded("bytes of an InlineBinary", MAX_INLINE_BYTES, (tag,))
    raw = inline_bytes(element, tag)
    if len(raw) % VRS[element.vr].unit:
        raise MalformedInput("InlineBinary that is no whole number of values", (tag,))
    return raw


def _parsed(value: Raw, tag: int) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedInput("not the DICOM JSON Model", (tag,)) from None


def _number(found: object, vr: str, tag: int) -> bytes:
    """Pack one number; writers of XML, and of numbers that JSON does not have, send text."""
    if isinstance(found, str) and NUMBER.fullmatch(found.strip()):
        found = float(found) if vr in _FLOATS else _integer(found, tag)
    if isinstance(found, float) and found.is_integer() and vr not in _FLOATS:
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise MalformedInput("a value that is no number", (tag,))
    try:
        return _NUMBERS[vr].pack(found)
    except (struct.error, OverflowError):
        raise MalformedInput("a number that its VR cannot hold", (tag,)) from None


def _integer(text: str, tag: int) -> int:
    try:
        return int(text)
    except ValueError:
        raise MalformedInput("a value that is no whole number", (tag,)) from None


def _pointer(found: object, tag: int) -> bytes:
    try:
        number = int(found, 16) if isinstance(found, str) and len(found) == 8 and found.isalnum() else None
    except ValueError:
        number = None
    if number is None:
        raise MalformedInput("a value that is no tag", (tag,))
    return _TAG.pack(number >> 16, number & 0xFFFF)


def _text(value: Raw, vr: str, tag: int) -> str:
    """Return one value as text; a backslash in it would make two."""
    found = _parsed(value, tag)
    if found is None:
        return ""
    if vr == "PN":
        text = _name(found, tag)
    elif vr in ("DS", "IS") and isinstance(found, int | float) and not isinstance(found, bool):
        text = _digits(found, bytes(value).decode(), vr, tag)
    elif isinstance(found, str):
        text = found
    else:
        raise MalformedInput("a value that its VR cannot have", (tag,))
    if "\\" in text and vr not in SINGLE_VALUE_VRS:
        raise MalformedInput("a backslash in a value", (tag,))
    return text


def _name(found: object, tag: int) -> str:
    """Join the component groups of a person's name (PS3.18 Section F.2.2); some writers send it as it is encoded."""
    if isinstance(found, str):
        return found
    if not isinstance(found, dict):
        raise MalformedInput("a value that its VR cannot have", (tag,))
    groups = [found.get(group) or "" for group in NAME_GROUPS]
    if not all(isinstance(group, str) and "=" not in group for group in groups):
        raise MalformedInput("a component group that is no text", (tag,))
    return "=".join(groups).rstrip("=")


def _digits(found: float, written: str, vr: str, tag: int) -> str:
    """Return a number as DS or IS, its digits as they were written where they fit."""
    try:
        is_finite = math.isfinite(found)
    except OverflowError:
        is_finite = False
    if not is_finite:
        raise MalformedInput("a number that its VR cannot hold", (tag,))
    if vr == "IS":
        if found != int(found):
            raise MalformedInput("a value that is no whole number", (tag,))
        return str(int(found))
    if len(written) <= MAX_DECIMAL:
        return written
    shorter = (f"{float(found):.{digits}g}" for digits in range(MAX_DECIMAL, 0, -1))
    return next(text for text in shorter if len(text) <= MAX_DECIMAL)


def _encoded(text: str, vr: str, tag: int) -> bytes:
    try:
        return text.encode("utf-8" if VRS[vr].is_charset_dependent else "ascii")
    except UnicodeEncodeError:
        raise MalformedInput("a character that its VR cannot have", (tag,)) from None
