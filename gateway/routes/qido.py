"""QIDO-RS, the Search Transaction (PS3.18 Section 10.6): every key is evaluated on released values."""

from collections.abc import AsyncIterator, Mapping

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.core.errors import BadRequest, NotAcceptable, OriginFailed
from gateway.core.rewrite.metadata import Elements, encode, text
from gateway.core.rewrite.query import (
    INSTANCE_UID,
    ISSUER,
    MODALITIES_IN_STUDY,
    PATIENT_ID,
    RETRIEVE_URL,
    SERIES_UID,
    SOP_CLASS,
    STUDY_UID,
    Level,
    Search,
    origin_parameters,
    parse_search,
)
from gateway.core.standard.tags import json_key
from gateway.core.wire.accept import parse_accept
from gateway.core.wire.dicomjson import DataSet
from gateway.routes.exchange import Streamed
from gateway.routes.links import Links
from gateway.worklists.origin_json import JSON, JSON_TYPES, encode_query, read_pages
from gateway.worklists.source import valid_source
from gateway.worklists.worklist import Worklist

PAGE = 100
ARCHIVE_COUNTS = ("00201200", "00201202", "00201204")
"""Number of Patient Related Studies, Series, Instances: they count what lies outside the worklist, too."""
MAX_UIDS = 200
"""Study Instance UIDs in one key; viewers open a handful at once."""
_UTF8 = b'{"vr":"CS","Value":["ISO_IR 192"]}'
_UIDS = {
    Level.STUDY: (STUDY_UID,),
    Level.SERIES: (STUDY_UID, SERIES_UID),
    Level.INSTANCE: (STUDY_UID, SERIES_UID, INSTANCE_UID, SOP_CLASS),
}


class SearchService:
    """Answers searches of one worklist."""

    def __init__(self, worklist: Worklist, links: Links) -> None:
        self._worklist = worklist
        self._links = links

    async def studies(self, request: Request) -> ASGIApp:
        """Search studies."""
        search = _parse(request, Level.STUDY)
        return self._answer(request, search, self._studies(search))

    async def series(self, request: Request) -> ASGIApp:
        """Search series, of one study or of all."""
        return await self._below(request, Level.SERIES)

    async def instances(self, request: Request) -> ASGIApp:
        """Search instances, of one series, one study or all."""
        return await self._below(request, Level.INSTANCE)

    async def _below(self, request: Request, level: Level) -> ASGIApp:
        search = _parse(request, level)
        path, worklist = "", self._worklist
        study = series = None
        if "study" in request.path_params:
            study = await worklist.study(request.path_params["study"])
            path = f"/studies/{study}"
        if study and "series" in request.path_params:
            series = await worklist.series(study, request.path_params["series"])
            path += f"/series/{series}"
        path += "/series" if level is Level.SERIES else "/instances"
        parameters = origin_parameters(search, worklist.engine.keeps, (*_UIDS[level], PATIENT_ID, ISSUER))
        if study:
            known = {json_key(STUDY_UID): study} | ({json_key(SERIES_UID): series} if series else {})
            return self._answer(
                request, search, _completed(read_pages(worklist.origin, path, encode_query(parameters)), known)
            )
        return self._answer(request, search, self._in_worklist(search, path, parameters))

    async def _studies(self, search: Search) -> AsyncIterator[DataSet]:
        """Find candidate studies: hints go to the origin, identifiers that were released here are mapped back first."""
        worklist = self._worklist
        parameters = origin_parameters(search, worklist.engine.keeps, (STUDY_UID, PATIENT_ID, ISSUER))
        sources: list[str] = []
        uids = search.value(STUDY_UID)
        if uids is not None and not set(uids) & set("*?"):
            sources = await self._sources(uids)
            if not sources:
                return
        patient = search.value(PATIENT_ID)
        if patient is not None and worklist.engine.maps_patients and not set(patient) & set("*?,\\"):
            source = await worklist.patient(patient.upper())  # text matches without regard to case
            if source is None:
                return
            if source:
                parameters.append((json_key(PATIENT_ID), _widened(source)))
        page = PAGE if search.limit is None or search.keys else max(min(search.limit + search.offset, PAGE), 1)
        pending: list[DataSet] = []
        async for elements in worklist.studies(parameters, page, sources):
            pending.append(elements)
            if len(pending) >= page:
                await worklist.remember(pending)
                for one in pending:
                    yield one
                pending = []
        await worklist.remember(pending)
        for one in pending:
            yield one

    async def _sources(self, released: str) -> list[str]:
        found = []
        uids = released.replace("\\", ",").split(",")
        if len(uids) > MAX_UIDS:
            raise BadRequest(f"StudyInstanceUID lists more than {MAX_UIDS}")
        for uid in uids:
            source = await self._worklist.known_study(uid.strip())
            if source is not None:
                found.append(source)
        return found

    async def _in_worklist(
        self, search: Search, path: str, parameters: list[tuple[str, str]]
    ) -> AsyncIterator[DataSet]:
        """Search all series or instances: those of studies outside the worklist do not exist."""
        uids = search.value(STUDY_UID)
        if uids is not None and "*" not in uids and "?" not in uids:
            for source in await self._sources(uids):
                below = read_pages(self._worklist.origin, f"/studies/{source}{path}", encode_query(parameters))
                async for elements in _completed(below, {json_key(STUDY_UID): source}):
                    yield elements
            return
        async for elements in read_pages(self._worklist.origin, path, encode_query(parameters)):
            if await self._worklist.has_study(text(elements, json_key(STUDY_UID))):
                yield elements

    def _answer(self, request: Request, search: Search, candidates: AsyncIterator[DataSet]) -> ASGIApp:
        base = self._links.service(request, self._worklist)
        return Streamed(_array(self._released(search, candidates, base)), JSON, empty=204)

    async def _released(self, search: Search, candidates: AsyncIterator[DataSet], base: str) -> AsyncIterator[bytes]:
        """Rewrite, match and page; the origin is asked no further than the page needs."""
        engine, seen = self._worklist.engine, 0
        async for source in candidates:
            sop_class = text(source, json_key(SOP_CLASS))
            if not _is_addressable(source, search.level):
                continue
            if search.level is Level.INSTANCE and engine.refuses(sop_class):
                continue
            elements = engine.match(source, sop_class)
            _mend(elements, base, search.level)
            if not self._worklist.accepts(search, source, elements):
                continue
            seen += 1
            if seen > search.offset:
                yield encode(elements)
            if search.limit is not None and seen >= search.offset + search.limit:
                return


