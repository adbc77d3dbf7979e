"""What was released resolves after a restart, and after the state file is lost."""

from pathlib import Path

import pytest

from tests.e2e.stack import Stack
from tests.kit.crawl import Crawler, uids
from tests.kit.servers import Gateway, gateway, worklists

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.corpus]


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_released_identifiers_resolve_after_a_restart_with_the_state_file(
    stack: Stack, tmp_path: Path, lost: bool
) -> None:
    with gateway(tmp_path / "gateway", worklists(["research"], stack.origin.dicomweb)) as server:
        before = what_is_released(server)
        server.stop()
        assert server.state.exists()
        for file in server.folder.glob("state.db*"):
            if lost:
                file.unlink()
        server.start()
        # The study is asked for first by its released UIDs alone: no search has taught the gateway anything.
        path, patient, metadata = before
        with Crawler(server.worklist("research")) as crawler:
            assert crawler.ask(f"{path}/frames/1", 'multipart/related; type="application/octet-stream"').status == 200
            assert crawler.json(f"{path}/metadata")[0]["00080018"] == metadata["00080018"]
            assert len(crawler.json(f"/studies?PatientID={patient}")) == 2
        assert what_is_released(server)[0] == path


def test_another_domain_releases_other_identifiers(stack: Stack, tmp_path: Path) -> None:
    settings = worklists(["one", "two"], stack.origin.dicomweb, twin={"profile": "nominal", "domain": "one"})
    with gateway(tmp_path / "gateway", settings) as server:
        lists = {}
        for name in ("one", "two", "twin"):
            with Crawler(server.worklist(name)) as crawler:
                lists[name] = set(uids(crawler.json("/studies"), "0020000D"))
    assert lists["one"] == lists["twin"]
    assert len(lists["one"]) == len(lists["two"])
    assert not lists["one"] & lists["two"]


def test_the_state_file_holds_no_identifier_in_the_clear(stack: Stack, tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway", worklists(["research"], stack.origin.dicomweb)) as server:
        what_is_released(server)
        written = b"".join(file.read_bytes() for file in server.folder.glob("state.db*"))
    assert written
    assert not [word for word in (*stack.identifiers, stack.mr_study) if word.encode() in written]


def what_is_released(server: Gateway) -> tuple[str, str, dict[str, dict[str, list[str]]]]:
    """Give the path of an instance, its patient and its metadata."""
    with Crawler(server.worklist("research")) as crawler:
        found = crawler.json("/studies?ModalitiesInStudy=MR&includefield=NumberOfStudyRelatedInstances")
        study = next(one for one in found if one["00201208"]["Value"] == [20])
        path = f"/studies/{study['0020000D']['Value'][0]}"
        path += f"/series/{uids(crawler.json(f'{path}/series'), '0020000E')[0]}"
        path += f"/instances/{uids(crawler.json(f'{path}/instances'), '00080018')[0]}"
        return path, study["00100020"]["Value"][0], crawler.json(f"{path}/metadata")[0]
