"""The gateway's own interface as OpenAPI 3.1: uplinks, their jobs, and the state of the process.

Made from the models that check requests (``documents``), so that it says what is done. It names no worklist and no
uplink, which whoever uses one knows. DICOMweb services describe themselves in the standard's own way (Retrieve
Capabilities, PS3.18 Section 8.9), and pages of shares are for browsers.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from gateway import __version__
from gateway.routes.documents import JobDocument, NewUplink, Problem
from gateway.routes.guard import Door, Guard
from gateway.routes.headers import OURS
from gateway.routes.problems import MEDIA_TYPE as PROBLEM

__all__ = ["description", "openapi_routes"]

JSON: Final = "application/json"
METRICS: Final = ("text/plain", "application/openmetrics-text")
EVENTS: Final = "text/event-stream"
ABOUT: Final = (
    "Studies are brought up by one call each: they are read at the uplink's origin, de-identified, stored at its "
    "destination and, if that is asked for, shared. Errors are problem documents (RFC 9457) that repeat nothing of a "
    "request. DICOMweb services are not described here: OPTIONS on the service base of a worklist does."
)

_Object = dict[str, Any]
_REFS: Final = "#/components/schemas/{model}"
_JOB: Final = "/uplinks/{name}/jobs/{job}"
_SAID: Final = {
    400: "The request cannot be understood, or asks for what the settings do not provide.",
    404: "There is no such resource here.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The idempotency key came before, with another body.",
    503: "The state store does not work now, or a job can't be taken.",
}
_PARAMETERS: Final = {
    "name": "Name of an uplink in the settings.",
    "job": "Identifier of a job, from the answer that made it.",
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Any text; the same key with the same body is the same job, however often it is sent.",
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}


def openapi_routes(*, with_uplinks: bool) -> list[Door]:
    """Return the route of the document; without uplinks in the settings there are none in it."""
    body = json.dumps(description(with_uplinks=with_uplinks)).encode()

    async def describe(_request: Request) -> Response:
        return Response(body, headers=OURS, media_type=JSON)

    return [Door("/openapi.json", describe, Guard("DescribeInterface"))]


def description(*, with_uplinks: bool) -> _Object:
    """Return the document."""
    paths = _process() | (_uplinks() if with_uplinks else {})
    _, schemas = models_json_schema(
        [(NewUplink, "validation"), (JobDocument, "serialization"), (Problem, "serialization")], ref_template=_REFS
    )
    used = schemas["$defs"] if with_uplinks else {"Problem": schemas["$defs"]["Problem"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dicomveil", "version": __version__, "description": ABOUT},
        "paths": paths,
        "components": {"schemas": used},
    }


def _process() -> _Object:
    state = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    document = {"type": "object", "required": ["openapi", "info", "paths"]}
    return {
        "/healthz": {"get": _operation("isAlive", "Whether the process answers.", {200: _json("It does.", state)})},
        "/readyz": {
            "get": _operation(
                "isReady",
                "Whether the origins and the state store answer, too.",
                {200: _json("They do.", state), 503: _json("One does not; the log says which.", state)},
            )
        },
        "/metrics": {
            "get": _operation(
                "getMetrics",
                "Metrics for Prometheus; needs the role metrics or manage where there is access control.",
                {
                    200: {
                        "description": "Prometheus's text form, or OpenMetrics where that is accepted.",
                        "content": {form: {"schema": {"type": "string"}} for form in METRICS},
                    }
                },
            )
        },
        "/openapi.json": {"get": _operation("describe", "This document.", {200: _json("It.", document)})},
    }


def _uplinks() -> _Object:
    job = _json("The job.", _ref(JobDocument))
    taken = _json("The job, which goes on by itself.", _ref(JobDocument))
    located = {"Location": {"description": "Where the job is.", "required": True, "schema": {"type": "string"}}}
    return {
        "/uplinks/{name}": {
            "post": _operation(
                "bringUp",
                "Bring a study up, or a part of it.",
                {202: taken | {"headers": located, "links": _links()}, **_problems(400, 404, 413, 415, 422, 503)},
            )
            | {
                "parameters": [_named("name"), _IDEMPOTENCY_KEY],
                "requestBody": {"required": True, "content": {JSON: {"schema": _ref(NewUplink)}}},
            }
        },
        _JOB: {"get": _of_job("getJob", "How far a job is.", {200: job})},
        f"{_JOB}/events": {
            "get": _of_job(
                "followJob",
                "Follow a job: an event for each change, until the job ends.",
                {200: {"description": "Server-sent events.", "content": {EVENTS: {"schema": _event()}}}},
            )
        },
        f"{_JOB}/cancel": {"post": _of_job("cancelJob", "End a job. What is stored stays stored.", {202: job})},
        f"{_JOB}/share": {
            "delete": _of_job("revokeShare", "Close the page of what a job shared.", {204: {"description": "Closed."}})
        },
    }


def _event() -> _Object:
    data = {"type": "string", "contentMediaType": JSON, "contentSchema": _ref(JobDocument)}
    return {"type": "object", "properties": {"event": {"const": "job"}, "data": data}, "required": ["event", "data"]}


def _links() -> _Object:
    """Say where the identifier of a new job leads."""
    job = {"name": "$request.path.name", "job": "$response.body#/id"}
    return {name: {"operationId": name, "parameters": job} for name in ("getJob", "followJob", "cancelJob")}


def _of_job(name: str, summary: str, answers: Mapping[int, _Object]) -> _Object:
    operation = _operation(name, summary, {**answers, **_problems(404, 503)})
    return operation | {"parameters": [_named("name"), _named("job")]}


def _operation(name: str, summary: str, answers: Mapping[int, _Object]) -> _Object:
    responses = {str(status): answer for status, answer in answers.items()}
    return {"operationId": name, "summary": summary, "responses": responses}


def _json(said: str, schema: _Object) -> _Object:
    return {"description": said, "content": {JSON: {"schema": schema}}}


def _problems(*statuses: int) -> dict[int, _Object]:
    content = {PROBLEM: {"schema": _ref(Problem)}}
    return {status: {"description": _SAID[status], "content": content} for status in statuses}


def _named(name: str) -> _Object:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": _PARAMETERS[name], "schema": schema}


def _ref(model: type) -> _Object:
    return {"$ref": _REFS.format(model=model.__name__)}
