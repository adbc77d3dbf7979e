"""What a process of its own does: one frame, or the frames of an animation, from samples to an encoded picture."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from gateway.core.errors import GatewayError, NotAcceptable
from gateway.masking.blanking import blank
from gateway.ports import Frame
from gateway.rendering import encoders
from gateway.rendering.colour import colours, in_srgb, srgb_profile
from gateway.rendering.frames import Samples, decoded, syntax_of
from gateway.rendering.grey import has_own_range, shades, whole_range
from gateway.rendering.look import Look, Profile, Window
from gateway.rendering.view import is_whole, viewed

UNREADABLE: Final = "the pixel data of this object cannot be shown"
_GREYS: Final = ("MONOCHROME1", "MONOCHROME2")
Shown = NDArray[np.uint8]
_T = TypeVar("_T")


def still(frame: Frame, look: Look, media_type: str) -> bytes:
    """Render one frame. Raises NotAcceptable when its pixels cannot be shown."""
    return _guarded(lambda: _still(frame, look, media_type))


def animation(frames: Sequence[Frame], look: Look, media_type: str, interval_ms: float) -> bytes:
    """Render frames as one animation or clip. Raises NotAcceptable when that cannot be."""
    return _guarded(lambda: _animation(frames, look, media_type, interval_ms))


def common_window(frame: Frame) -> Window | None:
    """Return one window for a clip that is made in parts. Raises NotAcceptable when its pixels cannot be shown."""
    return _guarded(lambda: _common_window(frame))


def joined(parts: Sequence[bytes]) -> bytes:
    """Join the parts of a clip. Raises NotAcceptable when that cannot be."""
    return _guarded(lambda: encoders.joined(parts))


def samples_of(frame: Frame) -> tuple[Samples, str, Dataset]:
    """Return what a frame holds, its Photometric Interpretation and its attributes. Raises whatever decoders raise."""
    attributes = _data_set(frame)
    return *_samples(frame, attributes), attributes


def _guarded(work: Callable[[], _T]) -> _T:
    """Run what hostile pixels may break: whatever a decoder raises means that there is no picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return work()
        except GatewayError:
            raise
        except Exception:  # noqa: BLE001 - decoders raise what they like; their messages may hold values
            raise NotAcceptable(UNREADABLE) from None


def _still(frame: Frame, look: Look, media_type: str) -> bytes:
    picture = _picture(frame, look)
    embedded = srgb_profile() if look.profile is not Profile.NO and picture.mode == "RGB" else None
    return encoders.encoded(picture, media_type, look.quality, embedded)


def _picture(frame: Frame, look: Look) -> Image.Image:
    return _viewed(*_samples_shown(frame, _data_set(frame), look), look)


def _viewed(samples: Shown, profile: bytes | None, look: Look) -> Image.Image:
    return viewed(in_srgb(Image.fromarray(samples), profile), look)


def _samples_shown(frame: Frame, attributes: Dataset, look: Look) -> tuple[Shown, bytes | None]:
    """Return grey or RGB as it is shown, and the colour profile that it was made for."""
    samples, interpretation = _samples(frame, attributes)
    if interpretation in _GREYS:
        return shades(samples, attributes, look.window), None
    return np.ascontiguousarray(colours(samples, interpretation, attributes)), attributes.get("ICCProfile")


def _animation(frames: Sequence[Frame], look: Look, media_type: str, interval_ms: float) -> bytes:
    if look.window is None:
        look = replace(look, window=_common_window(frames[len(frames) // 2]))
    pictures = _moving(frames, look)
    if media_type == encoders.MP4:
        return encoders.video(pictures, interval_ms)
    return encoders.animated((Image.fromarray(one) for one in pictures), interval_ms)


def _moving(frames: Sequence[Frame], look: Look) -> Iterator[Shown]:
    """Draw frames, most of which say the same of themselves as the one before, and are shown as they are."""
    last, attributes = None, Dataset()
    for frame in frames:
        if frame.attributes != last:
            last, attributes = frame.attributes, _data_set(frame)
        samples, profile = _samples_shown(frame, attributes, look)
        yield samples if profile is None and is_whole(look) else np.asarray(_viewed(samples, profile, look))


def _common_window(frame: Frame) -> Window | None:
    """Return one window for all frames of an object that has none itself: each by itself would flicker."""
    attributes = _data_set(frame)
    samples, interpretation = _samples(frame, attributes)
    if interpretation not in _GREYS or has_own_range(attributes):
        return None
    return whole_range(samples, attributes)


def _samples(frame: Frame, attributes: Dataset) -> tuple[Samples, str]:
    """Decode a frame, and overwrite what must not be seen before anything is computed from it."""
    syntax = syntax_of(frame.data, frame.transfer_syntax, frame.media_type)
    samples, interpretation = decoded(frame.data, syntax, attributes, frame.keyword)
    if frame.rectangles:
        samples = _masked(frame, samples, interpretation)
    return samples, interpretation


def _masked(frame: Frame, samples: Samples, interpretation: str) -> Samples:
    stored = frame.image
    if stored is None or samples.shape[:2] != (stored.rows, stored.columns):
        raise ValueError("samples that rectangles do not fit")
    if not samples.flags.writeable:
        samples = samples.copy()
    blank(samples, replace(stored, photometric=interpretation), frame.rectangles)
    return samples


def _data_set(frame: Frame) -> Dataset:
    def behind(_tag: str, vr: str, uri: str) -> Any:
        value = frame.bulk[uri]
        return list(np.frombuffer(value, "<u2" if vr == "US" else "<i2")) if vr in ("US", "SS") else value

    found = Dataset.from_json(frame.attributes, behind)
    found.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding="utf8")
    return found
