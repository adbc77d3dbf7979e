"""Frames and bulk values on their way out: negotiation, part headers of ours, codestreams without their metadata.

PS3.18 Sections 8.7.3.3 and 10.4.3.3 to 10.4.3.5.
"""

import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from functools import cache
from typing import Final

from starlette.requests import Request

from gateway.core.errors import BadRequest, NotAcceptable, NotReleased, OriginFailed
from gateway.core.rewrite.codestream import CodestreamCleaner
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.accept import Choice, Offer
from gateway.core.wire.multipart import Event, MultipartWriter, PartChunk, PartStart, content_type, random_boundary
from gateway.ports import OriginServer
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.masked import FrameMasker, begun, together
from gateway.routes.negotiation import ranked
from gateway.routes.parts import open_parts, part_type

OCTETS: Final = "application/octet-stream"
FRAME_TYPES: Final = (
    OCTETS,
    "image/jpeg",
    "image/dicom-rle",
    "image/jls",
    "image/jp2",
    "image/jpx",
    "image/jphc",
    "image/jxl",
    "video/mpeg",
    "video/mp4",
    "video/h265",
)
BULK_TYPES: Final = (*FRAME_TYPES, "application/pdf")
PLAIN: Final = f'multipart/related; type="{OCTETS}"'
AS_STORED: Final = f'multipart/related; type="{OCTETS}"; transfer-syntax=*'
MAX_FRAMES: Final = 10_000
_NO_FORM: Final = "the origin has no representation that the request accepts"
FRAMES_PER_REQUEST: Final = 200
"""A frame list of this length stays below the shortest limits of URLs."""
MAX_ATTEMPTS: Final = 4
"""A wildcard names more image types than an origin should be asked for one by one; what is stored is checked then."""


class Wanted:
    """What a client accepts of frames or bulk values. ``alone``: one part may stand without multipart.

    Raises NotAcceptable, BadRequest.
    """

    def __init__(self, request: Request, types: Sequence[str], *, alone: bool) -> None:
        choices = ranked(request, _offers(tuple(types), alone=alone))
        named = {choice.offer.media_type for choice in choices}
        self.takes_octets = OCTETS in named
        # Who takes octets takes what stands in for them: some frames exist in their compressed form only.
        self._accepted = frozenset(types) if self.takes_octets else frozenset(named)
        self._types = frozenset(types)
        self._attempts = _attempts(choices)
        self.is_multipart = choices[0].offer.multipart

    async def open(
        self, origin: OriginServer, path: str, outcome: Outcome | None = None, masker: FrameMasker | None = None
    ) -> "Values":
        """Ask the origin. Raises NotReleased, NotAcceptable, OriginFailed, MalformedInput.

        What ``masker`` cannot mask comes uncompressed where the client takes that, or not at all.
        """
        for attempts in self._tries(masker):
            events = open_parts(origin, path, attempts, self._types, outcome)
            first = await anext(events, None)
            if not isinstance(first, PartStart):
                raise NotReleased
            if masker is not None and not masker.takes(first):
                await events.aclose()
                continue
            if part_type(first)[0] not in self._accepted:
                await events.aclose()
                raise NotAcceptable(_NO_FORM)
            return Values(first, await begun(masker.masked(first, events)) if masker else events)
        raise NotAcceptable("the origin has no representation that can be masked")

    async def open_all(
        self, origin: OriginServer, path: str, count: int, masker: FrameMasker, outcome: Outcome | None = None
    ) -> "Values":
        """Ask for all frames of an instance, as its pixel data: octets in one part, codestreams in a part each."""
        lists = iter([f"{path}/frames/{numbers}" for numbers in frame_lists(count)])
        values = await self.open(origin, next(lists), outcome, masker)

        async def following() -> AsyncGenerator[Event, None]:
            now = values
            while True:
                async with aclosing(now.events):
                    async for event in now.events:
                        yield event
                listed = next(lists, None)
                if listed is None:
                    return
                now = await self.open(origin, listed, outcome, masker)
                yield now.first

        return Values(values.first, await begun(together(values.first, following(), count)))

    async def missing(
        self, origin: OriginServer, path: str, refused: NotReleased | NotAcceptable
    ) -> NotReleased | NotAcceptable:
        """Tell a form that there is not from a value that there is not, which an origin may have answered alike to."""
        if self.takes_octets:
            return refused
        try:
            async with aclosing(open_parts(origin, path, [PLAIN, AS_STORED], self._types)) as events:
                first = await anext(events, None)
        except (NotReleased, NotAcceptable) as also_refused:
            return also_refused
        return NotReleased() if first is None else NotAcceptable(_NO_FORM)

    def _tries(self, masker: FrameMasker | None) -> list[list[str]]:
        if masker is None or not self.takes_octets:
            return [self._attempts]
        return [[AS_STORED]] if masker.needs_stored else [self._attempts, [PLAIN]]


