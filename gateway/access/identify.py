"""Says who sends a request, by what is in its headers: a token, a key, a trusted proxy's word, or nothing.

What is shown must hold: credentials that don't never make somebody anonymous, and neither do two at once, since it is
not for the gateway to choose. A token is checked once and then known by its hash, for minutes and never beyond its
end; whatever is remembered goes with this object, so new settings begin with nothing.
"""

import logging
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final, Protocol

from cachetools import TLRUCache
from starlette.datastructures import Headers

from gateway.access.keys import PREFIX, ApiKey, ApiKeys
from gateway.access.model import ANONYMOUS, Principal
from gateway.access.policy import Policy
from gateway.access.proxy import Proxy
from gateway.access.tokens import PublicKey, Token, TokenRules, read_token
from gateway.core.errors import Unauthenticated

__all__ = ["Identifier", "Issuer"]

REMEMBERED_TOKENS: Final = 4096
REMEMBERED_S: Final = 300.0
"""For so long a token is not checked again: what its issuer has withdrawn meanwhile shows then."""

log = logging.getLogger("dicomveil.access")


class Issuer(Protocol):
    """Who signs tokens, and which keys it signs them with."""

    rules: TokenRules

    async def key(self, token: Token) -> PublicKey:
        """Return the key that a token must be signed with; raises Unauthenticated or IssuerFailed."""
        ...

    async def is_ready(self) -> bool:
        """Say whether its tokens can be checked."""
        ...

    async def aclose(self) -> None:
        """Break off what is under way."""
        ...


class Identifier:
    """Recognizes who asks, and gives them what the policy allows; ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        policy: Policy,
        keys: Iterable[ApiKey],
        issuers: Iterable[Issuer] = (),
        proxy: Proxy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy
        self._keys = ApiKeys(keys, policy.admit)
        self._issuers = {issuer.rules.issuer: issuer for issuer in issuers}
        self._rules = tuple(issuer.rules for issuer in self._issuers.values())
        self._proxy = proxy
        self._clock = clock
        self._anonymous = policy.admit(ANONYMOUS)
        self._known: TLRUCache[bytes, Principal] = TLRUCache(REMEMBERED_TOKENS, _forgotten_at, clock)

    async def __call__(self, headers: Headers, address: str) -> Principal:
        """Return who sends these headers from this address, which is that of the connection itself.

        Raises Unauthenticated for what does not hold, and IssuerFailed when nobody can say whether it does.
        """
        try:
            return await self._identify(headers, address)
        except Unauthenticated as error:
            log.info("refused: %s", error)  # its words are fixed ones
            raise

    async def are_ready(self) -> bool:
        """Say whether the tokens of every issuer can be checked."""
        return all([await issuer.is_ready() for issuer in self._issuers.values()])

    async def aclose(self) -> None:
        """Break off what issuers are being asked."""
        for issuer in self._issuers.values():
            await issuer.aclose()

    async def _identify(self, headers: Headers, address: str) -> Principal:
        shown, keys = headers.getlist("authorization"), headers.getlist("x-api-key")
        is_named = self._proxy is not None and self._proxy.user in headers
        if len(shown) + len(keys) + is_named > 1:
            raise Unauthenticated("One request shows credentials twice.", "invalid_request")
        if self._proxy is not None and is_named:
            return self._policy.admit(self._proxy.find(headers, address))
        if keys:
            return self._keys.find(keys[0], self._clock())
        return await self._bearer(shown[0]) if shown else self._anonymous

    async def _bearer(self, authorization: str) -> Principal:
        scheme, _, credentials = authorization.partition(" ")
        credentials = credentials.strip()
        if scheme.lower() != "bearer":
            raise Unauthenticated("Only bearer tokens and keys are taken.", "invalid_request")
        if credentials.startswith(PREFIX):
            return self._keys.find(credentials, self._clock())
        digest = sha256(credentials.encode()).digest()
        known = self._known.get(digest)
        if known is None:
            known = self._known[digest] = self._policy.admit(await self._verified(credentials))
        return known

    async def _verified(self, text: str) -> Principal:
        token, rules = read_token(text, self._rules)
        return token.verify(await self._issuers[token.issuer].key(token), rules)


def _forgotten_at(_digest: bytes, who: Principal, now: float) -> float:
    return min(now + REMEMBERED_S, who.expires if who.expires is not None else now)
