"""DICOM JSON metadata, de-identified as it streams, against a whole document through the standard library's ``json``.

The peer is what one writes first: load the document, walk it with the same decisions, dump it. The study is written
twice: compact, and as Orthanc writes it. Profile ``strict`` also makes the final check. Every run is
a process of its own, in turns. Run: ``python -m benchmarks.metadata``.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import samples
from benchmarks.forms import FORMS
from benchmarks.processes import Running
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import SECRET, WORKLIST
from gateway.adapters.profile_files import ProfileFiles, shipped_profiles
from gateway.core.profile.model import Action
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.core.wire.dicomjson import ArrayReader
from gateway.memory import set_malloc_thresholds, tune_gc

CHUNK_BYTES = 64 << 10
BULK = "http://127.0.0.1/bulkdata/1"
CPU_TARGET, CPU_TARGET_MS, FIRST_BYTE_TARGET_MS, RSS_TARGET_MB = 1 / 3, 15.0, 5.0, 10.0

Method = Callable[[Path, Engine], Iterator[bytes]]


def streamed(file: Path, engine: Engine) -> Iterator[bytes]:
    """Do what the gateway's route does."""
    reader = ArrayReader()
    started = False
    with file.open("rb") as document:
        while chunk := document.read(CHUNK_BYTES):
            for elements in reader.feed(chunk):
                one = engine.metadata_elements(elements, lambda _: BULK)
                if one is not None:
                    yield (b"," if started else b"[") + one
                    started = True
    reader.close()
    yield b"]"


def whole(file: Path, engine: Engine) -> Iterator[bytes]:
    """Load, walk, dump."""
    document: list[samples.Json] = json.loads(file.read_bytes())
    walk = _walker(engine)
    for data_set in document:
        walk(data_set)
    yield json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _walker(engine: Engine) -> Callable[[samples.Json], None]:
    plan = engine.plan("1.2.840.10008.5.1.4.1.1.2")
    decide = cache(lambda key, vr: plan.decide(int(key, 16), vr).action)

    def walk(data_set: samples.Json) -> None:
        for key, element in list(data_set.items()):
            action = decide(key, element["vr"])
            if action is Action.REMOVE:
                del data_set[key]
            elif action is Action.KEEP:
                _keep(element, walk)
            elif action is Action.UID:
                element["Value"] = [engine.uid(value) for value in element.get("Value", ())]
            else:
                data_set[key] = {"vr": element["vr"]}

    return walk


def _keep(element: dict[str, Any], walk: Callable[[samples.Json], None]) -> None:
    if "BulkDataURI" in element:
        element["BulkDataURI"] = BULK
    if element["vr"] == "SQ":
        for item in element.get("Value", ()):
            walk(item)


METHODS: dict[str, Method] = {
    "gateway, nominal": streamed,
    "gateway, strict": streamed,
    "json, whole document": whole,
}
GATEWAY, STRICT, JSON = METHODS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instances", type=int, default=800)
    parser.add_argument("--run", nargs=2, metavar=("METHOD", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        _run(options.run[0], Path(options.run[1]))
        return
    with TemporaryDirectory(prefix="dicomveil-bench-") as folder:
        for form in FORMS:
            file = Path(folder) / f"{form}.json"
            _write_document(file, options.instances)
            _print(form, _measure(file, options.rounds), file.stat().st_size / 1e6)


def _write_document(file: Path, instances: int) -> None:
    study = samples.ct_study(instances)
    document = [
        samples.metadata(each, "http://127.0.0.1:8042/dicom-web/studies/1/series/1") for each in study.instances
    ]
    file.write_text(FORMS[file.stem.removeprefix("small-")](document), encoding="utf-8")


def _measure(file: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    results: dict[str, list[dict[str, float]]] = {method: [] for method in METHODS}
    for _ in range(rounds):
        for method, found in results.items():
            program = [sys.executable, "-m", "benchmarks.metadata", "--run", method, str(file)]
            found.append(json.loads(subprocess.run(program, check=True, capture_output=True).stdout))
    return results


def _run(method: str, file: Path) -> None:
    """Measure one pass in this process; the engine has seen a small document before, as in a running server."""
    profile = ProfileFiles([shipped_profiles()]).require("strict" if method == STRICT else "nominal")
    engine = Engine(profile, KeyRing(SECRET, WORKLIST))
    small = file.with_name(f"small-{file.name}")
    if not small.exists():
        _write_document(small, 2)
    for _ in METHODS[method](small, engine):
        pass
    if method != JSON:  # as the server starts
        set_malloc_thresholds()
        tune_gc()
    this = Running(os.getpid())
    this.reset_peak()
    idle_mb = this.rss_mb()
    cpu, began, first = _cpu_s(), time.perf_counter(), 0.0
    size = 0
    for piece in METHODS[method](file, engine):
        first = first or time.perf_counter() - began
        size += len(piece)
    result = {"cpu_s": _cpu_s() - cpu, "first_s": first, "mb": this.peak_mb() - idle_mb, "size": size}
    print(json.dumps(result))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _print(form: str, results: dict[str, list[dict[str, float]]], size_mb: float) -> None:
    def samples_of(method: str, name: str) -> Samples:
        return Samples(tuple(run[name] for run in results[method]))

    cpu = ratios(samples_of(GATEWAY, "cpu_s"), samples_of(JSON, "cpu_s"))
    rows = [
        [
            method,
            samples_of(method, "cpu_s").text(1, 1e3 / size_mb),
            ratios(samples_of(method, "cpu_s"), samples_of(JSON, "cpu_s")).text(),
            samples_of(method, "first_s").text(1, 1e3),
            samples_of(method, "mb").text(1),
            f"{samples_of(method, 'size').middle / 1e6:.1f}",
        ]
        for method in METHODS
    ]
    columns = ["method", "CPU ms/MB", "x json", "first byte ms", "RSS + MB", "MB out"]
    title = f"{form} metadata of {size_mb:.1f} MB (median [least-most] of {len(results[JSON])} rounds)"
    print(table(title, columns, rows))
    print()
    print(verdict("CPU over whole-document json", cpu.middle, CPU_TARGET))
    for method in (GATEWAY, STRICT):
        cost = samples_of(method, "cpu_s").middle / size_mb * 1e3
        print(verdict(f"CPU per MB, {method}", cost, CPU_TARGET_MS, " ms"))
    print(verdict("first byte", samples_of(GATEWAY, "first_s").middle * 1e3, FIRST_BYTE_TARGET_MS, " ms"))
    print(verdict("memory over idle", samples_of(GATEWAY, "mb").middle, RSS_TARGET_MB, " MB"))


if __name__ == "__main__":
    main()
