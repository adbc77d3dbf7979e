"""Objects that come as metadata and bulk data (PS3.18 Section 10.5.2) as the Part 10 files that they describe.

Metadata come first, bulk data in any order. An object goes on when its last value arrives, which is passed on as it
comes; the values before it are held, within a limit. A BulkDataURI names a part of this request or nothing: none is
ever followed. Each part belongs to one value, but for the frames of compressed Pixel Data, one after the other.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from gateway.core.errors import BadRequest, GatewayError, LimitExceeded, MalformedInput
from gateway.core.standard.uids import EXPLICIT_VR_LITTLE_ENDIAN, TransferSyntax
from gateway.core.wire.dicomjson import DataSet
from gateway.core.wire.multipart import Event
from gateway.core.wire.part10file import (
    PIXEL_DATA,
    Described,
    Reference,
    describe,
    encapsulated_end,
    encapsulated_head,
    fragment_head,
)
from gateway.storing.bulkparts import HeldBytes, Label, Parts, Room, exactly
from gateway.storing.metadata import JSON, XML, names_of, read_metadata, uris_of
from gateway.storing.model import Incoming, Names

FORMS: Final = frozenset({JSON, XML})
MAX_OBJECTS: Final = 10_000
"""In one request."""


@dataclass(eq=False, slots=True)
class _Pending:
    """An object that lacks some of its values; ``elements`` are those that came, encoded, by their URI."""

    described: Described
    names: Names
    missing: dict[str, Reference]
    elements: dict[str, list[bytes]] = field(default_factory=dict)
    syntax: TransferSyntax | None = None

    @property
    def held_bytes(self) -> int:
        """What is held of it, its metadata apart."""
        return sum(map(_size, self.elements.values()))

    def admit(self, reference: Reference, label: Label) -> None:
        """Look at what a part says of itself before it is read. Raises MalformedInput."""
        if not label.is_plain:
            raise MalformedInput("bulk data in a coding", reference.path)
        if reference.is_pixel_data:
            self.syntax = label.syntax()
        elif not label.is_native:
            raise MalformedInput("bulk data in a Transfer Syntax that they cannot have", reference.path)

    def length(self, reference: Reference, label: Label) -> int | None:
        """Say how long a value is that arrives, if that is known. Raises MalformedInput.

        Pixel Data that are not compressed are as long as their description says: all else could be anything.
        """
        if not reference.is_pixel_data:
            return label.length
        expected = self.described.native_bytes
        if expected is None or label.length not in (None, expected, expected + expected % 2):
            raise MalformedInput("pixel data that are not as large as the metadata say", reference.path)
        return expected


_Found = tuple[Incoming, AsyncGenerator[bytes, None]]
"""An object, and its chunks once more as what can be closed."""


def described(events: AsyncGenerator[Event, None], media_type: str, held: HeldBytes) -> AsyncGenerator[Incoming, None]:
    """Read the parts of a request whose metadata are JSON or XML; ``held`` counts what all requests hold.

    A part that no metadata name is an object without a byte. Raises BadRequest where the request is broken,
    LimitExceeded where its metadata are too large, and what ``events`` raises; a fault of one object comes out of its
    ``chunks``.
    """
    return _Request(events, media_type, Room(held)).objects()


class _Request:
    """One request under way. ``_owners``: who waits for a part; ``_spent``: parts of objects that went wrong."""

    def __init__(self, events: AsyncGenerator[Event, None], media_type: str, room: Room) -> None:
        self._events = events
        self._parts = Parts(events)
        self._media_type = media_type
        self._room = room
        self._owners: dict[str, _Pending] = {}
        self._spent: set[str] = set()
        self._documents = self._objects = 0

    async def objects(self) -> AsyncGenerator[Incoming, None]:
        """Yield each object when it can go on, and at the end those that cannot."""
        try:
            async with aclosing(self._events), aclosing(self._read()) as found:
                async for incoming, chunks in found:
                    yield incoming
                    await chunks.aclose()
        finally:
            self._room.give_all()

    async def _read(self) -> AsyncGenerator[_Found, None]:
        while (label := await self._parts.next()) is not None:
            if isinstance(label, MalformedInput):
                yield _broken(label)
            elif label.content.media_type == self._media_type:
                for elements in await self._metadata():
                    if found := self._new(elements):
                        yield found
            elif not self._documents:
                raise BadRequest("the first part holds no metadata")
            elif found := await self._bulk(label):
                yield found
        for pending in dict.fromkeys(self._owners.values()):
            path = next(iter(pending.missing.values())).path
            yield self._failed(pending, MalformedInput("metadata that name a part that is not there", path))

    async def _metadata(self) -> Iterable[DataSet | MalformedInput]:
        self._documents += 1
        if self._media_type == JSON and self._documents > 1:
            raise BadRequest("metadata in more than one part")
        document = await self._parts.whole(self._room)
        found = read_metadata(document, self._media_type)
        self._objects += len(found)
        if self._objects > MAX_OBJECTS:
            raise LimitExceeded("objects in one request", MAX_OBJECTS)
        return found

    def _new(self, elements: DataSet | MalformedInput) -> _Found | None:
        """Take an object in; returned is what can go on, or cannot at all."""
        if isinstance(elements, MalformedInput):
            return _broken(elements)
        names = names_of(elements)
        try:
            found = describe(elements)
            missing = self._missing(found)
        except (MalformedInput, LimitExceeded) as fault:
            self._spent |= uris_of(elements)
            return _broken(fault, names)
        pending = _Pending(found, names, missing)
        if not missing:
            return _found(self._file(pending, None), names)
        self._owners |= dict.fromkeys(missing, pending)
        return None

    def _missing(self, found: Described) -> dict[str, Reference]:
        missing: dict[str, Reference] = {}
        for reference in found.references:
            if reference.uri in self._owners or reference.uri in missing:
                raise MalformedInput("a BulkDataURI that is named twice", reference.path)
            if reference.uri.lower().startswith("file:"):
                raise MalformedInput("a BulkDataURI that names a file", reference.path)
            missing[reference.uri] = reference
        return missing

    async def _bulk(self, label: Label) -> _Found | None:
        """Take a part of bulk data in; returned is the object that can go on with it, or cannot any more."""
        owner = self._owners.get(label.location)
        if owner is None:
            return None if label.location in self._spent else _found(_nothing())
        reference = owner.missing.pop(label.location, None)
        try:
            if reference is None:
                raise MalformedInput("a part that is there twice")
            owner.admit(reference, label)
            if owner.missing:
                owner.elements[label.location] = await self._kept(owner, reference, label)
                return None
        except (MalformedInput, LimitExceeded) as fault:
            return self._failed(owner, fault)
        self._forget(owner)
        self._spent.add(label.location)  # until it is read
        return _found(self._file(owner, label), owner.names)

    async def _kept(self, owner: _Pending, reference: Reference, label: Label) -> list[bytes]:
        kept: list[bytes] = []
        try:
            async for chunk in self._element(owner, reference, label):
                self._room.take(len(chunk))
                kept.append(chunk)
        except (MalformedInput, LimitExceeded):
            self._room.give(_size(kept))
            raise
        return kept

    def _failed(self, owner: _Pending, fault: GatewayError) -> _Found:
        self._spent |= {reference.uri for reference in owner.described.references}
        self._room.give(owner.held_bytes)
        self._forget(owner)
        return _broken(fault, owner.names)

    def _forget(self, owner: _Pending) -> None:
        for reference in owner.described.references:
            self._owners.pop(reference.uri, None)

    async def _file(self, owner: _Pending, last: Label | None) -> AsyncGenerator[bytes, None]:
        """Yield the object; ``last`` is the part under way, whose value is the only one that is not held."""
        try:
            yield owner.described.head(owner.syntax.uid if owner.syntax else EXPLICIT_VR_LITTLE_ENDIAN)
            for piece in owner.described.pieces:
                if isinstance(piece, bytes):
                    yield piece
                elif piece.uri in owner.elements:
                    for chunk in owner.elements[piece.uri]:
                        yield chunk
                elif last is not None:
                    async for chunk in self._element(owner, piece, last):
                        yield chunk
            if last is not None:
                self._spent.discard(last.location)
        finally:
            self._room.give(owner.held_bytes)
            owner.elements.clear()

    async def _element(self, owner: _Pending, reference: Reference, label: Label) -> AsyncIterator[bytes]:
        """Encode an element whose value is the part under way. Raises MalformedInput, LimitExceeded."""
        if reference.is_pixel_data and owner.syntax:
            yield encapsulated_head()
            async for chunk in self._frames(owner, label):
                yield chunk
            yield encapsulated_end()
        elif reference.can_stream and (length := owner.length(reference, label)) is not None:
            yield reference.header(length)
            async for chunk in exactly(self._parts.body(), length):
                yield chunk
        else:
            raw = await self._parts.whole(self._room)
            self._room.give(len(raw))
            yield reference.element(raw, owner.described.terms)
        await self._expect_other(label)

    async def _frames(self, owner: _Pending, first: Label) -> AsyncIterator[bytes]:
        """Yield the fragments of compressed Pixel Data, one to a part (PS3.18 Section 8.7.3.3.2); a video is one."""
        is_video = first.content.media_type.startswith("video/")
        for number in range(1 if is_video else owner.described.frames):
            label = await self._next_frame(first) if number else first
            if label.length is None:
                raw = await self._parts.whole(self._room)
                self._room.give(len(raw))
                yield fragment_head(len(raw)) + raw + b"\0" * (len(raw) % 2)
            else:
                yield fragment_head(label.length)
                async for chunk in exactly(self._parts.body(), label.length):
                    yield chunk

    async def _next_frame(self, first: Label) -> Label:
        label = await self._parts.next()
        if isinstance(label, Label) and label.location == first.location:
            if label.content == first.content and label.is_plain:
                return label
            raise MalformedInput("frames in different forms", (PIXEL_DATA,))
        self._parts.put_back(label)
        raise MalformedInput("fewer frames than metadata say", (PIXEL_DATA,))

    async def _expect_other(self, label: Label) -> None:
        """Raise MalformedInput if one more part follows that claims to be the same."""
        following = await self._parts.next()
        self._parts.put_back(following)
        if isinstance(following, Label) and following.location == label.location:
            raise MalformedInput("a part that is there twice")


def _found(chunks: AsyncGenerator[bytes, None], names: Names | None = None) -> _Found:
    return Incoming(chunks, names or Names()), chunks


def _broken(fault: GatewayError, names: Names | None = None) -> _Found:
    return _found(_failing(fault), names)


async def _failing(fault: GatewayError) -> AsyncGenerator[bytes, None]:
    raise fault
    yield b""


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


def _size(chunks: Iterable[bytes]) -> int:
    return sum(map(len, chunks))
