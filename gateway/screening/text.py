"""The port of text detection: frames of eight bits in, boxes and what is written in them out."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.core.mask.model import Rectangle

Pixels = NDArray[np.uint8]
"""Rows, columns, and three colours or none."""


@dataclass(frozen=True, slots=True)
class Text:
    """A box around text. ``confidence`` is of the reading, 0 to 1; 0 where nothing was read."""

    rectangle: Rectangle
    written: str = ""
    confidence: float = 0.0

    def moved(self, x: int, y: int) -> "Text":
        """Return the text as a frame sees it of which this was a piece at (x, y)."""
        place = self.rectangle
        return Text(Rectangle(place.y + y, place.x + x, place.height, place.width), self.written, self.confidence)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one frame shows; ``pixels`` were looked at for it."""

    texts: list[Text]
    pixels: int


class TextDetector(Protocol):
    """Finds text. Whatever it raises means that nothing is known of the pixels."""

    def find(self, pixels: Pixels, *, reads: bool) -> list[Text]:
        """Return every text of a picture of at most some hundred pixels a side, read if ``reads``."""


def as_colour(pixels: NDArray[Any]) -> Pixels:
    """Return three colours of what may be grey."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
