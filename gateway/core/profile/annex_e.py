"""What PS3.15 Annex E says of an attribute, with the options that are on and for one IOD: no details of a profile.

Where options disagree, C wins over K; dates follow the date option, whatever other option would keep them.
"""

from collections.abc import Mapping

from gateway.core.profile import items
from gateway.core.profile.decisions import CLEANED_VRS, DATE_VRS, TEXT_VRS, TIMEZONE, Decision, Place, guard
from gateway.core.profile.model import LETTERS, Action
from gateway.core.standard import dictionary, ps315
from gateway.core.standard.private import SAFE_PRIVATE
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import is_private

WALKED = frozenset({0x0040A730, 0x00700001, 0x0040B020})
"""Content, Graphic Annotation and Waveform Annotation Sequence: code D keeps the tree, its concepts and numbers, and
every leaf that can hold text, a name, a date or a UID has a rule of its own. Other D sequences become dummies whole."""
ANNOTATION_GROUP_UID, ANNOTATION_TEXT = 0x006A0003, 0x00700006
GRAPHIC_CODES = frozenset({0x0020, 0x0040, 0x1001})
"""Type of Data, Overlay Type, Curve and Overlay Activation Layer: what graphics need; their other codes are retired."""
DUMMIES = {TIMEZONE: "+0000"}
"""Dummies where that of the VR would not parse."""
DATE_OPTIONS = (Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES)
SHARED_DATES = frozenset(
    {
        *(0x00080106, 0x00080107, 0x0040DB06, 0x0040DB07),  # versions of context groups and templates
        *(0x00120086, 0x00120087),  # approval of a trial
        *(0x0014407E, 0x00181200, 0x00181202, 0x00181203, 0x00181204, 0x00181205),  # devices
        *(0x0018700C, 0x0044000B, 0x00686226, 0x00686270, 0x0072000A, 0x300A022C),  # detectors, products, implants
    }
)
"""Dates that are the same in objects of many patients, the first of them published with the standard. Whoever knows
one, or one patient, would read off how far all dates of another have moved: so they go as if no dates were kept."""
CLEANING = frozenset(
    {
        Option.RETAIN_SAFE_PRIVATE,
        Option.RETAIN_DEVICE_IDENTITY,
        Option.RETAIN_PATIENT_CHARACTERISTICS,
        Option.CLEAN_DESCRIPTORS,
        Option.CLEAN_STRUCTURED_CONTENT,
        Option.CLEAN_GRAPHICS,
    }
)
"""The options under which some text is cleaned."""


