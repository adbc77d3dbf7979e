"""What stands for a source identifier on the released side, remembered: the same for Part 10 and for JSON."""

import re
from dataclasses import dataclass

from gateway.core.errors import LimitExceeded
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.standard.uids import MAX_UID_LENGTH, is_registered

MAX_REMEMBERED = 32_768
MAX_VALUES = 4_096
_LIKE_A_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient of one object: the pseudonym, and by how many days dates move back."""

    pseudonym: str
    shift_days: int


class Identity:
    """Maps UIDs and patients of one domain; ``retains_uids`` makes every UID its own released UID."""

    def __init__(self, keys: KeyRing, *, retains_uids: bool) -> None:
        self.keys = keys
        self.retains_uids = retains_uids
        self._released: dict[str, str] = {}
        self._uids: dict[bytes, bytes | None] = {}
        self._definitions: set[bytes] = set()
        self._patients: dict[tuple[str, str, str], Patient] = {}

    def uid(self, source: str) -> str:
        """Return the released UID; registered UIDs (PS3.6 Annex A) and empty values stay."""
        found = self._released.get(source)
        if found is not None:
            return found
        if self.retains_uids or not source or is_registered(source):
            return source
        found = self.keys.uid(source)
        if len(source) <= MAX_UID_LENGTH:
            if len(self._released) >= MAX_REMEMBERED:
                self._released.clear()
            self._released[source] = found
        return found

    def pseudonym(self, tag: int, value: str) -> str:
        """Return the pseudonym of one value of an attribute that does not name the patient; empty stays empty.

        Empty component groups at the end of a person's name (PS3.5 Section 6.2.1.1) make no difference.
        """
        value = value.strip(" \0").rstrip("=")
        return self.keys.value(tag, value) if value else ""

    def uid_bytes(self, raw: bytes) -> bytes | None:
        """Map an encoded UI value, padded and of any multiplicity; None when it stays as it is."""
        try:
            return self._uids[raw]
        except KeyError:
            pass
        if raw.count(b"\\") >= MAX_VALUES:
            raise LimitExceeded("values of one UID attribute", MAX_VALUES)
        values = [value.strip(" \0") for value in raw.decode("latin-1").split("\\")]
        mapped = [self.uid(value) for value in values]
        new = None if mapped == values else pad("\\".join(mapped), b"\0")
        if len(raw) <= MAX_UID_LENGTH + 2:
            if len(self._uids) >= MAX_REMEMBERED:
                self._uids.clear()
            self._uids[raw] = new
        return new

    def definition(self, source: str) -> str:
        """Return a UID that names a SOP Class, a coding scheme and the like: as it is, unless it is text."""
        return source if not source or _LIKE_A_UID.fullmatch(source) else self.uid(source)

    def definition_bytes(self, raw: bytes) -> bytes | None:
        """Do the same for an encoded UI value; None when it stays as it is."""
        if raw in self._definitions:
            return None
        values = [value.strip(" \0") for value in raw.decode("latin-1").split("\\")]
        if self.retains_uids or all(not value or _LIKE_A_UID.fullmatch(value) for value in values):
            if len(raw) <= MAX_UID_LENGTH + 2 and len(self._definitions) < MAX_REMEMBERED:
                self._definitions.add(raw)
            return None
        return self.uid_bytes(raw)

    def patient(self, issuer: str, patient_id: str, study_uid: str) -> Patient:
        """Return who stands for a patient; the Study counts only where there is no Patient ID."""
        who = (issuer, patient_id, "" if patient_id else study_uid)
        found = self._patients.get(who)
        if found is None:
            if len(self._patients) >= MAX_REMEMBERED:
                self._patients.clear()
            found = self._patients[who] = Patient(self.keys.patient(*who), self.keys.shift_days(*who))
        return found


def pad(value: str, padding: bytes) -> bytes:
    """Encode ASCII or Latin-1 text to even length (PS3.5 Section 6.2)."""
    raw = value.encode("latin-1")
    return raw + padding if len(raw) % 2 else raw
