"""API keys: random, known by their hash only.

A plain SHA-256 is enough: of 256 random bits there is nothing to guess, and no dictionary to slow down.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.access.model import Method, Principal
from gateway.core.errors import Unauthenticated

__all__ = ["PREFIX", "ApiKey", "ApiKeys", "hash_of", "new_key", "read_hash"]

PREFIX: Final = "dv_"
"""Begins every key, so that scanners of repositories and logs can find one."""
RANDOM_BYTES: Final = 32

_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the settings; ``expires`` is in seconds since 1970, None for never."""

    name: str
    digest: bytes
    expires: float | None = None


class ApiKeys:
    """All keys of the settings."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = tuple(keys)

    def find(self, shown: str, now: float) -> Principal:
        """Return whose key was shown; raises Unauthenticated. Takes the same time for every key."""
        digest = _digest(shown)
        found = [key for key in self._keys if hmac.compare_digest(key.digest, digest)]
        if not found:
            raise Unauthenticated("There is no such key.", "invalid_token")
        key = found[0]
        if key.expires is not None and key.expires <= now:
            raise Unauthenticated("The key has expired.", "invalid_token")
        return Principal(key.name, Method.KEY, expires=key.expires, user=key.name)


def new_key() -> str:
    """Make a key."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def hash_of(key: str) -> str:
    """Return what the settings hold of a key."""
    return "sha256:" + _digest(key).hex()


def read_hash(text: str) -> bytes:
    """Return the digest of a hash in the settings; raises ValueError."""
    match = _HASH.fullmatch(text)
    if match is None:
        raise ValueError("should be sha256: and 64 digits a-f, 0-9, as dicomveil key prints it")
    return bytes.fromhex(match[1])


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
