"""Schemathesis asks a real server whatever its description allows and what it does not, and compares the answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.background import in_background
from tests.kit.hook import hook
from tests.kit.inprocess import sample_folder
from tests.kit.servers import Gateway, free_port, gateway

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CONFIG = """
[parameters]
"path.name" = "clinic"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 404, 422]
"""
EXAMPLES = 15
SEED = 20_240_229


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway whose destination has nothing and takes nothing: jobs begin, wait and are cancelled."""
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "hook").write_bytes(b"made up secret of a webhook")
    with in_background(hook()) as elsewhere, gateway(folder / "gateway", settings(folder, elsewhere.base)) as running:
        yield running


def settings(folder: Path, elsewhere: str) -> dict[str, object]:
    return {
        "public_url": "https://images.hospital.example",
        "origins": {"local": sample_folder(folder / "samples"), "cloud": {"dicomweb": f"{elsewhere}/dicom-web"}},
        "uplinks": {"clinic": {"origin": "local", "destination": "cloud", "share": {"days": 3}}},
        "notify": {
            "smtp": {"host": "127.0.0.1", "port": free_port(), "security": "none", "from": "no-reply@hospital.example"},
            "webhooks": {"sms": {"url": f"{elsewhere}/hook", "secret": {"file": str(folder / "hook")}}},
        },
    }


def described(server: Gateway) -> str:
    """Give the description with the one name that only the settings tell."""
    document = httpx.get(f"{server.base}/openapi.json").json()
    document["components"]["schemas"]["NewShare"]["properties"]["webhook"] = {"enum": ["sms", None]}
    return json.dumps(document)


def test_every_answer_is_as_it_is_described(server: Gateway, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    (tmp_path / "openapi.json").write_text(described(server))
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={tmp_path}/schemathesis.toml",
            "run",
            "openapi.json",
            f"--url={server.base}",
            "--checks=all",
            "--exclude-checks=ensure_resource_availability",  # a new job has no share yet, and may never have one
            f"--max-examples={EXAMPLES}",
            f"--seed={SEED}",
            "--generation-database=none",
            "--request-timeout=30",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Traceback" not in server.log
