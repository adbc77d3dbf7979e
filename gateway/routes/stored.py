"""Frames and tables of an instance as its origin has them, read whole, to be decoded here."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from gateway.core.errors import NotAcceptable, NotReleased, OriginFailed
from gateway.core.rewrite.metadata import Bulk, Elements
from gateway.core.rewrite.passing import Passing
from gateway.core.standard.tags import json_key
from gateway.core.wire.jsonelement import decode_element
from gateway.core.wire.multipart import PartChunk, PartStart
from gateway.ports import Frame, OriginServer
from gateway.rendering.description import Description, bulk_uris, describe
from gateway.rendering.frames import decodes, syntax_of
from gateway.rendering.work import UNREADABLE
from gateway.routes.bulklinks import origin_path
from gateway.routes.octets import AS_STORED, FRAME_TYPES, OCTETS, PLAIN
from gateway.routes.parts import open_parts, part_type
from gateway.worklists.source import Instance

MAX_TABLE_BYTES: Final = 8 << 20
"""Bytes of a palette, a table or a colour profile."""
MAX_TOGETHER_BYTES: Final = 256 << 20
"""Bytes of the frames of one animation, as the origin has them."""
FRAMES_PER_REQUEST: Final = 100
_ANY_IMAGE: Final = 'multipart/related; type="image/*"; transfer-syntax=*'
_PALETTE: Final = (0x00281201, 0x00281202, 0x00281203)
NO_IMAGE: Final = "this object has no image"


class StoredPixels:
    """Reads the pixels of one origin's instances."""

    def __init__(self, origin: OriginServer) -> None:
        self._origin = origin

    async def palette(self, one: Instance, elements: Elements) -> dict[int, bytes]:
        """Read the tables of a palette that stand behind a BulkDataURI, by their tags."""
        found: dict[int, bytes] = {}
        for tag in _PALETTE:
            key = json_key(tag)
            uri = decode_element(bytes(elements[key]), tag).BulkDataURI if key in elements else None
            if uri is not None:
                found[tag] = await self._table(origin_path(uri, f"{one.path}/metadata", one))
        return found

    async def frames(self, one: Instance, elements: Elements, numbers: Sequence[int]) -> list[Frame]:
        """Read frames; what the origin says of the object describes them."""
        paths: list[str] = []
        description = describe(Passing().metadata_elements(elements, linking(one, paths)) or b"")
        if description is None:
            raise NotAcceptable(NO_IMAGE)
        return await self.described(one, description, paths, numbers)

    async def described(
        self, one: Instance, description: Description, paths: Sequence[str], numbers: Sequence[int]
    ) -> list[Frame]:
        """Read frames as stored, or uncompressed where no decoder is here; ``paths`` are those of the description.

        Raises NotReleased when there is no such frame, NotAcceptable when they are too much.
        """
        found: list[Frame] = []
        tables: dict[str, bytes] = {}
        for at in range(0, len(numbers), FRAMES_PER_REQUEST):
            batch = numbers[at : at + FRAMES_PER_REQUEST]
            if not all(1 <= number <= description.frames for number in batch):
                raise NotReleased
            held = sum(len(frame.data) for frame in found)
            limit = min(MAX_TOGETHER_BYTES - held, len(batch) * (2 * description.frame_bytes + (1 << 16)))
            for number, (data, kind, syntax) in zip(batch, await self._stored(one, batch, limit), strict=True):
                attributes = description.attributes(number)
                tables |= {
                    uri: await self._table(paths[int(uri)]) for uri in bulk_uris(attributes) if uri not in tables
                }
                found.append(Frame(attributes, tables, description.keyword, data, kind, syntax))
        return found

    async def _stored(self, one: Instance, numbers: Sequence[int], limit: int) -> list[tuple[bytes, str, str]]:
        """Return frames with media type and Transfer Syntax."""
        path = f"{one.path}/frames/{','.join(map(str, numbers))}"
        for attempts in ([AS_STORED, PLAIN, _ANY_IMAGE], [PLAIN]):
            try:
                parts = await self._parts(path, attempts, FRAME_TYPES, limit)
            except NotReleased:  # it is there, and some origins have no frames of it: those of one bit, or broken ones
                raise NotAcceptable(UNREADABLE) from None
            if len(parts) != len(numbers):
                raise OriginFailed("the origin answered another number of frames than was asked for")
            if all(decodes(syntax_of(data, syntax, kind)) for data, kind, syntax in parts):
                return parts
        raise NotAcceptable(UNREADABLE)

    async def _table(self, path: str) -> bytes:
        parts = await self._parts(path, [PLAIN, OCTETS], (OCTETS,), MAX_TABLE_BYTES)
        return parts[0][0] if parts else b""

    async def _parts(
        self, path: str, attempts: Sequence[str], allowed: Sequence[str], limit: int
    ) -> list[tuple[bytes, str, str]]:
        """Read whole parts. Raises NotAcceptable when they are larger than they can be."""
        kinds: list[tuple[str, str]] = []
        chunks: list[list[bytes]] = []
        async with aclosing(open_parts(self._origin, path, attempts, frozenset(allowed))) as events:
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


def linking(one: Instance, paths: list[str]) -> Bulk:
    """Make the function that notes the origin's path behind a BulkDataURI, and gives its place in ``paths``."""

    def link(uri: str) -> str:
        paths.append(origin_path(uri, f"{one.path}/metadata", one))
        return str(len(paths) - 1)

    return link
