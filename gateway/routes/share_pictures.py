"""What a share's website shows: pictures, posters, clips, and all of them in one zip, drawn when they are asked for.

Everything is drawn anew from the samples that the destination has, so nothing else of an object can be in it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

from gateway.core.errors import NotAcceptable, NotReleased, RenderingBusy
from gateway.core.wire.zipstream import ZipWriter
from gateway.rendering.encoders import JPEG, MP4
from gateway.rendering.look import Look
from gateway.rendering.pool import Renderers
from gateway.routes.drawing import Drawing
from gateway.routes.pictures import Picture, Pictures
from gateway.sharing.contents import Item
from gateway.sharing.kept import Kept
from gateway.sharing.model import Standing
from gateway.sharing.pages import file_name
from gateway.sharing.service import Sharing

THUMBNAIL: Final = Look(480, 480, quality=80)
POSTER_SIDE: Final = 1280
CLIP_SIDE: Final = 1920
"""Pixels of a side: what phones decode; a larger clip is made smaller."""
CLIP_BYTES: Final = 128 << 20
STILL_BYTES: Final = 32 << 20
PATIENCE: Final = 6
"""How often a zip waits for a free process: it has begun and cannot say that it failed."""
IMAGE, CLIP = "image", "clip"


class SharePictures:
    """Draws what shares show. Everything raises NotReleased, NotAcceptable, OriginFailed and RenderingBusy."""

    def __init__(self, sharing: Sharing, renderers: Renderers) -> None:
        self._sharing = sharing
        self._renderers = renderers
        self._clips = Kept(CLIP_BYTES)
        self._stills = Kept(STILL_BYTES)

    async def image(self, share: Standing, number: int) -> bytes:
        """Draw an image as large as it is."""
        return await self._still(share, IMAGE, number, lambda _item: Look())

    async def thumbnail(self, share: Standing, number: int) -> bytes:
        """Draw an image in small."""
        return await self._still(share, IMAGE, number, lambda _item: THUMBNAIL)

    async def poster(self, share: Standing, number: int) -> bytes:
        """Draw the frame in the middle of a clip."""
        return await self._still(share, CLIP, number, lambda item: _within(item, POSTER_SIDE))

    async def clip(self, share: Standing, number: int) -> bytes:
        """Draw a clip; the same bytes as before, as long as they are kept."""
        item = await self._item(share, CLIP, number)
        return await self._clips.get((share.digest, number), lambda: self._drawn_clip(share, item))

    async def archive(self, share: Standing) -> AsyncIterator[bytes]:
        """Write everything into a zip, one after the other; what cannot be drawn is not in it."""
        contents = await self._sharing.contents(share)
        writer = ZipWriter()
        for kind, extension, draw in ((CLIP, "mp4", self.clip), (IMAGE, "jpg", self.image)):
            count = len(list(_of(kind, contents.items)))
            for number in range(1, count + 1):
                try:
                    body = await _patiently(draw, share, number)
                except NotAcceptable:
                    continue
                yield writer.begin(f"{file_name(kind, number, count)}.{extension}")
                writer.count(body)
                yield body
                yield writer.end()
        yield writer.close()

    async def _still(self, share: Standing, kind: str, number: int, look_of: Callable[[Item], Look]) -> bytes:
        item = await self._item(share, kind, number)
        look = look_of(item)
        return await self._stills.get((share.digest, kind, number, look), lambda: self._drawn_still(share, item, look))

    async def _item(self, share: Standing, kind: str, number: int) -> Item:
        contents = await self._sharing.contents(share)
        found = next((one for at, one in enumerate(_of(kind, contents.items), 1) if at == number), None)
        if found is None:
            raise NotReleased
        return found

    async def _drawn_still(self, share: Standing, item: Item, look: Look) -> bytes:
        picture, drawing = await self._picture(share, item)
        return await drawing.image(picture, picture.representative, look, JPEG)

    async def _drawn_clip(self, share: Standing, item: Item) -> bytes:
        picture, drawing = await self._picture(share, item)
        numbers = range(1, picture.description.frames + 1)
        return await drawing.animation(picture, numbers, _within(item, CLIP_SIDE), MP4)

    async def _picture(self, share: Standing, item: Item) -> tuple[Picture, Drawing]:
        pictures = Pictures(self._sharing.worklist(share))
        return await pictures.of(item.source), Drawing(pictures, self._renderers)


def _of(kind: str, items: tuple[Item, ...]) -> Iterator[Item]:
    return (item for item in items if item.is_clip == (kind == CLIP))


def _within(item: Item, side: int) -> Look:
    """Scale down what is larger than a square, and nothing up."""
    return Look(side, side) if max(item.columns, item.rows) > side else Look()


async def _patiently(draw: Callable[[Standing, int], Awaitable[bytes]], share: Standing, number: int) -> bytes:
    for _ in range(PATIENCE):
        try:
            return await draw(share, number)
        except RenderingBusy as busy:
            await asyncio.sleep(busy.retry_after_s)
    return await draw(share, number)
