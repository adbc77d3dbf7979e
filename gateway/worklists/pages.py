"""One page of a search: the results between offset and limit, and what is known of those behind them.

A page is held until it is known whether there are more, since that stands in a header; an answer without a limit may
be larger than what is held, and then leaves as it is found.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.core.errors import SearchTooBroad
from gateway.core.rewrite.query import Search

MAX_HELD_BYTES = 8 << 20
"""Some eight thousand results: the most that one page has, however high its limit."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Page:
    """``held`` comes first, then ``rest`` if there is any. ``more`` says how many results are behind it (-1: some)."""

    held: list[bytes]
    rest: AsyncIterator[bytes] | None = None
    more: int = 0


async def read_page(results: AsyncIterator[_T], search: Search, write: Callable[[_T], bytes], *, counts: bool) -> Page:
    """Read as far as it takes to know the page, and the end of the search where ``counts``. Raises SearchTooBroad.

    ``results`` begin with the page. A search without limit and keys begins to leave at once.
    """
    written = _written(results, write)
    if search.limit is None and not search.criteria:
        first = await anext(written, None)
        return Page([] if first is None else [first], written)
    held: list[bytes] = []
    size, is_full = 0, False
    try:
        async for one in written:
            if is_full:
                return Page(held, more=1 + await _count(written) if counts else -1)
            held.append(one)
            size += len(one)
            if size > MAX_HELD_BYTES and search.limit is None:
                return Page(held, written)
            is_full = len(held) == search.limit or size > MAX_HELD_BYTES
    except SearchTooBroad:
        if not is_full:
            raise
        return Page(held, more=-1)
    return Page(held)


async def _written(results: AsyncIterator[_T], write: Callable[[_T], bytes]) -> AsyncIterator[bytes]:
    async for result in results:
        yield write(result)


async def _count(results: AsyncIterator[bytes]) -> int:
    count = 0
    async for _ in results:
        count += 1
    return count
