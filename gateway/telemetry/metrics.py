"""The metrics of one process. Label values come from the settings and from closed sets, never from a request.

Made once, before anything is served, and handed in: what is counted outlives a reload of the settings. What has labels
is looked up once for each set of them. What each exchange counts is counted later, many times at once: after the body
of an answer nothing of that code is left in the processor's caches, and by itself it takes several times as long.
"""

import platform
from collections.abc import Callable, Mapping
from time import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway import __version__
from gateway.core.errors import GatewayError
from gateway.telemetry.process import ProcessMetrics

__all__ = ["CLASSES", "Metrics", "reason_of", "status_class"]

ANSWER_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
EXCHANGE_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
"""Up to a whole study for a slow reader."""
CLASSES: Final = ("none", "2xx", "3xx", "4xx", "5xx")
MAX_PENDING: Final = 250
"""Some sixty exchanges: what a worker that is killed may not have counted."""
_PLACED: Final = ("transaction", "place")


class Metrics:
    """All of them; those that many values make up are public, the rest is told by methods."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, what: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"dicomveil_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, labels: tuple[str, ...] = (), mode: str = "livesum") -> Gauge:
            return Gauge(f"dicomveil_{name}", what, labels, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        def histogram(name: str, what: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"dicomveil_{name}", what, labels, registry=registry, buckets=buckets)

        self.exchanges = counter("exchanges", "Requests that have ended.", (*_PLACED, "status"))
        self.broken = counter("broken_exchanges", "Answers below 400 that were not sent to their end.", _PLACED)
        self.sent = counter("sent_bytes", "Bytes of bodies sent to clients.", _PLACED)
        self.taken = counter("taken_bytes", "Bytes of bodies taken from clients.", _PLACED)
        self.results = counter("results", "Results, instances or jobs handed out or taken.", _PLACED)
        self.answer_seconds = histogram(
            "answer_seconds", "Until the head of an answer below 400 leaves.", ("transaction",), ANSWER_BUCKETS
        )
        self.exchange_seconds = histogram(
            "exchange_seconds", "Until the last byte has left.", ("transaction",), EXCHANGE_BUCKETS
        )
        self._in_flight = gauge("exchanges_in_flight", "Requests that are being answered.")
        self.open_exchanges = 0
        self.refusals = counter("refusals", "Exchanges that an error ended, by its kind.", ("reason",))
        self.final_check_hits = counter(
            "final_check_hits",
            "Objects and search results that the final check found to name their subject.",
            ("place",),
        )
        self.logins = counter("authentications", "Requests by how their sender was recognized.", ("outcome",))
        self.origin_requests = counter("origin_requests", "Requests to origins.", ("origin", "status"))
        self.origin_broken = counter("origin_broken_answers", "Answers of origins that broke off.", ("origin",))
        self.origin_seconds = histogram(
            "origin_answer_seconds", "Until the head of an origin's answer is there.", ("origin",), ANSWER_BUCKETS
        )
        self._origin_open = gauge("origin_requests_open", "Requests to origins that have not ended.", ("origin",))
        self.open_requests: dict[str, int] = {}
        self.origin_waiting = gauge("origin_requests_waiting", "Requests that wait for a connection.", ("origin",))
        self.pool_used = gauge("pool_used", "Processes that work on pixels.", ("pool",))
        self.pool_size = gauge("pool_size", "Processes that may work on pixels at once.", ("pool",))
        self.pool_waiting = gauge("pool_waiting", "Tasks that wait for one.", ("pool",))
        self.cache_entries = gauge("cache_entries", "What is kept in memory, by cache.", ("cache",))
        self.ready = gauge("ready", "1: it answered when /readyz last asked.", ("part",), "livemostrecent")
        self.jobs = gauge("uplink_jobs", "Jobs in the state store.", ("uplink", "state"), "livemostrecent")
        self.audit_failures = counter("audit_failures", "Records of the audit that could not be written.")
        self.reloads = counter("reloads", "Reloads of the settings.", ("outcome",))
        self.reload_succeeded = gauge("reload_last_success_timestamp_seconds", "When settings were taken.", mode="max")
        self.reload_ok = gauge("reload_last_ok", "0: the settings on disk were refused last.", mode="livemin")
        self.certificate_expires = gauge(
            "certificate_expiry_timestamp_seconds", "When the server's certificate expires.", mode="livemostrecent"
        )
        self._process = ProcessMetrics(registry)
        self._profiles = gauge(
            "profile_info", "1: the profile in force.", ("place", "profile", "digest"), "livemostrecent"
        )
        self._in_force: set[tuple[str, str, str]] = set()
        self._pending: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        build = gauge("build_info", "The version that runs.", ("version", "python"), "max")
        build.labels(__version__, platform.python_version()).set(1)
        self.reload_ok.set(True)
        self.reload_succeeded.set(time())

    def later(self, count: Callable[..., object], *values: object) -> None:
        """Call ``count`` with these values before anybody looks; it must not raise."""
        self._pending.append((count, values))
        if len(self._pending) >= MAX_PENDING:
            self.catch_up()

    def catch_up(self) -> None:
        """Count what waits for it."""
        pending, self._pending = self._pending, []
        for count, values in pending:
            count(*values)

    def take(self) -> None:
        """Write down what changes too often to be written each time."""
        self.catch_up()
        self._process.take()
        self._in_flight.set(self.open_exchanges)
        for origin, requests in self.open_requests.items():
            self._origin_open.labels(origin).set(requests)

    def reloaded(self, *, ok: bool) -> None:
        """Note that new settings were taken, or refused."""
        self.reloads.labels("succeeded" if ok else "refused").inc()
        self.reload_ok.set(ok)
        if ok:
            self.reload_succeeded.set(time())

    def profiles_in_force(self, profiles: Mapping[str, tuple[str, str]]) -> None:
        """Note name and digest of the profile of each place; those that were in force before no longer are."""
        now = {(place, *profile) for place, profile in profiles.items()}
        for one in self._in_force - now:
            self._profiles.labels(*one).set(0)
        for one in now:
            self._profiles.labels(*one).set(1)
        self._in_force |= now

    def audit_failed(self) -> None:
        """Note that a record could not be written."""
        self.audit_failures.inc()


def status_class(status: int) -> str:
    """Return 2xx to 5xx; none for an exchange that ended without an answer."""
    return f"{status // 100}xx" if 200 <= status < 600 else "none"


def reason_of(fault: str) -> str:
    """Return the class of an error as a label: one of ours, or ``other``."""
    return fault if fault in _REASONS else "other"


def _kinds(of: type[GatewayError]) -> set[str]:
    return {of.__name__}.union(*(_kinds(one) for one in of.__subclasses__()))


_REASONS: Final = frozenset(_kinds(GatewayError)) | {"HTTPException", "CancelledError"}
