"""What is looked up instead of counted: at each scrape, and every few seconds where other workers answer it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from anyio import CapacityLimiter
from prometheus_client import Counter, Gauge

from gateway.telemetry.metrics import Metrics

__all__ = ["EACH_S", "Samples"]

EACH_S: Final = 5.0


@dataclass(slots=True)
class _Total:
    counter: Counter
    look: Callable[[], float]
    counted: float = 0


class Samples:
    """What is looked up, for one application."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._looks: list[tuple[Gauge, Callable[[], float]]] = []
        self._totals: list[_Total] = []

    def add(self, gauge: Gauge, look: Callable[[], float]) -> None:
        """Set a gauge from now on."""
        self._looks.append((gauge, look))

    def count(self, counter: Counter, look: Callable[[], float]) -> None:
        """Count on by what a total of the application, which begins at zero, has grown."""
        self._totals.append(_Total(counter, look))

    def pool(self, name: str, processes: CapacityLimiter, queue: CapacityLimiter) -> None:
        """Watch processes, and the queue in which they are waited for."""
        metrics = self._metrics
        self.add(metrics.pool_used.labels(name), lambda: processes.borrowed_tokens)
        self.add(metrics.pool_size.labels(name), lambda: processes.total_tokens)
        self.add(metrics.pool_waiting.labels(name), lambda: queue.statistics().tasks_waiting)

    def take(self) -> None:
        """Look at everything now."""
        self._metrics.take()
        for gauge, look in self._looks:
            gauge.set(look())
        self.catch_up()

    def catch_up(self) -> None:
        """Count what totals have grown."""
        for total in self._totals:
            now = total.look()
            total.counter.inc(now - total.counted)
            total.counted = now

    async def keep_taking(self) -> None:
        """Look every few seconds."""
        while True:
            self.take()
            await asyncio.sleep(EACH_S)
