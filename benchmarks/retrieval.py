"""WADO-RS through the gateway, de-identified, against the same bytes through nginx, a plain proxy, and nothing.

All stacks run at once on one core, with origin and client on the others, and are measured in turns: a noisy neighbour
meets all of them. CPU is user and system time of the whole process tree. Run: ``python -m benchmarks.retrieval``.
"""

import argparse
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import latency, samples
from benchmarks.client import ACCEPT, FRAMES, Client, Fetched
from benchmarks.processes import cores
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import GATEWAY, NGINX, PLAIN, Stack, all_stacks, static_origin

SLOW_BYTES_PER_S = 20e6
SLOW_S = 12.0
RSS_TARGET_MB = 16.0
_CT, _LARGE = f"{samples.ROOT}.1", f"{samples.ROOT}.2"


@dataclass(frozen=True)
class Workload:
    """One thing to retrieve, ``repeat`` times on one connection; the targets are ratios of CPU to others'."""

    name: str
    path: Callable[[Stack], str]
    size: int
    repeat: int
    over_plain: float | None = None
    over_nginx: float | None = None
    accept: str = ACCEPT


def workloads(frames: int) -> list[Workload]:
    """The large instance first: it is also what the slow client reads; one slice and one frame last."""
    size = frames * samples.FRAME_BYTES
    return [
        Workload(
            f"{size >> 20} MiB instance", lambda to: to.path(_LARGE, f"{_LARGE}.1", f"{_LARGE}.1.1"), size, 1, 0.5, 2
        ),
        Workload("study of 200 x 0.5 MB", lambda to: to.path(_CT), samples.SLICES * samples.FRAME_BYTES, 3, 0.7, 2.8),
        Workload("0.5 MB instance", _slice, samples.FRAME_BYTES, 200, 0.35, 3),
        Workload("0.5 MB frame", lambda to: f"{_slice(to)}/frames/1", samples.FRAME_BYTES, 200, accept=FRAMES),
    ]


def _slice(stack: Stack) -> str:
    return stack.path(_CT, f"{_CT}.1", f"{_CT}.1.7")


@dataclass
class Measured:
    """All rounds of one stack on one workload."""

    cpu_s_per_gb: list[float] = field(default_factory=list)
    mb_per_s: list[float] = field(default_factory=list)
    first_byte_s: list[float] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)


Results = dict[tuple[str, str], Measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2048, help="of the large instance, 0.5 MiB each")
    options = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    with TemporaryDirectory(prefix="dicomveil-bench-") as name:
        folder = Path(name)
        with static_origin(folder, str(options.frames)) as origin, all_stacks(origin, folder) as stacks:
            loads = workloads(options.frames)
            idle = {stack.name: _idle_mb(stack, loads[1:]) for stack in stacks}
            results = _measure(stacks, loads, options.rounds)
            single = {load.name: latency.measure(stacks, load.path, load.accept) for load in loads[2:]}
            slow = {each.name: _slow_growth_mb(each, loads[0], idle[each.name]) for each in stacks if each.process}
    _print_results(loads, stacks, results, idle)
    _print_memory(loads[0], results, idle, slow)
    _print_verdicts(loads, results, idle, slow)
    for name, latencies in single.items():
        print(latency.report(name, latencies))


def _idle_mb(stack: Stack, loads: Iterable[Workload]) -> float:
    """Return resident memory once everything but the large instance was asked for."""
    for workload in loads:
        client = stack.client()
        client.fetch(workload.path(stack), accept=workload.accept)
        client.close()
    return stack.process.rss_mb() if stack.process else 0.0


def _measure(stacks: list[Stack], loads: list[Workload], rounds: int) -> Results:
    results: Results = defaultdict(Measured)
    for _ in range(rounds):
        for workload in loads:
            for stack in stacks:
                _measure_once(stack, workload, results[stack.name, workload.name])
    return results


def _measure_once(stack: Stack, workload: Workload, measured: Measured) -> None:
    client = stack.client()
    path = workload.path(stack)
    if workload.repeat > 1:
        client.fetch(path, accept=workload.accept)
    if stack.process:
        stack.process.reset_peak()
    before = stack.process.cpu_s() if stack.process else 0.0
    fetched = [client.fetch(path, accept=workload.accept) for _ in range(workload.repeat)]
    cpu = stack.process.cpu_s() - before if stack.process else 0.0
    size = sum(each.size for each in fetched)
    if size < workload.size * workload.repeat:
        raise RuntimeError(f"{stack.name}: {workload.name} came short: {size}")
    measured.cpu_s_per_gb.append(cpu / size * 1e9)
    measured.mb_per_s.append(size / sum(each.seconds for each in fetched) / 1e6)
    measured.first_byte_s.append(Samples(tuple(each.first_byte_s for each in fetched)).middle)
    measured.latency_s.extend(each.seconds for each in fetched)
    if stack.process:
        measured.peak_mb.append(stack.process.peak_mb())
    client.close()


