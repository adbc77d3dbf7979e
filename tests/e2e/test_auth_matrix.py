"""Who gets through which door: every kind of credentials x set of roles x place x door x method, on the whole program.

What is expected is worked out here, from NEEDS and nothing else. A cell is one request and the status it must have.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.applications import Starlette

from gateway.access.keys import hash_of
from tests.kit.inprocess import CHEST, Answer, built, links, sample_folder, started
from tests.kit.issuer import Issuer, issuer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
ROLES: Final = ("view", "download", "store", "uplink", "share", "manage", "identified", "metrics")
AT: Final = {
    "worklist": frozenset({"view", "download", "store", "identified"}),
    "uplink": frozenset({"uplink", "share", "manage"}),
    "gateway": frozenset({"metrics", "manage"}),
}
"""Roles that mean something at a kind of place."""
NEEDS: Final = {
    "worklist": [  # the most of what one may do there with each role
        ("GET|OPTIONS", r"/?", "view download store"),
        ("GET", r"/(studies|series|instances)", "view"),
        ("GET", r"/studies/S(/series/E)?/(series|instances|metadata|rendered|thumbnail)", "view"),
        ("GET", r"/studies/S/series/E/instances/I/(metadata|rendered|thumbnail|bulkdata(/T)?|pixeldata)", "view"),
        ("GET", r"/studies/S/series/E/instances/I", "view download"),
        ("GET", r"/studies/S/series/E/instances/I/frames/1(/rendered|/thumbnail)?", "view"),
        ("GET", r"\?URI", "view"),
        ("GET", r"/studies/S(/series/E)?(/bulkdata|/pixeldata)?", "download"),
        ("POST", r"/studies(/S)?", "store"),
    ],
    "uplink": [
        ("POST", r"", "uplink"),
        ("GET", r"/jobs/J(/events)?", "uplink manage"),
        ("POST", r"/jobs/J/cancel", "uplink manage"),
        ("DELETE", r"/jobs/J/share", "share manage"),
    ],
    "gateway": [("GET", r"/metrics", "metrics manage")],
}  # fmt: skip
PROBES: Final = ("/healthz", "/readyz")
"""Nobody is asked who they are here, so what they show is not looked at."""
OPEN: Final = (*PROBES, "/openapi.json")
WORKLIST_DOORS: Final = (
    "", "/", "/studies", "/series", "/instances", "/studies/S", "/studies/S/series", "/studies/S/instances",
    "/studies/S/metadata", "/studies/S/rendered", "/studies/S/thumbnail", "/studies/S/bulkdata", "/studies/S/pixeldata",
    "/studies/S/series/E", "/studies/S/series/E/instances", "/studies/S/series/E/metadata",
    "/studies/S/series/E/rendered",
    "/studies/S/series/E/thumbnail", "/studies/S/series/E/bulkdata", "/studies/S/series/E/pixeldata",
    "/studies/S/series/E/instances/I", "/studies/S/series/E/instances/I/metadata",
    "/studies/S/series/E/instances/I/rendered", "/studies/S/series/E/instances/I/thumbnail",
    "/studies/S/series/E/instances/I/bulkdata", "/studies/S/series/E/instances/I/pixeldata",
    "/studies/S/series/E/instances/I/bulkdata/T", "/studies/S/series/E/instances/I/frames/1",
    "/studies/S/series/E/instances/I/frames/1/rendered", "/studies/S/series/E/instances/I/frames/1/thumbnail", "?URI",
)  # fmt: skip
UPLINK_DOORS: Final = ("", "/jobs/J", "/jobs/J/events", "/jobs/J/cancel", "/jobs/J/share")
NO_SUCH_TYPE: Final = "application/x-nothing"
"""What no door makes: whoever is let in is told so, with 406, before anything is read."""

Rights = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Who:
    """Somebody: headers, the address of the connection, roles by kind of place; ``hostile``: must be let in nowhere."""

    name: str
    headers: Mapping[str, str]
    rights: Rights
    address: str = "10.1.2.3"
    is_stranger: bool = False
    is_hostile: bool = False


@dataclass(frozen=True)
class Place:
    """A kind of place, an address, what it takes besides, and headers that lead there. ``mine``: somebody has roles."""

    kind: str
    base: str
    besides: frozenset[str] = frozenset()
    headers: tuple[tuple[str, str], ...] = ()
    mine: bool = True
    services: tuple[str, ...] = ("search", "retrieve", "store")


def role_sets() -> dict[str, frozenset[str]]:
    everything = frozenset(ROLES)
    single = {f"only {role}": frozenset({role}) for role in ROLES}
    but_one = {f"all but {role}": everything - {role} for role in ROLES}
    return {"none": frozenset(), "all": everything, **single, **but_one}


def rules(sets: Mapping[str, frozenset[str]]) -> Iterator[dict[str, object]]:
    for name, roles in sets.items():
        for who in ({"groups": [name]}, {"keys": [name.replace(" ", "-")]}):
            for kind, there in AT.items():
                where: Mapping[str, object] = {
                    "worklist": {"worklists": ["research", "reading", "taken"]},
                    "uplink": {"uplinks": ["clinic"]},
                    "gateway": {},
                }[kind]  # fmt: skip
                if roles & there:
                    yield {**who, **where, "roles": sorted(roles & there)}


def settings(signs: Issuer, folder: Path) -> dict[str, Any]:
    sets = role_sets()
    keys = {name.replace(" ", "-"): {"hash": hash_of(f"dv_{name}")} for name in sets}
    keys["old"] = {"hash": hash_of("dv_old"), "expires": "2020-01-01"}
    owner = {"keys": ["all"], "uplinks": ["clinic"], "roles": ["uplink"]}
    anyone = {"anyone": True, "worklists": ["teaching"], "roles": ["view"]}
    (folder / "far").mkdir()
    studies = sample_folder(folder / "studies") | {"writable": True}
    return {
        "origins": {"samples": studies, "far": {"folder": str(folder / "far"), "writable": True}},
        "worklists": {
            "research": {"services": ["search", "retrieve", "store"], "studies": [CHEST]},
            "reading": {"identified": True, "services": ["search", "retrieve", "store"], "studies": [CHEST]},
            "taken": {"services": ["store"]},
            "hidden": {"services": ["search", "retrieve", "store"]},
            "teaching": {"studies": [CHEST]},
        },
        "uplinks": {"clinic": {"origin": "samples", "destination": "far", "share": {"days": 1}},
                    "quiet": {"origin": "samples", "destination": "far"}},
        "entrances": {"viewer": {"path": "/dicom-web", "choose": [
            {"header": {"X-Audience": one}, "worklist": one} for one in ("research", "reading", "hidden")
        ]}},
        "trusted_proxies": ["10.9.0.0/24"],
        "limits": {"requests_per_minute": 10_000_000, "misses_per_minute": 10_000_000},
        "access": {
            "oidc": [signs.settings()],
            "keys": keys,
            "proxy": {"user": "X-User", "groups": "X-Groups"},
            "allow": [*rules(sets), owner, anyone],
        },
    }  # fmt: skip


@dataclass
class House:
    """The running program, and what its templates stand for in one worklist."""

    application: Starlette
    names: dict[str, dict[str, str]]

    async def knock(self, who: Who, method: str, path: str, accept: str = "", **more: str) -> Answer:
        """Ask once, as a server does."""
        headers = {
            "host": "gateway.example",
            **who.headers,
            **{name.replace("_", "-"): one for name, one in more.items()},
        }
        if accept:
            headers["accept"] = accept
        body = headers.pop("body", "").encode()
        path, _, query = path.partition("?")
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": (who.address, 50000), "server": ("127.0.0.1", 8042),
        }  # fmt: skip
        told: list[Any] = [{"type": "http.request", "body": body}]
        said: list[Any] = []

        async def receive() -> Any:
            return told.pop() if told else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            said.append(message)

        await self.application(scope, receive, send)
        found = {name.decode(): value.decode("latin-1") for name, value in said[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in said[1:])
        return Answer(said[0]["status"], found, body, not said[-1].get("more_body", False))

    def path(self, place: Place, door: str) -> str:
        """Give the path of a door."""
        names = self.names[
            "reading" if "identified" in place.besides else "clinic" if place.kind == "uplink" else "research"
        ]
        if door == "?URI":
            base = "/wado" if place.base == "/dicom-web" else place.base.removesuffix("/dicom-web") + "/wado"
            query = f"requestType=WADO&studyUID={names['S']}&seriesUID={names['E']}&objectUID={names['I']}"
            return f"{base}?{query}"
        return place.base + "/".join(names.get(step, step) for step in door.split("/"))


@asynccontextmanager
async def house(folder: Path, signs: Issuer) -> AsyncIterator[House]:
    written = settings(signs, folder)
    application = built(folder / "gateway", written.pop("origins"), written.pop("worklists"), **written)
    async with started(application):
        found = House(application, {})
        boss = Who("boss", {"x-api-key": "dv_all"}, {})
        for name in ("research", "reading"):
            base = f"/worklists/{name}/dicom-web"
            one = (await found.knock(boss, "GET", f"{base}/instances?Modality=CT&limit=1")).json[0]
            uids = {key: one[tag]["Value"][0] for key, tag in (("S", "0020000D"), ("E", "0020000E"), ("I", "00080018"))}
            metadata = await found.knock(boss, "GET", f"{base}/studies/{uids['S']}/metadata")
            link = next(link for link in links(metadata.json) if f"/instances/{uids['I']}/bulkdata/" in link)
            found.names[name] = uids | {"T": link.rpartition("/")[2]}
        key = Who("owner", {"x-api-key": "dv_all"}, {})
        body = json.dumps({"study": "1.2.826.0.1.55.9"})
        begun = await found.knock(key, "POST", "/uplinks/clinic", content_type="application/json", body=body)
        assert begun.status == 202, begun.body
        found.names["clinic"] = {"J": begun.json["id"]}
        yield found


def friends(signs: Issuer) -> Iterator[Who]:
    for name, roles in role_sets().items():
        rights = {kind: roles & there for kind, there in AT.items()}
        token = signs.token(name.replace(" ", "."), groups=[name])
        yield Who(f"token {name}", {"authorization": f"Bearer {token}"}, rights)
        yield Who(f"key {name}", {"x-api-key": f"dv_{name}"}, rights)
        yield Who(f"proxy {name}", {"x-user": "u", "x-groups": f"x, {name}"}, rights, "10.9.0.7")
    yield Who("anonymous", {}, {}, is_stranger=True)


def enemies(signs: Issuer, rotated: str) -> Iterator[Who]:
    def enemy(name: str, **headers: str) -> Who:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return Who(name, named, {}, is_stranger=True, is_hostile=True)

    good = signs.token("all", groups=["all"])
    for name, token in signs.hostile("all").items():
        yield enemy(f"token: {name}", authorization=f"Bearer {token}")
    yield enemy("token of a key rotated away", authorization=f"Bearer {rotated}")
    yield enemy("unknown key", x_api_key="dv_nobody")
    yield enemy("expired key", x_api_key="dv_old")
    yield enemy("unknown key as token", authorization="Bearer dv_nobody")
    yield enemy("hash of a key", x_api_key=hash_of("dv_all"))
    yield enemy("password", authorization="Basic YWxsOmFsbA==")
    yield enemy("token and key", authorization=f"Bearer {good}", x_api_key="dv_all")
    yield enemy("key and proxy", x_api_key="dv_all", x_user="u")
    yield enemy("user named by who is no proxy", x_user="u", x_groups="all")
    yield enemy("user named by who says to be behind one", x_user="u", x_groups="all", x_forwarded_for="10.9.0.7")


PLACES: Final = (
    Place("worklist", "/worklists/research/dicom-web"),
    Place("worklist", "/worklists/reading/dicom-web", frozenset({"identified"})),
    Place("worklist", "/worklists/taken/dicom-web", services=("store",)),
    Place("worklist", "/worklists/hidden/dicom-web", mine=False),
    Place("worklist", "/worklists/no-such/dicom-web", mine=False),
    Place("worklist", "/dicom-web", headers=(("x-audience", "research"),)),
    Place("worklist", "/dicom-web", frozenset({"identified"}), (("x-audience", "reading"),)),
    Place("worklist", "/dicom-web", headers=(("x-audience", "hidden"),), mine=False),
    Place("worklist", "/dicom-web", mine=False),
    Place("uplink", "/uplinks/clinic"),
    Place("uplink", "/uplinks/quiet", mine=False),
    Place("gateway", ""),
)
FEW: Final = tuple(PLACES[index] for index in (0, 9, 11))
"""For credentials whose only difference to others shows before any place does."""


def visited(who: Who) -> Iterable[Place]:
    """Give where somebody tries: nobody's places are the same to everybody who is known."""
    if who.name in ("anonymous", "token all", "token none", "token only view"):
        return PLACES
    return [place for place in PLACES if place.mine] if who.name.startswith("token") else FEW


