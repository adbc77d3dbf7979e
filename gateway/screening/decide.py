"""From the texts that were found to what happens to the pixels.

All text is overwritten. Only where a mask rule has already said which areas of an object hold text, what is written
elsewhere may stay: if it was read with confidence and does not look like anything that identifies.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from gateway.core.mask.geometry import clipped, merged
from gateway.core.mask.model import Image, PixelDecision, Rectangle, Verdict
from gateway.screening.identifying import Identifying
from gateway.screening.text import Text

RULE: Final = "text detection"
CONFIDENT: Final = 0.9
"""A reading below this is none."""
MAX_TEXTS: Final = 500
TOO_MUCH_TEXT: Final = f"the frames show more than {MAX_TEXTS} different texts"


def decided(question: PixelDecision, image: Image, texts: Sequence[Text], own: Identifying) -> PixelDecision:
    """Answer a SCREEN decision, once every frame was looked at: ``texts`` are those of all frames."""
    rules = (*question.rules, RULE)
    if len({text.written for text in texts}) > MAX_TEXTS:
        return refused(question, TOO_MUCH_TEXT)
    is_in = cache(own.is_in)
    hidden = {_grown(text.rectangle, image) for text in texts if not _may_stay(text, question, is_in)}
    if len(hidden) > MAX_TEXTS:
        return refused(question, TOO_MUCH_TEXT)
    rectangles = merged((*question.rectangles, *_joined(hidden)))
    verdict = Verdict.MASK if rectangles else Verdict.PASS
    return PixelDecision(verdict, rectangles, rules, is_clean=True)


def refused(question: PixelDecision, reason: str) -> PixelDecision:
    """Answer a SCREEN decision of pixels that could not be looked at."""
    return replace(question, verdict=Verdict.REFUSE, rectangles=(), reason=reason, is_clean=False)


def _may_stay(text: Text, question: PixelDecision, is_in: Callable[[str], bool]) -> bool:
    if not question.rectangles:
        return False
    return text.confidence >= CONFIDENT and not is_in(text.written)


def _grown(place: Rectangle, image: Image) -> Rectangle:
    """Return a box with what detectors cut off: half a letter at the ends of a line, a little above and below."""
    aside, above = 2 + place.height // 2, 2 + place.height // 8
    return (
        clipped(
            place.x - aside,
            place.y - above,
            place.width + 2 * aside,
            place.height + 2 * above,
            image.rows,
            image.columns,
        )
        or place
    )


def _joined(places: Iterable[Rectangle]) -> list[Rectangle]:
    """Put boxes that touch into one: those of the same text differ a little from frame to frame."""
    found: list[Rectangle] = []
    for each in sorted(places):
        place = each
        while (other := next((one for one in found if _touch(one, place)), None)) is not None:
            found.remove(other)
            place = _around(other, place)
        found.append(place)
    return found


def _touch(one: Rectangle, other: Rectangle) -> bool:
    across = one.x <= other.x + other.width and other.x <= one.x + one.width
    return across and one.y <= other.y + other.height and other.y <= one.y + one.height


def _around(one: Rectangle, other: Rectangle) -> Rectangle:
    y, x = min(one.y, other.y), min(one.x, other.x)
    bottom = max(one.y + one.height, other.y + other.height)
    return Rectangle(y, x, bottom - y, max(one.x + one.width, other.x + other.width) - x)
