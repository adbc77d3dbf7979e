"""What is known of one object while its frames are looked at, and what ends that early."""

from collections.abc import Iterator
from typing import Final

from gateway.core.mask.model import Image, PixelDecision
from gateway.core.rewrite.jsonfacts import JsonFactReader
from gateway.core.wire.jsonelement import Elements, text
from gateway.screening.decide import decided, refused
from gateway.screening.identifying import Identifying
from gateway.screening.text import Looked, Text

MAX_FRAMES: Final = 1_000
"""Frames of one object; of one with more, nobody would await the answer."""
MAX_PIXELS: Final = 64 << 20
"""Pixels that are looked at for one object: what does not change from frame to frame counts once."""
UNREADABLE: Final = "its pixel data cannot be decoded, so that nobody knows what text they show"
TOO_MANY_FRAMES: Final = f"it has more than {MAX_FRAMES} frames, more than are searched for text"
TOO_MANY_PIXELS: Final = f"its frames differ in more than {MAX_PIXELS >> 20} million pixels, more than are searched"
SHIFTED: Final = "its High Bit is not Bits Stored - 1, so that nobody knows where in its samples the picture lies"
HIDDEN_OVERLAY: Final = "an overlay lies in unused bits of its pixel data, where no text can be searched for"
BROKE: Final = "searching its pixel data for text failed"
_OVERLAY_POSITION: Final = "0102"
_BITS_STORED, _HIGH_BIT = "00280101", "00280102"


class Gathered:
    """The texts of one object. ``answer`` is set as soon as it is refused."""

    def __init__(self, question: PixelDecision, image: Image, elements: Elements) -> None:
        self.reads = bool(question.rectangles)
        self.answer: PixelDecision | None = None
        self._question = question
        self._image = image
        self._elements = elements
        self._texts: set[Text] = set()
        self._pixels = 0
        if image.frames > MAX_FRAMES:
            self.refuse(TOO_MANY_FRAMES)
        elif any(_overlays(elements)):
            self.refuse(HIDDEN_OVERLAY)
        elif _is_shifted(elements):
            self.refuse(SHIFTED)

    def refuse(self, reason: str) -> PixelDecision:
        """End in a refusal."""
        self.answer = refused(self._question, reason)
        return self.answer

    def add(self, looked: Looked | None) -> None:
        """Take what the next frame shows; None for one that cannot be decoded."""
        if looked is None:
            self.refuse(UNREADABLE)
            return
        self._texts.update(looked.texts)
        self._pixels += looked.pixels
        if self._pixels > MAX_PIXELS:
            self.refuse(TOO_MANY_PIXELS)

    def decided(self) -> PixelDecision:
        """Answer once all frames were looked at, or the object was refused. Raises MalformedInput, LimitExceeded."""
        if self.answer is not None:
            return self.answer
        reader = JsonFactReader()
        own = Identifying(reader.subject(reader.read(self._elements)))
        return decided(self._question, self._image, tuple(self._texts), own)


def _overlays(elements: Elements) -> Iterator[bool]:
    """Say of each overlay whether it lies beside the samples (PS3.5 Section 8.1.2, retired)."""
    for key in elements:
        if key[:2] == "60" and key[4:] == _OVERLAY_POSITION:
            yield text(elements, key).strip(" \0") not in ("", "0")


def _is_shifted(elements: Elements) -> bool:
    """Say whether the bits of a sample are others than those that decoders look at (PS3.5 Section 8.1.1)."""
    stored, high = text(elements, _BITS_STORED), text(elements, _HIGH_BIT)
    return bool(stored and high) and (not stored.isdecimal() or high != str(int(stored) - 1))
