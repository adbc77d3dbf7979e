"""A study of 200 slices from one real Orthanc to another: as a job of an uplink, copied as it is, by ``/anonymize``.

A job pulls, de-identifies and stores, and keeps book of it; its time is from the request to its last event. Two copies
change nothing: Orthanc's own DICOMweb client stores the study at the other, and aiohttp streams a retrieval into a
storage. Orthanc's way to the same end is ``/anonymize`` and then its own copy. Nothing is pinned to a core: in each way
all programs share all of them. Run: ``python -m benchmarks.uplink`` (needs what ``scripts/orthanc.sh`` needs).
"""

import argparse
import asyncio
import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from benchmarks import samples
from benchmarks.client import ACCEPT
from benchmarks.orthanc_study import call, load, orthanc
from benchmarks.processes import free_port, python_module, running
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import SECRET

COPY_TARGET, ANONYMIZE_TARGET = 1.5, 1 / 2
JOB, COPY, STREAM = "dicomveil, a job", "Orthanc's copy", "aiohttp, retrieve into store"
ANONYMIZE = "Orthanc /anonymize, then its copy"
UPLINK, PEER = "bench", "cloud"
_TIMEOUT_S = 120
_CHUNK_BYTES = 1 << 18
_SETTINGS = """
secret: {{file: {folder}/secret}}
state: sqlite:///{folder}/state.db
origins:
  local: {{dicomweb: "http://127.0.0.1:{local}/dicom-web"}}
  cloud: {{dicomweb: "http://127.0.0.1:{cloud}/dicom-web"}}
uplinks:
  {uplink}: {{origin: local, destination: cloud}}
"""


@dataclass(frozen=True)
class Ends:
    """Where the study is, and where it is to be; ``identifier`` is Orthanc's own."""

    local: int
    cloud: int
    study: samples.Study
    identifier: str

    def check(self) -> None:
        """Raise RuntimeError unless the whole study arrived; then remove it."""
        arrived = call(self.cloud, "GET", "/statistics")["CountInstances"]
        if arrived != len(self.study.instances):
            raise RuntimeError(f"{arrived} of {len(self.study.instances)} instances arrived")
        for study in call(self.cloud, "GET", "/studies"):
            call(self.cloud, "DELETE", f"/studies/{study}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slices", type=int, default=samples.SLICES)
    options = parser.parse_args()
    study = samples.ct_study(options.slices)
    with (
        TemporaryDirectory(prefix="dicomveil-bench-") as name,
        orthanc(Path(name) / "local") as local,
        orthanc(Path(name) / "cloud") as cloud,
    ):
        load(local, study)
        there = json.dumps({"Url": f"http://127.0.0.1:{cloud}/dicom-web/", "ChunkedTransfers": True})
        call(local, "PUT", f"/dicom-web/servers/{PEER}", there.encode())
        ends = Ends(local, cloud, study, call(local, "GET", "/studies")[0])
        with dicomveil(local, cloud, Path(name)) as gateway:
            print(_measure(ends, gateway, options.rounds))


@contextmanager
def dicomveil(local: int, cloud: int, folder: Path) -> Iterator[int]:
    """Start the gateway with one uplink; give its port."""
    port = free_port()
    (folder / "secret").write_bytes(SECRET)
    settings = folder / "settings.yaml"
    text = _SETTINGS.format(folder=folder, local=local, cloud=cloud, uplink=UPLINK)
    settings.write_text(text, encoding="utf-8")
    program = python_module("gateway", "serve", "--config", str(settings), "--host", "127.0.0.1", "--port", str(port))
    with running(program, port, os.sched_getaffinity(0), folder / "gateway.log"):
        yield port


def _measure(ends: Ends, gateway: int, rounds: int) -> str:
    ways: dict[str, Callable[[], float]] = {
        JOB: lambda: _timed(lambda: _job(gateway, ends.study.uid)),
        COPY: lambda: _timed(lambda: _copy(ends.local, ends.identifier)),
        STREAM: lambda: _timed(lambda: asyncio.run(_stream(ends))),
        ANONYMIZE: lambda: _anonymized(ends),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):  # the first warms up
        for name, way in ways.items():
            took = way()
            ends.check()
            if number:
                seconds[name].append(took)
    found = {name: Samples(tuple(values)) for name, values in seconds.items()}
    title = f"{len(ends.study.instances)} CT slices between two Orthancs (median [least-most] of {rounds} rounds)"
    rows = [[name, each.text(3), ratios(found[JOB], each).text()] for name, each in found.items()]
    return "\n".join(
        [
            table(title, ["way", "s", "job over it"], rows),
            "",
            verdict("time over Orthanc's copy", ratios(found[JOB], found[COPY]).middle, COPY_TARGET),
            verdict("time over Orthanc's way", ratios(found[JOB], found[ANONYMIZE]).middle, ANONYMIZE_TARGET),
        ]
    )


def _timed(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def _job(gateway: int, study: str) -> None:
    """Begin a job and follow it to its end. Raises RuntimeError when it fails."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway, timeout=_TIMEOUT_S)
    body = json.dumps({"study": study})
    connection.request("POST", f"/uplinks/{UPLINK}", body, {"Content-Type": "application/json"})
    begun = connection.getresponse()
    begun.read()
    connection.request("GET", f"{begun.headers['Location']}/events")
    last: dict[str, Any] = {}
    for line in connection.getresponse():
        if line.startswith(b"data: "):
            last = json.loads(line.removeprefix(b"data: "))
    connection.close()
    if last.get("state") != "done":
        raise RuntimeError(f"a benchmark job ended as {last}")


def _copy(local: int, identifier: str) -> None:
    wanted = json.dumps({"Resources": [identifier], "Synchronous": True})
    call(local, "POST", f"/dicom-web/servers/{PEER}/stow", wanted.encode())


async def _stream(ends: Ends) -> None:
    """Pass a retrieval on as it comes: the same boundary, the same parts."""
    url, unlimited = "http://127.0.0.1:{}/dicom-web/studies", aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=unlimited) as session,
        session.get(f"{url.format(ends.local)}/{ends.study.uid}", headers={"Accept": ACCEPT}) as found,
    ):
        headers = {"Content-Type": found.headers["Content-Type"], "Accept": "application/dicom+json"}
        body = found.content.iter_chunked(_CHUNK_BYTES)
        async with session.post(url.format(ends.cloud), data=body, headers=headers) as answer:
            await answer.read()


def _anonymized(ends: Ends) -> float:
    began = time.perf_counter()
    made = call(ends.local, "POST", f"/studies/{ends.identifier}/anonymize", b"{}")["ID"]
    _copy(ends.local, made)
    seconds = time.perf_counter() - began
    call(ends.local, "DELETE", f"/studies/{made}")
    return seconds


if __name__ == "__main__":
    main()
