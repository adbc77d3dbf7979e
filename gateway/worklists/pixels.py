"""What happens to the pixels of an instance on doors that show only a part of it: decided from its metadata.

These are read once and what they say is remembered for a minute, by whatever door an instance was asked for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from weakref import WeakValueDictionary

from cachetools import TTLCache

from gateway.core.errors import RefusedByMasks
from gateway.core.mask.fill import PALETTE
from gateway.core.mask.model import PASSES, Image, PixelDecision, Verdict
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.maskfacts import NATIVE
from gateway.core.rewrite.metadata import Bulk, Elements, text
from gateway.core.rewrite.passing import Passing
from gateway.core.standard import iods
from gateway.masking.pool import Codecs
from gateway.masking.refusals import tell
from gateway.ports import Frame, OriginServer, Screened, Screener
from gateway.worklists.origin_json import read_json
from gateway.worklists.source import INSTANCE, SOP_CLASS, Instance

REMEMBERED: Final = 50_000
TTL_S: Final = 60
ROWS: Final = "00280010"
_STORED_AS: Final = "00083002"
"""Available Transfer Syntax UID."""
_VIDEO: Final = "video-"
UNANSWERED: Final = "the object must be screened for text, and nothing screens here"


class PixelReader(Protocol):
    """Reads from an origin what metadata only name. Raises NotReleased, NotAcceptable, OriginFailed."""

    async def palette(self, one: Instance, elements: Elements) -> Mapping[int, bytes]:
        """Read the tables of a palette that the metadata only name, by their tags."""

    async def frames(self, one: Instance, elements: Elements, numbers: Sequence[int]) -> Sequence[Frame]:
        """Read frames as they are stored, or uncompressed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is decided about an instance; ``image`` says how its frames lie, where they are masked or called clean.

    ``is_plain``: planes of colours are stored uncompressed, so that an origin hands them out as the metadata say.
    """

    decision: PixelDecision = PASSES
    image: Image | None = None
    is_refused: bool = False
    is_plain: bool = False


PASSED: Final = Judged()
UNKNOWN: Final = PixelDecision(Verdict.REFUSE, reason="the origin does not describe the object")


class Judge:
    """Judges the instances of one worklist. Raises what reading its origin does, and MalformedInput."""

    def __init__(
        self,
        origin: OriginServer,
        engine: Engine | Passing,
        codecs: Codecs | None = None,
        reader: PixelReader | None = None,
        screener: Screener | None = None,
    ) -> None:
        self.engine = engine
        self.codecs = codecs or Codecs(1)
        self._origin = origin
        self._reader = reader
        self._screener = screener
        self._known: TTLCache[str, Judged] = TTLCache(REMEMBERED, TTL_S)
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def anew(self, one: Instance) -> Judged:
        """Judge an instance whose bytes are on their way: what was known may be of an object that it has replaced."""
        self._known.pop(one.path, None)
        return await self.of(one)

    async def of(self, one: Instance) -> Judged:
        """Judge an instance; its metadata are read by the first who asks, and others wait for that."""
        engine = self.engine
        if isinstance(engine, Passing) or not (engine.masks or engine.final_check):
            return PASSED
        known = self._known.get(one.path)
        if known is not None:
            return known
        async with self._under_way.setdefault(one.path, asyncio.Lock()):
            known = self._known.get(one.path)
            if known is None:
                known = self._known[one.path] = await self._read(one)
        return known

    async def by(self, one: Instance, elements: Elements, *, palette: bool = True) -> Judged:
        """Judge the pixels of an instance whose metadata were read anyway; ``palette``: if its image is of use."""
        if not self.engine.masks:
            return PASSED
        known = self._known.get(one.path)
        return known if known is not None else await self._judged(one, elements, palette=palette)

    def metadata(self, judged: Judged, elements: Elements, link: Bulk) -> bytes | None:
        """Rewrite the metadata of an instance that was judged; None when the profile refuses it."""
        return None if judged.is_refused else self.engine.metadata_elements(elements, link, judged.decision)

    async def _read(self, one: Instance) -> Judged:
        found = [elements async for elements in read_json(self._origin, f"{one.path}/metadata")]
        if len(found) != 1:
            return Judged(UNKNOWN, is_refused=True)
        judged = await self._judged(one, found[0])
        if self.metadata(judged, found[0], _no_link) is None:
            return Judged(judged.decision, is_refused=True)
        return judged

    async def _judged(self, one: Instance, elements: Elements, *, palette: bool = True) -> Judged:
        decision = await self._decided(one, elements)
        if decision.verdict is Verdict.REFUSE:
            return Judged(decision, is_refused=True)
        if not palette or not (decision.verdict is Verdict.MASK or _vouches(decision, elements)):
            return Judged(decision)
        image = await self._image(one, elements)
        is_plain = image.planar > 0 and bool(decision.rectangles) and await self._is_plain(one)
        return Judged(decision, image, is_plain=is_plain)

    async def _decided(self, one: Instance, elements: Elements) -> PixelDecision:
        """Decide whether the pixels pass, are masked, or nothing of the instance leaves."""
        decision = self.engine.pixel_decision(elements)
        if decision.verdict is Verdict.SCREEN:
            decision = await self._screened(one, elements, decision, self.engine.image(elements))
        if decision.verdict is Verdict.SCREEN:
            decision = PixelDecision(Verdict.REFUSE, rules=decision.rules, reason=f"{UNANSWERED}: {decision.reason}")
        if decision.verdict is Verdict.REFUSE:
            tell(RefusedByMasks(decision.reason))
        return decision

    async def _image(self, one: Instance, elements: Elements) -> Image:
        image = self.engine.image(elements)
        if image.photometric != PALETTE or self._reader is None:
            return image
        return self.engine.image(elements, await self._reader.palette(one, elements))

    async def _is_plain(self, one: Instance) -> bool:
        """Ask in which Transfer Syntax an instance is stored; what is not said is taken for compressed."""
        series = one.path.rpartition("/")[0]
        query = f"{INSTANCE}={one.instance}&includefield={_STORED_AS}"
        found = [elements async for elements in read_json(self._origin, series, query)]
        return [(text(each, INSTANCE), text(each, _STORED_AS) in NATIVE) for each in found] == [(one.instance, True)]

    async def _screened(
        self, one: Instance, elements: Elements, decision: PixelDecision, image: Image
    ) -> PixelDecision:
        reader = self._reader
        if self._screener is None or reader is None:
            return decision

        async def frames(numbers: Sequence[int]) -> Sequence[Frame]:
            return await reader.frames(one, elements, numbers)

        return await self._screener.judge(Screened(one.path, elements, decision, image, frames))


def _vouches(decision: PixelDecision, elements: Elements) -> bool:
    """Say whether a decision calls the frames of an image clean: those that it describes, and no others."""
    is_video = (iods.iod_of(text(elements, SOP_CLASS)) or "").startswith(_VIDEO)
    return decision.is_clean and ROWS in elements and not is_video


def _no_link(_uri: str) -> str:
    """Stand for a BulkDataURI in metadata that nobody gets."""
    return ""
