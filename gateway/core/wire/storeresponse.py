"""The Store Instances Response (PS3.18 Section 10.5.3.1), written for a sender and read from a destination.

What is written has no text of anyone but UIDs, URLs and numbers, and no Original Attributes Sequence: it would hold
the values that were replaced. What is read is believed only about single instances.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.core.errors import MalformedInput
from gateway.core.wire.dicomjson import ArrayReader, DataSet
from gateway.core.wire.dicomxml import from_xml
from gateway.core.wire.jsonelement import Elements, decode_element, decode_items, plain_text, text

RETRIEVE_URL, FAILED, STORED, OTHERS = "00081190", "00081198", "00081199", "0008119A"
_CLASS, _INSTANCE, _REASON = "00081150", "00081155", "00081197"
_MAX_REASON: Final = 0xFFFF
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance in a response; ``url`` of what was stored, ``reason`` of what was not."""

    sop_class: str
    instance: str
    url: str = ""
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """What a destination says: the instances that it stored, and its failure reasons by instance."""

    stored: frozenset[str]
    failed: Mapping[str, int]


def to_data_set(stored: Iterable[Entry], failed: Iterable[Entry], others: Iterable[int], url: str = "") -> DataSet:
    """Make the response; ``others`` are the reasons of what is no instance that could be named."""
    attributes = {
        RETRIEVE_URL: _element("UR", [url] if url else []),
        FAILED: _sequence([_item(one) | {_REASON: _element("US", [one.reason])} for one in failed]),
        STORED: _sequence([_item(one) | _link(one.url) for one in stored]),
        OTHERS: _sequence([{_REASON: _element("US", [reason])} for reason in others]),
    }
    return {key: msgspec.Raw(_encode(element)) for key, element in attributes.items() if element}


def read_response(body: bytes) -> Response:
    """Read a response in either form, whatever media type it was said to have. Raises MalformedInput."""
    stored: set[str] = set()
    failed: dict[str, int] = {}
    for elements in _data_sets(body):
        stored.update(text(item, _INSTANCE) for item in _items(elements, STORED))
        for item in _items(elements, FAILED):
            reason = _reason(item)
            if reason:
                failed[text(item, _INSTANCE)] = reason
    return Response(frozenset(stored - {""}), failed)


def _data_sets(body: bytes) -> list[DataSet]:
    if body.lstrip()[:1] == b"<":
        return [from_xml(body)]
    reader = ArrayReader()
    found = reader.feed(body)
    reader.close()
    return found


def _items(elements: Elements, key: str) -> list[Elements]:
    if key not in elements:
        return []
    tag = int(key, 16)
    element = decode_element(bytes(elements[key]), tag)
    if element.vr != "SQ":
        raise MalformedInput("a sequence of another VR", (tag,))
    return [item for item in decode_items(element, tag) if item]


def _reason(item: Elements) -> int:
    """Return a failure reason, 0 where there is none that is a number."""
    if _REASON not in item:
        return 0
    tag = int(_REASON, 16)
    values = decode_element(bytes(item[_REASON]), tag).Value or ()
    digits = plain_text(values[0], tag) if values else ""
    return int(digits) if digits.isascii() and digits.isdigit() and int(digits) <= _MAX_REASON else 0


def _element(vr: str, values: list[object]) -> dict[str, object]:
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _sequence(items: list[dict[str, dict[str, object]]]) -> dict[str, object]:
    return {"vr": "SQ", "Value": items} if items else {}


def _item(one: Entry) -> dict[str, dict[str, object]]:
    return {_CLASS: _element("UI", [one.sop_class]), _INSTANCE: _element("UI", [one.instance])}


def _link(url: str) -> dict[str, dict[str, object]]:
    return {RETRIEVE_URL: _element("UR", [url])} if url else {}
