"""Answer bodies of the embedded origin, streamed: only the chunk at hand is held, except for transcoded parts."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from io import FileIO

from anyio.to_thread import run_sync

from gateway.adapters.folder.files import UNREADABLE, FileSlice
from gateway.core.errors import OriginFailed

CHUNK_BYTES = 256 * 1024

Source = bytes | FileSlice | Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """One representation in an answer; a callable ``source`` is called in a thread when its turn comes."""

    content_type: str
    location: str
    source: Source

    @property
    def length(self) -> int | None:
        """The number of bytes, where it is known beforehand."""
        if isinstance(self.source, FileSlice):
            return self.source.length
        return len(self.source) if isinstance(self.source, bytes) else None


async def content(source: Source, name: str) -> AsyncIterator[bytes]:
    """Yield the bytes of one part. Raises OriginFailed, naming the origin, if the file cannot be read to its end."""
    try:
        if isinstance(source, bytes):
            yield source
        elif isinstance(source, FileSlice):
            async for chunk in _chunks(source):
                yield chunk
        else:
            yield await run_sync(source)
    except UNREADABLE as error:
        raise OriginFailed(f"origin {name}: a file cannot be read ({type(error).__name__})") from None


async def _chunks(source: FileSlice) -> AsyncIterator[bytes]:
    if source.length <= CHUNK_BYTES:
        yield await run_sync(source.read)
        return
    file = await run_sync(FileIO, source.path)
    try:
        await run_sync(file.seek, source.offset)
        left = source.length
        while left:
            chunk = await run_sync(file.read, min(left, CHUNK_BYTES))
            if not chunk:
                raise EOFError("file is shorter than its index says")
            left -= len(chunk)
            yield chunk
    finally:
        file.close()


def new_boundary() -> str:
    """Return a boundary that occurs in no content."""
    return secrets.token_hex(16)


async def multipart(parts: Iterable[Part], boundary: str, name: str) -> AsyncIterator[bytes]:
    """Yield a multipart/related body; when a part fails, the closing boundary is never sent."""
    for part in parts:
        lines = [f"--{boundary}", f"Content-Type: {part.content_type}", f"Content-Location: {part.location}"]
        lines += [] if part.length is None else [f"Content-Length: {part.length}"]
        yield "\r\n".join([*lines, "", ""]).encode()
        async for chunk in content(part.source, name):
            yield chunk
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
