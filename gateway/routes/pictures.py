"""What is rendered: the released metadata of an instance, and its frames as the origin has them.

An origin's own renderings are never asked for: they may show names, and what they show is not the released object.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar

from gateway.core.errors import BadRequest, NotAcceptable, NotReleased, OriginFailed
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.wire.multipart import PartChunk, PartStart
from gateway.rendering.description import Description, bulk_uris, describe
from gateway.rendering.frames import decodes, syntax_of
from gateway.rendering.work import UNREADABLE, Frame
from gateway.routes.bulklinks import origin_path, source_of
from gateway.routes.octets import AS_STORED, FRAME_TYPES, OCTETS, part_type
from gateway.routes.parts import open_parts
from gateway.worklists.origin_json import read_json, read_pages
from gateway.worklists.source import INSTANCE, SERIES, SOP_CLASS, Instance, valid_source
from gateway.worklists.worklist import Worklist

MAX_PIXELS: Final = 1 << 27
"""Pixels of a frame: four times the largest mammogram."""
MAX_TABLE_BYTES: Final = 8 << 20
"""Bytes of a palette, a table or a colour profile."""
MAX_TOGETHER_BYTES: Final = 256 << 20
"""Bytes of the frames of one animation, as the origin has them."""
FRAMES_PER_REQUEST: Final = 100
TRIES: Final = 12
"""Instances that are looked at for one that shows what a study or series is."""
_NUMBERS: Final = {"series": (SERIES, "00200011"), "instances": (INSTANCE, "00200013")}
_T = TypeVar("_T")
_PLAIN: Final = f'multipart/related; type="{OCTETS}"'
_ANY_IMAGE: Final = 'multipart/related; type="image/*"; transfer-syntax=*'


@dataclass(frozen=True, slots=True)
class Picture:
    """An instance that shows something; ``bulk`` are the origin's paths behind the BulkDataURIs of the description."""

    source: Instance
    description: Description
    bulk: Sequence[str]

    @property
    def representative(self) -> int:
        """Number of the frame that stands for all."""
        return (self.description.frames + 1) // 2


