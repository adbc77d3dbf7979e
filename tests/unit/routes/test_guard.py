"""What each route asks of whoever calls it, in one list; and what a guard says to those whom it does not let in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from gateway.access.model import ANONYMOUS, EVERYONE, Method, Principal, Role, worklist_place
from gateway.calls import Call
from gateway.core.errors import Forbidden, NotReleased, Unauthenticated
from gateway.routes.doors import Doors
from gateway.routes.entrances import EntranceRoute
from gateway.routes.guard import Door, Guard
from gateway.routes.problems import problem
from tests.kit.inprocess import built

TABLE = """
W                                    GET     RetrieveCapabilities         download, store, view
W                                    OPTIONS RetrieveCapabilities         download, store, view
W/                                   GET     RetrieveCapabilities         download, store, view
W/                                   OPTIONS RetrieveCapabilities         download, store, view
W/instances                          GET     SearchForInstances           view
W/series                             GET     SearchForSeries              view
W/studies                            GET     SearchForStudies             view
W/studies                            POST    StoreInstances               store
S                                    GET     RetrieveStudy                download
S                                    POST    StoreStudyInstances          store
S/bulkdata                           GET     RetrieveStudyBulkdata        download
S/instances                          GET     SearchForStudyInstances      view
S/metadata                           GET     RetrieveStudyMetadata        view
S/pixeldata                          GET     RetrieveStudyPixelData       download
S/rendered                           GET     RetrieveRenderedStudy        view
S/series                             GET     SearchForStudySeries         view
S/thumbnail                          GET     RetrieveStudyThumbnail       view
E                                    GET     RetrieveSeries               download
E/bulkdata                           GET     RetrieveSeriesBulkdata       download
E/instances                          GET     SearchForStudySeriesInstances view
E/metadata                           GET     RetrieveSeriesMetadata       view
E/pixeldata                          GET     RetrieveSeriesPixelData      download
E/rendered                           GET     RetrieveRenderedSeries       view
E/thumbnail                          GET     RetrieveSeriesThumbnail      view
I                                    GET     RetrieveInstance             download, view
I/bulkdata                           GET     RetrieveInstanceBulkdata     view
I/bulkdata/{token}                   GET     RetrieveBulkdata             view
I/frames/{frames}                    GET     RetrieveFrames               view
I/frames/{frames}/rendered           GET     RetrieveRenderedFrames       view
I/frames/{frames}/thumbnail          GET     RetrieveFramesThumbnail      view
I/metadata                           GET     RetrieveInstanceMetadata     view
I/pixeldata                          GET     RetrieveInstancePixelData    view
I/rendered                           GET     RetrieveRenderedInstance     view
I/thumbnail                          GET     RetrieveInstanceThumbnail    view
/healthz                             GET     Liveness                     everybody
/metrics                             GET     Metrics                      manage, metrics
/openapi.json                        GET     DescribeInterface            everybody
/readyz                              GET     Readiness                    everybody
/shares/-/icon.svg                   GET     Asset                        everybody
/shares/-/share.css                  GET     Asset                        everybody
/shares/-/share.js                   GET     Asset                        everybody
/shares/{rest:path}                  DELETE  ViewShare                    everybody
/shares/{rest:path}                  GET     ViewShare                    everybody
/shares/{rest:path}                  PATCH   ViewShare                    everybody
/shares/{rest:path}                  POST    ViewShare                    everybody
/shares/{rest:path}                  PUT     ViewShare                    everybody
/shares/{token}                      GET     ViewShare                    everybody
/shares/{token}/                     GET     ViewShare                    everybody
/shares/{token}/                     POST    OpenShare                    everybody
/shares/{token}/all.zip              GET     DownloadShare                everybody
/shares/{token}/c/{number:int}.jpg   GET     ViewShare                    everybody
/shares/{token}/c/{number:int}.mp4   GET     ViewShare                    everybody
/shares/{token}/i/{number:int}       GET     ViewShare                    everybody
/shares/{token}/i/{number:int}.jpg   GET     ViewShare                    everybody
/shares/{token}/t/{number:int}.jpg   GET     ViewShare                    everybody
/uplinks/clinic                      POST    BeginUplink                  uplink
/uplinks/clinic/jobs/{job}           GET     ShowUplink                   manage, uplink
/uplinks/clinic/jobs/{job}/cancel    POST    CancelUplink                 manage, uplink
/uplinks/clinic/jobs/{job}/events    GET     FollowUplink                 manage, uplink
/uplinks/clinic/jobs/{job}/share     DELETE  RevokeShare                  manage, share
/worklists/name/wado                 GET     RetrieveInstanceByURI        view
"""
"""Method, path, transaction, and the roles one of which is needed; ``everybody``: none is, and no credentials are.

