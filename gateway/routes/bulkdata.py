"""WADO-RS, Retrieve of bulk data and of pixel data (PS3.18 Sections 10.4.3.3 and 10.4.3.5).

One value by the BulkDataURI of our metadata, or all of a study, series or instance. Which there are is read from the
metadata as they are released: a value that the profile removes or changes has no BulkDataURI and is nowhere here.
"""

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.core.errors import NotAcceptable, NotReleased, OriginFailed
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.metadata import Elements
from gateway.core.wire.multipart import MultipartWriter
from gateway.ports import OriginServer
from gateway.rendering.description import frame_count
from gateway.routes.bulklinks import bulk_links, bulk_path, pixel_uri, source_of
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.links import Links
from gateway.routes.masked import FrameMasker, masker_of
from gateway.routes.octets import BULK_TYPES, FRAME_TYPES, Values, Wanted, answer, copied, frame_lists, new_writer
from gateway.routes.target import source_instance, source_path
from gateway.worklists.origin_json import read_json
from gateway.worklists.pixels import ROWS, Judged
from gateway.worklists.source import Instance, valid_source
from gateway.worklists.worklist import Worklist


@dataclass(frozen=True, slots=True)
class _Source:
    """What to ask the origin for, and where its parts are on the released side."""

    path: str
    locations: Iterator[str]
    masker: FrameMasker | None = None
    frames: int = 0
    """Of how many frames the value is made here, where they must be masked or looked after."""


