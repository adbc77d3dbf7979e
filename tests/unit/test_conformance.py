"""The conformance statement says what the profiles do."""

from pathlib import Path

import pytest

from scripts import conformance


def test_the_conformance_statement_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_statement_is_named_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "conformance.md"
    page.write_text("nothing", encoding="utf-8")
    monkeypatch.setattr(conformance, "PAGE", page)
    assert conformance.main(["--check"]) == 1
    assert capsys.readouterr().out == "stale: conformance.md\n"
    assert page.read_text(encoding="utf-8") == "nothing"
    assert conformance.main([]) == 0
    assert conformance.main(["--check"]) == 0
