"""Conditions of rules: what must be true of an object's root attributes. Upper and lower case do not matter.

Patterns are those of file names (``*``, ``?``), not regular expressions: nobody can write one that takes forever.
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.core.standard import dictionary, iods
from gateway.core.standard.tags import parse_tag
from gateway.core.standard.uids import valid_uid

SOP_CLASS: Final = 0x00080016
PIXEL_GROUP: Final = 0x7FE00000
TEXT_VRS: Final = frozenset(
    ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
)
"""VRs of values that are text on the wire."""
NUMBER_VRS: Final = frozenset({"SL", "SS", "SV", "UL", "US", "UV"})
"""VRs of whole numbers on the wire; a condition sees them as decimal text."""
FLOAT_VRS: Final = frozenset({"FD", "FL"})
"""VRs of floating point numbers on the wire, seen likewise."""
_COMPARED_NUMBERS: Final = NUMBER_VRS | FLOAT_VRS | {"DS", "IS"}
_COMPARED_VRS: Final = TEXT_VRS | _COMPARED_NUMBERS
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,32}(?:\.\d{0,32})?|\.\d{1,32})(?:e[+-]?\d{1,4})?", re.IGNORECASE | re.ASCII)


class Operator(Enum):
    """How a condition compares; the words of a profile."""

    EQUALS = "equals"
    CONTAINS = "contains"
    MATCHES = "matches"
    PRESENT = "present"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"


@dataclass(frozen=True, slots=True)
class Condition:
    """One claim about a root attribute: that any of ``values`` is met, or none where it is ``negated``.

    The one value of PRESENT is ``true`` or ``false``.
    """

    tag: int
    operator: Operator
    values: tuple[str, ...]
    negated: bool = False

    def holds(self, found: str | None) -> bool:
        """Say whether the claim is true of a value; None or empty: the object has none."""
        if self.operator is Operator.PRESENT:
            return bool(found) is (self.values == ("true",))
        return self._met(found.strip(" \0").casefold() if found else "") is not self.negated

    def _met(self, found: str) -> bool:
        if not found:
            return False
        found = _written(found, self.tag)
        return any(_TESTS[self.operator](found, _written(value.casefold(), self.tag)) for value in self.values)


def is_compared(tag: int) -> bool:
    """Say whether conditions see the value of an attribute; of others they see whether there is one."""
    return _vr_of(tag) in _COMPARED_VRS


_vr_of = cache(dictionary.vr_of)


def _written(text: str, tag: int) -> str:
    """Return the numbers of an attribute in one form, however they were written; other text as it is."""
    vr = _vr_of(tag)
    if vr not in _COMPARED_NUMBERS:
        return text
    return "\\".join([_number(value.strip(" \0"), vr) for value in text.split("\\")])


def _number(text: str, vr: str) -> str:
    """Write a number as short as it can be without becoming another one in its VR."""
    if not _NUMBER.fullmatch(text):
        return text
    if vr not in FLOAT_VRS and text.lstrip("+-").isdigit():
        return str(int(text))
    number = float(text)
    if vr == "FL" and abs(number) <= _MAX_FL:
        (number,) = struct.unpack("f", struct.pack("f", number))
    return str(int(number)) if number.is_integer() else str(number)


_MAX_FL: Final = 3.4028234663852886e38

When = tuple[Condition, ...]
"""Conditions that must all hold, in the order of their tags."""


def holds(when: When, values: Mapping[int, str]) -> bool:
    """Say whether all conditions hold for an object with these values."""
    return all(condition.holds(values.get(condition.tag)) for condition in when)


def exclude(one: When, other: When) -> bool:
    """Say whether no object can meet both, as far as that is plain to see: two values, or a value and none."""
    return any(_exclude(a, b) or _exclude(b, a) for a in one for b in other if a.tag == b.tag)


def _exclude(one: Condition, other: Condition) -> bool:
    """Say whether no value that meets ``one`` meets ``other``; where it may, nothing is plain."""
    if one.negated:
        return False
    if one.operator is Operator.PRESENT:
        return one.values == ("false",) and not other.holds(None)
    if one.operator is Operator.EQUALS:
        return not any(other.holds(value) for value in one.values)
    return one.operator is other.operator and other.negated and set(one.values) <= set(other.values)


def _at_least(found: str, value: str) -> bool:
    try:
        return Decimal(found) >= Decimal(value)
    except InvalidOperation:
        return False


def _at_most(found: str, value: str) -> bool:
    try:
        return Decimal(found) <= Decimal(value)
    except InvalidOperation:
        return False


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern; what stands between two asterisks is found leftmost and never looked for again."""
    first, *rest = ["".join("." if c == "?" else re.escape(c) for c in part) for part in text.split("*")]
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


