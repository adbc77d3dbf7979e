"""WADO-RS, the Retrieve Transaction (PS3.18 Section 10.4): instances, metadata, frames, bulk data."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.core.errors import BadRequest, MalformedInput, NotAcceptable, NotReleased, OriginFailed, RefusedByProfile
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.metadata import Bulk, Elements, text
from gateway.core.rewrite.part10 import Part10Rewriter, joined
from gateway.core.rewrite.passing import PassingPart10
from gateway.core.wire.accept import Accepted, parse_accept
from gateway.core.wire.multipart import (
    Event,
    MultipartWriter,
    PartChunk,
    PartEnd,
    PartStart,
    content_type,
    random_boundary,
)
from gateway.routes.exchange import Streamed
from gateway.routes.links import Links
from gateway.routes.parts import open_parts
from gateway.worklists.origin_json import JSON, JSON_TYPES, read_json
from gateway.worklists.source import Instance
from gateway.worklists.worklist import Worklist

FLUSH_BYTES = 65_536
DICOM = "application/dicom"
OCTETS = "application/octet-stream"
FRAME_TYPES = frozenset(
    {
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
    }
)
BULK_TYPES = FRAME_TYPES | {"application/pdf"}
MAX_FRAMES = 10_000


class RetrieveService:
    """Answers retrievals of one worklist."""

    def __init__(self, worklist: Worklist, links: Links) -> None:
        self._worklist = worklist
        self._links = links

    async def instances(self, request: Request) -> ASGIApp:
        """Retrieve a study, a series or an instance as Part 10 objects."""
        one = "instance" in request.path_params
        wanted = [
            a
            for a in _accepted(request)
            if a.media_type in _ranges(DICOM) and (a.multipart or one or a.media_type != DICOM)
        ]
        if not wanted:
            raise NotAcceptable(f'instances are answered as multipart/related; type="{DICOM}"')
        path = await self._path(request)
        asked = dict.fromkeys([*(_dicom(a.transfer_syntax) for a in wanted), _dicom(None), _dicom("*")])
        events = open_parts(self._worklist.origin, path, list(asked), frozenset({DICOM}))
        if not wanted[0].multipart and wanted[0].media_type == DICOM:
            return Streamed(self._rewritten(events, None, path), DICOM)
        writer, media_type = _writer(DICOM)
        return Streamed(self._rewritten(events, writer, path), media_type)

    async def metadata(self, request: Request) -> ASGIApp:
        """Retrieve metadata as DICOM JSON."""
        if not any(
            one.media_type in JSON_TYPES | {"*/*", "application/*"} and not one.multipart for one in _accepted(request)
        ):
            raise NotAcceptable("metadata is answered in application/dicom+json")
        path = await self._path(request)
        return Streamed(self._metadata(path, self._links.service(request, self._worklist)), JSON)

    async def frames(self, request: Request) -> ASGIApp:
        """Retrieve frames as stored or uncompressed."""
        numbers = _frame_numbers(request.path_params["frames"])
        instance = await self._instance(request)
        path = f"{instance.path}/frames/{','.join(map(str, numbers))}"
        return await self._pixels(request, path, FRAME_TYPES, single=len(numbers) == 1)

    async def bulkdata(self, request: Request) -> ASGIApp:
        """Retrieve what a BulkDataURI of our metadata points at; no other element can be named."""
        instance = await self._instance(request)
        target = self._bulk_path(request.path_params["token"], instance)
        return await self._pixels(request, target, BULK_TYPES, single=True)

    async def _pixels(self, request: Request, path: str, allowed: frozenset[str], *, single: bool) -> ASGIApp:
        accepted = [a for a in _accepted(request) if a.media_type in allowed or a.media_type in _ranges(OCTETS)]
        if not accepted:
            raise NotAcceptable("this resource is answered as " + ", ".join(sorted(allowed)))
        events = open_parts(self._worklist.origin, path, _attempts(accepted), allowed)
        first = await anext(events, None)
        if not isinstance(first, PartStart):
            raise NotReleased
        if single and not accepted[0].multipart and accepted[0].media_type in allowed:
            return Streamed(self._copied(first, events, None), first.headers["content-type"])
        inner, syntax = _part_type(first)
        writer, media_type = _writer(inner, syntax or None)
        return Streamed(self._copied(first, events, writer), media_type)

    async def _path(self, request: Request) -> str:
        """Map the released UIDs of the path to the origin's path."""
        study = await self._worklist.study(request.path_params["study"])
        path = f"/studies/{study}"
        if "instance" in request.path_params:
            return (await self._instance(request)).path
        if "series" in request.path_params:
            path += f"/series/{await self._worklist.series(study, request.path_params['series'])}"
        return path

    async def _instance(self, request: Request) -> Instance:
        study = await self._worklist.study(request.path_params["study"])
        series = await self._worklist.series(study, request.path_params["series"])
        return await self._worklist.instance(study, series, request.path_params["instance"])

    async def _metadata(self, path: str, base: str) -> AsyncIterator[bytes]:
        engine, origin = self._worklist.engine, self._worklist.origin
        pending, size, started = [], 0, False
        study = path.split("/")[2]
        async for elements in read_json(origin, f"{path}/metadata"):
            if text(elements, "0020000D") != study:
                raise OriginFailed("the origin answered with another study")
            one = engine.metadata_elements(elements, self._bulk_links(elements, base))
            if one is None:
                continue
            pending.append((b"," if started else b"[") + one)
            size += len(one)
            if size > FLUSH_BYTES or not started:
                yield b"".join(pending)
                pending, size = [], 0
            started = True
        if not started:
            raise NotReleased
        yield b"".join([*pending, b"]"])

    def _bulk_links(self, elements: Elements, base: str) -> Bulk:
        """Make the function that turns an origin's BulkDataURI into ours: an opaque token under the instance."""
        source = Instance(text(elements, "0020000D"), text(elements, "0020000E"), text(elements, "00080018"), "")
        released = self._worklist.released_path(source)
        origin_base = source.path + "/metadata"

        def link(uri: str) -> str:
            path = _origin_path(uri, origin_base, source)
            token = urlsafe_b64encode(self._worklist.seal(path.encode(), released)).decode().rstrip("=")
            return f"{base}{released}/bulkdata/{token}"

        return link

    def _bulk_path(self, token: str, instance: Instance) -> str:
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (Base64Error, ValueError):
            raise NotReleased from None
        path = self._worklist.unseal(sealed, instance)
        if path is None:
            raise NotReleased
        return path.decode()

    async def _rewritten(
        self, events: AsyncIterator[Event], writer: MultipartWriter | None, path: str
    ) -> AsyncIterator[Piece]:
        """De-identify part by part; a part that the profile refuses is not there. Without a writer: one bare object."""
        released, study = 0, path.split("/")[2]
        rewriter: Part10Rewriter | PassingPart10 | None = None
        lead: list[Piece] = []
        async for event in events:
            if isinstance(event, PartStart):
                rewriter = self._worklist.engine.part10(study)
                lead = [writer.part({"Content-Type": DICOM})] if writer else []
                continue
            if rewriter is None:
                continue
            try:
                pieces = rewriter.pieces(event.data) if isinstance(event, PartChunk) else rewriter.last_pieces()
            except RefusedByProfile:
                rewriter = None
                continue
            if pieces:
                for piece in joined(lead + pieces):
                    yield piece
                lead = []
            if isinstance(event, PartEnd):
                rewriter = None
                released += 1
                if writer is None:
                    return
        if not released:
            raise NotReleased
        if writer:
            yield writer.end()

    async def _copied(
        self, first: PartStart, events: AsyncIterator[Event], writer: MultipartWriter | None
    ) -> AsyncIterator[Piece]:
        """Hand on parts, each with a header of ours and without the metadata inside its codestream."""
        engine = self._worklist.engine
        cleaner = engine.frame_cleaner(*_part_type(first))
        if writer:
            yield writer.part(_part_header(first))
        async for event in events:
            if isinstance(event, PartStart):
                if writer is None:
                    raise OriginFailed("the origin answered several parts for one")
                cleaner = engine.frame_cleaner(*_part_type(event))
                yield writer.part(_part_header(event))
                continue
            piece: Piece = event.data if isinstance(event, PartChunk) else b""
            if cleaner:
                piece = cleaner.feed(piece) if isinstance(event, PartChunk) else cleaner.end()
            if piece:
                yield piece
        if writer:
            yield writer.end()