def doors(place: Place) -> Iterable[str]:
    kinds = {"worklist": WORKLIST_DOORS, "uplink": UPLINK_DOORS, "gateway": ("/metrics", *OPEN)}
    return kinds[place.kind]


def served(place: Place, door: str) -> dict[str, frozenset[str]]:
    """Give the methods of a door with the roles of which one is needed; nothing where there is no such door."""
    found: dict[str, frozenset[str]] = {}
    for methods, pattern, roles in NEEDS[place.kind]:
        if re.fullmatch(pattern, door):
            found |= {method: frozenset(roles.split()) for method in methods.split("|")}
    if place.services == ("store",) and door not in ("", "/"):
        found.pop("GET", None)
    return found


def expected(who: Who, place: Place, door: str, method: str) -> set[int]:
    """Give the statuses that are right."""
    if who.is_hostile:
        return {200, 503} if door in PROBES and method in ("GET", "HEAD") else {401}
    refused = 401 if who.is_stranger else 404
    if door in OPEN:
        return (
            {200, 503}
            if method in ("GET", "HEAD")
            else {401}
            if who.is_stranger
            else {204 if method == "OPTIONS" else 405}
        )
    own = who.rights.get(place.kind, frozenset()) if place.mine else frozenset()
    listed = served(place, door)
    asked = "GET" if method == "HEAD" else method
    if not own or not listed or (place.kind == "worklist" and asked == "GET" and "GET" not in listed):
        return {refused}
    if asked not in listed:
        return {204} if method == "OPTIONS" else {405}
    if not (own & listed[asked] and place.besides <= own):
        return {403}
    return allowed(who, place, door, asked)