class AnnexE:
    """The decisions of the standard, and ours on what it does not list."""

    def __init__(self, options: frozenset[Option], iod: str | None) -> None:
        self.options = options
        self.iod = iod
        self.date_option = next((option for option in DATE_OPTIONS if option in options), None)

    def decide(self, tag: int, known: str | None, vr: str, place: Place) -> Decision:
        """Decide about an attribute that is encoded in ``vr`` and is of ``known`` in the dictionary, if it is there."""
        if is_private(tag):
            return Decision(Action.REMOVE, "private (E.1-1)")
        if known is None:
            return Decision(Action.REMOVE, "unlisted: unknown")
        decision = items.decide(tag, place.letter, place.value_type) or self._graphics(tag, known)
        return guard(decision or self._listed(tag, known, place) or self._unlisted(tag), tag, known, vr)

    def safe(self, creator: str, tag: int, vr: str) -> Decision | None:
        """Decide by Table E.3.10-1."""
        row = SAFE_PRIVATE.get((creator, tag))
        if row is None or Option.RETAIN_SAFE_PRIVATE not in self.options:
            return None
        if row.letter == "X":
            return Decision(Action.REMOVE, "E.3.10-1, but disputed or without a VR")
        if row.letter == "U":
            return self.mapped("E.3.10-1: a UID")
        return guard(Decision(LETTERS[row.letter], f"E.3.10-1 {row.letter}"), tag, row.vr, vr)

    def _graphics(self, tag: int, known: str) -> Decision | None:
        """Decide about overlays and curves under the Clean Graphics Option: text, and what is spoken, goes."""
        if Option.CLEAN_GRAPHICS not in self.options:
            return None
        if tag == ANNOTATION_TEXT:
            return Decision(Action.CLEAN, "E.1-1 C (clean_graphics)")
        if tag >> 24 not in (0x50, 0x60):
            return None
        spoken = tag >> 24 == 0x50 and tag & 0xFF00 == 0x2000
        if spoken or (known in TEXT_VRS and tag & 0xFFFF not in GRAPHIC_CODES):
            return Decision(Action.REMOVE, "E.1-1 C (clean_graphics): text and sound of graphics")
        return Decision(Action.KEEP, "E.1-1 C (clean_graphics): graphics without text")

    def _listed(self, tag: int, known: str, place: Place) -> Decision | None:
        entry = ps315.entry(tag)
        if entry is None:
            return None
        if tag == ANNOTATION_GROUP_UID:
            return self.settled("U", tag, place, "E.1-1 (U for D: other objects refer to it)")
        letters = {option: entry.options[option] for option in self.options if option in entry.options}
        if known in DATE_VRS and self.date_option is None:
            letters = {}  # an option that keeps a device or a person does not keep its dates
        if tag in SHARED_DATES and self.date_option is Option.RETAIN_LONGITUDINAL_MODIFIED_DATES:
            return self.settled(entry.basic, tag, place, f"E.1-1 {entry.basic} (moved, it would tell how far)")
        if not letters:
            return self.settled(entry.basic, tag, place, f"E.1-1 {entry.basic}")
        names = ", ".join(sorted(option.value for option in letters))
        if "C" not in letters.values():
            if known == "AS":
                return Decision(Action.CLEAN, f"E.1-1 K ({names}), the oldest as one")
            return Decision(Action.KEEP, f"E.1-1 K ({names})")
        action = _cleaned(tag, known, letters)
        if action is None:
            return self.settled(entry.basic, tag, place, f"E.1-1 {entry.basic} ({names} C: not text, nor a date)")
        return Decision(action, f"E.1-1 C ({names})")

    def settled(self, code: str, tag: int, place: Place, reason: str) -> Decision:
        """Carry out an action code of the table, settled by the Type of the attribute at this place."""
        path = place.anchored
        letter = ps315.settle(tag, path, code, self.iod) if path is not None else code[0]
        settled = reason if letter == code else f"{reason} -> {letter}"
        vr = dictionary.vr_of(tag)
        if letter == "U" and Option.RETAIN_UIDS in self.options:
            return Decision(Action.KEEP, settled)
        if vr == "SQ" and letter == "U":
            return Decision(Action.KEEP, settled)
        if vr == "SQ" and letter == "D":
            return Decision(Action.KEEP, settled, deep=tag not in WALKED)
        return Decision(LETTERS[letter], settled, DUMMIES.get(tag) if letter == "D" else None)

    def _unlisted(self, tag: int) -> Decision:
        letter = ps315.unlisted_letter(tag)
        if letter is None:
            return Decision(Action.KEEP, "unlisted: standard")
        if letter == "T":
            return self.dated("unlisted date")
        if letter == "U" and Option.RETAIN_UIDS in self.options:
            return Decision(Action.KEEP, "unlisted UID (retain_uids)")
        if tag in ps315.UNLISTED_DESCRIPTORS and Option.CLEAN_DESCRIPTORS in self.options:
            return Decision(Action.CLEAN, "not in E.1-1, reviewed: C (clean_descriptors)")
        return Decision(LETTERS[letter], f"not in E.1-1, reviewed: {letter}")

    def dated(self, reason: str) -> Decision:
        """Do with a date as the date option says; without one it goes."""
        full = self.date_option is Option.RETAIN_LONGITUDINAL_FULL_DATES
        action = Action.REMOVE if self.date_option is None else Action.KEEP if full else Action.SHIFT_DATE
        return Decision(action, f"{reason}: follows the date option")

    def mapped(self, reason: str) -> Decision:
        """Do with a UID as Retain UIDs says."""
        return Decision(Action.KEEP if Option.RETAIN_UIDS in self.options else Action.UID, reason)


def _cleaned(tag: int, vr: str, letters: Mapping[Option, str]) -> Action | None:
    """Say what C does to a value; None where nothing can be cleaned, since it is neither text nor date nor items."""
    if vr in DATE_VRS or tag == TIMEZONE:
        return Action.SHIFT_DATE
    if vr == "SQ":
        return Action.KEEP
    by_text = any(letter == "C" and option not in DATE_OPTIONS for option, letter in letters.items())
    return Action.CLEAN if by_text and vr in CLEANED_VRS else None
