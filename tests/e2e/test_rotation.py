"""A new secret, with a real archive: old names lead to new ones, and ``reidentify`` leads back to the archive's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import Stack
from tests.kit.crawl import Crawler, uids
from tests.kit.servers import ROOT, Gateway, gateway, worklists

pytestmark = [pytest.mark.e2e, pytest.mark.orthanc, pytest.mark.corpus]


def test_a_new_secret_follows_an_old_one(stack: Stack, tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway", worklists(["research"], stack.origin.dicomweb)) as server:
        old = names(server, "?ModalitiesInStudy=MR")
        server.stop()
        settings = json.loads(server.config.read_text())
        (server.folder / "new").write_bytes(b"n" * 32)
        settings["previous_secrets"], settings["secret"] = [settings["secret"]], {"file": str(server.folder / "new")}
        server.config.write_text(json.dumps(settings))
        server.start()
        new = names(server, f"?PatientID={old['patient']}&StudyInstanceUID={old['study']}")
        assert not set(old.values()) & set(new.values())
        with Crawler(server.worklist("research")) as crawler:
            path = "/studies/{study}/series/{series}/instances/{instance}/metadata"
            assert crawler.json(path.format(**old)) == crawler.json(path.format(**new))
        sources = [reidentify(server, found) for found in (old, new)]
    assert sources[0] == sources[1]
    study = stack.origin.search(f"/studies?StudyInstanceUID={sources[0]['study']}")
    assert study[0]["00100020"]["Value"] == [sources[0]["patient"]] != [old["patient"]]
    series = f"/studies/{sources[0]['study']}/series/{sources[0]['series']}/instances"
    assert sources[0]["instance"] in uids(stack.origin.search(series), "00080018")


def names(server: Gateway, query: str) -> dict[str, str]:
    """Give the released names of one instance of the first study found."""
    with Crawler(server.worklist("research")) as crawler:
        study = crawler.json(f"/studies{query}")[0]
        path = f"/studies/{study['0020000D']['Value'][0]}/series"
        series = uids(crawler.json(path), "0020000E")[0]
        return {
            "patient": study["00100020"]["Value"][0],
            "study": study["0020000D"]["Value"][0],
            "series": series,
            "instance": uids(crawler.json(f"{path}/{series}/instances"), "00080018")[0],
        }


def reidentify(server: Gateway, found: dict[str, str]) -> dict[str, str]:
    """Run the command as its user does; give the source of each name."""
    command = ["reidentify", "--config", str(server.config), "--worklist", "research", "--study", found["study"]]
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *command, *found.values()],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [(line[0], line[1]) for line in lines] == [(name, kind) for kind, name in found.items()]
    return {line[1]: line[2] for line in lines}
