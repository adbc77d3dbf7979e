"""Profiles with options that are not shipped together, and objects that hold what each option is about."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes

from gateway.core.clean.subject import Kind, Subject, gather, kind_of
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from tests.kit.canary import Planter, plant
from tests.kit.encode import EXPLICIT, Element
from tests.kit.engine import KEYS, profile
from tests.kit.raw import elements
from tests.kit.tables import option_codes, rows

ALONE: Final = [(option,) for option in sorted(option_codes())]
DATES: Final = ("retain_longitudinal_full_dates", "retain_longitudinal_modified_dates")
PAIRS: Final = [
    *((date, "retain_device_identity") for date in DATES),
    *((date, "retain_patient_characteristics") for date in DATES),
    *((date, "retain_safe_private") for date in DATES),
    *((date, "clean_structured_content") for date in DATES),
    ("clean_descriptors", "clean_structured_content"),
    ("clean_descriptors", "clean_graphics"),
    ("clean_descriptors", "retain_safe_private"),
    ("retain_safe_private", "retain_uids"),
    ("clean_structured_content", "retain_uids"),
]
"""Options that have a say in the same attributes, or act on what the other one keeps."""
EVERYTHING: Final = tuple(sorted(set(option_codes()) - {"retain_longitudinal_full_dates"}))

_VALUES: Final[Mapping[str, tuple[tuple[int, str], ...]]] = {
    "TEXT": ((0x0040A160, "UT"),),
    "DATE": ((0x0040A121, "DA"),),
    "TIME": ((0x0040A122, "TM"),),
    "DATETIME": ((0x0040A120, "DT"),),
    "PNAME": ((0x0040A123, "PN"),),
    "UIDREF": ((0x0040A124, "UI"),),
}


@cache
def engine_with(options: tuple[str, ...]) -> Engine:
    """Give the one engine of profile ``tested``: nominal, and these options."""
    text = f"name: tested\nbased_on: nominal\noptions: [{', '.join(options)}]\n"
    return Engine(parse_profile(text, "tested.yaml", profile), KEYS)


@cache
def rich(name: str) -> tuple[Element, ...]:
    """Make a planted object with everything in it that an option could be about."""
    planter = Planter(seed=60_000)
    planted = plant(name, EXPLICIT, small=True, hostile=False)
    body = {element.tag: element for element in planted.elements}
    for element in safe_private(planter):
        body[element.tag] = element
    body[0x0040A730] = Element(0x0040A730, "SQ", [*content_items(planter)])
    body[0x00400555] = Element(0x00400555, "SQ", [*content_items(planter)][::7], undefined=True)
    body[0x00700001] = Element(0x00700001, "SQ", [[_text_object(planter)]])
    for tag, vr, value in _written_about(body):
        body[tag] = Element(tag, vr, value)
    return tuple(body[tag] for tag in sorted(body))


def _text_object(planter: Planter) -> Element:
    return Element(0x00700008, "SQ", [[planter.element(0x00700006, "ST", "text object>")]])


def _written_about(body: Mapping[int, Element]) -> Iterator[tuple[int, str, bytes]]:
    """Make descriptions that repeat what the object says about its subject, between words that say nothing."""
    patient_id, accession, birth = (body[tag].value for tag in (0x00100020, 0x00080050, 0x00100030))
    name, study = body[0x00100010].value.split(b"^")[0], body[0x0020000D].value
    yield 0x00081030, "LO", b"CT of " + name + b" thorax"
    yield 0x0008103E, "LO", b"Axial " + patient_id
    yield (
        0x00104000,
        "LT",
        b"Born " + birth + b", order " + accession + b", see " + study + b". Follow-up of 2020-03-02.",
    )
    yield 0x00324000, "LT", b"Nothing of note"
    yield from _odd_dates()


def _odd_dates() -> Iterator[tuple[int, str, bytes]]:
    """Make dates that cannot be moved, old ways to write them, and an age that only few reach."""
    yield 0x00080022, "DA", b"2021"
    yield 0x0008002A, "DT", b"20210229120000"
    yield 0x00080012, "DA", b"2021.03.01"
    yield 0x0018A002, "DT", b"20240301093000.5+0100"
    yield 0x00080032, "TM", b"93015"
    yield 0x00080033, "TM", b"09:30:15"
    yield 0x00080023, "DA", b"20240229\\20240301"
    yield 0x00101010, "AS", b"093Y"


def safe_private(planter: Planter) -> Iterator[Element]:
    """Make every element of Table E.3.10-1, and in each block one that is not in it."""
    blocks: dict[tuple[int, str], int] = {}
    for row in rows("safe_private_attributes.csv"):
        group, creator = int(row["group"], 16), row["private_creator"]
        taken = [block for (other, _), block in blocks.items() if other == group]
        known = (group, creator) in blocks
        block = blocks.setdefault((group, creator), 0x10 + len(taken))
        base = group << 16 | block << 8
        if not known:
            yield Element(group << 16 | block, "LO", creator.encode())
            yield planter.element(base | 0xFB, "LO", "private>")
        yield _safe_element(planter, base | int(row["element"], 16), row["vr"].split("/")[0])
    yield Element(0x00190000, "UL", [1000])  # a group length, which some writers still put first
    yield Element(0x00110030, "LO", b"KEEPS NOTHING")
    yield planter.element(0x00113001, "SH", "private>")


def _safe_element(planter: Planter, tag: int, vr: str) -> Element:
    if vr == "SQ":
        inner = [planter.element(0x00100010, "PN", "private>"), planter.element(0x00080020, "DA", "private>")]
        return Element(tag, "SQ", [[*inner, Element(0x00180050, "DS", b"2.5")]], undefined=bool(tag & 1))
    return planter.element(tag, vr or "LO", "private>")


def content_items(planter: Planter) -> Iterator[list[Element]]:
    """Make an item for every row of Table E.3.4-1, some of a value type that it does not foresee, and unlisted ones."""
    for number, row in enumerate(rows("structured_content_items.csv")):
        concept = (row["coding_scheme_designator"], row["code_value"])
        yield _content_item(planter, concept, row["value_type"])
        if number % 9 == 0:
            yield _content_item(planter, concept, "TEXT" if row["value_type"] != "TEXT" else "PNAME")
    for value_type in _VALUES:
        yield _content_item(planter, ("99TEST", "1"), value_type)
    yield _content_item(planter, ("SRT", "T-D0005"), "TEXT")
    nested = _content_item(planter, ("DCM", "121071"), "TEXT")
    yield [*_content_item(planter, ("99TEST", "2"), "CONTAINER"), Element(0x0040A730, "SQ", [nested])]


def _content_item(planter: Planter, concept: tuple[str, str], value_type: str) -> list[Element]:
    scheme, code = concept
    tag = 0x00080100 if len(code) <= 16 else 0x00080119
    name = [
        Element(tag, "SH" if tag == 0x00080100 else "UC", code.encode()),
        Element(0x00080102, "SH", scheme.encode()[:16]),
        Element(0x00080104, "LO", b"meaning"),
    ]
    values = [planter.element(tag, vr, f"{value_type}>") for tag, vr in _VALUES.get(value_type, ())]
    if value_type in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        values = [Element(0x00081199, "SQ", [[planter.element(0x00081155, "UI", f"{value_type}>")]])]
    if value_type == "NUM":
        values = [Element(0x0040A300, "SQ", [[Element(0x0040A30A, "DS", b"5")]])]
    return [Element(0x0040A040, "CS", value_type.encode()), Element(0x0040A043, "SQ", [name]), *values]


def subject(data_set: Dataset) -> Subject:
    """Gather what an object says about its subject, from its tree."""
    return gather(_told(data_set, 0, ("",)))


def _told(data_set: Dataset, sequence: int, terms: tuple[str, ...]) -> Iterator[tuple[Kind, str]]:
    found = list(elements(data_set))
    for tag, vr, value in found:
        if tag == 0x00080005 and isinstance(value, bytes):
            terms = tuple(term.strip(" \0") for term in value.decode("latin-1").split("\\"))
        if not sequence and tag >= 0x7FE00000:
            return
        if not isinstance(value, bytes):
            for item in value:
                yield from _told(item, tag, terms)
            continue
        kind = kind_of(tag, vr, sequence)
        if kind is not None:
            text = str(decode_bytes(value, convert_encodings(list(terms)), set()))
            yield from ((kind, one) for one in ([text] if vr in ("LT", "ST", "UR", "UT") else text.split("\\")))
