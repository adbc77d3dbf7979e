"""One line of a profile's details: an authored action -> a Rule, or a ValueError that says what cannot be done."""

import re
import unicodedata

from pydantic import BaseModel, ConfigDict

from gateway.core.conditions import NUMBER_VRS, Asked, Operator, When, parse_when
from gateway.core.profile.decisions import CLEANED_VRS, DATE_VRS, TEXT_VRS
from gateway.core.profile.model import LETTERS, Action, Rule, Selector
from gateway.core.profile.rulebook import LINKING_UIDS, OWN_TAGS
from gateway.core.standard import dictionary, vr

COMPOUND_CODES = frozenset({"X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"})
_VALUES = {
    "AE": re.compile(r"[ -~]*"),
    "DA": re.compile(r"[0-9]{8}"),
    "TM": re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2}(\.[0-9]{1,6})?)?)?"),
    "DT": re.compile(r"[0-9]{4,14}"),
    "AS": re.compile(r"[0-9]{3}[DWMY]"),
    "CS": re.compile(r"[A-Z0-9_ ]{1,16}"),
    "DS": re.compile(r"[+-]?[0-9]+(\.[0-9]+)?"),
    "IS": re.compile(r"[+-]?[0-9]{1,11}"),
    "UR": re.compile(r"[!-~]*"),
}


class Detail(BaseModel):
    """What is authored for one attribute."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    action: str | None = None
    value: str | None = None
    disabled: bool = False
    always: bool = False
    when: dict[str, Asked] = {}


def make_rule(selector: Selector, detail: Detail, where: str) -> Rule:
    """Make the rule of one detail; raises ValueError when it cannot be carried out."""
    when = parse_when(detail.when)
    _check_signs(when)
    if selector.creator is None and selector.mask is None:
        _refuse_own(selector.tag)
    if detail.always:
        _check_always(selector, detail)
    if detail.disabled:
        return Rule(selector, Action.KEEP, disabled=True, when=when, where=where)
    if detail.action is None:
        raise ValueError("give an action, or disabled: true")
    if detail.action in COMPOUND_CODES:
        if detail.value is not None:
            raise ValueError("only replace and truncate_date take a value")
        return Rule(selector, None, code=detail.action, when=when, where=where)
    action = _action(detail.action)
    _check_action(action, _vr_of(selector))
    value = _value(action, detail.value, _vr_of(selector))
    return Rule(selector, action, value=value, when=when, where=where, always=detail.always)


def _check_signs(when: When) -> None:
    """Raise ValueError for numbers whose VR depends on another attribute: rules of masks alone read that, too."""
    for condition in when:
        vrs = dictionary.vrs_of(condition.tag)
        if len(vrs) > 1 and NUMBER_VRS & set(vrs) and condition.operator is not Operator.PRESENT:
            raise ValueError(
                f"when: {dictionary.keyword_of(condition.tag)}: its VR is {' or '.join(vrs)}: not compared here"
            )


def _refuse_own(tag: int) -> None:
    if tag and (tag in OWN_TAGS or tag >> 16 in (0, 2, 4) or tag & 0xFFFF == 0):
        raise ValueError("the engine sets this attribute itself")
    if tag in LINKING_UIDS:
        raise ValueError("decided by the option retain_uids alone, so that references stay whole")


def _check_always(selector: Selector, detail: Detail) -> None:
    """Refuse what can't be written into an object that has nothing there."""
    if selector.path or selector.creator is not None or selector.mask is not None or selector.vr is not None:
        raise ValueError("always is for one attribute of the standard, by tag or keyword")
    if detail.disabled or detail.when or detail.action not in ("replace", "D"):
        raise ValueError("always is for replace, without conditions")
    if detail.value is None or not detail.value.isascii():
        raise ValueError("always needs a value, in ASCII: the object's character set may have no other")


def _vr_of(selector: Selector) -> str | None:
    """Give the VR of what a selector is for; None where it is not known until it is seen."""
    if selector.vr is not None or selector.mask is not None:
        return selector.vr
    if selector.creator is not None:
        return dictionary.private_vr(selector.tag, selector.creator)
    return dictionary.vr_of(selector.tag)


def _action(name: str) -> Action:
    if name in LETTERS:
        return LETTERS[name]
    try:
        return Action(name)
    except ValueError:
        names = ", ".join([*(action.value for action in Action), *LETTERS, *sorted(COMPOUND_CODES)])
        raise ValueError(f"unknown action {name!r}; there are {names}") from None


def _check_action(action: Action, value_vr: str | None) -> None:
    """Refuse what can't be done to a value of this VR (None: unknown until it is seen)."""
    if action in (Action.SHIFT_DATE, Action.TRUNCATE_DATE) and value_vr not in DATE_VRS:
        raise ValueError(f"{action.value} is for dates and times (DA, TM, DT)")
    if action is Action.CLEAN and value_vr not in (None, "AS", "SQ", *DATE_VRS, *CLEANED_VRS):
        raise ValueError("clean is for free text, ages, dates and sequences")
    if action is Action.UID and value_vr != "UI":
        raise ValueError("uid is for UIDs (UI)")
    if action is Action.PSEUDONYM and value_vr not in TEXT_VRS:
        raise ValueError("pseudonym is for names, identifiers and other text")


def _value(action: Action, value: str | None, value_vr: str | None) -> str | None:
    if value is None:
        return None
    if action is Action.TRUNCATE_DATE:
        if value not in ("year", "month"):
            raise ValueError("dates can be cut to the year or the month")
        return None if value == "year" else value
    if action is not Action.REPLACE:
        raise ValueError("only replace and truncate_date take a value")
    _check_value(value, value_vr)
    return value


def _check_value(value: str, value_vr: str | None) -> None:
    if value_vr is None or value_vr in ("SQ", "UI", "UN") or vr.VRS[value_vr].is_binary:
        raise ValueError("replace with a value is for text, dates and numbers as text")
    if any(unicodedata.category(character).startswith("C") for character in value):
        raise ValueError("the value must be printable")
    if "\\" in value:
        raise ValueError("the value must be a single one, without a backslash")
    limit = vr.VRS[value_vr].max_length
    groups = value.split("=") if value_vr == "PN" else [value]
    if limit is not None and max(map(len, groups)) > limit:
        raise ValueError(f"the value is longer than VR {value_vr} allows ({limit})")
    syntax = _VALUES.get(value_vr)
    if len(groups) > 3 or (syntax and not syntax.fullmatch(value)):
        raise ValueError(f"the value is not valid for VR {value_vr}")