class Values:
    """An origin's answer whose first part has begun."""

    def __init__(self, first: PartStart, events: AsyncGenerator[Event, None]) -> None:
        self.first = first
        self.events = events


def answer(engine: Engine | Passing, values: Values, locations: Iterator[str] | None, outcome: Outcome) -> Streamed:
    """Hand on one answer of the origin; without ``locations`` as a body that is its only part."""
    if locations is None:
        return Streamed(copied(engine, values, None), values.first.headers["content-type"], outcome=outcome)
    writer, media_type = new_writer(values)
    return Streamed(copied(engine, values, writer, locations), media_type, outcome=outcome)


def new_writer(values: Values) -> tuple[MultipartWriter, str]:
    """Return a writer with a boundary of its own, and the Content-Type of what it writes."""
    boundary = random_boundary(os.urandom(16))
    inner, syntax = part_type(values.first)
    return MultipartWriter(boundary), content_type(inner, boundary, syntax or None)


async def copied(
    engine: Engine | Passing,
    values: Values,
    writer: MultipartWriter | None,
    locations: Iterator[str] | None = None,
    *,
    ends: bool = True,
) -> AsyncIterator[Piece]:
    """Hand on parts, each with a header of ours and without the metadata inside its codestream.

    ``locations`` says where each part is. Raises OriginFailed when there are more parts or fewer than that, and
    MalformedInput for octets in a Transfer Syntax that cannot be looked into.
    """
    async with aclosing(values.events) as events:
        cleaner = _cleaner(engine, values.first)
        if writer:
            yield writer.part(_header(values.first, locations))
        async for event in events:
            if isinstance(event, PartStart):
                if writer is None:
                    raise OriginFailed("the origin answered several parts for one")
                cleaner = _cleaner(engine, event)
                yield writer.part(_header(event, locations))
                continue
            piece: Piece = event.data if isinstance(event, PartChunk) else b""
            if cleaner:
                piece = cleaner.feed(piece) if isinstance(event, PartChunk) else cleaner.end()
            if piece:
                yield piece
    if locations and not isinstance(locations, itertools.repeat) and next(locations, None) is not None:
        raise OriginFailed("the origin answered fewer parts than were asked for")
    if writer and ends:
        yield writer.end()


def frame_numbers(listed: str) -> list[int]:
    """Read a frame list. Raises BadRequest."""
    parts = listed.split(",")
    if len(parts) > MAX_FRAMES or not all(
        part.isascii() and part.isdigit() and len(part) <= 10 and 0 < int(part) < 1 << 31 for part in parts
    ):
        raise BadRequest("frames are numbers from 1, separated by commas")
    return [int(part) for part in parts]


def frame_lists(count: int) -> Iterator[str]:
    """Yield lists of all frames of an instance, as paths have them."""
    for start in range(1, count + 1, FRAMES_PER_REQUEST):
        yield ",".join(map(str, range(start, min(start + FRAMES_PER_REQUEST, count + 1))))


@cache
def _offers(types: tuple[str, ...], *, alone: bool) -> tuple[Offer, ...]:
    """Return what there is of some types; the same few all the time."""
    return tuple([Offer(one, multipart=True) for one in types] + [Offer(one) for one in types if alone])


def _cleaner(engine: Engine | Passing, start: PartStart) -> CodestreamCleaner | None:
    return engine.frame_cleaner(*part_type(start))


def _header(start: PartStart, locations: Iterator[str] | None) -> dict[str, str]:
    header = {"Content-Type": start.headers["content-type"]}
    if locations is None:
        return header
    location = next(locations, None)
    if location is None:
        raise OriginFailed("the origin answered more parts than were asked for")
    return header | {"Content-Location": location}


def _attempts(choices: list[Choice]) -> list[str]:
    """List what to ask the origin for: as wanted, then uncompressed, then as stored, where the client takes any."""
    wanted = []
    for choice in choices:
        syntax = f"; transfer-syntax={choice.transfer_syntax}" if choice.transfer_syntax else ""
        wanted.append(f'multipart/related; type="{choice.offer.media_type}"{syntax}')
    wanted = list(dict.fromkeys(wanted))
    if len(wanted) > MAX_ATTEMPTS:
        wanted = [*wanted[: MAX_ATTEMPTS - 1], AS_STORED]
    if any(choice.offer.media_type == OCTETS for choice in choices):
        wanted += [PLAIN, AS_STORED]
    return list(dict.fromkeys(wanted))
