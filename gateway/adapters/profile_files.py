"""Profiles and mask rule sets by name, out of folders of YAML files; the first folder that has a name wins.

Rule sets lie in the folder ``masks`` of a folder of profiles.
"""

from collections.abc import Sequence
from pathlib import Path

from gateway.core import marked_yaml
from gateway.core.errors import ConfigFault, ConfigFaults
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import MaskRule
from gateway.core.profile.model import Profile
from gateway.core.profile.parse import parse_profile

__all__ = ["ProfileFiles", "shipped_profiles"]

SUFFIX = ".yaml"
MASKS = "masks"


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
        self._files = _by_name(folders)
        self._sets = _by_name([folder / MASKS for folder in folders])
        self._rules: dict[str, tuple[MaskRule, ...] | None] = {}
        self._read: dict[str, Profile | None] = {}
        self._open: list[str] = []

    @property
    def names(self) -> list[str]:
        """List the names there are, those of broken profiles too."""
        return sorted(self._files)

    @property
    def own(self) -> frozenset[str]:
        """Return the names of those that are not in the last folder, which is that of the shipped ones."""
        return frozenset(name for name, file in self._files.items() if file.parent != self.folders[-1])

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
    def mask_sets(self) -> list[str]:
        """List the names of the mask rule sets there are, those of broken ones too."""
        return sorted(self._sets)

    def rules(self, name: str) -> tuple[MaskRule, ...] | None:
        """Return the rules of a mask rule set, or None when its file has faults; raises LookupError without a file."""
        if name not in self._sets:
            raise LookupError(f'no mask rule set named "{name}"{marked_yaml.nearest(name, self.mask_sets)}')
        if name not in self._rules:
            self._rules[name] = self._parse_rules(name)
        return self._rules[name]

    @property
    def loaded(self) -> dict[str, Profile]:
        """Return the sound ones of the profiles that were asked for."""
        return {name: profile for name, profile in sorted(self._read.items()) if profile is not None}

    def _parse_rules(self, name: str) -> tuple[MaskRule, ...] | None:
        file = self._sets[name]
        text = self._text(file)
        if text is None:
            return None
        try:
            said, rules = parse_rules(text, str(file))
        except ConfigFaults as found:
            self.faults += found.faults
            return None
        return rules if self._is_called(said, name, text, str(file)) else None

    def _parse(self, name: str) -> Profile | None:
        source = str(self._files[name])
        text = self._text(self._files[name])
        if text is None:
            return None
        faults: list[ConfigFault] = []
        try:
            profile = parse_profile(text, source, lambda base: self._base(base, text, source, faults), self.rules)
        except ConfigFaults as found:
            self.faults += [*faults, *found.faults]
            self._look_at_the_name(name, text, source, found.faults)
            return None
        self.faults += faults
        return profile if self._is_called(profile.name, name, text, source) and not faults else None

    def _text(self, file: Path) -> str | None:
        """Read a file; None when that fails, which is then a fault."""
        try:
            return file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
            self.faults.append(ConfigFault(f"{file}:1", f"cannot be read: {why}"))
            return None

    def _look_at_the_name(self, name: str, text: str, source: str, found: Sequence[ConfigFault]) -> None:
        """Compare the name that a faulty file says, if it says one, with that of the file."""
        try:
            said = marked_yaml.load(text, source).data.get("name")
        except ConfigFaults:
            return
        if isinstance(said, str) and not any(fault.what.startswith("name: ") for fault in found):
            self._is_called(said, name, text, source)

    def _is_called(self, said: str, name: str, text: str, source: str) -> bool:
        """Say whether a file says the name that it is called by; it is a fault when not."""
        if said != name:
            where = marked_yaml.load(text, source).where(("name",))
            self.faults.append(ConfigFault(where, f"name: should be {name}, as the file is called"))
        return said == name

    def _base(self, name: str, text: str, source: str, faults: list[ConfigFault]) -> Profile | None:
        """Find the profile another is based on; a broken one is stood in for, so that the other's faults show too."""
        if name in self._open:
            where = marked_yaml.load(text, source).where(("based_on",))
            circle = " > ".join((*self._open[self._open.index(name) :], name))
            faults.append(ConfigFault(where, f"based_on: goes round in a circle: {circle}"))
            return Profile(name)
        return self.get(name) or (Profile(name) if name in self._files else None)


def _by_name(folders: Sequence[Path]) -> dict[str, Path]:
    """Find the files of several folders by name; the first folder wins."""
    files = ((file.stem, file) for folder in reversed(folders) for file in sorted(folder.glob("*" + SUFFIX)))
    return {name: file for name, file in files if file.is_file()}
