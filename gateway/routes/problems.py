"""Errors as problem documents (RFC 9457), without an origin's text, a value or a UID; only here are statuses known."""

import json
import logging
from dataclasses import dataclass, replace

from starlette.responses import Response

from gateway.core.errors import (
    AuditFailed,
    BadRequest,
    Forbidden,
    GatewayError,
    IssuerFailed,
    KeyReused,
    LimitExceeded,
    MalformedInput,
    NotAcceptable,
    NotReleased,
    OriginBusy,
    OriginFailed,
    OriginTimedOut,
    Overloaded,
    RefusedByProfile,
    RenderingBusy,
    ScreeningBusy,
    SearchTooBroad,
    StateFailed,
    StoringBusy,
    TookTooLong,
    TooManyFollowers,
    TooManyRequests,
    Unauthenticated,
    UnsupportedMediaType,
)
from gateway.routes.headers import OURS

log = logging.getLogger("dicomveil.problems")

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:dicomveil:problem:"
"""Begins every ``type``: what follows never changes its meaning, so that programs may rely on it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a client is told of one kind of error. Without a ``detail`` it is told the error's own message."""

    status: int
    name: str
    title: str
    detail: str | None = None


NOT_FOUND = Kind(404, "not-found", "Not found", "There is no such resource here.")
METHOD_NOT_ALLOWED = Kind(405, "method-not-allowed", "Method not allowed", "This resource does not have this method.")
PRECONDITION_FAILED = Kind(412, "precondition-failed", "Precondition failed", "Its entity tag is another one.")
UNSUPPORTED = Kind(415, "unsupported-media-type", "Unsupported media type", "This resource takes no such media type.")
FAILED = Kind(500, "gateway-failed", "The gateway failed", "See the gateway's log.")

KINDS: dict[type[GatewayError], Kind] = {
    NotReleased: NOT_FOUND,
    RefusedByProfile: NOT_FOUND,
    BadRequest: Kind(400, "bad-request", "Bad request"),
    UnsupportedMediaType: replace(UNSUPPORTED, detail=None),
    KeyReused: Kind(422, "key-reused", "The idempotency key was used for another request"),
    SearchTooBroad: Kind(413, "search-too-broad", "The search is too broad"),
    NotAcceptable: Kind(406, "not-acceptable", "Not acceptable"),
    MalformedInput: Kind(502, "not-deidentifiable", "The origin's data cannot be de-identified"),
    LimitExceeded: Kind(502, "not-deidentifiable", "The origin's data cannot be de-identified"),
    OriginFailed: Kind(502, "origin-failed", "The origin does not answer as it should", "See the gateway's log."),
    OriginTimedOut: Kind(504, "origin-timed-out", "The origin does not answer in time", "See the gateway's log."),
    TookTooLong: Kind(504, "took-too-long", "No answer began in time", "A smaller request may."),
    OriginBusy: Kind(503, "origin-busy", "The origin takes no more requests now", "The request may be sent again."),
    RenderingBusy: Kind(503, "rendering-busy", "No more pictures are made now", "The request may be sent again."),
    ScreeningBusy: Kind(503, "screening-busy", "Text is still being searched for", "The request may be sent again."),
    StoringBusy: Kind(503, "storing-busy", "No more is stored now", "The request may be sent again."),
    TooManyFollowers: Kind(503, "too-many-followers", "No more jobs are followed now", "A job can still be looked at."),
    StateFailed: Kind(503, "state-failed", "The gateway cannot look up what it released", "See the gateway's log."),
    AuditFailed: Kind(503, "audit-failed", "The gateway cannot put on record what it does", "See the gateway's log."),
    Overloaded: Kind(503, "overloaded", "The gateway takes no more requests now", "The request may be sent again."),
    TooManyRequests: Kind(429, "too-many-requests", "Too many requests"),
    Unauthenticated: Kind(401, "unauthenticated", "Nobody is logged in"),
    IssuerFailed: Kind(503, "issuer-failed", "Nobody can be recognized now", "The request may be sent again."),
    Forbidden: Kind(403, "forbidden", "Not allowed"),
}
"""By the nearest class; what is not listed is FAILED. Outside, unknown, refused and never released are all alike."""

RETRY_AFTER_S = 5
"""When to come back if nobody knows when it will work again."""
_WAIT = (
    IssuerFailed, OriginBusy, Overloaded, RenderingBusy, ScreeningBusy, StoringBusy, TooManyFollowers, TooManyRequests,
)  # fmt: skip
_REFUSED = {
    400: Kind(400, "bad-request", "Bad request", "The request cannot be understood."),
    404: NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    408: Kind(408, "request-timeout", "The request did not end in time", "It may be sent again."),
    413: Kind(413, "too-large", "Too large", "The request is larger than the gateway takes."),
    415: UNSUPPORTED,
}


def problem(fault: GatewayError) -> Response:
    """Turn an error into an answer."""
    kind = next((KINDS[one] for one in type(fault).__mro__ if one in KINDS), FAILED)
    if kind.status >= 500:
        log.warning("%s: %s", type(fault).__name__, fault)
    headers = None
    if kind.status in (429, 503):
        headers = {"retry-after": str(fault.retry_after_s if isinstance(fault, _WAIT) else RETRY_AFTER_S)}
    elif isinstance(fault, Unauthenticated):
        headers = {"www-authenticate": 'Bearer realm="dicomveil"' + (f', error="{fault.error}"' if fault.error else "")}
    return problem_response(kind, str(fault), headers)


def problem_of_status(status: int, headers: dict[str, str] | None = None) -> Response:
    """Say that the framework refuses a request."""
    return problem_response(_REFUSED.get(status, FAILED), headers=headers)


def problem_response(kind: Kind, said: str = "", headers: dict[str, str] | None = None) -> Response:
    """Write a problem document; ``said`` is its detail where the kind has none."""
    detail = said if kind.detail is None else kind.detail
    body = {"type": TYPES + kind.name, "title": kind.title, "status": kind.status, "detail": detail}
    return Response(json.dumps(body), kind.status, {**OURS, **(headers or {})}, media_type=MEDIA_TYPE)
