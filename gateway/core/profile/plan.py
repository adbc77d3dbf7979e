"""Compile a Profile for one IOD into a Plan: for any attribute at any place, the one decision about its value.

Order of the rules, first match wins: what the engine sets itself; the profile's details (longest path first, then exact
tag, then mask); PS3.15 Table E.1-1 with the options that are on; our decisions on attributes the table does not list;
private; unknown; anything else of the standard.
"""

import re
from dataclasses import dataclass

from gateway.core.profile.model import LETTERS, Action, Profile, Rule
from gateway.core.standard import dictionary, iods, ps315
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import format_tag, is_private

DATE_VRS = frozenset({"DA", "TM", "DT"})
TEXT_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
WALKED = frozenset({0x0040A730, 0x00700001})
"""Content Sequence and Graphic Annotation Sequence: code D keeps the tree, its concepts and numbers, and every leaf
that can hold text, a name, a date or a UID has a rule of its own. Any other D sequence becomes dummies throughout."""
ANNOTATION_GROUP_UID = 0x006A0003
METHOD, METHOD_CODES, IDENTITY_REMOVED, TEMPORAL = 0x00120063, 0x00120064, 0x00120062, 0x00280303
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
TEXT_IODS = (
    "ultrasound",
    "secondary-capture",
    "vl-",
    "video-",
    "photography",
    "encapsulated",
    "enhanced-us",
    "endoscop",
)
"""Parts of the names of IODs whose pictures commonly carry burned-in text."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to an attribute, and which rule says so. ``value`` is for REPLACE: None means the VR's dummy.

    ``deep``: a sequence whose items stay but hold dummies only.
    """

    action: Action
    reason: str
    value: str | None = None
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data set stands, as far as any rule can tell places apart.

    ``anchored`` is the whole path of sequences from the root while a compound code may depend on it, else None;
    ``tail`` is the end of the path that could begin a path rule; ``deep`` is inside a sequence of dummies.
    """

    anchored: tuple[int, ...] | None = ()
    tail: tuple[int, ...] = ()
    deep: bool = False


ROOT = Place()


class Plan:
    """The decisions of one profile for the objects of one IOD (None: unknown)."""

    def __init__(self, profile: Profile, iod: str | None) -> None:
        self.profile = profile
        self.iod = iod
        self._exact: dict[tuple[int, ...], Rule] = {}
        self._masks: list[Rule] = []
        self._private: dict[tuple[str, int], Rule] = {}
        for rule in profile.rules:
            if rule.selector.creator is not None:
                self._private[rule.selector.creator, rule.selector.tag] = rule
            elif rule.selector.mask is not None:
                self._masks.append(rule)
            else:
                self._exact[(*rule.selector.path, rule.selector.tag)] = rule
        self.private_groups = frozenset((creator, tag >> 16) for creator, tag in self._private)
        paths = ps315.overridden_paths(iod) if iod else frozenset()
        self._anchors = frozenset(path[: n + 1] for path in paths for n in range(len(path)))
        self._prefixes = frozenset(key[: n + 1] for key in self._exact for n in range(len(key) - 1))
        self._dates = next(
            (
                o
                for o in (Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES)
                if o in profile.options
            ),
            None,
        )

    @property
    def longitudinal(self) -> str:
        """Value of Longitudinal Temporal Information Modified (0028,0303): never stronger than the truth."""
        kept = any(
            rule.action is Action.KEEP and dictionary.vr_of(rule.selector.tag) in DATE_VRS
            for rule in self.profile.rules
        )
        if kept or self._dates is Option.RETAIN_LONGITUDINAL_FULL_DATES:
            return "UNMODIFIED"
        moved = any(
            rule.action in (Action.SHIFT_DATE, Action.TRUNCATE_DATE, Action.CLEAN) for rule in self.profile.rules
        )
        return "MODIFIED" if moved or self._dates else "REMOVED"

    @property
    def method(self) -> str:
        """Text for De-identification Method (0012,0063), LO."""
        return f"Dicomveil {self.profile.name}"

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Code Value and Code Meaning (CID 7050) of the basic profile and each option that is on."""
        options = sorted(self.profile.options, key=lambda option: option.code)
        return (
            (ps315.BASIC_PROFILE_CODE, ps315.BASIC_PROFILE_MEANING),
            *((option.code, option.meaning) for option in options),
        )

    def inside(self, place: Place, sequence: int, *, deep: bool) -> Place:
        """Return the place of the items of a sequence that stands at ``place``."""
        anchored = None if place.anchored is None else (*place.anchored, sequence)
        if anchored not in self._anchors:
            anchored = None
        path = (*place.tail, sequence)
        tail = next((path[n:] for n in range(len(path)) if path[n:] in self._prefixes), ())
        return Place(anchored, tail, deep or place.deep)

    def decide(self, tag: int, vr: str, place: Place = ROOT) -> Decision:
        """Decide about one attribute as it is encoded (``vr``; UN and implicit VR: the dictionary's is meant too)."""
        return _fit(self._decide(tag, vr, place), vr)

    def _decide(self, tag: int, vr: str, place: Place) -> Decision:
        fixed = _fixed(tag, place)
        if fixed:
            return fixed
        known = dictionary.vr_of(tag)
        if place.deep and known is not None:
            return _hollow(tag, known, vr)
        rule = self._rule(tag, place)
        if rule is not None:
            return self._ruled(rule, tag, known or vr, place)
        if is_private(tag):
            return Decision(Action.REMOVE, "private (E.1-1)")
        if known is None:
            return Decision(Action.REMOVE, "unlisted: unknown")
        return _guard(self._listed(tag, place) or self._unlisted(tag), tag, known, vr)

    def private_rule(self, creator: str, tag: int, vr: str) -> Decision:
        """Decide about an element of a private block; ``tag`` is ``gggg00ee``."""
        rule = self._private.get((creator, tag))
        if rule is None:
            return Decision(Action.REMOVE, "private (E.1-1)")
        meant = vr if vr != "UN" else dictionary.private_vr(tag, creator)
        if meant is None or meant == "SQ":
            return Decision(Action.REMOVE, "private items, or what may be items: not walked")
        if meant == "UI" and rule.action is Action.KEEP and Option.RETAIN_UIDS not in self.profile.options:
            return Decision(Action.UID, f"UID (VR) under {rule.where}")
        return _fit(Decision(rule.action or Action.REMOVE, rule.where, rule.value), vr)

    def refuses(self, sop_class: str, burned_in: str = "") -> str | None:
        """Say why an object of a SOP Class, with its Burned In Annotation, does not pass this profile, or None."""
        if sop_class == MEDIA_DIRECTORY:
            return "a media directory (DICOMDIR) is not an instance"
        if self.profile.images_only and not iods.is_image(sop_class):
            return "the profile lets only images and clips pass"
        if self.profile.apply_masks and (burned_in == "YES" or _may_show_text(sop_class)):
            return "the profile applies masks and no mask rule is for this object"
        return None

    def _rule(self, tag: int, place: Place) -> Rule | None:
        for n in range(len(place.tail) + 1):
            rule = self._exact.get((*place.tail[n:], tag))
            if rule:
                return rule
        return next((rule for rule in self._masks if rule.selector.mask and rule.selector.mask.matches(tag)), None)

    def _ruled(self, rule: Rule, tag: int, vr: str, place: Place) -> Decision:
        if rule.action is None:
            return self._settled(rule.code or "X", tag, place, rule.where)
        if rule.action is Action.CLEAN:
            return Decision(Action.SHIFT_DATE, rule.where)
        if rule.action is Action.REPLACE and vr == "SQ":
            return Decision(Action.KEEP, rule.where, deep=True)
        if rule.action is Action.REPLACE and vr == "UI":
            return Decision(Action.UID, rule.where)
        return Decision(rule.action, rule.where, rule.value)

    def _listed(self, tag: int, place: Place) -> Decision | None:
        entry = ps315.entry(tag)
        if entry is None:
            return None
        if tag == ANNOTATION_GROUP_UID:
            return self._settled("U", tag, place, "E.1-1 (U for D: other objects refer to it)")
        letters = {option: entry.options[option] for option in self.profile.options if option in entry.options}
        if entry.vr in DATE_VRS and self._dates is None:
            letters = {}  # an option that keeps a device or a person does not keep its dates
        if not letters:
            return self._settled(entry.basic, tag, place, f"E.1-1 {entry.basic}")
        names = ", ".join(sorted(option.value for option in letters))
        if "C" in letters.values():
            if entry.vr in DATE_VRS:
                return Decision(Action.SHIFT_DATE, f"E.1-1 C ({names})")
            return self._settled(entry.basic, tag, place, f"E.1-1 {entry.basic} ({names} C: text is not cleaned yet)")
        return Decision(Action.KEEP, f"E.1-1 K ({names})")

    def _settled(self, code: str, tag: int, place: Place, reason: str) -> Decision:
        path = place.anchored
        letter = ps315.settle(tag, path, code, self.iod) if path is not None else code[0]
        settled = reason if letter == code else f"{reason} -> {letter}"
        vr = dictionary.vr_of(tag)
        if letter == "U" and Option.RETAIN_UIDS in self.profile.options:
            return Decision(Action.KEEP, settled)
        if vr == "SQ" and letter == "U":
            return Decision(Action.KEEP, settled)
        if vr == "SQ" and letter == "D":
            return Decision(Action.KEEP, settled, deep=tag not in WALKED)
        return Decision(LETTERS[letter], settled)

    def _unlisted(self, tag: int) -> Decision:
        letter = ps315.unlisted_letter(tag)
        if letter is None:
            return Decision(Action.KEEP, "unlisted: standard")
        if letter == "T":
            full = self._dates is Option.RETAIN_LONGITUDINAL_FULL_DATES
            action = Action.REMOVE if self._dates is None else Action.KEEP if full else Action.SHIFT_DATE
            return Decision(action, "unlisted date: follows the date option")
        if letter == "U" and Option.RETAIN_UIDS in self.profile.options:
            return Decision(Action.KEEP, "unlisted UID (retain_uids)")
        return Decision(LETTERS[letter], f"not in E.1-1, reviewed: {letter}")


