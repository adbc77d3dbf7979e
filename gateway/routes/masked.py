"""Frames of one instance on their way out, each whole, with the rectangles that must not leave overwritten.

Nothing of a frame leaves before all of it is there and has shown that it is what the metadata say: octets by their
number, a codestream by what its decoder finds. So at most one frame is held. Frames that were found clean are held to
their number as well: more of them were never looked at.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from gateway.core.errors import LimitExceeded, MalformedInput, OriginFailed
from gateway.core.mask.model import FrameWork, Image, Rectangle, Verdict
from gateway.core.mask.native import NativeMasker
from gateway.core.mask.syntaxes import MASKED
from gateway.core.standard import uids
from gateway.core.wire.multipart import Event, PartChunk, PartEnd, PartStart
from gateway.masking.pool import Codecs
from gateway.rendering.frames import syntax_of
from gateway.routes.parts import part_type
from gateway.worklists.pixels import Judged

NATIVE: Final = frozenset(
    {
        "",
        uids.IMPLICIT_VR_LITTLE_ENDIAN,
        uids.EXPLICIT_VR_LITTLE_ENDIAN,
        uids.EXPLICIT_VR_BIG_ENDIAN,
        uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        "1.2.840.10008.1.2.1.98",
    }
)
"""Transfer Syntaxes whose frames are samples and nothing else."""
SLACK_BYTES: Final = 1 << 16
"""What a compressed frame may have besides twice its samples."""
MAX_BYTES: Final = 1 << 28
"""What a frame may have whatever it is: it is held whole."""
_IMAGE, _VIDEO = "image/", "video/"
_DEFAULT_LOSSLESS: Final = {uids.JPEG_LOSSLESS: uids.JPEG_LOSSLESS_SV1}
"""What an unnamed codestream is taken for, by what it could be, too (PS3.18 Section 8.7.3.3.2)."""


class FrameMasker:
    """Masks the frames of one instance, one part each; without rectangles, octets need only be as many as they say."""

    def __init__(
        self, image: Image, rectangles: tuple[Rectangle, ...], codecs: Codecs, *, is_plain: bool = False
    ) -> None:
        self._image = replace(image, frames=1)
        self._is_plain = is_plain
        self._rectangles = rectangles
        self._codecs = codecs
        bits = image.rows * image.columns * image.samples * image.bits_allocated
        self._bytes = -(-bits // 8)
        self._limit = min(2 * self._bytes + SLACK_BYTES, MAX_BYTES)
        self._is_cut = image.frames > 1 and bits % 8 > 0
        self.needs_stored = image.planar > 0 and bool(rectangles)
        """An origin that decompresses may lay out planes anew: metadata tell of what is stored only."""

    def takes(self, first: PartStart) -> bool:
        """Say whether parts of this kind can be masked; where none can, another representation may do."""
        media_type, syntax = part_type(first)
        if not self._rectangles:
            return True
        if syntax in NATIVE:
            return not media_type.startswith(_VIDEO)
        return syntax in MASKED

    def masked(self, first: PartStart, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Yield the events that follow the first, each part masked. Raises MalformedInput, LimitExceeded."""
        return events if not self._rectangles and _is_compressed(*part_type(first)) else self._held(first, events)

    async def _held(self, first: PartStart, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        held: list[bytes] = []
        size, kind = 0, part_type(first)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, PartStart):
                    held, size, kind = [], 0, part_type(event)
                    yield event
                elif isinstance(event, PartChunk):
                    held.append(bytes(event.data))
                    size += len(event.data)
                    if size > self._limit:
                        raise LimitExceeded("bytes of a frame that is masked", self._limit)
                else:
                    for piece in await self._frame(b"".join(held), *kind):
                        yield PartChunk(piece)
                    yield event

    async def _frame(self, data: bytes, media_type: str, named: str) -> list[bytes]:
        syntax = named if named in MASKED else syntax_of(data, named, media_type)
        if syntax != named and not named:
            syntax = _DEFAULT_LOSSLESS.get(syntax, syntax)
        if not self._rectangles and _is_compressed(media_type, syntax):
            return [data]
        if syntax in MASKED:
            return [await self._codecs.masked(FrameWork(data, syntax, self._image, self._rectangles))]
        swaps = syntax == uids.EXPLICIT_VR_BIG_ENDIAN and self._image.bits_allocated <= 8
        if syntax not in NATIVE or self._is_cut or swaps:  # bytes of words lie otherwise than those of bytes
            raise MalformedInput("a frame that cannot be masked", (self._image.tag,))
        if len(data) == self._bytes + 1:
            data = data[:-1]  # padding, which would lie between frames where they are joined
        return [self.octets(data, little_endian=syntax != uids.EXPLICIT_VR_BIG_ENDIAN)]

    def octets(self, data: bytes, *, little_endian: bool = True) -> bytes:
        """Return a native frame, masked in each way in which it may lie. Raises MalformedInput."""
        for image in self._layouts:
            masker = NativeMasker(image, self._rectangles, little_endian=little_endian, length=len(data))
            data = b"".join(masker.feed(data))
            masker.close()
        return data

    @property
    def _layouts(self) -> tuple[Image, ...]:
        return (
            (self._image,) if self._is_plain or not self.needs_stored else (self._image, replace(self._image, planar=0))
        )


def masker_of(judged: Judged, codecs: Codecs) -> FrameMasker | None:
    """Return what masks the frames of an instance, or sees that they are those found clean; None: they just leave."""
    decision, image = judged.decision, judged.image
    if image is not None:
        return FrameMasker(image, decision.rectangles, codecs, is_plain=judged.is_plain)
    if decision.verdict is Verdict.MASK:  # pragma: no cover - judged so are only those whose pixels nobody asks for
        raise MalformedInput("pixel data that nothing describes")
    return None


def _is_compressed(media_type: str, syntax: str) -> bool:
    return syntax not in NATIVE or media_type.startswith((_VIDEO, _IMAGE))


class _Begun(AsyncGenerator[Event, None]):
    """Events whose first was waited for; closing it closes what gives them, whether any was taken or not."""

    def __init__(self, first: Event | None, events: AsyncGenerator[Event, None]) -> None:
        self._first = first
        self._events = events

    async def asend(self, value: None) -> Event:
        """Give the next event."""
        first, self._first = self._first, None
        return first if first is not None else await self._events.asend(value)

    async def athrow(self, *thrown: Any) -> Event:
        """Raise something where the next event would come from."""
        return await self._events.athrow(*thrown)

    async def aclose(self) -> None:
        """End the exchange with the origin."""
        await self._events.aclose()


async def begun(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """Wait for the first frame, so that one that cannot be masked is a problem document and no broken answer."""
    return _Begun(await anext(events, None), events)


async def together(first: PartStart, events: AsyncGenerator[Event, None], count: int) -> AsyncGenerator[Event, None]:
    """Join the frames that follow ``first``: octets to one part, as native pixel data are; codestreams stay parts.

    Raises OriginFailed when they are not ``count``, or of several kinds.
    """
    is_joined = not _is_compressed(*part_type(first))
    found = 1
    async with aclosing(events):
        async for event in events:
            if isinstance(event, PartStart):
                found += 1
                if part_type(event) != part_type(first):
                    raise OriginFailed("the origin answered frames of several kinds")
            if not is_joined or isinstance(event, PartChunk):
                yield event
    if found != count:
        raise OriginFailed("the origin answered another number of frames than was asked for")
    if is_joined:
        yield PartEnd()
