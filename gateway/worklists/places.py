"""Where at the origin the pages of a search begin: who reads page after page has no result read twice for it.

What comes before a page can't be skipped unread, since what is released of it decides how many results it has. But
where one page ended, the next one begins, and that is remembered for a while.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from cachetools import TTLCache

from gateway.core.rewrite.query import Search

MAX_PLACES: Final = 1_024
PLACE_TTL_S: Final = 600
"""Results that an archive gets or loses in the meantime move its later pages, as they do without a gateway."""


@dataclass(frozen=True, slots=True)
class Place:
    """Between two results of the origin: so many were ``read``, ``released`` of them, and read ``in_vain``."""

    read: int = 0
    released: int = 0
    in_vain: int = 0


@dataclass(slots=True)
class Reader:
    """How one search reads the origin: where it ``began``, and how many results it has ``read`` since the first.

    ``heeds_offset``: the origin has shown that it does; before that nobody may begin anywhere else.
    """

    began: Place = Place()
    read: int = 0
    heeds_offset: bool = False
    keep: Callable[[Place], None] | None = None

    def reach(self, released: int, in_vain: int) -> None:
        """Say what has become of all that was read."""
        if self.keep and self.heeds_offset:
            self.keep(Place(self.read, released, in_vain))


class Places:
    """Remembers where the pages of one worklist's searches begin."""

    def __init__(self) -> None:
        self._known: TTLCache[tuple[Search, str, int], Place] = TTLCache(MAX_PLACES, PLACE_TTL_S)
        self._heeds_offset = False

    def reader(self, search: Search, path: str) -> Reader:
        """Begin to read for a search of the resource at ``path``, as near before its page as is known."""
        began = self._known.get((_whole(search), path, search.offset), Place())
        return Reader(began, began.read, self._heeds_offset, partial(self._keep, search, path))

    def _keep(self, search: Search, path: str, place: Place) -> None:
        """Remember a place for whoever asks for the same page again, or for the next."""
        self._heeds_offset = True
        ends = [search.offset] if search.limit is None else [search.offset, search.offset + search.limit]
        for end in ends:
            if place.released <= end:
                self._known[_whole(search), path, end] = place


def _whole(search: Search) -> Search:
    return replace(search, limit=None, offset=0)
