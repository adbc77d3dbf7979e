"""Issuers of tokens (OpenID Connect Discovery 1.0): where their keys are is discovered, and keys are read again.

Keys are read when the first token comes, again in the background once they are ten minutes old, and at once for a token
whose key is not among them, however many such tokens come: one reading at a time, and none within five seconds of the
last. When the issuer does not answer, the keys of the last hour go on working; after that nobody is let in.
"""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from gateway.access.tokens import PublicKey, SigningKey, Token, TokenRules, fitting, read_keys, refused
from gateway.adapters.reason import reason
from gateway.core.errors import IssuerFailed

__all__ = ["HttpIssuer", "KeyPolicy", "is_safe_url"]

DISCOVERY: Final = "/.well-known/openid-configuration"
MAX_DOCUMENT_BYTES: Final = 1 << 20

log = logging.getLogger("dicomveil.access")


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """For how long keys are taken as they are, and at most; how often they are asked for; how long that may take."""

    fresh_s: float = 600.0
    kept_s: float = 3600.0
    pause_s: float = 5.0
    timeout_s: float = 10.0


class HttpIssuer:
    """The issuer whose tokens ``rules`` are about; ``tls`` decides whom to believe to be it."""

    def __init__(
        self,
        rules: TokenRules,
        tls: ssl.SSLContext | None = None,
        policy: KeyPolicy = KeyPolicy(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self._tls = tls
        self._policy = policy
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._read_at = float("-inf")
        self._asked_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def key(self, token: Token) -> PublicKey:
        """Return the key that a token must be signed with; raises Unauthenticated, or IssuerFailed without keys."""
        found = self._known(token)
        if found is None:
            await self._ask()
            found = self._known(token)
        elif self._clock() - self._read_at > self._policy.fresh_s:
            self._read()
        if found is not None:
            return found
        if self._read_at < self._asked_at:  # the last reading failed: who knows which keys there are
            raise IssuerFailed("the issuer of a token does not answer", max(1, round(self._policy.pause_s)))
        raise refused("The token's issuer has no such key.")

    async def is_ready(self) -> bool:
        """Say whether tokens can be checked."""
        if not self._has_keys():
            await self._ask()
        return self._has_keys()

    async def aclose(self) -> None:
        """Break off what is being read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _has_keys(self) -> bool:
        return self._clock() - self._read_at <= self._policy.kept_s

    def _known(self, token: Token) -> PublicKey | None:
        return fitting(self._keys, token) if self._has_keys() else None

    async def _ask(self) -> None:
        if reading := self._read():
            await asyncio.shield(reading)  # others wait for it, too

    def _read(self) -> asyncio.Task[None] | None:
        """Return the reading that is under way, begin one, or return None when it is too soon."""
        if self._reading is not None and not self._reading.done():
            return self._reading
        if self._clock() - self._asked_at < self._policy.pause_s:
            return None
        self._asked_at = self._clock()
        self._reading = asyncio.create_task(self._read_keys())
        return self._reading

    async def _read_keys(self) -> None:
        try:
            async with asyncio.timeout(self._policy.timeout_s), self._session() as session:
                self._keys = await self._fetched(session)
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
            log.warning("keys of the issuer %s cannot be read: %s", self.rules.issuer, _reason(error))
        else:
            self._read_at = self._clock()

    async def _fetched(self, session: aiohttp.ClientSession) -> tuple[SigningKey, ...]:
        described = await _get(session, self.rules.issuer.rstrip("/") + DISCOVERY)
        if not isinstance(described, dict) or described.get("issuer") != self.rules.issuer:
            raise _Unusable("its discovery document is that of another issuer")
        place = described.get("jwks_uri")
        if not isinstance(place, str) or not is_safe_url(place):
            raise _Unusable("its discovery document names no safe jwks_uri")
        keys = read_keys(await _get(session, place))
        if not keys:
            raise _Unusable("it has no key that can be used")
        return keys

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )


class _Unusable(ValueError):
    """What came is no answer of an issuer; its message holds nothing of it."""


def is_safe_url(url: str) -> bool:
    """Say whether nobody on the way can change what comes from a URL: https, or this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _HERE))


_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "dicomveil"}
    async with session.get(url, headers=headers, allow_redirects=False) as answer:
        if answer.status != 200:
            raise _Unusable(f"status {answer.status}")
        body = bytearray()
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) > MAX_DOCUMENT_BYTES:
                raise _Unusable("its answer is too long")
        return json.loads(body)


def _reason(error: Exception) -> str:
    """Say what happened in words of ours: those of an exception may hold what came."""
    return str(error) if isinstance(error, _Unusable) else reason(error)
