"""What sees one application: watchers of its exchanges, its origins as they are counted, /readyz and /metrics.

What is counted is the process's and goes on counting when a reload replaces the application.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync

from gateway.access.identify import Identifier
from gateway.access.model import uplink_place, worklist_place
from gateway.adapters.origin_http import HttpOrigin
from gateway.assembly import Uplinks
from gateway.audit.recorder import Recorder
from gateway.calls import Watcher
from gateway.config import model
from gateway.core.errors import GatewayError
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.lasting import Lasting
from gateway.ports import OriginServer, ReleaseStore
from gateway.telemetry.certificate import expiry
from gateway.telemetry.exchanges import ExchangeLog, ExchangeMetrics
from gateway.telemetry.origins import WatchedOrigin
from gateway.telemetry.readiness import Check, Readiness
from gateway.telemetry.samples import Samples
from gateway.telemetry.workers import are_shared, exposed
from gateway.uplink.model import State

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

__all__ = ["Instruments"]

COUNTING_S: Final = 3.0
"""How long a scrape waits for the state store."""


class Instruments:
    """Made with an application; ``running`` while it is open."""

    def __init__(self, settings: model.Settings, lasting: Lasting) -> None:
        self._settings = settings
        self._metrics = lasting.metrics
        self._tracing = _tracing(settings.tracing)
        self._samples = _samples(settings, lasting)
        self._uplinks: Uplinks | None = None

    @property
    def watchers(self) -> list[Watcher]:
        """Return what is told of exchanges, before all other watchers."""
        watchers: list[Watcher] = [ExchangeMetrics(self._metrics)]
        if self._tracing is not None:
            watchers.append(self._tracing)
        if self._settings.logs.exchanges:
            watchers.append(ExchangeLog())
        return watchers

    def watched(self, origins: Mapping[str, OriginServer]) -> dict[str, OriginServer]:
        """Return origins whose requests are counted; whoever opened them closes them."""
        for name, origin in origins.items():
            if isinstance(origin, HttpOrigin):
                waiting = self._metrics.origin_waiting.labels(name)
                self._samples.add(waiting, lambda origin=origin: origin.waiting)  # type: ignore[misc]
        return {name: WatchedOrigin(one, name, self._metrics, self._tracing) for name, one in origins.items()}

    def readiness(
        self,
        origins: Mapping[str, OriginServer],
        store: ReleaseStore,
        identifier: Identifier | None,
        recorder: Recorder | None,
    ) -> Readiness:
        """Return what /readyz asks: the origins that somebody waits for, and the state store.

        The issuers count where nobody gets in without. The audit is only shown: the next exchange finds out whether it
        works again, and there would be none.
        """
        awaited = {listed.origin for listed in self._settings.worklists.values()}
        awaited |= {uplink.destination for uplink in self._settings.uplinks.values() if uplink.share is not None}
        checks: dict[str, Check] = {name: _answers(origins[name]) for name in origins if name in awaited}
        checks["state"] = _remembers(store)
        beside: dict[str, Check] = {"audit": recorder.is_working} if recorder is not None else {}
        access = self._settings.access
        if identifier is not None and access is not None and access.issuers:
            others = access.keys or access.proxy or any(rule.anyone for rule in access.policy.rules)
            (beside if others else checks)["issuer"] = identifier.are_ready
        return Readiness(checks, self._metrics.ready, beside)

    def count_cache(self, name: str, entries: Callable[[], int]) -> None:
        """Count what a cache holds, too."""
        self._samples.add(self._metrics.cache_entries.labels(name), entries)

    def count_hits(self, place: str, engine: Engine | Passing) -> None:
        """Count what the final check of a place keeps back, too."""
        if isinstance(engine, Engine) and (check := engine.final_check) is not None:
            self._samples.count(self._metrics.final_check_hits.labels(place), lambda: check.refused)

    def count_jobs(self, uplinks: Uplinks) -> None:
        """Count jobs, too."""
        self._uplinks = uplinks
        for name, uplink in uplinks.jobs.uplinks.items():
            self.count_hits(uplink_place(name), uplink.engine)

    async def exposed(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the form that a scraper accepts, with its media type."""
        self._samples.take()
        await self._jobs_counted()
        return await run_sync(exposed, self._metrics.registry, accept)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """See the application from here to its end."""
        taking = asyncio.create_task(self._samples.keep_taking()) if are_shared() else None
        try:
            yield
        finally:
            if taking is not None:
                taking.cancel()
            self._samples.catch_up()
            self._metrics.catch_up()
            if self._tracing is not None:
                await self._tracing.aclose()

    def in_force(self) -> None:
        """Note that the application's settings are those of the process now."""
        self._metrics.profiles_in_force(_profiles(self._settings))

    async def _jobs_counted(self) -> None:
        if self._uplinks is None:
            return
        with suppress(GatewayError, TimeoutError):  # /readyz says so
            async with asyncio.timeout(COUNTING_S):
                counts = await self._uplinks.counts()
            for name in self._settings.uplinks:
                for state in State:
                    self._metrics.jobs.labels(name, state.value).set(counts.get((name, state.value), 0))


def _tracing(settings: model.Tracing | None) -> "Tracing | None":
    if settings is None:
        return None
    from gateway.telemetry.tracing import Tracing  # noqa: PLC0415 needs an extra

    return Tracing(settings.endpoint, settings.ratio)


def _samples(settings: model.Settings, lasting: Lasting) -> Samples:
    samples = Samples(lasting.metrics)
    for name, pool in (
        ("rendering", lasting.renderers),
        ("masking", lasting.codecs),
        ("screening", lasting.screeners),
    ):
        samples.pool(name, *pool.queue)
    if (tls := settings.tls) is not None:
        samples.add(lasting.metrics.certificate_expires, lambda: expiry(tls.certificate))
    return samples


def _profiles(settings: model.Settings) -> dict[str, tuple[str, str]]:
    """Return name and digest of the profile of each place."""
    listed = {
        worklist_place(one.name): (one.profile.name, one.profile.digest) if one.profile else ("identified", "")
        for one in settings.worklists.values()
    }
    return listed | {
        uplink_place(one.name): (one.profile.name, one.profile.digest) for one in settings.uplinks.values()
    }


def _answers(origin: OriginServer) -> Check:
    async def check() -> bool:
        async with origin.get("/studies", "limit=1", "application/dicom+json") as answer:
            return answer.status in (200, 204, 206)

    return check


def _remembers(store: ReleaseStore) -> Check:
    async def check() -> bool:
        await store.get("readyz", "study", "none")
        return True

    return check
