"""Secrets out of files and the environment, each read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config.model import Secret

MAX_SECRET_BYTES = 65_536


@dataclass(slots=True)
class SecretReader:
    """Resolves ``{file: PATH}`` and ``{env: NAME}``; paths count from the folder of the settings file."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    _known: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)

    def get(self, source: Mapping[str, Any]) -> Secret:
        """Return the secret; raises ValueError, without its value, when there is none."""
        kept = [(kind, str(source[kind])) for kind in ("file", "env") if source.get(kind)]
        if len(kept) != 1:
            raise ValueError("give either file or env")
        key = kept[0]
        if key not in self._known:
            self._known[key] = self._file(key[1]) if key[0] == "file" else self._variable(key[1])
        return Secret(self._known[key])

    def variables(self) -> frozenset[str]:
        """Name the environment variables that were read."""
        return frozenset(name for kind, name in self._known if kind == "env")

    def _file(self, name: str) -> bytes:
        try:
            # A pipe can be read only once, and a device never ends: hence one read of a bounded size.
            with (self.folder / name).open("rb") as stream:
                value = stream.read(MAX_SECRET_BYTES + 1)
        except OSError as error:
            raise ValueError(f"cannot read {name}: {error.strerror}") from error
        if len(value) > MAX_SECRET_BYTES:
            raise ValueError(f"{name} is larger than {MAX_SECRET_BYTES} bytes")
        value = value.removesuffix(b"\r\n") if value.endswith(b"\r\n") else value.removesuffix(b"\n")
        if not value:
            raise ValueError(f"{name} is empty")
        return value

    def _variable(self, name: str) -> bytes:
        value = self.environment.get(name, "")
        if not value:
            raise ValueError(f"environment variable {name} is not set")
        return os.fsencode(value)
