"""The rules of ``access``: whom each fits, and what those that fit add up to.

Deny by default: a role comes from a rule that fits, and from nowhere else. No I/O.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from gateway.access.model import Method, Principal, Role

__all__ = ["LOGGED_IN", "Policy", "Rule", "claim_at", "claim_texts"]

LOGGED_IN: Final = "*"
"""Among the users of a rule: everybody whom an issuer or a proxy names."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``roles`` at ``places`` for whom all of its conditions fit; of each list one is enough.

    An empty list asks nothing. Without a condition it fits nobody; ``anyone`` is also who shows no credentials. The
    name of a key is never a user.
    """

    places: frozenset[str]
    roles: frozenset[Role]
    anyone: bool = False
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    claims: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def fits(self, who: Principal) -> bool:
        """Say whether somebody has these roles."""
        if self.anyone:
            return True
        if self.keys:
            return who.method is Method.KEY and who.user in self.keys
        return who.method in (Method.TOKEN, Method.PROXY) and self._fits_person(who)

    def _fits_person(self, who: Principal) -> bool:
        if not (self.users or self.groups or self.claims):
            return False
        return (
            (not self.users or LOGGED_IN in self.users or who.user in self.users)
            and (not self.groups or bool(self.groups & who.groups))
            and all(wanted & claim_texts(who.claims, path) for path, wanted in self.claims.items())
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules; they add up."""

    rules: tuple[Rule, ...] = ()

    def admit(self, who: Principal) -> Principal:
        """Return somebody with the rights that the rules give, and no others."""
        rights: dict[str, frozenset[Role]] = {}
        for rule in self.rules:
            if rule.fits(who):
                rights |= {place: rights.get(place, frozenset()) | rule.roles for place in rule.places}
        return replace(who, rights=MappingProxyType(rights), everywhere=frozenset())


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """Return what a claim holds, or None; a name with dots is a claim of that name, else a way into objects."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def claim_texts(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """Return the texts of a claim: itself or each of its list; numbers and truth values as JSON writes them."""
    value = claim_at(claims, path)
    return frozenset(_texts(value if isinstance(value, list) else [value]))


def _texts(values: list[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, str | int):
            yield str(value)
