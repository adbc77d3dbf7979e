"""Many viewers at once: what OHIF asks, asked by 500 of them, of the guarded gateway and of nginx passing the same mix.

Each viewer is one connection that opens the list, a study of it and its slices one after the other, then begins anew;
the requests are those that OHIF 3.13 was recorded to send. The gateway runs with two workers, API keys, audit and
limits. Run: ``python -m benchmarks.viewers --minutes 10`` (needs what ``scripts/orthanc.sh`` needs, and nginx).
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from benchmarks import samples
from benchmarks.orthanc_study import load, orthanc
from benchmarks.processes import Running, free_port, python_module, running
from benchmarks.report import Samples, table, verdict
from benchmarks.stacks import REPOSITORY, SECRET, nginx
from gateway.access.keys import hash_of

STUDIES, SLICES = 6, 24
USERS = 50
WORKERS = 2
CONNECTIONS = 20
"""Of a worker: Orthanc serves 50 connections at once, and those beyond wait for others to close."""
MEMORY_MB, P99_RATIO = 700, 5.0
LIST = "limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030"
SERIES = "includefield=00080021%2C00080031%2C0008103E%2C00200011"
JSON = "application/dicom+json"
FRAME = "multipart/related; type=application/octet-stream; transfer-syntax=*"
SETTLED_S = 5.0


@dataclass
class Seen:
    """What all viewers saw: seconds by kind of request, answers by status, and what was not as it should be."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    stated: int = 0

    def add(self, kind: str, seconds: float) -> None:
        self.seconds.setdefault(kind, []).append(seconds)

    @property
    def all(self) -> Samples:
        return Samples(tuple(one for each in self.seconds.values() for one in each))


@dataclass(frozen=True)
class Target:
    """Where viewers go, and what they show there."""

    name: str
    base: str
    keys: tuple[str, ...] = ()
    process: Running | None = None

    def headers(self, viewer: int) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[viewer % len(self.keys)]}"} if self.keys else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--pace", type=float, default=2.0, help="seconds that a viewer looks at a slice")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="dicomveil-viewers-") as name, orthanc(Path(name)) as port:
        for number in range(STUDIES):
            load(port, samples.ct_study(SLICES, number + 11))
        everywhere = os.sched_getaffinity(0)
        with nginx(port, Path(name), everywhere) as passing, guarded(port, Path(name)) as gateway:
            peer = Target("nginx", f"http://127.0.0.1:{passing.port}/dicom-web", process=passing.process)
            asyncio.run(_run(peer, gateway, options))


async def _run(peer: Target, gateway: Target, options: argparse.Namespace) -> None:
    short = max(0.2, options.minutes / 5)
    passed, _ = await look(peer, options.viewers, short * 60, options.pace)
    before = descriptors(gateway)
    seen, peak = await look(gateway, options.viewers, options.minutes * 60, options.pace)
    await asyncio.sleep(SETTLED_S)
    after = descriptors(gateway)
    print(_table("nginx", passed), _table("dicomveil", seen), sep="\n")
    print(f"answers: {dict(seen.statuses)}, stated 503: {seen.stated}, not stated: {dict(seen.faults)}")
    print(f"descriptors of all processes before and after: {before}, {after}")
    print(verdict("errors that are not a stated 503", sum(seen.faults.values()), 0, ""))
    print(verdict(f"resident memory of {WORKERS} workers", peak, MEMORY_MB, " MB"))
    print(verdict("p99 over that of nginx", seen.all.percentile(99) / passed.all.percentile(99), P99_RATIO))


def _table(name: str, seen: Seen) -> str:
    rows = []
    for kind, seconds in {**seen.seconds, "all": list(seen.all.values)}.items():
        values = Samples(tuple(seconds))
        rows.append([kind, str(len(seconds)), *(f"{values.percentile(at) * 1e3:.1f}" for at in (50, 95, 99, 100))])
    return table(name, ["request", "count", "p50 ms", "p95 ms", "p99 ms", "most ms"], rows)


async def look(target: Target, viewers: int, seconds: float, pace: float) -> tuple[Seen, float]:
    """Let viewers look for some time; return what they saw and the most memory that the target's processes took."""
    seen, end = Seen(), time.monotonic() + seconds
    watching = asyncio.create_task(_peak(target, end))
    await asyncio.gather(*(_viewer(target, number, end, pace, seen) for number in range(viewers)))
    return seen, await watching


async def _peak(target: Target, end: float) -> float:
    peak = 0.0
    while target.process is not None and time.monotonic() < end:
        peak = max(peak, target.process.rss_mb())
        await asyncio.sleep(1)
    return peak


