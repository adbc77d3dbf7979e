"""How full a process is."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import memory
from gateway.limits import load
from gateway.limits.load import LOOK_EACH_S, Load, memory_limit


def test_a_process_within_its_memory_lacks_nothing() -> None:
    assert Load(memory_mb=1 << 20).lacking(0) == ""


def test_a_process_beyond_its_memory_says_so() -> None:
    assert Load(memory_mb=1).lacking(0) == "memory"


def test_it_is_looked_at_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def look() -> load.Held:
        nonlocal looked
        looked += 1
        return load.Held(0, 0)

    monkeypatch.setattr(load, "held", look)
    one = Load(memory_mb=1)
    for now in (0, 0.1, LOOK_EACH_S - 0.01):
        one.lacking(now)
    assert looked == 1
    one.lacking(LOOK_EACH_S)
    assert looked == 2


def test_a_process_that_runs_out_of_descriptors_says_so() -> None:
    whole = resource.getrlimit(resource.RLIMIT_NOFILE)
    one = Load(memory_mb=1 << 20)
    resource.setrlimit(resource.RLIMIT_NOFILE, (load.held().descriptors, whole[1]))
    try:
        assert one.lacking(0) == "descriptors"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, whole)
    assert one.lacking(LOOK_EACH_S) == ""


def test_processes_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = memory_limit()
    monkeypatch.setenv(memory.WORKERS_VARIABLE, "4")
    assert memory_limit() == alone // 4


def test_a_containers_limit_counts_where_it_is_the_smaller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "container_bytes", lambda: 1 << 20)
    assert memory_limit() == int(0.8 * (1 << 20))
    monkeypatch.setattr(memory, "container_bytes", lambda: 1 << 60)
    assert memory_limit() < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_as_many_descriptors_are_taken_as_there_are() -> None:
    code = (
        "import resource as r; from gateway.limits import raise_descriptor_limit as take\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, 128)); take(); print(r.getrlimit(r.RLIMIT_NOFILE))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "(128, 128)"
