"""The URI Service, WADO-URI (PS3.18 Chapter 9): one instance by query parameters, on the same machinery as WADO-RS.

``anonymize=yes`` is what every answer is anyway. Presentation states are not applied. Names are case-sensitive, and a
parameter that nobody knows is ignored.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.calls import Call, call_of
from gateway.core.errors import BadRequest
from gateway.core.wire.accept import Choice, Offer, ranked
from gateway.rendering.look import frame_number, uri_look
from gateway.rendering.pool import Renderers
from gateway.routes.drawing import Drawing, answer
from gateway.routes.exchange import Streamed
from gateway.routes.instances import ALONE, attempts
from gateway.routes.parts import open_parts
from gateway.routes.pictures import Pictures, checked_frame
from gateway.routes.released import DICOM, Bare, released
from gateway.routes.rendered import IMAGES, moving, parameters
from gateway.worklists.source import Instance
from gateway.worklists.worklist import Worklist

_UIDS: Final = ("studyUID", "seriesUID", "objectUID")
_PRESENTATION: Final = ("presentationSeriesUID", "presentationUID")
_SINGLE: Final = ("requestType", *_UIDS, "contentType", "charset", "anonymize", "transferSyntax", *_PRESENTATION)
_SYNTAX: Final = re.compile(r"\*|[0-9][0-9.]{0,63}")

Given = Mapping[str, Sequence[str]]


class UriService:
    """Answers for the URI Service of one worklist."""

    def __init__(self, worklist: Worklist, renderers: Renderers) -> None:
        self._worklist = worklist
        self._pictures = Pictures(worklist)
        self._drawing = Drawing(self._pictures, renderers)

    async def retrieve(self, request: Request) -> ASGIApp:
        """Retrieve one instance, as DICOM or rendered."""
        given, call = parameters(request), call_of(request.scope)
        _check(given)
        choice = _choice(request, given, [*IMAGES, *moving()[1:], ALONE])
        if choice.offer == ALONE:
            syntax = _syntax(given)
            return self._object(await self._instance(given, call), syntax, call)
        look, number = uri_look(given), frame_number(given)
        picture = await self._pictures.of(await self._instance(given, call))
        frames = picture.description.frames
        if number is None and frames > 1 and choice.offer in moving():
            every, kind = range(1, frames + 1), choice.offer.media_type
            return answer(self._drawing.animation(picture, every, look, kind), kind)
        shown = picture.representative if number is None else checked_frame(picture, number)
        kind = _choice(request, given, list(IMAGES)).offer.media_type  # one frame is no clip
        return answer(self._drawing.image(picture, shown, look, kind), kind)

    async def _instance(self, given: Given, call: Call) -> Instance:
        """Resolve what the query names; once that was found, it is known to be released."""
        study = await self._worklist.study(given["studyUID"][0])
        series = await self._worklist.series(study, given["seriesUID"][0])
        instance = await self._worklist.instance(study, series, given["objectUID"][0])
        call.released = tuple(given[name][0] for name in _UIDS)
        return instance

    def _object(self, instance: Instance, syntax: str | None, call: Call) -> ASGIApp:
        asked = attempts([Choice(ALONE, syntax)])
        events = open_parts(self._worklist.origin, instance.path, asked, frozenset({DICOM}))
        return Streamed(released(events, self._worklist.pixels, instance.study, Bare(), call, single=True), DICOM)


def _check(given: Given) -> None:
    """Raise BadRequest for what is missing, given twice, or not done here (PS3.18 Sections 9.1.2 and 9.4.1)."""
    for name in _SINGLE:
        if len(given.get(name, ())) > 1:
            raise BadRequest(f"{name} is given more than once")
    if _value(given, "requestType") != "WADO":
        raise BadRequest("requestType must be WADO, in capital letters")
    for name in _UIDS:
        if not _value(given, name):
            raise BadRequest(f"{name} is missing")
    if _value(given, "anonymize") not in ("", "yes"):
        raise BadRequest("anonymize can only be yes")
    for name in _PRESENTATION:
        if name in given:
            raise BadRequest(f"{name}: presentation states are not applied here")


def _choice(request: Request, given: Given, offers: list[Offer]) -> Choice:
    """Return what is wanted: ``contentType`` decides, without it the Accept header (PS3.18 Section 9.1.2.2.1)."""
    wanted = _value(given, "contentType")
    if not wanted:
        return ranked(offers, ", ".join(request.headers.getlist("accept")))[0]
    if "transfer-syntax" in wanted or "*" in wanted:
        raise BadRequest("contentType lists media types, without wildcards and transfer-syntax")
    return ranked(offers, wanted)[0]


def _syntax(given: Given) -> str | None:
    text = _value(given, "transferSyntax")
    if text and not _SYNTAX.fullmatch(text):
        raise BadRequest("transferSyntax is one UID")
    return text or None


def _value(given: Given, name: str) -> str:
    return given[name][0] if name in given else ""
