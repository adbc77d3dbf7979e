"""Errors as clients see them: a status, our own words, and nothing of the origin's."""

import json
import logging

import pytest

from gateway.core.errors import (
    AuditFailed,
    BadRequest,
    GatewayError,
    LimitExceeded,
    MalformedInput,
    NotAcceptable,
    NotReleased,
    OriginBusy,
    OriginFailed,
    OriginTimedOut,
    RefusedByProfile,
    RenderingBusy,
    RenderingFailed,
    ScreeningBusy,
    StateFailed,
    TooManyFollowers,
)
from gateway.routes.problems import FAILED, KINDS, METHOD_NOT_ALLOWED, problem, problem_of_status, problem_response


@pytest.mark.parametrize(
    ("fault", "status", "name", "detail"),
    [
        (NotReleased(), 404, "not-found", "There is no such resource here."),
        (RefusedByProfile("the profile lets only images pass"), 404, "not-found", "There is no such resource here."),
        (BadRequest("limit is a number"), 400, "bad-request", "limit is a number"),
        (NotAcceptable("only JSON"), 406, "not-acceptable", "only JSON"),
        (
            MalformedInput("no value", (0x00080016,), 12),
            502,
            "not-deidentifiable",
            "no value at (0008,0016) (offset 12)",
        ),
        (LimitExceeded("nesting", 16), 502, "not-deidentifiable", "nesting exceeds the limit of 16"),
        (OriginFailed("origin archive: no connection"), 502, "origin-failed", "See the gateway's log."),
        (OriginTimedOut("origin archive: silent"), 504, "origin-timed-out", "See the gateway's log."),
        (StateFailed("the state store failed (OperationalError)"), 503, "state-failed", "See the gateway's log."),
        (RenderingBusy("all processes are busy", 7), 503, "rendering-busy", "The request may be sent again."),
        (ScreeningBusy("it is looked at", 7), 503, "screening-busy", "The request may be sent again."),
        (TooManyFollowers("64 follow", 10), 503, "too-many-followers", "A job can still be looked at."),
        (RenderingFailed("no process starts"), 500, "gateway-failed", "See the gateway's log."),
        (GatewayError("state.db is locked"), 500, "gateway-failed", "See the gateway's log."),
    ],
)
def test_every_error_has_its_status(fault: GatewayError, status: int, name: str, detail: str) -> None:
    answer = problem(fault)
    body = json.loads(bytes(answer.body))
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:dicomveil:problem:{name}"
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
    answer = problem_response(METHOD_NOT_ALLOWED, headers={"allow": "GET"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_no_problem_is_kept_by_a_cache() -> None:
    for fault in (NotReleased(), GatewayError(), BadRequest("bad")):
        assert problem(fault).headers["cache-control"] == "private, no-store"


def test_a_busy_origin_says_when_to_come_back() -> None:
    answer = problem(OriginBusy("origin archive: no connection is free", 7))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize("fault", [fault for fault, kind in KINDS.items() if kind.status in (429, 503)])
def test_whatever_is_of_now_only_says_when_to_come_back(fault: type[GatewayError]) -> None:
    made = fault.__new__(fault)
    made.__dict__["retry_after_s"] = 9
    assert int(problem(made).headers["retry-after"]) == (5 if fault in (StateFailed, AuditFailed) else 9)


@pytest.mark.parametrize(
    ("status", "name"),
    [(400, "bad-request"), (404, "not-found"), (405, "method-not-allowed"), (413, "too-large"),
    (415, "unsupported-media-type"), (418, "gateway-failed")],
)  # fmt: skip
def test_what_the_framework_refuses_is_a_problem_too(status: int, name: str) -> None:
    answer = problem_of_status(status)
    assert answer.status_code == (500 if status == 418 else status)
    assert json.loads(bytes(answer.body))["type"] == f"urn:dicomveil:problem:{name}"


def test_a_type_stands_for_one_status() -> None:
    kinds = {*KINDS.values(), FAILED, METHOD_NOT_ALLOWED}
    assert len({kind.name for kind in kinds}) == len({(kind.name, kind.status) for kind in kinds})
