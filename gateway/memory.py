"""What a process that streams large bodies tells its allocator and its garbage collector, and what it may take."""

import ctypes
import gc
import os
from pathlib import Path

# <malloc.h> of glibc.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

# A receive buffer is 256 kB, above glibc's first mmap threshold (128 kB): each one would be mapped, faulted in page by
# page and unmapped again, which costs more than copying the bytes. 32 MiB is the largest value glibc takes.
MMAP_THRESHOLD_BYTES = 32 << 20
TRIM_THRESHOLD_BYTES = 256 << 20

WORKERS_VARIABLE = "DICOMVEIL_WORKERS"
"""Tells a process among how many it shares the memory."""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")

# Parsed JSON makes many containers and no cycles; the default (700) walks them again and again.
GC_YOUNG_THRESHOLD = 50_000


def set_malloc_thresholds() -> bool:
    """Let the allocator keep receive buffers; return False, and change nothing, where the C library is not glibc.

    Held in memory: up to 256 MiB that were used once and are free now are kept for the next buffers.
    """
    if not _is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES) and mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES))


def give_back() -> None:
    """Hand memory that is free back to the system; the allocator keeps what others need, where it is not glibc."""
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def tune_gc() -> None:
    """Keep the collector away from what lives as long as the process, and let it look at the rest less often.

    To be called when everything is loaded: what exists then is not looked at again before the next call.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _, *older = gc.get_threshold()
    gc.set_threshold(GC_YOUNG_THRESHOLD, *older)


def container_bytes(limit: Path = CGROUP_LIMIT) -> int | None:
    """Return the memory limit of the container that this runs in (cgroup v2); None where there is none."""
    text = limit.read_text().strip() if limit.exists() else "max"
    return None if text == "max" else int(text)


def _is_glibc() -> bool:
    # macOS has no such name, musl answers nothing to it.
    return "CS_GNU_LIBC_VERSION" in os.confstr_names and (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
