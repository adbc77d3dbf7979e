"""Rectangles in decoded samples, of every kind that codecs give."""

from typing import Any

import numpy as np
import pytest

from gateway.core.mask.model import Image, Rectangle
from gateway.masking.blanking import blank
from tests.kit.frames import image

PADDED = image(bits=12, is_signed=True, padding=-2000)


@pytest.mark.parametrize(
    ("described", "kind", "bits", "value"),
    [
        (image(), "u1", None, 0),
        (image("MONOCHROME1", 12), "u2", None, 4095),
        (image("MONOCHROME1", 12), "i2", 12, -1),  # a codestream with a sign, an object without
        (PADDED, "i2", None, -2000),
        (PADDED, "i2", 12, -2000),
        (PADDED, "u2", 12, 4096 - 2000),
        (PADDED, "u2", None, 65536 - 2000),
        (image("YBR_FULL"), "u1", None, (0, 128, 128)),
        (image("RGB"), "u1", None, (0, 0, 0)),
        (image("PALETTE COLOR", palette_black=17), "u1", None, 17),
        (image(tag=0x7FE00008), "f4", None, 0),
    ],
)
def test_each_sample_becomes_what_the_object_means_by_black(
    described: Image, kind: str, bits: int | None, value: Any
) -> None:
    shape = (6, 5) if described.samples == 1 else (6, 5, described.samples)
    samples = np.full(shape, 77, kind)
    blank(samples, described, (Rectangle(1, 2, 3, 3), Rectangle(0, 0, 1, 1)), bits)
    assert (samples[1:4, 2:5] == value).all()
    assert (samples[0, 0] == value).all()
    samples[1:4, 2:5] = samples[0, 0] = 77
    assert (samples == 77).all()
