"""Frames with text burned into them, and frames with none, the place of every glyph known. All of it is invented."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Grey = NDArray[np.uint8]
Glyphs = NDArray[np.bool_]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

NAMES: Final = (
    "BEISPIEL^ERIKA",
    "Beispiel, Erika",
    "MUSTERMANN MAX",
    "O'Neill-Vance, Zoë",
    "Łukasz Żak",
    "Lefèvre",
)
OTHER_SCRIPTS: Final = ("Παπαδόπουλος Νίκος", "ИВАНОВА МАРИЯ", "Смирнов Олег")
NUMBERS: Final = ("MRN-0815", "MRN: 00471199", "ID 4711-0815-3", "ACC A20261122-7")
DATES: Final = ("12.03.1961", "1961-03-12", "03/12/1961 14:02:55", "12-MAR-1961", "DOB 19610312")
TEXTS: Final = (*NAMES, *NUMBERS, *DATES)
SIZES: Final = (10, 12, 14, 16, 20, 24, 32)
FAINT: Final = (40,)
CLEAR: Final = (80, 180)
CONTRASTS: Final = (*FAINT, *CLEAR)
"""Shades between text and ground; the noise of some grounds is half as much as what is faint."""
FONTS: Final = tuple(
    path
    for name in ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "DejaVuSans-Bold")
    if (path := Path(f"/usr/share/fonts/truetype/dejavu/{name}.ttf")).exists()
)
ROWS, COLUMNS = 480, 640
GLYPH_SHARE: Final = 0.25
"""What a pixel must have of a glyph to be one of it; fainter edges of anti-aliasing say nothing."""


@dataclass(frozen=True, slots=True)
class Written:
    """One text in a frame."""

    text: str
    size: int
    contrast: int
    glyphs: Glyphs


@dataclass(frozen=True, slots=True)
class Labelled:
    """A frame, 8 bits a pixel, and what is written in it."""

    background: str
    pixels: Grey
    written: tuple[Written, ...]


def black(_random: np.random.Generator) -> Grey:
    return np.zeros((ROWS, COLUMNS), np.uint8)


def noise(random: np.random.Generator) -> Grey:
    return np.clip(random.normal(60, 18, (ROWS, COLUMNS)), 0, 255).astype(np.uint8)


def paper(random: np.random.Generator) -> Grey:
    return np.clip(random.normal(235, 3, (ROWS, COLUMNS)), 0, 255).astype(np.uint8)


def soft(random: np.random.Generator) -> Grey:
    """Smooth shapes, as a radiograph has them."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    shown = 40 + 50 * np.sin(x / 90) * np.cos(y / 70) + 40 * np.exp(-((x - 320) ** 2 + (y - 240) ** 2) / 2e4)
    shapes: Grey = np.clip(shown + random.normal(0, 5, shown.shape), 0, 255).astype(np.uint8)
    return shapes


def fan(random: np.random.Generator) -> Grey:
    """A sector of speckle on black, as an ultrasound shows it."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    radius, angle = np.hypot(x - 320, y + 40), np.arctan2(x - 320, y + 40)
    inside = (np.abs(angle) < 0.7) & (radius > 90) & (radius < 470)
    coarse = random.rayleigh(1, (ROWS // 3 + 1, COLUMNS // 5 + 1)).repeat(3, 0).repeat(5, 1)[:ROWS, :COLUMNS]
    layers = 0.6 + 0.4 * np.sin(radius / 23 + 2 * angle)
    shown = 45 * coarse * layers * random.rayleigh(0.8, (ROWS, COLUMNS))
    sector: Grey = np.where(inside, np.clip(shown, 0, 255), 0).astype(np.uint8)
    return sector


BACKGROUNDS: Final = (black, noise, paper, soft, fan)


def frames(seed: int, count: int, texts: tuple[str, ...] = TEXTS) -> Iterator[Labelled]:
    """Yield frames with a few texts each; backgrounds, sizes and contrasts take turns."""
    random, generator = Random(seed), np.random.default_rng(seed)
    for number in range(count):
        draw = BACKGROUNDS[number % len(BACKGROUNDS)]
        pixels = draw(generator)
        found = []
        for row in range(4):
            size, contrast = random.choice(SIZES), random.choice(CONTRASTS)
            at = (random.randrange(4, 260), 10 + 118 * row + random.randrange(60))
            pixels, one = write(pixels, random.choice(texts), at, size, contrast, font(random, size))
            found.append(one)
        yield Labelled(draw.__name__, pixels, tuple(found))


def empty_frames(seed: int, count: int) -> Iterator[Labelled]:
    """Yield frames without text."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        draw = BACKGROUNDS[number % len(BACKGROUNDS)]
        yield Labelled(draw.__name__, draw(generator), ())


def font(random: Random, size: int) -> _Font:
    return ImageFont.truetype(random.choice(FONTS), size) if FONTS else ImageFont.load_default(size)


def write(
    pixels: Grey, text: str, at: tuple[int, int], size: int, contrast: int, face: _Font | None = None
) -> tuple[Grey, Written]:
    """Write a text ``size`` pixels high, that much brighter than what is behind it, or darker on bright ground."""
    covered = Image.new("L", pixels.shape[::-1], 0)
    ImageDraw.Draw(covered).text(at, text, fill=255, font=face or font(Random(size), size))
    share = np.asarray(covered) / 255
    glyphs = share >= GLYPH_SHARE
    behind = float(np.median(pixels[glyphs])) if glyphs.any() else 0.0
    ink = behind + contrast if behind < 128 else behind - contrast
    shown = pixels * (1 - share) + np.clip(ink, 0, 255) * share
    return np.rint(shown).astype(np.uint8), Written(text, size, contrast, glyphs)
