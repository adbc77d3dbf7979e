"""Instructions per instance, file to file, of the engine and of the naive pydicom callback, counted by valgrind.

    python -m benchmarks.instructions [--ours-only]

A count has no noise, so it can be held against a limit anywhere. What starting costs, and what only the first objects
cost, is in a run without the instances in question and is subtracted.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.deidentifiers import REPOSITORY
from benchmarks.fixtures import BUILDERS
from benchmarks.kernel import INSTANCES, SCRIPT, Fixture, install_peers, write_fixture

TARGETS: Final = {"CT": 15, "EMF": 40, "SR": 50}
EVERYTHING: Final = "gateway, everything on"
EVERYTHING_TARGETS: Final = {"CT": 20, "EMF": 50, "SR": 75}
COUNTED: Final = re.compile(r"I\s+refs:\s+([\d,]+)")


@dataclass(frozen=True)
class Counts:
    """Instructions per instance of one fixture."""

    warm: float
    cold: float
    everything: float
    naive: float | None


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ours-only", action="store_true", help="leave out the naive callback, which takes longest")
    given = arguments.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    with tempfile.TemporaryDirectory() as folder:
        fixtures = [write_fixture(Path(folder), name) for name in BUILDERS]
        ours = _count_ours(fixtures, Path(folder) / "out.dcm")
        naive = {} if given.ours_only else _count_naive(fixtures, Path(folder) / "out.dcm")
    print_table({name: Counts(*ours[name], naive.get(name)) for name in BUILDERS})


def _count_ours(fixtures: list[Fixture], target: Path) -> dict[str, tuple[float, float, float]]:
    """Return instructions per further instance of a study, per first instance of one, and with everything on."""
    python, first = Path(sys.executable), [fixture.instances[0] for fixture in fixtures]
    start, everything = (_count(python, tool, first, target) for tool in ("gateway", EVERYTHING))
    counts = {}
    for fixture in fixtures:
        number = INSTANCES[fixture.name] - 1
        further = [*first, *fixture.instances[1:]]
        warm = _count(python, "gateway", further, target) - start
        cold = _count(python, "gateway", [*first, *fixture.studies[1:]], target) - start
        all_on = _count(python, EVERYTHING, further, target) - everything
        counts[fixture.name] = (warm / number, cold / number, all_on / number)
    return counts


def _count_naive(fixtures: list[Fixture], target: Path) -> dict[str, float]:
    """Return instructions per instance; one each, since it remembers nothing."""
    python = install_peers()
    first = [fixtures[0].instances[0]]
    start = _count(python, "naive", first, target)
    return {
        fixture.name: float(_count(python, "naive", [*first, fixture.instances[1]], target) - start)
        for fixture in fixtures
    }


def _count(python: Path, tool: str, sources: list[Path], target: Path) -> int:
    print(f"counting {tool}: {sources[-1].parent.parent.name}, {sources[-1].parent.name}", file=sys.stderr)
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}"]
    done = subprocess.run(
        [*command, python, "-P", SCRIPT, tool, "--out", target, *sources],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "0"},
    )
    found = COUNTED.search(done.stderr)
    if done.returncode or found is None:
        sys.exit(done.stderr)
    return int(found[1].replace(",", ""))


def print_table(counts: dict[str, Counts]) -> None:
    print("Million instructions per instance, file to file")
    print(f"{'':5}{'gateway':>10}{'first of a study':>18}{'everything on':>15}{'naive callback':>16}")
    for name, count in counts.items():
        line = f"{name:5}{count.warm / 1e6:10.2f}{count.cold / 1e6:18.2f}{count.everything / 1e6:15.2f}"
        if count.naive is not None:
            line += f"{count.naive / 1e6:16.1f}  {_verdict(count.naive / count.warm, TARGETS[name])}; everything on "
            line += _verdict(count.naive / count.everything, EVERYTHING_TARGETS[name])
        print(line)


def _verdict(ratio: float, target: int) -> str:
    return f"1/{ratio:.1f} (target 1/{target}): {'met' if ratio >= target else 'MISSED'}"


if __name__ == "__main__":
    main()
