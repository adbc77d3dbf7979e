"""PS3.15 Annex E: the attributes of Table E.1-1, its options, and what a compound code settles to.

The tables are generated literals; nothing is read at run time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Final

from gateway.core.standard import _compound_table, _ps315_table, _unlisted_table
from gateway.core.standard.tags import TagMask, is_private, parse_mask

EDITION: Final = "2026d"


class Option(Enum):
    """The options of Annex E; the value is the name in a profile.

    In the order of the letters in the generated table; the last two act on pixels and have no column there.
    """

    RETAIN_SAFE_PRIVATE = "retain_safe_private"
    RETAIN_UIDS = "retain_uids"
    RETAIN_DEVICE_IDENTITY = "retain_device_identity"
    RETAIN_INSTITUTION_IDENTITY = "retain_institution_identity"
    RETAIN_PATIENT_CHARACTERISTICS = "retain_patient_characteristics"
    RETAIN_LONGITUDINAL_FULL_DATES = "retain_longitudinal_full_dates"
    RETAIN_LONGITUDINAL_MODIFIED_DATES = "retain_longitudinal_modified_dates"
    CLEAN_DESCRIPTORS = "clean_descriptors"
    CLEAN_STRUCTURED_CONTENT = "clean_structured_content"
    CLEAN_GRAPHICS = "clean_graphics"
    CLEAN_PIXEL_DATA = "clean_pixel_data"
    CLEAN_RECOGNIZABLE_VISUAL_FEATURES = "clean_recognizable_visual_features"

    @property
    def code(self) -> str:
        """The code value in PS3.16 CID 7050."""
        return _CID_7050[self][0]

    @property
    def meaning(self) -> str:
        """The code meaning in PS3.16 CID 7050."""
        return _CID_7050[self][1]


_CID_7050 = {
    Option.CLEAN_PIXEL_DATA: ("113101", "Clean Pixel Data Option"),
    Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: ("113102", "Clean Recognizable Visual Features Option"),
    Option.CLEAN_GRAPHICS: ("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: ("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: ("113105", "Clean Descriptors Option"),
    Option.RETAIN_LONGITUDINAL_FULL_DATES: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES: (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    Option.RETAIN_PATIENT_CHARACTERISTICS: ("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: ("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: ("113112", "Retain Institution Identity Option"),
}
CODING_SCHEME: Final = "DCM"
BASIC_PROFILE_CODE: Final = "113100"
BASIC_PROFILE_MEANING: Final = "Basic Application Confidentiality Profile"
# Options that have a column in Table E.1-1.
TABLE_OPTIONS: Final = tuple(Option)[:10]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of Table E.1-1.

    ``tag`` of a repeating group is its lowest, of the row for all private attributes it is 0. ``keyword`` and ``vr``
    are None where the row covers attributes of many kinds; a VR with a choice is printed as in PS3.6 ("OB or OW").
    """

    tag: int
    name: str
    keyword: str | None
    vr: str | None
    basic: str
    options: Mapping[Option, str]


@cache
def _options(letters: str) -> Mapping[Option, str]:
    return MappingProxyType(
        {option: letter for option, letter in zip(TABLE_OPTIONS, letters, strict=True) if letter != "."}
    )


def _entry(tag: int, name: str, keyword: str, vr: str, basic: str, letters: str) -> Entry:
    return Entry(tag, name, keyword or None, vr or None, basic, _options(letters))


ENTRIES: Final[Mapping[int, Entry]] = MappingProxyType({row[0]: _entry(*row) for row in _ps315_table.EXACT})
# Curve Data, Overlay Data, Overlay Comments.
MASKS: Final[tuple[tuple[TagMask, Entry], ...]] = tuple(
    (mask, _entry(mask.value, *rest)) for mask, rest in ((parse_mask(text), rest) for text, *rest in _ps315_table.MASKS)
)
PRIVATE: Final = _entry(0, *_ps315_table.PRIVATE)


def entry(tag: int) -> Entry | None:
    """Find the row that covers a tag: its own, its repeating group's, or the one of all private attributes."""
    if is_private(tag):
        return PRIVATE
    own = ENTRIES.get(tag)
    if own is not None:
        return own
    return next((row for mask, row in MASKS if mask.matches(tag)), None)


_UNLISTED_MASKS = tuple((parse_mask(text), letter) for text, letter in _unlisted_table.MASKS)


def unlisted_letter(tag: int) -> str | None:
    """Give the reviewed letter of an attribute that can identify though Table E.1-1 does not list it.

    K keep, X remove, Z empty, D dummy, U map the UID, T do as the date option says (without one: remove). None: the
    attribute is in the table, is private, or is of a kind that cannot identify.
    """
    if entry(tag) is not None:
        return None
    letter = _unlisted_table.LETTERS.get(tag)
    if letter is not None:
        return letter
    return next((letter for mask, letter in _UNLISTED_MASKS if mask.matches(tag)), None)


UNLISTED_DESCRIPTORS = frozenset(_unlisted_table.DESCRIPTORS)
"""Those of them that describe what is seen, planned or done, as the descriptors in Table E.1-1 do (Section E.3.5)."""

_Path = tuple[int, ...]
_IOD_SETS = tuple(frozenset(iods.split()) for iods in _compound_table.IOD_SETS)
# The letter that keeps most of the attribute wins, should two rows ever hold.
_DEMAND = {"X": 0, "Z": 1, "U": 2, "D": 2}


@cache
def _compound() -> Mapping[tuple[int, _Path], tuple[tuple[str, frozenset[str]], ...]]:
    found: dict[tuple[int, _Path], tuple[tuple[str, frozenset[str]], ...]] = {}
    for tag, path, letter, index in _compound_table.ROWS:
        found[tag, path] = (*found.get((tag, path), ()), (letter, _IOD_SETS[index]))
    return found


def settle(tag: int, path: Sequence[int], code: str, iod: str | None) -> str:
    """Settle an action code to one letter by the attribute's Type where it stands (PS3.15 Section E.1.1).

    ``path`` holds the tags of the enclosing sequences, outermost first. With Type 3, or where nothing is known of the
    place, the first letter of the code holds. A plain X gives way where the attribute is Type 1 all the same: the IOD
    wins over the letter.
    """
    rows = _compound().get((tag, tuple(path)), ())
    letters = [letter for letter, iods in rows if iod in iods]
    return max(letters, key=_DEMAND.__getitem__, default=code[0])


@cache
def overridden_paths(iod: str | None) -> frozenset[_Path]:
    """Collect the places inside sequences where a compound code may settle otherwise than its first letter."""
    return frozenset(path for _, path, _, index in _compound_table.ROWS if path and iod in _IOD_SETS[index])
