"""How much of the text in labelled frames a mask covers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.core.clean.subject import Subject
from gateway.screening.decide import decided
from gateway.screening.identifying import Identifying
from gateway.screening.looking import Looker
from gateway.screening.text import TextDetector
from tests.kit.burned import Labelled, Written
from tests.kit.screened import frame_of, image_of, question

COVERED = 0.95
"""Share of its glyphs that must be gone for a text to be masked."""


@dataclass(slots=True)
class Tally:
    """Texts that were masked and missed, rectangles that hid text and that hid none."""

    masked: list[Written] = field(default_factory=list)
    missed: list[Written] = field(default_factory=list)
    hits: int = 0
    false_alarms: int = 0

    @property
    def recall(self) -> float:
        return len(self.masked) / max(1, len(self.masked) + len(self.missed))

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + self.false_alarms)

    def of(self, contrasts: Sequence[int]) -> "Tally":
        """Return what holds for texts of these contrasts."""
        masked, missed = ([one for one in some if one.contrast in contrasts] for some in (self.masked, self.missed))
        return Tally(masked, missed, self.hits, self.false_alarms)


def measured(frames: Iterable[Labelled], detector: TextDetector) -> Tally:
    """Mask each frame as the gateway would, and count."""
    found = Tally()
    for frame in frames:
        texts = Looker(detector, reads=False).look(frame_of(frame.pixels)).texts
        answer = decided(question(), image_of(frame.pixels, 1), texts, Identifying(Subject()))
        hidden = np.zeros(frame.pixels.shape, np.bool_)
        glyphs = np.zeros(frame.pixels.shape, np.bool_)
        for written in frame.written:
            glyphs |= written.glyphs
        for each in answer.rectangles:
            place = (slice(each.y, each.y + each.height), slice(each.x, each.x + each.width))
            hidden[place] = True
            if glyphs[place].any():
                found.hits += 1
            else:
                found.false_alarms += 1
        for written in frame.written:
            (found.masked if _share(written.glyphs, hidden) >= COVERED else found.missed).append(written)
    return found


def _share(glyphs: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> float:
    return float((glyphs & hidden).sum() / max(1, glyphs.sum()))
