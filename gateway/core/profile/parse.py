"""Profile text (YAML) -> Profile, or every fault with its file and line."""

import re
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.core import marked_yaml
from gateway.core.errors import ConfigFault, ConfigFaults
from gateway.core.profile.model import LETTERS, Action, Profile, Rule, Selector
from gateway.core.profile.plan import DATE_VRS, TEXT_VRS
from gateway.core.standard import dictionary, vr
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import is_private, parse_mask, parse_tag

AVAILABLE = frozenset(
    {
        Option.RETAIN_UIDS,
        Option.RETAIN_DEVICE_IDENTITY,
        Option.RETAIN_INSTITUTION_IDENTITY,
        Option.RETAIN_PATIENT_CHARACTERISTICS,
        Option.RETAIN_LONGITUDINAL_FULL_DATES,
        Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
    }
)
"""Options that need no cleaner of text, graphics or pixels; the others are refused until there is one."""

COMPOUND_CODES = frozenset({"X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"})

LINKING_UIDS = frozenset({0x0020000D, 0x0020000E, 0x00080018})
"""Study, Series and SOP Instance UID: the gateway resolves them, so only an option may decide about all three."""
OWN_TAGS = frozenset(
    {0x00080005, 0x00080016, 0x00120062, 0x00120063, 0x00120064, 0x00280303, 0x7FE00008, 0x7FE00009, 0x7FE00010}
)
"""Attributes that the engine itself sets or needs as they are."""

_PRIVATE = re.compile(
    r"""\(\s*["'](?P<creator>[^"'\\]{1,64})["']\s*,\s*(?P<group>[0-9A-Fa-f]{4})\s*,\s*(?P<element>[0-9A-Fa-f]{2})\s*\)"""
)
_MASK = re.compile(r"\(?(50|60)[xX]{2},[0-9A-Fa-fxX]{4}\)?")
_VALUES = {
    "DA": re.compile(r"\d{8}"),
    "TM": re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?"),
    "DT": re.compile(r"\d{4,14}"),
    "AS": re.compile(r"\d{3}[DWMY]"),
    "CS": re.compile(r"[A-Z0-9_ ]{1,16}"),
    "DS": re.compile(r"[+-]?\d+(\.\d+)?"),
    "IS": re.compile(r"[+-]?\d{1,11}"),
}


