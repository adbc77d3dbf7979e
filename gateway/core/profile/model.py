"""A confidentiality profile as authored: options and per-attribute rules, before any SOP Class is known."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from gateway.core.conditions import When, holds
from gateway.core.mask.rules import Masks
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import TagMask


class Action(Enum):
    """What happens to one attribute; the words of a profile, each with its code in PS3.15 Table E.1-1a."""

    REMOVE = "remove"
    EMPTY = "empty"
    REPLACE = "replace"
    PSEUDONYM = "pseudonym"
    UID = "uid"
    SHIFT_DATE = "shift_date"
    TRUNCATE_DATE = "truncate_date"
    CLEAN = "clean"
    KEEP = "keep"


LETTERS = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.REPLACE,
    "U": Action.UID,
    "C": Action.CLEAN,
    "K": Action.KEEP,
}
"""Action codes of PS3.15 Table E.1-1a as actions; D is ``replace`` without a value."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Which attributes a rule is for: a tag, a repeating-group mask, elements of a private block, or a VR.

    ``path`` are the enclosing sequences, innermost last; empty means anywhere. For a private element ``tag`` is
    ``gggg00ee`` and ``creator`` names the block; with a mask too, the whole block is meant. For a VR ``tag`` is 0.
    """

    tag: int
    path: tuple[int, ...] = ()
    mask: TagMask | None = None
    creator: str | None = None
    vr: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a profile's details; ``where`` (``file:line``) is for messages, never for logic.

    ``code`` is a compound code of Table E.1-1 and then ``action`` is None. A disabled rule leaves the attribute alone.
    ``when`` are conditions on the object that must all hold. ``always``: an object that has not the attribute gets it.
    """

    selector: Selector
    action: Action | None
    value: str | None = None
    code: str | None = None
    disabled: bool = False
    when: When = ()
    where: str = field(default="", compare=False, repr=False)
    always: bool = field(default=False, repr=False)

    @property
    def reason(self) -> str:
        """Say why an attribute is treated as this rule says."""
        return f"{self.where} (disabled: not anonymized)" if self.disabled else self.where


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole profile. ``rules`` holds what it says itself first, then what the profile it is based on says.

    ``whens`` are the different sets of conditions that rules depend on, and ``condition_tags`` the root attributes that
    these look at, ascending, all before Pixel Data. ``masks`` are None where pixels pass as they are.
    """

    name: str
    comment: str = ""
    enabled: bool = True
    options: frozenset[Option] = frozenset()
    rules: tuple[Rule, ...] = ()
    images_only: bool = False
    final_check: bool = False
    masks: Masks | None = None
    whens: tuple[When, ...] = field(init=False, compare=False, repr=False)
    condition_tags: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Collect the conditions."""
        whens = tuple(dict.fromkeys(rule.when for rule in self.rules if rule.when))
        object.__setattr__(self, "whens", whens)
        tags = {condition.tag for when in whens for condition in when}
        object.__setattr__(self, "condition_tags", tuple(sorted(tags)))

    @property
    def apply_masks(self) -> bool:
        """Say whether pixels are looked after at all."""
        return self.masks is not None

    @property
    def digest(self) -> str:
        """Name this profile's meaning: 16 hexadecimal digits, different when anything that decides a value differs."""
        meaning = repr(
            (
                self.name,
                sorted(option.value for option in self.options),
                self.rules,
                self.images_only,
                self.apply_masks,
                self.final_check,
                *(rule.selector.tag for rule in self.rules if rule.always),
                *((self.masks.meaning,) if self.masks else ()),
            )
        )
        return hashlib.sha256(meaning.encode()).hexdigest()[:16]

    def active(self, values: Mapping[int, str]) -> frozenset[int]:
        """Say which of ``whens`` hold for an object, as indices.

        ``values`` are the decoded values of its ``condition_tags`` as far as it has them, several joined by a
        backslash.
        """
        return frozenset(index for index, when in enumerate(self.whens) if holds(when, values))
