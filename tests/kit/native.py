"""Native pixel data by other means: arrays of samples, blanked one by one, packed as PS3.5 Section 8 has it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.core.mask.model import Image, Rectangle

Cells = NDArray[np.uint64]
PAIRED: Final = ("YBR_FULL_422", "YBR_PARTIAL_422")


def image(rows: int, columns: int, photometric: str = "MONOCHROME2", bits: int = 8, **more: Any) -> Image:
    """Describe frames."""
    samples = 1 if photometric.startswith(("MONO", "PALETTE")) else 4 if photometric in ("ARGB", "CMYK") else 3
    given = {"bits_stored": bits, "is_signed": False} | more
    return Image(rows, columns, samples, bits, photometric=photometric, **given)


def noise(one: Image, seed: int = 1) -> Cells:
    """Fill frames with anything: (frames, rows, columns, samples), or pairs of columns of four."""
    paired = one.photometric in PAIRED
    shape = (one.columns // 2, 4) if paired else (one.columns, one.samples)
    top = (1 << one.bits_allocated) - 1
    source = np.random.default_rng(seed)
    return source.integers(0, top, (one.frames, one.rows, *shape), np.uint64, endpoint=True)


def blanked(cells: Cells, rectangles: Iterable[Rectangle], fill: Sequence[int]) -> Cells:
    """Return a copy with rectangles filled; ``fill``: one cell a sample, as bits."""
    after, paired = cells.copy(), len(fill) == 3 and cells.shape[-1] == 4
    for each in rectangles:
        left, right = each.x, each.x + each.width
        if paired:
            left, right = left // 2, (right + 1) // 2
        shown = (fill[0], *fill) if paired else fill
        after[:, each.y : each.y + each.height, left:right] = np.array(shown, np.uint64)
    return after


def packed(cells: Cells, one: Image, *, little_endian: bool = True, vr: str = "OW") -> bytes:
    """Encode frames, padded to an even length."""
    if one.planar and one.samples > 1:
        cells = np.moveaxis(cells, -1, 1)
    if one.bits_allocated == 1:
        data = np.packbits(cells.astype(np.uint8).ravel(), bitorder="little").tobytes()
    else:
        each = np.ascontiguousarray(cells.astype("<u8"))[..., None].view(np.uint8)[..., : one.bits_allocated // 8]
        data = (each if little_endian else each[..., ::-1]).tobytes()
    data += bytes(len(data) % 2)
    if not little_endian and one.bits_allocated <= 8 and vr == "OW":
        return np.frombuffer(data, "<u2").byteswap().tobytes()
    return data
