"""The colour pipeline (PS3.4 Section N.2.2): palettes, samples of more than eight bits, colour profiles."""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from gateway.rendering.frames import Samples

_DATE_OF_PROFILE: Final = slice(24, 36)


def colours(samples: Samples, interpretation: str, attributes: Dataset) -> NDArray[np.uint8]:
    """Return red, green and blue of eight bits."""
    bits = int(attributes.BitsStored)
    if interpretation == "PALETTE COLOR":
        samples = np.asarray(apply_color_lut(samples, attributes)[..., :3])
        bits = samples.dtype.itemsize * 8
    if samples.dtype != np.uint8 or bits < 8:
        samples = np.clip(np.rint(samples.astype(np.float64) * (255 / (2**bits - 1))), 0, 255)
    return samples.astype(np.uint8, copy=False)


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert from an input profile (PS3.3 Section C.11.15); one that cannot be used changes nothing."""
    if not profile or picture.mode != "RGB":
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return converted or picture


def srgb_profile() -> bytes:
    """Return an sRGB profile without the time of its making."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_DATE_OF_PROFILE] = bytes(12)
    return bytes(profile)
