"""Values of root attributes that conditions look at, as text: the same from Part 10 and from the JSON Model.

Of attributes that are no text, number or UID conditions see only whether they have a value: a sequence with an item,
bytes of any kind.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.core.conditions import is_compared
from gateway.core.errors import MalformedInput
from gateway.core.standard import dictionary
from gateway.core.standard.tags import json_key
from gateway.core.wire import charset
from gateway.core.wire.elements import IMPLICIT_LE, SEQUENCE_DELIMITER, Encoding
from gateway.core.wire.jsonelement import Element, Elements, decode_element, inline_bytes, text

PRESENT: Final = "present"
"""What stands for the value of an attribute that is not compared."""
_FORMATS: Final = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_PROSE: Final = frozenset({"LT", "ST", "UT"})
"""VRs of one value, in which a backslash is a character (PS3.5 Section 6.2)."""


def noted(asked: Iterable[int], masks: Iterable[int]) -> frozenset[int]:
    """Return which of the ``asked`` attributes decide by being there alone; ``masks`` look at the value of theirs."""
    return frozenset(tag for tag in asked if not is_compared(tag)).difference(masks)


def presence(value: bytes, encoding: Encoding) -> bytes:
    """Return PRESENT, encoded, for a value of which the first 4 bytes are given, else nothing."""
    return b"" if value[:4] in (b"", encoding.tag(SEQUENCE_DELIMITER)) else PRESENT.encode()


def said_text(tag: int, raw: bytes, terms: Sequence[str]) -> str:
    """Decode a text without padding, that of its single values included."""
    found = charset.decode(raw.strip(b" \0"), terms)
    if dictionary.vr_of(tag) in _PROSE:
        return found
    return "\\".join([value.strip(" \0") for value in found.split("\\")])


def number_vr(tag: int) -> str:
    """Return the VR of an attribute whose values are binary numbers; empty for any other."""
    vr = dictionary.vr_of(tag) or ""
    return vr if vr in _FORMATS else ""


def require_vr(tag: int, vr: str, *, little: bool = True) -> None:
    """Raise MalformedInput where what is no text comes in a VR that the standard does not give it.

    In UN it is little endian (PS3.5 Section 6.2.2), which a big endian data set is not sure to know.
    """
    if vr and vr not in (*dictionary.vrs_of(tag), "UN" if little else ""):
        raise MalformedInput("a value that rules depend on, in a VR that it cannot have", (tag,))


def numbers(tag: int, raw: bytes, encoding: Encoding, *, is_signed: bool = False) -> str:
    """Return binary numbers as decimal text; attributes that are US or SS follow Pixel Representation.

    Raises MalformedInput where one is cut.
    """
    vr = "SS" if is_signed and "SS" in dictionary.vrs_of(tag) else number_vr(tag)
    each = struct.Struct(("<" if encoding.little else ">") + _FORMATS[vr])
    if len(raw) % each.size:
        raise MalformedInput("a number that is cut", (tag,))
    return "\\".join(str(value) for (value,) in each.iter_unpack(raw))


def json_value(data_set: Elements, tag: int) -> str:
    """Return what conditions see of an attribute that a data set of the JSON Model has. Raises MalformedInput."""
    if not is_compared(tag):
        return _json_presence(data_set, tag)
    return json_number(data_set, tag) if number_vr(tag) else json_text(data_set, tag)


def _json_presence(data_set: Elements, tag: int) -> str:
    element = decode_element(bytes(data_set[json_key(tag)]), tag)
    require_vr(tag, element.vr)
    if element.BulkDataURI is not None:
        return PRESENT
    if element.InlineBinary is not None:
        return presence(inline_bytes(element, tag), IMPLICIT_LE).decode()
    values = element.Value or ()
    return PRESENT if any(element.vr == "SQ" or bytes(value) != b"null" for value in values) else ""


def json_text(data_set: Elements, tag: int) -> str:
    """Return a text of the JSON Model. Raises MalformedInput where it is not there, or none."""
    found = text(data_set, json_key(tag))
    if not found.strip("\\"):
        _require_said(decode_element(bytes(data_set[json_key(tag)]), tag), tag)
    return found


def json_number(data_set: Elements, tag: int) -> str:
    """Return binary numbers of the JSON Model as decimal text. Raises MalformedInput where they are none."""
    element = decode_element(bytes(data_set[json_key(tag)]), tag)
    _require_said(element, tag)
    require_vr(tag, element.vr)
    if element.vr == "UN":
        return numbers(tag, inline_bytes(element, tag), IMPLICIT_LE, is_signed=False)
    return text(data_set, json_key(tag))


def _require_said(element: Element, tag: int) -> None:
    """Raise MalformedInput where an element stands for a value that it does not hold."""
    if element.BulkDataURI is not None or element.vr == "SQ":
        raise MalformedInput("a value that rules depend on, and that the metadata do not hold", (tag,))
