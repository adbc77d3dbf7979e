"""The uplink call: one request sends a study up and may share it; its job is polled, followed, cancelled, revoked."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Final

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.access.model import Principal, Role, uplink_place
from gateway.addresses import network_of
from gateway.calls import Call, call_of
from gateway.core.errors import BadRequest, Forbidden, GatewayError
from gateway.notify.contact import read_contact
from gateway.routes.bodies import read_json
from gateway.routes.documents import JobDocument, NewShare, NewUplink, ShareDocument
from gateway.routes.guard import Door, Guard
from gateway.routes.headers import OURS
from gateway.routes.links import Links
from gateway.uplink.jobs import Jobs, Sharer
from gateway.uplink.model import Asked, Job

__all__ = ["document", "uplink_routes"]

PING_S: Final = 15
"""What follows a job hears at least so often, so that proxies keep the connection."""
_KEY: Final = re.compile(r"[ -~]{1,255}")


def uplink_routes(jobs: Jobs, links: Links) -> list[Door]:
    """Return the routes below ``/uplinks``."""
    return [door for name in jobs.uplinks for door in _routes(UplinkService(jobs, links, name), name)]


def _routes(service: "UplinkService", name: str) -> list[Door]:
    place, base = uplink_place(name), f"/uplinks/{name}"
    job = f"{base}/jobs/{{job}}"
    watching, sharing = frozenset({Role.UPLINK, Role.MANAGE}), frozenset({Role.SHARE, Role.MANAGE})
    return [
        Door(base, service.begin, Guard("BeginUplink", frozenset({Role.UPLINK}), place), ["POST"]),
        Door(job, service.show, Guard("ShowUplink", watching, place)),
        Door(f"{job}/events", service.follow, Guard("FollowUplink", watching, place)),
        Door(f"{job}/cancel", service.cancel, Guard("CancelUplink", watching, place), ["POST"]),
        Door(f"{job}/share", service.revoke, Guard("RevokeShare", sharing, place), ["DELETE"]),
    ]


class UplinkService:
    """Answers for one uplink of the settings; a job that there is not, or not theirs, is 404 like everything else."""

    def __init__(self, jobs: Jobs, links: Links, name: str) -> None:
        self._jobs = jobs
        self._links = links
        self._name = name
        self._place = uplink_place(name)

    async def begin(self, request: Request) -> Response:
        """Begin a job and answer at once."""
        body = await read_json(request, NewUplink)
        key = request.headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise BadRequest("Idempotency-Key: should have 1 to 255 printable ASCII characters")
        await call_of(request.scope).admit_again()
        share, who = body.share, call_of(request.scope).principal
        if share is not None and Role.SHARE not in who.roles(self._place):
            raise Forbidden(f"This needs the role {Role.SHARE}.")
        asked = Asked(body.study, tuple(body.series or ()), tuple(body.instances or ()), share.pin if share else None)
        sharer = self._sharer(request, share) if share else None
        job = await self._jobs.begin(self._name, asked, sharer, key, _owner(who))
        call_of(request.scope).subject = job.id
        return _answer(job, 202, {"location": f"/uplinks/{job.uplink}/jobs/{job.id}"})

    async def show(self, request: Request) -> Response:
        """Tell how far a job is."""
        return _answer(await self._jobs.get(*self._job(request)))

    async def follow(self, request: Request) -> Response:
        """Tell of each change, and end with the job or with the right to know."""
        states = self._jobs.follow(*self._job(request), _client(call_of(request.scope)))
        first = await anext(states)  # what is wrong with the request is said before the answer begins
        expires = call_of(request.scope).principal.expires
        return EventSourceResponse(_events(first, states, expires), headers=OURS, ping=PING_S)

    async def cancel(self, request: Request) -> Response:
        """Ask for the end of a job."""
        job = await self._jobs.cancel(*self._job(request))
        call_of(request.scope).subject = job.id
        return _answer(job, 202)

    async def revoke(self, request: Request) -> Response:
        """Close what a job has shared."""
        await self._jobs.revoke(*self._job(request))
        call_of(request.scope).subject = request.path_params["job"]
        return Response(status_code=204, headers=OURS)

    def _job(self, request: Request) -> tuple[str, str, str | None]:
        """Return which job is meant, and whose it must be."""
        who = call_of(request.scope).principal
        owner = None if Role.MANAGE in who.roles(self._place) else _owner(who)
        return self._name, request.path_params["job"], owner

    def _sharer(self, request: Request, share: NewShare) -> Sharer:
        contact = read_contact(email=share.email, phone=share.phone, webhook=share.webhook, reference=share.reference)
        return Sharer(self._links.root(request), contact)


def _owner(who: Principal) -> str:
    """Return what tells principals apart: a key and a user may have one name."""
    return f"{who.method}:{who.name}"


def _client(call: Call) -> str:
    """Return whose the place of a follower is: somebody's, or of who asks without credentials, their address's."""
    return _owner(call.principal) if call.principal.name else network_of(call.client)


async def _events(
    first: Job, later: AsyncGenerator[Job, None], expires: float | None
) -> AsyncGenerator[dict[str, str], None]:
    async with aclosing(later):
        yield _event(first)
        with suppress(GatewayError, StopAsyncIteration, TimeoutError):  # whoever follows asks again
            while True:
                async with asyncio.timeout(None if expires is None else expires - time.time()):
                    job = await anext(later)
                yield _event(job)


def _event(job: Job) -> dict[str, str]:
    return {"event": "job", "data": json.dumps(document(job))}


def document(job: Job) -> Mapping[str, object]:
    """Return what a user of the interface is told of a job."""
    told = JobDocument(
        id=job.id,
        state=job.state.value,
        total=job.total,
        stored=job.stored,
        refused=job.refused,
        discarded=job.discarded,
        failed=job.failed,
        reason=job.reason or None,
        share=_share(job),
    )
    return told.model_dump(mode="json", exclude_none=True)


def _share(job: Job) -> ShareDocument | None:
    if job.expires is None:
        return None
    told = {
        "id": job.id,
        "url": f"{job.base}/shares/{job.link}/" if job.link else None,
        "expires": job.expires,
        "revoked": job.is_revoked,
        "notified": job.notified.value or None,
    }
    return ShareDocument.model_validate(told)


def _answer(job: Job, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(document(job), status, {**OURS, **(headers or {})})
