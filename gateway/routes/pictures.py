"""What is rendered: the released metadata of an instance, and its frames as the origin has them.

An origin's own renderings are never asked for: they may show names, and what they show is not the released object.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from gateway.core.errors import BadRequest, NotAcceptable, NotReleased, OriginFailed
from gateway.core.rewrite.metadata import Elements, text
from gateway.ports import Frame
from gateway.rendering.description import Description, describe
from gateway.rendering.frames import syntax_of
from gateway.routes.bulklinks import source_of
from gateway.routes.masked import NATIVE, FrameMasker, masker_of
from gateway.routes.stored import NO_IMAGE, StoredPixels, linking
from gateway.worklists.origin_json import read_json, read_pages
from gateway.worklists.pixels import PASSED, Judged
from gateway.worklists.source import INSTANCE, SERIES, SOP_CLASS, Instance, valid_source
from gateway.worklists.worklist import Worklist

MAX_PIXELS: Final = 1 << 27
"""Pixels of a frame: four times the largest mammogram."""
TRIES: Final = 12
"""Instances that are looked at for one that shows what a study or series is."""
_NUMBERS: Final = {"series": (SERIES, "00200011"), "instances": (INSTANCE, "00200013")}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Picture:
    """An instance that shows something; ``bulk`` are the origin's paths behind the BulkDataURIs of the description.

    The rectangles that were ``judged`` are overwritten before anything is seen.
    """

    source: Instance
    description: Description
    bulk: Sequence[str]
    judged: Judged = PASSED

    @property
    def representative(self) -> int:
        """Number of the frame that stands for all."""
        return (self.description.frames + 1) // 2


class Pictures:
    """Finds what one worklist can show."""

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist
        self._stored = StoredPixels(worklist.origin)

    async def of(self, source: Instance) -> Picture:
        """Read one instance. Raises NotReleased when the profile refuses it, NotAcceptable when it shows nothing."""
        found = [elements async for elements in read_json(self._worklist.origin, f"{source.path}/metadata")]
        if not found:
            raise NotReleased
        own = source_of(found[0])
        if len(found) > 1 or own.path != source.path:
            raise OriginFailed("the origin answered with another instance")
        judged = await self._worklist.pixels.by(source, found[0])
        bulk: list[str] = []
        released = self._worklist.pixels.metadata(judged, found[0], linking(source, bulk))
        if released is None:
            raise NotReleased
        description = describe(released)
        if description is None:
            raise NotAcceptable(NO_IMAGE)
        if description.pixels > MAX_PIXELS:
            raise NotAcceptable("the image is too large to be rendered")
        return Picture(source, description, bulk, judged)

    async def frame(self, picture: Picture, number: int) -> Frame:
        """Read one frame. Raises NotReleased when there is no such frame."""
        return (await self.frames(picture, [number]))[0]

    async def frames(self, picture: Picture, numbers: Sequence[int]) -> list[Frame]:
        """Read frames. Raises NotReleased when there is no such frame, NotAcceptable when they are too much."""
        found = await self._stored.described(picture.source, picture.description, picture.bulk, numbers)
        image, rectangles = picture.judged.image, picture.judged.decision.rectangles
        if not rectangles:
            return found
        masker = masker_of(picture.judged, self._worklist.pixels.codecs)
        return [replace(_laid_out(one, masker), image=image, rectangles=rectangles) for one in found]

    async def representative(self, study: str, series: str | None) -> Picture:
        """Return the image in the middle of a (source) series or study. Raises NotReleased, NotAcceptable."""
        tried = released = 0
        for one in _from_the_middle([series] if series else await self._listed(f"/studies/{study}", "series")):
            instances = await self._instances(study, one)
            for source in _from_the_middle(instances):
                tried += 1
                if tried > TRIES:
                    break
                try:
                    return await self.of(source)
                except NotAcceptable:
                    released += 1
                except NotReleased:
                    continue
        raise NotAcceptable("none of these objects has an image") if released else NotReleased

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


def _laid_out(frame: Frame, masker: FrameMasker | None) -> Frame:
    """Mask octets already where their planes may not lie as the metadata say. Raises MalformedInput."""
    is_native = syntax_of(frame.data, frame.transfer_syntax, frame.media_type) in NATIVE
    if masker is None or not masker.needs_stored or not is_native:
        return frame
    return replace(frame, data=masker.octets(frame.data))


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
