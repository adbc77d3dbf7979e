"""A gateway over the embedded origin, with every kind of worklist."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.kit.inprocess import CHEST, HEAD, InProcess, in_process, sample_folder

WORKLISTS: dict[str, dict[str, object]] = {
    "research": {},
    "elsewhere": {"domain": "another"},
    "patients": {"domain": "research", "profile": "retain-patient-characteristics"},
    "dates": {"profile": "retain-longitudinal-full-dates"},
    "strict": {"profile": "strict"},
    "identified": {"identified": True},
    "ct": {"domain": "research", "match": {"ModalitiesInStudy": "CT"}},
    "one": {"domain": "research", "studies": [HEAD]},
    "both": {"domain": "research", "match": {"PatientName": "SMITH^*"}, "studies": [CHEST, HEAD]},
    "search-only": {"domain": "research", "services": ["search"]},
}


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Four studies in a folder that nobody changes."""
    return sample_folder(tmp_path_factory.mktemp("samples") / "files")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, samples: dict[str, object]) -> AsyncIterator[InProcess]:
    """A gateway over those, one for all tests of a module: they only read."""
    async with in_process(tmp_path_factory.mktemp("gateway"), {"samples": samples}, WORKLISTS) as running:
        yield running
