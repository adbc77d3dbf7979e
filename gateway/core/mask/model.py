"""What is decided about the pixels of one object, before any of them is seen."""

from dataclasses import dataclass
from enum import Enum


class Policy(Enum):
    """What a profile wants of an object that may show burned-in text; the words of a profile."""

    MASK = "mask"
    SCREEN = "screen"
    MASK_OR_SCREEN = "mask_or_screen"
    REFUSE = "refuse"
    ALLOW = "allow"


class Verdict(Enum):
    """What happens to the pixels of one object."""

    PASS = "pass"  # noqa: S105 - a verdict, no secret
    MASK = "mask"
    SCREEN = "screen"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, order=True)
class Rectangle:
    """Pixels of a stored frame, origin top left, inside the frame: ``0 <= x < x + width <= columns``, rows alike."""

    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Image:
    """How the frames of an object lie in its pixel data (PS3.3 Section C.7.6.3).

    ``frames`` is 1 where the object does not say. ``padding`` is Pixel Padding Value. ``tag`` is that of the pixel
    data: (7FE0,0010), or (7FE0,0008) and (7FE0,0009) for floating point. ``palette_black`` is the index of the darkest
    entry of a palette.
    """

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    is_signed: bool
    photometric: str
    planar: int = 0
    frames: int = 1
    padding: int | None = None
    tag: int = 0x7FE00010
    palette_black: int = 0


@dataclass(frozen=True, slots=True)
class PixelDecision:
    """What happens to the pixels of one object, the same on every door.

    ``rectangles`` are overwritten in every frame (MASK; they may be none where a rule keeps the whole image). ``rules``
    names what decided. ``reason`` says why an object is refused or must be screened, for an operator: never a value of
    the object but what a mask rule looks at. ``is_clean``: Burned In Annotation becomes NO and code 113101 is true.
    """

    verdict: Verdict
    rectangles: tuple[Rectangle, ...] = ()
    rules: tuple[str, ...] = ()
    reason: str = ""
    is_clean: bool = False


PASSES = PixelDecision(Verdict.PASS)


@dataclass(frozen=True, slots=True)
class FrameWork:
    """One compressed frame on its way: whoever drives the rewriter has it masked and puts ``finish`` in its place.

    ``data`` is the codestream, all fragments of the frame joined; ``item`` the tag of an item in the object's encoding.
    """

    data: bytes
    transfer_syntax: str
    image: Image
    rectangles: tuple[Rectangle, ...]
    item: bytes = b"\xfe\xff\x00\xe0"

    def finish(self, masked: bytes) -> bytes:
        """Return the fragment that holds the masked frame (PS3.5 Section A.4)."""
        padded = masked + b"\0" * (len(masked) % 2)
        return self.item + len(padded).to_bytes(4, "little") + padded