def _part_type(start: PartStart) -> tuple[str, str]:
    """Return media type and Transfer Syntax of a part, empty where it names none."""
    media_type, _, syntax = start.headers["content-type"].partition("; transfer-syntax=")
    return media_type, syntax


def _part_header(start: PartStart) -> dict[str, str]:
    return {"Content-Type": start.headers["content-type"]}


def _writer(media_type: str, transfer_syntax: str | None = None) -> tuple[MultipartWriter, str]:
    boundary = random_boundary(os.urandom(16))
    return MultipartWriter(boundary), content_type(media_type, boundary, transfer_syntax)


def _accepted(request: Request) -> list[Accepted]:
    return parse_accept(", ".join(request.headers.getlist("accept")))


def _ranges(media_type: str) -> tuple[str, ...]:
    return media_type, f"{media_type.partition('/')[0]}/*", "*/*"


def _dicom(transfer_syntax: str | None) -> str:
    syntax = f"; transfer-syntax={transfer_syntax}" if transfer_syntax else ""
    return f'multipart/related; type="{DICOM}"{syntax}'


def _attempts(accepted: list[Accepted]) -> list[str]:
    """List what to ask the origin for: as wanted, then uncompressed, then as stored, where the client takes any."""
    wanted = []
    for one in accepted:
        media_type = OCTETS if one.media_type in _ranges(OCTETS) else one.media_type
        syntax = f"; transfer-syntax={one.transfer_syntax}" if one.transfer_syntax else ""
        wanted.append(f'multipart/related; type="{media_type}"{syntax}')
    octets = any(one.media_type in _ranges(OCTETS) for one in accepted)
    if octets:
        wanted += [f'multipart/related; type="{OCTETS}"', f'multipart/related; type="{OCTETS}"; transfer-syntax=*']
    return list(dict.fromkeys(wanted))


def _frame_numbers(text_: str) -> list[int]:
    parts = text_.split(",")
    if len(parts) > MAX_FRAMES or not all(
        part.isascii() and part.isdigit() and len(part) <= 10 and 0 < int(part) < 1 << 31 for part in parts
    ):
        raise BadRequest("frames are numbers from 1, separated by commas")
    return [int(part) for part in parts]


def _origin_path(uri: str, metadata_path: str, source: Instance) -> str:
    """Return path and query below the origin's service base; the path must lie within the same study."""
    try:
        parts = urlsplit(urljoin(metadata_path, uri))
    except ValueError:
        raise MalformedInput("a BulkDataURI that is no URI") from None
    at = parts.path.find(f"/studies/{source.study}/")
    target = parts.path[at:] + (f"?{parts.query}" if parts.query else "")
    if at < 0 or ".." in target or not target.isascii() or not target.isprintable() or " " in target:
        raise MalformedInput("a BulkDataURI that does not lie in its study")
    return target
