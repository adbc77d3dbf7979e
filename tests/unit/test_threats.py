"""docs/threats.md names, for each threat, tests that there are."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threats.md").read_text()
THREATS = re.findall(r"^\| ([STRIDE])(\d+) (.+?) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)
TESTS = sorted({tuple(found.split("::")) for row in THREATS for found in re.findall(r"`(\S+::\w+)`", row[4])})


@cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of all functions of a file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds))


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    assert name in functions(ROOT / "tests" / file)


def test_every_row_of_the_tables_names_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| [STRIDE]\d", line)]
    assert len(rows) == len(THREATS) > 40
    assert all(re.search(r"`\S+::test_\w+`", row[4]) for row in THREATS)


@pytest.mark.parametrize("letter", "STRIDE")
def test_each_kind_of_stride_is_thought_of_and_numbered(letter: str) -> None:
    numbers = [int(number) for kind, number, *_ in THREATS if kind == letter]
    assert numbers == list(range(1, len(numbers) + 1)) != []


def test_where_a_security_rule_is_off_the_line_says_why() -> None:
    lines = [line for path in (ROOT / "gateway").rglob("*.py") for line in path.read_text().splitlines()]
    off = [line for line in lines if re.search(r"# noqa: [^#]*\bS\d{3}\b", line)]
    assert off
    assert all(re.search(r"# noqa: [A-Z0-9, ]+\b[ -]+\w.*\w", line) for line in off)
