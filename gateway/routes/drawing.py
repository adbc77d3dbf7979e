"""From a picture to an answer: one image, or one animation."""

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from gateway.core.errors import BadRequest, NotAcceptable
from gateway.rendering import work
from gateway.rendering.batch import batch
from gateway.rendering.encoders import MP4
from gateway.rendering.look import Look
from gateway.rendering.pool import Renderers
from gateway.rendering.view import viewed_pixels
from gateway.routes.conditions import entity_tag
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.octets import MAX_FRAMES
from gateway.routes.pictures import Picture, Pictures

MAX_ANIMATED_PIXELS: Final = 1 << 28
"""Pixels of all frames that an animated GIF shows: its encoder holds them together."""
MAX_CLIP_PIXELS: Final = 1 << 31
"""Pixels of all frames that a clip shows: a minute or so of encoding."""
PART_BYTES: Final = 128 << 20
"""Bytes of the frames of a clip that are held at the same time, uncompressed; a longer one is made in parts."""


class Drawing:
    """Fetches frames of one worklist and has them rendered."""

    def __init__(self, pictures: Pictures, renderers: Renderers) -> None:
        self._pictures = pictures
        self._renderers = renderers

    async def image(self, picture: Picture, number: int, look: Look, media_type: str) -> bytes:
        """Render one frame. Raises NotReleased, NotAcceptable, RenderingBusy, RenderingFailed."""
        async with self._renderers.turn():
            frame = await self._pictures.frame(picture, number)
            return await self._renderers.run(work.still, frame, look, media_type)

    async def animation(self, picture: Picture, numbers: Sequence[int], look: Look, media_type: str) -> bytes:
        """Render several frames as an animation or clip. Raises BadRequest and what ``image`` raises."""
        _check_animation(picture, numbers, look, media_type)
        async with self._renderers.turn(moving=True):
            several = list(_parts(picture, numbers)) if media_type == MP4 else [numbers]
            if len(several) > 1 and look.window is None:
                middle = await self._pictures.frame(picture, numbers[len(numbers) // 2])
                look = replace(look, window=await self._renderers.run(work.common_window, middle))
            parts = [await self._part(picture, part, look, media_type) for part in several]
            return parts[0] if len(parts) == 1 else await self._renderers.run(work.joined, parts)

    async def _part(self, picture: Picture, numbers: Sequence[int], look: Look, media_type: str) -> bytes:
        with batch(await self._pictures.frames(picture, numbers)) as frames:
            return await self._renderers.run(work.animation, frames, look, media_type, picture.description.interval_ms)


def _parts(picture: Picture, numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the frames of a clip that are held at the same time."""
    size = max(1, PART_BYTES // max(1, picture.description.frame_bytes))
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def _check_animation(picture: Picture, numbers: Sequence[int], look: Look, media_type: str) -> None:
    """Raise NotAcceptable for more than can be made, BadRequest for a frame that is named twice."""
    shown = picture.description
    pixels = viewed_pixels((shown.columns, shown.rows), look) * len(numbers)
    if len(numbers) > MAX_FRAMES or pixels > (MAX_CLIP_PIXELS if media_type == MP4 else MAX_ANIMATED_PIXELS):
        raise NotAcceptable("the animation is too large: ask for less of it")
    if len(set(numbers)) < len(numbers):
        raise BadRequest("frames: an animation shows each frame once")


def answer(body: Awaitable[bytes], media_type: str) -> Streamed:
    """Answer with something that is made when it is asked for."""
    outcome = Outcome()
    return Streamed(_whole(body, outcome), media_type, outcome=outcome)


async def _whole(body: Awaitable[bytes], outcome: Outcome) -> AsyncIterator[bytes]:
    made = await body
    outcome.tag = entity_tag([made])
    yield made
