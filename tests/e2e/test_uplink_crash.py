"""A gateway that is killed at any point of an uplink: after the next start every instance arrives, exactly once."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.kit.background import in_background
from tests.kit.servers import Gateway, Orthanc, gateway, orthanc
from tests.kit.uplinks import begin, ended, released, throttled, uplinks, write_study

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.slow, pytest.mark.timeout(600)]

POINTS: Final = 20
INSTANCES: Final = 30
STUDIES: Final = [f"1.2.826.0.1.88.{number}" for number in range(POINTS)]
BYTES_PER_S: Final = 60_000
"""Of what goes to the destination: a study then takes about a second."""
LATEST_S: Final = 1.6


@dataclass(frozen=True)
class Stage:
    """The archive with the studies, the destination, and a gateway between them."""

    destination: Orthanc
    gateway: Gateway
    uids: dict[str, list[str]]

    def arrived(self, study: str) -> list[str]:
        """Return the instances that the destination has of a (source) study."""
        [there] = released([study])
        found = self.destination.search(f"/instances?StudyInstanceUID={there}")
        return [one["00080018"]["Value"][0] for one in found]

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
    uids = {study: write_study(folder / "source", study, INSTANCES) for study in STUDIES}
    for name in ("local", "cloud"):
        (folder / name).mkdir()
    with orthanc(folder / "local") as local, orthanc(folder / "cloud") as cloud:
        local.load(folder / "source")
        with in_background(throttled(cloud.port, BYTES_PER_S)) as port:
            settings = uplinks(local.dicomweb, f"http://127.0.0.1:{port}/dicom-web")
            with gateway(folder / "gateway", settings) as server:
                yield Stage(cloud, server, uids)


def test_every_instance_arrives_exactly_once_wherever_the_gateway_is_killed(stage: Stage) -> None:
    chance = random.Random(20261122)
    rows = []
    for number, study in enumerate(STUDIES):
        url = begin(stage.gateway.base, study)
        path = url.removeprefix(stage.gateway.base)
        point = wait_for(stage, study, chance, by_time=number % 2 == 0)
        stage.kill()
        killed_at = len(stage.arrived(study))
        stage.gateway.start()
        found = ended(stage.gateway.base + path)
        there = stage.arrived(study)
        rows.append((number, point, killed_at, len(there), found["state"], found["stored"]))
        assert Counter(there) == Counter(released(stage.uids[study])), rows[-1]
        assert (found["state"], found["total"], found["stored"], found["failed"]) == ("done", INSTANCES, INSTANCES, 0)
    print("\n point                      there when killed  in the end  job   stored")
    for number, point, killed_at, there_now, state, stored in rows:
        print(f"{number:2} {point:24} {killed_at:17} {there_now:11}  {state:5} {stored:6}")
    assert len({killed_at for _, _, killed_at, _, _, _ in rows}) > 3, "the points are not where anything happens"
    new = [change for change in changes(stage.destination) if change["ChangeType"] == "NewInstance"]
    assert len(new) == POINTS * INSTANCES


def wait_for(stage: Stage, study: str, chance: random.Random, *, by_time: bool) -> str:
    """Wait for a random moment, or for a random number of instances at the destination."""
    if by_time:
        delay_s = chance.uniform(0, LATEST_S)
        time.sleep(delay_s)
        return f"after {delay_s:.3f} s"
    count = chance.randrange(1, INSTANCES)
    until(lambda: len(stage.arrived(study)) >= count)
    return f"at {count} instances"


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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
