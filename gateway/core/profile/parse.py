"""Profile text (YAML) -> Profile, or every fault with its file and line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.core import marked_yaml
from gateway.core.conditions import exclude
from gateway.core.errors import ConfigFault, ConfigFaults
from gateway.core.mask.model import Policy
from gateway.core.mask.rules import DEFAULT_SETS, MaskRule, Masks
from gateway.core.profile.details import COMPOUND_CODES, Detail, make_rule
from gateway.core.profile.model import Action, Profile, Rule
from gateway.core.profile.rulebook import rank
from gateway.core.profile.selectors import overlap, parse_selector
from gateway.core.standard.ps315 import Option

__all__ = ["AVAILABLE", "COMPOUND_CODES", "parse_profile", "parse_selector"]

AVAILABLE = frozenset(Option) - {Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES}
"""Every option but the one that nothing here can carry out: nobody's face is taken out of a volume."""

RuleSets = Callable[[str], tuple[MaskRule, ...] | None]
"""Finds the rules of a mask rule set by its name, None where they have faults; raises LookupError without the set."""


def no_sets(name: str) -> NoReturn:
    """Find nothing: for profiles that apply no masks."""
    raise LookupError(f'no mask rule set named "{name}"')


_NAMELESS: Final = {"name": "nameless"}
_WORDS = [action.value for action in Action]


def _several(authored: Any) -> Any:
    if authored in _WORDS:
        raise ValueError(f"give {{action: {authored}}}, not {authored}")
    return authored if isinstance(authored, list) else [authored]


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
    burned_in_text: Literal["mask", "screen", "mask_or_screen", "refuse", "allow"] | None = None
    masks: list[str] | None = None
    final_check: bool | None = None
    based_on: str | None = None
    options: list[str] = []
    attributes: dict[str, Annotated[list[Detail], BeforeValidator(_several)]] = {}
    unlisted: _Unlisted = _Unlisted()
    sop_classes: Literal["all", "images"] | None = None


def parse_profile(text: str, source: str, base: Callable[[str], Profile | None], sets: RuleSets = no_sets) -> Profile:
    """Parse one profile; ``base`` finds the profile that ``based_on`` names, or returns None.

    Raises ConfigFaults with every fault, each naming ``source`` and its line.
    """
    document = marked_yaml.load(text, source)
    checked = marked_yaml.check(_Profile, document)
    faults, authored = (checked, _sound(document)) if isinstance(checked, list) else ([], checked)
    below = Profile(name="")
    if authored.based_on is not None:
        found = base(authored.based_on)
        if found is None:
            faults.append(
                ConfigFault(document.where(("based_on",)), f"based_on: no profile named {authored.based_on!r}")
            )
        below = found or below
    options = below.options | _options(authored.options, document, faults)
    if {Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES} <= options:
        faults.append(
            ConfigFault(document.where(("options",)), "options: full dates and modified dates exclude each other")
        )
    rules = _rules(authored, document, faults)
    masks = _masks(authored, below.masks, document, sets, faults, is_needed=Option.CLEAN_PIXEL_DATA in options)
    if faults:
        raise ConfigFaults(faults)
    images_only = below.images_only if authored.sop_classes is None else authored.sop_classes == "images"
    return Profile(
        name=authored.name,
        comment=authored.comment,
        enabled=authored.enabled,
        options=options,
        rules=(*rules, *(rule for rule in below.rules if not _replaced(rule, rules))),
        images_only=images_only,
        final_check=below.final_check if authored.final_check is None else authored.final_check,
        masks=masks,
    )


def _sound(document: marked_yaml.Document) -> _Profile:
    """Take over what of a profile has the form that it should have, so that its other faults show as well."""
    kept = {key: value for key, value in document.data.items() if key != "attributes" and _fits({key: value})}
    if not kept.keys() >= document.data.keys() & {"apply_masks", "based_on", "options"}:
        kept = {key: value for key, value in kept.items() if key not in ("burned_in_text", "masks")}
    details = document.data.get("attributes")
    if isinstance(details, dict):
        kept["attributes"] = {key: detail for key, detail in details.items() if _fits({"attributes": {key: detail}})}
    return _Profile.model_validate(_NAMELESS | kept)


