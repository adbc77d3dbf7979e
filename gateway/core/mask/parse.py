"""A mask rule set (YAML) -> its rules, or every fault with its file and line."""

import re
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from gateway.core import marked_yaml
from gateway.core.conditions import Asked, is_compared, parse_when
from gateway.core.errors import ConfigFault, ConfigFaults
from gateway.core.mask.areas import ZERO, Area, Length
from gateway.core.mask.rules import MaskRule, What

MAX_AREAS: Final = 100
"""More than any screen has; each costs time on every frame."""
LAST_TAG: Final = 0x0028FFFF
"""Decisions fall here: what stands further back may come after the pixels, or far behind a long waveform."""
_LENGTH: Final = re.compile(r"(?P<number>-?[0-9]{1,5}(\.[0-9]{1,3})?)(?P<percent>%?)")


def _length(authored: Any) -> Any:
    """Read a number of pixels, or of percent."""
    if not isinstance(authored, str):
        return authored
    found = _LENGTH.fullmatch(authored)
    if found is None or ("." in authored and not found["percent"]):
        raise ValueError('should be whole pixels, such as 80, or a share, such as "12.5%"')
    length = Length(Fraction(found["number"]), bool(found["percent"]))
    if length.is_percent and abs(length.value) > 100:
        raise ValueError("a share is at most 100%")
    return length


def _extent(authored: Any) -> Any:
    length = _length(authored)
    if isinstance(length, Length) and length.value <= 0:
        raise ValueError("should be more than nothing")
    return length


_Start = Annotated[Length, BeforeValidator(_length)]
_Extent = Annotated[Length | None, BeforeValidator(_extent)]


class _Area(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    x: _Start = ZERO
    y: _Start = ZERO
    width: _Extent = None
    height: _Extent = None


_Areas = Annotated[list[_Area], Field(min_length=1, max_length=MAX_AREAS)]
_Keep = Annotated[
    Annotated[Literal["ultrasound_regions"], Tag("word")] | Annotated[_Areas, Tag("areas")],
    Discriminator(lambda authored: "word" if isinstance(authored, str) else "areas"),
]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")
    comment: str = ""
    when: dict[str, Asked] = Field(min_length=1)
    blank: _Areas | None = None
    keep: _Keep | None = None
    clean: Literal["true"] | None = None


class _RuleSet(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    comment: str = ""
    rules: list[_Rule] = Field(min_length=1)


def parse_rules(text: str, source: str) -> tuple[str, tuple[MaskRule, ...]]:
    """Parse one rule set; return its name and its rules, each named ``set/rule``.

    Raises ConfigFaults with every fault, each naming ``source`` and its line.
    """
    document = marked_yaml.load(text, source)
    authored = marked_yaml.validate(_RuleSet, document)
    faults: list[ConfigFault] = []
    rules: dict[str, MaskRule] = {}
    for index, rule in enumerate(authored.rules):
        place = ("rules", index)
        try:
            made = _rule(authored.name, rule, document.where(place))
        except ValueError as fault:
            faults.append(document.fault(place, str(fault)))
            continue
        if made.name in rules:
            faults.append(document.fault(place, f"a second rule named {rule.name}, after {rules[made.name].where}"))
        rules[made.name] = made
    if faults:
        raise ConfigFaults(faults)
    return authored.name, tuple(rules.values())


def _rule(set_name: str, rule: _Rule, where: str) -> MaskRule:
    """Make one rule; raises ValueError."""
    what, areas = _what(rule)
    when = parse_when(rule.when)
    if any(condition.tag > LAST_TAG for condition in when):
        raise ValueError("when: a mask rule looks at groups 0008 to 0028: what comes later is not known in time")
    if not all(is_compared(condition.tag) for condition in when):
        raise ValueError("when: a mask rule looks at text, dates, numbers and UIDs")
    return MaskRule(f"{set_name}/{rule.name}", when, what, areas, where)


def _what(rule: _Rule) -> tuple[What, tuple[Area, ...]]:
    said = [one for one in (rule.blank, rule.keep, rule.clean) if one is not None]
    if len(said) != 1:
        raise ValueError("say one of blank, keep and clean: true")
    if rule.clean:
        return What.CLEAN, ()
    if rule.keep == "ultrasound_regions":
        return What.KEEP_REGIONS, ()
    areas = rule.blank or rule.keep or []
    return (
        What.BLANK if rule.blank else What.KEEP,
        tuple(Area(one.x, one.y, one.width, one.height) for one in areas if not isinstance(one, str)),
    )
