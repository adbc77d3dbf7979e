"""A clip of 120 frames as MP4: the gateway's renderer, from the frames as stored, and ffmpeg alone on the same frames.

    python -m benchmarks.clip [--rounds N]

ffmpeg gets the same settings and the very bytes that the object holds, from files: raw where they are native, JPEG
where they are JPEG. Wall and processor time are medians of rounds in turn, after one that warms up.
"""

import argparse
import asyncio
import io
import os
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.processes import Running
from gateway.ports import Frame
from gateway.rendering import work
from gateway.rendering.batch import batch
from gateway.rendering.encoders import ENCODING, MP4
from gateway.rendering.look import Look
from gateway.rendering.pool import Renderers

FRAMES, ROWS, COLUMNS, INTERVAL_MS = 120, 480, 640, 40.0
EXPLICIT, JPEG_BASELINE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
Pixels = NDArray[np.uint8]


def moving() -> Pixels:
    """Make grey frames in which a speckled sector moves, as in ultrasound."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    speckle, outside = random.random((ROWS, COLUMNS)) * 60, (x - 320) ** 2 + (y + 40) ** 2 > 460**2
    frames = []
    for number in range(FRAMES):
        waves = 80 * np.sin((x + 3 * number) / 23) * np.cos((y - 2 * number) / 31)
        frame = speckle + waves + 90 + random.normal(0, 6, (ROWS, COLUMNS))
        frames.append(np.where(outside, 0, np.clip(frame, 0, 255)).astype(np.uint8))
    return np.stack(frames)


def described(samples: int, interpretation: str) -> dict[str, Any]:
    """Give the attributes of a frame in the DICOM JSON Model."""
    numbers = {"00280002": samples, "00280006": 0, "00280010": ROWS, "00280011": COLUMNS, "00280100": 8, "00280101": 8,
               "00280103": 0}  # fmt: skip
    found: dict[str, Any] = {tag: {"vr": "US", "Value": [value]} for tag, value in numbers.items()}
    found["00280004"] = {"vr": "CS", "Value": [interpretation]}
    return found | {"00281050": {"vr": "DS", "Value": [127.5]}, "00281051": {"vr": "DS", "Value": [256]}}


def in_jpeg(frame: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=90)
    return out.getvalue()


def cases() -> dict[str, tuple[list[Frame], list[str]]]:
    """Give frames as an origin has them, and how ffmpeg is told what they are."""
    grey = moving()
    colour = np.stack([grey, grey // 2 + 40, grey // 3 + 60], axis=-1)
    raw = ["-f", "rawvideo", "-video_size", f"{COLUMNS}x{ROWS}", "-pixel_format"]

    def frames(kind: str, samples: int, syntax: str, bodies: list[bytes]) -> list[Frame]:
        return [
            Frame(described(samples, kind), {}, "PixelData", body, "application/octet-stream", syntax)
            for body in bodies
        ]

    return {
        "grey, native": (
            frames("MONOCHROME2", 1, EXPLICIT, [one.tobytes() for one in grey]),
            [*raw, "gray"],
        ),
        "colour, native": (frames("RGB", 3, EXPLICIT, [one.tobytes() for one in colour]), [*raw, "rgb24"]),
        "colour, JPEG": (
            frames("YBR_FULL_422", 3, JPEG_BASELINE, [in_jpeg(one) for one in colour]),
            ["-f", "image2pipe", "-c:v", "mjpeg"],
        ),
    }


async def measured(make: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return wall and processor time in seconds."""
    own = Running(os.getpid())
    wall, cpu = time.perf_counter(), own.cpu_s()
    await make()
    return time.perf_counter() - wall, own.cpu_s() - cpu


async def compare(frames: list[Frame], source: list[str], folder: Path, rounds: int) -> None:
    """Print one line."""
    stored, target = folder / "frames", folder / "clip.mp4"
    stored.write_bytes(b"".join(frame.data for frame in frames))
    given = [*source, "-framerate", f"{1000 / INTERVAL_MS:.4f}", "-i", str(stored)]
    alone = ["ffmpeg", "-nostdin", "-loglevel", "quiet", *given, *ENCODING, "-y", str(target)]
    renderers = Renderers(1)

    async def ours() -> None:
        with batch(frames) as held:
            await renderers.run(work.animation, held, Look(), MP4, INTERVAL_MS)

    async def theirs() -> None:
        await asyncio.to_thread(subprocess.run, alone, check=True)

    for make in (ours, theirs):
        await make()
    taken = [(await measured(ours), await measured(theirs)) for _ in range(rounds)]
    (wall, cpu), (peer_wall, peer_cpu) = (
        [statistics.median(x) for x in zip(*side, strict=True)] for side in zip(*taken, strict=True)
    )
    print(f"{wall:6.2f} s {peer_wall:6.2f} s {wall / peer_wall:5.2f}", end="")
    print(f"   {cpu:6.2f} s {peer_cpu:6.2f} s {cpu / peer_cpu:5.2f}")


async def run(rounds: int) -> None:
    print(f"{FRAMES} frames of {COLUMNS} x {ROWS}; gateway, ffmpeg, ratio: wall, then processor time")
    with TemporaryDirectory() as folder:
        for name, (frames, source) in cases().items():
            print(f"{name:16}", end="", flush=True)
            await compare(frames, source, Path(folder), rounds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    asyncio.run(run(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
