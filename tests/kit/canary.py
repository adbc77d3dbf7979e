"""Objects in which every value that could identify anybody is a canary.

Every attribute of Table E.1-1 and every unlisted one that the tables do not keep is planted: at the top level, three
sequences deep, in sequences of defined and undefined length, as UN, inside private sequences, wherever a compound code
settles otherwise for the IOD, in private blocks before and after pixel data, in overlays and curves, in unknown
attributes, in the preamble and in the file meta. Only attributes that are kept on purpose hold plain values.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from pydicom.datadict import tag_for_keyword

from tests.kit.canary_search import DIGITS, TOKEN, UID_ROOT, Canaries
from tests.kit.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, JPEG, PIXEL_DATA, Element, part10
from tests.kit.tables import IODS, LISTED, SETTLED, rows, tag_of

SOP_CLASSES: Final = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "EnhancedMR": "1.2.840.10008.5.1.4.1.1.4.1",
    "SR": "1.2.840.10008.5.1.4.1.1.88.33",
    "US": "1.2.840.10008.5.1.4.1.1.3.1",
    "PR": "1.2.840.10008.5.1.4.1.1.11.1",
    "PDF": "1.2.840.10008.5.1.4.1.1.104.1",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "PET": "1.2.840.10008.5.1.4.1.1.128",
}
IMAGES: Final = ("CT", "MR", "EnhancedMR", "US", "PET")

CHARSETS: Final = {
    "ISO_IR 192": ("utf-8", "ŻółwßΩж漢字鱉"),
    "ISO_IR 100": ("latin-1", "ÐÞßæøýÿñ"),
    "ISO_IR 126": ("iso8859_7", "ΨΩΞΦΛΔΣΘ"),
    "ISO_IR 144": ("iso8859_5", "ЩЪЫЭЮЯЖФ"),
    "GB18030": ("gb18030", "魑魅魍魎鳳凰鷽"),
    "\\ISO 2022 IR 87": ("iso2022_jp", "龍虎雀亀鳳凰"),
}
"""Specific Character Set, codec of Python, and a word that only it writes so."""

CHARSET_VRS: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
SHORT: Final = {"AE": 16, "CS": 16, "SH": 16}
FIRST_DAY: Final = date(1700, 3, 1)
EMPTY_GROUPS: Final = {0x0000, 0x0002, 0x0004}
PADDING: Final = 0xFFFCFFFC
SIGNATURES: Final = 0xFFFAFFFA
IDENTITY: Final = {"StudyInstanceUID": 0x0020000D, "SeriesInstanceUID": 0x0020000E, "SOPInstanceUID": 0x00080018}

# Two chains of standard sequences that the profile keeps and walks, three deep.
CHAINS: Final = ((0x00081115, 0x0008114A, 0x00081199), (0x52009230, 0x00289110, 0x0040A043))
# Sequences whose items keep their shape only: there even codes are canaries.
HOLLOW_TEXT: Final = ((0x00080100, "SH"), (0x00080104, "LO"), (0x00080119, "UC"))


@dataclass(frozen=True, slots=True)
class Planted:
    """An object full of canaries; ``elements`` are what ``part10`` was written from."""

    name: str
    syntax: str
    elements: tuple[Element, ...]
    part10: bytes
    canaries: Canaries


@dataclass(slots=True)
class Planter:
    """Makes values that appear nowhere else, and remembers where each was planted."""

    charset: str = "ISO_IR 192"
    seed: int = 0
    unknown_sequences: bool = True
    small: bool = False
    names: dict[str, str] = field(default_factory=dict)
    others: set[bytes] = field(default_factory=set)
    _count: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._count = itertools.count(self.seed)

    @property
    def canaries(self) -> Canaries:
        """Give all that was planted so far."""
        codec, word = CHARSETS[self.charset]
        return Canaries(self.names, {word: codec}, frozenset(self.others))

    def element(self, tag: int, vr: str, where: str = "", *, unknown: bool = False) -> Element:
        """Plant one canary."""
        label = f"{where}({tag >> 16:04X},{tag & 0xFFFF:04X})"
        return Element(tag, vr, self._value(vr, label), unknown=unknown)

    def _value(self, vr: str, label: str) -> bytes | list[float]:
        number = next(self._count) % 10**DIGITS
        if vr in ("US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"):
            return [54_321 if vr != "SS" else 12_345]
        if vr == "AT":
            return [0x00100010]
        if vr == "UI":
            return self._note(f"{UID_ROOT}{number:05}", label).encode()
        if vr in ("DA", "TM", "DT", "AS", "DS", "IS"):
            return self._note(self._number(vr, number), label).encode()
        return self._text(vr, number, label)

    def _number(self, vr: str, number: int) -> str:
        day = (FIRST_DAY + timedelta(number % 14_000)).strftime("%Y%m%d")
        clock = f"{number // 3600 % 24:02}{number // 60 % 60:02}{number % 60:02}.918273"
        return {
            "DA": day,
            "TM": clock,
            "DT": day + clock,
            "AS": f"9{number % 100:02}W",
            "DS": f"7.12345{number:05}",
            "IS": f"19876{number:05}",
        }[vr]

    def _text(self, vr: str, number: int, label: str) -> bytes:
        token = self._note(f"{TOKEN}{number:0{DIGITS}}", label)
        codec, word = CHARSETS[self.charset]
        if vr == "UR":
            return f"http://{token.lower()}.invalid/{token}".encode()
        if vr == "PN":
            return f"{token}^A=".encode() + word.encode(codec) + f"={token}".encode()
        if vr in CHARSET_VRS and vr not in SHORT:
            return f"{token} ".encode() + word.encode(codec)
        return token.encode()

    def _note(self, value: str, label: str) -> str:
        self.names[value] = label
        return value


def sensitive(*, hostile: bool) -> list[tuple[int, str]]:
    """List tag and VR of every attribute that the profile may not pass on, sequences apart.

    ``hostile`` adds those of groups that a server refuses or drops: commands, media directories, padding.
    """
    listed = [(tag, row["vr"].split(" ")[0]) for tag, row in LISTED.items()]
    unlisted = [
        (tag_of(row["tag"]), row["vr"].split(" ")[0])
        for row in rows("unlisted_decisions.csv")
        if row["letter"] != "K" and "x" not in row["tag"]
    ]
    everything = dict(listed + unlisted)
    return [
        (tag, vr)
        for tag, vr in sorted(everything.items())
        if vr not in ("SQ", "") and tag >> 16 != 2 and (hostile or (tag >> 16 not in EMPTY_GROUPS and tag != PADDING))
    ]


def plant(
    name: str,
    syntax: str = EXPLICIT,
    charset: str = "ISO_IR 192",
    seed: int = 0,
    *,
    hostile: bool = True,
    small: bool = False,
) -> Planted:
    """Make an object of one of SOP_CLASSES; with another seed, canaries that differ.

    ``hostile`` adds what few readers get through: commands, trailers, and big endian data sets with UN sequences of
    undefined length, whose items are little endian. ``small`` plants every attribute at the top level still, but few
    below, for servers that read an object whole at every request.
    """
    # Orthanc takes a second for each UN sequence that it reads, save in a deflated data set.
    readable = syntax == DEFLATED or not (small or syntax == BIG_ENDIAN)
    planter = Planter(charset, seed, hostile or readable, small)
    body = {element.tag: element for element in _top(planter, name, hostile=hostile)}
    for element in (*_structure(name, syntax), *_sequences(planter, name), *_foreign(planter, hostile=hostile)):
        twin = body.get(element.tag)
        body[element.tag] = _joined(twin, element) if twin and element.vr == "SQ" else element
    elements = tuple(body[tag] for tag in sorted(body))
    written = part10(elements, syntax, _meta(planter), f"{TOKEN}00000 preamble".encode().ljust(128, b"\x11"))
    return Planted(name, syntax, elements, written, planter.canaries)


def _joined(one: Element, other: Element) -> Element:
    return Element(one.tag, "SQ", [*one.value, *other.value], undefined=other.undefined)


def source_uids(planted: Planted) -> tuple[str, str, str]:
    """Give Study, Series and SOP Instance UID as planted."""
    values = {element.tag: element.value for element in planted.elements}
    study, series, instance = (values[tag].decode() for tag in IDENTITY.values())
    return study, series, instance


def _top(planter: Planter, name: str, *, hostile: bool) -> Iterator[Element]:
    yield Element(0x00080005, "CS", planter.charset.encode())
    yield Element(0x00080016, "UI", SOP_CLASSES[name].encode())
    for number, (tag, vr) in enumerate(sensitive(hostile=hostile)):
        # Some are written as UN, as a gateway of another maker would that does not know them.
        yield planter.element(tag, vr, unknown=number % 7 == 3 and tag not in IDENTITY.values())
    yield Element(0x00120062, "CS", b"NO")
    yield Element(
        0x00120064,
        "SQ",
        [
            [
                Element(0x00080100, "SH", b"113105"),
                Element(0x00080102, "SH", b"DCM"),
                planter.element(0x00080104, "LO", "methods>"),
            ],
            [planter.element(tag, vr, "methods>") for tag, vr in HOLLOW_TEXT],
        ],
    )
    yield Element(0x00280301, "CS", b"YES")


def _structure(name: str, syntax: str) -> Iterator[Element]:
    modality = {"EnhancedMR": "MR", "RTSTRUCT": "RTSTRUCT", "PDF": "DOC", "PET": "PT"}.get(name, name)
    yield Element(0x00080060, "CS", modality.encode())
    yield Element(0x00200011, "IS", b"1")
    yield Element(0x00200013, "IS", b"1")
    if name not in IMAGES:
        return
    frames = 2 if name in ("EnhancedMR", "US") else 1
    numbers = {0x00280002: 1, 0x00280010: 8, 0x00280011: 8, 0x00280100: 8, 0x00280101: 8, 0x00280102: 7, 0x00280103: 0}
    yield from (Element(tag, "US", [number]) for tag, number in numbers.items())
    yield Element(0x00280004, "CS", b"MONOCHROME2")
    yield Element(0x00280008, "IS", str(frames).encode())
    if syntax == JPEG:
        yield Element(PIXEL_DATA, "OB", [b"\xff\xd8\xff\xd9"] * frames, undefined=True)
    else:
        yield Element(PIXEL_DATA, "OW", bytes(range(64)) * frames)


def _sequences(planter: Planter, name: str) -> Iterator[Element]:
    for number, (tag, row) in enumerate(LISTED.items()):
        if row["vr"] == "SQ" and tag != SIGNATURES:
            items = [_item(planter, f"{row['keyword']}>") for _ in range(1 if planter.small else 2)]
            yield Element(
                tag, "SQ", items, undefined=number % 2 == 0, unknown=planter.unknown_sequences and number % 5 == 1
            )
    for number, chain in enumerate(CHAINS[: 1 if planter.small else 2]):
        yield _nest(planter, chain, undefined=bool(number))
    content = [Element(0x0040A040, "CS", b"CONTAINER")]
    for _ in range(3):
        content = [*_item(planter, "ContentSequence>"), Element(0x0040A730, "SQ", [content])]
    yield Element(0x0040A730, "SQ", [content])
    yield from _settled(planter, IODS[SOP_CLASSES[name]])


def _item(planter: Planter, where: str) -> list[Element]:
    """Make an item with one canary of every common VR, a private block and a sequence of its own."""
    if planter.small:
        return [planter.element(0x00080050, "SH", where), planter.element(0x00081155, "UI", where)]
    return [
        planter.element(0x00080018, "UI", where),
        planter.element(0x00080050, "SH", where),
        planter.element(0x00080090, "PN", where),
        planter.element(0x00080020, "DA", where),
        planter.element(0x0008002A, "DT", where),
        planter.element(0x00081155, "UI", where),
        planter.element(0x00081030, "LO", where, unknown=True),
        *_private(planter, 0x0011, where),
        planter.element(0x00100020, "LO", where),
        planter.element(0x00104000, "LT", where),
        Element(0x00400275, "SQ", [[planter.element(0x00400007, "LO", f"{where}RequestAttributesSequence>")]]),
    ]


def _nest(planter: Planter, chain: tuple[int, ...], *, undefined: bool) -> Element:
    where = ">".join(f"{tag:08X}" for tag in chain) + ">"
    flat = [planter.element(tag, vr, where) for tag, vr in sensitive(hostile=False)[:: 5 if planter.small else 1]]
    items = [flat, [*_private(planter, 0x0029, where)]]
    for depth, tag in enumerate(reversed(chain[1:])):
        unknown = planter.unknown_sequences and undefined and depth == 1
        inner = Element(tag, "SQ", items, undefined=undefined, unknown=unknown)
        items = [[inner], [planter.element(0x00081155, "UI", where)]]
    return Element(chain[0], "SQ", items, undefined=undefined)


def _settled(planter: Planter, iod: str) -> Iterator[Element]:
    """Plant each attribute at the places where the IOD makes a compound code settle to something that keeps it."""
    paths: dict[tuple[int, ...], list[Element]] = {}
    for (tag, dotted, for_iod), letter in SETTLED.items():
        if for_iod != iod or not dotted:
            continue
        path = tuple(int(tag_for_keyword(keyword) or 0) for keyword in dotted.split("."))
        vr = LISTED[tag]["vr"]
        element = (
            planter.element(tag, vr, f"{dotted}>") if vr != "SQ" else _settled_sequence(planter, tag, dotted, letter)
        )
        paths.setdefault(path, []).append(element)
    by_first: dict[int, list[list[Element]]] = {}
    for path, elements in paths.items():
        item = elements
        for tag in reversed(path[1:]):
            item = [Element(tag, "SQ", [item])]
        by_first.setdefault(path[0], []).append(item)
    yield from (Element(tag, "SQ", items) for tag, items in by_first.items())


def _settled_sequence(planter: Planter, tag: int, dotted: str, letter: str) -> Element:
    # With U the items stay and codes in them are of use; else not even a code says what it said.
    texts = [] if letter == "U" else [planter.element(inner, vr, f"{dotted}>") for inner, vr in HOLLOW_TEXT]
    return Element(tag, "SQ", [[*texts, planter.element(0x00081155, "UI", f"{dotted}>")]])


def _foreign(planter: Planter, *, hostile: bool) -> Iterator[Element]:
    """Make what no table knows: private blocks, unknown attributes, overlays, curves, trailers."""
    yield from _private(planter, 0x0009, "")
    yield from _private(planter, 0x7FE1, "")
    yield planter.element(0x0008FFF0, "LO", "unknown>")
    yield planter.element(0x00729ABC, "UT", "unknown>")
    for group in range(0x6000, 0x6020, 2):
        yield from _overlay(planter, group << 16)
    for group in range(0x5000, 0x5020, 4):
        yield planter.element(group << 16 | 0x2500, "LO", "curve>")
        yield planter.element(group << 16 | 0x3000, "OB", "curve>")
    if hostile:
        yield Element(SIGNATURES, "SQ", [_item(planter, "DigitalSignaturesSequence>")])


def _overlay(planter: Planter, base: int) -> Iterator[Element]:
    yield Element(base | 0x0010, "US", [1])
    yield Element(base | 0x0011, "US", [8])
    yield planter.element(base | 0x0022, "LO", "overlay>")
    yield planter.element(base | 0x1500, "LO", "overlay>")
    yield planter.element(base | 0x3000, "OB", "overlay>")
    yield planter.element(base | 0x4000, "LT", "overlay>")


def _private(planter: Planter, group: int, where: str) -> Iterator[Element]:
    base, private = group << 16, f"{where}private>"
    yield planter.element(base | 0x0010, "LO", private)
    yield planter.element(base | 0x0011, "LO", private)
    yield from (
        planter.element(base | 0x1000 | at, vr, private) for at, vr in enumerate(("LO", "UI", "OB", "DA", "UN"))
    )
    standard = [planter.element(0x00100010, "PN", private), planter.element(0x00100020, "LO", private)]
    inner = [*standard, Element(base | 0x1130, "SQ", [[*standard]], undefined=True)]
    yield Element(base | 0x1120, "SQ", [inner], undefined=True)


def _meta(planter: Planter) -> list[Element]:
    texts: tuple[tuple[int, str], ...] = (
        (0x00020012, "UI"),
        (0x00020013, "SH"),
        (0x00020016, "AE"),
        (0x00020017, "AE"),
        (0x00020018, "AE"),
        (0x00020026, "UR"),
        (0x00020027, "UR"),
        (0x00020028, "UR"),
        (0x00020100, "UI"),
        (0x00020102, "OB"),
    )
    return [planter.element(tag, vr, "file meta>") for tag, vr in texts]
