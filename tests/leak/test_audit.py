"""The audit trail of a gateway: who did what, in both forms; nothing of the source, no key, and whole in the end."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lxml import etree

from gateway.access.keys import hash_of, new_key
from gateway.audit.chain import audit_key
from gateway.audit.verify import Verifier
from tests.kit.encode import EXPLICIT, Element, part10
from tests.kit.inprocess import CHEST, DICOM, ECG, HEAD, SECRET, InProcess, in_process, released, sample_folder
from tests.kit.upload import PARTS, body

SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).parents[1] / "unit" / "audit" / "data" / "audit-message.rng"))
SECRETS = ["SMITH", "JONES", "C-100", "H-200", CHEST, HEAD, ECG, "CANARY"]
SENT = "1.2.826.0.1.77.1"
KEYS = {"viewer": new_key(), "nobody": new_key()}
ALLOWED = {
    "keys": {name: {"hash": hash_of(key)} for name, key in KEYS.items()},
    "allow": [
        {"keys": ["viewer"], "worklists": ["research"], "roles": ["view", "download", "store"]},
        {"keys": ["viewer"], "worklists": ["closed"], "roles": ["view"]},
    ],
}
SERVICES = ["search", "retrieve", "store"]


@dataclass(slots=True)
class Audited:
    """A gateway and its two logs."""

    gateway: InProcess
    folder: Path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text("audit.jsonl").splitlines()]

    def last(self, count: int = 1) -> list[dict[str, Any]]:
        return self.lines()[-count:]

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    async def ask(self, path: str, key: str = "viewer", accept: str | None = None, **headers: str) -> int:
        shown = {"X_Api_Key": KEYS[key]} if key else {}
        return (await self.gateway.ask(path, accept, **shown, **headers)).status

    def everything(self) -> str:
        """Give both logs, and what is encoded in them in clear."""
        text = self.text("audit.jsonl") + self.text("audit.xml")
        for line in self.text("audit.xml").splitlines():
            for one in etree.fromstring(line).iter():
                for value in (*one.values(), one.text or ""):
                    text += _decoded(str(value))
        return text


def _decoded(value: str) -> str:
    try:
        return b64decode(value, validate=True).decode()
    except ValueError:
        return ""


@asynccontextmanager
async def audited(
    tmp_path: Path, *, sends: bool = False, limits: dict[str, int] | None = None, **audit: object
) -> AsyncIterator[Audited]:
    (tmp_path / "far").mkdir()
    (tmp_path / "gateway").mkdir()
    origins = {
        "samples": sample_folder(tmp_path / "samples"),
        "far": {"folder": str(tmp_path / "far"), "writable": True},
    }
    worklists = {"research": {}, "closed": {}, "far": {"origin": "far", "services": SERVICES}}
    access = json.loads(json.dumps(ALLOWED))
    access["allow"].append({"keys": ["viewer"], "worklists": ["far"], "roles": ["view", "store"]})
    to = [{"file": "audit.jsonl"}, {"file": "audit.xml", "form": "dicom"}]
    if sends:
        access["allow"].append({"keys": ["viewer"], "uplinks": ["clinic"], "roles": ["uplink"]})
    uplinks = {"clinic": {"origin": "samples", "destination": "far", "profile": "nominal"}}
    settings = {"access": access, "audit": {"to": to} | audit} | ({"uplinks": uplinks} if sends else {})
    settings |= {"limits": limits} if limits else {}
    async with in_process(tmp_path / "gateway", origins, worklists, **settings) as running:
        yield Audited(running, tmp_path / "gateway")


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Audited]:
    async with audited(tmp_path) as site:
        yield site


RESEARCH = "/worklists/research/dicom-web"
STUDY = released(f"/studies/{CHEST}")
UID = STUDY.rpartition("/")[2]


async def test_a_search_says_who_and_how_many(site: Audited) -> None:
    assert await site.ask(f"{RESEARCH}/studies?PatientName=SMITH*") in (200, 204)
    (event,) = site.last()
    assert (event["event"], event["outcome"], event["user"], event["method"]) == ("query", "success", "viewer", "key")
    assert (event["place"], event["transaction"], event.get("count", 0)) == (
        "worklist:research",
        "SearchForStudies",
        0,
    )
    assert await site.ask(f"{RESEARCH}/studies?limit=3") == 200
    assert site.last()[0]["count"] == 3


async def test_a_search_without_a_limit_is_counted_when_it_is_over(site: Audited) -> None:
    assert await site.ask(f"{RESEARCH}/studies") == 200
    assert [(one.get("stage"), one.get("count")) for one in site.last(2)][-1] == (None, 4)


@pytest.mark.parametrize("accept", [DICOM, "application/zip"])
async def test_a_study_is_counted_by_instance_and_by_what_was_done_to_it(site: Audited, accept: str) -> None:
    assert await site.ask(RESEARCH + STUDY, accept=accept) == 200
    begin, end = site.last(2)
    assert (begin["event"], begin["stage"], begin["study"]) == ("transfer", "begin", UID)
    assert (end["event"], end.get("stage"), end["study"], end["count"]) == ("transfer", None, UID, 4)
    assert begin["id"] == end["id"]
    assert end["bytes"] > 10_000
    assert end["actions"]["removed"] > 10
    assert len(end["profile"]) == 16


async def test_an_instance_by_the_uri_service_is_named(site: Audited) -> None:
    path = released(f"/studies/{CHEST}/series/{CHEST}.1/instances/{CHEST}.1.1").split("/")
    query = f"requestType=WADO&studyUID={path[2]}&seriesUID={path[4]}&objectUID={path[6]}"
    assert await site.ask(f"/worklists/research/wado?{query}&contentType=application/dicom") == 200
    assert [site.last()[0][level] for level in ("study", "series", "instance")] == [path[2], path[4], path[6]]


async def test_an_uplink_is_on_record_when_it_is_asked_for_and_when_its_job_has_ended(tmp_path: Path) -> None:
    async with audited(tmp_path, sends=True) as site:
        headers = {"x-api-key": KEYS["viewer"]}
        answer = await site.gateway.client.post("/uplinks/clinic", json={"study": CHEST}, headers=headers)
        assert answer.status_code == 202
        begin, end = site.last(2)
        assert (begin["event"], begin["stage"], begin["place"]) == ("control", "begin", "uplink:clinic")
        assert (end["event"], end["outcome"], end["transaction"]) == ("control", "success", "BeginUplink")
        async with asyncio.timeout(60), aclosing(_looked_at(site, answer.headers["location"], headers)) as states:
            async for _ in states:
                pass
        (export,) = [one for one in site.lines() if one["event"] == "export"]
        assert (export["subject"], export["place"], export["study"]) == (
            end["subject"],
            "uplink:clinic",
            released(CHEST, "clinic"),
        )
        assert export.get("count", 0) + export.get("refused", 0) == 4
        assert (await site.gateway.client.post("/uplinks/clinic", json={"study": CHEST})).status_code == 401
        assert site.last()[0]["event"] == "login"
        assert not [secret for secret in SECRETS if secret in site.everything()]


async def _looked_at(site: Audited, url: str, headers: dict[str, str]) -> AsyncGenerator[str, None]:
    """Yield states of a job, the last one at its end."""
    while (state := (await site.gateway.client.get(url, headers=headers)).json()["state"]) in ("queued", "running"):
        yield state
        await asyncio.sleep(0.05)


async def test_what_is_stored_is_counted_and_named_as_it_lies_at_the_destination(site: Audited) -> None:
    fine = part10(
        [
            Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2"),
            Element(0x00080018, "UI", f"{SENT}.1.1".encode()),
            Element(0x00100010, "PN", b"CANARY^ONE"),
            Element(0x00100020, "LO", b"CANARY"),
            Element(0x0020000D, "UI", SENT.encode()),
            Element(0x0020000E, "UI", f"{SENT}.1".encode()),
        ],
        EXPLICIT,
    )
    headers = {"content-type": PARTS, "x-api-key": KEYS["viewer"]}
    url = f"/worklists/far/dicom-web/studies/{SENT}"
    answer = await site.gateway.client.post(url, content=body(fine, b"CANARY"), headers=headers)
    assert answer.status_code == 202
    begin, end = site.last(2)
    assert (begin["event"], begin["stage"], "study" in begin) == ("store", "begin", False)
    assert (end["event"], end["count"], end["study"]) == ("store", 1, released(SENT, "far"))
    assert sum(end.get(kind, 0) for kind in ("refused", "malformed", "discarded")) == 1
    assert SENT not in site.everything()
    ends = [etree.fromstring(line) for line in site.text("audit.xml").splitlines()[-2:]]
    assert [one[0].get("EventOutcomeIndicator") for one in ends] == ["0", "4"]


@pytest.mark.parametrize(
    ("key", "path", "status", "event"),
    [
        ("", f"{RESEARCH}/studies", 401, "login"),
        ("", "/nowhere/SMITH", 401, "login"),
        ("nobody", f"{RESEARCH}/studies", 404, "denied"),
        ("viewer", f"/worklists/closed/dicom-web{STUDY}", 403, "denied"),
        ("viewer", f"{RESEARCH}/studies/{CHEST}", 404, "transfer"),
        ("viewer", f"{RESEARCH}/studies/SMITH%5EJOHN/metadata", 404, "access"),
        ("viewer", f"{RESEARCH}/studies?limit=SMITH", 400, "query"),
    ],
)
async def test_what_is_refused_is_on_record_without_what_was_asked_for(
    site: Audited, key: str, path: str, status: int, event: str
) -> None:
    assert await site.ask(path, key, DICOM if event in ("transfer", "denied") else None) == status
    (last,) = site.last()
    assert (last["event"], last["outcome"], last["status"], "study" in last) == (event, "refused", status, False)
    assert last.get("user", "") == key


async def test_probes_ask_nobody_who_they_are_and_metrics_no_more_often_than_limits_let_them(tmp_path: Path) -> None:
    async with audited(tmp_path, limits={"requests_per_minute": 5}) as site:
        before = len(site.lines())
        for path in ("/healthz", "/readyz"):
            answers = [await site.gateway.ask(path, Authorization="Bearer CANARY") for _ in range(10)]
            assert {answer.status for answer in answers} == {200}
        assert len(site.lines()) == before
        found = [(await site.gateway.ask("/metrics", X_Api_Key="dv_CANARY")).status for _ in range(10)]
        found += [(await site.gateway.client.delete(path)).status_code for path in ("/healthz", "/metrics")]
        assert found == [401] * 5 + [429] * 7
        assert [one["status"] for one in site.lines()[before:]] == [401] * 5 + [429]


async def test_a_wrong_key_is_a_failed_login_and_not_on_record_itself(site: Audited) -> None:
    assert (await site.gateway.ask(f"{RESEARCH}/studies", X_Api_Key="dv_CANARY")).status == 401
    assert (await site.gateway.ask(f"{RESEARCH}/studies", Authorization="Bearer CANARY")).status == 401
    assert [(one["event"], one["fault"]) for one in site.last(2)] == [("login", "Unauthenticated")] * 2
    assert "CANARY" not in site.everything()


async def test_nothing_of_the_source_and_no_key_is_in_any_log(tmp_path: Path) -> None:
    async with audited(tmp_path) as site:
        series, instance = f"/series/{CHEST}.1", f"/series/{CHEST}.1/instances/{CHEST}.1.1"
        for study in (f"/studies/{CHEST}", STUDY, released(f"/studies/{HEAD}"), "/studies/SMITH%5EJOHN"):
            for below in ("", "/metadata", "/rendered", "/thumbnail", "/series?PatientName=SMITH", "/bulkdata"):
                await site.ask(f"{RESEARCH}{study}{below}")
                await site.ask(f"{RESEARCH}{study}{below}", "", X_Request_Id="CANARY", Forwarded="for=CANARY")
        for below in (series, instance, f"{instance}/frames/1", f"{instance}/rendered"):
            await site.ask(RESEARCH + released(f"/studies/{CHEST}{below}"))
            await site.ask(f"{RESEARCH}/studies/{CHEST}{below}")
        await site.ask(f"{RESEARCH}/instances?PatientID=C-100&00100010=JONES%5EMARY&CANARY=1")
        await site.ask(f"/worklists/research/wado?requestType=WADO&studyUID={CHEST}&seriesUID=CANARY&objectUID=JONES")
    text = site.everything()
    assert len(site.lines()) > 50
    for secret in (*SECRETS, *KEYS.values(), *(hash_of(key) for key in KEYS.values())):
        assert secret not in text
    for line in site.text("audit.xml").splitlines():
        assert SCHEMA.validate(etree.fromstring(line)), SCHEMA.error_log
    verifier = Verifier([audit_key(SECRET)])
    for name in ("audit.jsonl", "audit.xml"):
        with (site.folder / name).open("rb") as lines:
            assert list(verifier.read(name, lines)) == []
    assert list(verifier.open_chains()) == []


async def test_a_gateway_whose_log_is_full_says_503_releases_nothing_and_recovers(tmp_path: Path) -> None:
    async with audited(tmp_path, to=[{"file": "audit.jsonl"}]) as site:
        path = site.folder / "audit.jsonl"
        path.rename(site.folder / "audit.0")
        path.symlink_to("/dev/full")
        for asked, accept in ((STUDY, DICOM), (STUDY + "/metadata", None), ("/studies", None), ("/studies/1.2", None)):
            answer = await site.gateway.ask(RESEARCH + asked, accept, X_Api_Key=KEYS["viewer"])
            assert (answer.status, answer.json["type"].rpartition("/")[2].rpartition(":")[2]) == (503, "audit-failed")
        assert (await site.gateway.ask(RESEARCH + STUDY)).status == 503  # not even a refusal
        stored = await site.gateway.client.post(
            "/worklists/far/dicom-web/studies",
            content=body(b"never read"),
            headers={"content-type": PARTS, "x-api-key": KEYS["viewer"]},
        )
        assert stored.status_code == 503
        assert not list((tmp_path / "far").iterdir())
        assert (await site.gateway.ask("/healthz")).status == 200
        path.unlink()
        assert await site.ask(RESEARCH + STUDY, accept=DICOM) == 200
        assert [one["event"] for one in site.lines()] == ["resumed", "transfer", "transfer"]
    verifier = Verifier([audit_key(SECRET)])
    faults = []
    for name in ("audit.0", "audit.jsonl"):
        with (site.folder / name).open("rb") as lines:
            faults += list(verifier.read(name, lines))
    assert [*faults, *verifier.open_chains()] == []


async def test_where_records_are_not_required_a_full_log_stops_nobody(tmp_path: Path) -> None:
    async with audited(tmp_path, to=[{"file": "audit.jsonl"}], required=False) as site:
        path = site.folder / "audit.jsonl"
        path.unlink()
        path.symlink_to("/dev/full")
        assert await site.ask(RESEARCH + STUDY, accept=DICOM) == 200
        path.unlink()
        assert await site.ask(f"{RESEARCH}/studies?limit=1") == 200
        assert [one["event"] for one in site.lines()] == ["resumed", "transfer", "transfer", "query"]
