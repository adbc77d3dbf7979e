"""From a picture to an answer: one image, or one animation."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Final

from gateway.core.errors import BadRequest, NotAcceptable
from gateway.rendering import work
from gateway.rendering.look import Look
from gateway.rendering.pool import Renderers
from gateway.rendering.view import viewed_pixels
from gateway.routes.exchange import Streamed
from gateway.routes.octets import MAX_FRAMES
from gateway.routes.pictures import Picture, Pictures

MAX_ANIMATED_PIXELS: Final = 1 << 28
"""Pixels of all frames that an animation shows: encoders hold them together."""


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
        _check_animation(picture, numbers, look)
        async with self._renderers.turn(moving=True):
            frames = await self._pictures.frames(picture, numbers)
            return await self._renderers.run(work.animation, frames, look, media_type, picture.description.interval_ms)


def _check_animation(picture: Picture, numbers: Sequence[int], look: Look) -> None:
    """Raise NotAcceptable for more than can be held, BadRequest for a frame that is named twice."""
    shown = picture.description
    pixels = viewed_pixels((shown.columns, shown.rows), look) * len(numbers)
    if len(numbers) > MAX_FRAMES or pixels > MAX_ANIMATED_PIXELS:
        raise NotAcceptable("the animation is too large: ask for less of it")
    if len(set(numbers)) < len(numbers):
        raise BadRequest("frames: an animation shows each frame once")


def answer(body: Awaitable[bytes], media_type: str) -> Streamed:
    """Answer with something that is made when it is asked for."""
    return Streamed(_whole(body), media_type)


async def _whole(body: Awaitable[bytes]) -> AsyncIterator[bytes]:
    yield await body
