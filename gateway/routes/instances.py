"""WADO-RS, Retrieve of studies, series and instances as Part 10 objects (PS3.18 Section 10.4.3.1)."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp

from gateway.calls import call_of
from gateway.core.standard.uids import EXPLICIT_VR_LITTLE_ENDIAN
from gateway.core.wire.accept import Choice, Offer
from gateway.core.wire.multipart import MultipartWriter, content_type, random_boundary
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.links import Links
from gateway.routes.negotiation import ranked
from gateway.routes.parts import open_parts
from gateway.routes.released import DICOM, Bare, Locate, Multipart, Rewriter, released
from gateway.routes.target import released_path, source_path
from gateway.worklists.worklist import Worklist

PARTS: Final = Offer(DICOM, multipart=True)
ALONE: Final = Offer(DICOM)
_TYPES: Final = frozenset({DICOM})

Endpoint = Callable[[Request], Awaitable[ASGIApp]]


class InstanceService:
    """Answers retrievals of whole objects of one worklist.

    ``others`` are representations of the same resources that other services make.
    """

    def __init__(self, worklist: Worklist, links: Links, others: Mapping[Offer, Endpoint]) -> None:
        self._worklist = worklist
        self._links = links
        self._others = others

    def offers(self, *, alone: bool) -> list[Offer]:
        """Return the representations there are; ``alone``: of one instance, which may stand without multipart."""
        return [PARTS, *([ALONE] if alone else []), *self._others]

    async def retrieve(self, request: Request) -> ASGIApp:
        """Retrieve a study, a series or an instance."""
        one = "instance" in request.path_params
        wanted = ranked(request, self.offers(alone=one))
        if wanted[0].offer in self._others:
            return await self._others[wanted[0].offer](request)
        path = await source_path(self._worklist, request)
        outcome = Outcome()
        events = open_parts(self._worklist.origin, path, attempts(wanted, several=not one), _TYPES, outcome)
        call, pixels, study = call_of(request.scope), self._worklist.pixels, path.split("/")[2]
        if not wanted[0].offer.multipart:
            return Streamed(released(events, pixels, study, Bare(), call, single=True), DICOM)
        boundary = random_boundary(os.urandom(16))
        locate = self._locate(path, self._links.service(request, self._worklist))
        packing = Multipart(MultipartWriter(boundary), locate, outcome)
        body = released(events, pixels, study, packing, call)
        return Streamed(body, content_type(DICOM, boundary), outcome=outcome)

    def _locate(self, path: str, base: str) -> Locate:
        """Make the function that says where an object is; empty where its series is not known."""
        uid, above = self._worklist.engine.uid, base + released_path(self._worklist, path)
        if "/instances/" in path:
            return lambda _rewriter: above

        def locate(rewriter: Rewriter) -> str:
            if rewriter.head is None or not rewriter.series:
                return ""
            series = above if "/series/" in path else f"{above}/series/{uid(rewriter.series)}"
            return f"{series}/instances/{uid(rewriter.head.sop_instance)}"

        return locate


def attempts(wanted: list[Choice], *, several: bool = False) -> list[str]:
    """List what to ask the origin for, by Transfer Syntax.

    Where none is named, one object comes in Explicit VR Little Endian, and as stored when the origin can't. Of
    ``several`` the origin is not asked to decode any: Orthanc breaks off at the first that it can't (PS3.18 Section
    8.7.3.5.2 lets such objects come as stored).
    """
    asked: dict[str | None, None] = {}
    for choice in wanted:
        if choice.offer.media_type != DICOM:
            continue
        syntax = choice.transfer_syntax
        if several and syntax is None:
            syntax = "*"
        others = {None: "*", "*": None, EXPLICIT_VR_LITTLE_ENDIAN: None}
        asked |= {syntax: None} | ({others[syntax]: None} if syntax in others else {})
    return [f'multipart/related; type="{DICOM}"' + (f"; transfer-syntax={one}" if one else "") for one in asked]
