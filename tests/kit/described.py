"""Requests of metadata and bulk data (PS3.18 Section 10.5.2), as clients make them, from data sets that pydicom has."""

import base64
import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from gateway.core.errors import GatewayError
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.dicomxml import to_xml
from gateway.core.wire.multipart import Event, MultipartReader, MultipartWriter
from gateway.storing.bulkparts import HeldBytes
from gateway.storing.described import described
from gateway.storing.metadata import JSON, XML

BOUNDARY: Final = b"parts-of-a-request"
OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Part:
    """One part as it is sent."""

    body: bytes
    content_type: str = OCTETS
    location: str = ""
    has_length: bool = True
    more: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """What stands before it."""
        found = {"Content-Type": self.content_type} | self.more
        found |= {"Content-Location": self.location} if self.location else {}
        return found | ({"Content-Length": str(len(self.body))} if self.has_length else {})


def payload(parts: Iterable[Part]) -> bytes:
    """Write the body of a request."""
    writer = MultipartWriter(BOUNDARY)
    return b"".join([piece for part in parts for piece in (writer.part(part.headers), part.body)] + [writer.end()])


def metadata(objects: Sequence[dict[str, Any]], form: str = JSON) -> list[Part]:
    """Write metadata: one array, or a document to each object."""
    if form == JSON:
        return [Part(json.dumps(objects).encode(), JSON)]
    return [Part(to_xml(decode_object(json.dumps(one).encode())), XML) for one in objects]


def split(data_set: Dataset, uri: str = "bulk", threshold: int = 16) -> tuple[dict[str, Any], list[Part]]:
    """Let pydicom write the metadata of a data set, and make parts of what they only refer to."""
    parts: list[Part] = []

    def elsewhere(element: Any) -> str:
        location = f"{uri}/{len(parts)}"
        parts.append(Part(element.value, location=location))
        return location

    syntax = data_set.file_meta.TransferSyntaxUID
    pixels = data_set.get("PixelData")
    frames: list[Part] = []
    if pixels is not None and syntax.is_encapsulated:
        named = f"{OCTETS}; transfer-syntax={syntax}"
        found = generate_frames(pixels, number_of_frames=int(data_set.get("NumberOfFrames") or 1))
        frames = [Part(frame, named, f"{uri}/pixels") for frame in found]
        data_set = Dataset({tag: data_set[tag] for tag in data_set.keys() if tag != 0x7FE00010})  # noqa: SIM118
    written = data_set.to_json_dict(bulk_data_threshold=threshold, bulk_data_element_handler=elsewhere)
    if frames:
        written["7FE00010"] = {"vr": "OB", "BulkDataURI": f"{uri}/pixels"}
    return written, parts + frames


def move_out(found: Any, parts: list[Part], chosen: Iterator[bool]) -> None:
    """Move some of the inline values of a JSON tree into parts of their own; some of these say how long they are."""
    if isinstance(found, list):
        for one in found:
            move_out(one, parts, chosen)
    elif isinstance(found, dict) and "InlineBinary" in found and next(chosen):
        location = f"bulk/{len(parts)}"
        parts.append(Part(base64.b64decode(found.pop("InlineBinary")), location=location, has_length=next(chosen)))
        found["BulkDataURI"] = location
    elif isinstance(found, dict):
        for one in found.values():
            move_out(one, parts, chosen)


def in_pieces(body: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Cut a body into pieces of sizes, over and over."""
    at, turn = 0, 0
    while at < len(body):
        yield body[at : at + sizes[turn % len(sizes)]]
        at, turn = at + sizes[turn % len(sizes)], turn + 1


async def events(body: Iterable[bytes]) -> AsyncGenerator[Event, None]:
    """Read a body that comes in pieces."""
    reader = MultipartReader(BOUNDARY)
    for piece in body:
        for event in reader.feed(piece):
            yield event
    reader.close()


async def collected(body: Iterable[bytes], form: str, held: HeldBytes) -> list[bytes | GatewayError]:
    """Return what comes out for each object: a Part 10 file, or why there is none."""
    found: list[bytes | GatewayError] = []
    async for incoming in described(events(body), form, held):
        try:
            found.append(b"".join([chunk async for chunk in incoming.chunks]))
        except GatewayError as fault:
            found.append(fault)
    return found


async def files(
    parts: Iterable[Part], form: str = JSON, sizes: Sequence[int] = (1 << 16,), held: HeldBytes | None = None
) -> list[bytes | GatewayError]:
    """Send parts and return what comes out."""
    return await collected(in_pieces(payload(parts), sizes), form, held or HeldBytes())
