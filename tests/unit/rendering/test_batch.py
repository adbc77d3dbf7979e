"""Frames that another process reads."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.ports import Frame
from gateway.rendering.batch import batch

FRAMES = [
    Frame({"n": number}, {}, "PixelData", bytes([number]) * size, "", "") for number, size in enumerate((5, 0, 70_000))
]


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_batch_holds_the_frames_as_they_were() -> None:
    with batch(FRAMES) as held:
        assert list(held) == FRAMES
        assert held[1:] == FRAMES[1:]
        assert held[-1] == FRAMES[-1]
        with pytest.raises(IndexError):
            held[3]


def test_what_goes_through_the_pipe_does_not_grow_with_the_frames() -> None:
    with batch(FRAMES) as held:
        assert len(pickle.dumps(held)) < 2_000


def test_another_process_reads_them() -> None:
    program = "import pickle, sys; print(sum(len(one.data) for one in pickle.loads(sys.stdin.buffer.read())))"
    with batch(FRAMES) as held:
        found = subprocess.run(
            [sys.executable, "-c", program], input=pickle.dumps(held), capture_output=True, check=True
        )
    assert int(found.stdout) == 70_005


def test_afterwards_nothing_is_held() -> None:
    before = descriptors()
    with batch(FRAMES) as held:
        pass
    assert descriptors() == before
    with pytest.raises(OSError, match=held.path):
        held[0]
