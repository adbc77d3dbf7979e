"""The Dockerfile step by step, without an engine: its stages are folders, its paths lead below them."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from tests.k8s.overlay import ROOT

IGNORED: Final = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] not in "#!*"]
PIP: Final = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))}
"""This machine's settings of pip, as they are before a test takes its authorities away (``tests/conftest.py``)."""
_OURS: Final = re.compile(r"(?<![\w./-])(?=/(?:opt|src|wheels|var/lib/dicomveil|etc/dicomveil)\b)")
"""Where a path begins that is the image's own; others (/var/lib/apt) are its Debian's."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction."""

    name: str
    arguments: str


def stages(text: str) -> list[list[Step]]:
    """Split a Dockerfile into its stages; what stands before the first FROM is no part of them."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found: list[list[Step]] = []
    for line in filter(None, text.splitlines()):
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append(Step(name, arguments.strip()))
    return found


@dataclass(slots=True)
class Build:
    """A stage as it is built below ``root``, with the programs of ``path`` as those of its base image."""

    root: Path
    path: Path
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Lead the image's paths below the root."""
        return _OURS.sub(str(self.root), text)

    def take(self, step: Step, context: Path) -> None:
        """Take one step; instructions that only describe the image do nothing."""
        if step.name == "WORKDIR":
            self.workdir = step.arguments
            self._folder.mkdir(parents=True, exist_ok=True)
        elif step.name == "ENV":
            self.environment |= dict(pair.split("=", 1) for pair in step.arguments.split())
        elif step.name == "COPY" and not step.arguments.startswith("--from"):
            *sources, target = step.arguments.split()
            for source in sources:
                _copy(context / source, self._folder / (source if target == "./" else target))
        elif step.name == "RUN" and not step.arguments.startswith("apt-get "):
            self._run(step.arguments)

    @property
    def _folder(self) -> Path:
        return self.root / self.workdir.lstrip("/")

    def variables(self) -> Mapping[str, str]:
        """Return what its processes have in their environment: this machine's settings of pip besides."""
        ours = {
            name: self.here(value.replace("$PATH", f"{self.path}:/usr/bin:/bin"))
            for name, value in self.environment.items()
        }
        return {"PATH": f"{self.path}:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), **PIP, **ours}

    def _run(self, command: str) -> None:
        environment = {**self.variables(), "PIP_NO_CACHE_DIR": "0"}  # what is here already need not be fetched again
        done = subprocess.run(
            ["/bin/sh", "-euc", self.here(command)],
            cwd=self._folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        ignore = shutil.ignore_patterns(*(pattern.removeprefix("**/") for pattern in IGNORED))
        shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def given(context: Path) -> set[str]:
    """Return what .dockerignore leaves of the top of a folder."""
    kept = {line[1:] for line in (context / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    return {path.name for path in context.iterdir() if any(fnmatch(path.name, one) for one in kept)}
