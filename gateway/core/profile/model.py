"""A confidentiality profile as authored: options and per-attribute rules, before any SOP Class is known."""

import hashlib
from dataclasses import dataclass, field
from enum import Enum

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
    """Which attributes a rule is for: one tag, a repeating-group mask, or an element of a private block.

    ``path`` are the enclosing sequences, innermost last; empty means anywhere. For a private element ``tag`` is
    ``gggg00ee`` and ``creator`` names the block.
    """

    tag: int
    path: tuple[int, ...] = ()
    mask: TagMask | None = None
    creator: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a profile's details; ``where`` (``file:line``) is for messages, never for logic.

    ``code`` is a compound code of Table E.1-1 and then ``action`` is None. A disabled rule leaves the attribute alone.
    """

    selector: Selector
    action: Action | None
    value: str | None = None
    code: str | None = None
    disabled: bool = False
    where: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole profile. ``rules`` holds what it says itself first, then what the profile it is based on says."""

    name: str
    comment: str = ""
    enabled: bool = True
    apply_masks: bool = False
    options: frozenset[Option] = frozenset()
    rules: tuple[Rule, ...] = ()
    images_only: bool = False

    @property
    def digest(self) -> str:
        """Name this profile's meaning: 16 hexadecimal digits, different when anything that decides a value differs."""
        meaning = repr(
            (self.name, sorted(o.value for o in self.options), self.rules, self.images_only, self.apply_masks)
        )
        return hashlib.sha256(meaning.encode()).hexdigest()[:16]
