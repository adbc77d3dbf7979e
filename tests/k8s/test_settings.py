"""The settings that overlays bring pass `dicomveil check` where the pod has them, and policies open what they name."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from gateway import cli
from gateway.access.model import Role
from gateway.config import Settings, load_settings
from gateway.config.access import open_door
from gateway.core.errors import ConfigFaults
from tests.k8s.overlay import (
    OVERLAYS,
    Manifest,
    container,
    lay_out,
    of_kind,
    one,
    overlay,
    settings,
    settings_text,
)
from tests.kit.certificates import certificate


def elsewhere(folder: Path) -> dict[str, dict[str, bytes]]:
    """Make up what no overlay brings: Secrets and the hospital's authority."""
    uri = b"postgresql://dicomveil:invented@dicomveil-database-rw.dicomveil:5432/dicomveil"
    return {
        "dicomveil": {"secret": bytes(range(32)), "archive-password": b"invented"},
        "dicomveil-database-app": {"uri": uri, "password": b"invented"},
        "hospital-ca": {"ca.pem": certificate(folder, "hospital").path.read_bytes()},
    }


def unpacked(name: str, folder: Path) -> Path:
    """Lay out the pod's files below a folder; in the settings, paths lead there."""
    root = folder / "root"
    lay_out(overlay(name), root, elsewhere(folder))
    text = re.sub(r"(?<![\w.-])(?=/(?:etc|run|var)/)", str(root), settings_text(overlay(name)))
    file = root / "etc/dicomveil/dicomveil.yaml"
    file.resolve().write_text(text)
    for secret in (root / "run/secrets").rglob("*"):
        secret.chmod(0o750 if secret.is_dir() else 0o440)  # as defaultMode and fsGroup have it
    return file


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_settings_pass_the_check_with_no_warning_but_of_placeholders(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.check, ["--config", str(unpacked(name, tmp_path))])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ok: ")
    warnings = result.stderr.splitlines()
    assert all("stands for one of yours" in line or "the hash of no key" in line for line in warnings)
    told = {line.split(": ")[2] for line in warnings}
    keys = {"public_url", "cors.origins[0]", "origins.archive.dicomweb", "access.oidc[0].issuer", "audit.to[0].syslog"}
    assert told == ({*keys, "access.keys.prometheus.hash"} if name == "production" else set())


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_settings_may_be_served_at_the_pods_address(name: str, tmp_path: Path) -> None:
    args = container(overlay(name))["args"]
    host = args[args.index("--host") + 1]
    assert open_door(load_settings(unpacked(name, tmp_path)), host) is None


def test_own_profiles_and_masks_are_found_where_the_pod_has_them(tmp_path: Path) -> None:
    made = load_settings(unpacked("production", tmp_path))
    profile = made.worklists["research"].profile
    assert profile is not None
    assert profile.name == "hospital-research"
    assert (made.profile_folders[0] / "masks" / "hospital.yaml").exists()


def test_a_volume_that_lacks_a_file_is_a_fault_that_names_it(tmp_path: Path) -> None:
    file = unpacked("production", tmp_path)
    (tmp_path / "root/run/secrets/dicomveil/archive-password").unlink()
    with pytest.raises(ConfigFaults, match="archive-password"):
        load_settings(file)


def test_production_lets_nobody_in_who_is_not_logged_in(tmp_path: Path) -> None:
    made = load_settings(unpacked("production", tmp_path))
    assert made.access is not None
    assert not made.without_authentication
    assert not [rule for rule in made.access.policy.rules if rule.anyone]
    readers = [rule for rule in made.access.policy.rules if "worklist:reading" in rule.places]
    assert all(rule.groups and Role.IDENTIFIED in rule.roles for rule in readers)


def test_the_key_that_stands_in_the_settings_is_nobodys(tmp_path: Path) -> None:
    made = load_settings(unpacked("production", tmp_path))
    assert made.access is not None
    (key,) = made.access.keys
    assert key.name == "prometheus"
    assert settings(overlay("production"))["access"]["keys"]["prometheus"]["hash"] == "sha256:" + "0" * 64


def test_links_and_certificates_are_for_the_host_that_the_way_in_serves(tmp_path: Path) -> None:
    made: Settings = load_settings(unpacked("production", tmp_path))
    (listener,) = one(overlay("production"), "Gateway")["spec"]["listeners"]
    assert made.public_url == f"https://{listener['hostname']}"
    (demo_rule,) = one(overlay("demo"), "Ingress")["spec"]["rules"]
    served = {path["path"]: path["backend"]["service"]["name"] for path in demo_rule["http"]["paths"]}
    assert all(worklist.path.startswith("/worklists/") for worklist in made.worklists.values())
    assert served == {"/worklists": "dicomveil", "/": "ohif"}


def neighbours(read: Mapping[str, Any], database: str | None) -> Iterator[tuple[str, int]]:
    """Yield host and port of all that settings make the gateway call."""
    urls = [origin["dicomweb"] for origin in read["origins"].values() if "dicomweb" in origin]
    urls += [issuer["issuer"] for issuer in read.get("access", {}).get("oidc", [])]
    urls += [hook["url"] for hook in read.get("notify", {}).get("webhooks", {}).values()]
    urls += [read["tracing"]["endpoint"]] if "tracing" in read else []
    urls += [database] if database else []
    for url in urls:
        split = urlsplit(url)
        yield str(split.hostname), split.port or {"https": 443, "http": 80, "postgresql": 5432}[split.scheme]
    for sink in read.get("audit", {}).get("to", []):
        if "syslog" in sink:
            host, _, port = sink["syslog"].rpartition(":")
            yield host, int(port)
    if "smtp" in read.get("notify", {}):
        yield read["notify"]["smtp"]["host"], read["notify"]["smtp"].get("port", 587)


def ways_out(manifests: tuple[Manifest, ...]) -> list[tuple[Mapping[str, Any], int]]:
    """Return whom the gateway may call, and at which port; each rule has one of each."""
    found = []
    for policy in of_kind(manifests, "NetworkPolicy"):
        if policy["spec"]["podSelector"]["matchLabels"] != {"app.kubernetes.io/name": "dicomveil"}:
            continue
        for rule in policy["spec"].get("egress", []):
            (peer,) = rule["to"]
            found += [(peer, port["port"]) for port in rule["ports"]]
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_ways_out_are_those_to_the_neighbours_of_the_settings_and_no_more(name: str, tmp_path: Path) -> None:
    uri = elsewhere(tmp_path)["dicomveil-database-app"]["uri"].decode() if name == "production" else None
    called = list(neighbours(settings(overlay(name)), uri))
    ways = [way for way in ways_out(overlay(name)) if way[1] != 53]
    assert sorted(port for _, port in ways) == sorted(port for _, port in called)
    assert all(peer.get("podSelector") or peer["ipBlock"]["cidr"].endswith("/32") for peer, _ in ways)


@pytest.mark.parametrize("name", OVERLAYS)
def test_names_are_asked_of_the_clusters_name_service_only(name: str) -> None:
    peers = [peer for peer, port in ways_out(overlay(name)) if port == 53]
    assert len(peers) == 2  # UDP and TCP
    assert all(peer["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"} for peer in peers)


def test_who_comes_in_is_the_way_in_and_prometheus() -> None:
    policy = one(overlay("production"), "NetworkPolicy")
    spaces = [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
    ]
    assert spaces == ["envoy-gateway-system", "monitoring"]