class _Attribute(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    action: str | None = None
    value: str | None = None
    disabled: bool = False


class _Unlisted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    private: Literal["remove"] = "remove"
    unknown: Literal["remove"] = "remove"
    standard: Literal["keep"] = "keep"


class _Profile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    comment: str = ""
    enabled: bool = True
    apply_masks: bool | None = None
    based_on: str | None = None
    options: list[str] = []
    attributes: dict[str, _Attribute] = {}
    unlisted: _Unlisted = _Unlisted()
    sop_classes: Literal["all", "images"] | None = None


def parse_profile(text: str, source: str, base: Callable[[str], Profile | None]) -> Profile:
    """Parse one profile; ``base`` finds the profile that ``based_on`` names, or returns None.

    Raises ConfigFaults with every fault, each naming ``source`` and its line.
    """
    document = marked_yaml.load(text, source)
    authored = marked_yaml.validate(_Profile, document)
    faults: list[ConfigFault] = []
    below = Profile(name="")
    if authored.based_on is not None:
        found = base(authored.based_on)
        if found is None:
            faults.append(
                ConfigFault(document.where(("based_on",)), f"based_on: no profile named {authored.based_on!r}")
            )
        below = found or below
    options = set(below.options)
    for index, name in enumerate(authored.options):
        where = document.where(("options", index))
        try:
            options.add(_option(name))
        except ValueError as fault:
            faults.append(ConfigFault(where, f"options: {fault}"))
    if {Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES} <= options:
        faults.append(
            ConfigFault(document.where(("options",)), "options: full dates and modified dates exclude each other")
        )
    rules: list[Rule] = []
    for key, attribute in authored.attributes.items():
        where = document.where(("attributes", key))
        try:
            rule = _rule(key, attribute, where)
        except ValueError as fault:
            faults.append(ConfigFault(where, f"attributes: {key}: {fault}"))
            continue
        twin = next((other for other in rules if other.selector == rule.selector), None)
        if twin:
            faults.append(ConfigFault(where, f"attributes: {key}: the same attribute as in {twin.where}"))
        rules.append(rule)
    if faults:
        raise ConfigFaults(faults)
    own = {rule.selector for rule in rules}
    return Profile(
        name=authored.name,
        comment=authored.comment,
        enabled=authored.enabled,
        apply_masks=below.apply_masks if authored.apply_masks is None else authored.apply_masks,
        options=frozenset(options),
        rules=(*rules, *(rule for rule in below.rules if rule.selector not in own)),
        images_only=below.images_only if authored.sop_classes is None else authored.sop_classes == "images",
    )


def parse_selector(text: str) -> Selector:
    """Parse what a detail line is for: tag, keyword, ``(60xx,3000)``, ``("CREATOR",gggg,ee)`` or a path ``A > B``.

    Raises ValueError when it names nothing.
    """
    *sequences, last = (part.strip() for part in text.split(">"))
    path = tuple(_tag(part) for part in sequences)
    for tag in path:
        if dictionary.vr_of(tag) != "SQ":
            raise ValueError("only a sequence can stand before >")
    private = _PRIVATE.fullmatch(last)
    if path and (private or _MASK.fullmatch(last)):
        raise ValueError("a path ends in a tag or keyword")
    if private:
        group = int(private["group"], 16)
        if group % 2 == 0:
            raise ValueError("a private block has an odd group")
        return Selector(group << 16 | int(private["element"], 16), path, creator=private["creator"].strip())
    if _MASK.fullmatch(last):
        mask = parse_mask(last)
        return Selector(mask.value, path, mask=mask)
    return Selector(_tag(last), path)


def _tag(text: str) -> int:
    tag = dictionary.tag_of(text)
    if tag is None:
        try:
            tag = parse_tag(text)
        except ValueError:
            raise ValueError("not a keyword or tag of the standard, nor a mask (50xx,eeee) or (60xx,eeee)") from None
    if is_private(tag):
        raise ValueError('name a private attribute with its creator: ("CREATOR",gggg,ee)')
    if dictionary.vr_of(tag) is None:
        raise ValueError("not a tag of the standard")
    return tag


def _option(name: str) -> Option:
    try:
        option = Option(name)
    except ValueError:
        raise ValueError(
            f"unknown option {name!r}; there are {', '.join(sorted(o.value for o in AVAILABLE))}"
        ) from None
    if option not in AVAILABLE:
        raise ValueError(f"{name} is not available yet")
    return option


def _rule(key: str, attribute: _Attribute, where: str) -> Rule:
    selector = parse_selector(key)
    tag = selector.tag
    if selector.creator is None and selector.mask is None:
        if tag in OWN_TAGS or tag >> 16 in (0, 2, 4) or tag & 0xFFFF == 0:
            raise ValueError("the engine sets this attribute itself")
        if tag in LINKING_UIDS:
            raise ValueError("decided by the option retain_uids alone, so that references stay whole")
    if attribute.disabled:
        return Rule(selector, Action.KEEP, disabled=True, where=where)
    if attribute.action is None:
        raise ValueError("give an action, or disabled: true")
    if attribute.action in COMPOUND_CODES:
        if attribute.value is not None:
            raise ValueError("only replace takes a value")
        return Rule(selector, None, code=attribute.action, where=where)
    action = _action(attribute.action)
    value_vr = None if selector.creator or selector.mask else dictionary.vr_of(tag)
    _check_action(action, attribute.value, value_vr)
    return Rule(selector, action, value=attribute.value, where=where)


def _action(name: str) -> Action:
    if name in LETTERS:
        return LETTERS[name]
    try:
        return Action(name)
    except ValueError:
        names = ", ".join([*(action.value for action in Action), *LETTERS, *sorted(COMPOUND_CODES)])
        raise ValueError(f"unknown action {name!r}; there are {names}") from None


def _check_action(action: Action, value: str | None, value_vr: str | None) -> None:
    """Refuse what can't be done to a value of this VR (None: unknown until it is seen)."""
    if value is not None and action is not Action.REPLACE:
        raise ValueError("only replace takes a value")
    if action in (Action.SHIFT_DATE, Action.TRUNCATE_DATE) and value_vr not in DATE_VRS:
        raise ValueError(f"{action.value} is for dates and times (DA, TM, DT)")
    if action is Action.CLEAN and value_vr not in DATE_VRS:
        raise ValueError("clean of anything but dates is not available yet; use remove, empty or replace")
    if action is Action.UID and value_vr != "UI":
        raise ValueError("uid is for UIDs (UI)")
    if action is Action.PSEUDONYM and value_vr not in TEXT_VRS:
        raise ValueError("pseudonym is for names, identifiers and other text")
    if value is not None:
        _check_value(value, value_vr)


def _check_value(value: str, value_vr: str | None) -> None:
    if value_vr is None or value_vr in ("SQ", "UI", "UN") or vr.VRS[value_vr].is_binary:
        raise ValueError("replace with a value is for text, dates and numbers as text")
    if not value.isascii() or not value.isprintable():
        raise ValueError("the value must be printable ASCII, which every character set holds")
    if "\\" in value:
        raise ValueError("the value must be a single one, without a backslash")
    limit = vr.VRS[value_vr].max_length
    if limit is not None and len(value) > limit:
        raise ValueError(f"the value is longer than VR {value_vr} allows ({limit})")
    syntax = _VALUES.get(value_vr)
    if syntax and not syntax.fullmatch(value):
        raise ValueError(f"the value is not valid for VR {value_vr}")
