"""Two server processes against one, on a mix of metadata and instances.

Nothing here has the cores that two busy processes, an origin and clients want, so no time is measured but CPU: what a
process can do at most is bounded by what the busiest one spends. Both gateways answer the same requests; the gain is
the CPU of the one process over that of the busier of the two. It is 2 where the work is shared out evenly and sharing
costs nothing. What it leaves out is the memory bandwidth that two busy cores share.
Run: ``python -m benchmarks.workers``.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import samples
from benchmarks.client import ACCEPT
from benchmarks.processes import Running
from benchmarks.report import Samples, table
from benchmarks.stacks import Stack, dicomveil, static_origin

WORKERS: Final = 2
GAIN: Final = 1.8
SLICES: Final = 4
_CT: Final = f"{samples.ROOT}.1"
_JSON: Final = "application/dicom+json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--repeat", type=int, default=20, help="connections that each client makes in each round")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="dicomveil-bench-") as name, static_origin(Path(name), "1") as origin:
        one, several = Path(name) / "one", Path(name) / "several"
        one.mkdir()
        several.mkdir()
        with dicomveil(origin, one) as single, dicomveil(origin, several, workers=WORKERS) as shared:
            _compare(single, shared, options)


def _compare(single: Stack, shared: Stack, options: argparse.Namespace) -> None:
    alone: list[float] = []
    each: list[list[float]] = []
    for at in range(options.rounds + 1):
        spent = [_spent(stack, _processes(stack), options) for stack in (single, shared)]
        if at:  # the first is warming up
            alone.append(spent[0][0])
            each.append(sorted(spent[1]))
    busiest, both = Samples(tuple(one[-1] for one in each)), Samples(tuple(map(sum, each)))
    rows = [
        ["one process", Samples(tuple(alone)).text()],
        ["the busier of two", busiest.text()],
        ["both together", both.text()],
    ]
    asked = options.clients * options.repeat * SLICES
    print(table(f"CPU seconds for the metadata and the files of {asked} instances", ["", "s"], rows))
    gain = Samples(tuple(before / after for before, after in zip(alone, busiest.values, strict=True)))
    print(f"{'met   ' if gain.middle >= GAIN else 'MISSED'} two workers: {gain.text()}x, target at least {GAIN:g}x")


def _processes(stack: Stack) -> list[Running]:
    """Find those that serve: the children of a supervisor, but for the one that tidies up, or the process itself."""
    assert stack.process is not None
    pid = stack.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    serving = [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return [Running(one) for one in serving or [pid]]


def _spent(stack: Stack, processes: list[Running], options: argparse.Namespace) -> list[float]:
    before = [one.cpu_s() for one in processes]
    with ThreadPoolExecutor(options.clients) as clients:
        for done in [clients.submit(_ask, stack, number, options.repeat) for number in range(options.clients)]:
            done.result()
    return [one.cpu_s() - spent for one, spent in zip(processes, before, strict=True)]


def _ask(stack: Stack, number: int, repeat: int) -> None:
    """Ask as a viewer does: a connection for a few things, then another."""
    for at in range(repeat):
        client = stack.client()
        for more in range(SLICES):
            slice_ = 1 + ((number * repeat + at) * SLICES + more) % samples.SLICES
            path = stack.path(_CT, f"{_CT}.1", f"{_CT}.1.{slice_}")
            client.fetch(f"{path}/metadata", accept=_JSON)
            client.fetch(path, accept=ACCEPT)
        client.close()


if __name__ == "__main__":
    main()
