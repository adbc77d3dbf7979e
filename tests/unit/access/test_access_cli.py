"""``dicomveil key``, and the address that ``dicomveil serve`` does not take without ``access``."""

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.access.keys import hash_of
from gateway.cli import _commands


def run(*arguments: str) -> Result:
    return CliRunner().invoke(_commands, arguments)


def test_a_key_goes_to_standard_output_and_its_settings_beside_it() -> None:
    found = run("key", "ai-service", "--expires", "2999-01-31")
    assert found.exit_code == 0
    key = found.stdout.strip()
    assert re.fullmatch(r"dv_[\w-]{43}", key)
    written = yaml.safe_load(found.stderr.splitlines()[-1])
    assert written == {"ai-service": {"hash": hash_of(key), "expires": date(2999, 1, 31)}}
    assert key not in found.stderr


def test_a_key_need_not_end_and_is_another_each_time() -> None:
    found = [run("key", "ai") for _ in range(2)]
    assert found[0].stdout != found[1].stdout
    assert "expires" not in found[0].stderr


@pytest.mark.parametrize(
    "arguments", [["A I"], ["ai", "--expires", "soon"], ["ai", "--expires", "2020-01-31"], [], ["ai", "--expires", ""]]
)
def test_a_key_that_would_not_work_is_not_made(arguments: list[str]) -> None:
    found = run("key", *arguments)
    assert found.exit_code == 2
    assert "dv_" not in found.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.invalid"])  # noqa: S104 it is refused
def test_serve_without_access_listens_on_this_machine_only(tmp_path: Path, host: str) -> None:
    (tmp_path / "studies").mkdir()
    config = tmp_path / "dicomveil.yaml"
    config.write_text("origins: {a: {folder: ./studies}}\nworklists: {w: {origin: a, identified: true}}\n")
    found = run("serve", "--config", str(config), "--host", host, "--port", "0")
    assert found.exit_code == 1
    assert found.stderr == (
        f"Error: without access, everybody who reaches {host} may do everything; say in the settings who may do what, "
        "or access: {without_authentication: true}\n"
    )
