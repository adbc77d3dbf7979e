"""STOW-RS: Part 10 objects, or metadata with bulk data, go to the origin de-identified (PS3.18 Section 10.5)."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.calls import Call, add, call_of
from gateway.core.errors import (
    BadRequest,
    ClientLeft,
    Forbidden,
    GatewayError,
    IssuerFailed,
    LimitExceeded,
    MalformedInput,
    NotReleased,
    OriginFailed,
    StateFailed,
    StoringBusy,
    Unauthenticated,
    UnsupportedMediaType,
)
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.accept import Offer
from gateway.core.wire.dicomxml import to_xml
from gateway.core.wire.multipart import ContentType, Event, MultipartReader, parse_content_type
from gateway.core.wire.storeresponse import Entry, to_data_set
from gateway.routes.headers import OURS
from gateway.routes.links import Links
from gateway.routes.negotiation import choose
from gateway.routes.problems import problem, problem_of_status
from gateway.storing.bulkparts import HeldBytes
from gateway.storing.described import FORMS, described
from gateway.storing.model import CANNOT_UNDERSTAND, Incoming, Kind, Names, Outcome
from gateway.storing.parts import incoming
from gateway.storing.reasons import failure
from gateway.storing.sender import send
from gateway.worklists.worklist import Worklist

log = logging.getLogger("dicomveil.store")

JSON, XML, DICOM = "application/dicom+json", "application/dicom+xml", "application/dicom"
MULTIPART: Final = "multipart/related"
OFFERS: Final = (Offer(JSON), Offer("application/json"), Offer(XML))
GIVEN: Final = (JSON, XML)
TAKEN: Final = (DICOM, *(f'{MULTIPART}; type="{one}"' for one in (DICOM, *sorted(FORMS))))
STORED, SOME, NONE = 200, 202, 409
RECEIVE_TIMEOUT_S: Final = 60.0
"""For how long a client may send nothing: a large object under way holds a connection to the origin."""


_RIGHTS_LOST: Final = (Unauthenticated, Forbidden, NotReleased, IssuerFailed)
"""What asking anew ends with; no object ends so."""


class StoreService:
    """Answers Store transactions of one worklist. ``held`` counts what all requests hold of what they bring."""

    def __init__(self, worklist: Worklist, links: Links, held: HeldBytes) -> None:
        self._worklist = worklist
        self._links = links
        self._held = held

    async def store(self, request: Request) -> Response:
        """Store what a request brings, in any study or in the one that its path names."""
        call_of(request.scope).released = ()  # the path names what the sender calls the study
        media_type = choose(request, OFFERS).offer.media_type
        objects = self._objects(request)
        path_study = request.path_params.get("study", "")
        outcomes: list[Outcome] = []
        admission = _Admission(self._worklist)
        sending = send(
            self._worklist.origin,
            self._worklist.engine,
            objects,
            path_study=path_study,
            admits=admission.admits,
            held=self._held,
            codecs=self._worklist.pixels.codecs,
        )
        try:
            async with aclosing(sending):
                async for outcome in sending:
                    outcomes.append(outcome)  # noqa: PERF401 - those before a fault count
        except GatewayError as fault:
            if not outcomes or isinstance(fault, ClientLeft):
                return _unread(fault)
            if not any(outcome.fault is fault for outcome in outcomes):
                outcomes.append(failure(Names(), fault))
        finally:
            _tell(outcomes)
            _count(outcomes, call_of(request.scope))
        for outcome in outcomes:
            if isinstance(outcome.fault, _RIGHTS_LOST):
                raise outcome.fault
        return self._answer(request, outcomes, media_type)

    def _objects(self, request: Request) -> AsyncIterator[Incoming]:
        """Choose how to read the body. Raises UnsupportedMediaType, BadRequest."""
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise UnsupportedMediaType("The body may have no Content-Encoding.")
        said = _content_type(request)
        if said.media_type == DICOM:
            return _lone(request)
        inner = said.parameters.get("type", DICOM).strip().lower()
        if said.media_type != MULTIPART or inner not in FORMS | {DICOM}:
            raise _not_taken()
        boundary = said.parameters.get("boundary", "").encode("ascii", "replace")
        try:
            reader = MultipartReader(boundary)
        except MalformedInput as fault:
            raise BadRequest(str(fault)) from None
        events = _events(request, reader)
        return incoming(events) if inner == DICOM else described(events, inner, self._held)

    def _answer(self, request: Request, outcomes: list[Outcome], media_type: str) -> Response:
        stored = [one for one in outcomes if one.kind is Kind.STORED]
        if not outcomes:
            raise BadRequest("no object in the request")
        if not stored:
            for one in outcomes:
                if isinstance(one.fault, OriginFailed | StateFailed | StoringBusy):
                    return problem(one.fault)
        status = STORED if len(stored) == len(outcomes) else SOME if stored else NONE
        failed = [one for one in outcomes if one.kind is not Kind.STORED]
        found = to_data_set(
            [Entry(one.source.sop_class, one.source.instance, self._url(request, one.released)) for one in stored],
            [Entry(one.source.sop_class, one.source.instance, reason=_reason(one)) for one in failed if _named(one)],
            [_reason(one) for one in failed if not _named(one)],
            self._study_url(request, stored),
        )
        body = to_xml(found) if media_type == XML else msgspec.json.encode(found)
        return Response(body, status, headers=OURS, media_type=XML if media_type == XML else JSON)

    def _url(self, request: Request, at_origin: Names) -> str:
        """Return where a client finds an instance, as this worklist releases what now lies at the origin."""
        study = self._study(request, at_origin)
        uid = self._worklist.engine.uid
        return study and f"{study}/series/{uid(at_origin.series)}/instances/{uid(at_origin.instance)}"

    def _study(self, request: Request, at_origin: Names) -> str:
        worklist = self._worklist
        if "retrieve" not in worklist.services or not worklist.selection.is_everything:
            return ""
        return f"{self._links.service(request, worklist)}/studies/{worklist.engine.uid(at_origin.study)}"

    def _study_url(self, request: Request, stored: list[Outcome]) -> str:
        """Return the URL of the study, if there is one and only one."""
        studies = {one.released.study: one for one in stored}
        return self._study(request, stored[0].released) if len(studies) == 1 else ""


class _Admission:
    """Turns away objects of studies that were released in the worklist's domain: they are de-identified already.

    De-identified once more they would belong to a study that nobody has. Asks the store once for each study.
    """

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist
        self._known: dict[str, bool] = {}

    async def admits(self, source: Names) -> bool:
        worklist, study = self._worklist, source.study
        if isinstance(worklist.engine, Passing) or worklist.engine.identity.retains_uids:
            return True
        known = self._known.get(study)
        if known is None:
            known = self._known[study] = await worklist.store.get(worklist.domain, "study", study) is None
        return known


async def _lone(request: Request) -> AsyncIterator[Incoming]:
    yield Incoming(_body(request))


async def _body(request: Request) -> AsyncGenerator[bytes, None]:
    stream, call = request.stream(), call_of(request.scope)
    while True:
        try:
            async with asyncio.timeout(RECEIVE_TIMEOUT_S):
                chunk = await anext(stream, None)
        except ClientDisconnect:
            raise ClientLeft("the client left in the middle of its request") from None
        except TimeoutError:
            raise ClientLeft(f"the client sent nothing for {RECEIVE_TIMEOUT_S:g} s") from None
        if call.is_outdated():
            await call.admit_again()
        if chunk is None:
            return
        if chunk:
            yield chunk


async def _events(request: Request, reader: MultipartReader) -> AsyncGenerator[Event, None]:
    """Yield what the body holds, up to a fault in it if there is one, wherever the chunks were cut."""
    async with aclosing(_body(request)) as chunks:
        async for chunk in chunks:
            fault: GatewayError | None = None
            try:
                reader.feed(chunk)
            except GatewayError as found:
                fault = found
            for event in reader.found:
                yield event
            if fault is not None:
                raise fault
    reader.close()


def _content_type(request: Request) -> ContentType:
    try:
        return parse_content_type(request.headers.get("content-type", ""))
    except MalformedInput:
        raise _not_taken() from None


def _not_taken() -> UnsupportedMediaType:
    return UnsupportedMediaType(f"The Content-Type should be one of {', '.join(TAKEN)}.")


def _unread(fault: GatewayError) -> Response:
    """Say that nothing of a request could be read: here that is the client's doing, not an origin's."""
    if isinstance(fault, LimitExceeded) and not isinstance(fault, StoringBusy):
        return problem_of_status(413)
    if isinstance(fault, ClientLeft):
        log.warning("%s", fault)
        return problem_of_status(408, {"connection": "close"})
    return problem(BadRequest(str(fault)) if isinstance(fault, MalformedInput) else fault)


def _named(one: Outcome) -> bool:
    return bool(one.source.instance and one.source.sop_class)


def _reason(one: Outcome) -> int:
    return one.reason if one.reason is not None else CANNOT_UNDERSTAND


def _count(outcomes: list[Outcome], call: Call) -> None:
    """Say what became of them, by kind; of the UIDs only those that what was stored has at the origin."""
    add(call.left_out, Counter(one.kind.value for one in outcomes if one.kind is not Kind.STORED))
    add(call.studies, Counter(one.released.study for one in outcomes if one.kind is Kind.STORED))
    call.count = sum(call.studies.values())


def _tell(outcomes: list[Outcome]) -> None:
    """Log how many there were of each kind, and why single ones were not stored: no value, no UID."""
    counts = {kind: sum(one.kind is kind for one in outcomes) for kind in Kind}
    log.info("stored: %s", ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing")
    for one in outcomes:
        if one.fault is not None:
            log.debug("%s: %s: %s", one.kind, type(one.fault).__name__, one.fault)
