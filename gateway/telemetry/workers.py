"""Metrics of several worker processes as one: each writes files in a private folder, whoever is asked adds them up.

prometheus_client decides when it is imported whether it writes files: the folder must be there before workers start.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["FOLDER_VARIABLE", "are_shared", "exposed", "shared_metrics"]

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_metrics() -> Iterator[Path]:
    """Make the folder (0700) and name it to the processes that start meanwhile; it goes with the server."""
    with tempfile.TemporaryDirectory(prefix="dicomveil-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[FOLDER_VARIABLE]


def are_shared() -> bool:
    """Say whether other workers' metrics are to be added up."""
    return FOLDER_VARIABLE in os.environ


def exposed(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Write the metrics of all workers, or of this process, in the form that a scraper accepts; with its media type.

    Takes milliseconds for thousands of series: not for the loop that streams.
    """
    encode, media_type = choose_encoder(accept)
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is not None:
        _forget_dead(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return encode(registry), media_type


def _forget_dead(folder: Path) -> None:
    """Drop what workers that have died said of their state; what they counted stays counted."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*.db")}:
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
