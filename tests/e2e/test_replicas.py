"""Two gateways and one PostgreSQL, killed in turn under clients that know nothing of each other or of two gateways.

Whatever a client was ever given holds on both: released UIDs, links to bulk data, jobs, shares, what was stored.
"""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from pydicom.uid import UID

from tests.kit.images import image, ramp, written
from tests.kit.postgresql import Server, cluster
from tests.kit.servers import Gateway, Orthanc, gateway, orthanc
from tests.kit.uplinks import CT, ENDED, released, uplinks, write_study
from tests.kit.upload import body, said, send

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow, pytest.mark.timeout(900)]

STUDIES: Final = [f"1.2.826.0.1.95.{number}" for number in range(1, 9)]
INSTANCES: Final = 6
STORED: Final = "1.2.826.0.1.96"
KILLS: Final = 8
END_S: Final = 120
STATED: Final = frozenset({502, 503, 504})
JSON: Final = "application/dicom+json"


@dataclass(frozen=True)
class Stage:
    """Two archives, the database and the gateways over them."""

    cloud: Orthanc
    database: Server
    gateways: list[Gateway]

    def arrived(self) -> set[str]:
        """Return the instances that the destination has."""
        return {one["00080018"]["Value"][0] for one in self.cloud.search("/instances")}


@contextmanager
def replicas(folder: Path) -> Iterator[Stage]:
    for name in ("local", "cloud"):
        (folder / name).mkdir()
    with orthanc(folder / "local") as local, orthanc(folder / "cloud") as cloud, cluster() as database:
        for study in STUDIES:
            write_study(folder / "source", study, INSTANCES, PatientID=study)
        local.load(folder / "source")
        settings = uplinks(local.dicomweb, cloud.dicomweb, share={"days": 3}) | {
            "state": database.url,
            "worklists": {
                "research": {"origin": "local", "profile": "nominal"},
                "upload": {"origin": "cloud", "profile": "strict", "services": ["store"]},
            },
        }
        with gateway(folder / "one", settings) as one, gateway(folder / "other", settings) as other:
            yield Stage(cloud, database, [one, other])


class OverError(Exception):
    """No answer came until it was over."""


