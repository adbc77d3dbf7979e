"""Searching pictures for text: how much is found, how fast, and what it costs those who are served meanwhile.

Frames are made up: names, numbers and dates of 10 to 32 pixels on five kinds of ground. Then one study is retrieved
again and again while a process of the gateway looks at frames without a pause. Run: ``python -m benchmarks.screening``.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import samples
from benchmarks.processes import cores
from benchmarks.report import Samples, ratios, table, verdict
from benchmarks.stacks import Stack, dicomveil, static_origin
from gateway.ports import Frame
from gateway.screening.pool import Worker, Workers
from gateway.screening.rapid import RapidText
from tests.kit import burned
from tests.kit.detection import Tally, measured
from tests.kit.screened import frame_of

TIME_TARGET = 1 / 0.9
STUDY = f"{samples.ROOT}.1"
RETRIEVALS = 4
ALONE, BESIDE = "alone", "while frames are searched"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    _found(options.frames)
    _meanwhile(options.rounds)


def _found(count: int) -> None:
    detector = RapidText()
    sets: dict[str, Iterable[burned.Labelled]] = {
        "Latin": burned.frames(1, count),
        "Greek, Cyrillic": burned.frames(2, count // 2, burned.OTHER_SCRIPTS),
        "no text": burned.empty_frames(3, count // 2),
    }
    rows = []
    for name, frames in sets.items():
        made = list(frames)
        begun = time.process_time()
        tally = measured(made, detector)
        rate = len(made) / (time.process_time() - begun)
        precision = f"{tally.precision:.3f}" if tally.masked else "-"
        rows.append([name, str(len(made)), *_recall(tally), precision, str(tally.false_alarms), f"{rate:.2f}"])
    columns = ["frames", "n", "recall, clear", "recall, faint", "precision", "false alarms", "frames/s/core"]
    print(table("Text that is found", columns, rows))
    print(f"clear: {burned.CLEAR} shades from the ground; faint: {burned.FAINT}; of {burned.ROWS} x {burned.COLUMNS}\n")


def _recall(tally: Tally) -> list[str]:
    each = [tally.of(contrasts) for contrasts in (burned.CLEAR, burned.FAINT)]
    return [f"{one.recall:.3f}" if one.masked or one.missed else "-" for one in each]


def _meanwhile(rounds: int) -> None:
    with TemporaryDirectory(prefix="dicomveil-bench-") as name:
        folder = Path(name)
        with static_origin(folder, "4") as origin, dicomveil(origin, folder) as gateway:
            taken = asyncio.run(_in_turns(gateway, rounds))
    slower = ratios(taken[BESIDE], taken[ALONE])
    rows = [[name, each.text(2), ratios(each, taken[ALONE]).text()] for name, each in taken.items()]
    print(table("A study is retrieved", ["", "seconds", "x alone"], rows))
    print(verdict("time of a retrieval while frames are searched", slower.middle, TIME_TARGET))


async def _in_turns(gateway: Stack, rounds: int) -> dict[str, Samples]:
    """Retrieve alone and beside, in turns. The process that searches is held on the gateway's own core."""
    found: dict[str, list[float]] = {ALONE: [], BESIDE: []}
    workers = Workers()
    frames = [frame_of(one.pixels) for one in burned.frames(4, 5)]
    os.sched_setaffinity(0, cores()[0])
    try:
        async with workers.one() as worker:
            os.sched_setaffinity(0, cores()[1])
            await worker.look(frames[0], is_first=True, reads=False)  # loads the models
            await asyncio.to_thread(_seconds, gateway)  # nobody's first retrieval counts
            for _ in range(rounds):
                found[ALONE].append(await asyncio.to_thread(_seconds, gateway))
                ended = asyncio.Event()
                looking = asyncio.create_task(_looking(worker, frames, ended))
                found[BESIDE].append(await asyncio.to_thread(_seconds, gateway))
                ended.set()
                await looking
    finally:
        workers.close()
    return {name: Samples(tuple(each)) for name, each in found.items()}


async def _looking(worker: Worker, frames: list[Frame], ended: asyncio.Event) -> None:
    """Keep a process busy."""
    for frame in cycle(frames):
        await worker.look(frame, is_first=True, reads=True)
        if ended.is_set():
            break


def _seconds(gateway: Stack) -> float:
    client = gateway.client()
    taken = sum(client.fetch(gateway.path(STUDY)).seconds for _ in range(RETRIEVALS))
    client.close()
    return taken


if __name__ == "__main__":
    main()
