"""One element of the DICOM JSON Model (PS3.18 Section F.2.2): its members, its values as text, what its VR can hold."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from gateway.core.errors import MalformedInput
from gateway.core.standard.tags import is_private_creator, json_key
from gateway.core.standard.vr import VRS
from gateway.core.wire.numbers import NUMBER, NUMBER_VRS

Raw = msgspec.Raw
Elements = Mapping[str, bytes | Raw]
"""One data set: key (8 hexadecimal digits) -> JSON of its element."""

BINARY_VRS: Final = frozenset(vr.code for vr in VRS.values() if vr.is_binary and vr.dummy is None)
"""VRs whose values are raw bytes: InlineBinary or behind a BulkDataURI."""
NAME_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")

_T = TypeVar("_T")
_encode = msgspec.json.encode
_decode = msgspec.json.decode
_NULL: Final = Raw(b"null")
_STRING: Final = rb'"Value":\["([ -!#-\[\]-~]+)"\]'
_SINGLE: Final = re.compile(rb'\{"vr":"[A-Z]{2}",' + _STRING + rb"\}|\{" + _STRING + rb',"vr":"[A-Z]{2}"\}')
"""An element with one value, printable ASCII without escapes."""
_VALUES: Final = rb'"Value":\[(?:[^"{}\[\]\\]++|"[^"\\\x00-\x1f]*+")*+\]'
_PLAIN: Final = re.compile(rb'\{"vr":"([A-Z]{2})"(?:,' + _VALUES + rb")?\}|\{" + _VALUES + rb',"vr":"([A-Z]{2})"\}')
"""Possessive throughout: a match that fails fails in linear time."""
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")


class Element(msgspec.Struct, omit_defaults=True):
    """One element; a member that nobody knows is not read."""

    vr: str = ""
    Value: list[Raw] | None = None
    BulkDataURI: str | None = None
    InlineBinary: str | None = None


_element_decoder = msgspec.json.Decoder(Element).decode
_items_decoder = msgspec.json.Decoder(list[dict[str, Raw] | None]).decode


def decode_element(raw: bytes, tag: int | None) -> Element:
    """Read one element; raises MalformedInput, naming the tag if it is known."""
    return _parse(_element_decoder, raw, tag)


def decode_items(element: Element, tag: int) -> list[dict[str, Raw] | None]:
    """Read the items of a sequence; raises MalformedInput."""
    return _parse(_items_decoder, b"[" + b",".join(map(bytes, element.Value or ())) + b"]", tag)


def vr_of_plain(raw: bytes) -> bytes | None:
    """Return the VR of an element without items, names, links, escapes or members that nobody knows; None of others."""
    plain = _PLAIN.fullmatch(raw)
    return plain and (plain[1] or plain[2])


def encode(elements: Elements) -> bytes:
    """Join elements to a data set, tags ascending (PS3.18 Section F.2.2)."""
    keys = tuple(sorted(elements))
    return _form(keys) % tuple(map(bytes, map(elements.__getitem__, keys)))


@lru_cache(maxsize=256)
def _form(keys: tuple[str, ...]) -> bytes:
    """Return the object with these names, a place for each value: data sets of one answer have the same."""
    names = (key.encode().replace(b"%", b"%%") for key in keys)
    return b"{%b}" % b",".join(b'"%b":%%b' % name for name in names)


def text(elements: Elements, key: str) -> str:
    """Return an element as text without padding, several values joined by a backslash; empty when there is none."""
    raw = elements.get(key)
    if raw is None:
        return ""
    single = text_of_single(bytes(raw))
    if single is not None:
        return single
    tag = int(key, 16)
    element = decode_element(bytes(raw), tag)
    if element.InlineBinary is not None:
        return inline_bytes(element, tag).decode("latin-1").strip(" \0")
    return "\\".join(value_text(value, tag) for value in element.Value or ())


def text_of_single(raw: bytes) -> str | None:
    """Return the value of an element that has one in printable ASCII, without padding; None of others."""
    single = _SINGLE.fullmatch(raw)
    return single and (single[1] or single[2]).decode().strip(" ")


def creator_of(elements: Elements, tag: int) -> str:
    """Return the private creator that reserves the block of an element (PS3.5 Section 7.8.1); empty without one."""
    creator = tag & 0xFFFF0000 | tag >> 8 & 0xFF
    return text(elements, json_key(creator)) if is_private_creator(creator) else ""


def inline_bytes(element: Element, tag: int) -> bytes:
    """Return what InlineBinary holds; raises MalformedInput where it is not base64."""
    try:
        return b64decode(element.InlineBinary or "", validate=True)
    except ValueError:
        raise MalformedInput("InlineBinary is not base64", (tag,)) from None


def value_text(value: Raw, tag: int) -> str:
    """Return one value as text without padding; raises MalformedInput as ``plain_text`` does."""
    return plain_text(value, tag).strip(" \0")


def plain_text(value: Raw, tag: int) -> str:
    """Return one value as text, the groups of a name joined by ``=``; empty for null. Raises MalformedInput."""
    found = _parse(_decode, bytes(value), tag)
    if isinstance(found, dict):
        groups = (found.get(group) or "" for group in NAME_GROUPS)
        found = "=".join(map(str, groups)).rstrip("=")
    if isinstance(found, list):
        raise MalformedInput("a list within a value", (tag,))
    return "" if found is None else str(found)


def name_value(name: str) -> Raw:
    """Write a person's name, its component groups joined by ``=``, as a value; null when it is empty."""
    groups = {group: part for group, part in zip(NAME_GROUPS, name.split("="), strict=False) if part}
    return Raw(_encode(groups)) if groups else _NULL


def fitting(value: Raw, vr: str, tag: int) -> Raw:
    """Let nothing pass inside a value but what its VR has there: text, a name's groups, a number; null for free text.

    Raises MalformedInput on an object or a list where the VR can have none.
    """
    found = _parse(_decode, bytes(value), tag)
    if vr == "PN" and found is not None:
        return name_value(value_text(value, tag))
    if isinstance(found, dict | list):
        raise MalformedInput("a value that its VR cannot have", (tag,))
    if isinstance(found, str) and vr in NUMBER_VRS:
        pattern = _TAG if vr == "AT" else NUMBER
        return value if pattern.fullmatch(found.strip(" \0")) else _NULL
    return value


def _parse(decoder: Callable[[bytes], _T], raw: bytes, tag: int | None) -> _T:
    try:
        return decoder(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedInput("not the DICOM JSON Model", () if tag is None else (tag,)) from None
