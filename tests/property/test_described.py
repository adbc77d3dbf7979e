"""An object that is told as metadata and bulk data is the object itself, whatever it is and however it is sent."""

import io
import itertools
import json
from typing import Any

import pydicom
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames, parse_basic_offsets

from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.dicomxml import to_xml
from gateway.storing.metadata import JSON, XML
from tests.kit.described import Part, files, move_out
from tests.kit.encode import EXPLICIT, JPEG, Element, as_json, part10
from tests.kit.raw import differences, read, tree
from tests.property.strategies import KEPT, SENSITIVE, SEQUENCES, cuts, distinct, frame

FLAT = tuple((tag, vr) for tag, vr in (*KEPT, *SENSITIVE) if vr not in ("SQ", "UI") and tag != 0x00280010)
PRIVATE = ((0x00090010, "LO"), (0x00091001, "OB"), (0x00091002, "UN"), (0x00091003, "FD"), (0x00091004, "AT"))
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\\^= "), max_size=12)
numbers = {
    "US": st.integers(0, 2**16 - 1),
    "SS": st.integers(-(2**15), 2**15 - 1),
    "UL": st.integers(0, 2**32 - 1),
    "SL": st.integers(-(2**31), 2**31 - 1),
    "AT": st.integers(0, 2**32 - 1),
    "SV": st.integers(-(2**63), 2**63 - 1),
    "UV": st.integers(0, 2**64 - 1),
    "FL": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "FD": st.floats(allow_nan=False, allow_infinity=False),
}
plain = st.from_regex(r"[A-Z0-9]{0,8}", fullmatch=True)


def value(vr: str) -> st.SearchStrategy[Any]:
    """Draw an encoded value that the VR allows."""
    if vr in numbers:
        return st.lists(numbers[vr], max_size=3)
    if vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN"):
        return st.binary(min_size=1, max_size=4).map(lambda raw: raw * 8)
    if vr in ("DS", "IS"):
        end = ".5" if vr == "DS" else ""  # so that JSON has the same digits
        return st.lists(st.integers(-999, 999), max_size=3).map(lambda ns: "\\".join(f"{n}{end}" for n in ns).encode())
    if vr == "PN":
        return st.lists(words, min_size=1, max_size=3).map(lambda groups: "=".join(groups).rstrip("=").encode())
    if vr in ("LT", "ST", "UT", "LO", "SH", "UC"):
        return words.map(str.encode)
    return plain.map(str.encode)


@st.composite
def leaves(draw: st.DrawFn) -> Element:
    """Draw an element without items."""
    tag, vr = draw(st.sampled_from(FLAT) | st.sampled_from(PRIVATE))
    return Element(tag, vr, draw(value(vr)))


def nested(inner: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    """Draw a sequence."""
    items = st.lists(st.lists(inner, max_size=3).map(distinct), min_size=1, max_size=3)
    return st.builds(Element, st.sampled_from(SEQUENCES), st.just("SQ"), items)


@st.composite
def objects(draw: st.DrawFn) -> list[Element]:
    """Draw an object of image size, with pixels or without."""
    drawn = draw(st.lists(st.recursive(leaves(), nested, max_leaves=12), max_size=12))
    pixels = draw(st.sampled_from(([], [Element(0x7FE00010, "OB", bytes(range(6)))])))
    fixed = [
        Element(0x00080005, "CS", b"ISO_IR 192"),
        Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
        Element(0x00080018, "UI", b"1.2.3.4.5.6"),
        Element(0x0020000D, "UI", b"1.2.3"),
        *(Element(tag, "US", [number]) for tag, number in ((0x00280010, 2), (0x00280011, 3), (0x00280100, 8))),
        *pixels,
    ]
    return distinct([*drawn, *fixed])


def encoded(data: bytes) -> Any:
    return tree(read(data))


@given(objects(), st.lists(st.booleans(), min_size=1), st.sampled_from((JSON, XML)), st.randoms(), cuts)
async def test_metadata_and_bulk_data_give_the_object_back(
    elements: list[Element], choices: list[bool], form: str, random: Any, sizes: list[int]
) -> None:
    told = as_json(elements)
    parts: list[Part] = []
    move_out(told, parts, itertools.cycle(choices))
    random.shuffle(parts)
    document = json.dumps(told).encode()
    first = Part(document, JSON) if form == JSON else Part(to_xml(decode_object(document)), XML)
    (found,) = await files([first, *parts], form, sizes)
    assert isinstance(found, bytes), found
    assert list(differences(encoded(found), encoded(part10(elements, EXPLICIT)))) == []


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.booleans(), cuts)
async def test_frames_come_back_as_fragments(tables: list[bytes], has_length: bool, sizes: list[int]) -> None:
    frames = [frame(table) for table in tables]
    told = as_json(
        [
            Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.3.1"),
            Element(0x00080018, "UI", b"1.2.3.4.5.6"),
            Element(0x00280008, "IS", str(len(frames)).encode()),
        ]
    ) | {"7FE00010": {"vr": "OB", "BulkDataURI": "pixels"}}
    media_type = f"image/jpeg; transfer-syntax={JPEG}"
    parts = [Part(one, media_type, "pixels", has_length=has_length) for one in frames]
    (found,) = await files([Part(json.dumps([told]).encode(), JSON), *parts], sizes=sizes)
    assert isinstance(found, bytes), found
    data_set = pydicom.dcmread(io.BytesIO(found))
    assert data_set.file_meta.TransferSyntaxUID == JPEG
    padded = [one + bytes(len(one) % 2) for one in frames]
    assert parse_basic_offsets(data_set.PixelData) == []
    assert list(generate_frames(data_set.PixelData, number_of_frames=len(frames))) == padded
