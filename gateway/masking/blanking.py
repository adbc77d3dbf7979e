"""Overwrite rectangles in decoded samples."""

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from gateway.core.mask.fill import sample_values
from gateway.core.mask.model import Image, Rectangle

Samples = NDArray[Any]
"""Rows, columns and, where a pixel has several, samples."""


def blank(samples: Samples, image: Image, rectangles: Iterable[Rectangle], bits: int | None = None) -> None:
    """Overwrite rectangles in place; ``image.photometric`` is that of the samples.

    ``bits`` is the precision where that is not all of a sample, as in a codestream: its values wrap around there, since
    some write two's complement into samples without a sign.
    """
    bits = bits or samples.dtype.itemsize * 8
    if samples.dtype.kind == "f":
        values = sample_values(image)
    elif samples.dtype.kind == "i":
        values = tuple((value ^ 1 << bits - 1) - (1 << bits - 1) for value in unsigned_values(image, bits))
    else:
        values = unsigned_values(image, bits)
    for at in rectangles:
        samples[at.y : at.y + at.height, at.x : at.x + at.width] = values if image.samples > 1 else values[0]


def unsigned_values(image: Image, bits: int) -> tuple[int, ...]:
    """Return what samples become, as so many bits without a sign."""
    return tuple(int(value) % (1 << bits) for value in sample_values(image))
