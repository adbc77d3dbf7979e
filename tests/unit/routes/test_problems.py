"""Errors as clients see them: a status, our own words, and nothing of the origin's."""

import json
import logging

import pytest

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
from gateway.routes.problems import problem, problem_response


@pytest.mark.parametrize(
    ("fault", "status", "detail"),
    [
        (NotReleased(), 404, "There is no such resource here."),
        (RefusedByProfile("the profile lets only images pass"), 404, "There is no such resource here."),
        (BadRequest("limit is a number"), 400, "limit is a number"),
        (NotAcceptable("only JSON"), 406, "only JSON"),
        (MalformedInput("no value", (0x00080016,), 12), 502, "no value at (0008,0016) (offset 12)"),
        (LimitExceeded("nesting", 16), 502, "nesting exceeds the limit of 16"),
        (OriginFailed("origin archive: no connection"), 502, "See the gateway's log."),
        (StateFailed("the state store failed (OperationalError)"), 503, "See the gateway's log."),
        (GatewayError("state.db is locked"), 500, "See the gateway's log."),
    ],
)
def test_every_error_has_its_status(fault: GatewayError, status: int, detail: str) -> None:
    answer = problem(fault)
    body = json.loads(bytes(answer.body))
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == "about:blank"
    assert body["detail"] == detail


def test_refused_and_not_released_cannot_be_told_apart() -> None:
    refused, missing = problem(RefusedByProfile("why")), problem(NotReleased("why"))
    assert (refused.body, refused.raw_headers) == (missing.body, missing.raw_headers)


@pytest.mark.parametrize("fault", [NotReleased(), RefusedByProfile("why"), BadRequest("bad"), NotAcceptable("no")])
def test_what_is_the_clients_doing_is_not_logged(fault: GatewayError, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    problem(fault)
    assert caplog.messages == []


def test_what_is_the_origins_or_our_doing_is_logged_with_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    problem(OriginFailed("origin archive: no connection"))
    problem(MalformedInput("no value", (0x00080016,)))
    assert caplog.messages == ["OriginFailed: origin archive: no connection", "MalformedInput: no value at (0008,0016)"]


def test_headers_of_a_problem_go_along() -> None:
    answer = problem_response(405, "Method not allowed", "Only read.", {"allow": "GET"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