def allowed(who: Who, place: Place, door: str, method: str) -> set[int]:
    if place.kind == "gateway":
        return {200}
    if place.kind == "worklist":
        return {406}  # whatever the method: NO_SUCH_TYPE is looked at before all else
    if door == "":
        return {415}
    own = "manage" in who.rights["uplink"] or who.name == "key all"
    return {404} if not own or method == "DELETE" else {202} if method == "POST" else {200}


@pytest.fixture
async def signs() -> AsyncIterator[Issuer]:
    async with issuer() as running:
        yield running


async def check(found: House, who: Who, place: Place, seen: Counter[int], said: dict[str, set[bytes]]) -> list[str]:
    wrong = []
    for door in doors(place):
        path = found.path(place, door)
        accept = NO_SUCH_TYPE if place.kind == "worklist" else ""
        for method in METHODS:
            answer = await found.knock(who, method, path, accept, **dict(place.headers))
            seen[answer.status] += 1
            if answer.status not in expected(who, place, door, method):
                wrong.append(f"{who.name}: {method} {place.base}{door} {place.headers}: {answer.status}")
            if answer.status == 401 or (answer.status == 404 and not place.mine):
                words = "page " if path.startswith(("/uplinks", "/metrics")) else ""  # without CORS
                kind = f"{words}{answer.status}{' HEAD' if method == 'HEAD' else ''}"
                said.setdefault(kind, set()).add(answer.said)
    return wrong


