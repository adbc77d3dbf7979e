"""The manifests in k8s/ and the Dockerfile say the same, and no more is allowed than the gateway needs."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from gateway import __version__
from gateway.config import load_settings

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = {path.name: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "k8s").glob("*.yaml"))}
KUSTOMIZATION = MANIFESTS.pop("kustomization.yaml")
DEPLOYMENT = MANIFESTS["deployment.yaml"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
(PORT,) = CONTAINER["ports"]
DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
SETTINGS = MANIFESTS["configmap.yaml"]["data"]["dicomveil.yaml"]


def dockerfile(instruction: str) -> str:
    """Return the arguments of the last such instruction, which is the one that holds."""
    found = re.findall(rf"^{instruction} (.+)$", DOCKERFILE, re.MULTILINE)
    return str(found[-1])


def mounts() -> dict[str, dict[str, Any]]:
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    return {mount["mountPath"]: mount | volumes[mount["name"]] for mount in CONTAINER["volumeMounts"]}


def option(name: str, args: list[str]) -> str:
    return args[args.index(name) + 1]


@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_a_manifest_is_what_the_kubernetes_schema_allows(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], kubernetes_validate.latest_version(), strict=True)


def test_the_schema_check_finds_a_misspelt_key() -> None:
    broken = {**MANIFESTS["service.yaml"], "spec": {**MANIFESTS["service.yaml"]["spec"], "portz": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_lists_every_manifest_once_and_this_version() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(MANIFESTS)
    assert KUSTOMIZATION["images"] == [{"name": CONTAINER["image"], "newTag": __version__}]


def test_the_pod_runs_as_the_numeric_user_of_the_image_and_not_as_root() -> None:
    security = POD["securityContext"]
    assert security["runAsNonRoot"] is True
    assert dockerfile("USER") == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert security["runAsUser"] == security["fsGroup"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False


def test_the_container_has_no_capability_and_a_read_only_root() -> None:
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_only_the_state_folder_of_the_image_can_be_written() -> None:
    writable = [path for path, mount in mounts().items() if not mount.get("readOnly")]
    assert writable == [dockerfile("VOLUME")] == [dockerfile("WORKDIR")]
    assert f"sqlite:///{writable[0]}/" in SETTINGS


def test_probes_ask_the_administrative_routes_at_the_named_port() -> None:
    probes = {name: probe["httpGet"] for name, probe in CONTAINER.items() if name.endswith("Probe")}
    assert probes == {
        "startupProbe": {"path": "/healthz", "port": PORT["name"]},
        "livenessProbe": {"path": "/healthz", "port": PORT["name"]},
        "readinessProbe": {"path": "/readyz", "port": PORT["name"]},
    }


def test_one_port_runs_through_image_pod_service_and_policy() -> None:
    port = str(PORT["containerPort"])
    assert dockerfile("EXPOSE") == port
    assert f"127.0.0.1:{port}/healthz" in dockerfile("HEALTHCHECK")
    assert option("--port", CONTAINER["args"]) == port
    (service_port,) = MANIFESTS["service.yaml"]["spec"]["ports"]
    (rule,) = MANIFESTS["networkpolicy.yaml"]["spec"]["ingress"]
    assert service_port["targetPort"] == rule["ports"][0]["port"] == PORT["name"]


def test_the_image_starts_as_the_container_does() -> None:
    assert yaml.safe_load(dockerfile("ENTRYPOINT")) == ["dicomveil"]
    assert yaml.safe_load(dockerfile("CMD")) == CONTAINER["args"]


def test_every_selector_selects_the_pod() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["service.yaml"]["spec"]["selector"] == labels
    assert MANIFESTS["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"] == labels


def test_memory_is_requested_and_limited() -> None:
    assert {"cpu", "memory"} <= CONTAINER["resources"]["requests"].keys()
    assert "memory" in CONTAINER["resources"]["limits"]


def test_the_settings_of_the_config_map_are_sound_and_mounted_where_they_are_read(tmp_path: Path) -> None:
    folder, _, file = option("--config", CONTAINER["args"]).rpartition("/")
    assert mounts()[folder]["configMap"]["name"] == MANIFESTS["configmap.yaml"]["metadata"]["name"]
    secret_folder, secret_file = next((path, "secret") for path, mount in mounts().items() if "secret" in mount)
    assert f"{secret_folder}/{secret_file}" in SETTINGS
    (tmp_path / secret_file).write_bytes(bytes(range(32)))
    here = SETTINGS.replace(secret_folder, str(tmp_path)).replace(dockerfile("VOLUME"), str(tmp_path))
    (tmp_path / file).write_text(here)
    worklist = load_settings(tmp_path / file).worklists["research"]
    assert worklist.origin == "archive"
    assert worklist.profile is not None
    assert worklist.profile.name == "nominal"


def test_the_way_out_is_open_to_the_origins_port_and_the_name_service_only() -> None:
    origin = yaml.safe_load(SETTINGS)["origins"]["archive"]["dicomweb"]
    allowed = {port["port"] for rule in MANIFESTS["networkpolicy.yaml"]["spec"]["egress"] for port in rule["ports"]}
    assert allowed == {53, urlsplit(origin).port}
    assert all(rule["to"] for rule in MANIFESTS["networkpolicy.yaml"]["spec"]["egress"])


def test_the_image_is_built_from_hashed_locks_and_files_that_docker_is_given() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install ([^&]+)", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert given == {name for names in copied for name in names.split()}
    assert all((ROOT / name).exists() for name in given)
