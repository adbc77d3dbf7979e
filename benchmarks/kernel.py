"""CPU per instance, file to file, of this project's engine and of packaged de-identifiers, in interleaved rounds.

    python -m benchmarks.kernel [--rounds N] [--budget SECONDS] [--only TOOL ...] [--fixtures CT EMF SR]

Peers go into a virtual environment of their own under .cache/, once. Beside the time stands how many of the fixture's
identifiers each tool leaves behind, and how many of the report's 80 measured values it keeps: speed alone is cheap.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.deidentifiers import REPOSITORY, TOOLS
from benchmarks.fixtures import BUILDERS, identifiers, variant

PEERS: Final = ("dicom-anonymizer==2.1.0", "deid==0.4.13", "dicognito==0.19.0", "dcmanon==0.3.1", "pydicom==3.0.2")
PEERS_HOME: Final = REPOSITORY / ".cache" / "peers"
SCRIPT: Final = Path(__file__).with_name("deidentifiers.py")
INSTANCES: Final = {"CT": 40, "EMF": 6, "SR": 40}
NUMERIC_VALUE: Final = b"\x40\x00\x0a\xa3"
COLD: Final = "gateway, first of a study"
GDCMANON: Final = "gdcmanon"
CHECKED: Final = "gateway, final check"
EVERYTHING: Final = "gateway, everything on"
OURS: Final = {"gateway", COLD, CHECKED, EVERYTHING}
NOT_PEERS: Final = OURS | {"copy", "pydicom", "naive"}
ORDER: Final = (
    "copy",
    "gateway",
    COLD,
    CHECKED,
    EVERYTHING,
    GDCMANON,
    "dcmanon",
    "pydicom",
    "naive",
    "dicom-anonymizer",
    "dicognito",
    "deid",
)


@dataclass(frozen=True)
class Fixture:
    """Instances of one study, and instances of as many studies."""

    name: str
    instances: list[Path]
    studies: list[Path]


@dataclass
class Result:
    """What one tool did with one fixture."""

    seconds: list[float] = field(default_factory=list)
    left: int | None = None
    kept: int = 0
    fault: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds else None


class ToolFailed(Exception):
    """A tool ended with an error; the message is its last line."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--budget", type=float, default=0.3, help="CPU seconds per tool, fixture and round")
    arguments.add_argument("--only", nargs="+", choices=ORDER, default=ORDER)
    arguments.add_argument("--fixtures", nargs="+", choices=BUILDERS, default=list(BUILDERS))
    given = arguments.parse_args()
    tools = [tool for tool in ORDER if tool in given.only and (tool != GDCMANON or shutil.which(tool))]
    if GDCMANON in given.only and GDCMANON not in tools:
        print("gdcmanon is not installed (Debian: libgdcm-tools): left out", file=sys.stderr)
    python = install_peers()
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        fixtures = [write_fixture(Path(folder), name) for name in given.fixtures]
        results = {(tool, fixture.name): Result() for tool in tools for fixture in fixtures}
        for turn in range(given.rounds):
            for (tool, name), result in results.items():
                print(f"\rround {turn + 1} of {given.rounds}: {tool}, {name}".ljust(70), end="", file=sys.stderr)
                if not result.fault:
                    fixture = next(fixture for fixture in fixtures if fixture.name == name)
                    run_once(tool, fixture, result, python, given.budget)
        print(file=sys.stderr)
    print_table(tools, given.fixtures, results)
    print_targets(tools, given.fixtures, results)


def install_peers() -> Path:
    """Make the peers' virtual environment if it is not there; return its Python."""
    python = PEERS_HOME / "bin" / "python"
    stamp = PEERS_HOME / ".installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(PEERS):
        print(f"Installing the peers into {PEERS_HOME.relative_to(REPOSITORY)}", file=sys.stderr)
        venv.create(PEERS_HOME, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS],
            check=True,
        )
        stamp.write_text("\n".join(PEERS))
    return python


def write_fixture(folder: Path, name: str) -> Fixture:
    data = BUILDERS[name]()
    fixture = Fixture(name, [], [])
    for number in range(1, INSTANCES[name] + 1):
        for paths, key in ((fixture.instances, "instance"), (fixture.studies, "study")):
            path = folder / name / key / f"{number:03}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(variant(data, **{key: number}))
            paths.append(path)
    return fixture