async def _viewer(target: Target, number: int, end: float, pace: float, seen: Seen) -> None:
    chance = random.Random(number)
    connector = aiohttp.TCPConnector(limit=6)  # as a browser has to one host
    async with aiohttp.ClientSession(
        connector=connector, headers=target.headers(number), timeout=aiohttp.ClientTimeout(120)
    ) as session:
        await asyncio.sleep(chance.random() * pace * SLICES / 2)  # they do not come all at once
        while time.monotonic() < end:
            await _visit(_Browser(session, target, seen, chance, end, pace))


@dataclass
class _Browser:
    session: aiohttp.ClientSession
    target: Target
    seen: Seen
    chance: random.Random
    end: float
    pace: float

    async def get(self, kind: str, path: str, accept: str) -> bytes:
        """Ask once; what is not 200 and no stated 503 is a fault."""
        begun = time.monotonic()
        try:
            async with self.session.get(self.target.base + path, headers={"accept": accept}) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.seen.faults[type(error).__name__] += 1
            return b""
        self.seen.add(kind, time.monotonic() - begun)
        self.seen.statuses[answer.status] += 1
        if answer.status == 503 and answer.headers.get("retry-after", "").isdigit():
            self.seen.stated += 1
            await asyncio.sleep(min(int(answer.headers["retry-after"]), 5))
            return b""
        if answer.status not in (200, 204):
            self.seen.faults[f"{kind} {answer.status}"] += 1
            return b""
        return body

    async def json(self, kind: str, path: str) -> Any:
        body = await self.get(kind, path, JSON)
        return json.loads(body) if body else []


async def _visit(browser: _Browser) -> None:
    studies = await browser.json("list", f"/studies?{LIST}")
    if not studies:
        await asyncio.sleep(browser.pace)
        return
    study = _uid(browser.chance.choice(studies), "0020000D")
    for _ in range(2):  # as it does
        await browser.json("study", f"/studies?{LIST}&StudyInstanceUID={study}")
    for one in await browser.json("series", f"/studies/{study}/series?{SERIES}"):
        series = f"/studies/{study}/series/{_uid(one, '0020000E')}"
        for instance in await browser.json("metadata", f"{series}/metadata"):
            if time.monotonic() >= browser.end:
                return
            path = f"{series}/instances/{_uid(instance, '00080018')}/frames/1"
            body = await browser.get("frame", path, FRAME)
            if body and len(body) < samples.FRAME_BYTES:
                browser.seen.faults["a short frame"] += 1
            await asyncio.sleep(browser.pace * (0.5 + browser.chance.random()))


def _uid(element: dict[str, Any], tag: str) -> str:
    uid: str = element[tag]["Value"][0]
    return uid


def descriptors(target: Target) -> int:
    """Count the open descriptors of all processes of a target."""
    return target.process.descriptors() if target.process else 0


@contextmanager
def guarded(origin: int, folder: Path) -> Iterator[Target]:
    """Start the gateway as it is in a hospital: nobody without a key, everything on record."""
    keys = {f"user-{number}": f"dv_{sha256(b'benchmark %d' % number).hexdigest()}" for number in range(USERS)}
    (folder / "secret").write_bytes(SECRET)
    settings: dict[str, Any] = {
        "secret": {"file": str(folder / "secret")},
        "state": f"sqlite:///{folder}/state.db",
        "profiles": str(REPOSITORY / "profiles"),
        "origins": {"archive": {"dicomweb": f"http://127.0.0.1:{origin}/dicom-web", "connections": CONNECTIONS}},
        "worklists": {"research": {"origin": "archive", "profile": "nominal"}},
        "access": {
            "keys": {name: {"hash": hash_of(key)} for name, key in keys.items()},
            "allow": [{"keys": list(keys), "worklists": ["research"], "roles": ["view"]}],
        },
        "audit": {"to": [{"file": str(folder / "audit.jsonl")}]},
    }
    (folder / "guarded.yaml").write_text(json.dumps(settings), encoding="utf-8")
    port = free_port()
    program = python_module("gateway", "serve", "--config", str(folder / "guarded.yaml"), "--port", str(port))
    everywhere = os.sched_getaffinity(0)
    with running([*program, "--workers", str(WORKERS)], port, everywhere, folder / "guarded.log") as process:
        yield Target(
            "dicomveil", f"http://127.0.0.1:{port}/worklists/research/dicom-web", tuple(keys.values()), process
        )


if __name__ == "__main__":
    main()
