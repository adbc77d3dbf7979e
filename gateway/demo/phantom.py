"""Volumes that look like a thorax and a head: geometry and noise, nobody's body. Deterministic for a given seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Shorts = NDArray[np.int16]
Value = Floats | float
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An elliptic cylinder or ellipsoid: x to the patient's left and y to the back in mm, z from 0 (top) to 1."""

    x: float
    y: float
    rx: float
    ry: float
    z: float = 0.5
    rz: float = 0.0  # 0: the same in every slice

    def size_at(self, z: float) -> float:
        """How large it is at height ``z``, as a part of its full size; 0 where it does not reach."""
        return max(0.0, 1 - ((z - self.z) / self.rz) ** 2) ** 0.5 if self.rz else 1.0


class Canvas:
    """One axial slice painted from back to front with soft edges."""

    def __init__(self, size: int, spacing: float, background: float) -> None:
        half = (size - 1) * spacing / 2
        axis = np.linspace(-half, half, size, dtype=np.float32)
        self.x, self.y = np.meshgrid(axis, axis)
        self.image = np.full((size, size), background, np.float32)
        self._axis = axis
        self._edge = spacing * 1.4

    def window(self, x: float, y: float, rx: float, ry: float) -> tuple[slice, slice]:
        """Rows and columns that a box around a point covers."""
        left, right = np.searchsorted(self._axis, (x - rx, x + rx))
        top, bottom = np.searchsorted(self._axis, (y - ry, y + ry))
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    def paint(self, distance: Floats, value: Value, mask: Value = 1.0) -> None:
        """Lay ``value`` over where ``distance`` (in mm to an outline) is negative."""
        self._lay((slice(None), slice(None)), distance, value, mask)

    def ellipse(self, shape: Ellipse, z: float, value: Value, mask: Value = 1.0) -> None:
        """Lay ``value`` over the ellipse that a shape has at height ``z``, if it reaches there."""
        grow = shape.size_at(z)
        if not grow or (isinstance(mask, float) and not mask):
            return
        rx, ry = shape.rx * grow, shape.ry * grow
        where = self.window(shape.x, shape.y, rx + 3 * self._edge, ry + 3 * self._edge)
        radius = np.hypot((self.x[where] - shape.x) / rx, (self.y[where] - shape.y) / ry)
        self._lay(where, (radius - 1) * min(rx, ry), value, mask)

    def bar(self, at: Point, towards: Point, half: Point, value: float) -> None:
        """Lay ``value`` over an ellipse that lies along a direction."""
        reach = max(half) + 3 * self._edge
        where = self.window(*at, reach, reach)
        x, y = self.x[where] - at[0], self.y[where] - at[1]
        norm = np.hypot(*towards)
        along, across = (x * towards[0] + y * towards[1]) / norm, (x * towards[1] - y * towards[0]) / norm
        self._lay(where, (np.hypot(along / half[0], across / half[1]) - 1) * min(half), value, 1.0)

    def distance(self, shape: Ellipse) -> Floats:
        """Signed distance in mm (roughly) of every pixel to an outline."""
        radius = np.hypot((self.x - shape.x) / shape.rx, (self.y - shape.y) / shape.ry)
        return np.asarray((radius - 1) * min(shape.rx, shape.ry), np.float32)

    def _lay(self, where: tuple[slice, slice], distance: Floats, value: Value, mask: Value) -> None:
        alpha = np.clip(0.5 - distance / self._edge, 0, 1)
        alpha *= mask if isinstance(mask, float) else mask[where]
        below = self.image[where]
        below += alpha * ((value if isinstance(value, float | int) else value[where]) - below)


def smooth_noise(random: np.random.Generator, shape: tuple[int, ...], width: float, *, flat: bool = False) -> Floats:
    """Gaussian noise with features of about ``width`` samples, of unit variance; ``flat``: a quarter of it in depth."""
    spectrum = np.fft.rfftn(random.standard_normal(shape))
    frequencies = [np.fft.fftfreq(n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    if flat:
        frequencies[0] = frequencies[0] / 4
    square = sum(axis**2 for axis in np.meshgrid(*frequencies, indexing="ij"))
    noise = np.fft.irfftn(spectrum * np.exp(-square * (np.pi * width) ** 2 / 2), shape, axes=range(len(shape)))
    return np.asarray(noise / noise.std(), np.float32)
