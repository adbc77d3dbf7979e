"""Real servers as processes, on loopback and free ports: an Orthanc as origin, and the gateway itself."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).parents[2]
ORTHANC: Final = ROOT / "scripts" / "orthanc.sh"
START_S: Final = 60
STOP_S: Final = 20
_LISTENING: Final = re.compile(r"running on (https?://127\.0\.0\.1:\d+)")


@dataclass(slots=True)
class Orthanc:
    """A running Orthanc; ``dicomweb`` is its service base."""

    port: int
    folder: Path
    dicomweb: str = ""

    @property
    def authority(self) -> str:
        """Give host and port, which no client of a gateway may ever see."""
        return f"127.0.0.1:{self.port}"

    def load(self, *paths: Path) -> None:
        """Store every DICOM file below the paths; raise AssertionError when the server takes none."""
        self._run("load", *map(str, paths))

    def get(self, path: str) -> Any:
        """Ask Orthanc's own REST API."""
        return httpx.get(f"http://{self.authority}{path}", timeout=60).raise_for_status().json()

    def text(self, path: str) -> str:
        """Ask its REST API for what is not JSON."""
        return httpx.get(f"http://{self.authority}{path}", timeout=60).raise_for_status().text

    def search(self, path: str) -> list[dict[str, Any]]:
        """Ask its DICOMweb service."""
        found: list[dict[str, Any]] = httpx.get(self.dicomweb + path, timeout=60).raise_for_status().json()
        return found

    def start(self) -> None:
        """Start and wait until it answers."""
        self.dicomweb = self._run("start").strip()

    def stop(self) -> None:
        """Stop and wait until its database is closed."""
        self._run("stop")

    def kill(self) -> None:
        """End it at once: its data are of no more use, and a stop takes seconds."""
        self._run("kill")

    def _run(self, *arguments: str) -> str:
        environment = os.environ | {"ORTHANC_PORT": str(self.port), "ORTHANC_DIR": str(self.folder)}
        # Its standard error is a file: a pipe would stay open as long as the server it starts.
        with (self.folder.parent / f"{self.folder.name}.err").open("w+", encoding="utf-8") as errors:
            done = subprocess.run(
                [ORTHANC, *arguments], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
            )
            errors.seek(0)
            assert done.returncode == 0, errors.read()
        return done.stdout


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    """Run an Orthanc whose data live and die with ``folder``."""
    server = Orthanc(free_port(), folder / "orthanc")
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass(slots=True)
class Gateway:
    """A gateway in a folder of its own: its settings, its state, its log."""

    folder: Path
    base: str = ""
    process: subprocess.Popen[bytes] | None = None
    module: str = "gateway"
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    options: Sequence[str] = ()

    @property
    def config(self) -> Path:
        """Name the settings file."""
        return self.folder / "dicomveil.yaml"

    @property
    def state(self) -> Path:
        """Name the state file."""
        return self.folder / "state.db"

    @property
    def log(self) -> str:
        """Give everything that the process printed so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="backslashreplace")

    def worklist(self, name: str) -> str:
        """Give the DICOMweb service base of a worklist."""
        return f"{self.base}/worklists/{name}/dicom-web"

    def start(self) -> None:
        """Start and wait until it listens."""
        before = len(self.log) if (self.folder / "log").exists() else 0
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    self.module,
                    "serve",
                    "--config",
                    str(self.config),
                    "--port",
                    "0",
                    "--workers",
                    str(self.workers),
                    *self.options,
                ],
                cwd=ROOT,
                env={**os.environ, "DICOMVEIL_LOG_LEVEL": "debug", **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_S
        while not (listening := _LISTENING.search(self.log, before)):
            assert self.process.poll() is None, f"the gateway ended:\n{self.log}"
            assert time.monotonic() < deadline, f"the gateway does not listen:\n{self.log}"
            time.sleep(0.05)
        self.base = listening[1]
        while not _answers(self.base):  # of several workers none may listen yet
            assert self.process.poll() is None, f"the gateway ended:\n{self.log}"
            assert time.monotonic() < deadline, f"the gateway does not answer:\n{self.log}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop and wait for the end of the process."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


@contextmanager
def gateway(
    folder: Path, settings: Mapping[str, object], profiles: Mapping[str, str] | None = None, **more: Any
) -> Iterator[Gateway]:
    """Run a gateway; ``settings`` lack only secret and state, ``profiles`` are the text of more profiles by name.

    ``more`` are the module that is run, its environment, and how many workers it has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    server = Gateway(folder, **more)
    (folder / "secret").write_bytes(bytes(range(32)))
    (folder / "profiles").mkdir(exist_ok=True)
    for name, text in (profiles or {}).items():
        (folder / "profiles" / f"{name}.yaml").write_text(text, encoding="utf-8")
    whole = {
        "secret": {"file": str(folder / "secret")},
        "state": f"sqlite:///{server.state}",
        "profiles": str(folder / "profiles"),
    } | dict(settings)
    # Every JSON document is a YAML document.
    server.config.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    try:
        server.start()
        yield server
    finally:
        server.stop()


def worklists(names: Sequence[str], origin: str, **more: Mapping[str, object]) -> dict[str, object]:
    """Write settings: each name a worklist over one origin with profile ``nominal``, ``more`` as it is given."""
    each: dict[str, Mapping[str, object]] = {name: {"origin": "archive", "profile": "nominal"} for name in names}
    entries = each | {name: {"origin": "archive"} | dict(entry) for name, entry in more.items()}
    return {"origins": {"archive": {"dicomweb": origin}}, "worklists": entries}


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz", timeout=START_S, verify=False).status_code == 200  # noqa: S501
    except httpx.TransportError:
        return False


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
