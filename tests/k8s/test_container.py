"""The Dockerfile is clean, installs what is locked, and its layers, built here step by step, serve as the pod does."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway import __version__
from tests.k8s.dockerfile import Build, Step, given, stages
from tests.k8s.overlay import ROOT, overlay, settings_text, tool
from tests.kit.servers import free_port

TEXT = (ROOT / "Dockerfile").read_text()
BUILD, FINAL = stages(TEXT)
USER = next(step.arguments for step in FINAL if step.name == "USER")
IS_ROOT = os.geteuid() == 0


def test_the_dockerfile_has_no_known_flaw() -> None:
    linted = subprocess.run(
        [tool("hadolint"), "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout


def test_a_flaw_would_be_found(tmp_path: Path) -> None:
    flawed = tmp_path / "Dockerfile"
    flawed.write_text(TEXT.replace(" --no-install-recommends", ""))
    linted = subprocess.run([tool("hadolint"), flawed], capture_output=True, text=True, check=False)
    assert "DL3015" in linted.stdout


def test_everything_is_installed_from_hashed_locks_or_from_this_tree() -> None:
    installs = [
        part for step in BUILD if step.name == "RUN" for part in step.arguments.split("&&") if " install " in part
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)


def test_docker_is_given_what_is_copied_and_nothing_else() -> None:
    copied = {name for step in BUILD if step.name == "COPY" for name in step.arguments.split()[:-1]}
    assert given(ROOT) == copied
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_what_debian_brings_is_what_a_machine_without_containers_is_told_to_install() -> None:
    (packages,) = [
        re.findall(r"--no-install-recommends (.+?) *&&", step.arguments)[0]
        for step in FINAL
        if "apt-get" in step.arguments
    ]
    script = (ROOT / "scripts/setup_system.sh").read_text()
    assert all(re.search(rf"need(_library)? {package} ", script) for package in packages.split())


@pytest.fixture(scope="module")
def image() -> Iterator[Build]:
    """Build both stages below a folder that every user can read."""
    root = Path(tempfile.mkdtemp(prefix="dicomveil-image-"))
    root.chmod(0o755)
    try:
        subprocess.run([python(), "-m", "venv", root / "base"], check=True)
        context = root / "context"
        context.mkdir()
        for name in given(ROOT):
            (context / name).symlink_to(ROOT / name)
        build = Build(root, root / "base/bin")
        for step in BUILD:
            build.take(step, context)
        final = Build(root, root / "base/bin")  # what COPY --from takes over lies at the same path
        for step in FINAL:
            if IS_ROOT or "--owner" not in step.arguments:
                final.take(step, context)
        (root / "tmp").mkdir(mode=0o1777)
        (root / "tmp").chmod(0o1777)
        yield final
    finally:
        shutil.rmtree(root)


def python() -> Path:
    """Find a Python that the image's user may start as well."""
    version = f"python3.{sys.version_info.minor}"
    for one in (Path(sys._base_executable), Path("/usr/bin", version), Path("/usr/local/bin", version)):  # type: ignore[attr-defined]
        runs = subprocess.run(as_user([str(one), "-c", "import venv, ensurepip"]), capture_output=True, check=False)
        if runs.returncode == 0:
            return one
    pytest.skip("no Python here that another user may start")


def as_user(command: Sequence[str]) -> list[str]:
    """Run as the image's user where that can be, else as oneself."""
    user, _, group = USER.partition(":")
    return (
        ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs", *command]
        if IS_ROOT
        else [*command]
    )


def read_only(build: Build, command: Sequence[str]) -> list[str]:
    """Run with nothing to write to but the volume and /tmp, where namespaces are allowed."""
    if not IS_ROOT or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return [*command]
    own = "".join(f"mount --bind {path} {path}; " for path in (build.root / "var/lib/dicomveil", build.root / "tmp"))
    return [
        "unshare",
        "--mount",
        "sh",
        "-ec",
        f'mount --make-rprivate /; {own}mount -o remount,bind,ro /; exec "$@"',
        "sh",
        *command,
    ]


@pytest.mark.timeout(900)  # it downloads
@pytest.mark.slow
def test_the_layers_can_be_built_and_hold_this_version(image: Build) -> None:
    command = [str(image.root / "opt/dicomveil/bin/dicomveil"), "--version"]
    said = subprocess.run(as_user(command), env=dict(image.variables()), capture_output=True, text=True, check=True)
    assert said.stdout.split()[-1] == __version__


@pytest.mark.timeout(900)  # it downloads
@pytest.mark.slow
def test_no_installer_is_left_in_the_image(image: Build) -> None:
    left = {path.name.partition("-")[0] for path in image.root.glob("opt/dicomveil/lib/python3*/site-packages/*")}
    assert "gateway" in left
    assert not left & {"pip", "setuptools", "hatchling", "tests"}


@pytest.mark.timeout(900)  # it downloads
@pytest.mark.slow
def test_it_serves_as_its_user_with_nothing_to_write_to_but_its_volumes(image: Build) -> None:
    folder = image.root / "etc/dicomveil"
    (folder / "studies").mkdir(parents=True)
    (folder / "secret").write_bytes(bytes(range(32)))
    text = settings_text(overlay("demo")).replace("/run/secrets/dicomveil/secret", "./secret")
    text = text.replace('dicomweb: "http://orthanc:8042/dicom-web"', "folder: ./studies")
    (folder / "dicomveil.yaml").write_text(image.here(text.replace("sqlite:///", f"sqlite:///{image.root}")))
    port = str(free_port())
    args = json.loads(next(step.arguments for step in FINAL if step.name == "CMD"))
    command = [image.here(arg).replace("8080", port).replace("0.0.0.0", "127.0.0.1") for arg in args]  # noqa: S104
    environment = {**image.variables(), "TMPDIR": str(image.root / "tmp")}
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            read_only(image, as_user([str(image.root / "opt/dicomveil/bin/dicomveil"), *command])),
            cwd=image.root / "var/lib/dicomveil", env=environment, stderr=log,
        )  # fmt: skip
        try:
            assert healthy(image, FINAL, port, server), log.seek(0) or log.read()
        finally:
            server.terminate()
            server.wait(30)
    assert (image.root / "var/lib/dicomveil/state.db").stat().st_uid == (
        int(USER.partition(":")[0]) if IS_ROOT else os.getuid()
    )


def healthy(image: Build, steps: list[Step], port: str, server: "subprocess.Popen[bytes]") -> bool:
    """Ask by the image's own HEALTHCHECK until it is well."""
    written = next(step.arguments for step in steps if step.name == "HEALTHCHECK")
    command = json.loads(written.partition("CMD ")[2].replace("8080", port))
    for _ in range(120):
        if server.poll() is not None:
            return False
        if not subprocess.run(
            as_user(command), env=dict(image.variables()), capture_output=True, check=False
        ).returncode:
            return True
        time.sleep(0.25)
    return False