async def test_who_may_what_where(signs: Issuer, tmp_path: Path, record_property: Any) -> None:
    async with house(tmp_path, signs) as found:
        seen: Counter[int] = Counter()
        said: dict[str, set[bytes]] = {}
        wrong = [
            line
            for who in friends(signs)
            for place in visited(who)
            for line in await check(found, who, place, seen, said)
        ]
        assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} of {seen.total()} cells"
        print(f"\nauth matrix: {seen.total()} cells, {dict(sorted(seen.items()))}")
        record_property("cells", seen.total())
        assert set(seen) >= {200, 202, 204, 401, 403, 404, 405, 406, 415}
        # All that is not there, and all that is not theirs, is told in the same words.
        assert {kind: len(words) for kind, words in said.items()} == dict.fromkeys(said, 1), said
        boss = Who("boss", {"x-api-key": "dv_all"}, {})
        stranger = Who("stranger", {}, {})
        assert said["404"] == {(await found.knock(boss, "GET", "/never")).said}
        assert said["401"] == {(await found.knock(stranger, "GET", "/never")).said}


async def test_credentials_that_do_not_hold_open_nothing(signs: Issuer, tmp_path: Path) -> None:
    async with house(tmp_path, signs) as found:
        rotated = signs.token("all", groups=["all"])
        signs.rotate()
        seen: Counter[int] = Counter()
        said: dict[str, set[bytes]] = {}
        wrong = [
            line
            for who in enemies(signs, rotated)
            for place in FEW
            for line in await check(found, who, place, seen, said)
        ]
        assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} of {seen.total()} cells"
        assert set(seen) <= {200, 401, 503}
        print(f"\nhostile matrix: {seen.total()} cells, {seen[401]} of them 401, the others probes")


