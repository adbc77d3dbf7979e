"""Overlays as kubectl's own kustomize builds them, and a pod's volumes as the kubelet lays them out. No cluster."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
K8S: Final = ROOT / "k8s"
OVERLAYS: Final = ("demo", "production")
NAME: Final = "app.kubernetes.io/name"

Manifest = Mapping[str, Any]


def tool(name: str) -> str:
    """Return the path of a program that a development package brings."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name}: make test installs it")
    return found


@cache
def built(folder: str) -> tuple[Manifest, ...]:
    """Build a folder below k8s/."""
    made = subprocess.run([tool("kubectl"), "kustomize", K8S / folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return tuple(yaml.safe_load_all(made.stdout))


def overlay(name: str) -> tuple[Manifest, ...]:
    """Build an overlay."""
    return built(f"overlays/{name}")


def of_kind(manifests: tuple[Manifest, ...], *kinds: str) -> list[Manifest]:
    """Select by kind."""
    return [one for one in manifests if one["kind"] in kinds]


def one(manifests: tuple[Manifest, ...], kind: str, name: str = "dicomveil") -> Manifest:
    """Return the one of that kind and name; generated names end in a digest."""
    (found,) = [
        manifest
        for manifest in of_kind(manifests, kind)
        if re.fullmatch(re.escape(name) + r"(-[a-z0-9]{10})?", manifest["metadata"]["name"])
    ]
    return found


def pod(manifests: tuple[Manifest, ...], name: str = "dicomveil") -> Manifest:
    """Return the spec of a Deployment's pods."""
    found: Manifest = one(manifests, "Deployment", name)["spec"]["template"]["spec"]
    return found


def container(manifests: tuple[Manifest, ...], name: str = "dicomveil") -> Manifest:
    """Return the only container of a Deployment's pods."""
    (found,) = pod(manifests, name)["containers"]
    return dict(found)


def mounts(manifests: tuple[Manifest, ...]) -> dict[str, dict[str, Any]]:
    """Return what is mounted in the gateway's container, by path."""
    volumes = {volume["name"]: volume for volume in pod(manifests)["volumes"]}
    return {mount["mountPath"]: volumes[mount["name"]] | mount for mount in container(manifests)["volumeMounts"]}


def settings_text(manifests: tuple[Manifest, ...]) -> str:
    """Return the settings file that the gateway is given."""
    return str(one(manifests, "ConfigMap")["data"]["dicomveil.yaml"])


def settings(manifests: tuple[Manifest, ...]) -> dict[str, Any]:
    """Return the settings as they are written."""
    read: dict[str, Any] = yaml.safe_load(settings_text(manifests))
    return read


def lay_out(manifests: tuple[Manifest, ...], root: Path, others: Mapping[str, Mapping[str, bytes]]) -> None:
    """Fill the gateway's volumes below ``root``; ``others`` are Secrets and ConfigMaps that are made elsewhere."""
    for path, volume in mounts(manifests).items():
        folder = root / path.lstrip("/")
        folder.mkdir(parents=True)
        for relative, content in _files(volume, manifests, others):
            _write(folder, relative, content)


def _files(
    volume: Manifest, manifests: tuple[Manifest, ...], others: Mapping[str, Mapping[str, bytes]]
) -> Iterator[tuple[str, bytes]]:
    made = {one["metadata"]["name"]: one["data"] for one in of_kind(manifests, "ConfigMap")}
    sources = volume.get("projected", {}).get("sources") or [volume]
    for source in sources:
        wanted = source.get("configMap") or source.get("secret")
        if wanted is None:
            continue
        name = wanted.get("name") or wanted["secretName"]
        if wanted.get("optional") and name not in {**made, **others}:
            continue
        data = {key: text.encode() for key, text in made[name].items()} if name in made else others[name]
        items = wanted.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            yield item["path"], data[item["key"]]


def _write(folder: Path, relative: str, content: bytes) -> None:
    """Write a file behind two links, so that the kubelet can swap all of a volume at once."""
    data = folder / "..2026_01_01_00_00_00.000000001"
    (data / relative).parent.mkdir(parents=True, exist_ok=True)
    (data / relative).write_bytes(content)
    if not (folder / "..data").is_symlink():
        (folder / "..data").symlink_to(data.name)
    top = relative.partition("/")[0]
    if not (folder / top).is_symlink():
        (folder / top).symlink_to(f"..data/{top}")
