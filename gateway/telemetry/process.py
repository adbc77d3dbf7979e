"""What a process takes, under the names that all exporters use; of several workers one number is made."""

from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.process_collector import ProcessCollector

from gateway.memory import container_bytes

__all__ = ["ProcessMetrics"]

_GAUGES: Final[dict[str, Literal["livesum", "livemin"]]] = {
    "process_resident_memory_bytes": "livesum",
    "process_open_fds": "livesum",
    "process_max_fds": "livemin",
    "process_start_time_seconds": "livemin",
}


class ProcessMetrics:
    """prometheus_client's own collector, written down at ``take``: what it collects, other workers could not show."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._collector = ProcessCollector(registry=None)
        self._gauges = {
            family.name: Gauge(
                family.name, family.documentation, registry=registry, multiprocess_mode=_GAUGES[family.name]
            )
            for family in self._collector.collect()
            if family.name in _GAUGES
        }
        self._cpu = Counter("process_cpu_seconds", "CPU time of workers.", registry=registry)
        self._cpu_seen = 0.0
        limit = Gauge(
            "dicomveil_memory_limit_bytes", "Of the container; 0: none.", registry=registry, multiprocess_mode="max"
        )
        limit.set(container_bytes() or 0)

    def take(self) -> None:
        """Look now."""
        for family in self._collector.collect():
            value = family.samples[0].value
            if family.name in self._gauges:
                self._gauges[family.name].set(value)
            elif family.type == "counter":
                self._cpu.inc(value - self._cpu_seen)
                self._cpu_seen = value
