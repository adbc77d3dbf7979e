"""What PostgreSQL costs instead of SQLite where everything is warm: a search, metadata, an instance.

Two gateways over one origin, on one core, measured in turns; PostgreSQL runs on the other ones. A warm request should
ask no database at all, which is counted besides. Run: ``python -m benchmarks.state``.
"""

import argparse
import os
import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import samples
from benchmarks.client import ACCEPT
from benchmarks.processes import cores
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import Stack, dicomveil, static_origin
from tests.kit.postgresql import Server, cluster

JSON = "application/dicom+json"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
TARGET = 1.1
STATEMENT = re.compile(r"LOG:  (?:statement|execute)")
_CT = f"{samples.ROOT}.1"


@dataclass(frozen=True)
class Load:
    """One thing to ask for, ``repeat`` times on one connection."""

    name: str
    path: Callable[[Stack], str]
    repeat: int
    accept: str = JSON


def _slice(stack: Stack) -> str:
    return stack.path(_CT, f"{_CT}.1", f"{_CT}.1.7")


LOADS = (
    Load("search for studies", lambda to: f"{to.base}/studies?limit=50", 200),
    Load("metadata of an instance", lambda to: f"{_slice(to)}/metadata", 200),
    Load("0.5 MB instance", _slice, 200, ACCEPT),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    with TemporaryDirectory(prefix="dicomveil-bench-") as name, ExitStack() as started:
        folder = Path(name)
        origin = started.enter_context(static_origin(folder, "1"))
        database = started.enter_context(cluster("-c log_statement=all"))
        stacks = {}
        for kind, more in ((SQLITE, None), (POSTGRESQL, {"state": database.url})):
            (folder / kind).mkdir()
            stacks[kind] = started.enter_context(dicomveil(origin, folder / kind, more=more))
        for load in LOADS:
            _measure(load, stacks, options.rounds, database)


def _measure(load: Load, stacks: dict[str, Stack], rounds: int, database: Server) -> None:
    cpu_ms: dict[str, list[float]] = defaultdict(list)
    elapsed_ms: dict[str, list[float]] = defaultdict(list)
    asked = 0
    for turn in range(rounds + 1):
        for kind, stack in stacks.items():
            client, before = stack.client(), len(STATEMENT.findall(database.log))
            assert stack.process is not None
            used = stack.process.cpu_s()
            seconds = [client.fetch(load.path(stack), accept=load.accept).seconds for _ in range(load.repeat)]
            used = stack.process.cpu_s() - used
            client.close()
            if turn:  # the first one warms
                cpu_ms[kind].append(used / load.repeat * 1e3)
                elapsed_ms[kind].append(Samples(tuple(seconds)).middle * 1e3)
                asked += len(STATEMENT.findall(database.log)) - before
    rows = [
        [kind, Samples(tuple(cpu_ms[kind])).text(), Samples(tuple(elapsed_ms[kind])).text()]
        for kind in (SQLITE, POSTGRESQL)
    ]
    print(table(f"{load.name}, per request", ["state", "CPU ms", "elapsed ms"], rows))
    for what, found in (("CPU", cpu_ms), ("elapsed", elapsed_ms)):
        ratio = ratios(*(Samples(tuple(found[kind])) for kind in (POSTGRESQL, SQLITE)))
        print(verdict(f"{what} of PostgreSQL over SQLite, {load.name}", ratio.middle, TARGET))
    print(f"statements that PostgreSQL saw in {rounds * load.repeat} requests: {asked}\n")


if __name__ == "__main__":
    main()
