"""PS3.15 Table E.3.10-1: private attributes that are known to be safe.

Creators are compared as they are written, without trailing blanks: upper and lower case count, and the other spellings
that reviewers met in the field are rows of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.core.standard._safe_private_table import ROWS


@dataclass(frozen=True, slots=True)
class SafePrivate:
    """One row. ``letter``: K keep, C clean the text, U map the UID, X remove, since it is disputed or has no VR."""

    vr: str
    letter: str


SAFE_PRIVATE: Final[Mapping[tuple[str, int], SafePrivate]] = MappingProxyType(
    {(creator, tag): SafePrivate(vr, letter) for creator, tag, vr, letter in ROWS}
)
"""Creator and tag ``gggg00ee`` -> row."""
SAFE_BLOCKS: Final = frozenset(
    (creator, tag >> 16) for (creator, tag), row in SAFE_PRIVATE.items() if row.letter != "X"
)
"""Creator and group of the blocks of which something is safe."""
