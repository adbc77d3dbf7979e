"""Searches: CPU per megabyte of answers against a plain proxy and against ``json`` alone; how far a filter reads.

What the plain proxy does is pass bytes. ``json`` loads and dumps the same bytes, in a process that does nothing else:
what every gateway that understands its answers pays at least. The origin writes compact JSON, then as Orthanc does. The
filters can only be evaluated on released values: no page of the origin may be read behind the one that answers.
Run: ``python -m benchmarks.searching``.
"""

import argparse
import fnmatch
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.forms import FORMS
from benchmarks.listing_origin import patient_id, study_uid
from benchmarks.processes import cores, free_port, python_module, running
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import GATEWAY, PLAIN, SECRET, WORKLIST, Stack, dicomveil, plain
from gateway.core.pseudonym.keys import KeyRing

STUDIES, INSTANCES = 100_000, 2_000
CPU_TARGET_MS, RSS_TARGET_MB = 15.0, 32.0
JSON = "json.loads, json.dumps"
ACCEPT = "application/dicom+json"
RARE = "*AA*", 10
"""A pattern of patients' pseudonyms that about 1 in 90 studies match, and how many of them are asked for."""

Results = dict[tuple[str, str], list[dict[str, float]]]


@dataclass(frozen=True)
class Load:
    """One search, of other studies in every round where ``is_new``, else of what was asked for just before."""

    name: str
    repeat: int
    is_new: bool = False

    def paths(self, stack: Stack, turn: int) -> list[str]:
        """Return what to ask of one stack."""
        if self is OF_SERIES:
            return [f"{stack.path(study_uid(7))}/instances"] * self.repeat
        first = turn * self.repeat if self.is_new else 0
        return [f"{stack.base}/studies?limit=500&offset={500 * (first + n)}" for n in range(self.repeat)]


