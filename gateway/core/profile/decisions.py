"""What a Plan answers (Decision), where (Place), and how an answer bends to the VR a value really comes in."""

import re
from dataclasses import dataclass

from gateway.core.profile.model import Action
from gateway.core.standard import dictionary

DATE_VRS = frozenset({"DA", "TM", "DT"})
TEXT_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
CLEANED_VRS = TEXT_VRS - {"CS"}
"""Text that can be cleaned: asterisks are no code (CS)."""
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
TIMEZONE = 0x00080201
"""Timezone Offset From UTC: not a date, but what dates mean depends on it; shifting leaves a valid one as it is."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to an attribute, and which rule says so.

    ``value`` is for REPLACE (None means the VR's dummy) and TRUNCATE_DATE (``month``; None: the year). ``deep``: a
    sequence whose items stay but hold dummies only. CLEAN is for text, and for ages, which it caps. ``always``: the
    value is also written where the object has no such attribute.
    """

    action: Action
    reason: str
    value: str | None = None
    deep: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data set stands, as far as any rule can tell places apart.

    ``anchored`` is the whole path of sequences from the root while a compound code may depend on it, else None;
    ``tail`` is the end of the path that could begin a path rule; ``deep`` is inside a sequence of dummies. ``content``:
    the items here are content items, each of which has a place of its own (``Plan.item_place``); ``letter`` is then
    what Table E.3.4-1 says about its value, and ``value_type`` says which attribute that is. ``icon``: it is an icon.
    ``age``: a number in the item here is an age of the subject, which is capped.
    """

    anchored: tuple[int, ...] | None = ()
    tail: tuple[int, ...] = ()
    deep: bool = False
    content: bool = False
    letter: str = ""
    value_type: str = ""
    icon: bool = False
    age: bool = False


ROOT = Place()

_CAUTION = (
    Action.KEEP,
    Action.CLEAN,
    Action.SHIFT_DATE,
    Action.TRUNCATE_DATE,
    Action.UID,
    Action.PSEUDONYM,
    Action.REPLACE,
    Action.EMPTY,
    Action.REMOVE,
)


def caution(decision: Decision) -> int:
    """Rank a decision: the higher, the less of the value is left."""
    return _CAUTION.index(Action.REPLACE if decision.deep else decision.action)


_FITTING = {
    Action.UID: frozenset({"UI", "UN"}),
    Action.SHIFT_DATE: DATE_VRS | {"UN"},
    Action.TRUNCATE_DATE: DATE_VRS | {"UN"},
    Action.PSEUDONYM: TEXT_VRS | {"UN"},
    Action.CLEAN: CLEANED_VRS | {"AS", "UN"},
}


def fit(decision: Decision, vr: str, tag: int = 0) -> Decision:
    """Adapt a decision to the VR that the value is encoded in, whatever the standard says it should be."""
    if decision.action is Action.SHIFT_DATE and tag == TIMEZONE and vr == "SH":
        return decision
    if decision.action is Action.REPLACE:
        if vr == "UI":
            return Decision(Action.UID, decision.reason)
        if (
            decision.value is not None
            and vr not in TEXT_VRS | DATE_VRS | {"AS", "UN"}
            and not _is_number(decision.value, vr)
        ):
            return Decision(Action.REPLACE, decision.reason)
    if vr in _FITTING.get(decision.action, (vr,)):
        return decision
    return Decision(Action.REMOVE, f"{decision.reason}; not possible in VR {vr}")


def _is_number(value: str, vr: str) -> bool:
    return vr in ("DS", "IS") and re.fullmatch(r"[+-]?\d+" if vr == "IS" else r"[+-]?\d+(\.\d+)?", value) is not None


_ALIKE = (
    frozenset({"LO", "LT", "SH", "ST", "UC", "UT"}),
    frozenset({"DS", "IS"}),
    frozenset({"FD", "FL"}),
    frozenset({"SL", "SS", "SV", "UL", "US", "UV"}),
    frozenset({"OB", "OD", "OF", "OL", "OV", "OW"}),
)
"""VRs that careless writers take for each other and that say no more than the right one."""


def _alike(known: str, vr: str) -> bool:
    return any(known in kind and vr in kind for kind in _ALIKE)


def guard(decision: Decision, tag: int, known: str | None, vr: str) -> Decision:
    """Tighten a KEEP or CLEAN when the encoded VR is not the one (``known``) the decision was made for."""
    if decision.action not in (Action.KEEP, Action.CLEAN) or vr == known:
        return decision
    if vr == "UI":
        return Decision(Action.UID, "UID (VR)")
    if vr == "PN":
        return Decision(Action.EMPTY, "person name (VR)")
    if known == "SQ" and vr not in ("SQ", "UN"):
        return Decision(Action.REMOVE, "a sequence in disguise")
    if known is not None and vr not in ("SQ", "UN", *dictionary.vrs_of(tag)) and not _alike(known, vr):
        return Decision(Action.REMOVE, f"VR {vr} where the standard has {known}")
    return decision


HIDDEN = Decision(Action.REMOVE, "shows pixels where no mask reaches them")
ENCAPSULATED_DOCUMENT = 0x00420011
_PIXEL_GROUP = 0x7FE0
ICONS = 0x00880200
_PICTURES = frozenset({ICONS, 0x00287FE0, ENCAPSULATED_DOCUMENT})
"""Icon Image Sequence, Pixel Data Provider URL, Encapsulated Document."""


def shows_pixels(tag: int, place: Place) -> bool:
    """Say whether an attribute shows the pixels of an object where no mask reaches them and no search looks.

    That is also pixel data in items (of an icon), overlays and curves, and retired variable pixel data.
    """
    is_graphic = tag >> 24 in (0x50, 0x60) and (tag >> 16) % 2 == 0
    return is_graphic or tag in _PICTURES or holds_pixels(tag, place)


def holds_pixels(tag: int, place: Place) -> bool:
    """Say whether an attribute is a picture besides the one that is judged: in items, or variable pixel data.

    Icons are another matter: a profile that keeps them names them.
    """
    if tag in PIXEL_DATA:
        return place != ROOT and not place.icon
    return tag >> 24 == 0x7F and (tag >> 16) % 2 == 0 and tag >> 16 != _PIXEL_GROUP


def is_offset_table(tag: int) -> bool:
    """Say whether an attribute says where frames are, which is elsewhere once they are masked."""
    return tag >> 16 == _PIXEL_GROUP and tag not in PIXEL_DATA
