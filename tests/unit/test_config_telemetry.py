"""Settings of logs and traces: what they become, and their faults."""

import importlib.util
from pathlib import Path

import pytest

from gateway.config import Settings, load_settings
from gateway.config.model import Logs, Tracing
from gateway.core.errors import ConfigFaults

START = """\
origins:
  here: {folder: ./studies}
worklists:
  reading: {origin: here, identified: true}
"""  # four lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "studies").mkdir()
    return tmp_path


def load(folder: Path, text: str) -> Settings:
    (folder / "settings.yaml").write_text(START + text)
    return load_settings(folder / "settings.yaml", {})


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as found:
        load(folder, text)
    return [str(fault).removeprefix(f"{folder}/settings.yaml:") for fault in found.value.faults]


def test_logs_are_text_without_exchanges_and_there_are_no_traces(folder: Path) -> None:
    settings = load(folder, "")
    assert (settings.logs, settings.tracing) == (Logs("text", exchanges=False), None)


def test_logs_and_traces_are_as_they_are_written(folder: Path) -> None:
    text = "logs: {form: json, exchanges: true}\ntracing: {endpoint: 'https://otel.example:4318/', ratio: 0.25}\n"
    settings = load(folder, text)
    assert settings.logs == Logs("json", exchanges=True)
    assert settings.tracing == Tracing("https://otel.example:4318", 0.25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logs: {form: xml}", "5: logs.form"),
        ("logs: {level: debug}", "5: logs.level"),
        ("tracing: {}", "5: tracing"),
        ("tracing: {endpoint: 'http://u:SECRET@otel'}", "5: tracing.endpoint: cannot hold a user name or password"),
        ("tracing: {endpoint: 'grpc://otel:4317'}", "5: tracing.endpoint: should be an http or https URL"),
        ("tracing: {endpoint: 'http://otel', ratio: 2}", "5: tracing.ratio"),
    ],
)
def test_a_fault_is_told_by_its_line_and_key(folder: Path, text: str, said: str) -> None:
    (fault,) = faults(folder, text + "\n")
    assert fault.startswith(said)
    assert "SECRET" not in fault


def test_traces_need_an_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "gateway.config.telemetry.find_spec", lambda name: None if name.startswith("opentelemetry") else found(name)
    )
    (fault,) = faults(folder, "tracing: {endpoint: 'http://otel:4318'}\n")
    assert fault == "5: tracing: needs OpenTelemetry: pip install 'dicomveil[tracing]'"
    assert load(folder, "").tracing is None