def _fixed(tag: int, place: Place) -> Decision | None:
    """Decide what no profile may: structure, groups that don't belong into a data set, what the engine inserts."""
    group = tag >> 16
    if group in (0x0000, 0x0002, 0x0004) or tag & 0xFFFF == 0:
        return Decision(Action.REMOVE, "not part of a data set (PS3.15 Annex E)")
    if tag in (0xFFFCFFFC, 0xFFFAFFFA, 0x00080300):
        return Decision(Action.REMOVE, "padding, signatures and statements about private elements go (PS3.15 Annex E)")
    if tag in (IDENTITY_REMOVED, METHOD, METHOD_CODES, TEMPORAL) and place == ROOT:
        return Decision(Action.REMOVE, "written anew by the engine")
    if tag in (METHOD, METHOD_CODES):
        return Decision(Action.REMOVE, "text of an earlier pass")
    return None


def _hollow(tag: int, known: str, vr: str) -> Decision:
    """Decide inside a sequence of dummies (D): it keeps its shape, so that its IOD holds, and nothing else."""
    reason = "inside a sequence of dummies (D)"
    if tag >> 24 in (0x50, 0x60):
        return Decision(Action.REMOVE, "graphics go (E.1-1)")
    if "SQ" in (known, vr):
        return _guard(Decision(Action.KEEP, reason, deep=True), tag, known, vr)
    return Decision(Action.UID if "UI" in (known, vr) else Action.REPLACE, reason)


