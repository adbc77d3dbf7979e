"""WADO-RS, rendered resources and thumbnails (PS3.18 Sections 10.4.1.1.3, 10.4.1.1.4 and 10.4.3.6).

Rendered by the gateway, from what it releases. Several frames are an animation or clip, or the parts of
multipart/related, one each; asked for as a single image, they are shown by the one in the middle.
"""

import os
from collections.abc import AsyncIterator, Sequence
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.core.errors import NotAcceptable
from gateway.core.wire.accept import Offer
from gateway.core.wire.multipart import MultipartWriter, content_type, random_boundary
from gateway.rendering.encoders import GIF, JPEG, MP4, PNG, STILLS, has_video
from gateway.rendering.look import Look, rendered_look, thumbnail_look
from gateway.rendering.pool import Renderers
from gateway.rendering.work import UNREADABLE
from gateway.routes.drawing import Drawing, answer
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.links import Links
from gateway.routes.negotiation import choose
from gateway.routes.octets import frame_numbers
from gateway.routes.pictures import Picture, Pictures
from gateway.routes.target import source_instance, source_path
from gateway.worklists.worklist import Worklist

THUMBNAIL_SIDE: Final = 128
IMAGES: Final = tuple(Offer(one, rendered=True) for one in STILLS)
SEPARATE: Final = tuple(Offer(one, multipart=True, rendered=True) for one in STILLS)
THUMBNAILS: Final = (Offer(JPEG, rendered=True), Offer(PNG, rendered=True))
PARAMETERS: Final = ("accept", "annotation", "charset", "iccprofile", "quality", "viewport", "window")
THUMBNAIL_PARAMETERS: Final = ("accept", "charset", "viewport")


def moving() -> tuple[Offer, ...]:
    """Return the media types that show several frames."""
    return (Offer(GIF, rendered=True), *([Offer(MP4, rendered=True)] if has_video() else []))


class RenderedService:
    """Answers for rendered resources of one worklist."""

    def __init__(self, worklist: Worklist, links: Links, renderers: Renderers) -> None:
        self._worklist = worklist
        self._links = links
        self._pictures = Pictures(worklist)
        self._drawing = Drawing(self._pictures, renderers)

    async def several(self, request: Request) -> ASGIApp:
        """Render a study or a series: every frame as a part, or one image for all."""
        offer = choose(request, [*SEPARATE, *IMAGES]).offer
        look = rendered_look(parameters(request))
        study, series = await self._place(request)
        if not offer.multipart:
            picture = await self._pictures.representative(study, series)
            return self._one(picture, picture.representative, look, offer.media_type)
        return self._parts(request, self._every_frame(study, series), look, offer.media_type)

    async def instance(self, request: Request) -> ASGIApp:
        """Render an instance: its only frame, or all that it has."""
        look = rendered_look(parameters(request))
        picture = await self._pictures.of(await source_instance(self._worklist, request))
        return self._frames(request, picture, range(1, picture.description.frames + 1), look)

    async def frames(self, request: Request) -> ASGIApp:
        """Render the frames of a list."""
        numbers = frame_numbers(request.path_params["frames"])
        look = rendered_look(parameters(request))
        picture = await self._pictures.of(await source_instance(self._worklist, request))
        return self._frames(request, picture, numbers, look)

    async def thumbnail(self, request: Request) -> ASGIApp:
        """Show a study, series, instance or frame in one small picture."""
        media_type = choose(request, THUMBNAILS).offer.media_type
        look = thumbnail_look(parameters(request), THUMBNAIL_SIDE)
        if "instance" not in request.path_params:
            picture = await self._pictures.representative(*await self._place(request))
        else:
            picture = await self._pictures.of(await source_instance(self._worklist, request))
        number = picture.representative
        if "frames" in request.path_params:
            number = frame_numbers(request.path_params["frames"])[0]
        return self._one(picture, number, look, media_type)

    async def _place(self, request: Request) -> tuple[str, str | None]:
        parts = (await source_path(self._worklist, request)).split("/")
        return parts[2], parts[4] if len(parts) > 4 else None

    def _frames(self, request: Request, picture: Picture, numbers: Sequence[int], look: Look) -> ASGIApp:
        alone = len(numbers) == 1
        offer = choose(request, [*IMAGES, *SEPARATE] if alone else [*moving(), *IMAGES, *SEPARATE]).offer
        if offer.multipart:
            return self._parts(request, _each(picture, numbers), look, offer.media_type)
        if not alone and offer in moving():
            return answer(self._drawing.animation(picture, numbers, look, offer.media_type), offer.media_type)
        return self._one(picture, numbers[(len(numbers) - 1) // 2], look, offer.media_type)

    def _one(self, picture: Picture, number: int, look: Look, media_type: str) -> ASGIApp:
        return answer(self._drawing.image(picture, number, look, media_type), media_type)

    def _parts(
        self, request: Request, frames: AsyncIterator[tuple[Picture, int]], look: Look, media_type: str
    ) -> ASGIApp:
        boundary, outcome = random_boundary(os.urandom(16)), Outcome()
        base = self._links.service(request, self._worklist)
        body = self._written(frames, look, media_type, base, MultipartWriter(boundary), outcome)
        return Streamed(body, content_type(media_type, boundary), outcome=outcome)

    async def _written(
        self,
        frames: AsyncIterator[tuple[Picture, int]],
        look: Look,
        media_type: str,
        base: str,
        writer: MultipartWriter,
        outcome: Outcome,
    ) -> AsyncIterator[bytes]:
        """Write a part for each frame that can be shown."""
        shown = 0
        async for picture, number in frames:
            try:
                body = await self._drawing.image(picture, number, look, media_type)
            except NotAcceptable:
                outcome.is_partial = True
                continue
            location = f"{base}{self._worklist.released_path(picture.source)}/frames/{number}/rendered"
            yield writer.part({"Content-Type": media_type, "Content-Location": location}) + body
            shown += 1
        if not shown:
            raise NotAcceptable(UNREADABLE)
        yield writer.end()

    async def _every_frame(self, study: str, series: str | None) -> AsyncIterator[tuple[Picture, int]]:
        async for picture in self._pictures.all(study, series):
            async for one in _each(picture, range(1, picture.description.frames + 1)):
                yield one


async def _each(picture: Picture, numbers: Sequence[int]) -> AsyncIterator[tuple[Picture, int]]:
    for number in numbers:
        yield picture, number


def parameters(request: Request) -> dict[str, list[str]]:
    """Return the query parameters, each with all its values."""
    return {name: request.query_params.getlist(name) for name in request.query_params}
