"""Who asks for links that lead nowhere: after some, that client is told to pause."""

from typing import Final

from cachetools import TTLCache

from gateway.addresses import network_of

MAX_MISSES: Final = 30
"""More than the people behind one address who open links that have ended, far less than a search."""
PAUSE_S: Final = 60
MAX_CLIENTS: Final = 10_000
"""About 2 MB; when there are more, those that are longest there begin anew."""
MAX_SEEN: Final = 20_000
"""Links that do not work and who asked for them: about 4 MB."""


class Misses:
    """Counts links per address, an IPv6 network of a customer (/64) as one; all of an old page is one link."""

    def __init__(self) -> None:
        self._counts: TTLCache[str, int] = TTLCache(MAX_CLIENTS, PAUSE_S)
        self._seen: TTLCache[tuple[str, bytes], bool] = TTLCache(MAX_SEEN, PAUSE_S)

    def is_out(self, address: str) -> bool:
        """Say whether a client has to pause."""
        return self._counts.get(network_of(address), 0) >= MAX_MISSES

    def count(self, address: str, digest: bytes) -> None:
        """Count a link by its digest; the pause begins with the last."""
        client = network_of(address)
        if (client, digest) not in self._seen:
            self._seen[client, digest] = True
            self._counts[client] = self._counts.get(client, 0) + 1
