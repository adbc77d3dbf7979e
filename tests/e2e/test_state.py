"""What was released resolves after a restart, and after the state file is lost."""

import resource
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway.adapters.state_sql import state_url
from gateway.migrations import HEADS
from tests.e2e.stack import Stack
from tests.kit.crawl import Crawler, uids
from tests.kit.servers import ROOT, Gateway, gateway, worklists
from tests.kit.states import ask
from tests.kit.uplinks import write_study

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


def test_a_full_disk_is_stated_and_over_when_there_is_room(tmp_path: Path) -> None:
    write_study(tmp_path / "source", "1.2.826.0.1.97", 3)
    settings = worklists(["research", "other"], "") | {"origins": {"archive": {"folder": str(tmp_path / "source")}}}
    with gateway(tmp_path / "gateway", settings) as server:
        assert server.process is not None
        assert len(httpx.get(f"{server.worklist('research')}/studies").json()) == 1
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        refused = httpx.get(f"{server.worklist('other')}/studies")
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "state-failed")
        # What was released before is known without the disk.
        assert len(httpx.get(f"{server.worklist('research')}/studies").json()) == 1
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
        assert len(httpx.get(f"{server.worklist('other')}/studies").json()) == 1


def test_a_state_of_a_newer_program_stops_the_start_and_says_so(tmp_path: Path) -> None:
    write_study(tmp_path / "source", "1.2.826.0.1.97", 1)
    settings = worklists(["research"], "") | {"origins": {"archive": {"folder": str(tmp_path / "source")}}}
    with gateway(tmp_path / "gateway", settings) as server:
        server.stop()
        shown = state_command(server, "show")
        assert (shown.returncode, shown.stdout) == (0, f"state: {HEADS['state']} (this program: {HEADS['state']})\n")
        state = state_url(f"sqlite:///{server.state}", Path("/"))
        ask(state, "UPDATE state_version SET version_num = 'state_2_1'")
        with pytest.raises(AssertionError, match="is too old for it"):
            server.start()
        refused = state_command(server, "upgrade")
        assert (refused.returncode, "is too old for it" in refused.stderr) == (1, True)
        server.state.unlink()
        shown = state_command(server, "show")
        assert (shown.returncode, shown.stdout[:16]) == (1, "state: no tables")
        assert not server.state.exists()


def state_command(server: Gateway, name: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", "state", name, "--config", str(server.config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


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
