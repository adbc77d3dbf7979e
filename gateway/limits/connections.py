"""The connections that clients have to this process, counted by address."""

from collections import Counter
from ipaddress import IPv4Network, IPv6Network

from starlette.types import ASGIApp

from gateway.addresses import network_of, trusts
from gateway.config import DEFAULT_LIMITS, Limits
from gateway.core.errors import GatewayError, Overloaded, TooManyRequests
from gateway.limits.watcher import OVERLOAD_RETRY_S
from gateway.routes.problems import problem

__all__ = ["Connections", "Crowd"]


class Crowd:
    """How many are open, all together and of each client."""

    def __init__(self) -> None:
        self.all = 0
        self.by_client: Counter[str] = Counter()


class Connections:
    """Those that are open now. A trusted proxy may have as many as all clients together: it counts them by itself."""

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        trusted: tuple[IPv4Network | IPv6Network, ...] = (),
        crowd: Crowd | None = None,
    ) -> None:
        self.limits = limits
        self._trusted = trusted
        self._crowd = crowd or Crowd()

    def enter(self, address: str) -> ASGIApp | None:
        """Count a connection; return what answers all its requests if it is one too many."""
        client = network_of(address)
        of_client = self._crowd.by_client[client]
        fault: GatewayError | None = None
        if self._crowd.all >= self.limits.connections:
            fault = Overloaded("too many connections", OVERLOAD_RETRY_S)
        elif of_client >= self.limits.connections_per_address and not trusts(self._trusted, address):
            fault = TooManyRequests("There are too many connections from this address.", OVERLOAD_RETRY_S)
        self._crowd.all += 1
        self._crowd.by_client[client] += 1
        return _refusal(fault) if fault else None

    def leave(self, address: str) -> None:
        """Count one that is closed."""
        client = network_of(address)
        self._crowd.all -= 1
        self._crowd.by_client[client] -= 1
        if not self._crowd.by_client[client]:
            del self._crowd.by_client[client]


def _refusal(fault: GatewayError) -> ASGIApp:
    answer = problem(fault)
    answer.headers["connection"] = "close"
    return answer