_TESTS: Final[Mapping[Operator, Callable[[str, str], bool]]] = {
    Operator.EQUALS: lambda found, value: found == value,
    Operator.CONTAINS: lambda found, value: value in found,
    Operator.MATCHES: lambda found, value: _pattern(value).fullmatch(found) is not None,
    Operator.AT_LEAST: _at_least,
    Operator.AT_MOST: _at_most,
}


def _listed(authored: Any) -> Any:
    return [authored] if isinstance(authored, str) else authored


AnyOf = Annotated[list[str], BeforeValidator(_listed)]


class Negation(BaseModel):
    """What must not be true of one attribute."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    equals: AnyOf = []
    contains: AnyOf = []
    matches: AnyOf = []


class Asked(Negation):
    """What a condition asks of one attribute; several of them must all hold, of a list any."""

    at_least: str | None = None
    at_most: str | None = None
    present: Literal["true", "false"] | None = None
    without: Negation | None = Field(default=None, alias="not")


def parse_when(tests: Mapping[str, Asked]) -> When:
    """Make the conditions of a rule, in the order of their tags. Raises ValueError."""
    found = {condition for name, test in tests.items() for condition in _conditions(name, test)}
    return tuple(sorted(found, key=lambda one: (one.tag, one.operator.value, one.negated, one.values)))


def _conditions(name: str, test: Asked) -> list[Condition]:
    tag = _tag(name)
    if tag >= PIXEL_GROUP or tag >> 16 in (0, 2, 4):
        raise ValueError(f"when: {name}: a condition looks at the data set's top level, before its pixel data")
    found = [*_said(tag, test, negated=False), *_said(tag, test.without, negated=True)]
    if not found:
        raise ValueError(f"when: {name}: say equals, contains, matches, at_least, at_most, present or not")
    if not is_compared(tag) and any(condition.operator is not Operator.PRESENT for condition in found):
        raise ValueError(f"when: {name}: of what is no text, date, number or UID only present can be asked")
    return found


def _tag(name: str) -> int:
    """Return the tag of an attribute of the standard; raises ValueError."""
    try:
        tag = dictionary.tag_of(name) or parse_tag(name)
    except ValueError:
        raise ValueError(f"when: {name}: not a keyword or tag") from None
    if dictionary.vr_of(tag) is None:
        raise ValueError(f"when: {name}: not a keyword or tag")
    return tag


def _said(tag: int, test: Negation | None, *, negated: bool) -> list[Condition]:
    """Make the conditions that were written."""
    said = test.model_dump(exclude={"without"}, exclude_unset=True) if test else {}
    return [_condition(tag, key, [value] if isinstance(value, str) else value, negated) for key, value in said.items()]


def _condition(tag: int, operator: str, values: list[str], negated: bool) -> Condition:  # noqa: FBT001 - Condition's own
    name = dictionary.keyword_of(tag)
    if not values or "" in values:
        raise ValueError(f"when: {name}: nothing to compare with; present: false asks for an absent or empty one")
    if operator in ("at_least", "at_most"):
        _check_number(tag, values[0])
    if dictionary.vr_of(tag) in FLOAT_VRS and operator != "present":
        _check_float(tag, operator, values)
    if tag == SOP_CLASS and operator == "equals":
        values = [_sop_class(value) for value in values]
    return Condition(tag, Operator(operator), tuple(values), negated)


def _check_number(tag: int, value: str) -> None:
    name = dictionary.keyword_of(tag)
    if dictionary.vr_of(tag) not in _COMPARED_NUMBERS:
        raise ValueError(f"when: {name}: at_least and at_most are for numbers")
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value):
        raise ValueError(f"when: {name}: {value!r} is not a number")


def _check_float(tag: int, operator: str, values: list[str]) -> None:
    name = dictionary.keyword_of(tag)
    if operator in ("contains", "matches"):
        raise ValueError(f"when: {name}: {operator} is for text; compare numbers by equals, at_least or at_most")
    for value in values:
        if not all(_NUMBER.fullmatch(number) for number in value.split("\\")):
            raise ValueError(f"when: {name}: {value!r} is not a number")


def _sop_class(value: str) -> str:
    uid = value if valid_uid(value) else iods.sop_class_of(value)
    if uid is None:
        raise ValueError(f"when: SOPClassUID: {value!r} is neither a UID nor the keyword of a storage SOP Class")
    return uid
