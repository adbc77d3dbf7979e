"""The dashboard, the alerts and their page against the metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "k8s" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PROMETHEUS = {"up"}
"""What Prometheus itself makes."""
_METRIC = re.compile(r"\b(?:dicomveil|process)_\w+|\bup\b")
_SELECTOR = re.compile(r"((?:dicomveil|process)_\w+)\{([^}]*)\}")
_TARGET_LABELS = {"job", "instance"}


def series() -> dict[str, set[str]]:
    """Give the names of all series that a registry can show, with their labels."""
    found: dict[str, set[str]] = {}
    for metric in set(Metrics().registry._collector_to_names):
        kind: str = metric._type  # type: ignore[attr-defined]
        name: str = metric._name  # type: ignore[attr-defined]
        labels = set(metric._labelnames)  # type: ignore[attr-defined]
        suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}[kind]
        for suffix in suffixes:
            found[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


SERIES = series()


def panels() -> Iterator[dict[str, Any]]:
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            yield panel


def expressions() -> Iterator[tuple[str, str]]:
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]
    for rule in RULES:
        yield rule["alert"], rule["expr"]


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_expression_is_about_metrics_that_there_are(where: str, expression: str) -> None:
    named = set(_METRIC.findall(expression))
    assert named
    assert named <= SERIES.keys() | PROMETHEUS


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_label_is_one_of_its_metric(where: str, expression: str) -> None:
    for name, matchers in _SELECTOR.findall(expression):
        assert set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers)) <= SERIES[name] | _TARGET_LABELS, name
    grouped = {label.strip() for inside in re.findall(r"\bby \(([^)]*)\)", expression) for label in inside.split(",")}
    known = set().union(*(SERIES.get(name, set()) for name in _METRIC.findall(expression)))
    assert grouped <= known | _TARGET_LABELS


def test_every_metric_is_shown_somewhere() -> None:
    shown = {name for _, expression in EXPRESSIONS for name in _METRIC.findall(expression)}
    base = {re.sub(r"_(bucket|sum|count)$", "", name) for name in SERIES if "_seconds_" in name} | {
        name for name in SERIES if not name.endswith(("_bucket", "_sum", "_count"))
    }
    assert base == {re.sub(r"_bucket$", "", name) for name in shown - PROMETHEUS}


def test_every_metric_has_its_row_on_the_page_and_no_row_is_about_one_that_is_gone() -> None:
    found = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
    rows = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in found}
    base = {re.sub(r"_bucket$", "", name): labels - {"le"} for name, labels in SERIES.items()}
    expected = {name: labels for name, labels in base.items() if not name.endswith(("_sum", "_count"))}
    assert rows == expected


def test_every_alert_is_on_the_page() -> None:
    assert {rule["alert"] for rule in RULES} == set(re.findall(r"^- `(Dicomveil\w+)`", PAGE, re.MULTILINE))


def test_every_alert_says_what_to_do_and_how_bad_it_is() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules_and_the_queries(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:query{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, (_, expression) in enumerate(EXPRESSIONS)
        if "label_values" not in expression
    ]
    queries = tmp_path / "queries.yaml"
    queries.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    for file in (FOLDER / "alerts.yaml", queries):
        command = ["promtool", "check", "rules", "--lint=none", str(file)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