class BulkService:
    """Answers retrievals of bulk data of one worklist."""

    def __init__(self, worklist: Worklist, links: Links) -> None:
        self._worklist = worklist
        self._links = links

    async def value(self, request: Request) -> ASGIApp:
        """Retrieve what a BulkDataURI of our metadata points at; no other element can be named."""
        wanted = Wanted(request, BULK_TYPES, alone=True)
        instance = await source_instance(self._worklist, request)
        token = request.path_params["token"]
        path, is_pixels = bulk_path(self._worklist, token, instance)
        outcome = Outcome()
        judged = await self._worklist.pixels.of(instance)
        masker = masker_of(judged, self._worklist.pixels.codecs) if is_pixels else None
        source = _Source(path, iter(()))
        if masker is not None:
            source = _whole_pixels(instance, judged, masker, iter(()))
        try:
            values = await _open(wanted, self._worklist.origin, source, outcome)
        except (NotReleased, NotAcceptable) as refused:
            asked = f"{source.path}/frames/1" if source.masker and source.frames else source.path
            raise await wanted.missing(self._worklist.origin, asked, refused) from None
        base = self._links.service(request, self._worklist) + self._worklist.released_path(instance)
        locations = itertools.repeat(f"{base}/bulkdata/{token}") if wanted.is_multipart else None
        return answer(self._worklist.engine, values, locations, outcome)

    async def all(self, request: Request) -> ASGIApp:
        """Retrieve all bulk data of a study, a series or an instance, pixel data included."""
        return await self._listed(request, Wanted(request, BULK_TYPES, alone=False), only_pixels=False)

    async def pixels(self, request: Request) -> ASGIApp:
        """Retrieve the pixel data of a study, a series or an instance."""
        return await self._listed(request, Wanted(request, FRAME_TYPES, alone=False), only_pixels=True)

    async def _listed(self, request: Request, wanted: Wanted, *, only_pixels: bool) -> ASGIApp:
        path = await source_path(self._worklist, request)
        base, outcome = self._links.service(request, self._worklist), Outcome()
        sources = [one async for one in self._sources(path, base, outcome, only_pixels=only_pixels)]
        if not sources:
            raise NotReleased
        opened = self._opened(wanted, itertools.chain.from_iterable(sources), outcome)
        first = await anext(opened, None)
        if first is None:
            raise NotAcceptable("the origin has no representation that the request accepts")
        writer, media_type = new_writer(first[1])
        return Streamed(self._parts(first, opened, writer), media_type, outcome=outcome)

    async def _opened(
        self, wanted: Wanted, sources: Iterable[_Source], outcome: Outcome
    ) -> AsyncIterator[tuple[_Source, Values]]:
        """Ask for one after the other; what the request does not accept is left out."""
        for source in sources:
            try:
                values = await _open(wanted, self._worklist.origin, source, outcome)
            except (NotAcceptable, NotReleased) as missing:
                if wanted.takes_octets and isinstance(missing, NotReleased):
                    raise OriginFailed("the origin has not what its metadata name") from None
                outcome.is_partial = True  # some origins say 400, as if there were no such value
                continue
            yield source, values

    async def _parts(
        self, first: tuple[_Source, Values], rest: AsyncIterator[tuple[_Source, Values]], writer: MultipartWriter
    ) -> AsyncIterator[Piece]:
        async for piece in self._copied(*first, writer):
            yield piece
        async for source, values in rest:
            async for piece in self._copied(source, values, writer):
                yield piece
        yield writer.end()

    def _copied(self, source: _Source, values: Values, writer: MultipartWriter) -> AsyncIterator[Piece]:
        return copied(self._worklist.engine, values, writer, source.locations, ends=False)

    async def _judged(self, source: Instance, elements: Elements, *, is_own: bool) -> Judged:
        """Judge an instance by metadata of its own: those of a series or study may be made of what its others say."""
        pixels = self._worklist.pixels
        return await (pixels.by(source, elements) if is_own or not pixels.engine.masks else pixels.of(source))

    async def _sources(
        self, path: str, base: str, outcome: Outcome, *, only_pixels: bool
    ) -> AsyncIterator[Iterable[_Source]]:
        """Read the metadata and yield what of them is released; what the profile refuses makes the answer partial."""
        worklist = self._worklist
        async for elements in read_json(worklist.origin, f"{path}/metadata"):
            source = source_of(elements)
            if source.study != path.split("/")[2] or not (
                valid_source(source.series) and valid_source(source.instance)
            ):
                raise OriginFailed("the origin answered with another study")
            judged = await self._judged(source, elements, is_own=path == source.path)
            link = bulk_links(worklist, source, path, base, pixel_uri(elements))
            paths: dict[str, str] = {}

            def noted(uri: str) -> str:
                url = link(uri)  # noqa: B023 - called before the next round
                paths[url] = uri  # noqa: B023
                return url

            released = worklist.pixels.metadata(judged, elements, noted)
            if released is None:
                outcome.is_partial = True
                continue
            pixels = pixel_uri(elements)
            masker = masker_of(judged, worklist.pixels.codecs)
            for url, uri in paths.items():
                if url.encode() in released and (uri == pixels or not only_pixels):
                    locations = itertools.repeat(url)
                    if masker is not None and uri == pixels:
                        yield [_whole_pixels(source, judged, masker, locations)]
                        continue
                    token = url.rpartition("/")[2]
                    yield [_Source(bulk_path(worklist, token, source)[0], locations)]
            if pixels is None and ROWS in elements:
                yield _frames(frame_count(elements), source, base + worklist.released_path(source), masker)


async def _open(wanted: Wanted, origin: OriginServer, source: _Source, outcome: Outcome) -> Values:
    """Ask for a value; pixel data that are masked or said to be clean are made of their frames, and of no others."""
    if source.masker is not None and source.frames:
        return await wanted.open_all(origin, source.path, source.frames, source.masker, outcome)
    return await wanted.open(origin, source.path, outcome, source.masker)


def _whole_pixels(source: Instance, judged: Judged, masker: FrameMasker, locations: Iterator[str]) -> _Source:
    return _Source(source.path, locations, masker, judged.image.frames if judged.image else 1)


def _frames(count: int, source: Instance, url: str, masker: FrameMasker | None) -> Iterator[_Source]:
    """List pixel data without a BulkDataURI, which some origins give to native pixel data only, frame by frame."""
    locations = (f"{url}/frames/{number}" for number in range(1, count + 1))
    for listed in frame_lists(count):
        own = itertools.islice(locations, listed.count(",") + 1)
        yield _Source(f"{source.path}/frames/{listed}", own, masker)
