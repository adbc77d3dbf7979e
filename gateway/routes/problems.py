"""Errors as problem documents (RFC 9457), without an origin's text, a value or a UID; only here are statuses known."""

import json
import logging

from starlette.responses import Response

from gateway.core.errors import (
    BadRequest,
    GatewayError,
    LimitExceeded,
    MalformedInput,
    NotAcceptable,
    NotReleased,
    OriginFailed,
    RefusedByProfile,
    StateFailed,
)

log = logging.getLogger("dicomveil.problems")

NOT_FOUND = (404, "Not found", "There is no such resource here.")


def problem(fault: GatewayError) -> Response:
    """Turn an error into an answer. What is outside, unknown, refused or never released gives one and the same 404."""
    status, title, detail = _describe(fault)
    if status >= 500:
        log.warning("%s: %s", type(fault).__name__, fault)
    return problem_response(status, title, detail)


def problem_response(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Write a problem document."""
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Response(body, status, headers, media_type="application/problem+json")


def _describe(fault: GatewayError) -> tuple[int, str, str]:
    if isinstance(fault, NotReleased | RefusedByProfile):
        return NOT_FOUND
    if isinstance(fault, BadRequest):
        return 400, "Bad request", str(fault)
    if isinstance(fault, NotAcceptable):
        return 406, "Not acceptable", str(fault)
    if isinstance(fault, MalformedInput | LimitExceeded):
        return 502, "The origin's data cannot be de-identified", str(fault)
    if isinstance(fault, OriginFailed):
        return 502, "The origin does not answer as it should", "See the gateway's log."
    if isinstance(fault, StateFailed):
        return 503, "The gateway cannot look up what it released", "See the gateway's log."
    return 500, "The gateway failed", "See the gateway's log."
