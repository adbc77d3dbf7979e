"""How a client wants to see an image: the parameters of PS3.18 Sections 8.3.5 and 9.5.1.2.

``annotation`` and ``charset`` are checked and change nothing: no text is ever written into a picture. A parameter that
nobody knows is ignored (PS3.18 Section 8.3.1).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway.core.errors import BadRequest

Parameters = Mapping[str, Sequence[str]]
"""Values by name, in the order of the request."""

MAX_SIDE: Final = 8_192
"""Pixels of a viewport's side; a larger one is a mistake or an attack."""
MAX_EDGE: Final = 1 << 16
"""Rows and Columns are 16 bits wide."""
MAX_REGION: Final = 1 << 26
DEFAULT_QUALITY: Final = 90
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]{1,16}\.?[0-9]{0,16}|\.[0-9]{1,16})(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")


class Shape(StrEnum):
    """VOI LUT Functions (PS3.3 Section C.11.2.1.3)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


class Profile(StrEnum):
    """What happens to colours (PS3.18 Section 8.3.5.1.5)."""

    NO = "no"
    YES = "yes"
    SRGB = "srgb"


@dataclass(frozen=True, slots=True)
class Window:
    """A range of values that is shown from black to white."""

    center: float
    width: float
    shape: Shape = Shape.LINEAR


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the image; in pixels, or as fractions of its size. A flip mirrors what it shows."""

    left: float
    top: float
    width: float | None
    height: float | None
    flip_x: bool = False
    flip_y: bool = False
    fractional: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that may be asked; what is None is as the object says.

    The picture is scaled to fit ``width`` and ``height`` (0: whatever follows) and keeps its proportions.
    """

    width: int = 0
    height: int = 0
    region: Region | None = None
    window: Window | None = None
    quality: int = DEFAULT_QUALITY
    profile: Profile = Profile.NO


def rendered_look(given: Parameters) -> Look:
    """Read the parameters of a rendered resource. Raises BadRequest, naming the parameter."""
    _check_annotation("annotation", given)
    look = Look(window=_window(_one("window", given)), quality=_quality("quality", given))
    wanted = _one("iccprofile", given)
    if wanted is not None:
        if wanted not in list(Profile):
            raise BadRequest("iccprofile is one of " + ", ".join(Profile))
        look = replace(look, profile=Profile(wanted))
    viewport = _one("viewport", given)
    return look if viewport is None else _with_viewport(look, viewport.split(","))


def thumbnail_look(given: Parameters, side: int) -> Look:
    """Read the only parameter of a thumbnail; by default it fits a square."""
    viewport = _one("viewport", given)
    if viewport is None:
        return Look(side, side)
    if viewport.count(",") != 1:
        raise BadRequest("viewport of a thumbnail is width,height")
    return _with_viewport(Look(), viewport.split(","))


def uri_look(given: Parameters) -> Look:
    """Read the parameters of the URI Service. Raises BadRequest, naming the parameter."""
    _check_annotation("annotation", given)
    _check_annotation("imageAnnotation", given)
    rows, columns = _one("rows", given), _one("columns", given)
    return Look(
        width=0 if columns is None else _side("columns", columns),
        height=0 if rows is None else _side("rows", rows),
        region=_fractional_region(_one("region", given)),
        window=_uri_window(_one("windowCenter", given), _one("windowWidth", given)),
        quality=_quality("imageQuality", given),
    )


def frame_number(given: Parameters) -> int | None:
    """Read ``frameNumber`` (PS3.18 Section 9.5.1.2.1)."""
    text = _one("frameNumber", given)
    if text is None:
        return None
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise BadRequest("frameNumber is a number from 1")
    return int(text)


def _one(name: str, given: Parameters) -> str | None:
    values = given.get(name, ())
    if len(values) > 1:
        raise BadRequest(f"{name} is given more than once")
    return values[0] if values else None


def _check_annotation(name: str, given: Parameters) -> None:
    text = _one(name, given)
    if text is not None and not set(text.split(",")) <= {"patient", "technique"}:
        raise BadRequest(f"{name} is a list of patient, technique")


def _quality(name: str, given: Parameters) -> int:
    text = _one(name, given)
    if text is None:
        return DEFAULT_QUALITY
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 100:
        raise BadRequest(f"{name} is a number from 1 to 100")
    return int(text)


def _window(text: str | None) -> Window | None:
    if text is None:
        return None
    parts = text.split(",")
    shape = parts[2].upper().replace("-", "_") if len(parts) == 3 else ""
    if shape not in list(Shape):
        raise BadRequest("window is center,width,function with function linear, linear-exact or sigmoid")
    return _checked(Window(_number("window", parts[0]), _number("window", parts[1]), Shape(shape)), "window")


def _uri_window(center: str | None, width: str | None) -> Window | None:
    if center is None and width is None:
        return None
    if center is None or width is None:
        raise BadRequest("windowCenter and windowWidth go together")
    return _checked(Window(_number("windowCenter", center), _number("windowWidth", width)), "windowWidth")


def _checked(window: Window, name: str) -> Window:
    if not is_usable(window):
        raise BadRequest(f"{name}: the width is too small")
    return window


def is_usable(window: Window) -> bool:
    """Say whether a window shows anything (PS3.3 Sections C.11.2.1.2 and C.11.2.1.3)."""
    least = 1 if window.shape is Shape.LINEAR else 0
    finite = math.isfinite(window.center) and math.isfinite(window.width)
    return finite and (window.width >= least and window.width > 0)


def _with_viewport(look: Look, parts: list[str]) -> Look:
    if len(parts) not in (2, 6):
        raise BadRequest("viewport is width,height or width,height,x,y,width,height")
    sized = replace(look, width=_side("viewport", parts[0]), height=_side("viewport", parts[1]))
    if len(parts) == 2:
        return sized
    left, top, width, height = (_number("viewport", part) if part else None for part in parts[2:])
    region = Region(
        left or 0,
        top or 0,
        abs(width) if width else None,
        abs(height) if height else None,
        flip_x=(width or 0) < 0,
        flip_y=(height or 0) < 0,
    )
    if width == 0 or height == 0 or not _fits(region):
        raise BadRequest("viewport: no such region")
    return replace(sized, region=region)


def _fits(region: Region) -> bool:
    """Say whether a region is no larger than an image can be."""
    edges = (region.left, region.top, region.width or 0, region.height or 0)
    return all(0 <= edge < MAX_EDGE for edge in edges) and (region.width or 1) * (region.height or 1) <= MAX_REGION


def _fractional_region(text: str | None) -> Region | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 4:
        raise BadRequest("region is left,top,right,bottom")
    left, top, right, bottom = (_number("region", part) for part in parts)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadRequest("region: no such region")
    return Region(left, top, right - left, bottom - top, fractional=True)


def _side(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= MAX_SIDE:
        raise BadRequest(f"{name}: a side has 1 to {MAX_SIDE} pixels")
    return int(text)


def _number(name: str, text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise BadRequest(f"{name}: not a number")
    value = float(text)
    if not math.isfinite(value):
        raise BadRequest(f"{name}: not a number")
    return value
