"""Compile a Profile for one IOD into a Plan: for any attribute at any place, the one decision about its value.

Order of the rules, first match wins: what the engine sets itself; the profile's details, the most specific first; what
Table E.3.4-1 says of a content item; PS3.15 Table E.1-1 with the options that are on; our decisions on attributes the
table does not list; private; unknown; anything else of the standard.
"""

from collections.abc import Iterator
from dataclasses import replace

from gateway.core.mask.model import Policy
from gateway.core.profile import items
from gateway.core.profile.annex_e import CLEANING, AnnexE
from gateway.core.profile.decisions import (
    DATE_VRS,
    ENCAPSULATED_DOCUMENT,
    HIDDEN,
    ICONS,
    ROOT,
    TEXT_VRS,
    Decision,
    Place,
    caution,
    fit,
    guard,
    holds_pixels,
    is_offset_table,
    shows_pixels,
)
from gateway.core.profile.model import Action, Profile, Rule
from gateway.core.profile.rulebook import RuleBook
from gateway.core.standard import dictionary, iods, ps315
from gateway.core.standard.private import SAFE_BLOCKS
from gateway.core.standard.ps315 import Option

__all__ = [
    "DATE_VRS",
    "IDENTITY_REMOVED",
    "MEDIA_DIRECTORY",
    "METHOD",
    "METHOD_CODES",
    "ROOT",
    "TEMPORAL",
    "TEXT_VRS",
    "Decision",
    "Place",
    "Plan",
]

METHOD, METHOD_CODES, IDENTITY_REMOVED, TEMPORAL = 0x00120063, 0x00120064, 0x00120062, 0x00280303
CHARACTER_SET = 0x00080005
_OF_REPORTS = frozenset({Option.CLEAN_STRUCTURED_CONTENT, Option.RETAIN_PATIENT_CHARACTERISTICS})
"""The options under which it matters what a content item is about."""
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
PHOTOMETRIC, BURNED_IN = 0x00280004, 0x00280301


