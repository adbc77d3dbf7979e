"""Server processes pinned to a core, and what /proc says about them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_START_TIMEOUT_S = 60.0


@cache
def cores() -> tuple[set[int], set[int]]:
    """Return the core of the process that is measured, and those of everything else; the same one if there is one.

    Decided once: a benchmark that has moved itself to the others would find only those.
    """
    *others, measured = sorted(os.sched_getaffinity(0))
    return {measured}, set(others) or {measured}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@dataclass(frozen=True)
class Running:
    """A started program with its children."""

    pid: int

    def cpu_s(self) -> float:
        """Return user and system time of the whole tree, children that have ended included."""
        return sum(_cpu_ticks(pid) for pid in self._tree()) * _TICK_S

    def rss_mb(self) -> float:
        return sum(_status_kb(pid, "VmRSS") for pid in self._tree()) / 1024

    def peak_mb(self) -> float:
        """Return the peak of resident memory since ``reset_peak``."""
        return sum(_status_kb(pid, "VmHWM") for pid in self._tree()) / 1024

    def descriptors(self) -> int:
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self._tree())

    def reset_peak(self) -> None:
        for pid in self._tree():
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")

    def _tree(self) -> Iterator[int]:
        waiting = [self.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting.extend(map(int, children.read_text(encoding="ascii").split()))


@contextmanager
def running(
    program: Sequence[str],
    port: int,
    on: set[int],
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Running]:
    """Start a server in a folder, wait until its port answers, end it afterwards; its output goes to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            program,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            cwd=folder,
        )
        os.sched_setaffinity(process.pid, on)
        try:
            _wait(process, port, log)
            yield Running(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def python_module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} does not answer on its port:\n{tail}")


def _cpu_ticks(pid: int) -> int:
    # The name, in parentheses, may hold anything; utime, stime, cutime and cstime are the 12th to 15th after it.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _status_kb(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE)
    return int(found[1]) if found else 0
