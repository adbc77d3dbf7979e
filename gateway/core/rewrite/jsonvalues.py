"""Values of the DICOM JSON Model as they are read from data sets and written into them, whoever decided on them."""

import struct
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from gateway.core.errors import MalformedInput
from gateway.core.profile.plan import METHOD_CODES
from gateway.core.rewrite import marks
from gateway.core.rewrite.identity import pad
from gateway.core.rewrite.lookahead import CONCEPT_NAME, TWO_NAMES, VALUE_TYPE, concept_of
from gateway.core.rewrite.tables import Concept
from gateway.core.standard.ps315 import CODING_SCHEME
from gateway.core.standard.tags import json_key
from gateway.core.standard.vr import dummy_bytes, dummy_json
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import IMPLICIT_LE
from gateway.core.wire.jsonelement import Element, Elements, decode_element, inline_bytes, name_value, text

CHARACTER_SET: Final = b'{"vr":"CS","Value":["ISO_IR 192"]}'
"""JSON text is UTF-8, whatever the object was (PS3.18 Section F.2.1.1)."""
IDENTITY_REMOVED: Final = b'{"vr":"CS","Value":["YES"]}'
_CONCEPT_NAME, _VALUE_TYPE = json_key(CONCEPT_NAME), json_key(VALUE_TYPE)
_SCHEME: Final = "00080102"
_CODES: Final = ("00080100", "00080119", "00080120")
"""Code Value, Long Code Value, URN Code Value: an item has one of them (PS3.3 Section 8.1)."""

_encode = msgspec.json.encode


def written(vr: str, values: Sequence[str]) -> bytes:
    """Write an element with these values; empty ones become null, and without any other the element is empty."""
    if not any(values):
        return _encode({"vr": vr})
    if vr == "PN":
        return _encode({"vr": vr, "Value": [name_value(value) for value in values]})
    return _encode({"vr": vr, "Value": [value or None for value in values]})


def inline(vr: str, value: bytes) -> bytes:
    """Write an element of raw bytes, empty without any."""
    if not value:
        return _encode({"vr": vr})
    return _encode({"vr": vr, "InlineBinary": b64encode(value).decode()})


def emptied(element: Element) -> bytes | None:
    """Write an element without its value; None, it goes, where the value is elsewhere and may be anything."""
    return None if element.BulkDataURI is not None else _encode({"vr": element.vr})


def constant(vr: str, meant: str, value: str | None) -> bytes:
    """Write an element with a value of the profile, or with the dummy of its VR; ``meant`` is the VR behind UN.

    It stays UN, except for text that is not ASCII: bytes would not say in which character set it is.
    """
    if vr == "UN" and (value is None or value.isascii()):
        return inline("UN", dummy_bytes(meant) if value is None else pad(value, b" "))
    vr = meant
    if value is None:
        return _encode({"vr": vr, **dummy_json(vr)})
    if vr in ("DS", "IS"):
        return _encode({"vr": vr, "Value": [float(value) if vr == "DS" else int(value)]})
    return written(vr, [value])


@lru_cache(maxsize=64)
def constants(always: tuple[tuple[int, str, str], ...]) -> Mapping[str, bytes]:
    """Write what a plan always writes, by key."""
    return {json_key(tag): constant(vr, vr, value) for tag, vr, value in always}


def method_codes(codes: marks.Codes) -> bytes:
    """Write De-identification Method Code Sequence (0012,0064)."""
    return _encode({"vr": "SQ", "Value": [_code(*pair) for pair in codes]})


def earlier_codes(elements: Elements) -> list[str]:
    """Return the Code Values of CID 7050's scheme that an earlier pass left in (0012,0064)."""
    return [text(item, _CODES[0]) for item in _items(elements, METHOD_CODES) if text(item, _SCHEME) == CODING_SCHEME]


def concept(item: Elements) -> tuple[Concept, str]:
    """Return what a content item is about and its Value Type, empty where it does not say. Raises MalformedInput."""
    value_type, raw = text(item, _VALUE_TYPE), item.get(_CONCEPT_NAME)
    element = Element() if raw is None else decode_element(bytes(raw), CONCEPT_NAME)
    if element.BulkDataURI is not None:
        raise MalformedInput("a concept name that is elsewhere", (CONCEPT_NAME,))
    if element.InlineBinary is not None:
        return _encoded_concept(inline_bytes(element, CONCEPT_NAME)), value_type
    return coded(item, CONCEPT_NAME), value_type


def coded(item: Elements, tag: int) -> Concept:
    """Return what a code sequence says that may have one item, empty without any. Raises MalformedInput."""
    names = list(_items(item, tag))
    if len(names) > 1:
        raise MalformedInput(TWO_NAMES, (tag,))
    for name in names:
        code = next((found for key in _CODES if (found := text(name, key))), "")
        return text(name, _SCHEME), code
    return "", ""


def _encoded_concept(value: bytes) -> Concept:
    """Read a concept name in VR UN, which is encoded in implicit VR (PS3.5 Section 6.2.2)."""
    try:
        return concept_of(value, IMPLICIT_LE)
    except (IndexError, struct.error):
        raise MalformedInput("an element ends past the end of the data", (CONCEPT_NAME,)) from None


def _items(elements: Elements, tag: int) -> Iterable[Elements]:
    raw = elements.get(json_key(tag))
    if raw is None:
        return ()
    return [decode_object(item) for item in decode_element(bytes(raw), tag).Value or () if bytes(item) != b"null"]


def _code(code: str, meaning: str) -> dict[str, object]:
    return {
        "00080100": {"vr": "SH", "Value": [code]},
        "00080102": {"vr": "SH", "Value": [CODING_SCHEME]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }
