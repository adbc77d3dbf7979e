"""Refuses requests that are one too many, before anything is asked of an origin."""

import logging
from collections.abc import Hashable, Mapping
from typing import Final

from gateway.addresses import network_of
from gateway.calls import Call, Watcher
from gateway.config import Limits
from gateway.core.errors import NotReleased, Overloaded
from gateway.limits.clients import Clients
from gateway.limits.load import Load

__all__ = ["Limiter"]

log = logging.getLogger("dicomveil.limits")

OVERLOAD_RETRY_S: Final = 5
_MISS: Final = NotReleased.__name__


class Limiter(Watcher):
    """Counts by address until it is known who asks, then by them: a flood with bad credentials is its address's.

    Questions about the gateway's own state are not counted; where they need a role, from when it was found.
    """

    def __init__(self, limits: Limits, clients: Clients | None = None, load: Load | None = None) -> None:
        self._limits = limits
        self._clients = clients or Clients()
        self._load = load or Load(limits.memory_mb)
        self._running = self._clients.running

    def opened(self, call: Call, _headers: Mapping[str, str]) -> None:
        """Count a request. Raises Overloaded, TooManyRequests."""
        if call.is_public:
            return
        if not call.is_probe:
            self._check_load(call.began)
        self._begin(call, network_of(call.client))

    def known(self, call: Call) -> None:
        """Count it for who is logged in. Raises TooManyRequests."""
        who = call.principal
        if who.name and (client := self._running.pop(id(call), None)):
            client.pass_on()
            self._begin(call, (who.method, who.name))

    def entered(self, call: Call) -> None:
        """Count it no longer, if it asks how the gateway is."""
        if call.is_probe and (client := self._running.pop(id(call), None)):
            client.pass_on()

    def ended(self, call: Call) -> None:
        """Count it as over; and as a miss, if it asked for what is not there."""
        client = self._running.pop(id(call), None)
        if client is None:
            return
        client.end()
        # Where nothing is theirs a miss would tell what is there from what is not.
        if call.fault == _MISS and call.is_let_in:
            # All of a study that has gone is one miss, as an open viewer may ask for each of its frames.
            study = call.released[0] if call.released else call.id
            client.miss((call.place, study), self._limits, call.began)

    def _check_load(self, now: float) -> None:
        if len(self._running) >= self._limits.all_requests_at_once:
            raise Overloaded("too many requests are under way", OVERLOAD_RETRY_S)
        # What a process once held it may keep; so that it can't be stuck, one request at a time always goes on.
        if self._running and (lacking := self._load.lacking(now)):
            raise Overloaded(f"{lacking} nearly used up", OVERLOAD_RETRY_S)

    def _begin(self, call: Call, key: Hashable) -> None:
        client = self._clients.find(key, self._limits, call.began)
        client.begin(self._limits, call.began)
        self._running[id(call)] = client
