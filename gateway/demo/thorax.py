"""A synthetic CT of chest and upper abdomen in Hounsfield units, and the radiograph that it casts."""

from dataclasses import replace

import numpy as np

from gateway.demo.phantom import Canvas, Ellipse, Floats, Shorts, smooth_noise

SIZE, SPACING_MM, SLICES, THICKNESS_MM = 256, 1.5, 48, 6.0
NODULE = Ellipse(-88, -14, 8, 8, 0.3, 0.045)

_AIR, _LUNG, _FAT, _MUSCLE, _BLOOD, _BONE, _MARROW = -1000.0, -860.0, -105.0, 55.0, 165.0, 620.0, 230.0
_LIVER, _SPLEEN, _KIDNEY, _FLUID = 112.0, 122.0, 185.0, 12.0


def thorax_slice(index: int, seed: int = 7) -> Shorts:
    """Paint slice ``index`` of SLICES, from the lung apices down to the kidneys."""
    z = index / (SLICES - 1)
    random = np.random.default_rng([seed, index])
    canvas = Canvas(SIZE, SPACING_MM, _AIR)
    texture = smooth_noise(random, (SIZE, SIZE), 6)
    inner = _wall(canvas, z, texture)
    _lungs(canvas, z, inner, seed)
    _mediastinum(canvas, z)
    _abdomen(canvas, z, inner, texture)
    _skeleton(canvas, z)
    grain = smooth_noise(random, (SIZE, SIZE), 1.3) * 11
    return np.asarray(np.clip(np.rint(canvas.image + grain), -1024, 3071), np.int16)


def _wall(canvas: Canvas, z: float, texture: Floats) -> Floats:
    """Table, skin, fat and muscle; returns the distance to the inner wall."""
    table = np.abs(np.hypot(canvas.x, canvas.y + 330) - 470) - 2.5
    canvas.paint(table + 400 * (np.abs(canvas.x) > 150), 60)
    shoulder = 1 + 0.1 * max(0.0, 0.12 - z) / 0.12
    rx, ry = (156 + 8 * z) * shoulder, 108 + 7 * z
    outline = canvas.distance(Ellipse(0, 2, rx, ry)) - 6 * np.exp(-((canvas.x / 75) ** 2)) * (canvas.y > 0)
    canvas.paint(outline, _FAT + 8 * texture)
    canvas.paint(np.abs(outline + 1) - 1, 30)
    canvas.paint(canvas.distance(Ellipse(0, 3, rx - 13, ry - 11)) + texture, _MUSCLE + 6 * texture)
    under_skin = np.clip(-outline / 3 - 1, 0, 1)
    for side in (-1, 1):
        canvas.ellipse(Ellipse(side * 42, 84, 27, 17), z, _MUSCLE + 8)
        canvas.ellipse(Ellipse(side * 112, 60, 24, 30), z, _MUSCLE, under_skin * (z < 0.35))
    inner = canvas.distance(Ellipse(0, -2, rx - 30, ry - 27))
    canvas.paint(inner, _FAT + 10 * texture)
    return inner


def _lungs(canvas: Canvas, z: float, inner: Floats, seed: int) -> None:
    vessels = _vessels(canvas, z, seed)
    apex = float(np.clip((z + 0.04) / 0.2, 0.3, 1)) ** 0.6
    from_axis = canvas.x**2 + canvas.y**2
    for side, bottom in ((-1, 0.60), (1, 0.66)):
        lung = np.maximum(canvas.distance(Ellipse(side * 78, 2, 56 * apex, 78 * apex)), inner + 2)
        if z > bottom - 0.25:  # the diaphragm rises in the middle of the lung
            dome = (z - bottom) * SLICES * THICKNESS_MM + 48
            lung = np.maximum(lung, dome - 0.016 * (from_axis - 140 * side * canvas.x + 4900))
        lung = np.maximum(lung, 17 - side * canvas.x)
        canvas.paint(lung, _LUNG + vessels * (0.25 + 0.75 * np.clip(-lung / 25, 0, 1)))


