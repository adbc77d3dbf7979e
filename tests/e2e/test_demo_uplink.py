"""The commands with which the README shows the uplink, run as they are written."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.servers import ROOT
from tests.kit.uplinks import ended

pytestmark = pytest.mark.e2e

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## Send it up\n")[1].split("\n## ")[0]
COMMANDS, SHOWN = re.findall(r"```(?:sh)?\n(.*?)```", SECTION, re.DOTALL)
WRITTEN = "http://127.0.0.1:8080"


@pytest.fixture
def base(cache: Path) -> Iterator[str]:
    """Run what ``make demo`` runs when everything is installed, on a free port."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()


def run(command: str, base: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command.replace(WRITTEN, base)], stdout=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.stdout


def test_the_readme_shows_the_uplink_in_two_commands(base: str) -> None:
    send, look = COMMANDS.splitlines()
    assert run(look, base) == ""
    job = ended(f"{base}/uplinks/clinic/jobs/{json.loads(run(send, base))['id']}")
    assert job["state"] == "done"
    assert job["stored"] == job["total"] == 48
    assert job["share"]["url"].startswith(f"{base}/shares/")
    assert run(look, base) == SHOWN
