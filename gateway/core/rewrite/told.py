"""What attributes tell about the subject of an object, and all that one object tells."""

from dataclasses import dataclass

from gateway.core.clean.subject import Kind, Subject, gather, kind_of
from gateway.core.standard import dictionary
from gateway.core.standard.uids import is_registered
from gateway.core.standard.vr import SINGLE_VALUE_VRS


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What one attribute tells about the subject; the same bytes are the same object."""

    tag: int
    vr: str
    kind: Kind
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one object tells: its UIDs, and all the rest, which the objects of a series have in common."""

    said: frozenset[Told]
    uids: tuple[Told, ...]

    def subject(self) -> Subject:
        """Return the Subject that the facts are about."""
        return gather((told.kind, value) for some in (self.said, self.uids) for told in some for value in told.values)


def tell(tag: int, vr: str, text: str, sequence: int = 0) -> Told | None:
    """Say what a decoded value tells about the subject, if anything; several values are joined by backslash."""
    kind = kind_of(tag, vr, sequence)
    if kind is None:
        return None
    parts = [text] if vr in SINGLE_VALUE_VRS else text.split("\\")
    values = dict.fromkeys(part.strip(" \0\t\r\n") for part in parts)
    told = tuple(value for value in values if value and not (kind is Kind.UID and is_registered(value)))
    return Told(tag, vr, kind, told) if told else None


def meant(tag: int, encoded: str) -> str:
    """Return the VR that an attribute has, whatever was written."""
    return dictionary.vr_of(tag) or "UN" if encoded in ("", "UN") else encoded
