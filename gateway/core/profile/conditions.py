"""Conditions of a rule: what must be true of an object's root attributes. Upper and lower case do not matter.

Patterns are those of file names (``*``, ``?``), not regular expressions: nobody can write one that takes forever.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache


class Operator(Enum):
    """How a condition compares; the words of a profile."""

    EQUALS = "equals"
    CONTAINS = "contains"
    MATCHES = "matches"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Condition:
    """One claim about a root attribute. ``value`` of PRESENT is ``true`` or ``false``."""

    tag: int
    operator: Operator
    value: str

    def holds(self, found: str | None) -> bool:
        """Say whether the claim is true of a value; None or empty: the object has none."""
        if self.operator is Operator.PRESENT:
            return bool(found) is (self.value == "true")
        if not found:
            return False
        text, wanted = found.strip(" \0").casefold(), self.value.casefold()
        if self.operator is Operator.EQUALS:
            return text == wanted
        if self.operator is Operator.CONTAINS:
            return wanted in text
        return _pattern(wanted).fullmatch(text) is not None


When = tuple[Condition, ...]
"""Conditions that must all hold, in the order of their tags."""


def holds(when: When, values: Mapping[int, str]) -> bool:
    """Say whether all conditions hold for an object with these values."""
    return all(condition.holds(values.get(condition.tag)) for condition in when)


def exclude(one: When, other: When) -> bool:
    """Say whether no object can meet both, as far as that is plain to see: two values, or a value and none."""
    return any(_exclude(a, b) for a in one for b in other if a.tag == b.tag)


def _exclude(one: Condition, other: Condition) -> bool:
    if one.operator is other.operator:
        single = one.operator in (Operator.EQUALS, Operator.PRESENT)
        return single and one.value.casefold() != other.value.casefold()
    absent = Condition(one.tag, Operator.PRESENT, "false")
    if absent in (one, other):
        return True
    known = next((each for each in (one, other) if each.operator is Operator.EQUALS), None)
    tested = other if known is one else one
    return known is not None and not tested.holds(known.value)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern; what stands between two asterisks is found leftmost and never looked for again."""
    first, *rest = ["".join("." if c == "?" else re.escape(c) for c in part) for part in text.split("*")]
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)