Whoever adds a line with ``everybody`` opens a door to the world.
"""
STUDY, SERIES, INSTANCE = "/studies/{study}", "/series/{series}", "/instances/{instance}"
WORKLIST = "/worklists/name/dicom-web"
PLACE = worklist_place("reading")
SOMEBODY = Principal("somebody", Method.KEY)


def application(folder: Path) -> Any:
    (folder / "studies").mkdir()
    (folder / "far").mkdir()
    origins = {
        "near": {"folder": str(folder / "studies"), "writable": True},
        "far": {"folder": str(folder / "far"), "writable": True},
    }
    every = ["search", "retrieve", "store"]
    worklists: dict[str, dict[str, object]] = {
        "name": {"services": every},
        "found": {"services": ["search"]},
        "read": {"services": ["retrieve"]},
        "taken": {"services": ["store"]},
        "identified": {"identified": True, "services": every},
    }
    more: dict[str, object] = {
        "uplinks": {"clinic": {"origin": "near", "destination": "far", "share": {"days": 3}}},
        "entrances": {"viewer": {"path": "/dicom-web", "choose": [{"worklist": "name"}]}},
    }
    return built(folder / "gateway", origins, worklists, **more)


def doors(routes: list[BaseRoute]) -> Iterator[Door]:
    for route in routes:
        if isinstance(route, Doors):
            yield from doors(list(route._routes.values()))
        elif not isinstance(route, EntranceRoute):  # which hands on to the doors of worklists
            assert isinstance(route, Door), f"{route} has no guard"
            yield route


def asked(routes: list[BaseRoute]) -> dict[str, Guard]:
    found: dict[str, Guard] = {}
    for door in doors(routes):
        assert set(door.guards) == set(door.methods or ()), door.path
        found |= {f"{method} {door.path}": guard for method, guard in door.guards.items() if method != "HEAD"}
        assert door.guards.get("HEAD") is door.guards.get("GET"), door.path
    return found


def line(door: str, guard: Guard) -> str:
    method, path = door.split()
    for long, short in ((f"{WORKLIST}{STUDY}{SERIES}{INSTANCE}", "I"), (f"{WORKLIST}{STUDY}{SERIES}", "E"),
                        (f"{WORKLIST}{STUDY}", "S"), (WORKLIST, "W")):  # fmt: skip
        if path.startswith(long):
            path = short + path.removeprefix(long)
            break
    return f"{path:<36} {method:<7} {guard.transaction:<28} {', '.join(sorted(guard.roles)) or 'everybody'}"


def test_every_route_asks_for_what_the_table_says(tmp_path: Path) -> None:
    found = asked(application(tmp_path).routes)
    others = tuple(f"worklist:{name}" for name in ("found", "read", "taken", "identified"))
    assert sorted(line(door, guard) for door, guard in found.items() if guard.place not in others) == sorted(
        filter(None, TABLE.split("\n"))
    )


def test_every_worklist_asks_for_the_same_at_its_own_place_and_an_identified_one_for_more(tmp_path: Path) -> None:
    found = asked(application(tmp_path).routes)
    listed = {door: guard.roles for door, guard in found.items() if guard.place == "worklist:name"}
    for door, guard in found.items():
        method, path = door.split()
        kind, name = path.split("/")[1:3] if path.startswith(("/worklists/", "/uplinks/")) else ("", "")
        assert guard.place == (f"{kind[:-1]}:{name}" if kind else "gateway"), door
        assert guard.besides == ({Role.IDENTIFIED} if name == "identified" else frozenset()), door
        if kind == "worklists":
            assert guard.roles == listed[f"{method} {path.replace(name, 'name', 1)}"], door


def call(who: Principal, **rights: frozenset[Role]) -> Call:
    return Call("id", "", "GET", 0.0, who if not rights else Principal(who.name, who.method, {PLACE: rights["here"]}))


HERE = Guard("RetrieveStudy", frozenset({Role.DOWNLOAD}), PLACE, profile="digest")
IDENTIFIED = Guard("RetrieveStudy", frozenset({Role.DOWNLOAD}), PLACE, frozenset({Role.IDENTIFIED}))


@pytest.mark.parametrize(
    ("guard", "roles", "refused"),
    [
        (HERE, {Role.DOWNLOAD}, None),
        (HERE, {Role.VIEW}, Forbidden),
        (HERE, set(Role) - {Role.DOWNLOAD}, Forbidden),
        (HERE, set(), NotReleased),
        (IDENTIFIED, {Role.DOWNLOAD}, Forbidden),
        (IDENTIFIED, {Role.IDENTIFIED}, Forbidden),
        (IDENTIFIED, {Role.DOWNLOAD, Role.IDENTIFIED}, None),
    ],
)
@pytest.mark.parametrize("who", [SOMEBODY, ANONYMOUS])
def test_a_guard_lets_in_by_role_and_tells_strangers_nothing(
    guard: Guard, roles: set[Role], refused: type[Exception] | None, who: Principal
) -> None:
    asking = call(who, here=frozenset(roles))
    if refused is None:
        guard.enter(asking, {})
        return
    with pytest.raises(refused if who is SOMEBODY else Unauthenticated):
        guard.enter(asking, {})


@pytest.mark.parametrize(
    ("guard", "said"),
    [
        (HERE, "This needs the role download."),
        (IDENTIFIED, "This needs the role download and identified."),
        (Guard("RetrieveInstance", frozenset({Role.VIEW, Role.DOWNLOAD})), "This needs the role download or view."),
    ],
)
def test_who_may_do_something_is_told_what_they_lack(guard: Guard, said: str) -> None:
    asking = Call("id", "", "GET", 0.0, Principal("a", Method.KEY, {guard.place: frozenset({Role.STORE})}))
    with pytest.raises(Forbidden) as refused:
        guard.enter(asking, {})
    assert json.loads(bytes(problem(refused.value).body))["detail"] == said


def test_roles_elsewhere_are_none_here() -> None:
    with pytest.raises(NotReleased):
        HERE.enter(Call("id", "", "GET", 0.0, Principal("a", Method.KEY, {"worklist:other": frozenset(Role)})), {})


def test_a_guard_says_what_the_call_is_also_when_it_refuses() -> None:
    asking = call(SOMEBODY)
    with pytest.raises(NotReleased):
        HERE.enter(asking, {"study": "2.25.1", "series": "2.25.2", "frames": "1"})
    assert (asking.transaction, asking.place, asking.profile) == ("RetrieveStudy", PLACE, "digest")
    assert asking.released == ("2.25.1", "2.25.2")


@pytest.mark.parametrize("who", [EVERYONE, SOMEBODY, ANONYMOUS])
def test_what_is_public_lets_everybody_in(who: Principal) -> None:
    Guard("Liveness").enter(call(who), {})
    Guard("Liveness").show(call(who))


def test_that_there_is_something_is_told_only_to_who_has_a_role_there() -> None:
    HERE.show(call(SOMEBODY, here=frozenset({Role.VIEW})))
    with pytest.raises(NotReleased):
        HERE.show(call(SOMEBODY))
    with pytest.raises(Unauthenticated):
        HERE.show(call(ANONYMOUS))


async def test_a_representation_can_ask_for_more_than_its_resource() -> None:
    async def answer(_request: Request) -> ASGIApp:
        return PlainTextResponse("zip")

    endpoint = HERE.over(answer)
    asking = call(SOMEBODY, here=frozenset({Role.VIEW}))
    request = Request({"type": "http", "headers": [], "dicomveil.call": asking})
    with pytest.raises(Forbidden):
        await endpoint(request)
    request.scope["dicomveil.call"] = call(SOMEBODY, here=frozenset({Role.DOWNLOAD}))
    assert isinstance(await endpoint(request), PlainTextResponse)