def _may_show_text(sop_class: str) -> bool:
    iod = iods.iod_of(sop_class)
    return iod is None or any(part in iod for part in TEXT_IODS)


_FITTING = {
    Action.UID: frozenset({"UI", "UN"}),
    Action.SHIFT_DATE: DATE_VRS | {"UN"},
    Action.TRUNCATE_DATE: DATE_VRS | {"UN"},
    Action.PSEUDONYM: TEXT_VRS | {"UN"},
}


def _fit(decision: Decision, vr: str) -> Decision:
    """Adapt a decision to the VR that the value is encoded in, whatever the standard says it should be."""
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


def _alike(tag: int, known: str, vr: str) -> bool:
    return vr in dictionary.vrs_of(tag) or any(known in kind and vr in kind for kind in _ALIKE)


def _guard(decision: Decision, tag: int, known: str | None, vr: str) -> Decision:
    """Tighten a KEEP when the encoded VR is not the one the decision was made for."""
    if decision.action is not Action.KEEP or vr == known:
        return decision
    if vr == "UI":
        return Decision(Action.UID, "UID (VR)")
    if vr == "PN":
        return Decision(Action.EMPTY, "person name (VR)")
    if known == "SQ" and vr not in ("SQ", "UN"):
        return Decision(Action.REMOVE, "a sequence in disguise")
    if known is not None and vr not in ("SQ", "UN") and not _alike(tag, known, vr):
        return Decision(Action.REMOVE, f"VR {vr} where the standard has {known}")
    return decision


def explain_attribute(profile: Profile, tag: int, sop_class: str | None = None) -> str:
    """Say in one line what happens to an attribute and which rule decides."""
    plan = Plan(profile, iods.iod_of(sop_class) if sop_class else None)
    decision = plan.decide(tag, dictionary.vr_of(tag) or "UN")
    value = "" if decision.value is None else f" {decision.value!r}"
    deep = " (items stay, filled with dummies)" if decision.deep else ""
    name = dictionary.keyword_of(tag) or "unknown"
    return f"{format_tag(tag)} {name}: {decision.action.value}{value}{deep}; {decision.reason}"


def explain_profile(profile: Profile, sop_class: str | None = None) -> str:
    """Say what happens to every attribute that Table E.1-1 or the profile names, a line each."""
    plain = [rule for rule in profile.rules if rule.selector.creator is None and rule.selector.mask is None]
    tags = {rule.selector.tag for rule in plain} | set(ps315.ENTRIES)
    lines = [explain_attribute(profile, tag, sop_class) for tag in sorted(tags)]
    lines += [f"{rule.where}: {_action_of(rule)}" for rule in profile.rules if rule not in plain]
    lines += ["private, unknown: remove", "other attributes of the standard: keep, unless they can identify"]
    return "\n".join(lines)


def _action_of(rule: Rule) -> str:
    return rule.action.value if rule.action else str(rule.code)
