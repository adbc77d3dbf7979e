"""Metadata of a request (PS3.18 Section 10.5.2): the data sets in a part, and what can be told of one in any case."""

from contextlib import suppress

import msgspec

from gateway.core.errors import BadRequest, MalformedInput
from gateway.core.wire.dicomjson import ArrayReader, DataSet
from gateway.core.wire.dicomxml import from_xml
from gateway.core.wire.jsonelement import text
from gateway.storing.model import Names

JSON, XML = "application/dicom+json", "application/dicom+xml"


def read_metadata(document: bytes, media_type: str) -> list[DataSet | MalformedInput]:
    """Return the data sets of a part: all of them in JSON, one in XML, or what is wrong with that one.

    Raises BadRequest where there is no telling what the objects are, and LimitExceeded.
    """
    return _from_xml(document) if media_type == XML else [*_from_json(document)]


def names_of(elements: DataSet) -> Names:
    """Return what the sender calls the object, as far as it can be read."""
    found = []
    for key in ("0020000D", "0020000E", "00080018", "00080016"):
        try:
            found.append(text(elements, key))
        except MalformedInput:
            found.append("")
    return Names(*found)


def uris_of(elements: DataSet) -> set[str]:
    """Find every BulkDataURI of an object that cannot be encoded: its parts are no one else's."""
    found: set[str] = set()
    left: list[object] = list(map(bytes, elements.values()))
    while left:
        one = left.pop()
        if isinstance(one, bytes):
            with suppress(ValueError, RecursionError):
                left.append(msgspec.json.decode(one))
        elif isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one.values()
            if isinstance(uri := one.get("BulkDataURI"), str):
                found.add(uri)
    return found


def _from_json(document: bytes) -> list[DataSet]:
    reader = ArrayReader()
    try:
        found = reader.feed(document)
        reader.close()
    except MalformedInput as fault:
        raise BadRequest(f"metadata: {fault}") from None
    return found


def _from_xml(document: bytes) -> list[DataSet | MalformedInput]:
    try:
        return [from_xml(document)]
    except MalformedInput as fault:
        return [fault]