def _vessels(canvas: Canvas, z: float, seed: int) -> Floats:
    """Bright spots and branches that become finer to the outside, and go on from slice to slice."""
    found = 22 * smooth_noise(np.random.default_rng([seed, int(z * 1000)]), canvas.image.shape, 2.2)
    random = np.random.default_rng(seed)
    for _ in range(260):
        side, angle, start = random.choice([-1, 1]), random.uniform(-2.6, 2.6), random.uniform(0, 0.75)
        slope, length, phase = random.normal(), random.uniform(15, 85), random.uniform(0, 6)
        reach = (z - start) * 3.2
        if not 0 < reach < 1:
            continue
        x = side * (24 + reach * length * np.cos(angle * 0.5)) + 3 * np.sin(phase + 9 * reach)
        y = 8 + reach * length * np.sin(angle) + 6 * slope * reach
        radius = 4.4 * (1 - reach) + 1.0
        where = canvas.window(x, y, 3 * radius, 3 * radius)
        near = (canvas.x[where] - x) ** 2 + (canvas.y[where] - y) ** 2
        found[where] = np.maximum(found[where], 900 * np.exp(-near / radius**2))
    return found


def _mediastinum(canvas: Canvas, z: float) -> None:
    if z < 0.66:
        canvas.ellipse(Ellipse(0, 4, 26 + 10 * z, 62), z, _FAT + 60)
    canvas.ellipse(Ellipse(10, -26, 56, 46, 0.49, 0.2), z, _MUSCLE + 15)
    for x, y, rx, ry, value in ((24, -30, 24, 19, _BLOOD), (-16, -30, 19, 20, _BLOOD - 15), (4, 2, 24, 14, _BLOOD - 5)):
        canvas.ellipse(Ellipse(x, y, rx, ry, 0.48, 0.13), z, value)
    if z < 0.36:
        canvas.ellipse(Ellipse(-4, -34, 15, 15, 0.27, 0.13), z, _BLOOD + 10)
        canvas.ellipse(Ellipse(14, -38, 13, 12, 0.31, 0.07), z, _BLOOD)
        canvas.ellipse(Ellipse(-22, -26, 8, 9), z, _BLOOD - 30)
    if 0.17 < z < 0.25:
        arch = np.abs(np.hypot(canvas.x - 4, (canvas.y - 6) / 1.5) - 24) - 10
        canvas.paint(np.maximum(arch, 0.8 * (-8 - canvas.x)), _BLOOD + 5)
    canvas.ellipse(Ellipse(22 - 8 * z, 44 + 6 * z, 12 - 2 * z, 12 - 2 * z), z, _BLOOD + 5, float(z > 0.19))
    if z < 0.3:
        canvas.ellipse(Ellipse(0, 6, 11, 10), z, 80)
        canvas.ellipse(Ellipse(0, 6, 9, 8.5), z, _AIR + 10)
    elif z < 0.42:
        for side in (-1, 1):
            spread = 12 + (z - 0.3) * 220
            canvas.ellipse(Ellipse(side * spread, 8, 9, 7), z, 60)
            canvas.ellipse(Ellipse(side * spread, 8, 7, 5), z, _AIR + 15)
    canvas.ellipse(Ellipse(4, 30, 8, 6), z, 45, float(z < 0.6))
    canvas.ellipse(NODULE, z, 38)


def _abdomen(canvas: Canvas, z: float, inner: Floats, texture: Floats) -> None:
    within = np.clip(0.5 - inner / 3, 0, 1)
    parenchyma = 5 * texture
    canvas.ellipse(Ellipse(-52, -14, 92, 84, 0.76, 0.265), z, _LIVER + parenchyma, within)
    _liver_vessels(canvas, z)
    canvas.ellipse(Ellipse(96, 34, 34, 40, 0.75, 0.13), z, _SPLEEN + parenchyma, within)
    canvas.ellipse(Ellipse(62, -36, 44, 38, 0.77, 0.16), z, 55, within)
    canvas.ellipse(Ellipse(62, -34, 39, 33, 0.77, 0.15), z, np.where(canvas.y < -46, _AIR + 60, _FLUID + 15), within)
    canvas.ellipse(Ellipse(-34, -48, 17, 22, 0.86, 0.07), z, _FLUID, within)
    canvas.ellipse(Ellipse(22, 2, 52, 13, 0.87, 0.07), z, 88 + parenchyma, within)
    canvas.ellipse(Ellipse(-14, 28, 13, 10), z, _BLOOD - 25, float(z > 0.6) * within)
    for side, height in ((-1, 0.95), (1, 0.92)):
        canvas.ellipse(Ellipse(side * 64, 52, 27, 32, height, 0.16), z, _KIDNEY + parenchyma, within)
        canvas.ellipse(Ellipse(side * 55, 50, 13, 14, height, 0.11), z, -40, within)
    random = np.random.default_rng(5)
    for _ in range(11):
        x, y = random.uniform(-12, 105), random.uniform(-72, -18)
        radius, height = random.uniform(12, 19), random.uniform(0.92, 1.1)
        loop = Ellipse(x, y, radius * 1.2, radius, height, 0.1)
        canvas.ellipse(loop, z, 48, within)
        inside = Ellipse(x, y, radius * 1.2 - 4, radius - 4, height, 0.09)
        canvas.ellipse(inside, z, np.where(canvas.y < y - radius * 0.3, _AIR + 120, 25), within)