def run_once(tool: str, fixture: Fixture, result: Result, python: Path, budget: float) -> None:
    """Measure one tool on one fixture once; a fault is kept and ends its part."""
    target = fixture.instances[0].parents[1] / "out.dcm"
    try:
        if tool == GDCMANON:
            result.seconds.append(_run_gdcmanon(fixture, target))
        else:
            result.seconds.append(_run_tool(tool, fixture, target, python, budget))
    except ToolFailed as error:
        result.fault = str(error)
        return
    if tool != COLD:
        output = target.read_bytes()
        result.left = identifiers(output)
        result.kept = output.count(NUMERIC_VALUE)


def _run_tool(tool: str, fixture: Fixture, target: Path, python: Path, budget: float) -> float:
    command = [sys.executable if tool in OURS else python, "-P", SCRIPT, "gateway" if tool == COLD else tool]
    sources = fixture.studies if tool == COLD else fixture.instances
    output = _run([*command, "--budget", str(budget), "--out", target, *sources])
    seconds = json.loads(output.splitlines()[-1])["seconds"]
    assert isinstance(seconds, float)
    return seconds


def _run_gdcmanon(fixture: Fixture, target: Path) -> float:
    """Run it on one file and on all; the difference is without its start, which reads its tables."""
    folder = target.parent / "gdcm"
    certificate = target.parent / "certificate.pem"
    if not certificate.exists():
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=benchmark", "-days", "2"]
        _run([*request, "-keyout", target.parent / "key.pem", "-out", certificate])
    many = fixture.instances[0].parent
    one = _children_seconds(["gdcmanon", "-e", "-c", certificate, "-i", fixture.instances[0], "-o", target])
    total = _children_seconds(["gdcmanon", "-e", "-c", certificate, "-r", "-i", many, "-o", folder])
    shutil.rmtree(folder)
    return (total - one) / (len(fixture.instances) - 1)


def _children_seconds(command: Sequence[str | Path]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(command: Sequence[str | Path]) -> str:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "0", "MESSAGELEVEL": "QUIET"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise ToolFailed((done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1])
    return done.stdout


def _memory_folder() -> Path | None:
    """Return a folder in memory, so that no disk is measured."""
    folder = Path("/dev/shm")  # noqa: S108
    return folder if os.access(folder, os.W_OK) else None


def print_table(tools: Iterable[str], names: list[str], results: dict[tuple[str, str], Result]) -> None:
    print("CPU milliseconds per instance, file to file: median [min-max]; x: of the gateway's")
    heads = [f"{name:>32}" for name in names]
    print(f"{'':28}{''.join(heads)}   identifiers left: {', '.join(names)}; SR values kept")
    for tool in tools:
        cells = [_cell(results[tool, name], results.get(("gateway", name))) for name in names]
        left = ", ".join("-" if (found := results[tool, name].left) is None else str(found) for name in names)
        kept = f"; {results[tool, 'SR'].kept}" if "SR" in names and tool != COLD else ""
        print(f"{tool:28}{''.join(cells)}   {left}{kept}")
    for (tool, name), result in results.items():
        if result.fault:
            print(f"{tool} failed on {name}: {result.fault}")


def _cell(result: Result, ours: Result | None) -> str:
    if result.median is None:
        return f"{'failed':>32}"
    span = f"[{min(result.seconds) * 1e3:.2f}-{max(result.seconds) * 1e3:.2f}]"
    ratio = f"{result.median / ours.median:.1f}x" if ours and ours.median else ""
    return f"{result.median * 1e3:9.2f} {span:>15} {ratio:>6}"


def print_targets(tools: list[str], names: list[str], results: dict[tuple[str, str], Result]) -> None:
    ours = results["gateway", "CT"].median if "gateway" in tools and "CT" in names else None
    if ours is None:
        return
    peers = {tool: median for tool in tools if tool not in NOT_PEERS and (median := results[tool, "CT"].median)}
    if peers:
        fastest = min(peers, key=peers.__getitem__)
        _print_target(f"CT, of the fastest peer's CPU ({fastest})", ours / peers[fastest], 1 / 3)
    if "dicom-anonymizer" in peers:
        _print_target("CT, of dicom-anonymizer's CPU", ours / peers["dicom-anonymizer"], 1 / 15)


def _print_target(what: str, ratio: float, target: float) -> None:
    print(f"{what}: 1/{1 / ratio:.1f} (target 1/{1 / target:.0f}): {'met' if ratio <= target else 'MISSED'}")


if __name__ == "__main__":
    assert set(ORDER) == set(TOOLS) | {COLD, GDCMANON}
    main()
