"""Routes that are found by the names in a path answer as if they were tried one by one."""

import itertools

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route

from gateway.routes.doors import Doors
from gateway.routes.guard import Door, Guard
from gateway.routes.service import INSTANCE, LEVELS

BASE = "/worklists/w/dicom-web"
PATHS = (
    "", "/", "/studies", "/series", "/instances", "/studies/{study}/series", f"{INSTANCE}/frames/{{frames}}",
    f"{INSTANCE}/frames/{{frames}}/rendered", *(path for _, path in LEVELS),
    *(f"{path}/metadata" for _, path in LEVELS),
)  # fmt: skip
ASKED = [
    *(BASE + path.format(study="1.2", series="1.3", instance="1.4", frames="1,2") for path in PATHS),
    BASE + "/studies/", BASE + "//studies", BASE + "/studies//series", BASE + "/studies/1/2/3", BASE + "/studiesx",
    BASE + "x/studies", "/studies", "", "/", "/worklists/w", BASE + "/studies/a%2Fb", BASE + "/series/1/series",
    BASE + "/studies/1\n", BASE + "/studies/1/metadata/", BASE + "/studies/metadata/metadata", BASE + "/nothing",
]  # fmt: skip


async def answer(_request: Request) -> Response:
    return PlainTextResponse("here")


def tried(routes: list[Route], scope: dict[str, object]) -> tuple[Match, object, object]:
    for route in routes:
        match, found = route.matches(scope)
        if match is not Match.NONE:
            return match, route, found["path_params"]
    return Match.NONE, None, None


@pytest.mark.parametrize(("path", "method"), list(itertools.product(ASKED, ["GET", "HEAD", "POST", "OPTIONS"])))
def test_the_same_route_is_found_as_by_trying_all(path: str, method: str) -> None:
    routes = [Route(BASE + each, answer) for each in PATHS]
    scope: dict[str, object] = {"type": "http", "method": method, "path": path, "headers": []}
    match, found = Doors(BASE, routes).matches(dict(scope))
    expected = tried(routes, scope)
    assert match is expected[0]
    if match is not Match.NONE:
        assert (match, found["route"], found["path_params"]) == expected


def test_what_is_no_request_matches_nothing() -> None:
    route: BaseRoute = Doors(BASE, [Door(BASE, answer, Guard("Test"))])
    assert route.matches({"type": "websocket", "path": BASE})[0] is Match.NONE
