"""A slow, simple de-identifier over a pydicom tree: what profile ``nominal`` and the options mean, said a second time.

It shares nothing with the gateway but what is handed in, the keys and the cleaner of text: it reads the CSV tables
itself, knows no bytes on the wire and no chunks, and takes each element by the letter of its rule. The gateway's
output must equal what it makes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from tests.kit.raw import Value, build, elements
from tests.kit.reference_letters import (
    AGES,
    CONTENT,
    FULL,
    GONE,
    MODIFIED,
    NONE,
    Options,
    content_item,
    goes_everywhere,
    letter,
    private,
)
from tests.kit.reference_values import age, capped, cleaned, moved, numbers, year
from tests.kit.tables import IODS, METHODS, keyword_of, option_codes

__all__ = ["GONE", "REGISTERED", "WALKED_DUMMIES", "Refused", "deidentify", "goes_everywhere", "letter", "text", "uids"]

PROFILE: Final = "nominal"
REGISTERED: Final = "1.2.840.10008."
WALKED_DUMMIES: Final = {0x0040A730, 0x0040B020, 0x00700001}
"""Content, Waveform Annotation and Graphic Annotation Sequence: D, but structure, codes and numbers are of use."""
PATIENT: Final = {0x00100010, 0x00100020}
ANNOTATION_GROUP_UID: Final = 0x006A0003
BASIC_DIRECTORY: Final = "1.2.840.10008.1.3.10"
CONTENT_SEQUENCE: Final = 0x0040A730
CHARACTER_SET: Final = 0x00080005
TIMEZONE: Final = 0x00080201
_STRENGTH: Final = ("UNMODIFIED", "MODIFIED", "REMOVED")

_TEXT = dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), b"ANONYMOUS ")
_NUMBERS = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8, "US or SS": 2}
_BYTES = {
    "OB": 2,
    "OD": 8,
    "OF": 4,
    "OL": 4,
    "OV": 8,
    "OW": 2,
    "UN": 2,
    "OB or OW": 2,
    "US or OW": 2,
    "US or SS or OW": 2,
}
DUMMIES: Final = (
    _TEXT
    | {vr: bytes(size) for vr, size in (_NUMBERS | _BYTES).items()}
    | {"AS": b"000Y", "DA": b"19000101", "DS": b"0 ", "DT": b"19000101000000", "IS": b"0 ", "TM": b"000000"}
    | {"UR": b"urn:anonymous "}
)


class Keys(Protocol):
    """What is needed of a key ring."""

    def uid(self, source: str) -> str:
        """Return the released UID."""

    def patient(self, issuer: str, patient_id: str, study_uid: str) -> str:
        """Return the pseudonym."""

    def shift_days(self, issuer: str, patient_id: str, study_uid: str) -> int:
        """Return by how many days the patient's dates move."""


class Refused(Exception):
    """The object does not pass; the message says why."""


Clean = Callable[[str, str], str]
"""Takes what identifies its subject out of a text of a VR."""


def _no_cleaner(_text: str, _vr: str) -> str:
    raise AssertionError("no option that is on cleans text")


@dataclass(frozen=True, slots=True)
class Details:
    """What a profile says of single attributes: at any depth; ``always``: at the root also where nothing is."""

    always: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    years: frozenset[int] = frozenset()


NO_DETAILS: Final = Details()
STRICT: Final = Details(
    {
        0x00100010: ("PN", b"ANONYMOUS "),
        0x00100020: ("LO", b"000000"),
        0x00100030: ("DA", b"19900101"),
        0x00100040: ("CS", b"O "),
    },
    frozenset({0x00080020}),
)
"""Profile ``strict``: who every patient is, and that study dates are cut to their year."""


