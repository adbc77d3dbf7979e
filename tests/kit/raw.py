"""pydicom data sets as plain trees of encoded values: what two files are compared by.

pydicom only finds the elements; no value is decoded, so that nothing it mends or guesses can hide a difference.
"""

import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, Final

from pydicom import Dataset, config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import _read_file_meta_info, data_element_generator, read_preamble, read_sequence
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.kit.tables import MISSING_VRS

Value = bytes | list[Dataset]
Tree = list[tuple[int, str, Any]]

PIXEL_DATA: Final = 0x7FE00010
_ITEM: Final = b"\xfe\xff\x00\xe0"
DEFLATED: Final = {DeflatedExplicitVRLittleEndian}
IMPLICIT: Final = {ImplicitVRLittleEndian}

config.settings.reading_validation_mode = config.IGNORE


def read(part10: bytes) -> Dataset:
    """Read a Part 10 object whole, with every element as encoded; raise InvalidDicomError without preamble and prefix.

    ``pydicom.dcmread`` would do, did it not decode some elements at once and forget how they were encoded.
    """
    file = BytesIO(part10)
    preamble = read_preamble(file, force=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meta = _read_file_meta_info(file)
        data_set = Dataset()
        data_set.preamble = preamble
        data_set.file_meta = meta
        syntax = str(meta.get("TransferSyntaxUID", ""))
        body = file.read()
        if syntax in DEFLATED:
            body = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body)
        generator = data_element_generator(BytesIO(body), syntax in IMPLICIT, syntax != ExplicitVRBigEndian)
        data_set._dict.update({element.tag: element for element in generator})
    return data_set


def build(values: Mapping[int, tuple[str, Value]]) -> Dataset:
    """Make a data set of encoded values and items; pydicom's own assignment would decode some of them."""
    data_set = Dataset()
    for tag, (vr, value) in values.items():
        known = BaseTag(tag)
        data_set._dict[known] = (
            RawDataElement(known, vr, len(value), value, 0, is_implicit_VR=False, is_little_endian=True)
            if isinstance(value, bytes)
            else DataElement(known, "SQ", value)
        )
    return data_set


def dictionary(tag: int) -> str | None:
    """Give the VR of a standard attribute, or None for one that nobody knows."""
    if tag in MISSING_VRS:
        return MISSING_VRS[tag]
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return None


def elements(data_set: Dataset) -> Iterator[tuple[int, str, Value]]:
    """Yield tag, VR and encoded value (or items), in tag order; UN and no VR at all count as the dictionary's."""
    for tag in sorted(data_set.keys()):
        element = data_set.get_item(tag, keep_deferred=True)
        encoded = element.VR
        vr = str(encoded) if encoded not in (None, "UN") else dictionary(tag) or "UN"
        if not isinstance(element, RawDataElement):
            yield int(tag), vr, _value(element.value)
        elif vr == "SQ":
            yield int(tag), vr, _items(element)
        else:
            yield int(tag), vr, element.value or b""


def tree(data_set: Dataset) -> Tree:
    """Turn a data set into lists and bytes, ready to compare."""
    return [
        (tag, vr, value if isinstance(value, bytes) else [tree(item) for item in value])
        for tag, vr, value in elements(data_set)
    ]


def comparable(data_set: Dataset) -> Tree:
    """Do the same, with the lengths of fragments in place of encapsulated pixels: metadata inside is written over."""
    return [
        (tag, vr, b"".join(_fragment_lengths(value)) if tag == PIXEL_DATA and value[:4] == _ITEM else value)
        for tag, vr, value in tree(data_set)
    ]


def _fragment_lengths(value: bytes) -> Iterator[bytes]:
    at = 0
    while value[at : at + 4] == _ITEM:
        yield value[at + 4 : at + 8]
        at += 8 + int.from_bytes(value[at + 4 : at + 8], "little")


def differences(ours: Tree, theirs: Tree, path: str = "") -> Iterator[str]:
    """Say where two trees differ, without ever printing a value."""
    left, right = {tag: rest for tag, *rest in ours}, {tag: rest for tag, *rest in theirs}
    for tag in sorted(left | right):
        where = f"{path}({tag >> 16:04X},{tag & 0xFFFF:04X})"
        if tag not in left or tag not in right:
            yield f"{where} only in {'theirs' if tag in right else 'ours'}"
            continue
        (vr, value), (other_vr, other) = left[tag], right[tag]
        if vr != other_vr:
            yield f"{where} VR {vr} and {other_vr}"
        elif isinstance(value, bytes) or isinstance(other, bytes):
            if value != other:
                yield f"{where} {vr} values differ"
        elif len(value) != len(other):
            yield f"{where} {len(value)} and {len(other)} items"
        else:
            for number, (item, other_item) in enumerate(zip(value, other, strict=True)):
                yield from differences(item, other_item, f"{where}[{number}]>")


def _items(element: RawDataElement) -> list[Dataset]:
    # A UN value is implicit VR little endian whatever surrounds it (PS3.5 Section 6.2.2).
    unknown = element.VR == "UN"
    value = element.value or b""
    implicit, little = (True, True) if unknown else (element.is_implicit_VR, element.is_little_endian)
    return list(read_sequence(BytesIO(value), implicit, little, len(value), "iso8859"))


def _value(value: bytes | Iterable[Dataset] | None) -> Value:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else list(value)