class Plan:
    """The decisions of one profile for the objects of one IOD (None: unknown).

    ``active`` says which of the profile's conditions hold (``Profile.active``). None: not known, as in a search, and
    then the most cautious of what may hold is decided. ``is_masked``: pixels of the object are overwritten, so nothing
    stays that shows them elsewhere; ``photometric`` is what it says of them then, if something else than before.
    ``is_clean``: the object says that its pixels are free of text, so nothing stays that nobody looked at.
    """

    def __init__(
        self,
        profile: Profile,
        iod: str | None,
        active: frozenset[int] | None = None,
        *,
        is_masked: bool = False,
        is_clean: bool = False,
        photometric: str = "",
    ) -> None:
        self.profile = profile
        self.iod = iod
        self.active = active
        self.is_masked = is_masked
        self.is_clean = is_clean
        self._photometric = photometric if is_masked else ""
        self._is_no_document = profile.masks is not None and not (iod or "").startswith("encapsulated-")
        self._judges_pixels = profile.masks is not None and profile.masks.policy is not Policy.ALLOW
        met = {profile.whens[index] for index in active or ()}
        self._rules = RuleBook(rule for rule in profile.rules if not rule.when or rule.when in met)
        self._possible = RuleBook(rule for rule in profile.rules if rule.when and active is None)
        self._standard = AnnexE(profile.options, iod)
        safe = SAFE_BLOCKS if Option.RETAIN_SAFE_PRIVATE in profile.options else frozenset()
        self.private_groups = self._rules.private_groups | self._possible.private_groups | safe
        paths = ps315.overridden_paths(iod) if iod else frozenset()
        self._anchors = frozenset(path[: n + 1] for path in paths for n in range(len(path)))
        self._prefixes = self._rules.prefixes | self._possible.prefixes
        self.always = tuple(self._always())
        self.cleans = self._cleans()

    def _always(self) -> Iterator[tuple[int, str, str]]:
        """Yield tag, VR and value of what every object says at its root, whether it said anything there or not."""
        if self.is_clean:
            yield BURNED_IN, "CS", "NO"
        for tag in sorted({rule.selector.tag for rule in self._rules.rules if rule.always}):
            if tag == BURNED_IN and self.is_clean:
                continue
            vr = dictionary.vr_of(tag) or "UN"
            decision = self.decide(tag, vr)
            if decision.always:
                yield tag, vr, decision.value or ""

    @property
    def longitudinal(self) -> str:
        """Value of Longitudinal Temporal Information Modified (0028,0303): never stronger than the truth."""
        rules = (*self._rules.rules, *self._possible.rules)
        done = {rule.action for rule in rules if _may_be_date(rule)}
        option = self._standard.date_option
        if option is Option.RETAIN_LONGITUDINAL_FULL_DATES or Action.KEEP in done:
            return "UNMODIFIED"
        moved = option or done & {Action.SHIFT_DATE, Action.TRUNCATE_DATE, Action.CLEAN}
        return "MODIFIED" if moved else "REMOVED"

    def _cleans(self) -> bool:
        """Say whether some text may be cleaned, so that the subject must be known before the first byte."""
        rules = (*self._rules.rules, *self._possible.rules)
        asked = any(rule.action is Action.CLEAN and not _may_be_date(rule) for rule in rules)
        return asked or not CLEANING.isdisjoint(self.profile.options)

    @property
    def method(self) -> str:
        """Text for De-identification Method (0012,0063), LO."""
        return f"Dicomveil {self.profile.name}"

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Code Value and Code Meaning (CID 7050) of the basic profile and each option that is true of the object."""
        pixels = {Option.CLEAN_PIXEL_DATA}
        options = sorted(
            self.profile.options | pixels if self.is_clean else self.profile.options - pixels,
            key=lambda option: option.code,
        )
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
        deep = deep or place.deep
        content = sequence in items.SEQUENCES and not deep and not _OF_REPORTS.isdisjoint(self.profile.options)
        age = place.age and sequence == items.MEASURED and not deep
        return self._ageing(Place(anchored, tail, deep, content, icon=sequence == ICONS), age=age)

    def _ageing(self, place: Place, *, age: bool) -> Place:
        """Return a place where an age is capped, unless a detail says what becomes of its number."""
        decides = age and not any(self._rules.matching(items.NUMERIC, "DS", place))
        return replace(place, age=True) if decides else place

    def item_place(self, place: Place, concept: tuple[str, str], value_type: str) -> Place | None:
        """Return the place of one content item, or None when the item goes (PS3.15 Table E.3.4-1).

        ``place`` has ``content``; ``concept`` is the Coding Scheme Designator and Code Value of its concept name.
        """
        age = items.is_age(concept)
        if Option.CLEAN_STRUCTURED_CONTENT not in self.profile.options:
            return self._ageing(Place(place.anchored, place.tail), age=age)
        letter = items.letter(self.profile.options, concept, value_type)
        if letter == "X":
            return None
        known_type = value_type if value_type in items.OF_TYPE else ""
        return self._ageing(Place(place.anchored, place.tail, letter=letter, value_type=known_type), age=age)

    def decide(self, tag: int, vr: str, place: Place = ROOT) -> Decision:
        """Decide about one attribute as it is encoded (``vr``; UN and implicit VR: the dictionary's is meant too)."""
        return fit(self._decide(tag, vr, place), vr, tag)

    def _decide(self, tag: int, vr: str, place: Place) -> Decision:
        fixed = _fixed(tag, place) or self._of_pixels(tag, place)
        if fixed:
            return fixed
        known = dictionary.vr_of(tag)
        if place.deep and known is not None:
            return _hollow(tag, known, vr)
        rule = next(iter(self._rules.matching(tag, known, place)), None)
        decision = self._ruled(rule, tag, known, vr, place) if rule else self._standard.decide(tag, known, vr, place)
        possible = [self._ruled(rule, tag, known, vr, place) for rule in self._possible.matching(tag, known, place)]
        return max(decision, *possible, key=caution) if possible else decision

    def _of_pixels(self, tag: int, place: Place) -> Decision | None:
        """Decide what depends on what happens to the pixels of an object."""
        if tag == PHOTOMETRIC and place == ROOT and self._photometric:
            return Decision(Action.REPLACE, "masked frames are encoded so", self._photometric)
        if tag == ENCAPSULATED_DOCUMENT and self._is_no_document:
            return HIDDEN  # decided about as an object without pixels
        if self.is_masked and is_offset_table(tag):
            return HIDDEN
        hides = shows_pixels if self.is_masked or self.is_clean else holds_pixels if self._judges_pixels else None
        return HIDDEN if hides and hides(tag, place) else None

    def private_rule(self, creator: str, tag: int, vr: str, place: Place = ROOT) -> Decision:
        """Decide about an element of a private block; ``tag`` is ``gggg00ee``. A KEEP of a sequence: walk its items."""
        meant = dictionary.private_vr(tag, creator) if vr == "UN" else vr
        if place.deep or meant is None:
            return Decision(Action.REMOVE, "private (E.1-1), or what may be items")
        named = self._rules.private(creator, tag, place)
        others = [*self._possible.private(creator, tag, place), *self._possible.of_vr(meant, place)]
        if named:
            decision = self._privately(named[0], meant)
        else:
            decision = self._standard.safe(creator, tag, meant) or Decision(Action.REMOVE, "private (E.1-1)")
            others += self._rules.of_vr(meant, place)  # a rule for a VR may hide more, and keeps nothing private
        return fit(max([decision, *(self._privately(rule, meant) for rule in others)], key=caution), vr)

    def refuses(self, sop_class: str) -> str | None:
        """Say why an object of a SOP Class does not pass this profile, or None."""
        if sop_class == MEDIA_DIRECTORY:
            return "a media directory (DICOMDIR) is not an instance"
        if self.profile.images_only and not iods.is_image(sop_class):
            return "the profile lets only images and clips pass"
        return None

    def _ruled(self, rule: Rule, tag: int, known: str | None, vr: str, place: Place) -> Decision:
        """Carry out a detail on an attribute of the standard, or on an unknown one that a mask covers."""
        meant = known or vr
        if rule.action is None:
            return self._standard.settled(rule.code or "X", tag, place, rule.reason)
        if rule.action is Action.KEEP and meant in DATE_VRS and rule.selector.mask and not rule.disabled:
            return self._standard.dated(rule.reason)
        decision = _carried_out(rule, meant, is_root=place == ROOT)
        return guard(decision, tag, known, vr) if rule.selector.vr else decision

    def _privately(self, rule: Rule, meant: str) -> Decision:
        """Carry out a detail on a private element. Keeping keeps no UIDs and no dates by itself, ``disabled`` does."""
        if rule.action is None:
            return Decision(Action.REMOVE, rule.reason)
        if rule.action is Action.KEEP and not rule.disabled:
            if meant == "UI":
                return self._standard.mapped(f"UID (VR) under {rule.reason}")
            if meant in DATE_VRS:
                return self._standard.dated(rule.reason)
        return _carried_out(rule, meant)


def _carried_out(rule: Rule, vr: str, *, is_root: bool = False) -> Decision:
    """Carry out the action of a rule on a value that is of ``vr``."""
    action = rule.action or Action.REMOVE
    if action is Action.CLEAN:
        action = Action.SHIFT_DATE if vr in DATE_VRS else Action.KEEP if vr == "SQ" else Action.CLEAN
    if action is Action.REPLACE and vr == "SQ":
        return Decision(Action.KEEP, rule.reason, deep=True)
    if action is Action.REPLACE and vr == "UI":
        return Decision(Action.UID, rule.reason)
    return Decision(action, rule.reason, rule.value, always=rule.always and is_root)


def _may_be_date(rule: Rule) -> bool:
    """Say whether a rule decides about dates, as far as its attributes' VRs are known."""
    selector = rule.selector
    if selector.vr is not None:
        return selector.vr in DATE_VRS
    if not rule.disabled and (selector.creator or selector.mask):
        return False  # what these keep follows the date option
    if selector.creator is not None:
        return dictionary.private_vr(selector.tag, selector.creator) in (None, *DATE_VRS)
    return dictionary.vr_of(selector.tag) in DATE_VRS


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
    if tag == CHARACTER_SET:
        return Decision(Action.KEEP, "the dummies are in it")
    if tag >> 24 in (0x50, 0x60):
        return Decision(Action.REMOVE, "graphics go (E.1-1)")
    if "SQ" in (known, vr):
        return guard(Decision(Action.KEEP, reason, deep=True), tag, known, vr)
    return Decision(Action.UID if "UI" in (known, vr) else Action.REPLACE, reason)
