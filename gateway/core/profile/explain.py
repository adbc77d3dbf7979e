"""Profiles in words: what happens to an attribute and which rule says so, and a whole profile as a table."""

from collections import Counter
from collections.abc import Iterator

from gateway.core.conditions import Condition, Operator, When
from gateway.core.profile.decisions import ROOT, Decision
from gateway.core.profile.model import Action, Profile, Rule, Selector
from gateway.core.profile.plan import Plan
from gateway.core.profile.selectors import format_selector, overlap, parse_selector
from gateway.core.standard import dictionary, iods, ps315
from gateway.core.standard.private import SAFE_PRIVATE
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import format_tag, parse_tag

GRAPHICS = (0x50002500, 0x50003000, 0x60000022, 0x60000050, 0x60001500, 0x60003000, 0x60004000)
"""One of each kind of attribute in curves and overlays; the other groups are treated alike."""
SHOWN = 6
"""Attributes that one warning names."""


def parse_attribute(text: str) -> Selector:
    """Parse what is asked about: as in a profile, or any tag at all, or the keyword of a repeating group.

    Raises ValueError when it names no attribute.
    """
    mask = dictionary.mask_of(text)
    if mask is not None:
        return Selector(mask.value)
    try:
        return Selector(parse_tag(text))
    except ValueError:
        selector = parse_selector(text)
    if selector.vr is not None or (selector.mask is not None and selector.creator is not None):
        raise ValueError("name one attribute")
    return Selector(selector.tag, selector.path, creator=selector.creator)


def explain_attribute(profile: Profile, selector: Selector, sop_class: str | None = None) -> str:
    """Say what happens to an attribute and which rule decides; one line more for each set of conditions that matters.

    A path is taken as written, from the root.
    """
    usual, others = _decisions(profile, selector, sop_class)
    lines = [f"{_title(selector)}: {_describe(usual)}"]
    lines += [f"  when {describe_when(when)}: {_describe(decision)}" for when, decision in others]
    return "\n".join(lines)


def explain_profile(profile: Profile, sop_class: str | None = None) -> str:
    """Print a profile as a table: every attribute that Table E.1-1 or the profile names, a line each.

    Below them the details that are for more than one attribute, and what becomes of everything else.
    """
    named = dict.fromkeys(rule.selector for rule in profile.rules)
    single = [selector for selector in named if selector.mask is None and selector.vr is None]
    plain = {selector for selector in single if not selector.path and selector.creator is None}
    listed = {Selector(tag) for tag in (*ps315.ENTRIES, *GRAPHICS)}
    tags = sorted(plain | listed, key=lambda selector: selector.tag)
    rows = [row for selector in (*tags, *single) for row in _rows(profile, selector, sop_class)]
    rows += [describe_rule(rule) for rule in profile.rules if rule.selector not in single]
    if Option.RETAIN_SAFE_PRIVATE in profile.options:
        done = Counter(_safe(profile, creator, tag) for creator, tag in SAFE_PRIVATE)
        counts = ", ".join(f"{action} {number}" for action, number in sorted(done.items()))
        rows.append(f"private of Table E.3.10-1: {counts}")
    if profile.masks is not None:
        rows.append(f"pixels that may show text: {profile.masks.policy.value}; {len(profile.masks.rules)} mask rules")
    rows += ["other private, unknown: remove", "other attributes of the standard: keep, unless they can identify"]
    return "\n".join(dict.fromkeys(rows))


def _rows(profile: Profile, selector: Selector, sop_class: str | None) -> Iterator[str]:
    usual, others = _decisions(profile, selector, sop_class)
    yield _row(_title(selector), usual)
    for when, decision in others:
        yield _row(f"    when {describe_when(when)}", decision)


def _safe(profile: Profile, creator: str, tag: int) -> str:
    return decide(Plan(profile, None, frozenset()), Selector(tag, creator=creator)).action.value


def _row(what: str, decision: Decision) -> str:
    action = "dummies" if decision.deep else decision.action.value
    value = "" if decision.value is None else f"{decision.value!r}{_always(decision)}; "
    return f"{what:<60}  {action:<13}  {value}{decision.reason}"


def _decisions(
    profile: Profile, selector: Selector, sop_class: str | None
) -> tuple[Decision, list[tuple[When, Decision]]]:
    """Decide without and with each set of conditions; the second part holds what differs."""
    iod = iods.iod_of(sop_class) if sop_class else None
    usual = decide(Plan(profile, iod, frozenset()), selector)
    met = ((when, decide(Plan(profile, iod, frozenset({n})), selector)) for n, when in enumerate(profile.whens))
    return usual, [(when, decision) for when, decision in met if decision != usual]


