"""Entrances: which worklist an address leads to that several audiences share. No I/O.

A choice gives no right: whoever it leads to a worklist still needs a role there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.access.model import Principal
from gateway.access.policy import claim_texts

__all__ = ["Choice", "Entrance"]

HeaderValues = Callable[[str], list[str]]
"""Gives all values of a header."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who comes to a worklist: all of what is given must fit, and one of each list is enough.

    A header fits that came once, with exactly this value.
    """

    worklist: str
    host: str | None = None
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, frozenset[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def fits(self, who: Principal, host: str, header: HeaderValues) -> bool:
        """Say whether a request comes to this worklist."""
        return (
            self.host in (None, host)
            and (not self.groups or bool(self.groups & who.groups))
            and all(wanted & claim_texts(who.claims, path) for path, wanted in self.claims.items())
            and all(header(name) == [value] for name, value in self.headers.items())
        )


@dataclass(frozen=True, slots=True)
class Entrance:
    """One URL for several audiences; the first choice that fits decides."""

    name: str
    path: str
    wado_path: str
    choices: tuple[Choice, ...]

    @property
    def asks_host(self) -> bool:
        """Say whether the host that is asked for makes a difference."""
        return any(choice.host for choice in self.choices)

    @property
    def headers(self) -> frozenset[str]:
        """Return the names of the headers that make a difference."""
        return frozenset(name for choice in self.choices for name in choice.headers)

    def choose(self, who: Principal, host: str, header: HeaderValues) -> str | None:
        """Return the name of a worklist; None where no choice fits."""
        return next((choice.worklist for choice in self.choices if choice.fits(who, host, header)), None)
