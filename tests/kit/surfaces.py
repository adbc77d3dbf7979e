"""One instance as each door shows it, brought to one form: path of tags -> VR and values.

Files are read by pydicom, JSON by the standard library, XML by its parser: nothing here is the gateway's.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any, Final
from xml.etree import ElementTree as ET

from pydicom import Dataset, dcmread
from pydicom.multival import MultiValue

Surface = dict[str, tuple[str, list[Any]]]
Fetch = Callable[[str], bytes]

NUMERIC: Final = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
ONE_TEXT: Final = frozenset({"LT", "ST", "UR", "UT"})
GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_NAMESPACE: Final = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def of_file(part10: bytes) -> Surface:
    """Read a Part 10 object, without its File Meta Information."""
    return dict(_of_data_set(dcmread(BytesIO(part10))))


def of_json(data_set: dict[str, Any], fetch: Fetch) -> Surface:
    """Read a data set of the DICOM JSON Model (PS3.18 Annex F)."""
    return dict(_of_json(data_set, fetch))


def of_xml(document: bytes, fetch: Fetch) -> Surface:
    """Read a Native DICOM Model (PS3.19 Section A.1)."""
    root = ET.fromstring(document)  # noqa: S314 made by the server under test
    for node in root.iter():
        node.tag = node.tag.removeprefix(_NAMESPACE)
    assert root.tag == "NativeDicomModel", root.tag
    return dict(_of_xml(root, fetch))


def differences(ours: Surface, theirs: Surface, ignore: Iterable[str] = ()) -> list[str]:
    """Name what differs; the values of text and numbers are shown, those of bytes only measured."""
    found = []
    for path in sorted(ours.keys() | theirs.keys() - set(ignore)):
        here, there = ours.get(path), theirs.get(path)
        if path not in ignore and here != there and not (_empty(here) and _empty(there)):
            found.append(f"{path}: {_shown(here)} against {_shown(there)}")
    return found


def _empty(element: tuple[str, list[Any]] | None) -> bool:
    return element is None or not element[1]


def _shown(element: tuple[str, list[Any]] | None) -> str:
    if element is None:
        return "nothing"
    vr, values = element
    return f"{vr} {[f'{len(one)} bytes' if isinstance(one, bytes) else one for one in values]}"


def _of_data_set(data_set: Dataset, above: str = "") -> Iterator[tuple[str, tuple[str, list[Any]]]]:
    for element in data_set:
        path = f"{above}{element.tag:08X}"
        if element.VR == "SQ":
            yield path, ("SQ", [len(element.value)])
            for number, item in enumerate(element.value, 1):
                yield from _of_data_set(item, f"{path}[{number}].")
        elif element.VR in BINARY:
            yield path, (element.VR, [_padded(element.value)] if element.value else [])
        else:
            value = element.value
            values = list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]
            yield path, (element.VR, _told(element.VR, ["" if one is None else one for one in values]))


def _of_json(data_set: dict[str, Any], fetch: Fetch, above: str = "") -> Iterator[tuple[str, tuple[str, list[Any]]]]:
    for tag, element in data_set.items():
        path, vr = f"{above}{tag}", element["vr"]
        if "BulkDataURI" in element or "InlineBinary" in element:
            uri = element.get("BulkDataURI")
            data = fetch(uri) if uri else b64decode(element["InlineBinary"], validate=True)
            yield path, (vr, _decoded(vr, data))
            continue
        values = element.get("Value", [])
        if vr == "SQ":
            yield path, ("SQ", [len(values)])
            for number, item in enumerate(values, 1):
                yield from _of_json(item or {}, fetch, f"{path}[{number}].")
        elif vr == "PN":
            names = ["=".join((one or {}).get(group, "") for group in GROUPS) for one in values]
            yield path, (vr, _told(vr, names))
        else:
            yield path, (vr, _told(vr, ["" if one is None else one for one in values]))


def _of_xml(node: ET.Element, fetch: Fetch, above: str = "") -> Iterator[tuple[str, tuple[str, list[Any]]]]:
    for attribute in node.findall("DicomAttribute"):
        path, vr = f"{above}{attribute.attrib['tag']}", attribute.attrib["vr"]
        bulk, inline = attribute.find("BulkData"), attribute.find("InlineBinary")
        if bulk is not None or inline is not None:
            data = fetch(_uri(bulk)) if bulk is not None else b64decode(inline.text or "")  # type: ignore[union-attr]
            yield path, (vr, _decoded(vr, data))
        elif vr == "SQ":
            items = attribute.findall("Item")
            yield path, ("SQ", [len(items)])
            for item in items:
                yield from _of_xml(item, fetch, f"{path}[{item.attrib['number']}].")
        elif vr == "PN":
            yield path, (vr, _told(vr, [_name(one) for one in attribute.findall("PersonName")]))
        else:
            yield path, (vr, _told(vr, [one.text or "" for one in attribute.findall("Value")]))


def _uri(bulk: ET.Element) -> str:
    """Give the attribute ``uri``, which Orthanc writes in capitals."""
    return bulk.attrib.get("uri") or bulk.attrib["URI"]


def _name(node: ET.Element) -> str:
    parts = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
    groups = (node.find(group) for group in ("Alphabetic", "Ideographic", "Phonetic"))
    return "=".join(
        "" if group is None else "^".join(group.findtext(part) or "" for part in parts).rstrip("^") for group in groups
    )


def _told(vr: str, values: list[Any]) -> list[Any]:
    """Bring values to one form; trailing empty ones are none, as padding is."""
    if vr in NUMERIC:
        return [f"{float(one):.6g}" for one in values if str(one).strip()]
    if vr == "AT":
        return [one if isinstance(one, str) else f"{int(one):08X}" for one in values if one != ""]
    texts = [str(one) for one in values]
    if vr == "PN":
        texts = ["=".join(group.rstrip("^ ") for group in one.split("=")).rstrip("= ") for one in texts]
    texts = [one.rstrip(" \0") if vr in ONE_TEXT else one.strip(" \0") for one in texts]
    return texts if any(texts) else []


def _decoded(vr: str, data: bytes) -> list[Any]:
    """Read bulk data: of a number or text they are the encoded value, as in the file."""
    if vr in BINARY or not data:
        return [_padded(data)] if data else []
    text = data.decode("utf-8")
    return _told(vr, [text] if vr in ONE_TEXT else text.split("\\"))


def _padded(data: bytes) -> bytes:
    return data + bytes(len(data) % 2)


def load(body: bytes) -> list[dict[str, Any]]:
    """Parse metadata."""
    found: list[dict[str, Any]] = json.loads(body)
    return found