def _liver_vessels(canvas: Canvas, z: float) -> None:
    """Veins that run together towards the vena cava."""
    random = np.random.default_rng(31)
    for _ in range(9):
        x, y, height = random.uniform(-118, -30), random.uniform(-62, 22), random.uniform(0.66, 0.86)
        reach = np.clip((height - z) / 0.16 + 0.5, 0, 1)
        if not 0 < reach < 1:
            continue
        vein = Ellipse(x + reach * (-16 - x) * 0.8, y + reach * (24 - y) * 0.8, 3.5 + 3.5 * reach, 3 + 2.5 * reach)
        canvas.ellipse(vein, z, _LIVER + 42)


def _skeleton(canvas: Canvas, z: float) -> None:
    disc = np.cos(2 * np.pi * z * 10.2) > 0.72
    value = 95.0 if disc else _MARROW
    body = Ellipse(0, 70, 21 + 5 * z, 17 + 2 * z)
    canvas.ellipse(body, z, 110 if disc else _BONE * 0.75)
    canvas.ellipse(replace(body, rx=body.rx - 3, ry=body.ry - 3), z, value)
    if not disc:
        canvas.ellipse(Ellipse(0, 96, 19, 17), z, _BONE)
        canvas.ellipse(Ellipse(0, 117, 3.5, 11), z, _BONE)
        for side in (-1, 1):
            canvas.ellipse(Ellipse(side * 30, 92, 17, 4), z, _BONE * 0.8)
        canvas.ellipse(Ellipse(0, 96, 12.5, 10.5), z, _FAT + 60)
    canvas.ellipse(Ellipse(0, 95, 10, 8.5), z, 28)
    _ribs(canvas, z)
    canvas.ellipse(Ellipse(0, -88 - 4 * z, 19, 6), z, _BONE * 0.8, float(0.06 < z < 0.5))
    canvas.ellipse(Ellipse(0, -88 - 4 * z, 16, 3.5), z, _MARROW, float(0.06 < z < 0.5))
    if z < 0.3:
        for side in (-1, 1):
            blade = np.abs((canvas.x * side - 104) * 0.55 + (canvas.y - 58)) - 3
            along = np.abs((canvas.x * side - 104) - (canvas.y - 58) * 0.55) - 30
            canvas.paint(np.maximum(blade, along), _BONE * 0.8)


def _ribs(canvas: Canvas, z: float) -> None:
    """Each rib winds from the spine down to the front, so that a slice cuts it once on each side."""
    rx, ry = 156 + 8 * z - 24, 108 + 7 * z - 20
    for number in range(14):
        turn = (z - (number * 0.085 - 0.16)) / 0.24
        if not 0.02 < turn < 0.92:
            continue
        angle = np.pi * (0.42 - 0.9 * turn)
        for side in (-1, 1):
            x, y = side * rx * np.cos(angle), 3 + ry * np.sin(angle)
            canvas.bar((x, y), (side * -np.sin(angle) * rx, np.cos(angle) * ry), (13, 5), _BONE)
            canvas.bar((x, y), (side * -np.sin(angle) * rx, np.cos(angle) * ry), (10.8, 2.8), _MARROW)


def radiograph(volume: Shorts) -> Shorts:
    """Cast the volume from front to back: 12-bit, dense is dark (MONOCHROME1)."""
    attenuation = np.clip(volume.astype(np.float32) + 1000, 0, None).sum(axis=1) / 1000 * SPACING_MM / 10
    rows = np.linspace(0, SLICES - 1, 480)
    low = np.floor(rows).astype(int).clip(0, SLICES - 2)
    part = (rows - low).astype(np.float32)[:, None]
    columns = np.linspace(0, SIZE - 1, 640)
    stretched = attenuation[low] * (1 - part) + attenuation[low + 1] * part
    image = np.stack([np.interp(columns, np.arange(SIZE), row) for row in stretched])
    grain = smooth_noise(np.random.default_rng(11), image.shape, 1.2)
    return np.asarray(np.clip(4095 * np.exp(-0.075 * image) + 18 * grain, 0, 4095), np.int16)
