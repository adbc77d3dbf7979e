"""The origin's side of a worklist: source identifiers, and the studies they select. Nothing here is shown."""

from dataclasses import dataclass, field

from gateway.core.rewrite.hints import goes_with_date, widen
from gateway.core.rewrite.keys import Key
from gateway.core.rewrite.matching import Criterion, criteria
from gateway.core.rewrite.metadata import Elements, text
from gateway.core.standard.tags import json_key

STUDY, SERIES, INSTANCE, SOP_CLASS, PATIENT_ID, ISSUER = (
    "0020000D",
    "0020000E",
    "00080018",
    "00080016",
    "00100020",
    "00100021",
)


@dataclass(frozen=True, slots=True)
class Instance:
    """Source identifiers of one instance. Never to be shown."""

    study: str
    series: str
    instance: str
    sop_class: str

    @property
    def path(self) -> str:
        """Its path at the origin."""
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What belongs to a worklist: study-level keys on source values, and a list of studies; both must hold."""

    match: tuple[Key, ...] = ()
    studies: frozenset[str] = frozenset()
    criteria: tuple[Criterion, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the conditions ready."""
        object.__setattr__(self, "criteria", criteria(self.match))

    @property
    def is_everything(self) -> bool:
        """Say whether the whole archive belongs."""
        return not self.match and not self.studies

    def parameters(self) -> list[tuple[str, str]]:
        """Return the keys for the origin; what it finds is checked again, since some origins ignore keys."""
        widened = [(json_key(key.tag), widen(key)) for key in self.match if not goes_with_date(key, self.match)]
        keys = [(name, value) for name, value in widened if value is not None]
        return keys + [("includefield", json_key(key.tag)) for key in self.match]

    def has(self, elements: Elements) -> bool:
        """Say whether a study, as the origin describes it, belongs."""
        if self.studies and text(elements, STUDY) not in self.studies:
            return False
        return all(one.holds(elements) for one in self.criteria)


def valid_source(uid: str) -> bool:
    """Say whether a source UID can stand in a path; some archives hold UIDs with letters or leading zeros."""
    return 0 < len(uid) <= 64 and uid.isascii() and uid.replace(".", "").replace("-", "").isalnum()
