"""The age of the subject as a number of a content item: above 89 years it becomes 90, as an Age String does.

The number is in Measured Value Sequence (PS3.3 Section C.18.1) or beside the concept name (PS3.3 Section 10.2), its
unit in the same item. In a unit that is not known it is emptied. What says it with more digits (Floating Point Value,
Rational Numerator and Denominator Value) goes, since it could be another number.
"""

import struct
from collections.abc import Mapping
from typing import Final

from gateway.core.errors import MalformedInput
from gateway.core.profile.items import NUMERIC, UNITS
from gateway.core.pseudonym.values import cap_measured_age
from gateway.core.rewrite import jsonvalues
from gateway.core.rewrite.identity import pad
from gateway.core.rewrite.lookahead import concept_of
from gateway.core.standard.tags import json_key
from gateway.core.standard.vr import VRS
from gateway.core.wire.elements import IMPLICIT, IMPLICIT_LE, LONG, SHORT, Encoding, elements
from gateway.core.wire.jsonelement import Elements, decode_element, inline_bytes, value_text

EXACTLY: Final = (0x0040A161, 0x0040A162, 0x0040A163)
"""Floating Point Value, Rational Numerator Value, Rational Denominator Value."""
SCHEME: Final = "UCUM"


def capped_item(body: bytes, encoding: Encoding) -> bytes:
    """Cap the number in the elements of an item that has been rewritten. Raises IndexError, struct.error."""
    unit, pieces = "", []
    pos = 0
    for header, after in elements(body, 0, len(body), encoding):
        value, key = body[header.start : after], body[pos : pos + encoding.width]
        if header.tag == UNITS:
            unit = _unit(value, IMPLICIT_LE if header.vr == "UN" else encoding)
        if header.tag == NUMERIC:
            form = IMPLICIT if not encoding.explicit else LONG if VRS[header.vr].is_long else SHORT
            pieces.append(encoding.element(key, form, _capped(value, unit)))
        elif header.tag not in EXACTLY:
            pieces.append(body[pos:after])
        pos = after
    return b"".join(pieces)


def _capped(value: bytes, unit: str) -> bytes:
    numbers = value.decode("latin-1").split("\\")
    return pad("\\".join([cap_measured_age(number, unit) for number in numbers]), b" ")


def _unit(value: bytes, encoding: Encoding) -> str:
    """Read a coded unit; empty where it is none of UCUM."""
    try:
        scheme, code = concept_of(value, encoding)
    except (MalformedInput, IndexError, struct.error):
        return ""
    return code if scheme.upper() == SCHEME else ""


def capped_members(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Do the same for the members of an item of the JSON Model. Raises MalformedInput."""
    out = {key: raw for key, raw in members.items() if int(key, 16) not in EXACTLY}
    raw = out.get(json_key(NUMERIC))
    if raw is not None:
        out[json_key(NUMERIC)] = _capped_element(raw, _json_unit(members))
    return out


def _capped_element(raw: bytes, unit: str) -> bytes:
    element = decode_element(raw, NUMERIC)
    if element.InlineBinary is not None:
        return jsonvalues.inline(element.vr, _capped(inline_bytes(element, NUMERIC), unit))
    values = [value_text(value, NUMERIC) for value in element.Value or ()]
    capped = [cap_measured_age(value, unit) for value in values]
    if capped == values and element.BulkDataURI is None:
        return raw
    return jsonvalues.written(element.vr, capped)


def _json_unit(members: Elements) -> str:
    raw = members.get(json_key(UNITS))
    if raw is None:
        return ""
    element = decode_element(bytes(raw), UNITS)
    if element.InlineBinary is not None:
        return _unit(inline_bytes(element, UNITS), IMPLICIT_LE)
    try:
        scheme, code = jsonvalues.coded(members, UNITS)
    except MalformedInput:
        return ""
    return code if scheme.upper() == SCHEME else ""
