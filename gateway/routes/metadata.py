"""WADO-RS, Retrieve of metadata in DICOM JSON and Native DICOM XML (PS3.18 Section 10.4.3.2, Annex F)."""

import os
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.core.errors import NotReleased, OriginFailed
from gateway.core.rewrite.metadata import text
from gateway.core.wire.accept import Offer
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.dicomxml import to_xml
from gateway.core.wire.multipart import MultipartWriter, content_type, random_boundary
from gateway.routes.bulklinks import bulk_links, pixel_uri, source_of
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.links import Links
from gateway.routes.negotiation import choose
from gateway.routes.target import source_path
from gateway.worklists.origin_json import JSON, read_json
from gateway.worklists.worklist import Worklist

FLUSH_BYTES: Final = 65_536
XML: Final = "application/dicom+xml"
OFFERS: Final = (Offer(JSON), Offer("application/json"), Offer(XML, multipart=True))


class MetadataService:
    """Answers retrievals of metadata of one worklist."""

    def __init__(self, worklist: Worklist, links: Links) -> None:
        self._worklist = worklist
        self._links = links

    async def retrieve(self, request: Request) -> ASGIApp:
        """Retrieve the metadata of a study, a series or an instance."""
        choice = choose(request, OFFERS)
        path = await source_path(self._worklist, request)
        outcome = Outcome()
        found = self._released(path, self._links.service(request, self._worklist), outcome)
        if choice.offer.media_type != XML:
            return Streamed(_array(found), JSON, outcome=outcome)
        boundary = random_boundary(os.urandom(16))
        return Streamed(_parts(found, MultipartWriter(boundary)), content_type(XML, boundary), outcome=outcome)

    async def _released(self, path: str, base: str, outcome: Outcome) -> AsyncIterator[bytes]:
        """Rewrite object by object; what the profile refuses is not there."""
        worklist, study = self._worklist, path.split("/")[2]
        released = False
        async for elements in read_json(worklist.origin, f"{path}/metadata"):
            if text(elements, "0020000D") != study:
                raise OriginFailed("the origin answered with another study")
            source = source_of(elements)
            judged = await worklist.pixels.by(source, elements, palette=False)
            one = worklist.pixels.metadata(
                judged, elements, bulk_links(worklist, source, path, base, pixel_uri(elements))
            )
            if one is None:
                outcome.is_partial = True
                continue
            released = True
            yield one
        if not released:
            raise NotReleased


async def _array(objects: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join to a JSON array; the first object leaves at once, the others in chunks."""
    pending, size, start = [], 0, b"["
    async for one in objects:
        pending.append(start + one)
        size += len(one)
        if size > FLUSH_BYTES or start == b"[":
            yield b"".join(pending)
            pending, size = [], 0
        start = b","
    yield b"".join([*pending, b"]"])


async def _parts(objects: AsyncIterator[bytes], writer: MultipartWriter) -> AsyncIterator[bytes]:
    """Write one XML document per part."""
    async for one in objects:
        yield writer.part({"Content-Type": XML}) + to_xml(decode_object(one))
    yield writer.end()
