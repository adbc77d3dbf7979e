"""The details of a profile, laid out for looking up. Which of several rules decides: the most specific.

In this order: more conditions; a longer path; an exact tag or private element, then a whole private block, then a mask
(the more digits it fixes the more specific), then a VR. Ties are refused when a profile is read, but for those between
a profile and the one it is based on: its own rule wins.
"""

from collections.abc import Iterable, Iterator

from gateway.core.profile.decisions import Place
from gateway.core.profile.model import Rule, Selector

LINKING_UIDS = frozenset({0x0020000D, 0x0020000E, 0x00080018})
"""Study, Series and SOP Instance UID: the gateway resolves them, so only an option may decide about all three."""
OWN_TAGS = frozenset(
    {0x00080005, 0x00080016, 0x00120062, 0x00120063, 0x00120064, 0x00280303, 0x7FE00008, 0x7FE00009, 0x7FE00010}
)
"""Attributes that the engine itself sets or needs as they are."""


def kind(selector: Selector) -> int:
    """Rank the form of a selector: VR, mask, private block, one attribute."""
    if selector.vr is not None:
        return 0
    if selector.mask is None:
        return 3
    return 2 if selector.creator is not None else 1


def rank(rule: Rule) -> tuple[int, int, int, int]:
    """Rank a rule by how specific it is."""
    selector = rule.selector
    fixed = selector.mask.mask.bit_count() if selector.mask else 0
    return len(rule.when), len(selector.path), kind(selector), fixed


class RuleBook:
    """Rules by what they are for."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(sorted(rules, key=rank, reverse=True))
        self.prefixes = frozenset(
            rule.selector.path[: n + 1] for rule in self.rules for n in range(len(rule.selector.path))
        )
        private = [rule for rule in self.rules if rule.selector.creator is not None]
        self.private_groups = frozenset((rule.selector.creator or "", rule.selector.tag >> 16) for rule in private)
        self._private = tuple(private)
        self._masks = tuple(rule for rule in self.rules if kind(rule.selector) == 1)
        self._tags: dict[int, list[Rule]] = {}
        self._vrs: dict[str, list[Rule]] = {}
        for rule in self.rules:
            if rule.selector.vr is not None:
                self._vrs.setdefault(rule.selector.vr, []).append(rule)
            elif kind(rule.selector) == 3 and rule.selector.creator is None:
                self._tags.setdefault(rule.selector.tag, []).append(rule)

    def matching(self, tag: int, vr: str | None, place: Place) -> list[Rule]:
        """Find the rules for an attribute at a place, the most specific first. ``vr`` None: the tag is unknown."""
        by_vr = () if vr is None or tag in OWN_TAGS or tag in LINKING_UIDS else self._vrs.get(vr, ())
        return _ranked([*self._tags.get(tag, ()), *_under(self._masks, tag), *by_vr], place)

    def private(self, creator: str, tag: int, place: Place) -> list[Rule]:
        """Find the rules for an element (``gggg00ee``) of a private block at a place, the most specific first."""
        block = [rule for rule in self._private if rule.selector.creator == creator]
        exact = [rule for rule in block if rule.selector.mask is None and rule.selector.tag == tag]
        return _ranked([*exact, *_under(block, tag)], place)

    def of_vr(self, vr: str, place: Place) -> list[Rule]:
        """Find the rules for a VR at a place."""
        return _ranked(self._vrs.get(vr, []), place)[:1]


def _under(rules: Iterable[Rule], tag: int) -> Iterator[Rule]:
    return (rule for rule in rules if rule.selector.mask is not None and rule.selector.mask.matches(tag))


def _ranked(rules: list[Rule], place: Place) -> list[Rule]:
    here = [rule for rule in rules if _ends_with(place.tail, rule.selector.path)]
    return sorted(here, key=rank, reverse=True)


def _ends_with(tail: tuple[int, ...], path: tuple[int, ...]) -> bool:
    return not path or tail[-len(path) :] == path
