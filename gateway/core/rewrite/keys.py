"""A match key of a search as it was asked, before anything is said about what it finds."""

from dataclasses import dataclass
from typing import Final

from gateway.core.standard.tags import is_private, is_private_creator

STUDY_UID: Final = 0x0020000D
SERIES_UID: Final = 0x0020000E
INSTANCE_UID: Final = 0x00080018
PATIENT_ID: Final = 0x00100020
PATIENT_NAME: Final = 0x00100010
ISSUER: Final = 0x00100021
SOP_CLASS: Final = 0x00080016
RETRIEVE_URL: Final = 0x00081190
MODALITY: Final = 0x00080060
MODALITIES_IN_STUDY: Final = 0x00080061

EMPTY: Final = '""'
"""The key of Empty Value Matching (PS3.4 Section C.2.2.2.7)."""


@dataclass(frozen=True, slots=True)
class Key:
    """One match key. ``value`` is the client's and never leaves this side in a message.

    ``within`` are the sequences it lies in, outermost first; ``creator`` reserves the block of a private element.
    """

    tag: int
    vr: str
    value: str
    within: tuple[int, ...] = ()
    creator: str = ""

    @property
    def root(self) -> int:
        """The Attribute of the result that it looks at or into."""
        return self.within[0] if self.within else self.tag

    @property
    def is_creator(self) -> bool:
        """Say whether it names a private creator."""
        return is_private_creator(self.tag)

    @property
    def is_plain(self) -> bool:
        """Say whether it is about an Attribute of the standard at the root."""
        return not self.within and not is_private(self.tag)


def is_universal(value: str) -> bool:
    """Say whether a key matches everything: empty, or nothing but asterisks."""
    return not value.strip("*")


def has_wildcard(value: str) -> bool:
    """Say whether a key is a pattern."""
    return "*" in value or "?" in value
