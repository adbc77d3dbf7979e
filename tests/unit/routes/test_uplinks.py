"""The uplink call over HTTP: what it takes, what it answers, what it refuses without repeating it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access.model import EVERYONE, Principal
from gateway.adapters.origin_http import HttpOrigin
from gateway.adapters.state_contacts import SqlContacts
from gateway.adapters.state_jobs import SqlJobStore
from gateway.adapters.state_shares import SqlShareStore
from gateway.adapters.state_sql import state_url
from gateway.config import SharePolicy
from gateway.core.errors import TooManyFollowers, Unauthenticated
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.notify.contact import Contact
from gateway.notify.notice import Notice
from gateway.notify.notifiers import Notifiers
from gateway.routes.front import Around, Gateway
from gateway.routes.links import Links
from gateway.routes.uplinks import uplink_routes
from gateway.sharing.service import Sharing
from gateway.uplink import jobs as jobs_module
from gateway.uplink.jobs import Jobs
from gateway.uplink.model import Asked, Fate, Job, State
from gateway.uplink.stages import Uplink
from tests.kit.engine import KEYS, profile
from tests.kit.scripted_server import until

STUDY = "1.2.826.0.1.4711"
EMAIL = "erika@example.org"
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)


class Mail:
    async def send(self, contact: Contact, notice: Notice) -> None:
        raise NotImplementedError


@dataclass
class Stage:
    client: httpx.AsyncClient
    store: SqlJobStore
    contacts: SqlContacts
    jobs: Jobs
    woken: list[None] = field(default_factory=list)

    async def begin(self, body: object = None, name: str = "clinic", **headers: str) -> httpx.Response:
        written = {key.replace("_", "-"): value for key, value in headers.items()}
        return await self.client.post(f"/uplinks/{name}", json=body or {"study": STUDY}, headers=written)

    async def begun(self, body: object = None, **headers: str) -> dict[str, Any]:
        answer = await self.begin(body, **headers)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with opened(tmp_path) as found:
        yield found


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stage]:
    url = state_url("sqlite:///state.db", folder)

    def rings(_domain: str) -> KeyRings:
        return KeyRings(KEYS)

    store, contacts, shares = SqlJobStore(url, rings), SqlContacts(url, rings), SqlShareStore(url)
    for one in (store, contacts, shares):
        await one.start()
    nowhere = HttpOrigin("nowhere", "http://127.0.0.1:1/dicom-web")
    engine = Engine(profile("strict"), KEYS)
    uplinks = {
        name: Uplink(name, name, nowhere, nowhere, engine, policy)
        for name, policy in (("clinic", SharePolicy(30, None)), ("quiet", None))
    }
    woken: list[None] = []
    jobs = Jobs(uplinks, store, contacts, Notifiers(Mail()), Sharing(shares, {}), lambda: woken.append(None))

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        yield

    app = Gateway(uplink_routes(jobs, Links("https://gateway.example")), lifespan, ("*",))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Stage(client, store, contacts, jobs, woken)
    await nowhere.aclose()
    for one in (store, contacts, shares):
        await one.aclose()


async def test_a_job_is_begun_at_once_and_tells_nothing_of_its_source(stage: Stage) -> None:
    answer = await stage.begin({"study": STUDY, "share": {"email": EMAIL, "pin": "4711x"}})
    assert answer.status_code == 202
    job = answer.json()
    assert job == {
        "id": job["id"], "state": "queued", "total": 0, "stored": 0, "refused": 0, "discarded": 0, "failed": 0,
    }  # fmt: skip
    assert answer.headers["location"] == f"/uplinks/clinic/jobs/{job['id']}"
    assert answer.headers["cache-control"] == "private, no-store"
    assert len(stage.woken) == 1
    again = await stage.client.get(answer.headers["location"])
    assert (again.status_code, again.json()) == (200, job)
    assert await stage.store.asked(job["id"]) == Asked(STUDY, pin="4711x")
    contact = await stage.contacts.get("clinic", job["id"])
    assert contact is not None
    assert contact.value == EMAIL


async def test_a_share_is_told_when_it_is_there(stage: Stage) -> None:
    job = await stage.begun({"study": STUDY, "share": {}})
    path = f"/uplinks/clinic/jobs/{job['id']}"
    assert (await stage.client.delete(f"{path}/share")).status_code == 404
    await stage.store.shared(job["id"], "t0ken", EXPIRES)
    share = (await stage.client.get(path)).json()["share"]
    assert share == {
        "id": job["id"], "url": "https://gateway.example/shares/t0ken/", "expires": "2030-01-01T00:00:00Z",
        "revoked": False,
    }  # fmt: skip
    for _ in range(2):
        assert (await stage.client.delete(f"{path}/share")).status_code == 204
    del share["url"]
    assert (await stage.client.get(path)).json()["share"] == share | {"revoked": True}


async def test_one_key_is_one_job_and_another_contact_another_request(stage: Stage) -> None:
    body = {"study": STUDY, "share": {"email": EMAIL}}
    first = await stage.begun(body, Idempotency_Key="order 7")
    assert await stage.begun(body, Idempotency_Key="order 7") == first
    assert (await stage.begun(body))["id"] != first["id"]
    for other in ({"study": STUDY}, {"study": STUDY, "share": {"email": "b@example.org"}}, {"study": "1.2.3"}):
        answer = await stage.begin(other, Idempotency_Key="order 7")
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:dicomveil:problem:key-reused")


async def test_the_contact_of_a_call_that_was_not_a_new_job_is_not_kept(stage: Stage, tmp_path: Path) -> None:
    body = {"study": STUDY, "share": {"email": EMAIL}}
    job = await stage.begun(body, Idempotency_Key="order 7")
    await stage.begun(body, Idempotency_Key="order 7")
    await stage.begin(body | {"study": "1.2.3"}, Idempotency_Key="order 7")
    await stage.contacts.wipe(job["id"])
    async with stage.contacts._engine.begin() as connection:
        left = (await connection.exec_driver_sql("SELECT count(*) FROM contacts")).scalar_one()
    assert left == 0


async def test_a_cancelled_job_is_to_be_ended(stage: Stage) -> None:
    job = await stage.begun()
    answer = await stage.client.post(f"/uplinks/clinic/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.json()) == (202, job)
    assert await stage.store.cancelling() == [job["id"]]
    assert len(stage.woken) == 2


async def test_a_job_is_followed_to_its_end(stage: Stage) -> None:
    job = await stage.begun()
    await stage.store.expect(job["id"], ["2.25.1"])
    await stage.store.account(job["id"], {"2.25.1": Fate.STORED})
    await stage.store.end(job["id"], State.DONE, "")
    answer = await stage.client.get(f"/uplinks/clinic/jobs/{job['id']}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: job") == 1
    assert '"stored": 1' in answer.text


async def test_all_who_follow_a_job_share_its_look_ups(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    get = SqlJobStore.get

    async def counting(store: SqlJobStore, uplink: str, job_id: str, owner: str | None = None) -> Job | None:
        looks.append(job_id)
        return await get(store, uplink, job_id, owner)

    monkeypatch.setattr(SqlJobStore, "get", counting)
    job = await stage.begun()
    path = f"/uplinks/clinic/jobs/{job['id']}/events"
    monkeypatch.setattr(jobs_module, "MOST_OF_A_CLIENT", 20)
    followers = [asyncio.create_task(stage.client.get(path)) for _ in range(20)]
    await until(lambda: len(looks) > 20 + 3)
    assert stage.jobs._followers.total() == 20
    before = len(looks)
    await until(lambda: len(looks) > before + 3)
    assert len(looks) < before + 8
    await stage.store.end(job["id"], State.DONE, "")
    answers = await asyncio.gather(*followers)
    assert all(answer.text.count("event: job") == 2 for answer in answers)
    assert (stage.jobs._followers, stage.jobs._looks) == ({}, {})


async def test_more_followers_than_there_may_be_come_back_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "MOST_FOLLOWERS", 2)
    job = await stage.begun()
    path = f"/uplinks/clinic/jobs/{job['id']}"
    followers = [asyncio.create_task(stage.client.get(f"{path}/events")) for _ in range(2)]
    await until(lambda: stage.jobs._followers.total() == 2)
    answer = await stage.client.get(f"{path}/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert (await stage.client.get(path)).status_code == 200
    followers.pop().cancel()
    await until(lambda: stage.jobs._followers.total() == 1)
    followers.append(asyncio.create_task(stage.client.get(f"{path}/events")))
    await until(lambda: stage.jobs._followers.total() == 2)
    await stage.store.end(job["id"], State.DONE, "")
    assert [each.status_code for each in await asyncio.gather(*followers)] == [200, 200]


async def test_no_client_takes_the_places_of_all_who_follow(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "MOST_OF_A_CLIENT", 1)
    name, job = "clinic", (await stage.begun())["id"]
    greedy, other = (stage.jobs.follow(name, job, client=client) for client in ("greedy", "other"))
    await anext(greedy)
    with pytest.raises(TooManyFollowers):
        await anext(stage.jobs.follow(name, job, client="greedy"))
    await anext(other)
    for states in (greedy, other):
        await states.aclose()
    await anext(again := stage.jobs.follow(name, job, client="greedy"))
    await again.aclose()
    assert stage.jobs._followers == {}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "study"),
        ({"study": "../1"}, "study"),
        ({"study": STUDY, "contact": EMAIL}, "member"),
        ({"study": STUDY, "series": []}, "series"),
        ({"study": STUDY, "share": {"email": "nobody"}}, "share.email"),
        ({"study": STUDY, "share": {"email": EMAIL, "phone": "+4915112345678"}}, "share"),
        ({"study": STUDY, "share": {"phone": "+4915112345678"}}, "share"),
        ({"study": STUDY, "share": {"pin": "1"}}, "pin"),
    ],
)
async def test_a_request_that_is_wrong_is_named_and_not_repeated(stage: Stage, body: object, named: str) -> None:
    answer = await stage.client.post("/uplinks/clinic", json=body)
    assert answer.status_code == 400
    assert named in answer.json()["detail"]
    for word in (EMAIL, "nobody", "+4915112345678", STUDY):
        assert word not in answer.text
    assert await stage.store.unfinished() == []


async def test_an_uplink_that_does_not_share_says_so(stage: Stage) -> None:
    answer = await stage.begin({"study": STUDY, "share": {}}, "quiet")
    assert (answer.status_code, answer.json()["detail"]) == (400, "share: this uplink does not share")
    assert (await stage.begin(name="quiet")).status_code == 202


@pytest.mark.parametrize("key", ["", "é".encode().decode("latin-1"), "x" * 256])
async def test_a_key_that_is_none_is_refused(stage: Stage, key: str) -> None:
    answer = await stage.client.post(
        "/uplinks/clinic", json={"study": STUDY}, headers={b"Idempotency-Key": key.encode("latin-1")}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["other", "clinic/jobs/AAAAAAAAAAAAAAAAAAAAAA", "clinic/jobs/%00", "clinic/jobs/x"])
async def test_what_there_is_not_is_all_alike(stage: Stage, path: str) -> None:
    job = await stage.begun()
    missing = (await stage.client.post("/uplinks/nobody", json={"study": STUDY})).content
    for method, rest in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", "/share")):
        answer = await stage.client.request(method, f"/uplinks/{path}{rest}")
        if answer.status_code != 405:
            assert (answer.status_code, answer.content) == (404, missing)
    # Another uplink's job is not there, either.
    assert (await stage.client.get(f"/uplinks/quiet/jobs/{job['id']}")).status_code == 404


async def test_who_follows_is_asked_anew_when_settings_have_changed(stage: Stage) -> None:
    job = await stage.begun()
    path = f"/uplinks/clinic/jobs/{job['id']}"
    following = asyncio.create_task(stage.client.get(f"{path}/events"))
    await until(lambda: stage.jobs._followers.total() == 1)
    stage.jobs.is_retired = True
    answer = await asyncio.wait_for(following, 20)
    assert answer.text.count("event: job") == 1
    assert (await stage.client.get(path)).json()["state"] == "queued"


async def test_who_asks_must_still_be_known_when_the_body_is_whole(stage: Stage) -> None:
    asked = 0

    async def identify(_headers: object, _address: str) -> Principal:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise Unauthenticated("The token has expired.", "invalid_token")
        return EVERYONE

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        yield

    app = Gateway(uplink_routes(stage.jobs, Links(None)), lifespan, (), Around(identify=identify))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        assert (await client.post("/uplinks/clinic", json={"study": STUDY})).status_code == 401
    assert stage.woken == []