class Pictures:
    """Finds what one worklist can show."""

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist

    async def of(self, source: Instance) -> Picture:
        """Read one instance. Raises NotReleased when the profile refuses it, NotAcceptable when it shows nothing."""
        found = [elements async for elements in read_json(self._worklist.origin, f"{source.path}/metadata")]
        if not found:
            raise NotReleased
        own = source_of(found[0])
        if len(found) > 1 or own.path != source.path:
            raise OriginFailed("the origin answered with another instance")
        bulk: list[str] = []

        def link(uri: str) -> str:
            bulk.append(origin_path(uri, f"{source.path}/metadata", source))
            return str(len(bulk) - 1)

        released = self._worklist.engine.metadata_elements(found[0], link)
        if released is None:
            raise NotReleased
        description = describe(released)
        if description is None:
            raise NotAcceptable("this object has no image")
        if description.pixels > MAX_PIXELS:
            raise NotAcceptable("the image is too large to be rendered")
        return Picture(source, description, bulk)

    async def frame(self, picture: Picture, number: int) -> Frame:
        """Read one frame. Raises NotReleased when there is no such frame."""
        return (await self.frames(picture, [number]))[0]

    async def frames(self, picture: Picture, numbers: Sequence[int]) -> list[Frame]:
        """Read frames. Raises NotReleased when there is no such frame, NotAcceptable when they are too much."""
        found: list[Frame] = []
        tables: dict[str, bytes] = {}
        for at in range(0, len(numbers), FRAMES_PER_REQUEST):
            batch = numbers[at : at + FRAMES_PER_REQUEST]
            if not all(1 <= number <= picture.description.frames for number in batch):
                raise NotReleased
            held = sum(len(frame.data) for frame in found)
            for number, (data, kind, syntax) in zip(batch, await self._stored(picture, batch, held), strict=True):
                attributes = picture.description.attributes(number)
                tables |= {uri: await self._table(picture, uri) for uri in bulk_uris(attributes) if uri not in tables}
                found.append(Frame(attributes, tables, picture.description.keyword, data, kind, syntax))
        return found

    async def representative(self, study: str, series: str | None) -> Picture:
        """Return the image in the middle of a (source) series or study. Raises NotReleased, NotAcceptable."""
        tried = 0
        for one in _from_the_middle([series] if series else await self._listed(f"/studies/{study}", "series")):
            instances = await self._instances(study, one)
            for source in _from_the_middle(instances):
                tried += 1
                if tried > TRIES:
                    break
                try:
                    return await self.of(source)
                except (NotAcceptable, NotReleased):
                    continue
        if not tried:
            raise NotReleased
        raise NotAcceptable("none of these objects has an image")

    async def all(self, study: str, series: str | None) -> AsyncIterator[Picture]:
        """Yield what a (source) series or study shows, in order. Raises NotReleased, NotAcceptable."""
        released = shown = 0
        for one in [series] if series else await self._listed(f"/studies/{study}", "series"):
            for source in await self._instances(study, one):
                try:
                    picture = await self.of(source)
                except NotAcceptable:
                    released += 1
                except NotReleased:
                    continue
                else:
                    shown += 1
                    yield picture
        if not shown:
            raise NotAcceptable("none of these objects has an image") if released else NotReleased

    async def _instances(self, study: str, series: str) -> list[Instance]:
        path = f"/studies/{study}/series/{series}"
        return [Instance(study, series, uid, "") for uid in await self._listed(path, "instances")]

    async def _listed(self, path: str, below: str) -> list[str]:
        """Return source UIDs in the order of their Series or Instance Number, without what the profile refuses."""
        uid, number = _NUMBERS[below]
        query = f"includefield={uid}&includefield={number}&includefield={SOP_CLASS}"
        found = [
            (_whole(elements, number), text(elements, uid))
            async for elements in read_pages(self._worklist.origin, f"{path}/{below}", query)
            if not self._worklist.engine.refuses(text(elements, SOP_CLASS))
        ]
        return [one for _, one in sorted(found) if valid_source(one)]

    async def _stored(self, picture: Picture, numbers: Sequence[int], held: int) -> list[tuple[bytes, str, str]]:
        """Return frames with media type and Transfer Syntax: as stored, or uncompressed where no decoder is here."""
        path = f"{picture.source.path}/frames/{','.join(map(str, numbers))}"
        limit = min(MAX_TOGETHER_BYTES - held, len(numbers) * (2 * picture.description.frame_bytes + (1 << 16)))
        for attempts in ([AS_STORED, _PLAIN, _ANY_IMAGE], [_PLAIN]):
            try:
                parts = await self._parts(path, attempts, FRAME_TYPES, limit)
            except NotReleased:  # it is there, and some origins have no frames of it: those of one bit, or broken ones
                raise NotAcceptable(UNREADABLE) from None
            if len(parts) != len(numbers):
                raise OriginFailed("the origin answered another number of frames than was asked for")
            if all(decodes(syntax_of(data, syntax, kind)) for data, kind, syntax in parts):
                return parts
        raise NotAcceptable(UNREADABLE)

    async def _table(self, picture: Picture, uri: str) -> bytes:
        path = picture.bulk[int(uri)]
        parts = await self._parts(path, [_PLAIN, OCTETS], (OCTETS,), MAX_TABLE_BYTES)
        return parts[0][0] if parts else b""

    async def _parts(
        self, path: str, attempts: Sequence[str], allowed: Sequence[str], limit: int
    ) -> list[tuple[bytes, str, str]]:
        """Read whole parts. Raises NotAcceptable when they are larger than they can be."""
        kinds: list[tuple[str, str]] = []
        chunks: list[list[bytes]] = []
        async with aclosing(open_parts(self._worklist.origin, path, attempts, frozenset(allowed))) as events:
            async for event in events:
                if isinstance(event, PartStart):
                    kinds.append(part_type(event))
                    chunks.append([])
                elif isinstance(event, PartChunk):
                    chunks[-1].append(bytes(event.data))
                    limit -= len(event.data)
                    if limit < 0:
                        raise NotAcceptable("these frames are too large to be rendered together")
        return [(b"".join(data), *kind) for data, kind in zip(chunks, kinds, strict=True)]


def checked_frame(picture: Picture, number: int) -> int:
    """Return a frame number of the URI Service. Raises BadRequest (PS3.18 Section 9.5.2)."""
    if number > picture.description.frames:
        raise BadRequest("frameNumber: there is no such frame")
    return number


def _from_the_middle(found: Sequence[_T]) -> Iterator[_T]:
    middle = (len(found) - 1) // 2
    yield from found[middle:]
    yield from reversed(found[:middle])


def _whole(elements: Elements, key: str) -> int:
    try:
        return int(float(text(elements, key)))
    except (ValueError, OverflowError):
        return 0
