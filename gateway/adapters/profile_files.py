"""Profiles by name, out of folders of YAML files; the first folder that has a name wins."""

from collections.abc import Sequence
from pathlib import Path

from gateway.core import marked_yaml
from gateway.core.errors import ConfigFault, ConfigFaults
from gateway.core.profile.model import Profile
from gateway.core.profile.parse import parse_profile

__all__ = ["ProfileFiles", "shipped_profiles"]

SUFFIX = ".yaml"


def shipped_profiles() -> Path:
    """Return the folder of the profiles that come with the gateway: inside the package, or beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_profiles"
    return inside if inside.is_dir() else package.parent / "profiles"


class ProfileFiles:
    """Reads profiles when they are asked for, each once, and collects what is wrong with them in ``faults``."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.faults: list[ConfigFault] = []
        self.folders = tuple(folders)
        self._files: dict[str, Path] = {}
        self._read: dict[str, Profile | None] = {}
        self._open: list[str] = []
        for folder in reversed(folders):
            self._files |= {file.stem: file for file in sorted(folder.glob("*" + SUFFIX)) if file.is_file()}

    @property
    def names(self) -> list[str]:
        """List the names there are, those of broken profiles too."""
        return sorted(self._files)

    def get(self, name: str) -> Profile | None:
        """Return a profile, or None when there is no such name or its file has faults."""
        if name not in self._files:
            return None
        if name not in self._read:
            self._open.append(name)
            self._read[name] = self._parse(name)
            self._open.pop()
        return self._read[name]

    def require(self, name: str) -> Profile:
        """Return a profile that is known to be there; raises LookupError when it is not."""
        profile = self.get(name)
        if profile is None:
            raise LookupError(f"no profile named {name!r}")
        return profile

    @property
    def loaded(self) -> dict[str, Profile]:
        """Return the sound ones of the profiles that were asked for."""
        return {name: profile for name, profile in sorted(self._read.items()) if profile is not None}

    def _parse(self, name: str) -> Profile | None:
        file = self._files[name]
        source = str(file)
        try:
            text = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
            self.faults.append(ConfigFault(f"{source}:1", f"cannot be read: {why}"))
            return None
        faults: list[ConfigFault] = []
        try:
            profile = parse_profile(text, source, lambda base: self._base(base, text, source, faults))
        except ConfigFaults as found:
            self.faults += [*faults, *found.faults]
            return None
        if profile.name != name:
            where = marked_yaml.load(text, source).where(("name",))
            faults.append(ConfigFault(where, f"name: should be {name}, as the file is called"))
        self.faults += faults
        return None if faults else profile

    def _base(self, name: str, text: str, source: str, faults: list[ConfigFault]) -> Profile | None:
        """Find the profile another is based on; a broken one is stood in for, so that the other's faults show too."""
        if name in self._open:
            where = marked_yaml.load(text, source).where(("based_on",))
            circle = " > ".join((*self._open[self._open.index(name) :], name))
            faults.append(ConfigFault(where, f"based_on: goes round in a circle: {circle}"))
            return Profile(name)
        return self.get(name) or (Profile(name) if name in self._files else None)
