"""API keys: random, known by their hash only.

A plain SHA-256 is enough: of 256 random bits there is nothing to guess, and no dictionary to slow down.
"""

import re
import secrets
from collections.abc import Callable, Iterable
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
    """All keys of the settings; ``admit`` gives who has one their rights."""

    def __init__(self, keys: Iterable[ApiKey], admit: Callable[[Principal], Principal]) -> None:
        self._holders = {key.digest: admit(_holder(key)) for key in keys}

    def find(self, shown: str, now: float) -> Principal:
        """Return whose key was shown; raises Unauthenticated.

        It is looked up by its digest: how far that agrees with another nobody can choose, so the time tells nothing.
        """
        holder = self._holders.get(_digest(shown))
        if holder is None:
            raise Unauthenticated("There is no such key.", "invalid_token")
        if holder.expires is not None and holder.expires <= now:
            raise Unauthenticated("The key has expired.", "invalid_token")
        return holder


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


def _holder(key: ApiKey) -> Principal:
    return Principal(key.name, Method.KEY, expires=key.expires, user=key.name)


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
