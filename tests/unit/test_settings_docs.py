"""The settings reference against the settings."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from gateway import cli
from gateway.config import load_settings, schema
from gateway.config.checks import STUDY_KEYS
from gateway.config.load import DEFAULT_STATE
from gateway.logs import LEVELS

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"
TEXT = DOCS.read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", TEXT, re.MULTILINE))
ENVIRONMENT = {"ARCHIVE_PASSWORD": "p", "SECRET_OF_2024": "o" * 32, "MAIL_PASSWORD": "p", "SMS_SECRET": "s" * 32}
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
MODELS = [model for model in vars(schema).values() if isinstance(model, type) and issubclass(model, schema._Strict)]
FIELDS = [(model, name) for model in MODELS for name in model.model_fields]
SECTIONS = {
    "File": "Top level", "SecretSource": "Secrets", "Worklist": "Worklists", "Cors": "CORS",
    "Limits": "Limits", "Tls": "TLS", "Logs": "Logs", "Tracing": "Tracing",
    "Entrance": "Entrances", "Choice": "Entrances",
    "Uplink": "Uplinks", "SharePolicy": "Uplinks", "Notify": "Notify", "Smtp": "Notify", "Webhook": "Notify",
    "Access": "Access", "Oidc": "Access", "ApiKey": "Access", "ProxyHeaders": "Access", "AccessRule": "Rules of access",
    "Audit": "Audit", "AuditSink": "Audit", "AuditTls": "Audit",
}  # fmt: skip


def section(model: type[BaseModel]) -> str:
    return TEXT.split(f"## {SECTIONS.get(model.__name__, 'Origins')}\n")[1].split("\n## ")[0]


def written(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=[f"{model.__name__}.{name}" for model, name in FIELDS])
def test_every_key_has_its_row_in_its_section(model: type[BaseModel], name: str) -> None:
    assert f"\n| `{written(model, name)}` |" in section(model)


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=[f"{model.__name__}.{name}" for model, name in FIELDS])
def test_every_default_is_the_real_one(model: type[BaseModel], name: str) -> None:
    row = next(line for line in section(model).splitlines() if line.startswith(f"| `{written(model, name)}` |"))
    stated = row.split("|")[2].strip()
    default = model.model_fields[name].default
    if default is PydanticUndefined:
        assert stated in ("required", "")
    elif default is not None and not isinstance(default, BaseModel):
        assert yaml.safe_load(stated.split("`")[1]) == default


def test_no_row_is_about_a_key_that_is_gone() -> None:
    known = {written(model, name) for model, name in FIELDS} | {cli.LEVEL_VARIABLE, cli.SECRET_VARIABLE}
    assert set(ROWS) == known


def test_the_default_state_is_the_real_one() -> None:
    assert ROWS["state"] == f"`{DEFAULT_STATE}`"


def test_the_match_keys_are_all_listed() -> None:
    listed = TEXT.split("Keys for `match`: ")[1].split(". ")[0]
    assert set(re.findall(r"\w+", listed)) == STUDY_KEYS


def test_the_log_levels_are_all_listed() -> None:
    row = next(line for line in TEXT.splitlines() if cli.LEVEL_VARIABLE in line)
    assert set(re.findall(r"`([a-z]+)`", row)) == set(LEVELS)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_sound_file(example: str, tmp_path: Path) -> None:
    for folder in ("profiles", "studies"):
        (tmp_path / folder).mkdir()
    for name in ("secret", "token", "dicomveil"):
        (tmp_path / name).write_bytes(b"s" * 32)
    text = example.replace("/run/secrets/", "./").replace("/var/lib/dicomveil/", f"{tmp_path}/")
    (tmp_path / "settings.yaml").write_text(text)
    assert load_settings(tmp_path / "settings.yaml", ENVIRONMENT).worklists