def _slow_growth_mb(stack: Stack, workload: Workload, idle_mb: float) -> float:
    """Return how far memory rises over idle while a client reads the large instance at 20 MB/s for some seconds."""
    assert stack.process is not None
    stack.process.reset_peak()
    client: Client = stack.client()
    fetched: list[Fetched] = []

    def read() -> None:
        fetched.append(client.fetch(workload.path(stack), SLOW_BYTES_PER_S, SLOW_S))

    reader = threading.Thread(target=read)
    reader.start()
    most = 0.0
    while reader.is_alive():
        most = max(most, stack.process.rss_mb())
        reader.join(0.2)
    client.close()
    if not fetched:
        raise RuntimeError(f"{stack.name}: the slow client failed")
    return max(most, stack.process.peak_mb()) - idle_mb


def _print_results(loads: list[Workload], stacks: list[Stack], results: Results, idle: dict[str, float]) -> None:
    columns = [
        "stack",
        "CPU s/GB",
        "x plain",
        "x nginx",
        "MB/s",
        "first byte ms",
        "p50 ms",
        "p99 ms",
        "RSS MB: idle, peak",
    ]
    rounds = max(len(measured.cpu_s_per_gb) for measured in results.values())
    for workload in loads:
        rows = [_row(stack.name, workload, results, idle[stack.name]) for stack in stacks]
        print(table(f"{workload.name} (median [least-most] of {rounds} rounds)", columns, rows))


def _print_memory(large: Workload, results: Results, idle: dict[str, float], slow: dict[str, float]) -> None:
    rows = [
        [name, f"{idle[name]:.0f}", f"+{max(results[name, large.name].peak_mb) - idle[name]:.1f}", f"+{growth:.1f}"]
        for name, growth in slow.items()
    ]
    columns = ["stack", "idle", "peak", f"peak, client reads {SLOW_BYTES_PER_S / 1e6:.0f} MB/s for {SLOW_S:.0f} s"]
    print(table(f"resident memory in MB, {large.name}", columns, rows))


def _print_verdicts(loads: list[Workload], results: Results, idle: dict[str, float], slow: dict[str, float]) -> None:
    print()
    for workload in loads:
        for peer, target in ((PLAIN, workload.over_plain), (NGINX, workload.over_nginx)):
            if target is not None and (peer, workload.name) in results:
                ratio = _ratio(GATEWAY, peer, workload, results)
                print(verdict(f"CPU per GB over {peer}, {workload.name}", ratio.middle, target))
    peak = max(results[GATEWAY, loads[0].name].peak_mb) - idle[GATEWAY]
    print(verdict(f"memory over idle, {loads[0].name}", peak, RSS_TARGET_MB, " MB"))
    print(verdict("memory over idle, slow client", slow[GATEWAY], RSS_TARGET_MB, " MB"))


def _row(name: str, workload: Workload, results: Results, idle_mb: float) -> list[str]:
    mine = results[name, workload.name]
    latency = Samples(tuple(mine.latency_s))
    passes = bool(mine.peak_mb)
    return [
        name,
        Samples(tuple(mine.cpu_s_per_gb)).text() if passes else "-",
        _ratio_text(name, PLAIN, workload, results) if passes else "-",
        _ratio_text(name, NGINX, workload, results) if passes else "-",
        Samples(tuple(mine.mb_per_s)).text(0),
        Samples(tuple(mine.first_byte_s)).text(1, 1e3),
        f"{latency.middle * 1e3:.2f}",
        f"{latency.percentile(99) * 1e3:.2f}",
        f"{idle_mb:.0f}, {max(mine.peak_mb):.0f}" if passes else "-",
    ]


def _ratio_text(mine: str, peer: str, workload: Workload, results: Results) -> str:
    return _ratio(mine, peer, workload, results).text() if (peer, workload.name) in results else "-"


def _ratio(mine: str, peer: str, workload: Workload, results: Results) -> Samples:
    a, b = (Samples(tuple(results[name, workload.name].cpu_s_per_gb)) for name in (mine, peer))
    return ratios(a, b)


if __name__ == "__main__":
    main()
