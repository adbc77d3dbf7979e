"""The parts of an origin's answer as events, checked: status, media types, the closing delimiter."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from gateway.core.errors import MalformedInput, NotAcceptable, NotReleased, OriginFailed
from gateway.core.standard.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from gateway.core.wire.accept import current_name
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
from gateway.routes.exchange import Outcome

_NATIVE, _OBJECT = "application/octet-stream", "application/dicom"
RETRIED = frozenset({400, 406, 415, 500, 501})
"""Statuses with which origins refuse a representation that they can't make; the next one is tried."""


async def open_parts(
    origin: OriginServer,
    path: str,
    attempts: Sequence[str],
    allowed: frozenset[str],
    outcome: Outcome | None = None,
) -> AsyncGenerator[Event, None]:
    """Yield the events of the first representation that the origin gives; one part may stand alone.

    PartStart's only header is ``content-type``, under today's name of the media type and with the transfer syntax from
    wherever the origin wrote it. An origin that leaves something out (206) makes ``outcome`` partial. Raises
    NotReleased, NotAcceptable, OriginFailed, MalformedInput.
    """
    path, _, query = path.partition("?")
    refused: set[int] = set()
    for accept in attempts:
        async with origin.get(path, query, accept) as answer:
            if answer.status in (404, 410):
                raise NotReleased
            if answer.status in RETRIED:
                refused.add(answer.status)
                continue
            if answer.status not in (200, 206):
                raise OriginFailed.answered(answer.status)
            if outcome is not None and answer.status == 206:
                outcome.is_partial = True
            whole = _content_type(answer.headers)
            events = (
                _multipart(answer, whole, allowed)
                if whole.media_type == "multipart/related"
                else _lone(answer, whole, allowed)
            )
            async for event in events:
                yield event
            return
    if refused == {400} and _OBJECT not in allowed:  # not the form but what was asked for: a frame past the last
        raise NotReleased
    raise NotAcceptable("the origin has no representation that the request accepts")


async def _multipart(answer: OriginAnswer, whole: ContentType, allowed: frozenset[str]) -> AsyncIterator[Event]:
    inside = _inner_type(whole)
    reader = MultipartReader(whole.parameters.get("boundary", "").encode("ascii", "replace"))
    async for chunk in answer.body:
        for event in reader.feed(chunk):
            yield _checked(event, inside, allowed) if isinstance(event, PartStart) else event
    reader.close()


async def _lone(answer: OriginAnswer, whole: ContentType, allowed: frozenset[str]) -> AsyncIterator[Event]:
    yield _start(whole, None, allowed)
    async for chunk in answer.body:
        yield PartChunk(chunk)
    yield PartEnd()


def _checked(start: PartStart, inside: ContentType | None, allowed: frozenset[str]) -> PartStart:
    own = start.headers.get("content-type")
    return _start(parse_content_type(own), inside, allowed) if own else _start(inside, None, allowed)


def _start(own: ContentType | None, inside: ContentType | None, allowed: frozenset[str]) -> PartStart:
    media_type = current_name(own.media_type) if own else ""
    if own is None or media_type not in allowed:
        raise OriginFailed("the origin answered a media type that was not asked for")
    syntax = own.parameters.get("transfer-syntax") or (inside.parameters.get("transfer-syntax") if inside else None)
    if syntax == IMPLICIT_VR_LITTLE_ENDIAN and media_type == _NATIVE:
        syntax = EXPLICIT_VR_LITTLE_ENDIAN  # the same bytes, by the name that PS3.18 Section 8.7.3 allows
    text = media_type
    if syntax and syntax.replace(".", "").isdigit() and len(syntax) <= 64:
        text += f"; transfer-syntax={syntax}"
    return PartStart({"content-type": text})


def _content_type(headers: Mapping[str, str]) -> ContentType:
    try:
        return parse_content_type(headers.get("content-type", ""))
    except MalformedInput:
        raise OriginFailed("the origin answered without a media type") from None


def _inner_type(whole: ContentType) -> ContentType | None:
    """Some origins put the transfer syntax inside the quoted type, others beside it."""
    text = whole.parameters.get("type")
    if text is None:
        return None
    inner = parse_content_type(text)
    syntax = whole.parameters.get("transfer-syntax")
    return ContentType(inner.media_type, {"transfer-syntax": syntax, **inner.parameters}) if syntax else inner


def part_type(start: PartStart) -> tuple[str, str]:
    """Return media type and Transfer Syntax of a part, empty where it names none."""
    media_type, _, syntax = start.headers["content-type"].partition("; transfer-syntax=")
    return media_type, syntax
