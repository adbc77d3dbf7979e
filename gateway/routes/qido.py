"""QIDO-RS, the Search Transaction (PS3.18 Section 10.6): every key is evaluated on released values."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.calls import Call, call_of
from gateway.core.rewrite.hints import never_matches
from gateway.core.rewrite.keys import PATIENT_ID, STUDY_UID
from gateway.core.rewrite.query import Search, parse_search
from gateway.core.standard.levels import Level
from gateway.core.wire.accept import Offer
from gateway.core.wire.dicomxml import to_xml
from gateway.core.wire.multipart import MultipartWriter, content_type, random_boundary
from gateway.routes.conditions import entity_tag
from gateway.routes.exchange import Outcome, Streamed
from gateway.routes.headers import OURS
from gateway.routes.links import Links
from gateway.routes.negotiation import choose
from gateway.worklists.candidates import Scope, candidates
from gateway.worklists.describing import Described, Known
from gateway.worklists.pages import Page, read_page
from gateway.worklists.places import Places
from gateway.worklists.results import released
from gateway.worklists.worklist import Worklist

JSON, XML = "application/dicom+json", "application/dicom+xml"
OFFERS = (Offer(JSON), Offer("application/json"), Offer(XML, multipart=True))
CHUNK_BYTES = 65_536
_NAMES = ("studies", "series", "instances")


@dataclass(frozen=True, slots=True)
class Form:
    """How results are laid into a body: what goes before the first, between two, and after the last."""

    media_type: str
    write: Callable[[Described], bytes]
    begin: bytes
    between: bytes
    end: bytes


IN_JSON = Form(JSON, Described.in_json, b"[", b",", b"]")


class SearchService:
    """Answers searches of one worklist."""

    def __init__(self, worklist: Worklist, links: Links) -> None:
        self._worklist = worklist
        self._links = links
        self._known = Known()
        self._places = Places()

    async def studies(self, request: Request) -> ASGIApp:
        """Search studies."""
        return await self._search(request, Level.STUDY)

    async def series(self, request: Request) -> ASGIApp:
        """Search series, of one study or of all."""
        return await self._search(request, Level.SERIES)

    async def instances(self, request: Request) -> ASGIApp:
        """Search instances, of one series, one study or all."""
        return await self._search(request, Level.INSTANCE)

    async def _search(self, request: Request, level: Level) -> ASGIApp:
        offer = choose(request, OFFERS).offer
        search = parse_search(request.query_params.multi_items(), level)
        scope = await self._scope(request)
        base = self._links.service(request, self._worklist)
        form = _xml() if offer.media_type == XML else IN_JSON
        page = Page([])
        if not never_matches(search, self._worklist.decide):
            reader = self._places.reader(search, scope.path)
            results = released(
                self._worklist,
                search,
                candidates(self._worklist, search, scope, reader),
                reader,
                RetrieveUrl(base),
                within_study=bool(scope.study),
                known=self._known,
            )
            page = await read_page(results, search, form.write, counts=_is_narrow(search, scope))
        headers, call = _warnings(search, page, base), call_of(request.scope)
        call.count = 0 if page.rest is not None else len(page.held)
        if not page.held:
            return Response(status_code=204, headers=OURS | headers)
        is_known = form is IN_JSON and page.rest is None
        outcome = Outcome(tag=entity_tag(page.held) if is_known else "")
        return Streamed(_body(page, form, call), form.media_type, headers, outcome=outcome)

    async def _scope(self, request: Request) -> Scope:
        """Resolve what the path names; what is outside or unknown is not found."""
        path, worklist = request.path_params, self._worklist
        if "study" not in path:
            return Scope()
        study = await worklist.study(path["study"])
        return Scope(study, await worklist.series(study, path["series"]) if "series" in path else "")


def _is_narrow(search: Search, scope: Scope) -> bool:
    """Say whether all results are few, as the question alone tells: then it is cheap to count them."""
    if search.level is Level.STUDY:
        return any(search.key(tag) for tag in (STUDY_UID, PATIENT_ID))
    return search.level is Level.SERIES and bool(scope.study)


def _warnings(search: Search, page: Page, base: str) -> dict[str, str]:
    """Say what was not done as asked, and that there is more (PS3.18 Sections 8.3.4.2, 8.3.4.4)."""
    said = []
    if page.more:
        said.append(f"There are {page.more if page.more > 0 else ''} additional results that can be requested")
    if search.is_fuzzy:
        said.append("The fuzzymatching parameter is not supported. Only literal matching has been performed.")
    if search.ignores:
        said.append("Some query parameters are not supported. They have been ignored.")
    return {"warning": ", ".join(f"299 {base}: {one.replace('  ', ' ')}" for one in said)} if said else {}


@dataclass(frozen=True, slots=True)
class RetrieveUrl:
    """Makes the gateway's own Retrieve URL of a result below the service at ``base``."""

    base: str

    def __call__(self, uids: Sequence[str]) -> bytes:
        """Write the element for the released UIDs from the study down."""
        url = self.base + "".join(f"/{name}/{uid}" for name, uid in zip(_NAMES, uids, strict=False))
        return msgspec.json.encode({"vr": "UR", "Value": [url]})


def _in_xml(result: Described) -> bytes:
    return to_xml(result.released)


def _xml() -> Form:
    boundary = random_boundary(os.urandom(24))
    writer = MultipartWriter(boundary)
    first, other = (writer.part({"Content-Type": XML}) for _ in range(2))
    return Form(content_type(XML, boundary), _in_xml, first, other, writer.end())


async def _body(page: Page, form: Form, call: Call) -> AsyncIterator[bytes]:
    """Join results in chunks; in the end it is known how many there are."""
    pending, size, count = [form.begin], 0, 0
    async for one in _all(page):
        count += 1
        pending += (one, form.between)
        size += len(one)
        if size > CHUNK_BYTES:
            last = pending.pop()
            yield b"".join(pending)
            pending, size = [last], 0
    pending[-1] = form.end
    call.count = count
    yield b"".join(pending)


async def _all(page: Page) -> AsyncIterator[bytes]:
    for one in page.held:
        yield one
    if page.rest is not None:
        async for one in page.rest:
            yield one