def warnings(profile: Profile) -> Iterator[str]:
    """Say which attributes a detail keeps although Table E.1-1 names them, each with the line of the detail."""
    for rule in profile.rules:
        if rule.action is not Action.KEEP:
            continue
        when = f" when {describe_when(rule.when)}" if rule.when else ""
        kept = list(_listed(profile, rule))
        if kept:
            more = f" and {len(kept) - SHOWN} more" if len(kept) > SHOWN else ""
            yield f"{rule.where}: keeps what Table E.1-1 names{when}: {', '.join(kept[:SHOWN])}{more}"


def _listed(profile: Profile, rule: Rule) -> Iterator[str]:
    """Name what a rule keeps of Table E.1-1, with its code there. Safe private attributes do not count."""
    selector = rule.selector
    if selector.creator is not None:
        safe = SAFE_PRIVATE.get((selector.creator, selector.tag))
        if safe is None or safe.letter == "X":
            yield f"{format_selector(selector)} ({ps315.PRIVATE.basic})"
    elif selector.mask is not None:
        for mask, entry in ps315.MASKS:
            if overlap(Selector(mask.value, mask=mask), Selector(selector.tag, mask=selector.mask)):
                yield f"{mask} {entry.name} ({entry.basic})"
    else:
        plan = Plan(profile, None, frozenset(index for index, when in enumerate(profile.whens) if when == rule.when))
        for tag, entry in sorted(ps315.ENTRIES.items()):
            meant = tag == selector.tag if selector.vr is None else dictionary.vr_of(tag) == selector.vr
            if meant and (selector.path or _decides(plan, tag, rule)):
                yield f"{format_selector(Selector(tag, selector.path))} ({entry.basic})"


def _decides(plan: Plan, tag: int, rule: Rule) -> bool:
    """Say whether it is this rule, no more specific one, that decides about an attribute at the root."""
    return plan.decide(tag, dictionary.vr_of(tag) or "UN").reason == rule.reason


def decide(plan: Plan, selector: Selector) -> Decision:
    """Decide about the attribute that a selector names, at the end of its path from the root."""
    place = ROOT
    for sequence in selector.path:
        decision = plan.decide(sequence, "SQ", place)
        if decision.action is not Action.KEEP:
            return Decision(Action.REMOVE, f"goes with {dictionary.keyword_of(sequence)}: {decision.reason}")
        place = plan.inside(place, sequence, deep=decision.deep)
        if place.content:
            place = plan.item_place(place, ("", ""), "") or place  # as in an item that no table lists
    if selector.creator is not None:
        vr = dictionary.private_vr(selector.tag, selector.creator) or "LO"
        return plan.private_rule(selector.creator, selector.tag, vr, place)
    return plan.decide(selector.tag, dictionary.vr_of(selector.tag) or "UN", place)


def _title(selector: Selector) -> str:
    """Print an attribute with its tag."""
    if selector.creator is not None or selector.path:
        return format_selector(selector)
    return f"{format_tag(selector.tag)} {dictionary.keyword_of(selector.tag) or 'unknown'}"


def _describe(decision: Decision) -> str:
    """Print a decision with its reason."""
    value = "" if decision.value is None else f" {decision.value!r}{_always(decision)}"
    deep = " (items stay, filled with dummies)" if decision.deep else ""
    return f"{decision.action.value}{value}{deep}; {decision.reason}"


def _always(decision: Decision | Rule) -> str:
    return " always" if decision.always else ""


def describe_rule(rule: Rule) -> str:
    """Print a detail as authored."""
    if rule.disabled:
        action = "keep"
    else:
        action = (rule.action.value if rule.action else rule.code) or ""
        action += "" if rule.value is None else f" {rule.value!r}{_always(rule)}"
    when = f" when {describe_when(rule.when)}" if rule.when else ""
    return f"{format_selector(rule.selector)}: {action}{when}; {rule.reason}"


def describe_when(when: When) -> str:
    """Print conditions as a sentence."""
    return " and ".join(_condition(condition) for condition in when)


def _condition(condition: Condition) -> str:
    name = dictionary.keyword_of(condition.tag) or format_tag(condition.tag)
    if condition.operator is Operator.PRESENT:
        return f"{name} is {'present' if condition.values == ('true',) else 'absent'}"
    values = " or ".join(map(repr, condition.values))
    return f"{name} {'not ' if condition.negated else ''}{condition.operator.value} {values}".replace("_", " ")
