"""Store Transaction of the embedded origin (PS3.18 Section 10.5): each Instance a file of its own, whole or not there.

A part is written beside its place, synchronised and renamed. Names of files are made of hashed UIDs: a listing of the
folder tells nothing. Whatever Instance is here already stays as it is.
"""

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from anyio import Lock, open_file
from anyio.to_thread import run_sync

from gateway.adapters.folder.files import UNREADABLE, read_header
from gateway.adapters.folder.index import Index, resource
from gateway.adapters.folder.retrieve import BAD_REQUEST, OK, problem, whole
from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.wire.dicomjson import encode_object
from gateway.core.wire.multipart import Event, MultipartReader, PartChunk, PartStart, parse_content_type
from gateway.core.wire.storeresponse import Entry, to_data_set
from gateway.ports import OriginAnswer

ACCEPTED, CONFLICT, UNSUPPORTED, FAILED, FULL = 202, 409, 415, 500, 507
FOLDER: Final = "stored"
DICOM: Final = "application/dicom"
_CANNOT_UNDERSTAND: Final = 0xC000
_PROCESSING_FAILED: Final = 0x0110
_NAMES: Final = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)


class _NotWrittenError(Exception):
    """The file system does not take a file; ``is_full``: because there is no space."""

    def __init__(self, *, is_full: bool) -> None:
        self.is_full = is_full
        super().__init__()


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Tell faults of the file system from those of the sender, which may be of the same kind."""
    try:
        yield
    except OSError as fault:
        raise _NotWrittenError(is_full=fault.errno in (errno.ENOSPC, errno.EDQUOT)) from None


@dataclass(slots=True)
class Stored:
    """What became of the parts of one request."""

    stored: list[Entry] = field(default_factory=list)
    failed: list[Entry] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    def answer(self) -> OriginAnswer:
        """Say it as PS3.18 Section 10.5.3 does."""
        is_whole = not (self.failed or self.others)
        status = (OK if is_whole else ACCEPTED) if self.stored else CONFLICT
        body = encode_object(to_data_set(self.stored, self.failed, self.others))
        headers = {"content-type": "application/dicom+json", "content-length": str(len(body))}
        return OriginAnswer(status, headers, whole(body))


class Storing:
    """Takes Instances into a folder and its index, one at a time; files are written as their bytes arrive."""

    def __init__(self, folder: Path, index: Index) -> None:
        self._folder = folder / FOLDER
        self._index = index
        self._turn = Lock()

    async def receive(
        self, content_type: str, body: AsyncIterator[bytes | memoryview], study: str | None, up: str
    ) -> OriginAnswer:
        """Store the parts of a request; ``study`` is the only one that they may belong to, if one is given.

        What ``body`` raises passes through: the part under way is gone then, those before it stay.
        """
        try:
            reader = _reader(content_type)
        except MalformedInput:
            return problem(UNSUPPORTED, "not multipart/related of application/dicom")
        found = Stored()
        try:
            await self._receive(_events(reader, body), found, study, up)
        except (MalformedInput, LimitExceeded) as fault:
            return problem(BAD_REQUEST, str(fault))
        except _NotWrittenError as fault:
            return problem(FULL if fault.is_full else FAILED, "a file cannot be written")
        return found.answer()

    async def store(self, data: bytes) -> None:
        """Store one Instance. Raises MalformedInput."""
        found = Stored()
        async with self._beside() as beside:
            beside.write_bytes(data)
            await self._keep(beside, found, None, "")
        if not found.stored:
            raise MalformedInput("not a DICOM Instance")

    async def _receive(self, events: AsyncIterator[Event], found: Stored, study: str | None, up: str) -> None:
        async for event in events:
            if not isinstance(event, PartStart):
                continue
            is_dicom = event.headers.get("content-type", DICOM).partition(";")[0].strip().lower() == DICOM
            async with self._beside() as beside:
                await _write(beside, _part(events), keeps=is_dicom)
                await self._keep(beside, found, study, up)

    @contextlib.asynccontextmanager
    async def _beside(self) -> AsyncIterator[Path]:
        """Give the name of a file that the index passes over, and leave nothing there."""
        with _writing():
            self._folder.mkdir(exist_ok=True)
        beside = self._folder / f".{secrets.token_hex(16)}.part"
        try:
            yield beside
        finally:
            beside.unlink(missing_ok=True)

    async def _keep(self, beside: Path, found: Stored, study: str | None, up: str) -> None:
        async with self._turn:
            await run_sync(self._take, beside, found, study, up)

    def _take(self, beside: Path, found: Stored, study: str | None, up: str) -> None:
        try:
            header = read_header(beside, list(_NAMES))
            sop_class, instance, own_study, series = (str(header[tag].value) for tag in _NAMES)
        except UNREADABLE:
            found.others.append(_CANNOT_UNDERSTAND)
            return
        entry = Entry(sop_class, instance, up + resource(own_study, series, instance))
        if not all((sop_class, instance, own_study, series)) or study not in (None, own_study):
            found.failed.append(Entry(sop_class, instance, reason=_PROCESSING_FAILED))
            return
        path = self._folder / f"{hashlib.sha256(instance.encode()).hexdigest()[:32]}.dcm"
        if not path.exists() and not any(self._index.instances(own_study, series, instance)):
            with _writing():
                beside.rename(path)
                _synchronise(self._folder)
            self._index.insert(path.resolve())
        found.stored.append(entry)


def _reader(content_type: str) -> MultipartReader:
    found = parse_content_type(content_type)
    if found.media_type != "multipart/related" or found.parameters.get("type", DICOM) != DICOM:
        raise MalformedInput("not multipart/related of application/dicom")
    return MultipartReader(found.parameters.get("boundary", "").encode("ascii", "replace"))


async def _events(reader: MultipartReader, body: AsyncIterator[bytes | memoryview]) -> AsyncIterator[Event]:
    async for chunk in body:
        for event in reader.feed(bytes(chunk)):
            yield event
    reader.close()


async def _write(path: Path, chunks: AsyncIterator[bytes], *, keeps: bool) -> None:
    with _writing():
        file = await open_file(path, "wb")
    async with file:
        async for chunk in chunks:
            if keeps:
                with _writing():
                    await file.write(chunk)
        with _writing():
            await file.flush()
            await run_sync(os.fsync, file.wrapped.fileno())


async def _part(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    async for event in events:
        if not isinstance(event, PartChunk):
            return
        yield event.data


def _synchronise(folder: Path) -> None:
    """Make the new name last as the file does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
