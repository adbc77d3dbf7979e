"""Volumes that look like a thorax and a head: geometry and noise, nobody's body. Deterministic for a given seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An elliptic cylinder or ellipsoid in mm (x to the patient's left, y to the back), z from 0 (top) to 1 (bottom)."""

    x: float
    y: float
    rx: float
    ry: float
    z: float = 0.5
    rz: float = 0.0  # 0: the same in every slice


class Canvas:
    """One axial slice painted from back to front with soft edges."""

    def __init__(self, size: int, spacing: float, background: float) -> None:
        half = (size - 1) * spacing / 2
        axis = np.linspace(-half, half, size, dtype=np.float32)
        self.x, self.y = np.meshgrid(axis, axis)
        self.image = np.full((size, size), background, np.float32)
        self._edge = spacing * 1.4

    def distance(self, shape: Ellipse, z: float, bend: Floats | float = 0.0) -> Floats | None:
        """Signed distance in mm (roughly) to the outline at height ``z``; None where the shape is not met."""
        grow = 1.0
        if shape.rz:
            inside = 1 - ((z - shape.z) / shape.rz) ** 2
            if inside <= 0:
                return None
            grow = inside**0.5
        rx, ry = max(shape.rx * grow, 0.5), max(shape.ry * grow, 0.5)
        radius = np.hypot((self.x - shape.x) / rx, (self.y - shape.y) / ry)
        return np.asarray((radius - 1) * min(rx, ry) + bend, np.float32)

    def paint(self, distance: Floats | None, value: Floats | float, mask: Floats | float = 1.0) -> Floats:
        """Lay ``value`` over what is within the outline, and return how much of each pixel that is."""
        if distance is None:
            return np.zeros_like(self.image)
        alpha = np.asarray(np.clip(0.5 - distance / self._edge, 0, 1) * mask, np.float32)
        self.image += alpha * (value - self.image)
        return alpha

    def ellipse(self, shape: Ellipse, z: float, value: Floats | float, mask: Floats | float = 1.0) -> Floats:
        """Paint an Ellipse."""
        return self.paint(self.distance(shape, z), value, mask)


def smooth_noise(random: np.random.Generator, shape: tuple[int, ...], width: float) -> Floats:
    """Gaussian noise with features of about ``width`` samples, of unit variance."""
    spectrum = np.fft.rfftn(random.standard_normal(shape))
    frequencies = [np.fft.fftfreq(n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    square = sum(axis**2 for axis in np.meshgrid(*frequencies, indexing="ij"))
    noise = np.fft.irfftn(spectrum * np.exp(-square * (np.pi * width) ** 2 / 2), shape)
    return np.asarray(noise / noise.std(), np.float32)