NEW, KNOWN = Load("500 studies, never seen before", 4, is_new=True), Load("500 studies, seen before", 4)
OF_SERIES = Load(f"{INSTANCES} instances of a study", 6)
LOADS = (NEW, KNOWN, OF_SERIES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.sched_setaffinity(0, cores()[1])
    for form in FORMS:
        with TemporaryDirectory(prefix="dicomveil-bench-") as name:
            _run(form, Path(name), options.rounds)


def _run(form: str, folder: Path, rounds: int) -> None:
    with (
        _origin(folder, form) as origin,
        plain(origin, folder) as proxy,
        dicomveil(origin, folder, STUDIES) as gateway,
    ):
        results: Results = {(load.name, stack): [] for load in LOADS for stack in (JSON, PLAIN, GATEWAY)}
        for turn in range(rounds + 1):
            for load in LOADS:
                _measure(load, turn, [proxy, gateway], origin, results)
        _print_costs(form, results)
        _print_filters(form, gateway, origin)


@contextmanager
def _origin(folder: Path, form: str) -> Iterator[int]:
    port = free_port()
    program = python_module("benchmarks.listing_origin", str(port), str(STUDIES), str(INSTANCES), form)
    with running(program, port, cores()[1], folder / "origin.log"):
        yield port


def _measure(load: Load, turn: int, stacks: list[Stack], origin: int, results: Results) -> None:
    """Ask all stacks for the same; the first turn, which warms up, does not count."""
    found = {stack.name: _ask(load, turn, stack, origin) for stack in stacks}
    answer = urllib.request.urlopen(f"http://127.0.0.1:{origin}{load.paths(stacks[0], turn)[0]}").read()
    began = time.process_time()
    for _ in range(load.repeat):
        json.dumps(json.loads(answer), separators=(",", ":")).encode()
    cpu = time.process_time() - began
    found[JSON] = {"cpu": cpu / (len(answer) * load.repeat) * 1e9}
    for name, one in found.items() if turn else ():
        results[load.name, name].append(one)


def _ask(load: Load, turn: int, stack: Stack, origin: int) -> dict[str, float]:
    assert stack.process is not None
    client = stack.client()
    for path in () if load.is_new else dict.fromkeys(load.paths(stack, turn)):
        client.fetch(path, accept=ACCEPT)
    _asked(origin)
    cpu = stack.process.cpu_s()
    fetched = [client.fetch(path, accept=ACCEPT) for path in load.paths(stack, turn)]
    cpu = stack.process.cpu_s() - cpu
    client.close()
    return {
        "cpu": cpu / sum(size for *_, size in _asked(origin)) * 1e9,
        "first": Samples(tuple(one.first_byte_s for one in fetched)).middle,
    }


def _asked(origin: int) -> list[Any]:
    """Return the pages that the origin was asked for: path, offset, limit, bytes."""
    found: list[Any] = json.load(urllib.request.urlopen(f"http://127.0.0.1:{origin}/asked"))
    return found


def _print_costs(form: str, results: Results) -> None:
    for load in LOADS:
        rows = []
        cpu = {name: Samples(tuple(one["cpu"] for one in results[load.name, name])) for name in (JSON, PLAIN, GATEWAY)}
        for name, mine in cpu.items():
            first = [one["first"] for one in results[load.name, name] if "first" in one]
            rows.append(
                [
                    name,
                    mine.text(1),
                    ratios(mine, cpu[JSON]).text(),
                    ratios(mine, cpu[PLAIN]).text(1),
                    Samples(tuple(first)).text(1, 1e3) if first else "-",
                ]
            )
        rounds = len(results[load.name, GATEWAY])
        title = f"{load.name}, {form} (median [least-most] of {rounds} rounds; per MB of the origin's)"
        print(table(title, ["", "CPU ms/MB", "x json", "x plain", "first byte ms"], rows))
    print()
    for load in LOADS:
        cost = Samples(tuple(one["cpu"] for one in results[load.name, GATEWAY])).middle
        print(verdict(f"CPU per MB, {load.name}, {form}", cost, CPU_TARGET_MS, " ms"))


def _print_filters(form: str, gateway: Stack, origin: int) -> None:
    assert gateway.process is not None
    idle_mb = gateway.process.rss_mb()
    keys = KeyRing(SECRET, WORKLIST)
    pseudonyms = [keys.patient("", patient_id(number), "") for number in range(0, STUDIES, 2)]
    rows = []
    behind, peak_mb = 0, 0.0
    for pattern, limit in (RARE, (f"*{pseudonyms[len(pseudonyms) // 2][4:12]}*", 1), (f"*{pseudonyms[-1][4:12]}*", 2)):
        matching = [n * 2 + m for n, one in enumerate(pseudonyms) if fnmatch.fnmatchcase(one, pattern) for m in (0, 1)]
        # One more than asked for says that there is more; that there is none, only the page behind the last one does.
        last = matching[limit] if limit < len(matching) else STUDIES
        gateway.process.reset_peak()
        client = gateway.client()
        cpu = gateway.process.cpu_s()
        path = f"{gateway.base}/studies?PatientName={pattern}&limit={limit}"
        _asked(origin)
        seconds = _fetch(client, path)
        pages = [page for page in _asked(origin) if page[0].endswith("/studies")]
        client.close()
        read = pages[-1][1] + pages[-1][2]
        behind += sum(offset > last for _, offset, _, _ in pages)
        peak_mb = max(peak_mb, gateway.process.peak_mb() - idle_mb)
        megabytes = sum(size for *_, size in pages) / 1e6
        rows.append(
            [
                f"first {limit} of {len(matching)}",
                f"{min(last + 1, STUDIES)}",
                f"{min(read, STUDIES)} in {len(pages)}",
                f"{seconds:.2f}",
                f"{(gateway.process.cpu_s() - cpu) / megabytes * 1e3:.1f}",
                f"{gateway.process.peak_mb() - idle_mb:.1f}",
            ]
        )
    columns = ["patients", "studies needed", "read in pages", "s to the page", "CPU ms/MB read", "RSS + MB"]
    print(table(f"first page of a filtered search over {STUDIES} studies, {form}", columns, rows))
    print()
    print(verdict("pages read behind the one that answers", behind, 0, ""))
    print(verdict("memory over idle", peak_mb, RSS_TARGET_MB, " MB"))


def _fetch(client: Any, path: str) -> float:
    seconds: float = client.fetch(path, accept=ACCEPT).seconds
    return seconds


if __name__ == "__main__":
    main()
