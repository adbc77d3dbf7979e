"""A study of 200 slices out of a real Orthanc: direct, through the gateway, and by Orthanc's own ``/anonymize``.

Orthanc's answer to the same wish writes a second copy, which then still has to be fetched and deleted; only the writing
is counted. Run: ``python -m benchmarks.orthanc_study`` (needs what ``scripts/orthanc.sh`` needs).
"""

import argparse
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import samples
from benchmarks.processes import cores, free_port
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import REPOSITORY, Stack, dicomveil

DIRECT_TARGET, ANONYMIZE_TARGET = 1.6, 1 / 3
DIRECT, GATEWAY, ANONYMIZE = "direct", "dicomveil, de-identified", "Orthanc /anonymize"
_TIMEOUT_S = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slices", type=int, default=samples.SLICES)
    options = parser.parse_args()
    _, others = cores()
    os.sched_setaffinity(0, others)
    study = samples.ct_study(options.slices)
    with TemporaryDirectory(prefix="dicomveil-bench-") as name, orthanc(Path(name)) as port:
        load(port, study)
        with dicomveil(port, Path(name)) as gateway:
            print(_measure(Stack("direct", port, None), gateway, study, options.rounds))


@contextmanager
def orthanc(folder: Path) -> Iterator[int]:
    """Start an empty Orthanc on a free port and wipe it afterwards."""
    port = free_port()
    script = str(REPOSITORY / "scripts" / "orthanc.sh")
    environment = {**os.environ, "ORTHANC_PORT": str(port), "ORTHANC_DIR": str(folder / "orthanc")}
    try:
        subprocess.run([script, "start"], check=True, env=environment, stdout=subprocess.DEVNULL)
        yield port
    finally:
        subprocess.run([script, "wipe"], check=True, env=environment, stdout=subprocess.DEVNULL)


def load(port: int, study: samples.Study) -> None:
    """Store a study."""
    for instance in study.instances:
        call(port, "POST", "/instances", samples.part10(instance))


def call(port: int, method: str, path: str, body: bytes | None = None) -> Any:
    """Ask the REST API of an Orthanc for JSON."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, method=method)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        return json.loads(answer.read() or b"null")


def _measure(direct: Stack, gateway: Stack, study: samples.Study, rounds: int) -> str:
    identifier = call(direct.port, "GET", "/studies")[0]
    ways: dict[str, Callable[[], float]] = {
        DIRECT: lambda: _retrieve(direct, study),
        GATEWAY: lambda: _retrieve(gateway, study),
        ANONYMIZE: lambda: _anonymize(direct.port, identifier),
    }
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way())
    found = {name: Samples(tuple(values)) for name, values in seconds.items()}
    title = f"study of {len(study.instances)} CT slices in Orthanc (median [least-most] of {rounds} rounds)"
    return "\n".join(
        [
            table(title, ["way", "s"], [[name, each.text(3)] for name, each in found.items()]),
            "",
            verdict("time over direct", ratios(found[GATEWAY], found[DIRECT]).middle, DIRECT_TARGET),
            verdict("time over Orthanc's", ratios(found[GATEWAY], found[ANONYMIZE]).middle, ANONYMIZE_TARGET),
        ]
    )


def _retrieve(stack: Stack, study: samples.Study) -> float:
    client = stack.client()
    fetched = client.fetch(stack.path(study.uid))
    client.close()
    if fetched.size < len(study.instances) * samples.FRAME_BYTES:
        raise RuntimeError(f"{stack.name} came short: {fetched.size}")
    return fetched.seconds


def _anonymize(port: int, identifier: str) -> float:
    began = time.perf_counter()
    made = call(port, "POST", f"/studies/{identifier}/anonymize", b"{}")
    seconds = time.perf_counter() - began
    call(port, "DELETE", f"/studies/{made['ID']}")
    return seconds


if __name__ == "__main__":
    main()
