"""Retrieve Transaction of the embedded origin (PS3.18 Section 10.4): which parts, in which form, with which status."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from json import dumps

from anyio.to_thread import run_sync

from gateway.adapters.folder import pixels
from gateway.adapters.folder.accept import MediaRange, Representation, choose
from gateway.adapters.folder.attributes import to_json
from gateway.adapters.folder.bodies import Part, content, multipart, new_boundary
from gateway.adapters.folder.files import UNREADABLE, read_data_set
from gateway.adapters.folder.index import Instance, resource
from gateway.core.errors import OriginFailed
from gateway.ports import OriginAnswer

OK, PARTIAL, BAD_REQUEST, NOT_FOUND, NOT_ACCEPTABLE = 200, 206, 400, 404, 406

JSON_OFFERS = (
    Representation("application/dicom+json", multipart=False, default=True),
    Representation("application/json", multipart=False),
)
_BULK_PATH = re.compile(r"[0-9a-f]{8}(?:/[1-9][0-9]{0,5}/[0-9a-f]{8})*")
_FRAME_LIST = re.compile(r"[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*")


def problem(status: int, text: str) -> OriginAnswer:
    """Return an answer that says what is wrong, without any value."""
    body = f"{text}\n".encode()
    return OriginAnswer(status, {"content-type": "text/plain", "content-length": str(len(body))}, whole(body))


async def whole(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body that is there already."""
    yield body


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One request for something of ``instances``; ``up`` leads from its URL to the service base."""

    origin: str
    instances: Sequence[Instance]
    ranges: Sequence[MediaRange]
    up: str

    def part10(self) -> OriginAnswer:
        """Whole Instances as Part 10 files; those that cannot be sent in an accepted form are left out (206)."""
        alone = len(self.instances) == 1
        chosen = [(one, choose(self.ranges, _forms(pixels.part10_offers(one), alone=alone))) for one in self.instances]
        try:
            parts = [
                (form, Part(form.media_type, self._location(one), pixels.part10_source(one, form)))
                for one, form in chosen
                if form is not None
            ]
        except OSError:
            raise self._failed() from None
        if not parts:
            return problem(NOT_ACCEPTABLE, "no acceptable form")
        status = PARTIAL if len(parts) < len(chosen) else OK
        return self._send(parts[0][0], [part for _, part in parts], status)

    def metadata(self) -> OriginAnswer:
        """DICOM JSON of all of them, one read at a time."""
        form = choose(self.ranges, JSON_OFFERS)
        if form is None:
            return problem(NOT_ACCEPTABLE, "no acceptable form")
        return OriginAnswer(OK, {"content-type": form.media_type}, self._json_array())

    async def _json_array(self) -> AsyncIterator[bytes]:
        start = b"["
        for instance in self.instances:
            try:
                yield start + await run_sync(self._json, instance)
            except UNREADABLE:
                raise self._failed() from None
            start = b","
        yield b"]"

    def _json(self, instance: Instance) -> bytes:
        base = f"{self.up}{resource(instance.study_uid, instance.series_uid, instance.uid)}/bulk/"
        found = to_json(read_data_set(instance.path, instance.transfer_syntax), lambda path: base + path)
        return dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    async def frames(self, frame_list: str) -> OriginAnswer:
        """The Frames named, one part each."""
        if not _FRAME_LIST.fullmatch(frame_list):
            return problem(BAD_REQUEST, "not a list of frame numbers")
        numbers = [int(number) for number in frame_list.split(",")]
        return await self._frame_parts(numbers, f"/frames/{frame_list}")

    async def bulk(self, path: str) -> OriginAnswer:
        """A binary value that metadata point at; encapsulated Pixel Data as Frames, as stored or decoded."""
        (instance,) = self.instances
        if not _BULK_PATH.fullmatch(path):
            return problem(NOT_FOUND, "no such bulk value")
        if path == "7fe00010" and pixels.is_encapsulated(instance):
            return await self._frame_parts(None, f"/bulk/{path}")
        try:
            source = await run_sync(pixels.bulk_source, instance, path)
        except UNREADABLE:
            source = None
        if source is None:
            return problem(NOT_FOUND, "no such bulk value")
        form = choose(self.ranges, _forms([Representation(pixels.OCTETS, default=True)], alone=True))
        if form is None:
            return problem(NOT_ACCEPTABLE, "no acceptable form")
        return self._send(form, [Part(form.content_type, f"{self._location(instance)}/bulk/{path}", source)])

    async def _frame_parts(self, numbers: list[int] | None, suffix: str) -> OriginAnswer:
        (instance,) = self.instances
        alone = numbers is not None and len(numbers) == 1
        form = choose(self.ranges, _forms(pixels.frame_offers(instance.transfer_syntax), alone=alone))
        if form is None:
            return problem(NOT_ACCEPTABLE, "no acceptable form")
        try:
            wanted = await run_sync(pixels.all_frames, instance) if numbers is None else numbers
            sources = await run_sync(pixels.frame_sources, instance, wanted, form)
        except pixels.NoSuchFrameError:
            return problem(NOT_FOUND, "no such frame")
        except UNREADABLE:
            raise self._failed() from None
        location = self._location(instance) + suffix
        return self._send(form, [Part(form.content_type, location, source) for source in sources])

    def _location(self, instance: Instance) -> str:
        return f"{self.up}{resource(instance.study_uid, instance.series_uid, instance.uid)}"

    def _failed(self) -> OriginFailed:
        return OriginFailed(f"origin {self.origin}: a file cannot be read")

    def _send(self, form: Representation, parts: list[Part], status: int = OK) -> OriginAnswer:
        if not form.multipart:
            (part,) = parts
            length = {} if part.length is None else {"content-length": str(part.length)}
            headers = {"content-type": part.content_type} | length
            return OriginAnswer(status, headers, content(part.source, self.origin))
        boundary = new_boundary()
        inner = (form.label or form.media_type).partition(";")[0]
        headers = {"content-type": f'multipart/related; type="{inner}"; boundary={boundary}'}
        return OriginAnswer(status, headers, multipart(parts, boundary, self.origin))


def _forms(offers: list[Representation], *, alone: bool) -> list[Representation]:
    """What is sent alone may be sent without multipart, where that is asked for."""
    return offers + [replace(form, multipart=False) for form in offers] if alone else offers
