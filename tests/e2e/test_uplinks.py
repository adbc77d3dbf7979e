"""Uplinks between two real archives: what arrives, what is told of it, and what is kept of it where."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.kit.background import in_background
from tests.kit.destination import Destination, destination
from tests.kit.images import CANARY
from tests.kit.postgresql import postgresql
from tests.kit.servers import ROOT, Gateway, Orthanc, gateway, orthanc
from tests.kit.uplinks import Document, Way, begin, ended, job, released, uplinks, way_to, write_study

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc]

INSTANCES: Final = 24
SHARE: Final = {"share": {"days": 3}}


@dataclass(frozen=True)
class Stage:
    """Two archives, the first with studies by name, and a way to the second one."""

    local: Orthanc
    cloud: Orthanc
    way: Way
    studies: dict[str, list[str]]

    def arrived(self, study: str) -> set[str]:
        """Return the instances that the destination has of a (source) study."""
        [there] = released([study])
        found = self.cloud.search(f"/instances?StudyInstanceUID={there}")
        return {one["00080018"]["Value"][0] for one in found}

    def is_complete(self, study: str) -> bool:
        """Say whether all of it arrived."""
        return self.arrived(study) == released(self.studies[study])


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("uplinks")
    names = [f"1.2.826.0.1.99.{number}" for number in range(1, 16)]
    studies = {study: write_study(folder / "source", study, INSTANCES) for study in names}
    for name in ("local", "cloud"):
        (folder / name).mkdir()
    with (
        orthanc(folder / "local") as local,
        orthanc(folder / "cloud") as cloud,
        in_background(way_to(cloud.port)) as way,
    ):
        local.load(folder / "source")
        yield Stage(local, cloud, way, studies)


@pytest.fixture
def stage(archives: Stage) -> Iterator[Stage]:
    archives.way.bytes_per_s, archives.way.is_open = 0, True
    yield archives
    archives.way.bytes_per_s, archives.way.is_open = 0, True


@pytest.fixture(scope="module")
def running(archives: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = uplinks(archives.local.dicomweb, archives.way.base, **SHARE)
    with gateway(tmp_path_factory.mktemp("gateway"), settings) as server:
        yield server


@pytest.fixture
def study(stage: Stage, request: pytest.FixtureRequest) -> str:
    """Name a study that no other test sends."""
    names = request.config.stash.setdefault(_UNSENT, list(stage.studies))
    return names.pop()


_UNSENT = pytest.StashKey[list[str]]()


def events(url: str) -> list[Document]:
    with httpx.stream("GET", f"{url}/events", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines]


def test_a_study_goes_up_and_each_change_is_told_until_the_end(stage: Stage, running: Gateway, study: str) -> None:
    stage.way.bytes_per_s = 60_000
    url = begin(running.base, study)
    told = events(url)
    assert [one["state"] for one in (told[-1], job(url))] == ["done", "done"]
    assert told[-1] == job(url)
    assert [one["stored"] for one in told] == sorted(one["stored"] for one in told)
    assert (told[-1]["total"], told[-1]["stored"]) == (INSTANCES, INSTANCES)
    assert stage.is_complete(study)


def test_the_destination_reads_as_nobody(stage: Stage, running: Gateway, study: str) -> None:
    assert ended(begin(running.base, study))["state"] == "done"
    [found] = stage.cloud.search(f"/studies?StudyInstanceUID={released([study]).pop()}")
    assert found["00100010"]["Value"] == [{"Alphabetic": "ANONYMOUS"}]
    assert found["00100020"]["Value"] == ["000000"]


def test_series_and_instances_that_are_named_go_alone(stage: Stage, running: Gateway, study: str) -> None:
    uids = stage.studies[study]
    series = [uid for uid in uids if uid.startswith(f"{study}.2.")]
    lone = f"{study}.1.2"
    found = ended(begin(running.base, study, series=[f"{study}.2"], instances=[lone]))
    assert (found["state"], found["stored"]) == ("done", len(series) + 1)
    assert stage.arrived(study) == released([*series, lone])
    # What was left out comes later, and nothing comes twice.
    assert ended(begin(running.base, study))["stored"] == INSTANCES
    assert stage.is_complete(study)


@pytest.mark.parametrize("body", [{"study": "1.2.3.4"}, {"series": ["1.2.3.4"]}, {"instances": ["1.2.3.4"]}])
def test_what_the_origin_does_not_have_fails_without_its_name(
    stage: Stage, running: Gateway, body: dict[str, str | list[str]]
) -> None:
    answer = httpx.post(f"{running.base}/uplinks/clinic", json={"study": next(iter(stage.studies))} | body)
    found = ended(running.base + answer.headers["location"])
    assert found["state"] == "failed"
    assert found["reason"] == "there is no such study, series or instance at the origin"


def test_one_key_is_one_job(stage: Stage, running: Gateway, study: str) -> None:
    key = {"Idempotency-Key": f"order {study}"}
    first = begin(running.base, study, key)
    assert begin(running.base, study, key) == first
    assert ended(first)["state"] == "done"
    assert begin(running.base, study, key) == first
    other = httpx.post(f"{running.base}/uplinks/clinic", json={"study": "1.2.3"}, headers=key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:dicomveil:problem:key-reused")
    assert begin(running.base, study) != first


def test_a_cancelled_job_ends_at_once_and_stays_cancelled(stage: Stage, running: Gateway, study: str) -> None:
    stage.way.bytes_per_s = 10_000
    url = begin(running.base, study)
    while job(url)["state"] == "queued":
        time.sleep(0.05)
    assert httpx.post(f"{url}/cancel").status_code == 202
    assert ended(url)["state"] == "cancelled"
    assert httpx.post(f"{url}/cancel").json()["state"] == "cancelled"
    stage.way.bytes_per_s = 0
    assert ended(begin(running.base, study))["state"] == "done"
    assert stage.is_complete(study)


@pytest.mark.parametrize("path", ["nobody", "clinic/jobs/none", "clinic/jobs/none/events"])
def test_what_there_is_not_is_not_found(stage: Stage, running: Gateway, path: str) -> None:
    assert httpx.get(f"{running.base}/uplinks/{path}").status_code in (404, 405)
    assert httpx.post(f"{running.base}/uplinks/nobody", json={"study": "1.2"}).status_code == 404


def test_a_share_can_be_opened_until_it_is_revoked(stage: Stage, running: Gateway, study: str) -> None:
    url = begin(running.base, study, share={})
    share = ended(url)["share"]
    assert httpx.get(share["url"]).status_code == 200
    assert httpx.delete(f"{url}/share").status_code == 204
    assert httpx.get(share["url"]).status_code == 404
    assert job(url)["share"] == {"id": share["id"], "expires": share["expires"], "revoked": True}


def test_a_job_waits_for_a_destination_that_is_down(stage: Stage, running: Gateway, study: str) -> None:
    stage.way.shut()
    url = begin(running.base, study)
    while "reason" not in job(url):
        time.sleep(0.05)
    assert job(url)["state"] == "running"
    stage.way.reopen()
    assert ended(url)["state"] == "done"
    assert "reason" not in job(url)
    assert stage.is_complete(study)


def test_a_job_gets_through_to_a_destination_that_flaps(stage: Stage, running: Gateway, study: str) -> None:
    stage.way.bytes_per_s = 40_000
    url = begin(running.base, study)
    for _ in range(4):
        time.sleep(0.6)
        stage.way.shut()
        time.sleep(0.1)
        stage.way.reopen()
    found = ended(url)
    assert (found["state"], found["stored"], found["failed"]) == ("done", INSTANCES, 0)
    assert stage.is_complete(study)


def test_a_job_waits_for_a_destination_that_is_full(stage: Stage, study: str, tmp_path: Path) -> None:
    full = Destination(refuses_after=(0, "507 Insufficient Storage"))
    with in_background(destination(full)), gateway(tmp_path, uplinks(stage.local.dicomweb, full.base)) as server:
        url = begin(server.base, study)
        while "reason" not in (found := job(url)):
            time.sleep(0.05)
        assert (found["state"], found["stored"]) == ("running", 0)
        assert "full" in found["reason"]
        assert httpx.post(f"{url}/cancel").status_code == 202
        assert ended(url)["state"] == "cancelled"


def test_the_shell_sends_a_study_without_a_server(stage: Stage, study: str, tmp_path: Path) -> None:
    with gateway(tmp_path, uplinks(stage.local.dicomweb, stage.way.base, **SHARE)) as server:
        server.stop()
        done = shell(server, "-", "--share", typed=f"{study}\n")
        assert done.returncode == 1
        assert "public_url" in done.stderr
        config = json.loads(server.config.read_text()) | {"public_url": "https://gateway.example.org"}
        server.config.write_text(json.dumps(config))
        done = shell(server, "-", "--share", typed=f"{study}\n")
    assert done.returncode == 0, done.stderr
    first, link = done.stdout.splitlines()
    assert first == f"done: {INSTANCES} stored of {INSTANCES}"
    assert link.startswith("https://gateway.example.org/shares/")
    assert stage.is_complete(study)


def test_the_shell_leaves_a_study_to_the_server_that_runs(stage: Stage, running: Gateway, study: str) -> None:
    done = shell(running, study)
    assert (done.returncode, done.stdout) == (0, f"done: {INSTANCES} stored of {INSTANCES}\n")
    done = shell(running, "1.2.3.4")
    assert done.returncode == 1
    assert done.stdout.startswith("failed: nothing stored of 0; there is no such study")
    done = shell(running, study, "--no-wait")
    assert done.stdout.startswith("queued: ")
    assert ended(f"{running.base}/uplinks/clinic/jobs/{done.stdout.split()[1]}")["state"] == "done"


def shell(server: Gateway, study: str, *options: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "uplink", "clinic", study, "--config", str(server.config), *options]
    return subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, check=False, timeout=120)


def test_nothing_of_the_source_is_kept_or_logged(stage: Stage, study: str, tmp_path: Path) -> None:
    stage.way.bytes_per_s = 40_000
    with gateway(tmp_path, uplinks(stage.local.dicomweb, stage.way.base, **SHARE)) as server:
        url = begin(server.base, study, {"Idempotency-Key": f"order of {CANARY}"}, share={})
        seen = b""
        while job(url)["state"] not in ("done", "failed"):
            seen += kept(server)
        seen += kept(server)
        assert job(url)["state"] == "done"
        server.stop()
        seen += kept(server)
    assert b"sqlite" in seen.lower()
    for word in (study, CANARY):
        assert word.encode() not in seen
    assert json.dumps(ended_words(seen)) == "[]"


def ended_words(seen: bytes) -> list[str]:
    """Find what must not be in any file: pickles of DBOS, and links of shares."""
    return [word for word in ("py_pickle", "/shares/") if word.encode() in seen]


def kept(server: Gateway) -> bytes:
    """Return every file that a gateway writes, its memory maps' names and its command line."""
    names = [path for path in server.folder.iterdir() if path.name.startswith("state") or path.name == "log"]
    own = Path(f"/proc/{server.process.pid}") if server.process else None
    return b"".join(path.read_bytes() for path in names if path.exists()) + (
        (own / "cmdline").read_bytes() + (own / "environ").read_bytes() if own else b""
    )


def test_of_two_servers_on_one_database_the_other_goes_on_where_one_is_killed(
    stage: Stage, study: str, tmp_path: Path
) -> None:
    stage.way.bytes_per_s = 15_000
    with postgresql() as database:
        settings = uplinks(stage.local.dicomweb, stage.way.base) | {"state": database}
        with gateway(tmp_path / "one", settings) as one, gateway(tmp_path / "other", settings) as other:
            url = begin(other.base, study)
            while job(url)["state"] != "running":
                time.sleep(0.05)
            assert one.process is not None
            one.process.kill()
            one.process.wait()
            one.process = None
            stage.way.bytes_per_s = 0
            found = ended(url)
        assert (found["state"], found["stored"]) == ("done", INSTANCES)
        assert stage.is_complete(study)
