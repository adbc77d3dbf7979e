"""A slow, simple de-identifier over a pydicom tree: what profile ``nominal`` means, said a second time.

It shares nothing with the gateway but the keys that are handed in: it reads the CSV tables itself, knows no bytes on
the wire and no chunks, and takes each element by the letter of its rule. The gateway's output must equal what it makes.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from tests.kit.raw import Value, build, dictionary, elements
from tests.kit.tables import IODS, LISTED, METHODS, SETTLED, keyword_of, unlisted

PROFILE: Final = "nominal"
REGISTERED: Final = "1.2.840.10008."
WALKED_DUMMIES: Final = {0x0040A730, 0x00700001}
"""Content Sequence and Graphic Annotation Sequence: D, but their structure, codes and numbers are of use."""
GONE_GROUPS: Final = {0x0000, 0x0002, 0x0004}
GRAPHICS: Final = {0x50, 0x60}
"""Curves and overlays, whole: without Clean Graphics nothing of them is of use."""
GONE: Final = {0xFFFCFFFC, 0xFFFAFFFA, 0x00080300, 0x00120063, 0x00120064}
"""Padding, signatures, statements about private elements, and what an earlier pass said it did."""
PATIENT: Final = {0x00100010, 0x00100020}
ANNOTATION_GROUP_UID: Final = 0x006A0003
BASIC_DIRECTORY: Final = "1.2.840.10008.1.3.10"

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


class Refused(Exception):
    """The object does not pass; the message says why."""


@dataclass(frozen=True, slots=True)
class _Case:
    keys: Keys
    iod: str
    pseudonym: bytes


def deidentify(data_set: Dataset, keys: Keys) -> Dataset:
    """Make the de-identified copy; raise Refused for what must not pass."""
    refuse(data_set)
    sop_class = text(data_set, 0x00080016)
    who = keys.patient(text(data_set, 0x00100021), text(data_set, 0x00100020), text(data_set, 0x0020000D))
    case = _Case(keys, IODS.get(sop_class, ""), _padded(who.encode(), b" "))
    released = build(_walk(data_set, (), case) | _marks(data_set))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(uids(text(data_set, 0x00080018).encode(), keys).rstrip(b"\0").decode())
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


def letter(tag: int, vr: str, path: tuple[str, ...], iod: str) -> str:
    """Say what happens to an attribute: one of K X Z D U."""
    if goes_everywhere(tag):
        return "X"
    if tag in LISTED:
        code = LISTED[tag]["basic_profile"]
        return SETTLED.get((tag, ".".join(path), iod), code[0]) if "/" in code else code
    decided = unlisted(tag)
    if decided:
        return "X" if decided == "T" else decided
    return "Z" if "PN" in (vr, dictionary(tag)) else "K"


def goes_everywhere(tag: int) -> bool:
    """Say whether no rule could keep it: private, unknown, or of a group that no released data set has."""
    group, element = tag >> 16, tag & 0xFFFF
    if group & 1 or group in GONE_GROUPS or group >> 8 in GRAPHICS or element == 0 or tag in GONE:
        return True
    return dictionary(tag) is None


def _walk(source: Dataset, path: tuple[str, ...], case: _Case) -> dict[int, tuple[str, Value]]:
    released: dict[int, tuple[str, Value]] = {}
    for tag, vr, value in elements(source):
        action = "P" if tag in PATIENT else letter(tag, vr, path, case.iod)
        if action == "X":
            continue
        if isinstance(value, bytes):
            released[tag] = (vr, _leaf(action, tag, vr, value, case))
        else:
            released[tag] = ("SQ", _items(action, tag, value, path, case))
    return released


def _leaf(action: str, tag: int, vr: str, value: bytes, case: _Case) -> bytes:
    if action == "P":
        return case.pseudonym
    if action == "Z":
        return b""
    if action == "U" or tag == ANNOTATION_GROUP_UID:
        return uids(value, case.keys)
    if action == "D":
        return uids(value, case.keys) if vr == "UI" else DUMMIES[vr]
    return value


def _items(action: str, tag: int, items: list[Dataset], path: tuple[str, ...], case: _Case) -> list[Dataset]:
    if action == "Z":
        return []
    if action == "D" and tag not in WALKED_DUMMIES:
        return [_hollow(item, case) for item in items]
    return [build(_walk(item, (*path, keyword_of(tag)), case)) for item in items]


def _hollow(source: Dataset, case: _Case) -> Dataset:
    """Keep the shape of an item and nothing that it says."""
    hollow: dict[int, tuple[str, Value]] = {}
    for tag, vr, value in elements(source):
        if goes_everywhere(tag):
            continue
        if not isinstance(value, bytes):
            hollow[tag] = ("SQ", [_hollow(item, case) for item in value])
        else:
            hollow[tag] = (vr, _leaf("D", tag, vr, value, case))
    return build(hollow)


def uids(value: bytes, keys: Keys) -> bytes:
    """Map each UID but those that the standard registers."""
    mapped = []
    for part in value.split(b"\\"):
        source = part.strip(b" \0").decode("latin-1")
        mapped.append(keys.uid(source) if source and not source.startswith(REGISTERED) else source)
    return _padded("\\".join(mapped).encode("latin-1"), b"\0")


def _marks(source: Dataset) -> dict[int, tuple[str, Value]]:
    """Say what was done (PS3.15 Section E.1.1), at the top level only."""
    codes = dict.fromkeys([*_earlier_methods(source), "113100"])
    return {
        0x00120062: ("CS", b"YES "),
        0x00120063: ("LO", _padded(f"Dicomveil {PROFILE}".encode(), b" ")),
        0x00120064: ("SQ", [_method(code) for code in codes]),
        0x00280303: ("CS", b"REMOVED "),
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
