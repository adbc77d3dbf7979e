"""Areas as a mask rule says them, and the pixels of one frame that they mean."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from gateway.core.mask.geometry import clipped
from gateway.core.mask.model import Rectangle


@dataclass(frozen=True, slots=True)
class Length:
    """A number of pixels, or of hundredths of the frame's width or height. Below zero: from the far edge."""

    value: Fraction
    is_percent: bool = False

    def of(self, size: int) -> Fraction:
        """Return the length in pixels on a frame that has ``size`` of them this way."""
        return self.value * size / 100 if self.is_percent else self.value


ZERO = Length(Fraction(0))


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle as authored; without a width or height it goes on to the edge."""

    x: Length = ZERO
    y: Length = ZERO
    width: Length | None = None
    height: Length | None = None

    def on(self, rows: int, columns: int, *, outward: bool) -> Rectangle | None:
        """Return its pixels inside a frame, or None when there are none.

        A pixel that it covers in part is its own (``outward``, for what is blanked) or not (for what stays).
        """
        left, right = _span(self.x, self.width, columns, outward=outward)
        top, bottom = _span(self.y, self.height, rows, outward=outward)
        return clipped(left, top, right - left, bottom - top, rows, columns)


def _span(start: Length, extent: Length | None, size: int, *, outward: bool) -> tuple[int, int]:
    """Return the first pixel and the one after the last."""
    begin = start.of(size) + (size if start.value < 0 else 0)
    end = Fraction(size) if extent is None else begin + extent.of(size)
    first, after = (floor(begin), ceil(end)) if outward else (ceil(begin), floor(end))
    return first, after
