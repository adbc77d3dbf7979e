"""How full this process is, looked at once a second at most."""

import os
import resource
from dataclasses import dataclass
from typing import Final

import psutil

from gateway import memory

__all__ = ["Load", "memory_limit", "raise_descriptor_limit"]

LOOK_EACH_S: Final = 1.0
MEMORY_SHARE: Final = 0.8
"""Of what the container or the machine has, for all processes that serve; the rest is for those that render."""
DESCRIPTOR_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds."""

    memory_bytes: int
    descriptors: int


def held() -> Held:
    """Ask the system what this process holds."""
    process = psutil.Process()
    return Held(process.memory_info().rss, process.num_fds())


class Load:
    """Knows what is nearly used up. ``memory_mb`` None: a share of the container's memory or else the machine's."""

    def __init__(self, memory_mb: int | None = None) -> None:
        self.max_bytes = memory_mb << 20 if memory_mb else memory_limit()
        self._looked_at = float("-inf")
        self._lacking = ""

    def lacking(self, now: float) -> str:
        """Name what is nearly used up, memory or descriptors; empty when nothing is."""
        if now - self._looked_at >= LOOK_EACH_S:
            self._looked_at = now
            self._lacking = self._look()
        return self._lacking

    def _look(self) -> str:
        found = held()
        if found.memory_bytes > self.max_bytes:
            memory.give_back()
            found = held()
        if found.memory_bytes > self.max_bytes:
            return "memory"
        if found.descriptors > DESCRIPTOR_SHARE * resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
            return "descriptors"
        return ""


def memory_limit() -> int:
    """Return what one process may hold, where settings don't say."""
    whole = min(memory.container_bytes() or psutil.virtual_memory().total, psutil.virtual_memory().total)
    return int(whole * MEMORY_SHARE) // int(os.environ.get(memory.WORKERS_VARIABLE, "1"))


def raise_descriptor_limit() -> None:
    """Take as many descriptors as the system lets this process have: each client and each origin needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
