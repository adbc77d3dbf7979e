"""Which part of a picture is shown, and how large (PS3.18 Sections 8.3.5.1.3 and 9.5.1.2.5)."""

from PIL import Image, ImageOps

from gateway.rendering.look import Look, Region


def viewed(picture: Image.Image, look: Look) -> Image.Image:
    """Cut out the region, mirror it, and scale it to fit; outside of the image all is black."""
    if look.region is not None:
        picture = _region(picture, look.region)
    size = _fitted(picture.size, look.width, look.height)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def is_whole(look: Look) -> bool:
    """Say whether ``viewed`` changes nothing."""
    return look.region is None and not look.width and not look.height


def viewed_pixels(size: tuple[int, int], look: Look) -> int:
    """Count the pixels of what ``viewed`` makes of an image of a size."""
    if look.region is not None:
        left, top, right, bottom = _box(size, look.region)
        size = right - left, bottom - top
    width, height = _fitted(size, look.width, look.height)
    return width * height


def _box(size: tuple[int, int], region: Region) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a region, in pixels."""
    wide, high = size if region.fractional else (1, 1)
    left, top = round(region.left * wide), round(region.top * high)
    width = round(region.width * wide) if region.width is not None else size[0] - left
    height = round(region.height * high) if region.height is not None else size[1] - top
    return left, top, left + max(1, width), top + max(1, height)


def _region(picture: Image.Image, region: Region) -> Image.Image:
    shown = picture.crop(_box(picture.size, region))
    shown = ImageOps.mirror(shown) if region.flip_x else shown
    return ImageOps.flip(shown) if region.flip_y else shown


def _fitted(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    scales = [wanted / own for wanted, own in zip((width, height), size, strict=True) if wanted]
    if not scales:
        return size
    scale = min(scales)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