def _fits(part: Mapping[str, Any]) -> bool:
    try:
        _Profile.model_validate({**_NAMELESS, **part})
    except ValidationError:
        return False
    return True


def _options(names: Sequence[str], document: marked_yaml.Document, faults: list[ConfigFault]) -> frozenset[Option]:
    options = set()
    for index, name in enumerate(names):
        try:
            options.add(_option(name))
        except ValueError as fault:
            faults.append(ConfigFault(document.where(("options", index)), f"options: {fault}"))
    return frozenset(options)


def _option(name: str) -> Option:
    try:
        option = Option(name)
    except ValueError:
        raise ValueError(
            f"unknown option {name!r}; there are {', '.join(sorted(o.value for o in AVAILABLE))}"
        ) from None
    if option not in AVAILABLE:
        raise ValueError(f"{name} is not available: nothing here recognises faces")
    return option


def _masks(
    authored: _Profile,
    below: Masks | None,
    document: marked_yaml.Document,
    sets: RuleSets,
    faults: list[ConfigFault],
    *,
    is_needed: bool,
) -> Masks | None:
    """Make what the profile wants of pixels; None when it leaves them as they are."""
    if authored.apply_masks is False and is_needed:
        faults.append(document.fault(("apply_masks",), "the option clean_pixel_data cannot do without masks"))
    if not (is_needed or below is not None if authored.apply_masks is None else authored.apply_masks):
        useless = {"burned_in_text", "masks"} & authored.model_fields_set
        faults += (document.fault((key,), "only with apply_masks: true") for key in sorted(useless))
        return None
    said = authored.burned_in_text
    policy = Policy(said) if said else below.policy if below else Policy.MASK
    if authored.masks is None and below is not None:
        return Masks(policy, below.rules)
    return Masks(policy, tuple(_rule_sets(authored.masks, document, sets, faults)))


def _rule_sets(
    names: Sequence[str] | None, document: marked_yaml.Document, sets: RuleSets, faults: list[ConfigFault]
) -> Iterator[MaskRule]:
    """Yield the rules of the rule sets that are named, or of all that are shipped."""
    for index, name in enumerate(DEFAULT_SETS if names is None else names):
        place = ("apply_masks",) if names is None else ("masks", index)
        try:
            rules = sets(name)
        except LookupError as missing:
            faults.append(document.fault(place, str(missing)))
            continue
        if rules is None:
            faults.append(document.fault(place, f'the mask rule set "{name}" has faults'))
        elif names and name in names[:index]:
            faults.append(document.fault(place, f"{name} is named twice"))
        else:
            yield from rules


def _rules(authored: _Profile, document: marked_yaml.Document, faults: list[ConfigFault]) -> list[Rule]:
    rules: list[Rule] = []
    for key, details in authored.attributes.items():
        for index, detail in enumerate(details):
            where = document.where(("attributes", key, index))
            try:
                rule = make_rule(parse_selector(key), detail, where)
            except ValueError as fault:
                faults.append(ConfigFault(where, f"attributes: {key}: {fault}"))
                continue
            twin = next((other for other in rules if _tie(rule, other)), None)
            if twin:
                faults.append(ConfigFault(where, f"attributes: {key}: {_tie_words(rule, twin)}"))
            rules.append(rule)
    return rules


def _tie(one: Rule, other: Rule) -> bool:
    """Say whether two rules may be for the same attribute of the same object and neither is more specific."""
    return rank(one) == rank(other) and overlap(one.selector, other.selector) and not exclude(one.when, other.when)


def _tie_words(rule: Rule, twin: Rule) -> str:
    if rule.when == twin.when and rule.selector == twin.selector:
        return f"the same attribute as in {twin.where}"
    return f"may apply together with {twin.where} and neither is more specific; make the conditions exclude each other"


def _replaced(below: Rule, own: Sequence[Rule]) -> bool:
    """Say whether a rule of the base gives way: its own profile's rule holds always, or under the same conditions."""
    return any(rule.selector == below.selector and rule.when in ((), below.when) for rule in own)