@dataclass(frozen=True, slots=True)
class _Case:
    keys: Keys
    iod: str
    pseudonym: bytes
    days: int
    options: Options
    clean: Clean
    details: Details


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a data set stands: the sequences around it, the letter of its content item, its character set.

    ``age``: a number here is an age of the subject.
    """

    path: tuple[str, ...] = ()
    item: str = ""
    terms: tuple[str, ...] = ("",)
    age: bool = False


def deidentify(
    data_set: Dataset,
    keys: Keys,
    options: Options = NONE,
    clean: Clean = _no_cleaner,
    name: str = PROFILE,
    details: Details = NO_DETAILS,
) -> Dataset:
    """Make the de-identified copy; raise Refused for what must not pass."""
    refuse(data_set)
    sop_class = text(data_set, 0x00080016)
    subject = (text(data_set, 0x00100021), text(data_set, 0x00100020), text(data_set, 0x0020000D))
    pseudonym = _padded(keys.patient(*subject).encode(), b" ")
    case = _Case(keys, IODS.get(sop_class, ""), pseudonym, keys.shift_days(*subject), options, clean, details)
    temporal = "MODIFIED" if details.years else ""
    released = build(_walk(data_set, _Spot(), case) | details.always | _marks(data_set, options, name, temporal))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    instance = _padded(text(data_set, 0x00080018).encode(), b"\0")
    meta.MediaStorageSOPInstanceUID = UID(_uids(instance, case).rstrip(b"\0").decode())
    meta.TransferSyntaxUID = data_set.file_meta.TransferSyntaxUID
    released.file_meta = meta
    return released


def refuse(data_set: Dataset) -> None:
    """Raise Refused unless this is an instance in a Part 10 file."""
    meta = data_set.file_meta
    if not getattr(data_set, "preamble", None):
        raise Refused("no preamble")
    if not meta.get("TransferSyntaxUID"):
        raise Refused("no Transfer Syntax UID")
    if BASIC_DIRECTORY in (meta.get("MediaStorageSOPClassUID"), text(data_set, 0x00080016)) or 0x00041220 in data_set:
        raise Refused("a DICOMDIR")
    for tag, name in ((0x00080016, "SOP Class UID"), (0x00080018, "SOP Instance UID")):
        if not text(data_set, tag):
            raise Refused(f"no {name}")


def text(data_set: Dataset, tag: int) -> str:
    """Give a top-level value as text, without its padding; empty where there is none."""
    values = {found: value for found, _, value in elements(data_set) if found in (tag, 0x00080005)}
    value = values.get(tag, b"")
    charset = values.get(0x00080005, b"")
    if not isinstance(value, bytes) or not isinstance(charset, bytes):
        return ""
    names = [name.strip(" \0") for name in charset.decode("latin-1").split("\\")]
    decoded = decode_bytes(value.strip(b" \0"), convert_encodings(names), set())
    return str(decoded).strip(" \0")


def _walk(source: Dataset, spot: _Spot, case: _Case) -> dict[int, tuple[str, Value]]:
    released: dict[int, tuple[str, Value]] = {}
    found = list(elements(source))
    spot = _Spot(spot.path, spot.item, _terms(found) or spot.terms, spot.age)
    if spot.age:
        found = [(tag, vr, value) for tag, vr, value in found if tag not in (0x0040A161, 0x0040A162, 0x0040A163)]
    for tag, vr, value in found:
        if tag >> 16 & 1:
            continue
        action = _detailed(tag, case) or letter(tag, vr, spot.path, case.iod, case.options, spot.item)
        if action == "X":
            continue
        if isinstance(value, bytes):
            released[tag] = (vr, _leaf(action, tag, vr, value, spot, case))
            if spot.age and tag == 0x0040A30A:
                released[tag] = (vr, age(numbers(vr, value), _code(source, 0x004008EA)))
            continue
        items = _items(action, tag, value, spot, case)
        if items or not value or tag != CONTENT_SEQUENCE:  # of Type 1C: with no item left it goes
            released[tag] = ("SQ", items)
    return released | dict(_private(found, spot, case))


def _detailed(tag: int, case: _Case) -> str:
    """Give the letter of what a profile itself says: its own constant, the year, the pseudonym."""
    if tag in case.details.always:
        return "O"
    return "Y" if tag in case.details.years else "P" if tag in PATIENT else ""


def _terms(found: list[tuple[int, str, Value]]) -> tuple[str, ...]:
    value = next((value for tag, _, value in found if tag == 0x00080005), b"")
    names = value.decode("latin-1").split("\\") if isinstance(value, bytes) and value.strip(b" \0") else []
    return tuple(name.strip(" \0") for name in names)


def _private(found: list[tuple[int, str, Value]], spot: _Spot, case: _Case) -> Iterator[tuple[int, tuple[str, Value]]]:
    """Keep what is known to be safe, and the creators of blocks of which something is kept (PS3.15 Section E.3.10)."""
    creators = {
        tag: value.decode("latin-1").strip(" \0")
        for tag, _, value in found
        if tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF and isinstance(value, bytes)
    }
    by_creator: dict[int, tuple[str, Value]] = {}
    for tag, vr, value in found:
        block = tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8
        if not tag >> 16 & 1 or tag & 0xFFFF < 0x1000 or block not in creators:
            continue
        action, known = private(creators[block], tag & 0xFFFF00FF, case.options)
        meant = known if vr == "UN" else vr
        if action == "X":
            continue
        if isinstance(value, bytes):
            yield tag, (vr, _leaf(action, tag, meant, value, spot, case))
        else:
            items = [build(_walk(item, _Spot(("",), "", spot.terms), case)) for item in value]
            yield tag, ("SQ", items)
        by_creator[block] = next((vr, value) for other, vr, value in found if other == block)
    yield from by_creator.items()


def _leaf(action: str, tag: int, vr: str, value: bytes, spot: _Spot, case: _Case) -> bytes:
    if action == "O":
        return case.details.always[tag][1]
    if action == "Y":
        return year(value)
    if action in ("P", "Z"):
        return case.pseudonym if action == "P" else b""
    if action == "U" or tag == ANNOTATION_GROUP_UID:
        return _uids(value, case)
    if action in ("T", "A"):
        return moved(vr, value, case.days) if action == "T" else capped(value)
    if action == "C":
        return cleaned(vr, value, list(spot.terms), case.clean)
    if action == "D":
        return b"+0000 " if tag == TIMEZONE else _uids(value, case) if vr == "UI" else DUMMIES[vr]
    return numbers(vr, value)


def _items(action: str, tag: int, items: list[Dataset], spot: _Spot, case: _Case) -> list[Dataset]:
    if action == "Z":
        return []
    keyword = keyword_of(tag)
    walked = tag in WALKED_DUMMIES and not spot.item
    if action == "D" and not walked:
        return [_hollow(item, case) for item in items]
    released = []
    for item in items:
        of_item = _content(item, case.options) if keyword in CONTENT else ""
        if of_item != "X":
            is_age = spot.age if tag == 0x0040A300 else keyword in CONTENT and _is_age(item, case.options)
            released.append(build(_walk(item, _Spot((*spot.path, keyword), of_item, spot.terms, is_age), case)))
    return released


def _content(item: Dataset, options: Options) -> str:
    """Say what happens to a content item, under Clean Structured Content."""
    if "clean_structured_content" not in options:
        return ""
    return content_item(*_code(item, 0x0040A043), text(item, 0x0040A040), options)


def _is_age(item: Dataset, options: Options) -> bool:
    """Say whether a content item is an age of the subject, where an option looks at content items."""
    if options.isdisjoint({"clean_structured_content", "retain_patient_characteristics"}):
        return False
    return _code(item, 0x0040A043) in AGES


def _code(item: Dataset, tag: int) -> tuple[str, str]:
    """Give the scheme and the code of the only item of a code sequence."""
    coded = next((value for found, _, value in elements(item) if found == tag), [])
    first = coded[0] if coded and not isinstance(coded, bytes) else Dataset()
    code = next((found for each in (0x00080100, 0x00080119, 0x00080120) if (found := text(first, each))), "")
    return text(first, 0x00080102), code


def _hollow(source: Dataset, case: _Case) -> Dataset:
    """Keep the shape of an item and nothing that it says."""
    hollow: dict[int, tuple[str, Value]] = {}
    for tag, vr, value in elements(source):
        if goes_everywhere(tag):
            continue
        if not isinstance(value, bytes):
            hollow[tag] = ("SQ", [_hollow(item, case) for item in value])
        elif tag == CHARACTER_SET:
            hollow[tag] = (vr, value)
        else:
            hollow[tag] = (vr, _leaf("D", tag, vr, value, _Spot(), case))
    return build(hollow)


def _uids(value: bytes, case: _Case) -> bytes:
    return value if "retain_uids" in case.options else uids(value, case.keys)


def uids(value: bytes, keys: Keys) -> bytes:
    """Map each UID but those that the standard registers."""
    mapped = []
    for part in value.split(b"\\"):
        source = part.strip(b" \0").decode("latin-1")
        mapped.append(keys.uid(source) if source and not source.startswith(REGISTERED) else source)
    return _padded("\\".join(mapped).encode("latin-1"), b"\0")


def _marks(source: Dataset, options: Options, name: str, dates: str) -> dict[int, tuple[str, Value]]:
    """Say what was done (PS3.15 Section E.1.1), at the top level only."""
    own = ["113100", *sorted(option_codes()[option] for option in options)]
    codes = [*(code for code in dict.fromkeys(_earlier_methods(source)) if code not in own), *own]
    temporal = "UNMODIFIED" if FULL in options else "MODIFIED" if MODIFIED in options else dates or "REMOVED"
    earlier = text(source, 0x00280303)
    if earlier in _STRENGTH:
        temporal = max(temporal, earlier, key=_STRENGTH.index)
    return {
        0x00120062: ("CS", b"YES "),
        0x00120063: ("LO", _padded(f"Dicomveil {name}".encode(), b" ")),
        0x00120064: ("SQ", [_method(code) for code in codes]),
        0x00280303: ("CS", _padded(temporal.encode(), b" ")),
    }


def _earlier_methods(source: Dataset) -> list[str]:
    found = {tag: value for tag, _, value in elements(source)}.get(0x00120064, [])
    items = found if not isinstance(found, bytes) else []
    return [
        text(item, 0x00080100)
        for item in items
        if text(item, 0x00080102) == "DCM" and text(item, 0x00080100) in METHODS
    ]


def _method(code: str) -> Dataset:
    values = ((0x00080100, "SH", code), (0x00080102, "SH", "DCM"), (0x00080104, "LO", METHODS[code]))
    return build({tag: (vr, _padded(value.encode(), b" ")) for tag, vr, value in values})


def _padded(value: bytes, padding: bytes) -> bytes:
    return value + padding * (len(value) % 2)
