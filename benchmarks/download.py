"""The zip of a study of 200 slices against its multipart retrieval, both de-identified, in turns.

The zip needs a checksum of every byte, a directory record of every object and a DICOMDIR more; the target bounds what
that costs. Run: ``python -m benchmarks.download``.
"""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import samples
from benchmarks.client import ACCEPT
from benchmarks.processes import cores
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import Stack, dicomveil, static_origin

CPU_TARGET, RSS_TARGET_MB = 1.3, 16.0
MULTIPART, ZIP = "multipart", "zip"
ACCEPTS = {MULTIPART: ACCEPT, ZIP: "application/zip"}
RETRIEVALS = 2
"""Per round: CPU time is counted in hundredths of a second."""
STUDY = f"{samples.ROOT}.1"

Results = dict[str, list[dict[str, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    with TemporaryDirectory(prefix="dicomveil-bench-") as name:
        folder = Path(name)
        with static_origin(folder, "4") as origin, dicomveil(origin, folder) as gateway:
            assert gateway.process is not None
            idle_mb = gateway.process.rss_mb()
            results: Results = {form: [] for form in ACCEPTS}
            for form in ACCEPTS:
                _measure(gateway, form, idle_mb)  # nobody's first retrieval counts
            for _ in range(options.rounds):
                for form, found in results.items():
                    found.append(_measure(gateway, form, idle_mb))
    _print(results)


def _measure(gateway: Stack, form: str, idle_mb: float) -> dict[str, float]:
    assert gateway.process is not None
    client = gateway.client()
    gateway.process.reset_peak()
    cpu = gateway.process.cpu_s()
    fetched = [client.fetch(gateway.path(STUDY), accept=ACCEPTS[form]) for _ in range(RETRIEVALS)]
    cpu = gateway.process.cpu_s() - cpu
    client.close()
    size = sum(one.size for one in fetched)
    if size < RETRIEVALS * samples.SLICES * samples.FRAME_BYTES:
        raise RuntimeError(f"{form} came short: {size}")
    return {
        "cpu": cpu / size * 1e9,
        "first": Samples(tuple(one.first_byte_s for one in fetched)).middle,
        "mb": gateway.process.peak_mb() - idle_mb,
    }


def _print(results: Results) -> None:
    def samples_of(form: str, name: str) -> Samples:
        return Samples(tuple(run[name] for run in results[form]))

    rows = [
        [
            form,
            samples_of(form, "cpu").text(),
            ratios(samples_of(form, "cpu"), samples_of(MULTIPART, "cpu")).text(),
            samples_of(form, "first").text(1, 1e3),
            samples_of(form, "mb").text(1),
        ]
        for form in results
    ]
    rounds = len(results[ZIP])
    columns = ["form", "CPU s/GB", "x multipart", "first byte ms", "RSS + MB"]
    print(table(f"study of {samples.SLICES} x 0.5 MB (median [least-most] of {rounds} rounds)", columns, rows))
    print()
    ratio = samples_of(ZIP, "cpu").middle / samples_of(MULTIPART, "cpu").middle
    print(verdict("CPU of the zip over multipart, of medians", ratio, CPU_TARGET))
    print(verdict("memory over idle", max(run["mb"] for run in results[ZIP]), RSS_TARGET_MB, " MB"))


if __name__ == "__main__":
    main()
