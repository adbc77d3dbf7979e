"""The command ``dicomveil uplink``: what it asks for, and what it never repeats."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import _commands

STUDY = "1.2.826.0.1.4711"
CONTACT = "erika@example.org"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(bytes(range(32)))
    (tmp_path / "secret").chmod(0o600)
    nowhere = {"dicomweb": "http://127.0.0.1:1/dicom-web"}
    settings = {
        "secret": {"file": "secret"},
        "origins": {"local": nowhere, "cloud": nowhere},
        "uplinks": {"clinic": {"origin": "local", "destination": "cloud", "share": {}}},
        "public_url": "https://gateway.example",
    }
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    return tmp_path / "settings.yaml"


def run(config: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(_commands, ["uplink", *arguments, "--config", str(config)], input=typed)


def test_a_job_can_be_left_to_a_gateway(config: Path) -> None:
    done = run(config, "clinic", "-", "--no-wait", typed=f"{STUDY}\n")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("queued: ")
    written = b"".join(file.read_bytes() for file in config.parent.glob("state*"))
    assert STUDY.encode() not in written


def test_a_contact_is_read_and_kept_sealed(config: Path) -> None:
    # No way to it in the settings: which is said before anything is kept.
    done = run(config, "clinic", STUDY, "--email", "--no-wait", typed=f"{CONTACT}\n")
    assert done.exit_code == 1
    assert done.output == "Error: share.email: the settings name no mail server\n"
    done = run(config, "clinic", STUDY, "--email", "--pin", "--no-wait", typed="nobody\n4711x\n")
    assert done.exit_code == 1
    assert "not an e-mail address" in done.output
    assert "nobody" not in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("clinic", STUDY, CONTACT),
        ("clinic", STUDY, "--email", CONTACT),
        ("clinic", STUDY, f"--email={CONTACT}"),
        (CONTACT, STUDY),
        ("clinic", CONTACT),
        ("clinic", STUDY, "--series", CONTACT),
    ],
)
def test_a_contact_that_was_written_as_an_argument_is_refused_and_not_repeated(
    config: Path, arguments: tuple[str, ...]
) -> None:
    done = run(config, *arguments)
    assert done.exit_code in (1, 2)
    assert CONTACT not in done.output


def test_to_share_a_public_url_is_needed(config: Path) -> None:
    settings = json.loads(config.read_text())
    del settings["public_url"]
    config.write_text(json.dumps(settings))
    done = run(config, "clinic", STUDY, "--share")
    assert (done.exit_code, "public_url" in done.output) == (1, True)
