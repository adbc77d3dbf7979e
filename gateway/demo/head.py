"""A synthetic T1-weighted MR of a head, axial, from the vertex down to the skull base."""

from dataclasses import replace

import numpy as np

from gateway.demo.phantom import Canvas, Ellipse, Floats, Shorts, smooth_noise

SIZE, SPACING_MM, SLICES, THICKNESS_MM = 256, 0.9, 20, 6.0

_AIR, _SKIN, _SCALP, _BONE, _CSF, _GRAY, _WHITE, _MUSCLE = 8.0, 420.0, 760.0, 55.0, 150.0, 395.0, 560.0, 300.0
_HEAD = Ellipse(0, 4, 82, 104, 0.9, 0.98)
_FOLD_DEPTH_MM = 19.0


def head_volume(seed: int = 3) -> Shorts:
    """Paint all slices; folds and shading run through them."""
    random = np.random.default_rng(seed)
    folds = smooth_noise(random, (SLICES, SIZE, SIZE), 8, flat=True)
    shade = 1 + 0.05 * smooth_noise(random, (SLICES, SIZE, SIZE), 90)
    grain = smooth_noise(random, (2, SLICES, SIZE, SIZE), 1.1) * 11
    slices = np.stack([_slice(index / (SLICES - 1), folds[index]) for index in range(SLICES)])
    magnitude = np.hypot(slices * shade + grain[0], grain[1])
    return np.asarray(np.clip(np.rint(magnitude), 0, 4095), np.int16)


def _slice(z: float, folds: Floats) -> Floats:
    canvas = Canvas(SIZE, SPACING_MM, _AIR)
    grow = _HEAD.size_at(z)
    head = replace(_HEAD, rx=_HEAD.rx * grow, ry=_HEAD.ry * grow, rz=0)
    skin = canvas.distance(head) + 0.25 * folds
    canvas.paint(skin, _SKIN)
    canvas.paint(skin + 2.2, _SCALP)
    canvas.paint(skin + 6.5, _BONE)
    canvas.paint(np.maximum(skin + 8.5, np.abs(skin + 10.2) - 1.1), 210)
    brain = skin + 13.5 + 2.5 * (z > 0.8)
    canvas.paint(brain, _CSF)
    _cortex(canvas, brain + 1.6, folds, z)
    _deep(canvas, z)
    if z > 0.66:
        _skull_base(canvas, z)
    return canvas.image


def _cortex(canvas: Canvas, brain: Floats, folds: Floats, z: float) -> None:
    """Fluid, gray and white matter by depth, where a sulcus counts as surface."""
    cleft = np.abs(folds) * 7.5 + 34 * np.clip(-brain / _FOLD_DEPTH_MM - 0.6, 0, None)
    middle = np.abs(canvas.x + 0.5 * folds) * 1.4 + 40 * ((np.abs(canvas.y - 4) < 38) & (z > 0.28))
    depth = np.minimum(np.minimum(-brain, cleft + 0.2), middle)
    canvas.paint(1.1 - depth, _GRAY)
    canvas.paint(4.6 - depth, _WHITE)


def _deep(canvas: Canvas, z: float) -> None:
    """Basal ganglia, thalami and ventricles."""
    for side in (-1, 1):
        canvas.ellipse(Ellipse(side * 27, -6, 9, 20, 0.52, 0.14), z, _GRAY + 35)
        canvas.ellipse(Ellipse(side * 11, 12, 9, 14, 0.54, 0.12), z, _GRAY + 45)
        canvas.ellipse(Ellipse(side * 15, -22, 6, 11, 0.47, 0.13), z, _GRAY + 20)
    for side in (-1, 1):
        canvas.bar((side * 10, -24), (side * 0.45, -1), _flat(17, 5.5, z, 0.43, 0.13), _CSF)
        canvas.bar((side * 12, 4), (side * 0.12, 1), _flat(26, 6, z, 0.36, 0.08), _CSF)
        canvas.bar((side * 22, 36), (side * 0.5, 1), _flat(17, 6, z, 0.48, 0.11), _CSF)
    canvas.ellipse(Ellipse(0, 6, 2.6, 16, 0.57, 0.1), z, _CSF)


def _flat(along: float, across: float, z: float, at: float, reach: float) -> tuple[float, float]:
    grow = max(Ellipse(0, 0, 1, 1, at, reach).size_at(z), 0.001)
    return along * grow, across * grow


def _skull_base(canvas: Canvas, z: float) -> None:
    """Cerebellum and brain stem, temporal bones, eyes and nasal cavity."""
    for side in (-1, 1):
        canvas.bar((side * 44, 24), (side * 1.0, -0.55), _flat(26, 9, z, 0.84, 0.14), _BONE)
    hemispheres = canvas.distance(Ellipse(0, 58, 50, 33)) if z > 0.72 else None
    if hemispheres is not None:
        canvas.paint(hemispheres - 3, _CSF)
        leaves = np.sin(np.hypot(canvas.x, (canvas.y - 30) * 1.1) * 1.5) > 0.1
        canvas.paint(hemispheres, np.where(leaves, _GRAY + 10, _GRAY + 75).astype(np.float32))
        for side in (-1, 1):
            canvas.ellipse(Ellipse(side * 17, 50, 13, 10), z, _WHITE)
        canvas.ellipse(Ellipse(0, 34, 7, 5), z, _CSF)
    canvas.ellipse(Ellipse(0, 18, 19, 14, 0.9, 0.24), z, _CSF)
    canvas.ellipse(Ellipse(0, 18, 15, 11, 0.9, 0.24), z, _WHITE - 20)
    canvas.ellipse(Ellipse(0, -6, 13, 10, 0.97, 0.16), z, _BONE + 70)
    for side in (-1, 1):
        canvas.ellipse(Ellipse(side * 31, -62, 21, 24, 0.9, 0.14), z, _SCALP - 60)
        canvas.ellipse(Ellipse(side * 33, -76, 12.5, 12.5, 0.9, 0.11), z, _CSF + 20)
        canvas.ellipse(Ellipse(side * 33, -85, 5, 2.6, 0.9, 0.05), z, _MUSCLE + 60)
        canvas.bar((side * 24, -50), (side * 0.35, -1), _flat(17, 2.4, z, 0.9, 0.06), _MUSCLE)
    canvas.ellipse(Ellipse(0, -72, 9, 26, 0.96, 0.17), z, _AIR + 30)
    canvas.ellipse(Ellipse(0, -72, 1.3, 24, 0.96, 0.17), z, _SKIN)
