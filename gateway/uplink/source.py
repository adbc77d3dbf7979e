"""The origin's side of a job: which instances there are, and their bytes as they come. Nothing here is shown.

A study or a series comes in one answer; only what is left over is asked for by the piece.
"""

import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput, NotReleased, OriginFailed
from gateway.core.rewrite.metadata import text
from gateway.core.wire.multipart import (
    ContentType,
    Event,
    MultipartReader,
    PartChunk,
    PartEnd,
    PartStart,
    parse_content_type,
)
from gateway.ports import OriginAnswer, OriginServer
from gateway.storing.model import Incoming, Names
from gateway.storing.parts import MAX_PARTS, incoming
from gateway.uplink.model import Asked
from gateway.worklists.origin_json import read_pages
from gateway.worklists.source import INSTANCE, SERIES, Instance, valid_source

__all__ = ["Pull", "list_instances", "pulled", "pulls_for", "singly"]

log = logging.getLogger("dicomveil.uplink")

ACCEPT: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
WORTH_A_SERIES: Final = 2
"""From so many instances on, all of a series, they come in one answer."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One request, and the instances that it should bring; ``one`` is set where it is for a single one."""

    path: str
    brings: tuple[Instance, ...]

    @property
    def names(self) -> Names:
        """Return what is known of an object before it comes."""
        if len(self.brings) > 1:
            return Names()
        one = self.brings[0]
        return Names(one.study, one.series, one.instance)


async def list_instances(origin: OriginServer, asked: Asked) -> list[Instance]:
    """Return what the origin says it has of what a job asks for. Raises NotReleased when there is no such thing.

    Also raises NotReleased when a series or an instance that was named is not there.
    """
    found = [one async for one in _instances(origin, asked.study)]
    if asked.series or asked.instances:
        there = {one.series for one in found} | {one.instance for one in found}
        if not there.issuperset({*asked.series, *asked.instances}):
            raise NotReleased
        found = [one for one in found if one.series in asked.series or one.instance in asked.instances]
    if not found:
        raise NotReleased
    return found


async def _instances(origin: OriginServer, study: str) -> AsyncIterator[Instance]:
    query = f"includefield={SERIES}&includefield={INSTANCE}"  # SOP Class UID is in no index: files would be read for it
    async for elements in read_pages(origin, f"/studies/{study}/instances", query):
        series, instance = text(elements, SERIES), text(elements, INSTANCE)
        if valid_source(series) and valid_source(instance):
            yield Instance(study, series, instance, "")


def pulls_for(asked: Asked, there: Sequence[Instance], wanted: Collection[Instance]) -> list[Pull]:
    """Return the requests that bring what is wanted and nothing else, as few as can be."""
    is_all = not (asked.series or asked.instances)
    if is_all and len(wanted) == len(there) <= MAX_PARTS:
        return [Pull(f"/studies/{asked.study}", tuple(there))]
    by_series: dict[str, list[Instance]] = defaultdict(list)
    for one in there:
        by_series[one.series].append(one)
    pulls: list[Pull] = []
    for series, members in by_series.items():
        left = [one for one in members if one in wanted]
        if (is_all or series in asked.series) and WORTH_A_SERIES <= len(left) == len(members) <= MAX_PARTS:
            pulls.append(Pull(f"/studies/{asked.study}/series/{series}", tuple(members)))
        else:
            pulls += singly(left)
    return pulls


def singly(wanted: Iterable[Instance]) -> list[Pull]:
    """Return one request for each instance."""
    return [Pull(one.path, (one,)) for one in wanted]


async def pulled(origin: OriginServer, pulls: Iterable[Pull]) -> AsyncGenerator[Incoming, None]:
    """Yield the objects of each request as they come; of one that the origin refuses there are none.

    Raises OriginFailed when the origin can't be reached or an answer breaks off.
    """
    for pull in pulls:
        async with origin.get(pull.path, accept=ACCEPT) as answer:
            if answer.status not in (200, 206):
                log.warning("the origin answered %s when asked for %s", answer.status, _count(pull))
                continue
            async with aclosing(incoming(_events(answer))) as objects:
                async for one in objects:
                    yield Incoming(one.chunks, pull.names)


async def _events(answer: OriginAnswer) -> AsyncGenerator[Event, None]:
    """Yield the parts of an answer; what is not multipart is one part, whatever it is.

    Raises OriginFailed, also where an answer that has no length ends early: that is no fault of the object in it.
    """
    said = _content_type(answer.headers.get("content-type", ""))
    if said.media_type != "multipart/related":
        yield PartStart({})
        async for chunk in answer.body:
            yield PartChunk(chunk)
        yield PartEnd()
        return
    try:
        reader = MultipartReader(said.parameters.get("boundary", "").encode("ascii", "replace"))
        async for chunk in answer.body:
            for event in reader.feed(chunk):
                yield event
        reader.close()
    except (MalformedInput, LimitExceeded) as fault:
        raise OriginFailed(f"the origin's answer is not multipart as it should be: {fault}") from None


def _count(pull: Pull) -> str:
    return "an instance" if len(pull.brings) == 1 else f"{len(pull.brings)} instances"


def _content_type(text_of_header: str) -> ContentType:
    try:
        return parse_content_type(text_of_header)
    except MalformedInput:
        return ContentType("", {})
