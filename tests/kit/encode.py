"""Write data sets byte by byte (PS3.5 Section 7, PS3.10 Section 7): what no library would write is the point."""

import base64
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
JPEG: Final = "1.2.840.10008.1.2.4.50"
RLE: Final = "1.2.840.10008.1.2.5"

LONG: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
FORMATS: Final = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
PIXEL_DATA: Final = 0x7FE00010
_UNDEFINED: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Element:
    """One data element.

    ``value`` is encoded text or bytes, a list of numbers, a list of items (each a list of elements), or for
    encapsulated pixel data a list of fragments. ``undefined`` gives a sequence and its items undefined length;
    ``unknown`` writes it as UN, whose content is implicit VR little endian whatever surrounds it.
    """

    tag: int
    vr: str
    value: Any = b""
    undefined: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written."""

    implicit: bool = False
    big: bool = False

    def number(self, code: str, value: float) -> bytes:
        """Pack one number."""
        return struct.pack((">" if self.big else "<") + code, value)

    def tag(self, tag: int) -> bytes:
        """Pack a tag."""
        return self.number("H", tag >> 16) + self.number("H", tag & 0xFFFF)


def encoding_of(syntax: str) -> Encoding:
    """Say how the data set of a transfer syntax is written."""
    return Encoding(implicit=syntax == IMPLICIT, big=syntax == BIG_ENDIAN)


def data_set(elements: Iterable[Element], encoding: Encoding) -> bytes:
    """Write elements in tag order."""
    return b"".join(_element(element, encoding) for element in sorted(elements, key=lambda element: element.tag))


def part10(
    elements: Iterable[Element], syntax: str, meta: Iterable[Element] = (), preamble: bytes = bytes(128)
) -> bytes:
    """Write a whole file; ``meta`` is added to what the elements and the syntax imply."""
    known = list(elements)
    values = {element.tag: element.value for element in known}
    group = {
        0x00020001: Element(0x00020001, "OB", b"\0\1"),
        0x00020002: Element(0x00020002, "UI", values.get(0x00080016, b"")),
        0x00020003: Element(0x00020003, "UI", values.get(0x00080018, b"")),
        0x00020010: Element(0x00020010, "UI", syntax.encode()),
    } | {element.tag: element for element in meta}
    written = data_set(group.values(), Encoding())
    body = data_set(known, encoding_of(syntax))
    if syntax == DEFLATED:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
        body += bytes(len(body) % 2)
    length = Element(0x00020000, "UL", [len(written)])
    return preamble + b"DICM" + data_set([length], Encoding()) + written + body


def as_json(elements: Iterable[Element], bulk: str = "") -> dict[str, Any]:
    """Make the DICOM JSON Model (PS3.18 Annex F); binary values inline, or behind ``bulk`` and their tag."""
    return {f"{element.tag:08X}": _json(element, bulk) for element in sorted(elements, key=lambda element: element.tag)}


def _element(element: Element, encoding: Encoding) -> bytes:
    inner = Encoding(implicit=True) if element.unknown else encoding
    vr = "UN" if element.unknown else element.vr
    value = _value(element, inner)
    length = _UNDEFINED if element.undefined else len(value)
    head = encoding.tag(element.tag)
    if encoding.implicit:
        return head + encoding.number("I", length) + value
    if vr in LONG:
        return head + vr.encode() + b"\0\0" + encoding.number("I", length) + value
    return head + vr.encode() + encoding.number("H", length) + value


def _value(element: Element, encoding: Encoding) -> bytes:
    value = element.value
    if isinstance(value, bytes):
        padding = b"\0" if element.vr in ("UI", "OB", "UN") else b" "
        return value + padding * (len(value) % 2)
    if element.vr == "SQ":
        return _items(value, element.undefined, encoding)
    if element.tag == PIXEL_DATA and element.undefined:
        return _fragments(value, encoding)
    if element.vr == "AT":
        return b"".join(encoding.tag(tag) for tag in value)
    return b"".join(encoding.number(FORMATS[element.vr], number) for number in value)


def _items(items: Sequence[Sequence[Element]], undefined: bool, encoding: Encoding) -> bytes:
    item, item_end, end = (encoding.tag(tag) for tag in (0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD))
    nothing = encoding.number("I", 0)
    written = []
    for elements in items:
        content = data_set(elements, encoding)
        length = _UNDEFINED if undefined else len(content)
        written += [item, encoding.number("I", length), content, (item_end + nothing) * undefined]
    return b"".join(written) + (end + nothing) * undefined


def _fragments(fragments: Sequence[bytes], encoding: Encoding) -> bytes:
    item, end = encoding.tag(0xFFFEE000), encoding.tag(0xFFFEE0DD)
    written = [item + encoding.number("I", 0)]  # an empty Basic Offset Table
    for fragment in fragments:
        padded = fragment + bytes(len(fragment) % 2)
        written.append(item + encoding.number("I", len(padded)) + padded)
    return b"".join(written) + end + encoding.number("I", 0)


def _json(element: Element, bulk: str) -> dict[str, Any]:
    if element.vr == "SQ":
        return {"vr": "SQ", "Value": [as_json(item, bulk and f"{bulk}/{element.tag:08x}") for item in element.value]}
    if element.vr.startswith("O") or element.vr == "UN":
        return {"vr": element.vr} | _json_bytes(element, bulk)
    if not element.value:
        return {"vr": element.vr}
    if not isinstance(element.value, bytes):
        numbers = [f"{number:08X}" if element.vr == "AT" else number for number in element.value]
        return {"vr": element.vr, "Value": numbers}
    text = element.value.decode("utf-8").rstrip(" \0")
    values = [text] if element.vr in ("LT", "ST", "UT", "UR") else text.split("\\")
    return {"vr": element.vr, "Value": [_json_value(element.vr, value) for value in values]}


def _json_bytes(element: Element, bulk: str) -> dict[str, str]:
    if bulk:
        return {"BulkDataURI": f"{bulk}/{element.tag:08x}"}
    raw = _value(element, Encoding()) if isinstance(element.value, bytes) else b"".join(element.value)
    return {"InlineBinary": base64.b64encode(raw).decode()}


def _json_value(vr: str, value: str) -> Any:
    if vr == "PN":
        groups = zip(("Alphabetic", "Ideographic", "Phonetic"), value.split("="), strict=False)
        return {name: group for name, group in groups if group}
    if vr == "DS":
        return float(value)
    return int(value) if vr == "IS" else value
