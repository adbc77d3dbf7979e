"""Watchers that count and log what became of each exchange: what it was, where, how it ended. Nothing of its path."""

import logging
from collections.abc import Mapping
from time import monotonic
from typing import Final

from prometheus_client import Histogram

from gateway.access.model import Method
from gateway.calls import Call, Watcher
from gateway.telemetry.metrics import CLASSES, Metrics, reason_of, status_class

__all__ = ["ExchangeLog", "ExchangeMetrics"]

log = logging.getLogger("dicomveil.exchanges")

_NONE: Final = "none"
"""What a call is that no route has taken: an unknown path, whatever it holds."""


class ExchangeMetrics(Watcher):
    """Counts exchanges; the first of the watchers, since it counts as open what another one refuses."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._ends: dict[tuple[str, str], _End] = {}
        self._logins = {method: metrics.logins.labels(method.value) for method in Method}
        self._answers: dict[str, Histogram] = {}

    def opened(self, call: Call, headers: Mapping[str, str]) -> None:  # noqa: ARG002 nothing of a client's
        """Count it as under way."""
        self._metrics.open_exchanges += 1

    def known(self, call: Call) -> None:
        """Count how its sender was recognized."""
        self._metrics.later(self._logins[call.principal.method].inc)

    def answering(self, call: Call) -> None:
        """Note how long that took."""
        answers = self._answers.get(call.transaction)
        if answers is None:
            answers = self._metrics.answer_seconds.labels(call.transaction or _NONE)
            self._answers[call.transaction] = answers
        self._metrics.later(answers.observe, monotonic() - call.began)

    def ended(self, call: Call) -> None:
        """Count what it was."""
        metrics = self._metrics
        metrics.open_exchanges -= 1
        key = (call.transaction or _NONE, call.place or _NONE)
        end = self._ends.get(key)
        if end is None:
            end = self._ends[key] = _End(metrics, *key)
        is_broken = call.status < 400 and not call.is_whole
        seconds = monotonic() - call.began
        metrics.later(end.note, call.status, seconds, call.sent, call.taken, call.count, is_broken)
        if call.fault:
            metrics.refusals.labels(reason_of(call.fault)).inc()
            if call.fault == "Unauthenticated":
                metrics.logins.labels("refused").inc()


class _End:
    """The counters of one transaction at one place, looked up once."""

    def __init__(self, metrics: Metrics, transaction: str, place: str) -> None:
        placed = (transaction, place)
        self._exchanges = {kind: metrics.exchanges.labels(*placed, kind) for kind in CLASSES}
        self._seconds = metrics.exchange_seconds.labels(transaction)
        counters = (metrics.sent, metrics.taken, metrics.results, metrics.broken)
        self._placed = [counter.labels(*placed) for counter in counters]

    def note(self, status: int, seconds: float, sent: int, taken: int, count: int, is_broken: int) -> None:
        self._exchanges[status_class(status)].inc()
        self._seconds.observe(seconds)
        for counter, by in zip(self._placed, (sent, taken, count, is_broken), strict=True):
            if by:
                counter.inc(by)


class ExchangeLog(Watcher):
    """Logs one line for each exchange. A request's name is in every record made while it is served."""

    def ended(self, call: Call) -> None:
        """Write the line."""
        milliseconds = round((monotonic() - call.began) * 1000, 1)
        fields = {
            "transaction": call.transaction or _NONE,
            "place": call.place or _NONE,
            "status": call.status,
            "bytes": call.sent,
            "taken": call.taken,
            "ms": milliseconds,
            "whole": call.is_whole,
        }
        log.info("%(transaction)s %(place)s %(status)s, %(bytes)s bytes, %(ms)s ms", fields, extra={"exchange": fields})
