"""The allocator and collector settings, each in a process of its own: they cannot be taken back."""

import platform
import subprocess
import sys

import pytest


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_large_buffers_are_reused_instead_of_faulted_in_again() -> None:
    set_thresholds = "from gateway.memory import set_malloc_thresholds; print(set_malloc_thresholds()); "
    use_buffers = (
        "import resource; before = resource.getrusage(0).ru_minflt; "
        "[[b'x' * (1 << 20) for _ in range(16)].clear() for _ in range(20)]; "
        "print(resource.getrusage(0).ru_minflt - before)"
    )
    was_set, faults = run(set_thresholds + use_buffers).split()
    assert was_set == str(platform.libc_ver()[0] == "glibc")
    if was_set == "True":
        assert int(faults) * 10 < int(run(use_buffers))


@pytest.mark.parametrize("libc", ["os.confstr = lambda name: None", "os.confstr_names.clear()"])
def test_another_c_library_is_left_alone(libc: str) -> None:
    assert run(f"import os; {libc}; import gateway.memory; print(gateway.memory.set_malloc_thresholds())") == "False"


def test_what_is_loaded_is_not_collected_again() -> None:
    frozen, threshold = run(
        "import gc; from gateway.memory import tune_gc; tune_gc(); print(gc.get_freeze_count(), gc.get_threshold()[0])"
    ).split()
    assert int(frozen) > 1000
    assert int(threshold) == 50_000
