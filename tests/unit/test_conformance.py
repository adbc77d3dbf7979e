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


def test_the_statement_of_own_profiles_names_what_is_disabled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    details = "  StudyID: {disabled: true}\n  SeriesDescription: {action: clean}\n"
    (tmp_path / "own.yaml").write_text(f"name: own\nbased_on: nominal\nattributes:\n{details}", encoding="utf-8")
    before = conformance.PAGE.read_bytes()
    assert conformance.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("## ")][-1] == "## own"
    assert "- **Not anonymized** (disabled): StudyID" in printed
    assert "`SeriesDescription: clean" in printed
    assert conformance.PAGE.read_bytes() == before
