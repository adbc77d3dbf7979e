"""A share: one link to what one job stored at a destination. The link itself is kept nowhere, only its digest."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class Policy(Protocol):
    """How long a share lasts, and how often it may be opened (None: as often as wanted)."""

    @property
    def days(self) -> int:
        """Days until it ends."""

    @property
    def views(self) -> int | None:
        """Openings until it ends."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share as who made it knows it. ``token`` opens it and cannot be had again; ``id`` revokes it."""

    id: str
    token: str = field(repr=False)
    expires: datetime

    @property
    def path(self) -> str:
        """Its address below the gateway's base."""
        return f"/shares/{self.token}/"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of a share now. ``pin`` is its sealed check; ``views_left`` None has no limit.

    After ``failures`` wrong PINs in a row none is looked at before ``retry_at`` (seconds since 1970).
    """

    digest: bytes
    uplink: str
    expires: int
    views_left: int | None
    pin: bytes | None
    failures: int = 0
    retry_at: int = 0

    @property
    def is_guarded(self) -> bool:
        """Say whether the link alone is not enough to see a picture."""
        return self.pin is not None or self.views_left is not None


class ShareStore(Protocol):
    """Where shares are kept; what has expired, was revoked or never was is the same nothing. Raises StateFailed."""

    async def put(self, share_id: str, standing: Standing, sealed: bytes) -> None:
        """Keep a share in the place of the one that has its id, if any."""

    async def find(self, digest: bytes, now: int) -> Standing | None:
        """Return what is true of a share that has not expired."""

    async def sealed(self, digest: bytes) -> bytes | None:
        """Return what was sealed with a share."""

    async def count_view(self, digest: bytes) -> bool:
        """Take one of the views that are left; False when there is none."""

    async def count_failure(self, digest: bytes, failures: int, retry_at: int) -> bool:
        """Count one wrong PIN more than ``failures``; False when another request has done so meanwhile."""

    async def forgive(self, digest: bytes) -> None:
        """Forget wrong PINs."""

    async def delete(self, share_id: str) -> None:
        """Delete a share, if it is there."""

    async def delete_expired(self, now: int) -> None:
        """Delete every share that has expired."""


def digest_of(token: str) -> bytes:
    """Return what a token is found by: whoever reads the database has no link."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
