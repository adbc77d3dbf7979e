"""Screens files in this process: for copies of files, which have no origin, and nobody waits beside them."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pydicom
from pydicom.encaps import generate_fragmented_frames
from pydicom.uid import UID

from gateway.core.mask.model import Image, PixelDecision
from gateway.core.mask.native import NativeMasker
from gateway.core.rewrite.codestream import beginnings
from gateway.ports import Frame
from gateway.rendering.description import describe
from gateway.rendering.frames import NATIVE
from gateway.screening.decide import refused
from gateway.screening.extra import missing
from gateway.screening.gathered import BROKE, UNREADABLE, Gathered
from gateway.screening.looking import Looker
from gateway.screening.text import TextDetector

BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
_PIXELS: Final = "PixelData"


class FileScreener:
    """Answers SCREEN decisions about files; the models are loaded for the first."""

    def __init__(self) -> None:
        self._detector: TextDetector | None = None

    def judge(self, path: Path, question: PixelDecision, image: Image) -> PixelDecision:
        """Answer a SCREEN decision; whatever cannot be looked at is refused."""
        lacking = missing()
        if lacking:
            return refused(question, lacking)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._judged(path, question, image)
        except Exception:  # noqa: BLE001 - decoders and networks raise what they like; their messages may hold values
            return refused(question, BROKE)

    def _judged(self, path: Path, question: PixelDecision, image: Image) -> PixelDecision:
        found = pydicom.dcmread(path)
        data = found.pop(_PIXELS).value
        said = found.to_json_dict()
        gathered = Gathered(
            question, image, {key: msgspec.Raw(json.dumps(value).encode()) for key, value in said.items()}
        )
        looker = Looker(self._loaded(), reads=gathered.reads)
        seen = 0
        for frame in _frames(found.file_meta.TransferSyntaxUID, data, said, image):
            if gathered.answer is not None:
                break
            gathered.add(looker.look(frame))
            seen += 1
        if gathered.answer is None and seen != image.frames:
            gathered.refuse(UNREADABLE)
        return gathered.decided()

    def _loaded(self) -> TextDetector:
        if self._detector is None:
            from gateway.screening.rapid import RapidText  # noqa: PLC0415 - of the extra, and it takes a second

            self._detector = RapidText()
        return self._detector


def _frames(syntax: UID, data: Any, said: dict[str, Any], image: Image) -> Iterator[Frame]:
    description = describe(json.dumps(said).encode())
    packed = image.bits_allocated == 1 and image.rows * image.columns * image.samples % 8
    if description is None or (packed and image.frames > 1):
        return
    if syntax.is_encapsulated:
        pieces = _compressed(str(syntax), data, image)
        named = str(syntax)
    else:
        NativeMasker(image, (), little_endian=True, length=len(data))  # which counts
        size = len(data) // image.frames
        pieces = (data[at * size : (at + 1) * size] for at in range(image.frames))
        named = BIG_ENDIAN if syntax == BIG_ENDIAN else NATIVE
    for number, piece in enumerate(pieces, 1):
        yield Frame(description.attributes(number), {}, _PIXELS, piece, "application/octet-stream", named)


def _compressed(syntax: str, data: bytes, image: Image) -> Iterator[bytes]:
    """Yield frames. Raises ValueError where one has a fragment that begins another, which decoders pass over."""
    for fragments in generate_fragmented_frames(data, number_of_frames=image.frames):
        if any(each.startswith(beginnings(syntax)) for each in fragments[1:]):
            raise ValueError("more frames than the object says")
        yield b"".join(fragments)
