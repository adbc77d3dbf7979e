"""Mask rules: which objects they are for, and which pixels of these they overwrite.

Every rule that matches counts; what any of them blanks is blanked.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gateway.core.conditions import When, holds
from gateway.core.mask import policy as suspects
from gateway.core.mask.areas import Area
from gateway.core.mask.geometry import complement
from gateway.core.mask.image import IMAGE_TAGS
from gateway.core.mask.model import PASSES, PixelDecision, Policy, Rectangle, Verdict
from gateway.core.mask.snippet import missing_rule

__all__ = ["DEFAULT_SETS", "MaskRule", "Masks", "Regions", "What"]

DEFAULT_SETS: Final = ("ultrasound-regions", "devices")
"""The rule sets of a profile that names none: all that are shipped."""
MAX_REGIONS: Final = 64
"""No device draws as many; more would only cost time."""
TOP: Final = 40
"""Devices write names across the top: regions that take more than half of its first fortieth set no text apart.

The narrowest banner of any device in the shipped rules is 22 of 768 rows high.
"""
MAX_DECIDED: Final = 256
"""Decisions that are remembered: the objects of a series say the same of themselves."""
MAX_REMEMBERED: Final = 4096
"""Characters of values; an object that says more of itself is looked at anew."""

Regions = tuple[tuple[int, int, int, int], ...]
"""The corners (min x0, min y0, max x1, max y1) of the ultrasound regions, inclusive (PS3.3 Section C.8.5.5)."""


_Said = tuple[str | Regions | None, ...]


class What(Enum):
    """What a rule does with the picture."""

    BLANK = "blank"
    KEEP = "keep"
    KEEP_REGIONS = "keep: ultrasound_regions"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class MaskRule:
    """One rule; ``where`` (``file:line``) is for messages, never for logic. CLEAN: this device burns nothing in."""

    name: str
    when: When
    what: What
    areas: tuple[Area, ...] = ()
    where: str = field(default="", compare=False, repr=False)

    def rectangles(self, rows: int, columns: int, regions: Regions | None) -> tuple[Rectangle, ...] | None:
        """Return what it overwrites in a frame of an object that meets ``when``; None: it does not decide after all."""
        if self.what is What.CLEAN:
            return ()
        if self.what is What.KEEP_REGIONS:
            return _outside(regions, rows, columns)
        is_blank = self.what is What.BLANK
        pixels = [area.on(rows, columns, outward=is_blank) for area in self.areas]
        inside = tuple(one for one in pixels if one is not None)
        return (inside or None) if is_blank else complement(inside, rows, columns)


def _outside(regions: Regions | None, rows: int, columns: int) -> tuple[Rectangle, ...] | None:
    """Return what lies outside the regions; None when they are broken or set no text apart."""
    if not regions or len(regions) > MAX_REGIONS:
        return None
    if not all(0 <= x0 < x1 < columns and 0 <= y0 < y1 < rows for x0, y0, x1, y1 in regions):
        return None
    if sum(x1 - x0 + 1 for x0, y0, x1, _ in regions if y0 * TOP < rows) * 2 > columns:
        return None
    return complement([Rectangle(y0, x0, y1 - y0 + 1, x1 - x0 + 1) for x0, y0, x1, y1 in regions], rows, columns)


@dataclass(frozen=True, slots=True)
class Masks:
    """What a profile wants of pixels: its policy, and the rules of its rule sets in their order.

    ``tags`` are the root attributes that it looks at, ascending.
    """

    policy: Policy
    rules: tuple[MaskRule, ...]
    tags: tuple[int, ...] = field(init=False, compare=False, repr=False)
    meaning: str = field(init=False, compare=False, repr=False)
    _deciding: tuple[int, ...] = field(init=False, compare=False, repr=False)
    _decided: dict[_Said, PixelDecision] = field(init=False, compare=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Collect the attributes, and name what these rules mean."""
        deciding = {*suspects.TAGS, *(condition.tag for rule in self.rules for condition in rule.when)}
        meaning = repr((self.policy, self.rules))
        object.__setattr__(self, "tags", tuple(sorted({*deciding, *IMAGE_TAGS})))
        object.__setattr__(self, "meaning", hashlib.sha256(meaning.encode()).hexdigest())
        object.__setattr__(self, "_deciding", tuple(sorted(deciding)))

    def decide(self, values: Mapping[int, str], regions: Regions | None) -> PixelDecision:
        """Decide about the pixels of one object, by what it says of itself before anything of it is changed.

        ``values`` are the decoded values of its ``tags`` as far as it has them, several joined by a backslash, binary
        numbers as decimal text; ``regions`` are None where it has none or they can't be read.
        """
        said = (*map(values.get, self._deciding), regions)
        decision = self._decided.get(said)
        if decision is None:
            decision = self._decide(values, regions)
            if sum(map(len, values.values())) <= MAX_REMEMBERED:
                self._remember(said, decision)
        return decision

    def _remember(self, said: _Said, decision: PixelDecision) -> None:
        if len(self._decided) >= MAX_DECIDED:
            self._decided.clear()
        self._decided[said] = decision

    def _decide(self, values: Mapping[int, str], regions: Regions | None) -> PixelDecision:
        if not suspects.has_pixels(values):
            return PASSES
        matched = list(self._matching(values, regions))
        names = tuple(name for name, _ in matched)
        rectangles = _union(one for _, found in matched for one in found)
        why = suspects.suspicion(values)
        held = self._held(values, why, names, rectangles) if why else None
        if held is not None or not names:
            return held or PASSES
        verdict = Verdict.MASK if rectangles else Verdict.PASS
        return PixelDecision(verdict, rectangles, names, is_clean=True)

    def _held(
        self, values: Mapping[int, str], why: str, names: tuple[str, ...], rectangles: tuple[Rectangle, ...]
    ) -> PixelDecision | None:
        """Decide about an object that may show text; None where the rules that match decide."""
        is_clean = bool(names) and not rectangles
        problem = suspects.unmaskable(values, is_clean=is_clean)
        if self.policy is Policy.ALLOW:
            return PASSES if problem else None
        if problem:
            return PixelDecision(Verdict.REFUSE, reason=f"{why}: {problem}")
        if self.policy is Policy.REFUSE and not is_clean:
            return PixelDecision(Verdict.REFUSE, reason=f"{why}: the profile lets none of these pass")
        if self.policy is Policy.SCREEN or (self.policy is Policy.MASK_OR_SCREEN and not names):
            return PixelDecision(Verdict.SCREEN, rectangles, names, why)
        if not names:
            return PixelDecision(Verdict.REFUSE, reason=f"{why}, and no mask rule matches. {missing_rule(values)}")
        return None

    def _matching(
        self, values: Mapping[int, str], regions: Regions | None
    ) -> Iterator[tuple[str, tuple[Rectangle, ...]]]:
        """Yield name and rectangles of each rule that is for the object."""
        size = suspects.size(values)
        if size is None:
            return
        for rule in self.rules:
            rectangles = rule.rectangles(*size, regions) if holds(rule.when, values) else None
            if rectangles is not None:
                yield rule.name, rectangles


def _union(rectangles: Iterable[Rectangle]) -> tuple[Rectangle, ...]:
    """Return them in order, without those that lie inside another."""
    different = sorted(set(rectangles))
    return tuple(one for one in different if not any(_covers(other, one) for other in different))


def _covers(one: Rectangle, other: Rectangle) -> bool:
    return one != other and (
        one.x <= other.x
        and one.y <= other.y
        and other.x + other.width <= one.x + one.width
        and other.y + other.height <= one.y + one.height
    )
