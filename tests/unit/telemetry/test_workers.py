"""Several processes, one page of metrics: real processes, as a server starts them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.telemetry.workers import FOLDER_VARIABLE, are_shared, shared_metrics

WORKER = """
import os, sys
from gateway.telemetry.metrics import Metrics
metrics = Metrics()
metrics.exchanges.labels("RetrieveStudy", "worklist:research", "2xx").inc(3)
metrics.open_exchanges += 2
metrics.ready.labels("archive").set(float(sys.argv[1]))
metrics.profiles_in_force({"worklist:research": ("nominal", "12")})
metrics.take()
print("counted", flush=True)
sys.stdin.read()
"""
PAGE = """
from prometheus_client import CollectorRegistry
from gateway.telemetry.workers import exposed
print(exposed(CollectorRegistry(), "")[0].decode())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with shared_metrics() as made:
        yield made


def worker(ready: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(ready)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def page() -> list[str]:
    done = subprocess.run([sys.executable, "-c", PAGE], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_workers_are_added_up_and_what_a_dead_one_held_is_forgotten(folder: Path) -> None:
    counted = 'dicomveil_exchanges_total{place="worklist:research",status="2xx",transaction="RetrieveStudy"}'
    first, second = worker(1), worker(1)
    try:
        lines = page()
        assert f"{counted} 6.0" in lines
        assert "dicomveil_exchanges_in_flight 4.0" in lines
        assert "dicomveil_reload_last_ok 1.0" in lines
        end(second)
        lines = page()
        assert f"{counted} 6.0" in lines  # what it counted stays counted
        assert "dicomveil_exchanges_in_flight 2.0" in lines
        assert 'dicomveil_ready{part="archive"} 1.0' in lines
    finally:
        end(first)
        end(second)
    assert not any("dicomveil_exchanges_in_flight" in line for line in page())


def test_the_folder_is_private_and_goes_with_the_server() -> None:
    with shared_metrics() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert os.environ[FOLDER_VARIABLE] == str(folder)
        assert are_shared()
    assert not folder.exists()
    assert not are_shared()
