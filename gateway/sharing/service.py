"""Makes shares, takes them back, and says who may see what: the only place that knows the rules.

A share opens for who has its token, until it expires, is revoked or was opened as often as allowed. Opening it is one
view, whatever is looked at then: who has opened a guarded share (a PIN or a limit of views) holds a pass for a while.
"""

import asyncio
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Final

import msgspec
from cachetools import LRUCache

from gateway.core.errors import NotReleased, StateFailed
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.passing import Passing
from gateway.ports import OriginServer, ReleaseStore
from gateway.sharing.contents import Contents, read_contents
from gateway.sharing.model import Policy, Share, ShareStore, Standing, digest_of
from gateway.sharing.pins import checked_pin, is_right, made_check, wait_s
from gateway.worklists.source import Selection
from gateway.worklists.worklist import Worklist

TOKEN_BYTES: Final = 32
PASS_S: Final = 12 * 3600
"""How long an opened share stays open for who opened it: an evening, not a week."""
CACHED_ITEMS: Final = 50_000
"""Images and clips whose places at the destination are held in memory: about 30 MB."""
_CONTENTS, _PIN, _PASS = "share", "share pin", "share pass"
_DAY_S: Final = 86_400


def destination(name: str, origin: OriginServer, keys: KeyRings, domain: str, store: ReleaseStore) -> Worklist:
    """Return the internal worklist that shares of an uplink are drawn from: as the destination has it, and unserved."""
    return Worklist(name, "", origin, Passing(), keys, Selection(), store, domain, frozenset())


class Sharing:
    """Shares of every uplink; ``destinations`` are worklists by the name of the uplink."""

    def __init__(
        self, store: ShareStore, destinations: Mapping[str, Worklist], clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._clock = clock
        self._known: LRUCache[bytes, Contents] = LRUCache(CACHED_ITEMS, lambda contents: len(contents.items))

    async def create(
        self,
        job_id: str,
        uplink: str,
        released_study: str,
        released_instances: Collection[str],
        policy: Policy,
        pin: str | None = None,
    ) -> Share:
        """Share what a job stored, and return the only copy of the token.

        A job has one share, whose id is the job's: asked again, it gets a new token and the one before ends. Raises
        NotAcceptable when nothing of it can be shown, BadRequest for a PIN that is none, OriginFailed, StateFailed.
        """
        worklist = self._destinations[uplink]
        contents = await read_contents(worklist.origin, released_study, released_instances)
        token = token_urlsafe(TOKEN_BYTES)
        digest, ring = digest_of(token), worklist.keys.current
        check = None
        if pin is not None:
            check = ring.seal(_PIN, await asyncio.to_thread(made_check, checked_pin(pin)), digest)
        expires = int(self._clock()) + policy.days * _DAY_S
        await self._store.delete_expired(int(self._clock()))
        await self._store.put(
            job_id,
            Standing(digest, uplink, expires, policy.views, check),
            ring.seal(_CONTENTS, msgspec.json.encode(contents), digest),
        )
        return Share(job_id, token, datetime.fromtimestamp(expires, UTC))

    async def revoke(self, share_id: str) -> None:
        """End a share now and delete it; one that is not there is fine. Raises StateFailed."""
        await self._store.delete(share_id)

    async def find(self, token: str) -> Standing | None:
        """Return what is true of a share; None when its link leads nowhere (any more). Raises StateFailed."""
        standing = await self._store.find(digest_of(token), int(self._clock()))
        return standing if standing and standing.uplink in self._destinations else None

    def worklist(self, share: Standing) -> Worklist:
        """Return the worklist that holds what is shared."""
        return self._destinations[share.uplink]

    async def contents(self, share: Standing) -> Contents:
        """Return what is shared. Raises NotReleased when it has just ended, StateFailed."""
        known = self._known.get(share.digest)
        if known is not None:
            return known
        sealed = await self._store.sealed(share.digest)
        if sealed is None:
            raise NotReleased
        contents = msgspec.json.decode(self._opened(share, _CONTENTS, sealed), type=Contents)
        if len(contents.items) <= CACHED_ITEMS:
            self._known[share.digest] = contents
        return contents

    async def opened(self, share: Standing) -> str | None:
        """Count a view and return a pass; None when no view is left. Raises StateFailed."""
        if share.views_left is not None and not await self._store.count_view(share.digest):
            return None
        until = min(int(self._clock()) + PASS_S, share.expires)
        sealed = self.worklist(share).keys.current.seal(_PASS, str(until).encode(), share.digest)
        return urlsafe_b64encode(sealed).decode()

    def admits(self, share: Standing, given: str) -> bool:
        """Say whether pictures may be seen: with a pass, or with the link alone where nothing else guards them."""
        if not share.is_guarded:
            return True
        try:
            until = self._unsealed(share, _PASS, urlsafe_b64decode(given))
        except (Base64Error, ValueError):
            return False
        return until is not None and int(until) > self._clock()

    def wait_s(self, share: Standing) -> int:
        """Return for how many seconds no PIN is looked at."""
        return max(0, share.retry_at - int(self._clock()))

    async def accepts(self, share: Standing, pin: str) -> bool:
        """Try a PIN. It counts as wrong until it was right: of many at the same time one is looked at."""
        if share.pin is None or self.wait_s(share):
            return False
        failures = share.failures + 1
        retry_at = int(self._clock()) + wait_s(failures)
        if not await self._store.count_failure(share.digest, share.failures, retry_at):
            return False
        check = self._opened(share, _PIN, share.pin)
        if not await asyncio.to_thread(is_right, pin, check):
            return False
        await self._store.forgive(share.digest)
        return True

    def _opened(self, share: Standing, purpose: str, sealed: bytes) -> bytes:
        found = self._unsealed(share, purpose, sealed)
        if found is None:
            raise StateFailed("a share in the state store does not open with this secret")
        return found

    def _unsealed(self, share: Standing, purpose: str, sealed: bytes) -> bytes | None:
        rings = self.worklist(share).keys
        return next(filter(None, (ring.open(purpose, sealed, share.digest) for ring in rings)), None)
