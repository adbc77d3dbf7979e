"""A real archive with real studies, and a gateway in front of it, as processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.samples import make_samples
from tests.differential.corpus_files import CORPUS
from tests.e2e.stack import IDENTIFIERS, STUDIES, Stack
from tests.kit.servers import gateway, orthanc, worklists
from tests.kit.twin import TwinStage, twins


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start Orthanc with a few studies of the corpus, and a gateway with worklists over it."""
    folder = tmp_path_factory.mktemp("stack")
    with orthanc(folder) as origin:
        origin.load(*(CORPUS / study for study in STUDIES))
        mr = [one["0020000D"]["Value"][0] for one in origin.search("/studies?PatientID=MRN-0815&ModalitiesInStudy=MR")]
        teaching = {"profile": "nominal", "studies": mr, "domain": "research"}
        longitudinal = {"profile": "research-longitudinal"}
        settings = worklists(
            ["research"], origin.dicomweb, reading={"identified": True}, teaching=teaching, longitudinal=longitudinal
        )
        settings["cors"] = {"origins": ["*"]}
        with gateway(folder / "gateway", settings) as server:
            yield Stack(origin, server, mr[0], IDENTIFIERS)


@pytest.fixture(scope="session")
def running_twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinStage]:
    """Start an archive of made-up studies, a gateway over it, and plain archives of the de-identified copies."""
    with twins(tmp_path_factory.mktemp("twins")) as stage:
        yield stage


@pytest.fixture
def twin_stage(running_twins: TwinStage) -> Iterator[TwinStage]:
    """Lend them to one test; what the gateway printed meanwhile is shown when it fails."""
    before = len(running_twins.gateway.log)
    yield running_twins
    print(running_twins.gateway.log[before:])


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """Lend the servers to one test; what they printed meanwhile is shown when it fails."""
    before = len(running.gateway.log)
    yield running
    print(running.gateway.log[before:])


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of caches, in which the demonstration finds its sample studies: they take seconds to make."""
    folder = tmp_path_factory.mktemp("cache")
    make_samples(folder / "dicomveil")
    return folder


@pytest.fixture(scope="session")
def samples(cache: Path) -> Path:
    """Give the sample studies, to be read only."""
    return make_samples(cache / "dicomveil")


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Keep what a person may want to look at after a run."""
    folder = Path(__file__).parents[2] / ".cache" / "test-artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