@dataclass
class Client:
    """Asks any gateway, at random; what breaks off or is refused in so many words is asked again elsewhere."""

    gateways: list[Gateway]
    chance: random.Random
    is_over: threading.Event
    counts: Counter[str] = field(default_factory=Counter)
    unstated: list[str] = field(default_factory=list)
    studies: set[str] = field(default_factory=set)
    bulk: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)

    def ask(self, path: str, method: str = "GET", **more: Any) -> httpx.Response | None:
        """Ask once; None when nothing came, or a stated refusal."""
        base = self.chance.choice(self.gateways).base
        try:
            answer = httpx.request(method, base + path, timeout=60, **more)
        except httpx.TransportError:
            self.counts["broken"] += 1
            return None
        if answer.status_code in STATED:
            self.counts["refused"] += 1
            return None
        self.counts["right" if answer.is_success else "wrong"] += 1
        if not answer.is_success:
            self.unstated.append(f"{method} {path.split('/')[1]} {answer.status_code}")
        return answer

    def surely(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        """Ask until an answer comes."""
        while (answer := self.ask(path, method, **more)) is None:
            if self.is_over.wait(0.05):
                raise OverError
        return answer

    def search(self) -> None:
        """Search on one gateway, and retrieve by what it said on whichever comes."""
        service = "/worklists/research/dicom-web"
        found = self.surely(f"{service}/studies?limit=3&offset={self.chance.randrange(4)}").json()
        for study in found:
            uid = study["0020000D"]["Value"][0]
            self.studies.add(uid)
            patient = study["00100020"]["Value"][0]
            assert len(self.surely(f"{service}/studies?PatientID={patient}").json()) == 1
            metadata = self.surely(f"{service}/studies/{uid}/metadata").json()
            self.bulk |= {urlsplit(one["7FE00010"]["BulkDataURI"]).path for one in metadata}

    def store(self) -> None:
        """Store one instance, again until it is acknowledged."""
        uid = f"{STORED}.{len(self.stored) + 1}"
        found = image(ramp(16, 16), SOPClassUID=CT, SOPInstanceUID=uid)
        found.StudyInstanceUID, found.SeriesInstanceUID = UID(STORED), UID(f"{STORED}.1000000")
        found.file_meta.MediaStorageSOPInstanceUID = UID(uid)
        content = written(found)
        while not self.is_over.is_set():
            try:
                answer = send(f"{self.chance.choice(self.gateways).base}/worklists/upload/dicom-web", body(content))
            except httpx.TransportError:
                self.counts["broken"] += 1
                continue
            if answer.status_code == 200 and said(answer).stored == [uid]:
                self.counts["right"] += 1
                self.stored.add(uid)
                return
            self.counts["refused"] += 1
            if answer.status_code not in STATED | {409}:
                self.unstated.append(f"store {answer.status_code}")
                return

    def share(self) -> None:
        """Begin a job that shares, under a key, so that asking again begins no other."""
        study = self.chance.choice(STUDIES)
        key = {"Idempotency-Key": f"{self.chance.randrange(1 << 60)}"}
        answer = self.surely("/uplinks/clinic", "POST", json={"study": study, "share": {}}, headers=key)
        if answer.status_code == 202:
            self.jobs.add(answer.headers["location"])
        for job in list(self.jobs):
            self.surely(job)
        time.sleep(0.5)

    def run(self, what: Callable[["Client"], None]) -> None:
        """Do one thing again and again until it is over."""
        try:
            while not self.is_over.is_set():
                what(self)
        except OverError:
            pass
        except BaseException as error:  # noqa: BLE001 it is looked at by the test
            self.unstated.append(f"{type(error).__name__}: {error}")


@contextmanager
def clients(stage: Stage, *things: Callable[[Client], None]) -> Iterator[list[Client]]:
    over = threading.Event()
    found = [Client(stage.gateways, random.Random(number), over) for number in range(len(things))]
    threads = [threading.Thread(target=one.run, args=(what,)) for one, what in zip(found, things, strict=True)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join(END_S)


def killed(one: Gateway) -> None:
    assert one.process is not None
    one.process.send_signal(signal.SIGKILL)
    one.process.wait()
    one.process = None


def test_whatever_a_client_was_given_holds_on_both_wherever_one_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    with replicas(tmp_path) as stage:
        with clients(stage, Client.search, Client.search, Client.store, Client.share) as asked:
            for number in range(KILLS):
                time.sleep(chance.uniform(0.1, 1.5))
                one = stage.gateways[number % 2]
                killed(one)
                time.sleep(chance.uniform(0, 1.0))
                one.start()
        print([dict(one.counts) for one in asked])
        assert [one.unstated for one in asked] == [[]] * len(asked)
        found = {
            name: set.union(*(getattr(one, name) for one in asked)) for name in ("studies", "bulk", "stored", "jobs")
        }
        assert all(found.values()), found
        assert sum(one.counts["broken"] for one in asked) > 0, "nothing was under way where one was killed"
        for one in stage.gateways:
            holds(one, found)
        assert released(sorted(found["stored"]), "upload") <= stage.arrived()


def holds(one: Gateway, found: dict[str, set[str]]) -> None:
    """Every study, link, job and share is there, at a gateway that was never asked for most of them."""
    with httpx.Client(base_url=one.base, timeout=60) as client:
        service = "/worklists/research/dicom-web"
        for uid in found["studies"]:
            assert len(client.get(f"{service}/studies/{uid}/instances").json()) == INSTANCES
        octets = 'multipart/related; type="application/octet-stream"'
        assert {client.get(path, headers={"Accept": octets}).status_code for path in found["bulk"]} == {200}
        for path in found["jobs"]:
            deadline = time.monotonic() + END_S
            while (job := client.get(path).raise_for_status().json())["state"] not in ENDED:
                assert time.monotonic() < deadline, job
                time.sleep(0.1)
            assert (job["state"], job["stored"]) == ("done", INSTANCES), job
            assert client.get(urlsplit(job["share"]["url"]).path).status_code == 200


def test_a_database_that_is_killed_or_hangs_is_stated_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    with replicas(tmp_path) as stage, clients(stage, Client.search, Client.store, Client.share) as asked:
        time.sleep(2)
        stage.database.kill()
        for one in stage.gateways:
            becomes(503, one)
        time.sleep(1)
        stage.database.start()
        for one in stage.gateways:
            becomes(200, one)
        stage.database.signal(signal.SIGSTOP)
        try:
            for one in stage.gateways:
                becomes(503, one)
        finally:
            stage.database.signal(signal.SIGCONT)
        for one in stage.gateways:
            becomes(200, one)
    print([dict(one.counts) for one in asked])
    assert [one.unstated for one in asked] == [[]] * len(asked)


def becomes(status: int, one: Gateway) -> None:
    """Wait for what /readyz says: a gateway says again for a moment what it found."""
    deadline = time.monotonic() + END_S
    while httpx.get(f"{one.base}/readyz", timeout=60).status_code != status:
        assert time.monotonic() < deadline, one.log
        time.sleep(0.2)