async def test_answers_differ_by_role_and_not_by_who_asked_before(signs: Issuer, tmp_path: Path) -> None:
    """The same URLs, one after the other, really answered: what one may see is kept for nobody else."""
    sets = role_sets()
    levels = ("/studies/S", "/studies/S/series/E", "/studies/S/series/E/instances/I")
    zips = [(level, "application/zip", "download") for level in levels]
    objects = [
        (levels[2], "application/dicom", "view download"),
        (levels[1], 'multipart/related; type="application/dicom"', "download"),
    ]
    others = [
        (door, "", roles)
        for door in WORKLIST_DOORS
        if door.startswith(("/studies/S/", "?")) and door not in levels
        for _, pattern, roles in NEEDS["worklist"]
        if re.fullmatch(pattern, door)
    ]
    cells = 0
    async with house(tmp_path, signs) as found:
        for place in (PLACES[0], PLACES[1], PLACES[5]):
            for door, accept, role in [*zips, *objects, *others]:
                path = found.path(place, door)
                for name in ("all", "only view", "only download", "all but identified", "none", "all"):
                    who = Who(name, {"x-api-key": f"dv_{name}"}, {})
                    enough = bool(set(role.split()) & sets[name]) and place.besides <= sets[name]
                    for conditions in (
                        {},
                        {"if_none_match": "*", "if_modified_since": "Mon, 01 Jan 2001 00:00:00 GMT"},
                    ):
                        answer = await found.knock(who, "GET", path, accept, **dict(place.headers), **conditions)
                        right = {200, 204, 304, 412} if enough else {404} if name == "none" else {403}
                        if enough and door.endswith(("bulkdata", "pixeldata", "rendered", "thumbnail")):
                            right |= {406}  # an instance without pictures, or bulk data without a common type
                        assert answer.status in right, (name, door, accept, answer.status, answer.body[:200])
                        assert answer.headers["cache-control"] == "private, no-store" or answer.status == 304
                        cells += 1
    print(f"\nreal answers: {cells} cells")


