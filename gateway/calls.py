"""One request as everything around the routes sees it: who asks for what, and what became of it. No DICOM value."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

from gateway.access.model import ANONYMOUS, Principal

__all__ = ["DEPARTURE", "Call", "Departure", "Watcher", "add", "call_of", "set_call"]

DEPARTURE: Final = "dicomveil.departure"
"""Key of a scope: the Departure of its client, if the server tells of it."""
_KEY: Final = "dicomveil.call"


def _never() -> bool:
    """Say that nothing has changed."""
    return False


def _gladly(_call: "Call") -> None:
    """Let a call in."""


@dataclass(slots=True)
class Call:
    """The front makes it, the guard of a route and the door behind it fill it in.

    ``id`` is the request id; ``client`` the address of who asks, behind trusted proxies; ``began`` is monotonic, in
    seconds. ``transaction`` is PS3.18's name (``RetrieveStudy``) or one of ours, empty while no route has taken the
    call; ``place`` a worklist, an uplink or the gateway; ``profile`` the digest of the profile that shapes the answer,
    ``identified`` where none does. ``released`` are the released UIDs of the path, study first. ``count`` counts
    results, instances or jobs, whatever the transaction hands out or takes; ``left_out`` counts by kind what it did
    not, ``actions`` what was done to the values of the rest, ``studies`` what was stored of each study, by what it is
    called where it now lies; ``subject`` is a job that it is about. ``fault`` is the class of the error that ended it;
    ``sent`` and ``taken`` are bytes of bodies; ``is_whole`` says that the answer was sent to its end,
    ``is_probe`` that it asks how the gateway itself is, ``is_public`` that besides nobody is asked who they are,
    ``is_let_in`` that who asks has what its route demands. ``identify`` says who asks by the settings of now, which are
    others than it began with when it ``is_outdated``; ``admit`` is its route's guard.
    """

    id: str
    client: str
    method: str
    began: float
    principal: Principal = ANONYMOUS
    transaction: str = ""
    place: str = ""
    profile: str = ""
    released: tuple[str, ...] = ()
    count: int = 0
    status: int = 0
    sent: int = 0
    taken: int = 0
    fault: str = ""
    is_whole: bool = False
    is_probe: bool = False
    is_public: bool = False
    is_let_in: bool = False
    identify: Callable[[], Awaitable[Principal]] | None = None
    is_outdated: Callable[[], bool] = _never
    admit: "Callable[[Call], None]" = _gladly
    left_out: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    subject: str = ""
    studies: dict[str, int] = field(default_factory=dict)
    watchers: "tuple[Watcher, ...]" = ()

    async def admit_again(self) -> None:
        """Look anew at who asks and what they may do, when a body has taken its time; raises what refuses them."""
        if self.identify is not None:
            self.principal = await self.identify()
        self.admit(self)


def add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add to what a call counts by kind, as a Counter does, which costs each call three more objects with a class."""
    for kind, count in more.items():
        counts[kind] = counts.get(kind, 0) + count


class Watcher:
    """Is told of every call, in this order; a GatewayError that it raises refuses the call, except out of ``ended``.

    What it does it does at once: it is called on the loop that moves every body.
    """

    def opened(self, call: Call, headers: Mapping[str, str]) -> None:
        """A request has come; nobody knows who asks."""

    def known(self, call: Call) -> None:
        """Its principal is known; no route has been looked for."""

    def entered(self, call: Call) -> None:
        """A route has let it in; nothing has been done."""

    def answering(self, call: Call) -> None:
        """The head of an answer below 400 is about to leave."""

    def refusing(self, call: Call) -> None:
        """The head of an answer of 400 or above is about to leave; must not raise twice for one call."""

    def ended(self, call: Call) -> None:
        """It is over, in whatever way. Must not raise."""


class Departure:
    """The end of a client's connection: calls what was added, at once where it has come already."""

    __slots__ = ("_told", "has_come")

    def __init__(self) -> None:
        self.has_come = False
        self._told: set[Callable[[], None]] = set()

    def add(self, tell: Callable[[], None]) -> None:
        """Call this when it comes."""
        self._told.add(tell)
        if self.has_come:
            tell()

    def discard(self, tell: Callable[[], None]) -> None:
        """Call this no more."""
        self._told.discard(tell)

    def come(self) -> None:
        """Call all."""
        self.has_come = True
        for tell in tuple(self._told):
            tell()


def call_of(scope: Scope) -> Call:
    """Return the call that a request is."""
    call: Call = scope[_KEY]
    return call


def set_call(scope: Scope, call: Call) -> None:
    """Make a request a call."""
    scope[_KEY] = call
