"""The Native DICOM Model (PS3.19 Annex A, PS3.18 Section F.3) in and out, by way of the DICOM JSON Model.

Both models hold the same, so XML is rewritten as JSON is: ``from_xml`` gives what a rewriter takes, ``to_xml`` takes
what it gives. Only what the model names is read; comments, processing instructions, keywords and further XML attributes
do not come through. The parser is Python's own expat: it opens nothing, and a document type declaration, without which
there are no entities, is refused.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

import msgspec

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private, is_private_creator, json_key
from gateway.core.wire.dicomjson import MAX_OBJECT_BYTES, DataSet, encode_object
from gateway.core.wire.elements import MAX_DEPTH
from gateway.core.wire.jsonelement import (
    NAME_GROUPS,
    Element,
    Elements,
    Raw,
    creator_of,
    decode_element,
    decode_items,
    plain_text,
    text,
)

NAMESPACE: Final = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
MAX_GAPS: Final = 64
"""Values that may be missing between numbered ones of an attribute: each becomes a null that nobody sent."""

_ROOT: Final = "NativeDicomModel"
_COMPONENTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_CHILDREN: Final[dict[str, frozenset[str]]] = {
    "": frozenset({_ROOT}),
    _ROOT: frozenset({"DicomAttribute"}),
    "Item": frozenset({"DicomAttribute"}),
    "DicomAttribute": frozenset({"Value", "Item", "PersonName", "BulkData", "InlineBinary"}),
    "PersonName": frozenset(NAME_GROUPS),
    **dict.fromkeys(NAME_GROUPS, frozenset(_COMPONENTS)),
}
_TEXTS: Final = frozenset({"Value", "InlineBinary", *_COMPONENTS})
_MAX_OPEN: Final = 2 * MAX_DEPTH + 6
"""A level of items is two XML elements; the deepest value, part of a name, is within three more and the root."""
_TAG: Final = re.compile(r"[0-9A-F]{8}")
_POSITION: Final = re.compile(r"[1-9][0-9]{0,6}")
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMBERS_ONLY: Final = frozenset({"FD", "FL", "SL", "SS", "UL", "US"})
"""VRs whose values are JSON numbers (PS3.18 Table F.2.3-1); the others may be strings, as they are in XML."""
_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF

_encode = msgspec.json.encode

_SPECIAL: Final = re.compile('[\\x00-\\x1f&<>"\ufffe\uffff]')
_ESCAPES: Final = dict.fromkeys((*range(0x20), 0xFFFE, 0xFFFF), " ") | {
    ord(char): f"&#{ord(char)};" for char in '\t\n\r&<>"'
}
"""What cannot stand in a value as it is; of the control characters XML has only these three."""

_Held = str | dict[str, str] | Raw
"""Text, the component groups of a name, or an item."""
_Attribute = tuple[int, str, Raw]
"""Tag, private creator, element."""


def from_xml(document: bytes) -> DataSet:
    """Read one document. Raises MalformedInput, LimitExceeded.

    A private element is found in XML by its creator, without the block; it comes into the block that the creator has
    reserved, or gets one.
    """
    if len(document) > MAX_OBJECT_BYTES:
        raise LimitExceeded("XML document", MAX_OBJECT_BYTES)
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(document, True)  # noqa: FBT003 - expat takes no keywords
    except (expat.ExpatError, ValueError, LookupError):  # the latter two: an encoding that nobody knows
        raise MalformedInput("not well-formed XML", offset=max(parser.CurrentByteIndex, 0)) from None
    return reader.data_set


def to_xml(elements: Elements) -> bytes:
    """Write one data set; a character that XML cannot hold, such as a form feed, becomes a space.

    Raises MalformedInput, LimitExceeded.
    """
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{_ROOT} xmlns="{NAMESPACE}" xml:space="preserve">'
    return "".join([head, *_written(elements, 0), f"</{_ROOT}>\n"]).encode()


class _Open:
    """An XML element that has not ended, with what has ended in it: by position or name, or as elements."""

    __slots__ = ("attributes", "elements", "held", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text: list[str] = []
        self.held: dict[int | str, _Held] = {}
        self.elements: list[_Attribute] = []


class _Reader:
    """What the parser calls; ``data_set`` is there when the document has ended."""

    def __init__(self) -> None:
        self._open = [_Open("", {})]
        self.data_set: DataSet = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.removeprefix(f"{NAMESPACE} ")
        if local not in _CHILDREN.get(self._open[-1].name, ()):
            raise MalformedInput("an XML element where the Native DICOM Model has none")
        if len(self._open) > _MAX_OPEN:
            raise LimitExceeded("nesting of sequences", MAX_DEPTH)
        self._open.append(_Open(local, attributes))

    def characters(self, data: str) -> None:
        inner = self._open[-1]
        if inner.name in _TEXTS:
            inner.text.append(data)
        elif data.strip(" \t\r\n"):
            raise MalformedInput("text where the Native DICOM Model has none")

    def end(self, _name: str) -> None:
        closed = self._open.pop()
        outer = self._open[-1]
        if closed.name == _ROOT:
            self.data_set = _data_set(closed.elements)
        elif closed.name == "DicomAttribute":
            outer.elements.append(_attribute(closed))
        else:
            key, held = _part(closed)
            if key in outer.held:
                raise MalformedInput("an XML element that is there twice")
            outer.held[key] = held


def _refuse_declaration(*_: object) -> None:
    raise MalformedInput("a document type declaration in XML")


def _part(closed: _Open) -> tuple[int | str, _Held]:
    """Turn an XML element within an attribute into what the attribute holds, and where."""
    if closed.name in _COMPONENTS:
        return closed.name, "".join(closed.text)
    if closed.name in NAME_GROUPS:
        return closed.name, "^".join([str(closed.held.get(part, "")) for part in _COMPONENTS]).rstrip("^")
    if closed.name == "InlineBinary":
        return closed.name, "".join("".join(closed.text).split())
    if closed.name == "BulkData":
        uuid = closed.attributes.get("uuid")
        return closed.name, closed.attributes.get("uri") or (f"urn:uuid:{uuid}" if uuid else "")
    position = closed.attributes.get("number", "")
    if not _POSITION.fullmatch(position):
        raise MalformedInput("a value without its number")
    if closed.name == "Item":
        return int(position), Raw(encode_object(_data_set(closed.elements)))
    if closed.name == "PersonName":
        return int(position), {str(group): str(part) for group, part in closed.held.items() if part}
    return int(position), "".join(closed.text)


def _attribute(closed: _Open) -> _Attribute:
    key, vr, held = closed.attributes.get("tag", ""), closed.attributes.get("vr", ""), closed.held
    if not _TAG.fullmatch(key):
        raise MalformedInput("a DicomAttribute without its tag")
    tag = int(key, 16)
    alone = held.keys() & {"BulkData", "InlineBinary"}
    kind = Raw if vr == "SQ" else dict if vr == "PN" else str
    if (alone and len(held) > 1) or not all(isinstance(value, kind) for value in held.values() if not alone):
        raise MalformedInput("values of a kind that the VR does not have", (tag,))
    element: dict[str, object] = {"vr": vr}
    if alone:
        element.update(("BulkDataURI" if name == "BulkData" else str(name), held[name]) for name in alone)
    elif held:
        element["Value"] = _values(held, vr, tag)
    return tag, closed.attributes.get("privateCreator", ""), Raw(_encode(element))


def _values(held: dict[int | str, _Held], vr: str, tag: int) -> list[object]:
    last = max(position for position in held if isinstance(position, int))
    if last - len(held) > MAX_GAPS:
        raise LimitExceeded("numbers without a value", MAX_GAPS, (tag,))
    return [_value(held.get(position), vr) for position in range(1, last + 1)]


def _value(held: _Held | None, vr: str) -> object:
    if isinstance(held, str) and vr in _NUMBERS_ONLY and _JSON_NUMBER.fullmatch(held.strip()):
        return Raw(held.strip().encode())
    return held or None


def _data_set(found: list[_Attribute]) -> DataSet:
    """Give each element its key: a private one the block that its creator has reserved, else the next free block."""
    members: DataSet = {}
    for tag, creator, raw in found:
        if creator and is_private(tag):
            continue
        if json_key(tag) in members:
            raise MalformedInput("an attribute that is there twice", (tag,))
        members[json_key(tag)] = raw
    blocks: dict[tuple[int, str], list[int]] = {}
    for key in sorted(members):
        if is_private_creator(int(key, 16)):
            blocks.setdefault((int(key[:4], 16), text(members, key)), []).append(int(key, 16) & 0xFF)
    for tag, creator, raw in found:
        if creator and is_private(tag):
            reserved = blocks.setdefault((tag >> 16, creator.strip(" ")), [])
            members[_private_key(members, tag, creator, reserved)] = raw
    return members


def _private_key(members: DataSet, tag: int, creator: str, reserved: list[int]) -> str:
    """Find the key of a private element in a block of its creator, reserving another block where there is none."""
    group = tag & 0xFFFF0000
    for block in reserved:
        key = json_key(group | block << 8 | tag & 0xFF)
        if key not in members:
            return key
    for block in range(_FIRST_BLOCK, _LAST_BLOCK + 1):
        if json_key(group | block) not in members:
            members[json_key(group | block)] = Raw(_encode({"vr": "LO", "Value": [creator]}))
            reserved.append(block)
            return json_key(group | block << 8 | tag & 0xFF)
    raise MalformedInput("more private creators than a group has blocks", (tag,))


def _written(elements: Elements, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise LimitExceeded("nesting of sequences", MAX_DEPTH)
    for key in sorted(elements):
        if not _TAG.fullmatch(key):
            raise MalformedInput("a key that is no tag")
        tag = int(key, 16)
        element = decode_element(bytes(elements[key]), tag)
        yield f'<DicomAttribute {_named(elements, tag)} vr="{_escaped(element.vr)}">'
        yield from _content(element, tag, depth)
        yield "</DicomAttribute>"


def _content(element: Element, tag: int, depth: int) -> Iterator[str]:
    if element.BulkDataURI is not None:
        yield f'<BulkData uri="{_escaped(element.BulkDataURI)}"/>'
    elif element.InlineBinary is not None:
        yield f"<InlineBinary>{_escaped(element.InlineBinary)}</InlineBinary>"
    elif element.vr == "SQ":
        for position, item in enumerate(decode_items(element, tag), 1):
            yield f'<Item number="{position}">'
            yield from _written(item or {}, depth + 1)
            yield "</Item>"
    else:
        name = "PersonName" if element.vr == "PN" else "Value"
        for position, value in enumerate(element.Value or (), 1):
            inner = _person(value, tag) if name == "PersonName" else _escaped(_text(value, tag))
            yield f'<{name} number="{position}">{inner}</{name}>'


def _named(elements: Elements, tag: int) -> str:
    """Write tag and keyword, or for a private element its tag without the block and its creator."""
    creator = creator_of(elements, tag)
    if creator:
        return f'tag="{json_key(tag & 0xFFFF00FF)}" privateCreator="{_escaped(creator)}"'
    keyword = dictionary.keyword_of(tag)
    return f'tag="{json_key(tag)}" keyword="{keyword}"' if keyword else f'tag="{json_key(tag)}"'


def _text(value: Raw, tag: int) -> str:
    """Return a value as it is written: a number keeps its digits."""
    digits = bytes(value).decode("latin-1")
    return digits if _JSON_NUMBER.fullmatch(digits) else plain_text(value, tag).rstrip("\0")


def _person(value: Raw, tag: int) -> str:
    groups = zip(NAME_GROUPS, plain_text(value, tag).split("="), strict=False)
    return "".join(f"<{group}>{_components(name)}</{group}>" for group, name in groups if name)


def _components(name: str) -> str:
    parts = zip(_COMPONENTS, name.split("^", len(_COMPONENTS) - 1), strict=False)
    return "".join(f"<{part}>{_escaped(value)}</{part}>" for part, value in parts if value)


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES) if _SPECIAL.search(value) else value
