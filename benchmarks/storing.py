"""STOW-RS through the gateway, de-identified, against the same upload through a plain proxy, and through nothing.

All stacks run at once on one core, with destination and client on the others, and are measured in turns. CPU is user
and system time of the whole process tree. Run: ``python -m benchmarks.storing``.
"""

import argparse
import http.client
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import samples
from benchmarks.processes import cores, free_port, python_module, running
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.samples import Study
from benchmarks.stacks import GATEWAY, PLAIN, STORING, Stack, dicomveil, plain

RSS_TARGET_MB = 16.0
CPU_TARGET = 0.8


@dataclass(frozen=True)
class Workload:
    """A study to store, ``repeat`` times; the target is a ratio of CPU to the plain proxy's."""

    name: str
    study: Study
    repeat: int
    target: float | None

    @property
    def size(self) -> int:
        return samples.multipart_length(self.study.instances)


@dataclass
class Measured:
    """All rounds of one stack on one workload."""

    cpu_s_per_gb: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)


Results = dict[tuple[str, str], Measured]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2048, help="of the large instance, 0.5 MiB each")
    options = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    loads = [
        Workload(f"{options.frames >> 1} MiB clip", samples.large_study(options.frames), 1, CPU_TARGET),
        Workload("study of 200 x 0.5 MB", samples.ct_study(), 1, None),
        Workload("0.5 MB instance", samples.ct_study(1), 50, None),
    ]
    with TemporaryDirectory(prefix="dicomveil-bench-") as name:
        folder = Path(name)
        with sink(folder) as port, plain(port, folder) as peer, dicomveil(port, folder) as gateway:
            stacks = [Stack("direct", port, None), peer, gateway]
            for workload in loads[1:]:
                for stack in stacks:
                    store(stack, workload.study)
            idle = {stack.name: stack.process.rss_mb() for stack in stacks if stack.process}
            results = _measure(stacks, loads, options.rounds)
    _print(loads, stacks, results, idle)


@contextmanager
def sink(folder: Path) -> Iterator[int]:
    """Start the destination away from the measured core; give its port."""
    port = free_port()
    with running(python_module("benchmarks.static_sink", str(port)), port, cores()[1], folder / "sink.log"):
        yield port


def store(stack: Stack, study: Study) -> float:
    """Store a study in one request; give the seconds. Raises RuntimeError when it is not stored whole."""
    path = "/dicom-web/studies" if stack.name != GATEWAY else f"/worklists/{STORING}/dicom-web/studies"
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=120)
    began = time.perf_counter()
    connection.request(
        "POST",
        path,
        body=samples.multipart(study.instances),
        headers={
            "Content-Type": samples.CONTENT_TYPE,
            "Content-Length": str(samples.multipart_length(study.instances)),
            "Accept": "application/dicom+json",
        },
    )
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200 or body.count(b'"00081155"') != len(study.instances):
        raise RuntimeError(f"{stack.name}: {answer.status} for a benchmark request: {body[:300]!r}")
    return time.perf_counter() - began


def _measure(stacks: list[Stack], loads: list[Workload], rounds: int) -> Results:
    results: Results = defaultdict(Measured)
    for _ in range(rounds):
        for workload in loads:
            for stack in stacks:
                _measure_once(stack, workload, results[stack.name, workload.name])
    return results


def _measure_once(stack: Stack, workload: Workload, measured: Measured) -> None:
    if stack.process:
        stack.process.reset_peak()
    before = stack.process.cpu_s() if stack.process else 0.0
    measured.seconds += [store(stack, workload.study) for _ in range(workload.repeat)]
    if stack.process:
        cpu = stack.process.cpu_s() - before
        measured.cpu_s_per_gb.append(cpu / (workload.size * workload.repeat) * 1e9)
        measured.peak_mb.append(stack.process.peak_mb())


def _print(loads: list[Workload], stacks: list[Stack], results: Results, idle: dict[str, float]) -> None:
    for workload in loads:
        rows = []
        for stack in stacks:
            mine = results[stack.name, workload.name]
            seconds = Samples(tuple(mine.seconds))
            row = [stack.name, "-", "-", seconds.text(1, 1e3), "-"]
            if stack.process:
                row[1] = Samples(tuple(mine.cpu_s_per_gb)).text()
                row[2] = _ratio(stack.name, workload, results).text()
                row[4] = f"{idle[stack.name]:.0f}, +{max(mine.peak_mb) - idle[stack.name]:.1f}"
            rows.append(row)
        print(table(workload.name, ["stack", "CPU s/GB", "x plain", "ms", "RSS MB: idle, peak"], rows))
    print()
    for workload in loads:
        if workload.target is not None:
            ratio = _ratio(GATEWAY, workload, results).middle
            print(verdict(f"CPU per GB over the plain proxy, {workload.name}", ratio, workload.target))
    peak = max(results[GATEWAY, loads[0].name].peak_mb) - idle[GATEWAY]
    print(verdict(f"memory over idle, {loads[0].name}", peak, RSS_TARGET_MB, " MB"))


def _ratio(name: str, workload: Workload, results: Results) -> Samples:
    mine, peer = (Samples(tuple(results[one, workload.name].cpu_s_per_gb)) for one in (name, PLAIN))
    return ratios(mine, peer)


if __name__ == "__main__":
    main()
