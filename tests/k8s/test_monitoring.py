"""What Prometheus scrapes and the autoscaler reads is what the program says."""

import yaml
from prometheus_client import generate_latest

from gateway.routes.admin import admin_routes
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.readiness import Readiness
from tests.k8s.overlay import K8S, container, one, overlay, settings

SCALED_BY = "dicomveil_exchanges_in_flight"


def test_the_autoscaler_counts_a_gauge_that_is_really_exported() -> None:
    exported = generate_latest(Metrics().registry).decode()
    assert f"# TYPE {SCALED_BY} gauge\n{SCALED_BY} 0.0" in exported
    metrics = one(overlay("production"), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [one["type"] for one in metrics] == ["Pods", "Resource"]
    assert metrics[0]["pods"]["metric"]["name"] == SCALED_BY
    assert metrics[1]["resource"]["name"] == "cpu"
    assert "cpu" in container(overlay("production"))["resources"]["requests"]  # or there is no share of it


def test_the_adapter_offers_that_gauge_under_the_same_name() -> None:
    (rule,) = yaml.safe_load((K8S / "components/prometheus/adapter.yaml").read_text())["rules"]
    assert rule["seriesQuery"].startswith(f"{SCALED_BY}{{")
    assert rule["name"] == {"as": SCALED_BY}


def test_prometheus_scrapes_the_route_with_the_key_that_may() -> None:
    monitor = one(overlay("production"), "ServiceMonitor")["spec"]
    (endpoint,) = monitor["endpoints"]

    async def nothing(_accept: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    doors = admin_routes(Readiness({}, Metrics().ready), nothing)
    (door,) = [door for door in doors if door.path == endpoint["path"]]
    access = settings(overlay("production"))["access"]
    (rule,) = [rule for rule in access["allow"] if rule.get("keys") == ["prometheus"]]
    assert {role.value for role in door.guards["GET"].roles} >= set(rule["roles"])
    service = one(overlay("production"), "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_the_operator_gets_the_alerts_that_are_documented() -> None:
    written = yaml.safe_load((K8S / "monitoring/alerts.yaml").read_text())
    assert one(overlay("production"), "PrometheusRule")["spec"] == written, "run scripts/prometheus_rule.sh"
