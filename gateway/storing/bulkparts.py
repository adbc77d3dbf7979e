"""Parts of a request that hold bulk data: what they say of themselves, how they are read, what may be held of them.

PS3.18 Sections 8.6.1.2, 8.7.3 and 10.5.2.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput, StoringBusy
from gateway.core.standard.uids import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax, transfer_syntax
from gateway.core.wire.accept import current_name
from gateway.core.wire.multipart import ContentType, Event, PartChunk, PartEnd, PartStart, parse_content_type
from gateway.core.wire.part10file import PIXEL_DATA, is_native

MAX_HELD_BYTES: Final = 64 << 20
"""Of the metadata and the parts that one request makes the gateway keep until what they belong to is there."""
MAX_ALL_HELD_BYTES: Final = 256 << 20
"""Of all requests together."""
RETRY_S: Final = 5
"""When to come back where they hold that much."""

OCTETS: Final = "application/octet-stream"
_PREFIX: Final = "1.2.840.10008.1.2."
_SYNTAXES: Final = {
    "image/jpeg": _PREFIX + "4.70",
    "image/dicom-rle": _PREFIX + "5",
    "image/jls": _PREFIX + "4.80",
    "image/jp2": _PREFIX + "4.90",
    "image/jpx": _PREFIX + "4.92",
    "image/jphc": _PREFIX + "4.201",
    "image/jxl": _PREFIX + "4.110",
    "video/mpeg": _PREFIX + "4.100",
    "video/mp4": _PREFIX + "4.102",
    "video/h265": _PREFIX + "4.107",
}
"""What Pixel Data are in where a part does not say it (PS3.18 Section 8.7.3.3.2)."""
_IDENTITIES: Final = frozenset({"", "identity", "binary", "8bit", "7bit"})


class HeldBytes:
    """Counts what all requests together hold."""

    def __init__(self, limit: int = MAX_ALL_HELD_BYTES) -> None:
        self._limit = limit
        self._held = 0

    def take(self, count: int) -> None:
        """Raise StoringBusy, and count nothing, where that is too much."""
        if self._held + count > self._limit:
            raise StoringBusy("bytes held for all requests", self._limit, RETRY_S)
        self._held += count

    def give(self, count: int) -> None:
        """Take note that so many are held no more."""
        self._held -= count


class Room:
    """What one request may hold; ``give_all`` at its end."""

    def __init__(self, of_all: HeldBytes, limit: int = MAX_HELD_BYTES) -> None:
        self._of_all = of_all
        self._limit = limit
        self._held = 0

    def take(self, count: int) -> None:
        """Count bytes that are kept from now on. Raises LimitExceeded."""
        if self._held + count > self._limit:
            raise LimitExceeded("bytes held for one request", self._limit)
        self._of_all.take(count)
        self._held += count

    def give(self, count: int) -> None:
        """Take note that so many are kept no more."""
        self._of_all.give(count)
        self._held -= count

    def give_all(self) -> None:
        """Take note that nothing is kept any more."""
        self.give(self._held)


@dataclass(frozen=True, slots=True)
class Label:
    """What a part's header says. ``length`` is None where it does not say it."""

    content: ContentType
    location: str
    length: int | None
    is_plain: bool

    @property
    def is_native(self) -> bool:
        """Say whether the part may hold a value as Explicit VR Little Endian has it."""
        named = self.content.parameters.get("transfer-syntax")
        found = transfer_syntax(named or EXPLICIT_VR_LITTLE_ENDIAN)
        return found is not None and is_native(found)

    def syntax(self) -> TransferSyntax | None:
        """Return the Transfer Syntax of Pixel Data in this part; None of uncompressed ones. Raises MalformedInput."""
        named = self.content.parameters.get("transfer-syntax")
        media_type = self.content.media_type
        if named is None and media_type == OCTETS:
            return None
        found = transfer_syntax(named or _SYNTAXES.get(media_type, ""))
        if found is None:
            raise MalformedInput("pixel data in a form that no Transfer Syntax has", (PIXEL_DATA,))
        if is_native(found) and media_type == OCTETS:
            return None
        if not found.encapsulated:
            raise MalformedInput("pixel data in a Transfer Syntax that bulk data cannot have", (PIXEL_DATA,))
        return found


def read_label(start: PartStart) -> Label:
    """Read the header of a part. Raises MalformedInput."""
    headers = start.headers
    content = parse_content_type(headers.get("content-type", OCTETS))
    length = headers.get("content-length", "")
    if length and not (length.isascii() and length.isdigit() and len(length) < 20):
        raise MalformedInput("a Content-Length that is no number")
    coded = (headers.get(name, "").lower() for name in ("content-encoding", "content-transfer-encoding"))
    return Label(
        ContentType(current_name(content.media_type), content.parameters),
        headers.get("content-location", ""),
        int(length) if length else None,
        is_plain=_IDENTITIES.issuperset(coded),
    )


class Parts:
    """Walks the parts of a request; what nobody reads of one is passed over."""

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._events = events
        self._is_open = False
        self._again: Label | MalformedInput | None = None

    async def next(self) -> Label | MalformedInput | None:
        """Go to the next part and return its label, or what is wrong with it; None when there are no more."""
        if self._again is not None:
            label, self._again = self._again, None
            return label
        async for _ in self.body():
            pass
        start = await anext(self._events, None)
        if not isinstance(start, PartStart):
            return None
        self._is_open = True
        try:
            return read_label(start)
        except MalformedInput as fault:
            return fault

    def put_back(self, label: Label | MalformedInput | None) -> None:
        """Let ``next`` return this part again; nothing of it was read."""
        self._again = label

    async def body(self) -> AsyncIterator[bytes]:
        """Yield what is left of the part."""
        while self._is_open:
            event = await anext(self._events, None)
            self._is_open = event is not None and not isinstance(event, PartEnd)
            if isinstance(event, PartChunk):
                yield event.data

    async def whole(self, room: Room) -> bytes:
        """Return the part. Raises LimitExceeded when there is no room for it, and has taken none then."""
        chunks: list[bytes] = []
        taken = 0
        try:
            async for chunk in self.body():
                room.take(len(chunk))
                taken += len(chunk)
                chunks.append(chunk)
        except LimitExceeded:
            room.give(taken)
            raise
        return b"".join(chunks)


async def exactly(body: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """Yield a body that must have a length, and its padding to an even one. Raises MalformedInput."""
    left = length + length % 2
    async for chunk in body:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left == 1 and length % 2:
        yield b"\0"
    elif left:
        raise MalformedInput("bulk data of another length than was said")
