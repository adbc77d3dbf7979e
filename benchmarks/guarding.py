"""What it costs to be guarded: API keys, audit, metrics and limits, against the gateway without them.

Both run at once on one core and are measured in turns. Metrics and limits are always on: what they cost shows against
an older checkout only. Run: ``python -m benchmarks.guarding [--before CHECKOUT]``.
"""

import argparse
import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import samples
from benchmarks.client import ACCEPT, FRAMES
from benchmarks.processes import cores
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import REPOSITORY, WORKLIST, Stack, dicomveil, static_origin
from gateway.access.keys import hash_of

KEY: Final = "dv_" + sha256(b"a key that only benchmarks use").hexdigest()
OVER_INSTANCE, OVER_GB = 1.15, 1.05
_CT, _LARGE = f"{samples.ROOT}.1", f"{samples.ROOT}.2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeat", type=int, default=300, help="of a 0.5 MB instance, in each round")
    parser.add_argument("--frames", type=int, default=1024, help="of the large instance, 0.5 MiB each")
    parser.add_argument("--before", type=Path, default=REPOSITORY, help="checkout that the bare gateway runs from")
    options = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    with (
        TemporaryDirectory(prefix="dicomveil-bench-") as name,
        static_origin(Path(name), str(options.frames)) as origin,
    ):
        bare, guarded = Path(name) / "bare", Path(name) / "guarded"
        bare.mkdir()
        guarded.mkdir()
        with (
            dicomveil(origin, bare, tree=options.before) as without,
            dicomveil(origin, guarded, more=_guards(guarded), api_key=KEY) as with_all,
        ):
            _compare(without, with_all, options)


def _guards(folder: Path) -> dict[str, object]:
    allow = [{"keys": ["bench"], "worklists": [WORKLIST], "roles": ["view", "download"]}]
    return {
        "access": {"keys": {"bench": {"hash": hash_of(KEY)}}, "allow": allow},
        "audit": {"to": [{"file": str(folder / "audit.jsonl")}]},
    }


def _compare(without: Stack, with_all: Stack, options: argparse.Namespace) -> None:
    rows, verdicts = [], []
    for name, path, accept, repeat, target in (
        ("0.5 MB instance", _slice, ACCEPT, options.repeat, OVER_INSTANCE),
        ("0.5 MB frame", lambda to: f"{_slice(to)}/frames/1", FRAMES, options.repeat, OVER_INSTANCE),
        ("large instance", lambda to: to.path(_LARGE, f"{_LARGE}.1", f"{_LARGE}.1.1"), ACCEPT, 1, OVER_GB),
    ):
        cost: dict[str, list[float]] = {"without": [], "with": []}
        for _ in range(options.rounds + 1):  # the first is warming up
            cost["without"].append(_cpu_s(without, path(without), accept, repeat))
            cost["with"].append(_cpu_s(with_all, path(with_all), accept, repeat))
        before, after = (Samples(tuple(cost[each][1:])) for each in ("without", "with"))
        ratio = ratios(after, before)
        rows.append([name, before.text(1, 1e6 / repeat), after.text(1, 1e6 / repeat), ratio.text()])
        verdicts.append(verdict(f"guards on a {name}", ratio.middle, target))
    print(table("CPU of one retrieval", ["retrieved", "without us", "guarded us", "ratio"], rows))
    print("\n".join(verdicts))


def _slice(stack: Stack) -> str:
    return stack.path(_CT, f"{_CT}.1", f"{_CT}.1.7")


def _cpu_s(stack: Stack, path: str, accept: str, repeat: int) -> float:
    assert stack.process is not None
    client = stack.client()
    before = stack.process.cpu_s()
    for _ in range(repeat):
        client.fetch(path, accept=accept)
    spent = stack.process.cpu_s() - before
    client.close()
    return spent


if __name__ == "__main__":
    main()
