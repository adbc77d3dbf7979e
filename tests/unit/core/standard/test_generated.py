"""The generated tables are what their sources say."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import generate_standard

ROOT = Path(__file__).parents[4]


def test_the_generated_tables_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate_standard.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_a_stale_table_is_named_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_standard, "TARGET", tmp_path)
    assert generate_standard.main([]) == 0
    assert generate_standard.main(["--check"]) == 0
    capsys.readouterr()
    (tmp_path / "_iod_table.py").write_text("IODS = {}\n", encoding="utf-8")
    assert generate_standard.main(["--check"]) == 1
    assert capsys.readouterr().out == "stale: _iod_table.py\n"
    assert (tmp_path / "_iod_table.py").read_text(encoding="utf-8") == "IODS = {}\n"
