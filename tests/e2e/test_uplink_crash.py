"""A gateway that is killed at any point of an uplink: after the next start every instance arrives, exactly once."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx
import pytest

from tests.kit.servers import Gateway, Orthanc, gateway, orthanc
from tests.kit.uplinks import begin, ended, released, uplinks, write_study

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow, pytest.mark.timeout(1500)]

POINTS: Final = 20
INSTANCES: Final = 40
LARGE: Final = 2
"""Each is sent in a request of its own and ends the one before, so that a job is several requests."""
STUDY: Final = "1.2.826.0.1.88"
LATEST_S: Final = 1.5


@dataclass(frozen=True)
class Stage:
    """The archive with the studies, the destination, and a gateway between them."""

    destination: Orthanc
    gateway: Gateway
    uids: list[str]

    def arrived(self) -> list[str]:
        """Return the instances that the destination has."""
        return [one["00080018"]["Value"][0] for one in self.destination.search("/instances")]

    def empty(self) -> None:
        """Delete what the destination has."""
        for study in self.destination.get("/studies"):
            httpx.delete(f"http://{self.destination.authority}/studies/{study}").raise_for_status()

    def kill(self) -> None:
        """End the gateway as a power cut would."""
        process = self.gateway.process
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.gateway.process = None


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("crash")
    uids = write_study(folder / "source", STUDY, INSTANCES, side=160)
    assert set(write_study(folder / "source", STUDY, LARGE, side=1500)) < set(uids)
    for name in ("local", "cloud"):
        (folder / name).mkdir()
    with orthanc(folder / "local") as local, orthanc(folder / "cloud") as cloud:
        local.load(folder / "source")
        with gateway(folder / "gateway", uplinks(local.dicomweb, cloud.dicomweb)) as server:
            yield Stage(cloud, server, uids)


def test_every_instance_arrives_exactly_once_wherever_the_gateway_is_killed(stage: Stage) -> None:
    chance = random.Random(20261122)
    rows = []
    for number in range(POINTS):
        stage.empty()
        url = begin(stage.gateway.base, STUDY)
        path = url.removeprefix(stage.gateway.base)
        point = wait_for(stage, chance, by_time=number % 2 == 0)
        stage.kill()
        killed_at = len(stage.arrived())
        stage.gateway.start()
        found = ended(stage.gateway.base + path)
        there = stage.arrived()
        new = [change for change in changes(stage.destination) if change["ChangeType"] == "NewInstance"]
        assert len(new) == INSTANCES
        rows.append((number + 1, point, killed_at, len(there), found["state"], found["stored"]))
        assert Counter(there) == Counter(released(stage.uids)), rows[-1]
        assert (found["state"], found["total"], found["stored"], found["failed"]) == ("done", INSTANCES, INSTANCES, 0)
    print("\n   killed                    there then  in the end  job   stored")
    for number, point, killed_at, there_now, state, stored in rows:
        print(f"{number:2} {point:24} {killed_at:11} {there_now:11}  {state:5} {stored:7}")
    in_the_middle = [killed_at for _, _, killed_at, _, _, _ in rows if 0 < killed_at < INSTANCES]
    assert len(in_the_middle) > POINTS / 4, "nothing happens where it was killed"


def wait_for(stage: Stage, chance: random.Random, *, by_time: bool) -> str:
    """Wait for a random moment, or for a random number of instances at the destination."""
    if by_time:
        delay_s = chance.uniform(0, LATEST_S)
        time.sleep(delay_s)
        return f"after {delay_s:.3f} s"
    count = chance.randrange(1, INSTANCES)
    deadline = time.monotonic() + 60
    with httpx.Client(base_url=f"http://{stage.destination.authority}") as client:
        while client.get("/statistics").json()["CountInstances"] < count:
            assert time.monotonic() < deadline
            time.sleep(0.002)  # or it takes the machine from those that it waits for
    return f"at {count} instances"


def changes(server: Orthanc) -> list[dict[str, object]]:
    """Read all that has happened at a server."""
    found: list[dict[str, object]] = []
    since = 0
    while True:
        page = server.get(f"/changes?since={since}&limit=1000")
        found += page["Changes"]
        since = page["Last"]
        if page["Done"]:
            return found
