"""The gateway's pod against the program and its image: user, paths, port, probes, how long it may take to leave."""

import json
import re
from typing import Any

import pytest

from gateway import __version__, cli, server
from gateway.telemetry import readiness
from tests.k8s.overlay import OVERLAYS, ROOT, container, mounts, of_kind, one, overlay, pod, settings

DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())


def dockerfile(instruction: str) -> str:
    """Return the arguments of the last such instruction, which is the one that holds."""
    return str(re.findall(rf"^{instruction} (.+)$", DOCKERFILE, re.MULTILINE)[-1])


def option(key: str, name: str) -> str:
    """Return what an overlay's command says of an option."""
    args = container(overlay(name))["args"]
    return str(args[args.index(key) + 1])


@pytest.fixture(params=OVERLAYS)
def name(request: pytest.FixtureRequest) -> str:
    """Name each overlay in turn."""
    return str(request.param)


def test_the_image_is_that_of_this_version(name: str) -> None:
    assert container(overlay(name))["image"] == f"dicomveil:{__version__}"


def test_it_starts_as_the_image_does_and_as_the_command_understands(name: str) -> None:
    args = container(overlay(name))["args"]
    assert json.loads(dockerfile("ENTRYPOINT")) == ["dicomveil"]
    assert [*json.loads(dockerfile("CMD")), "--drain", option("--drain", name)] == args
    context = cli.serve.make_context(
        "serve", [arg.replace("/etc/dicomveil/dicomveil.yaml", __file__) for arg in args[1:]]
    )
    assert args[0] == context.command.name
    assert args[args.index("--config") + 1] == "/etc/dicomveil/dicomveil.yaml"
    assert context.params["port"] == container(overlay(name))["ports"][0]["containerPort"]


def test_it_runs_as_the_numeric_user_of_the_image(name: str) -> None:
    security = pod(overlay(name))["securityContext"]
    assert dockerfile("USER") == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert security["runAsUser"] == security["fsGroup"]


def test_it_can_write_its_state_and_temporary_files_only(name: str) -> None:
    assert container(overlay(name))["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {path for path, mount in mounts(overlay(name)).items() if not mount.get("readOnly")}
    assert writable == {dockerfile("VOLUME"), "/tmp"}  # noqa: S108 that of the container
    assert dockerfile("VOLUME") == dockerfile("WORKDIR")
    assert all("emptyDir" in mounts(overlay(name))[path] for path in writable)


def test_one_port_runs_through_image_pod_service_and_policies(name: str) -> None:
    (port,) = container(overlay(name))["ports"]
    number = str(port["containerPort"])
    assert dockerfile("EXPOSE") == number
    assert f"127.0.0.1:{number}/healthz" in dockerfile("HEALTHCHECK")
    (service_port,) = one(overlay(name), "Service")["spec"]["ports"]
    policy = one(overlay(name), "NetworkPolicy")
    doors = [door["port"] for rule in policy["spec"]["ingress"] for door in rule["ports"]]
    assert [service_port["targetPort"], *doors] == [port["name"]] * 3


def test_probes_ask_what_the_program_answers_and_wait_long_enough(name: str) -> None:
    (port,) = container(overlay(name))["ports"]
    probes = {key: probe for key, probe in container(overlay(name)).items() if key.endswith("Probe")}
    assert {key: probe["httpGet"] for key, probe in probes.items()} == {
        "startupProbe": {"path": "/healthz", "port": port["name"]},
        "livenessProbe": {"path": "/healthz", "port": port["name"]},
        "readinessProbe": {"path": "/readyz", "port": port["name"]},
    }
    assert probes["readinessProbe"]["timeoutSeconds"] > readiness.MOST_S


def test_it_is_given_the_time_that_its_exchanges_have_to_end(name: str) -> None:
    drain = int(option("--drain", name))
    assert drain > 0  # until every proxy has heard that it leaves, it takes new requests
    assert pod(overlay(name))["terminationGracePeriodSeconds"] >= drain + server.GRACEFUL_SHUTDOWN_S + 10


def test_one_can_be_replaced_without_one_less() -> None:
    deployment = one(overlay("production"), "Deployment")["spec"]
    assert "replicas" not in deployment  # or every apply would undo the autoscaler
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    autoscaler = one(overlay("production"), "HorizontalPodAutoscaler")["spec"]
    assert autoscaler["minReplicas"] > 1
    budget = one(overlay("production"), "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    for spread in pod(overlay("production"))["topologySpreadConstraints"]:
        labels = deployment["template"]["metadata"]["labels"]
        assert spread["labelSelector"]["matchLabels"].items() <= labels.items()


def test_several_share_a_store_and_one_that_has_its_own_stays_alone() -> None:
    assert of_kind(overlay("production"), "HorizontalPodAutoscaler")
    assert settings(overlay("production"))["state"] == {"file": "/run/secrets/database/uri"}
    assert not of_kind(overlay("demo"), "HorizontalPodAutoscaler", "PodDisruptionBudget")
    assert one(overlay("demo"), "Deployment")["spec"]["replicas"] == 1
    assert settings(overlay("demo"))["state"].startswith(f"sqlite:///{dockerfile('VOLUME')}/")


def test_the_databases_address_comes_from_the_secret_that_its_operator_makes() -> None:
    secret: dict[str, Any] = mounts(overlay("production"))["/run/secrets/database"]["secret"]
    cluster = one(overlay("production"), "Cluster", "dicomveil-database")
    assert secret["secretName"] == f"{cluster['metadata']['name']}-app"
    assert secret["items"] == [{"key": "uri", "path": "uri"}]