async def _completed(found: AsyncIterator[DataSet], known: Mapping[str, str]) -> AsyncIterator[DataSet]:
    """Fill in the UIDs that the path says: an origin may leave them out (PS3.18 Section 10.6.3.3)."""
    filling = {key: msgspec.Raw(msgspec.json.encode({"vr": "UI", "Value": [uid]})) for key, uid in known.items()}
    async for elements in found:
        if any(text(elements, key) not in ("", uid) for key, uid in known.items()):
            raise OriginFailed("the origin answered with another study or series")
        yield {**elements, **filling}


def _parse(request: Request, level: Level) -> Search:
    accepted = parse_accept(request.headers.get("accept", ""))
    if not any(one.media_type in JSON_TYPES | {"*/*", "application/*"} and not one.multipart for one in accepted):
        raise NotAcceptable("searches are answered in application/dicom+json")
    return parse_search(request.query_params.multi_items(), level)


async def _array(objects: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join to a JSON array, in chunks; nothing at all when there are no objects."""
    started, pending, size = False, [], 0
    async for one in objects:
        pending.append(b"," + one if started else b"[" + one)
        started = True
        size += len(one)
        if size > 65_536:
            yield b"".join(pending)
            pending, size = [], 0
    if started:
        yield b"".join([*pending, b"]"])


def _is_addressable(elements: Elements, level: Level) -> bool:
    """Say whether all UIDs are there that a client needs to ask for more."""
    return all(valid_source(text(elements, json_key(tag))) for tag in _UIDS[level] if tag != SOP_CLASS)


def _mend(elements: dict[str, bytes], base: str, level: Level) -> None:
    """Make a result one of this gateway: its own URL, UTF-8, and no empty attribute that stops viewers."""
    for key in ARCHIVE_COUNTS:
        elements.pop(key, None)
    modalities = json_key(MODALITIES_IN_STUDY)
    if modalities in elements and b'"Value"' not in elements[modalities]:
        del elements[modalities]
    if "00080005" in elements:
        elements["00080005"] = _UTF8
    url = base
    for name, tag in zip(("studies", "series", "instances"), _UIDS[level], strict=False):
        url += f"/{name}/{text(elements, json_key(tag))}"
    elements[json_key(RETRIEVE_URL)] = msgspec.json.encode({"vr": "UR", "Value": [url]})


def _widened(value: str) -> str:
    """Write an identifier for an origin that decodes nothing."""
    return "".join(c if c.isascii() and (c.isalnum() or c in ".-_^") else "*" for c in value)
