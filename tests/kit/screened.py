"""Objects to be screened, made of frames in memory."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from numpy.typing import NDArray

from gateway.core.mask.model import Image, PixelDecision, Rectangle, Verdict
from gateway.ports import Frame, Screened
from gateway.screening.text import Pixels

NATIVE = "1.2.840.10008.1.2.1"
SUBJECT = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "BEISPIEL^ERIKA"}]},
    "00100020": {"vr": "LO", "Value": ["MRN-0815"]},
    "00100030": {"vr": "DA", "Value": ["19610312"]},
}


def question(*rectangles: Rectangle) -> PixelDecision:
    return PixelDecision(Verdict.SCREEN, rectangles, ("a rule",) if rectangles else (), "may show text")


def frame_of(pixels: NDArray[Any], **changed: object) -> Frame:
    """Make a frame of eight bits, grey or RGB."""
    samples = 1 if pixels.ndim == 2 else 3
    said = {
        "00280002": ("US", samples),
        "00280004": ("CS", "MONOCHROME2" if samples == 1 else "RGB"),
        "00280006": ("US", 0),
        "00280010": ("US", pixels.shape[0]),
        "00280011": ("US", pixels.shape[1]),
        "00280100": ("US", pixels.itemsize * 8),
        "00280101": ("US", pixels.itemsize * 8),
        "00280103": ("US", 0),
    }
    attributes = {key: {"vr": vr, "Value": [value]} for key, (vr, value) in said.items()} | changed
    return Frame(attributes, {}, "PixelData", pixels.tobytes(), "application/octet-stream", NATIVE)


def image_of(pixels: NDArray[Any], frames: int) -> Image:
    samples = 1 if pixels.ndim == 2 else 3
    bits = pixels.itemsize * 8
    photometric = "MONOCHROME2" if samples == 1 else "RGB"
    rows, columns = pixels.shape[:2]
    return Image(rows, columns, samples, bits, bits, is_signed=False, photometric=photometric, frames=frames)


def screened(
    *pictures: Pixels,
    path: str = "/studies/1/series/2/instances/3",
    asked: PixelDecision | None = None,
    read: Callable[[Sequence[int]], Awaitable[Sequence[Frame]]] | None = None,
    more: Mapping[str, object] = {},
) -> Screened:
    """Make an object of these frames, about Erika Beispiel."""

    async def frames(numbers: Sequence[int]) -> Sequence[Frame]:
        return [frame_of(pictures[number - 1]) for number in numbers]

    said = {key: msgspec.Raw(json.dumps(value).encode()) for key, value in (SUBJECT | dict(more)).items()}
    return Screened(path, said, asked or question(), image_of(pictures[0], len(pictures)), read or frames)
