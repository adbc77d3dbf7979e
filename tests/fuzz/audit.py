"""Is a canary that left justified? Only in an attribute that the reference keeps on purpose, whatever its value."""

import json
from collections.abc import Iterator
from typing import Any, Final

from pydicom import Dataset

from tests.fuzz.target import Broken
from tests.kit.canary_search import Canaries, search
from tests.kit.encode import BIG_ENDIAN
from tests.kit.raw import Tree, read, tree
from tests.kit.reference import GONE, WALKED_DUMMIES, goes_everywhere, letter
from tests.kit.tables import IODS, keyword_of

SOP_CLASS: Final = 0x00080016
MEDIA_STORAGE_SOP_CLASS: Final = 0x00020002
_OPEN_UNKNOWN: Final = b"UN\0\0\xff\xff\xff\xff"
MARKS: Final = {0x00120063, 0x00120064}


def part10(released: bytes, canaries: Canaries) -> None:
    """Read a released object with pydicom, whole; raise Broken where a canary stands that may not."""
    if defeats_pydicom(released):
        return
    try:
        data_set = read(released)
        found = tree(data_set)
    except Exception as error:
        raise Broken(f"pydicom cannot read what was released: {type(error).__name__}") from error
    if not search(released, canaries):
        return
    for element in data_set.file_meta:
        if element.tag != MEDIA_STORAGE_SOP_CLASS and search(str(element.value).encode(), canaries):
            raise Broken(f"a canary in {element.tag}")
    for where in _unjustified(found, _iod(data_set), canaries):
        raise Broken(f"a canary at {where}")


def defeats_pydicom(released: bytes) -> bool:
    """Say whether an object is one that pydicom does not read."""
    return _OPEN_UNKNOWN in released and BIG_ENDIAN.encode() + b"\0" in released[:400]


def metadata(released: bytes, canaries: Canaries) -> None:
    """Do the same with released metadata."""
    found = json.loads(released)
    if search(released, canaries):
        sop_class = str((found.get("00080016", {}).get("Value") or [""])[0])
        for where in _unjustified(_json_tree(found), IODS.get(sop_class, ""), canaries):
            raise Broken(f"a canary at {where}")


def _unjustified(
    found: Tree, iod: str, canaries: Canaries, path: tuple[str, ...] = (), *, deep: bool = False
) -> Iterator[str]:
    for tag, vr, value in found:
        if not path and tag in MARKS:
            continue  # what the gateway writes itself
        kept = not goes_everywhere(tag) and tag not in GONE and letter(tag, vr, path, iod) == "K"
        where = " > ".join((*path, f"({tag >> 16:04X},{tag & 0xFFFF:04X})"))
        if isinstance(value, bytes):
            if (deep or not kept) and search(value, canaries):
                yield where
            continue
        hollow = deep or (letter(tag, "SQ", path, iod) == "D" and tag not in WALKED_DUMMIES)
        for item in value:
            yield from _unjustified(item, iod, canaries, (*path, _step(tag)), deep=hollow)


def _step(tag: int) -> str:
    try:
        return keyword_of(tag)
    except KeyError:
        return f"{tag:08X}"


def _iod(data_set: Dataset) -> str:
    value = next((value for tag, _, value in tree(data_set) if tag == SOP_CLASS), b"")
    return IODS.get(value.strip(b" \0").decode("latin-1"), "") if isinstance(value, bytes) else ""


def _json_tree(found: dict[str, Any]) -> Tree:
    """Turn the DICOM JSON Model into the same kind of tree; a value is its JSON."""
    elements: Tree = []
    for key, element in found.items():
        vr, value = str(element.get("vr", "UN")), element.get("Value", [])
        if vr == "SQ":
            elements.append((int(key, 16), vr, [_json_tree(item or {}) for item in value]))
        else:
            elements.append((int(key, 16), vr, json.dumps(element, ensure_ascii=False).encode()))
    return elements
