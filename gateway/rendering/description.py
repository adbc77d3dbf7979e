"""What released metadata say about showing an object's frames (PS3.3 Sections C.7.6.3, C.7.6.16, C.11.1 and C.11.2).

Only the attributes that a pipeline reads are taken. Values that stand behind a BulkDataURI (tables, colour profiles)
are named by it; whoever reads the origin fills them in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.core.errors import MalformedInput
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.jsonelement import Elements, decode_element, decode_items, text

Json = dict[str, Any]

MAX_FRAMES: Final = 1 << 24
MAX_IS: Final = 12
"""Characters of an integer string (PS3.5 Section 6.2)."""
_SHARED, _PER_FRAME = "52009229", "52009230"
_OPTICAL_PATHS, _ICC = "00480105", "00282000"
_PIXELS: Final = ("00280002", "00280004", "00280006", "00280010", "00280011", "00280100", "00280101", "00280103")
_PALETTE: Final = ("002811", "002812")
_GREYS: Final = (
    "00280120", "00280121", "00281050", "00281051", "00281052", "00281053", "00281056", "00283000", "00283010",
    "20500020",
)  # fmt: skip
_COLOURS: Final = (*(f"{group}0{n}" for group in _PALETTE for n in (1, 2, 3)), "00281221", "00281222", "00281223", _ICC)
_MACROS: Final = {"00289145": ("00281052", "00281053"), "00289132": ("00281050", "00281051", "00281056")}
"""Functional groups that stand for attributes of the root: Pixel Value Transformation, Frame VOI LUT."""


@dataclass(frozen=True, slots=True)
class Description:
    """The image that one instance holds; ``frames`` numbers from 1."""

    root: Json
    shared: Json
    per_frame: tuple[msgspec.Raw | dict[str, msgspec.Raw] | None, ...]
    frames: int
    rows: int
    columns: int
    interval_ms: float
    keyword: str

    def attributes(self, number: int) -> Json:
        """Return what holds for one frame, functional groups in the place of the root's attributes."""
        own = self.per_frame[number - 1] if number <= len(self.per_frame) else None
        return self.root | self.shared | (_macros(own) if isinstance(own, dict) else {})

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.rows * self.columns

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame that is not compressed, at most."""
        bits = _integer(self.root, "00280100", 8) * _integer(self.root, "00280002", 1)
        return (self.pixels * bits + 7) // 8


def describe(released: bytes) -> Description | None:
    """Read the released metadata of an instance; None when it holds no image. Raises MalformedInput."""
    elements = decode_object(released)
    root = {key: _plain(elements[key]) for key in (*_PIXELS, *_GREYS, *_COLOURS) if key in elements}
    rows, columns = _integer(root, "00280010", 0), _integer(root, "00280011", 0)
    if rows < 1 or columns < 1 or "00280100" not in root:
        return None
    if _ICC not in root and _OPTICAL_PATHS in elements:
        root |= _profile_of_slide(elements)
    shared = _items(elements, _SHARED)
    return Description(
        root,
        _macros(shared[0]) if shared and shared[0] else {},
        tuple(_items(elements, _PER_FRAME)),
        frame_count(elements),
        rows,
        columns,
        _interval(elements),
        _keyword(elements),
    )


def frame_count(elements: Elements) -> int:
    """Read Number of Frames, 1 where there is none. Raises MalformedInput."""
    frames = text(elements, "00280008").strip() or "1"
    if not (frames.isascii() and frames.isdigit() and len(frames) <= MAX_IS and 1 <= int(frames) <= MAX_FRAMES):
        raise MalformedInput("a number of frames that is none", (0x00280008,))
    return int(frames)


def bulk_uris(attributes: Json) -> Iterator[str]:
    """Yield every BulkDataURI inside attributes."""
    for element in attributes.values():
        uri = element.get("BulkDataURI")
        if isinstance(uri, str):
            yield uri
        for item in element.get("Value") or () if element.get("vr") == "SQ" else ():
            if isinstance(item, dict):
                yield from bulk_uris(item)


def _keyword(elements: Elements) -> str:
    if "7FE00008" in elements:
        return "FloatPixelData"
    return "DoubleFloatPixelData" if "7FE00009" in elements else "PixelData"


def _interval(elements: Elements) -> float:
    """Return the time that a frame is shown: Frame Time, else from a rate (PS3.3 Section C.7.6.5)."""
    for key in ("00181063", "00180040", "00082144"):
        try:
            value = float(text(elements, key) or 0)
        except ValueError:
            continue
        if 0 < value < 60_000:
            return value if key == "00181063" else 1000 / value
    return 100.0


def _items(elements: Elements, key: str) -> list[dict[str, msgspec.Raw] | None]:
    if key not in elements:
        return []
    return decode_items(decode_element(bytes(elements[key]), int(key, 16)), int(key, 16))


def _macros(item: dict[str, msgspec.Raw]) -> Json:
    found: Json = {}
    for macro, keys in _MACROS.items():
        inner = _items(item, macro)
        if inner and inner[0]:
            found |= {key: _plain(inner[0][key]) for key in keys if key in inner[0]}
    return found


def _profile_of_slide(elements: Elements) -> Json:
    paths = _items(elements, _OPTICAL_PATHS)
    return {_ICC: _plain(paths[0][_ICC])} if paths and paths[0] and _ICC in paths[0] else {}


def _plain(raw: bytes | msgspec.Raw) -> Json:
    try:
        found = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        raise MalformedInput("not the DICOM JSON Model") from None
    if not isinstance(found, dict):
        raise MalformedInput("not the DICOM JSON Model")
    return found


def _integer(root: Json, key: str, otherwise: int) -> int:
    values = root.get(key, {}).get("Value")
    value = values[0] if isinstance(values, list) and values else otherwise
    return value if isinstance(value, int) and 0 <= value < 1 << 32 else otherwise
