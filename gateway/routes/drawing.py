"""From a picture to an answer: one image, or one animation."""

from collections.abc import AsyncIterator, Awaitable, Sequence

from gateway.rendering import work
from gateway.rendering.look import Look
from gateway.rendering.pool import Renderers
from gateway.routes.exchange import Streamed
from gateway.routes.pictures import Picture, Pictures


class Drawing:
    """Fetches frames of one worklist and has them rendered."""

    def __init__(self, pictures: Pictures, renderers: Renderers) -> None:
        self._pictures = pictures
        self._renderers = renderers

    async def image(self, picture: Picture, number: int, look: Look, media_type: str) -> bytes:
        """Render one frame. Raises NotReleased, NotAcceptable."""
        frame = await self._pictures.frame(picture, number)
        return await self._renderers.run(work.still, frame, look, media_type)

    async def animation(self, picture: Picture, numbers: Sequence[int], look: Look, media_type: str) -> bytes:
        """Render several frames as an animation or clip. Raises NotReleased, NotAcceptable."""
        frames = await self._pictures.frames(picture, numbers)
        return await self._renderers.run(work.animation, frames, look, media_type, picture.description.interval_ms)


def answer(body: Awaitable[bytes], media_type: str) -> Streamed:
    """Answer with something that is made when it is asked for."""
    return Streamed(_whole(body), media_type)


async def _whole(body: Awaitable[bytes]) -> AsyncIterator[bytes]:
    yield await body
