"""What each overlay builds is what Kubernetes and its operators take, restricted, and fits together."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from tests.k8s.overlay import K8S, NAME, OVERLAYS, Manifest, built, of_kind, one, overlay, pod

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in Path(__file__).with_name("schemas").glob("*.json")}
"""Of the operators' own kinds, by name of the kind and apiVersion."""
EVERY = [(name, index) for name in OVERLAYS for index in range(len(overlay(name)))]
WORKLOADS = [
    (name, manifest["metadata"]["name"]) for name in OVERLAYS for manifest in of_kind(overlay(name), "Deployment")
]


def validate(manifest: Manifest) -> None:
    """Raise a ValidationError unless Kubernetes' own schema, or that of the operator's CRD, allows all of it."""
    versions = SCHEMAS.get(manifest["kind"].lower())
    if versions is None:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    else:
        jsonschema.Draft202012Validator(versions[manifest["apiVersion"]]).validate(manifest)


@pytest.mark.parametrize(("name", "index"), EVERY)
def test_a_manifest_is_what_its_schema_allows(name: str, index: int) -> None:
    validate(overlay(name)[index])


@pytest.mark.parametrize(("name", "index"), EVERY)
def test_a_misspelt_key_is_found_in_each_of_them(name: str, index: int) -> None:
    manifest = overlay(name)[index]
    part = "spec" if "spec" in manifest else "metadata"
    broken = {**manifest, part: {**manifest[part], "podz": []}} if "spec" in manifest else {**manifest, "podz": []}
    with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
        validate(broken)


@pytest.mark.parametrize("component", sorted(path.name for path in (K8S / "components").iterdir()))
def test_every_component_is_used_or_shown_by_an_overlay(component: str) -> None:
    texts = [path.read_text() for path in (K8S / "overlays").glob("*/kustomization.yaml")]
    assert any(f"../../components/{component}" in text for text in texts)


def test_the_production_overlay_also_stands_behind_ingress_nginx(tmp_path: Path) -> None:
    shutil.copytree(K8S, tmp_path / "k8s")
    kustomization = tmp_path / "k8s/overlays/production/kustomization.yaml"
    chosen = "../../components/gateway-api # or ../../components/ingress-nginx"
    text = kustomization.read_text()
    assert chosen in text
    kustomization.write_text(text.replace(chosen, "../../components/ingress-nginx"))
    swapped = built(str(kustomization.parent))
    ingress = one(swapped, "Ingress")
    validate(ingress)
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert not of_kind(swapped, "Gateway", "HTTPRoute")


@pytest.mark.parametrize(("name", "workload"), WORKLOADS)
def test_every_pod_is_restricted_as_pod_security_says(name: str, workload: str) -> None:
    """The checks of https://kubernetes.io/docs/concepts/security/pod-security-standards/, level restricted."""
    spec = pod(overlay(name), workload)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
    assert all(len(volume.keys() & allowed) == 1 for volume in spec["volumes"])
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert all("hostPort" not in port for port in container["ports"])
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_namespace_refuses_what_is_not_restricted(name: str) -> None:
    (namespace,) = of_kind(overlay(name), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    spaces = {manifest["metadata"].get("namespace") for manifest in overlay(name) if manifest is not namespace}
    assert spaces == {namespace["metadata"]["name"]}


@pytest.mark.parametrize(("name", "workload"), WORKLOADS)
def test_selectors_meet_their_pods_and_services_their_ports(name: str, workload: str) -> None:
    manifests = overlay(name)
    deployment = one(manifests, "Deployment", workload)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    service = one(manifests, "Service", workload)
    assert service["spec"]["selector"].items() <= labels.items()
    ports = {port["name"] for container in pod(manifests, workload)["containers"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_is_referred_to_is_there(name: str) -> None:
    manifests = overlay(name)
    services = {manifest["metadata"]["name"]: manifest for manifest in of_kind(manifests, "Service")}
    for ingress in of_kind(manifests, "Ingress"):
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            backend = path["backend"]["service"]
            assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["spec"]["ports"]}
    for route in of_kind(manifests, "HTTPRoute"):
        (gateway,) = of_kind(manifests, "Gateway")
        (parent,) = route["spec"]["parentRefs"]
        (listener,) = gateway["spec"]["listeners"]
        assert (parent["name"], parent["sectionName"]) == (gateway["metadata"]["name"], listener["name"])
        assert route["spec"]["hostnames"] == [listener["hostname"]]
        for backend in route["spec"]["rules"][0]["backendRefs"]:
            assert backend["port"] in {port["port"] for port in services[backend["name"]]["spec"]["ports"]}
    for certificate in of_kind(manifests, "Certificate"):
        (listener,) = one(manifests, "Gateway")["spec"]["listeners"]
        assert listener["tls"]["certificateRefs"] == [{"name": certificate["spec"]["secretName"]}]
        assert certificate["spec"]["dnsNames"] == [listener["hostname"]]
        assert one(manifests, "Issuer")["metadata"]["name"] == certificate["spec"]["issuerRef"]["name"]
    account = pod(manifests)["serviceAccountName"]
    assert one(manifests, "ServiceAccount", account)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_pod_but_one_under_a_policy_and_no_policy_without_a_pod(name: str) -> None:
    manifests = overlay(name)
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in of_kind(manifests, "Deployment")]
    policies = of_kind(manifests, "NetworkPolicy")
    closed = {"Ingress": set[Any](), "Egress": set[Any]()}
    for policy in policies:
        selected = policy["spec"]["podSelector"]["matchLabels"]
        assert any(selected.items() <= one.items() for one in labels)
        for direction in policy["spec"]["policyTypes"]:
            closed[direction].add(selected[NAME])
    assert closed == {direction: {one[NAME] for one in labels} for direction in closed}


def test_no_secret_is_in_the_tree() -> None:
    assert not [one for name in OVERLAYS for one in of_kind(overlay(name), "Secret")]
    assert not [path for path in K8S.rglob("*.yaml") if "secretGenerator" in path.read_text()]
