"""A pydicom Data Set as DICOM JSON (PS3.18 Annex F): text in UTF-8, long binary values as BulkDataURI."""

import base64
import math
from collections.abc import Callable
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from gateway.adapters.folder.files import INLINE_BYTES, PIXEL_DATA, UNREADABLE, little_endian

BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
CHARACTER_SET = 0x00080005

Json = dict[str, Any]
BulkURI = Callable[[str], str]

_FIRST_GROUP = 8  # File Meta is no part of the Data Set
_EXACT_INTEGERS = 2**53


def to_json(data_set: Dataset, bulk_uri: BulkURI | None, path: str = "") -> Json:
    """Return the DICOM JSON of a Data Set; without ``bulk_uri`` the values that would need one are left out.

    ``bulk_uri`` gets the tag path, such as ``54000100/1/54001010``. Group lengths are not in it.
    """
    found: Json = {}
    for tag in sorted(data_set.keys()):
        if tag.element and tag.group >= _FIRST_GROUP:
            entry = _entry(data_set, int(tag), bulk_uri, f"{path}{int(tag):08x}")
            if entry is not None:
                found[f"{int(tag):08X}"] = entry
    if f"{CHARACTER_SET:08X}" in found:
        found[f"{CHARACTER_SET:08X}"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return found


def _entry(data_set: Dataset, tag: int, bulk_uri: BulkURI | None, path: str) -> Json | None:
    raw = data_set.get_item(tag, keep_deferred=True)
    if tag == PIXEL_DATA or (isinstance(raw, RawDataElement) and _stays_in_file(raw)):
        vr = getattr(raw, "VR", None) or "OW"
        return {"vr": vr, "BulkDataURI": bulk_uri(path)} if bulk_uri else None
    try:
        element = data_set[tag]
        if element.VR == "SQ":
            items = [to_json(item, bulk_uri, f"{path}/{index}/") for index, item in enumerate(element.value, 1)]
            return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
        if element.VR in BINARY_VRS:
            return _binary(little_endian(element.value or b"", element.VR, data_set), element.VR, bulk_uri, path)
        values = _values(element)
    except UNREADABLE:
        return _unreadable(raw)
    return {"vr": element.VR, "Value": values} if values else {"vr": element.VR}


def _stays_in_file(raw: RawDataElement) -> bool:
    return raw.value is None and raw.length > 0 and raw.VR in BINARY_VRS


def _binary(value: bytes, vr: str, bulk_uri: BulkURI | None, path: str) -> Json | None:
    if not value:
        return {"vr": vr}
    if len(value) <= INLINE_BYTES:
        return {"vr": vr, "InlineBinary": base64.b64encode(value).decode()}
    return {"vr": vr, "BulkDataURI": bulk_uri(path)} if bulk_uri else None


def _unreadable(raw: object) -> Json:
    """A value that is not what its VR says: its text for the numeric strings, its bytes for the rest."""
    vr, value = str(getattr(raw, "VR", "UN")), getattr(raw, "value", None)
    if not isinstance(value, bytes):
        return {"vr": vr}
    if vr in ("DS", "IS"):
        return {"vr": vr, "Value": [part.strip(" \0") or None for part in value.decode("latin-1").split("\\")]}
    return {"vr": "UN", "InlineBinary": base64.b64encode(value).decode()}


def _values(element: DataElement) -> list[Any]:
    value = element.value
    members = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    convert = _CONVERT.get(element.VR, _text)
    values = [convert(member) for member in members]
    return [] if all(member is None for member in values) else values


def _text(member: object) -> object:
    return str(member) if member not in (None, "") else None


def _integer(member: object) -> object:
    return int(str(member)) if member not in (None, "") else None


def _tag(member: object) -> object:
    return f"{int(str(member) if isinstance(member, str) else member):08X}"  # type: ignore[call-overload]


def _decimal(member: object) -> object:
    if member in (None, ""):
        return None
    number = float(str(member))
    if not math.isfinite(number):
        return str(member)
    return int(number) if number.is_integer() and abs(number) < _EXACT_INTEGERS else number


def _float(member: object) -> object:
    """JSON has no number for what is not finite, and PS3.18 Annex F names no string; these are what readers know."""
    number = float(str(member))
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _name(member: object) -> object:
    name = member if isinstance(member, PersonName) else PersonName(str(member or ""))
    groups = {"Alphabetic": name.alphabetic, "Ideographic": name.ideographic, "Phonetic": name.phonetic}
    return {group: text for group, text in groups.items() if text} or None


_CONVERT: dict[str, Callable[[Any], object]] = {
    "PN": _name,
    "AT": _tag,
    "DS": _decimal,
    "FL": _float,
    "FD": _float,
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), _integer),
}
