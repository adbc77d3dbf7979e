"""Data sets of every shape: attributes of every rule, nested, in every encoding, with values of every VR."""

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from tests.kit.canary import sensitive
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, PIXEL_DATA, Element, part10

SYNTAXES: Final = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG)
SOP_CLASSES: Final = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.11.1",
    "1.2.840.10008.5.1.4.1.1.128",
    "1.2.3.4.5",
)
KEPT: Final = (
    (0x00080008, "CS"), (0x00080060, "CS"), (0x00080100, "SH"), (0x00080102, "SH"), (0x00080104, "LO"),
    (0x00180050, "DS"), (0x00180081, "DS"), (0x00200013, "IS"), (0x00200032, "DS"), (0x00280010, "US"),
    (0x00280030, "DS"), (0x00280106, "SS"), (0x00281050, "DS"), (0x0040A30A, "DS"), (0x00480001, "FL"),
    (0x00186011, "SQ"), (0x00189087, "FD"), (0x00280009, "AT"),
)  # fmt: skip
FOREIGN: Final = (
    (0x00090010, "LO"), (0x00091001, "UN"), (0x00091002, "SQ"), (0x0008FFF1, "LO"), (0x60003000, "OW"),
    (0x60000022, "LO"), (0x50002500, "LO"), (0x00080000, "UL"), (0x00120063, "LO"), (0x00080300, "SQ"),
)  # fmt: skip
SEQUENCES: Final = (
    0x00081115, 0x0008114A, 0x00081199, 0x0040A043, 0x52009230, 0x00289110, 0x0040A730, 0x00700001, 0x0040A073,
    0x00340001, 0x00081140, 0x00082112, 0x00081032, 0x0040A088, 0x00081111, 0x00120064, 0x00880200, 0x00400275,
)  # fmt: skip
OWN: Final = {0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x00100020, 0x00100021}
SENSITIVE: Final = tuple(
    (tag, vr) for tag, vr in sensitive(hostile=False) if tag not in OWN and tag >> 16 < 0x7FE0
)  # fmt: skip

uids = st.sampled_from(("1.2.3", "1.2.3.4", "1.2.840.10008.1.2.1", "2.25.1", "1.2.3 ", "1.2.3\0", "", "1.2\\1.2.3"))
words = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
numbers = {
    "US": st.integers(0, 2**16 - 1),
    "SS": st.integers(-(2**15), 2**15 - 1),
    "UL": st.integers(0, 2**32 - 1),
    "SL": st.integers(-(2**31), 2**31 - 1),
    "AT": st.integers(0, 2**32 - 1),
    "SV": st.integers(-(2**63), 2**63 - 1),
    "UV": st.integers(0, 2**64 - 1),
    "FL": st.floats(width=32),
    "FD": st.floats(),
}


@dataclass(frozen=True, slots=True)
class Object:
    """A generated object: its elements, and how they are written."""

    elements: tuple[Element, ...]
    syntax: str

    @property
    def part10(self) -> bytes:
        """Write it."""
        return part10(self.elements, self.syntax)


def values(vr: str) -> st.SearchStrategy[object]:
    """Draw an encoded value of a VR, empty ones included."""
    if vr in numbers:
        return st.lists(numbers[vr], max_size=3)
    if vr == "UI":
        return uids.map(str.encode)
    if vr in ("OB", "OW", "UN", "OF", "OD", "OL", "OV"):
        return st.binary(max_size=4).map(lambda raw: raw * 8)
    if vr in ("DS", "IS"):
        return st.lists(st.integers(-999, 999), max_size=3).map(lambda found: "\\".join(map(str, found)).encode())
    return words.map(lambda word: word.encode("latin-1"))


@st.composite
def leaves(draw: st.DrawFn) -> Element:
    """Draw an element without items."""
    tag, vr = draw(st.sampled_from(KEPT) | st.sampled_from(SENSITIVE) | st.sampled_from(FOREIGN))
    if vr == "SQ":
        return Element(tag, vr, [], undefined=draw(st.booleans()))
    unknown = draw(st.integers(0, 9)) == 0
    return Element(tag, vr, draw(values(vr)), unknown=unknown)


@st.composite
def sequences(draw: st.DrawFn, items: st.SearchStrategy[list[list[Element]]], *, unknown: bool) -> Element:
    """Draw a sequence around items."""
    tag = draw(st.sampled_from((*SEQUENCES, 0x00091002)))
    as_unknown = unknown and draw(st.integers(0, 4)) == 0
    return Element(tag, "SQ", draw(items), undefined=draw(st.booleans()), unknown=as_unknown)


def item_lists(*, unknown: bool) -> st.SearchStrategy[list[list[Element]]]:
    """Draw items, nested up to a few levels."""
    elements = st.recursive(
        leaves(),
        lambda inner: sequences(st.lists(st.lists(inner, max_size=3).map(distinct), max_size=3), unknown=unknown),
        max_leaves=12,
    )
    return st.lists(elements, max_size=12).map(lambda found: [distinct(found)])


def distinct(elements: list[Element]) -> list[Element]:
    """Keep one element of each tag."""
    return list({element.tag: element for element in elements}.values())


@st.composite
def objects(draw: st.DrawFn, *, unknown_sequences: bool = True) -> Object:
    """Draw an object; UN sequences can be left out for readers that do not get through them."""
    syntax = draw(st.sampled_from(SYNTAXES))
    readable = unknown_sequences or syntax != BIG_ENDIAN
    drawn = draw(item_lists(unknown=readable))[0]
    patient = draw(st.sampled_from((b"P1", b" P1 ", b"", b"A\\B", b"P-2")))
    fixed = [
        Element(0x00080005, "CS", b"ISO_IR 100"),
        Element(0x00080016, "UI", draw(st.sampled_from(SOP_CLASSES)).encode()),
        Element(0x00080018, "UI", b"1.2.3.4.5.6"),
        Element(0x0020000D, "UI", draw(st.sampled_from((b"1.2.3", b"1.2.9")))),
        *([Element(0x00100020, "LO", patient)] if draw(st.booleans()) else []),
        *([Element(0x00100021, "LO", draw(st.sampled_from((b"", b"SITE"))))] if draw(st.booleans()) else []),
        *draw(pixels(syntax)),
    ]
    return Object(tuple(distinct([*drawn, *fixed])), syntax)


def frame(table: bytes) -> bytes:
    """Write an image of JPEG with nothing but a table in it."""
    return b"\xff\xd8\xff\xdb" + (2 + len(table)).to_bytes(2, "big") + table + b"\xff\xd9"


@st.composite
def pixels(draw: st.DrawFn, syntax: str) -> list[Element]:
    """Draw pixel data as the transfer syntax wants it, or none."""
    if not draw(st.booleans()):
        return []
    if syntax == JPEG:
        tables = draw(st.lists(st.binary(max_size=40), max_size=3))
        return [Element(PIXEL_DATA, "OB", [frame(table) for table in tables], undefined=True)]
    return [Element(PIXEL_DATA, "OW", draw(st.binary(max_size=40)))]


cuts = st.lists(st.integers(1, 60), min_size=1, max_size=20)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut data into pieces of the sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return pieces
