"""One URL for several audiences: who is led where, that nobody gains a right by it, and that links stay there."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.access.entrances import Choice, Entrance
from gateway.access.keys import hash_of
from gateway.access.model import ANONYMOUS, Method, Principal
from gateway.config import load_settings
from gateway.core.errors import ConfigFaults
from tests.kit.inprocess import CHEST, DICOM, HEAD, UNKNOWN, Answer, InProcess, in_process, links, sample_folder
from tests.kit.issuer import Issuer, issuer

ALICE, BOB, NOBODY = "dv_alice", "dv_bob", "dv_nobody"
KEYS = {name: {"hash": hash_of(f"dv_{name}")} for name in ("alice", "bob", "nobody")}
ACCESS = {
    "keys": KEYS,
    "allow": [
        {"keys": ["alice"], "worklists": ["chest", "head"], "roles": ["view", "download", "store"]},
        {"keys": ["bob"], "worklists": ["head"], "roles": ["view"]},
    ],
}
WORKLISTS: Mapping[str, Mapping[str, object]] = {
    "chest": {"studies": [CHEST], "domain": "one"},
    "head": {"studies": [HEAD], "domain": "one"},
}
A, B = "a.example.org", "b.example.org"
VIEWER = {
    "path": "/dicom-web",
    "choose": [
        {"host": A, "worklist": "chest"},
        {"host": B, "worklist": "head"},
        {"header": {"X-Audience": "chest"}, "worklist": "chest"},
    ],
}


@asynccontextmanager
async def running(folder: Path, viewer: Mapping[str, object] = VIEWER, **more: object) -> AsyncIterator[InProcess]:
    origin = sample_folder(folder / "studies")
    settings = {"access": ACCESS, "entrances": {"viewer": viewer}} | more
    async with in_process(folder / "gateway", {"samples": origin}, WORKLISTS, **settings) as gateway:
        yield gateway


async def ask(
    gateway: InProcess, path: str, host: str = A, key: str = ALICE, accept: str | None = None, **headers: str
) -> Answer:
    shown = {"authorization": f"Bearer {key}"} if key else {}
    return await gateway.ask(path, accept, host=host, **shown, **headers)


_OWN = ("x-request-id", "etag")


def plain(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """Give an answer without what no two have in common: date, request id, boundary, digest of its URLs."""
    boundary = re.search(r'boundary="?([^";]+)', answer.headers.get("content-type", ""))
    gone = boundary[1] if boundary else "-"
    headers = {name: value.replace(gone, "-") for name, value in answer.headers.items() if name not in _OWN}
    return answer.status, headers, answer.body.replace(gone.encode(), b"-")


async def test_an_answer_by_the_entrance_is_the_worklists_but_for_its_own_urls(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        levels = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
        found = (await ask(gateway, "/dicom-web/instances")).json
        paths = ["".join(f"/{level}/{one[tag]['Value'][0]}" for level, tag in levels.items()) for one in found]
        assert paths
        path = min(paths)
        study, series = path.split("/series")[0], path.split("/instances")[0]
        bulk = links((await ask(gateway, f"/dicom-web{study}/metadata")).json)
        assert bulk
        assert all(link.startswith(f"http://{A}/dicom-web/studies/") for link in bulk)
        asked = [
            ("/studies", None), ("/studies", "application/dicom+xml"), ("/series", None), ("", "application/json"),
            ("/", None),
            (study, DICOM), (series, DICOM), (path, DICOM), (path, "application/dicom"), (f"{path}/metadata", None),
            (f"{study}/metadata", 'multipart/related; type="application/dicom+xml"'),
            (f"{path}/frames/1", None), (f"{path}/rendered", None), (f"{path}/thumbnail", None),
            (f"{path}/bulkdata", None),
            (f"/studies/{UNKNOWN}", DICOM), ("/nowhere", None), ("/studies?limit=a", None), ("/studies?limit=1", None),
            (bulk[0].removeprefix(f"http://{A}/dicom-web"), None),
        ]  # fmt: skip
        seen = 0
        for below, accept in asked:
            own = plain(await ask(gateway, f"/worklists/chest/dicom-web{below}", accept=accept))
            here = plain(await ask(gateway, f"/dicom-web{below}", accept=accept))
            assert b"/worklists/" not in here[2]
            assert "/worklists/" not in str(here[1])
            seen += own[2].count(b"/worklists/chest/dicom-web")
            assert own[0] == here[0]
            swap = (b"/worklists/chest/dicom-web", b"/dicom-web")
            assert own[2].replace(*swap) == here[2], below
            lengthless = [
                {name: value for name, value in one[1].items() if name != "content-length"} for one in (own, here)
            ]
            assert str(lengthless[0]).replace(swap[0].decode(), swap[1].decode()) == str(lengthless[1]), below
        assert seen > 10
        uids = dict(zip(("studyUID", "seriesUID", "objectUID"), path.split("/")[2::2], strict=True))
        named = "&".join(f"{name}={uid}" for name, uid in uids.items())
        query = f"?requestType=WADO&contentType=application/dicom&{named}"
        own, here = [plain(await ask(gateway, f"{base}{query}")) for base in ("/worklists/chest/wado", "/wado")]
        assert own == here
        assert own[0] == 200


@pytest.mark.parametrize(
    ("host", "audience", "studies"),
    [(A, "", 1), (A.upper() + ":8443", "", 1), (A + ".", "", 1), ("c.example.org", "", None),
    ("c.example.org", "chest", 1), ("c.example.org", "head", None), ("c.example.org", "Chest", None)],
)  # fmt: skip
async def test_the_first_choice_that_fits_decides_and_where_none_does_there_is_nothing(
    tmp_path: Path, host: str, audience: str, studies: int | None
) -> None:
    async with running(tmp_path) as gateway:
        answer = await ask(gateway, "/dicom-web/studies", host, x_audience=audience)
        assert answer.status == (404 if studies is None else 200)
        if studies is None:
            nowhere = await ask(gateway, "/nowhere", host)
            assert (answer.status, answer.body) == (nowhere.status, nowhere.body)
        else:
            assert len(answer.json) == studies
        stranger = await ask(gateway, "/dicom-web/studies", host, key="", x_audience=audience)
        assert (stranger.status, stranger.body) == (401, (await ask(gateway, "/nowhere", key="")).body)


async def test_a_choice_gives_nobody_a_right(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        for headers in ({}, {"x_audience": "chest"}):
            assert (await ask(gateway, "/dicom-web/studies", A, BOB, **headers)).status == 404
        assert (await ask(gateway, "/dicom-web/studies", B, BOB)).status == 200
        study = (await ask(gateway, "/dicom-web/studies", B, BOB)).json[0]["0020000D"]["Value"][0]
        assert (await ask(gateway, f"/dicom-web/studies/{study}", B, BOB, accept=DICOM)).status == 403
        assert (await ask(gateway, f"/dicom-web/studies/{study}", A, ALICE, accept=DICOM)).status == 404
        for method in ("PUT", "DELETE", "POST", "OPTIONS"):
            answer = await gateway.ask("/dicom-web/studies", method=method, host=A, x_api_key=BOB)
            assert (answer.status, answer.body) == (404, (await ask(gateway, "/x", A, BOB)).body), method


async def test_a_forwarded_host_counts_only_from_a_trusted_proxy(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    async with running(tmp_path) as gateway:
        assert (await ask(gateway, "/dicom-web/studies", "c", x_forwarded_host=A)).status == 404
    async with running(tmp_path / "with", trusted_proxies=["10.0.0.0/8"]) as gateway:
        found = await ask(gateway, "/dicom-web/studies", "c", x_forwarded_host=A, x_forwarded_proto="https")
        assert found.status == 200
        assert found.json[0]["00081190"]["Value"][0].startswith(f"https://{A}/dicom-web/studies/")


async def test_links_lead_back_to_the_host_that_was_asked_for_under_the_public_path(tmp_path: Path) -> None:
    async with running(tmp_path, public_url="https://main.example.org/pacs") as gateway:
        found = await ask(gateway, "/dicom-web/studies", B)
        assert found.json[0]["00081190"]["Value"][0].startswith(f"https://{B}/pacs/dicom-web/studies/")
        own = await ask(gateway, "/worklists/head/dicom-web/studies", B)
        assert own.json[0]["00081190"]["Value"][0].startswith("https://main.example.org/pacs/worklists/head/dicom-web/")


async def test_groups_and_claims_choose(tmp_path: Path) -> None:
    choose = [{"groups": ["heads"], "worklist": "head"}, {"claims": {"site.name": ["one", "two"]}, "worklist": "chest"}]
    async with issuer() as signs:
        access = {"oidc": [signs.settings()], "allow": [{"users": "*", "worklists": "*", "roles": ["view"]}]}
        async with running(tmp_path, {"path": "/d/w", "choose": choose}, access=access) as gateway:

            async def led(signs: Issuer, **claims: Any) -> str:
                answer = await ask(gateway, "/d/w/studies", key=signs.token(**claims))
                return answer.json[0]["00081190"]["Value"][0] if answer.status == 200 else str(answer.status)

            own = await ask(gateway, "/worklists/head/dicom-web/studies", key=signs.token())
            study = own.json[0]["0020000D"]["Value"][0]
            assert await led(signs, groups=["x", "heads"], site={"name": "one"}) == f"http://{A}/d/w/studies/{study}"
            assert (await led(signs, site={"name": "two"})).startswith(f"http://{A}/d/w/studies/")
            assert await led(signs, site={"name": "three"}) == "404"
            assert await led(signs) == "404"


async def test_pages_of_other_sites_may_send_what_chooses(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.ask(
            "/dicom-web/studies", method="OPTIONS", origin="https://viewer.example.org",
            access_control_request_method="GET", access_control_request_headers="authorization,x-audience",
        )  # fmt: skip
        assert answer.status == 200
        assert {"authorization", "x-audience"} <= set(
            answer.headers["access-control-allow-headers"].lower().split(", ")
        )


def test_a_header_that_comes_twice_chooses_nothing() -> None:
    entrance = Entrance("v", "/v", "/w", (Choice("chest", headers={"x-audience": "chest"}),))
    assert entrance.choose(ANONYMOUS, "", lambda _name: ["chest"]) == "chest"
    assert entrance.choose(ANONYMOUS, "", lambda _name: ["chest", "chest"]) is None
    assert entrance.choose(ANONYMOUS, "", lambda _name: []) is None


def test_all_conditions_of_a_choice_must_fit() -> None:
    choice = Choice("x", host=A, groups=frozenset({"g"}), claims={"c": frozenset({"1"})}, headers={"h": "v"})
    who = Principal("n", Method.TOKEN, groups=frozenset({"g"}), claims={"c": 1})
    assert choice.fits(who, A, lambda _name: ["v"])
    assert not choice.fits(who, B, lambda _name: ["v"])
    assert not choice.fits(who, A, lambda _name: ["w"])
    assert not choice.fits(Principal("n", Method.TOKEN, claims={"c": 1}), A, lambda _name: ["v"])
    assert not choice.fits(Principal("n", Method.TOKEN, groups=frozenset({"g"})), A, lambda _name: ["v"])


FAULTS = [
    ("{a: {choose: []}}", "a.choose: leads nowhere"),
    ("{a: {choose: [{worklist: resaerch}]}}", 'no worklist named "resaerch" (did you mean'),
    ("{research: {choose: [{worklist: research}]}}", "a worklist has this name"),
    ("{a: {path: dicom-web, choose: [{worklist: research}]}}", "should start with /"),
    ("{a: {path: /shares/x, choose: [{worklist: research}]}}", "collides with /shares"),
    ("{a: {path: /worklists/research/dicom-web, choose: [{worklist: research}]}}", "collides with /worklists/research"),
    ("{a: {path: /worklists/research/x, choose: [{worklist: research}]}}", "collides with /worklists/research/wado"),
    ("{a: {path: /x/wado, choose: [{worklist: research}]}}", "its URI Service would be at /x/wado, too"),
    ("{a: {path: /x/y, choose: [{worklist: research}]}, b: {path: /x/z, choose: [{worklist: research}]}}",
     "its path /x/wado collides with /x/wado of a"),
    ("{a: {choose: [{worklist: research, host: A.example.org}]}}", "small letters"),
    ("{a: {choose: [{worklist: research, host: 'a.example.org:8443'}]}}", "no port"),
    ("{a: {choose: [{worklist: research, header: {Authorization: x}}]}}", "not a header that can name an audience"),
    ("{a: {choose: [{worklist: research, groups: []}]}}", "is empty"),
    ("{a: {choose: [{worklist: research, groups: [g]}]}}", "fits nobody without oidc or proxy in access"),
    ("{a: {choose: [{worklist: research}, {worklist: research, host: a}]}}", "is never reached"),
    ("{a: {choose: [{worklist: research, hots: a}]}}", "hots"),
]  # fmt: skip


@pytest.mark.parametrize(("entrances", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_what_is_wrong_with_an_entrance_is_said_with_its_line(tmp_path: Path, entrances: str, said: str) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "secret").write_bytes(bytes(32))
    file = tmp_path / "dicomveil.yaml"
    file.write_text(
        "secret: {file: secret}\norigins: {o: {folder: studies}}\n"
        f"worklists: {{research: {{origin: o, profile: nominal}}}}\nentrances: {entrances}\n"
    )
    with pytest.raises(ConfigFaults) as caught:
        load_settings(file)
    assert [fault for fault in caught.value.faults if said in str(fault)], str(caught.value)
    assert all(fault.where.endswith(":4") for fault in caught.value.faults)


@pytest.mark.parametrize("path", ["/worklists/chest/dicom-web/studies", "/worklists/chest/wado", "/dicom-web/studies"])
async def test_who_has_no_role_somewhere_learns_from_no_limit_that_it_is_there(tmp_path: Path, path: str) -> None:
    async with running(tmp_path, limits={"misses_per_minute": 2}) as gateway:
        answers = [await ask(gateway, path, host=A, key=BOB) for _ in range(5)]
        answers += [await ask(gateway, "/worklists/none/wado", key=BOB) for _ in range(5)]
        assert {(one.status, one.body) for one in answers} == {(404, answers[0].body)}
        guesses = [
            await ask(gateway, f"/worklists/head/dicom-web/studies/2.25.{n}/metadata", key=BOB) for n in range(4)
        ]
        assert [one.status for one in guesses] == [404, 404, 404, 429]


async def test_what_is_denied_by_another_method_or_leads_nowhere_is_on_record(tmp_path: Path) -> None:
    async with running(tmp_path, audit={"to": [{"file": "audit.jsonl"}]}) as gateway:
        for path, method in (("/worklists/chest/dicom-web/studies", "DELETE"), ("/dicom-web/studies", "GET")):
            shown = {"authorization": f"Bearer {BOB}", "host": "nowhere.example.org"}
            assert (await gateway.ask(path, method=method, **shown)).status == 404
        allowed = await gateway.ask("/worklists/head/dicom-web/studies", method="DELETE", **shown)
        assert allowed.status == 405
    log = (tmp_path / "gateway" / "audit.jsonl").read_text().splitlines()
    denied = [(one["event"], one.get("place")) for one in map(json.loads, log) if one.get("user")]
    assert denied == [("denied", "worklist:chest"), ("denied", "entrance:viewer")]