async def test_what_is_taken_out_of_the_settings_opens_nothing_after_a_reload(signs: Issuer, tmp_path: Path) -> None:
    async with house(tmp_path, signs) as found:
        token = signs.token("u", groups=["all"])
        shown = [{"x-api-key": "dv_all"}, {"authorization": f"Bearer {token}"}]
        for headers in shown:
            assert (
                await found.knock(Who("", headers, {}), "GET", "/worklists/research/dicom-web/studies")
            ).status == 200
    signs.rotate()
    settings = json.loads((tmp_path / "gateway" / "dicomveil.yaml").read_text())
    access = settings["access"]
    del access["keys"]["all"]
    access["allow"] = [rule for rule in access["allow"] if "all" not in rule.get("keys", ())]
    origins, worklists = settings.pop("origins"), settings.pop("worklists")
    application = built(tmp_path / "gateway", origins, worklists, **settings)
    async with started(application):
        after = House(application, {})
        for headers in shown:
            answer = await after.knock(Who("", headers, {}), "GET", "/worklists/research/dicom-web/studies")
            assert answer.status == 401
        fresh = Who("", {"authorization": f"Bearer {signs.token('u', groups=['all'])}"}, {})
        assert (await after.knock(fresh, "GET", "/worklists/research/dicom-web/studies")).status == 200


async def test_a_job_is_there_for_who_began_it_and_for_who_manages(signs: Issuer, tmp_path: Path) -> None:
    def who(name: str, way: str = "token") -> Who:
        if way == "key":
            return Who(name, {"x-api-key": f"dv_{name}"}, {})
        return Who(name, {"authorization": f"Bearer {signs.token(name, groups=['only uplink'])}"}, {})

    body = json.dumps({"study": "1.2.826.0.1.55.8"})
    more = {"content_type": "application/json", "body": body, "idempotency_key": "order 7"}
    async with house(tmp_path, signs) as found:
        alice, bob, key = who("alice"), who("bob"), who("only uplink", "key")
        first = (await found.knock(alice, "POST", "/uplinks/clinic", **more)).json["id"]
        assert (await found.knock(alice, "POST", "/uplinks/clinic", **more)).json["id"] == first
        others = [(await found.knock(one, "POST", "/uplinks/clinic", **more)).json["id"] for one in (bob, key)]
        assert len({first, *others}) == 3
        path = f"/uplinks/clinic/jobs/{first}"
        nothing = (await found.knock(bob, "GET", "/uplinks/clinic/jobs/AAAAAAAAAAAAAAAAAAAAAA")).said
        for method, rest in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
            for one in (bob, key):
                assert (await found.knock(one, method, path + rest)).said == nothing, (one.name, rest)
        for one in (alice, who("only manage", "key")):
            assert (await found.knock(one, "GET", path)).status == 200
        assert (await found.knock(alice, "POST", f"{path}/cancel")).status == 202
        share = json.dumps({"study": "1.2.826.0.1.55.8", "share": {}})
        for one, status in ((alice, 403), (who("all but share", "key"), 403), (who("all", "key"), 202)):
            answer = await found.knock(one, "POST", "/uplinks/clinic", content_type="application/json", body=share)
            assert answer.status == status, one.name
        assert (await found.knock(who("only share", "key"), "DELETE", f"{path}/share")).said == nothing
