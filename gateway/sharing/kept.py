"""What was drawn a while ago, in memory: players ask for a clip in pieces, and it is made once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final
from weakref import WeakValueDictionary

from cachetools import TTLCache

TTL_S: Final = 3600


class Kept:
    """Holds at most ``max_bytes``, each body for an hour; one that is larger is made again every time."""

    def __init__(self, max_bytes: int) -> None:
        self._bodies: TTLCache[Hashable, bytes] = TTLCache(max_bytes, TTL_S, getsizeof=len)
        self._making: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return a body, made by the first who asks for it while others wait. Raises what ``make`` raises."""
        lock = self._making.get(key)
        if lock is None:
            lock = self._making[key] = asyncio.Lock()
        async with lock:
            body = self._bodies.get(key)
            if body is None:
                body = await make()
                if len(body) <= self._bodies.maxsize:
                    self._bodies[key] = body
            return body
