"""What each client did lately: a bucket of requests, those under way, and the studies it asked for that are not there.

Counted in this process only: several have several times as much. (`limits` takes five times as long for the rate
alone, keeps clients without end and has nothing for what is under way.)
"""

from collections import OrderedDict
from collections.abc import Hashable
from math import ceil
from typing import Final

from gateway.config import Limits
from gateway.core.errors import TooManyRequests

__all__ = ["Client", "Clients"]

MINUTE_S: Final = 60.0
BUSY_RETRY_S: Final = 1
MAX_CLIENTS: Final = 10_000
"""About 5 MB; when there are more, those that asked longest ago begin anew."""


class Client:
    """One client. A minute's requests may come at once; after that, as many as time brings."""

    __slots__ = ("_at", "_left", "_missed", "_missed_since", "_paused_until", "running")

    def __init__(self, limits: Limits, now: float) -> None:
        self._left = float(limits.requests_per_minute)
        self._at = now
        self._missed: set[int] = set()
        self._missed_since = now
        self._paused_until = now
        self.running = 0

    def begin(self, limits: Limits, now: float) -> None:
        """Count a request that begins. Raises TooManyRequests for one that must not."""
        if now < self._paused_until:
            raise TooManyRequests("Too many studies were asked for that are not there.", ceil(self._paused_until - now))
        if self.running >= limits.requests_at_once:
            raise TooManyRequests("Too many requests are under way.", BUSY_RETRY_S)
        rate = limits.requests_per_minute / MINUTE_S
        self._left = min(limits.requests_per_minute, self._left + (now - self._at) * rate)
        self._at = now
        if self._left < 1:
            raise TooManyRequests("Too many requests in a minute.", ceil((1 - self._left) / rate))
        self._left -= 1
        self.running += 1

    def end(self) -> None:
        """Count a request that is over."""
        self.running -= 1

    def pass_on(self) -> None:
        """Forget a request that turns out to be another client's."""
        self.running -= 1
        self._left += 1

    def miss(self, what: Hashable, limits: Limits, now: float) -> None:
        """Count something that is not there, once a minute; the pause begins with one too many."""
        if now - self._missed_since >= MINUTE_S:
            self._missed.clear()
            self._missed_since = now
        self._missed.add(hash(what))
        if len(self._missed) > limits.misses_per_minute:
            self._paused_until = now + MINUTE_S
            self._missed.clear()


class Clients:
    """All clients of a process, by who they are; ``running`` has the client of each call under way, by ``id``."""

    def __init__(self) -> None:
        self.running: dict[int, Client] = {}
        self._known: OrderedDict[Hashable, Client] = OrderedDict()  # those that asked last at its end

    def find(self, key: Hashable, limits: Limits, now: float) -> Client:
        """Return a client, a new one if need be."""
        client = self._known.get(key)
        if client is None:
            client = self._known[key] = Client(limits, now)
            if len(self._known) > MAX_CLIENTS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return client
