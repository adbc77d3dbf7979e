"""Whether all that the gateway depends on answers: asked at once, each for a while, and not again for a moment.

However many probe, an origin is asked once in ``KEPT_S``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Final

from prometheus_client import Gauge

from gateway.core.errors import GatewayError

__all__ = ["Check", "Readiness"]

log = logging.getLogger("dicomveil.admin")

KEPT_S: Final = 2.0
MOST_S: Final = 3.0
"""Less than probes wait: k8s/base has 5 s."""

Check = Callable[[], Awaitable[bool]]
"""Says whether a part works; a GatewayError says that it does not."""


_NONE: Final[Mapping[str, Check]] = {}


class Readiness:
    """Asks ``checks``; their names reach the log and the metrics, never an answer. Those ``beside`` are only shown."""

    def __init__(
        self, checks: Mapping[str, Check], ready: Gauge, beside: Mapping[str, Check] = _NONE, most_s: float = MOST_S
    ) -> None:
        self._checks = {**checks, **beside}
        self._beside = frozenset(beside)
        self._ready = ready
        self._most_s = most_s
        self._asking = asyncio.Lock()
        self._looked = -KEPT_S
        self._is_ready = False
        self._failed: list[str] = []

    async def is_ready(self) -> bool:
        """Say whether all of them worked a moment ago, or do now."""
        async with self._asking:
            if monotonic() - self._looked >= KEPT_S:
                self._is_ready = await self._look()
                self._looked = monotonic()
        return self._is_ready

    async def _look(self) -> bool:
        works = await asyncio.gather(*(self._works(check) for check in self._checks.values()))
        for name, works_now in zip(self._checks, works, strict=True):
            self._ready.labels(name).set(works_now)
        failed = [name for name, works_now in zip(self._checks, works, strict=True) if not works_now]
        is_ready = self._beside.issuperset(failed)
        if failed:
            log.warning("not ready: %s%s", ", ".join(failed), " (without which it stays ready)" if is_ready else "")
        elif self._failed:
            log.warning("ready again: %s", ", ".join(self._failed))
        self._failed = failed
        return is_ready

    async def _works(self, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._most_s):
                return await check()
        except (GatewayError, TimeoutError):
            return False
