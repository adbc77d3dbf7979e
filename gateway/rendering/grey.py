"""The grayscale pipeline (PS3.4 Section N.2): Modality LUT, VOI LUT or window, Presentation LUT, to eight bits.

Samples of up to 16 bits go through a table of every value that occurs, so the arithmetic is done once a value.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from gateway.rendering.frames import Samples
from gateway.rendering.look import Shape, Window, is_usable

Values = NDArray[np.float64]
Shades = NDArray[np.uint8]

WHITE: Final = 255


def shades(samples: Samples, attributes: Dataset, window: Window | None) -> Shades:
    """Return what is shown for stored samples: 0 is black, 255 white."""
    if samples.dtype.kind not in "iub" or samples.dtype.itemsize > 2:
        return _shown(_rescaled(samples, attributes), samples, attributes, window)
    low, high = int(samples.min()), int(samples.max())
    stored = np.arange(low, high + 1)
    table = _shown(_rescaled(stored, attributes), samples, attributes, window)
    if samples.dtype == np.uint8:  # an index of eight bytes a sample takes ten times as long
        every = bytes(low) + table.tobytes() + bytes(WHITE - high)
        return np.frombuffer(samples.tobytes().translate(every), np.uint8).reshape(samples.shape)
    return table[samples.astype(np.int32) - low]


def whole_range(samples: Samples, attributes: Dataset) -> Window:
    """Return the window that shows every value of an image but its padding (PS3.3 Section C.7.5.1.1.2)."""
    inside = samples[~_padding(samples, attributes)]
    if samples.dtype.kind == "f":
        inside = inside[np.isfinite(inside)]
    if not inside.size:
        return Window(0.5, 1, Shape.LINEAR_EXACT)
    ends = _rescaled(np.array([inside.min(), inside.max()]), attributes)
    if "ModalityLUTSequence" in attributes:
        ends = _rescaled(np.unique(inside), attributes)
    low, high = float(ends.min()), float(ends.max())
    return Window((low + high) / 2, (high - low) or 1, Shape.LINEAR_EXACT)


def own_window(attributes: Dataset) -> Window | None:
    """Return the first window of an object, if it shows anything."""
    center, width = _first(attributes, "WindowCenter"), _first(attributes, "WindowWidth")
    if center is None or width is None:
        return None
    named = str(attributes.get("VOILUTFunction") or Shape.LINEAR).strip()
    window = Window(center, width, Shape(named) if named in list(Shape) else Shape.LINEAR)
    return window if is_usable(window) else None


def has_own_range(attributes: Dataset) -> bool:
    """Say whether the object says which values are to be seen."""
    return bool(attributes.get("VOILUTSequence")) or own_window(attributes) is not None


def _shown(values: Values, samples: Samples, attributes: Dataset, window: Window | None) -> Shades:
    if window is None and attributes.get("VOILUTSequence"):
        share = _looked_up(values, attributes.VOILUTSequence[0])
    else:
        share = _windowed(values, window or own_window(attributes) or whole_range(samples, attributes))
    inverse = attributes.get("PresentationLUTShape") == "INVERSE"
    if inverse or attributes.PhotometricInterpretation == "MONOCHROME1":
        share = 1 - share
    return np.rint(np.nan_to_num(share) * WHITE).astype(np.uint8)


def _rescaled(stored: Samples, attributes: Dataset) -> Values:
    """Apply the Modality LUT (PS3.3 Section C.11.1)."""
    if attributes.get("ModalityLUTSequence"):
        item = attributes.ModalityLUTSequence[0]
        return _looked_up(stored.astype(np.float64), item) * (2.0 ** _bits(item) - 1)
    slope, intercept = _first(attributes, "RescaleSlope"), _first(attributes, "RescaleIntercept")
    return stored.astype(np.float64) * (1 if slope is None else slope) + (intercept or 0)


def _windowed(values: Values, window: Window) -> Values:
    """Return shares of white (PS3.3 Sections C.11.2.1.2 and C.11.2.1.3)."""
    center, width = window.center, window.width
    if window.shape is Shape.SIGMOID:
        return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if window.shape is Shape.LINEAR:
        center, width = center - 0.5, width - 1
    if width == 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _looked_up(values: Values, item: Dataset) -> Values:
    """Return shares of the largest entry of a table (PS3.3 Section C.11.1.1.1)."""
    table = _table(item) / (2.0 ** _bits(item) - 1)
    first = int(item.LUTDescriptor[1])
    at = np.clip(np.rint(values) - first, 0, len(table) - 1).astype(np.int64)
    found: Values = np.minimum(table[at], 1)
    return found


def _table(item: Dataset) -> Values:
    entries = int(item.LUTDescriptor[0]) or 1 << 16
    data = item.LUTData
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, np.float64))[:entries]
    packed = len(data) < 2 * entries
    return np.frombuffer(data, np.uint8 if packed else "<u2")[:entries].astype(np.float64)


def _bits(item: Dataset) -> int:
    """Return the bits of an entry; 8 to 16 are allowed."""
    return min(max(int(item.LUTDescriptor[2]), 8), 16)


def _padding(samples: Samples, attributes: Dataset) -> NDArray[np.bool_]:
    value = attributes.get("PixelPaddingValue")
    if not isinstance(value, int):
        return np.zeros(samples.shape, np.bool_)
    limit = attributes.get("PixelPaddingRangeLimit")
    low, high = sorted((value, limit if isinstance(limit, int) else value))
    return (samples >= low) & (samples <= high)


def _first(attributes: Dataset, keyword: str) -> float | None:
    value: Any = attributes.get(keyword)
    if value is None or value == "":
        return None
    several = isinstance(value, str) is False and hasattr(value, "__len__")
    if several:
        return float(value[0]) if len(value) else None
    return float(value)
