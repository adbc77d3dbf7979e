"""The same as ``huffman``, by libjpeg-turbo where the system has its TurboJPEG library: some ten times as fast.

Its transform decodes and encodes symbols, not pixels, and shows every row of blocks in between. The interface is that
of versions 2 and 3, by ctypes: no package binds both, and wheels have the library without its transform.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Masks = Sequence[NDArray[np.bool_]]
"""Per component, which of its blocks are replaced: rows and columns of blocks."""

_LIBRARIES: Final = ("libturbojpeg.so.0", "libturbojpeg.0.dylib")
_COPY_NONE: Final = 64
_STOP_ON_WARNING, _LIMIT_SCANS = 8192, 32768
_SIDE, _BLOCK = 8, 64


class _Region(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_int), ("w", ctypes.c_int), ("h", ctypes.c_int))


_Filter = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), _Region, _Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
)


class _Transform(ctypes.Structure):
    _fields_ = (
        ("region", _Region),
        ("op", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", _Filter),
    )


def replaced(data: bytes, masks: Masks, fills: Sequence[int]) -> bytes | None:
    """Return a baseline frame whose masked blocks have nothing but the DC coefficients ``fills``.

    None where there is no library, or where it says anything against the frame.
    """
    library = _library()
    if library is None:
        return None
    whole = {(number, int(row)) for number, mask in enumerate(masks) for row in np.flatnonzero(mask.any(axis=1))}
    seen: set[tuple[int, int]] = set()

    def overwrite(
        coefficients: Any, part: _Region, _plane: _Region, component: int, _transform: int, _self: int | None
    ) -> int:
        row = part.y // _SIDE
        if (component, row) in whole:
            found = masks[component][row, : part.w // _SIDE]
            blocks = np.ctypeslib.as_array(coefficients, (part.w // _SIDE, _BLOCK))
            blocks[found] = 0
            blocks[found, 0] = fills[component]
            seen.add((component, row))
        return 0

    transform = _Transform(options=_COPY_NONE, filter=_Filter(overwrite))
    frame = _transformed(library, data, transform)
    # An error in a callback is lost: only what was seen to its end is masked.
    return frame if whole == seen else None


def _transformed(library: Any, data: bytes, transform: _Transform) -> bytes | None:
    handle = library.tjInitTransform()
    out, size = ctypes.c_void_p(), ctypes.c_ulong()
    try:
        flags = _STOP_ON_WARNING | _LIMIT_SCANS
        failed = library.tjTransform(
            handle, data, len(data), 1, ctypes.byref(out), ctypes.byref(size), ctypes.byref(transform), flags
        )
        return None if failed or not out.value else ctypes.string_at(out.value, size.value)
    finally:
        library.tjFree(out)
        library.tjDestroy(handle)


def _library() -> Any:
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.tjInitTransform.restype = ctypes.c_void_p
        library.tjDestroy.argtypes = [ctypes.c_void_p]
        library.tjFree.argtypes = [ctypes.c_void_p]
        library.tjFree.restype = None
        library.tjTransform.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
            ctypes.c_void_p, ctypes.c_int,
        ]  # fmt: skip
        return library
    return None
