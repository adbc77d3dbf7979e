"""Searching bytes for many others at once, in time that grows with the bytes and not with what is looked for."""

import re
from collections.abc import Collection, Iterable
from typing import Final

FEW: Final = 64
"""So many are looked for one by one, at the speed of ``in``."""
STEP_BYTES, GRAM = 1 << 16, 4
"""Of how many bytes the rows of GRAM bytes are held."""
STEM: Final = 24
"""UIDs are found by how they begin: an object's begin alike."""
_RUNS: Final = re.compile(rb"[0-9.]+")

Grams = frozenset[tuple[int, ...]]


class AnyOf:
    """Some bytes of which one is looked for. Many are compared by the rows of four bytes that they hold."""

    def __init__(self, wanted: Iterable[bytes]) -> None:
        self._wanted = tuple(wanted)
        self._longest = max(map(len, self._wanted), default=0)
        self._begun: dict[tuple[int, ...], list[bytes]] = {}
        if len(self._wanted) > FEW:
            for one in self._wanted:
                self._begun.setdefault(tuple(one[:GRAM]), []).append(one)

    def is_in(self, data: bytes) -> bool:
        """Say whether one of them occurs."""
        if not self._begun:
            return any(one in data for one in self._wanted)
        return any(self._is_near(data[at : at + STEP_BYTES + self._longest]) for at in range(0, len(data), STEP_BYTES))

    def _is_near(self, data: bytes) -> bool:
        here = _grams(data)
        near = (one for begin in self._begun if begin in here or len(begin) < GRAM for one in self._begun[begin])
        return any(_grams(one) <= here and one in data for one in near)


class UidSearch:
    """The UIDs of one object."""

    def __init__(self, uids: Collection[bytes]) -> None:
        self._uids = uids
        self._lengths = sorted(set(map(len, uids)))
        self._stem = slice(min([STEM, *self._lengths]))
        self._stems = {uid[self._stem] for uid in uids}

    def finds(self, data: bytes) -> bool:
        """Say whether one of them occurs."""
        if not self._uids or (len(self._stems) <= FEW and not any(stem in data for stem in self._stems)):
            return False
        least = self._lengths[0]
        return any(self._is_within(run) for run in set(_RUNS.findall(data)) if len(run) >= least)

    def _is_within(self, run: bytes) -> bool:
        starts = range(len(run) - self._lengths[0] + 1)
        stems = (at for at in starts if run[at : at + self._stem.stop] in self._stems)
        return any(run[at : at + length] in self._uids for at in stems for length in self._lengths)


def like_uids(data: bytes, least: int) -> bytes:
    """Return what a search for UIDs of ``least`` characters or more looks at, a line each."""
    return b"\n".join(run for run in set(_RUNS.findall(data)) if len(run) >= least)


def _grams(data: bytes) -> Grams:
    """Return the rows of GRAM bytes."""
    return frozenset(zip(data, data[1:], data[2:], data[3:], strict=False))
