"""What becomes of one value: the actions of a Plan on the bytes of an element, in the character set it is written in.

Dates, UIDs and codes are ASCII whatever the Specific Character Set; text is decoded value by value, changed and encoded
in the set it came in, or in UTF-8 where the whole data set becomes that. Text that its set does not explain cannot be
cleaned, nor be turned into UTF-8: it is emptied.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.errors import MalformedInput, RefusedByMasks
from gateway.core.pseudonym.values import cap_age, shift, truncate
from gateway.core.rewrite.asked import presence
from gateway.core.rewrite.cleaning import Cleaner
from gateway.core.rewrite.identity import Identity, Patient, pad
from gateway.core.rewrite.maskfacts import OVERLAID, OVERLAY_BITS
from gateway.core.rewrite.runs import Runs
from gateway.core.rewrite.tables import (
    AGE,
    CHARSET,
    CLEAN,
    CODES,
    CONSTANT,
    DECIDING,
    DEFINITION,
    KEEP,
    MAX_MEMO,
    NUMBER,
    PATIENT,
    PSEUDONYM,
    RECODE,
    REMOVE,
    SERIES_UID,
    SHIFT,
    STUDY,
    STUDY_KEPT,
    TEMPORAL,
    TEXT,
    UID,
    UNKNOWN,
    Outcome,
    Table,
)
from gateway.core.standard.ps315 import CODING_SCHEME
from gateway.core.wire import charset
from gateway.core.wire.elements import IMPLICIT_LE, elements, is_item, item_encoding, items
from gateway.core.wire.numbers import only_numbers

PATIENT_ID = 0x00100020
MEMO_BYTES = 1_024
COUNTED = ("kept", "removed", "replaced", "uid", "pseudonym", "pseudonym", "shifted", "truncated", "cleaned", "cleaned")
"""What the report calls the operation codes that change a value, by code."""


@dataclass(slots=True)
class Shared:
    """What was made of which bytes in objects of one patient, subject and character set."""

    sequences: dict[tuple[Table, bytes], Outcome] = field(default_factory=dict)
    elements: dict[tuple[Table, bytes, bytes], bytes | None] = field(default_factory=dict)
    runs: dict[Table, Runs] = field(default_factory=dict)


class ElementChanger:
    """Changes the elements of one object. ``counts`` are changed values by operation code.

    ``character_set`` is that of the data set or item at hand. ``touched`` counts uses of what other objects do not
    share. ``study`` is the only study the object may belong to, if set; ``given`` are the values of its attributes that
    decide about others, ``decided`` what was found of them. ``codes`` and ``temporal`` are what an earlier pass wrote.
    """

    def __init__(
        self,
        identity: Identity,
        patient: Patient,
        patient_id: bytes = b"",
        character_set: Sequence[str] = (),
        cleaner: Cleaner | None = None,
        shared: Shared | None = None,
    ) -> None:
        self._elements = (shared or Shared()).elements
        self._identity = identity
        self._patient = patient
        self._patient_id = patient_id
        self._cleaner = cleaner
        self.character_set = self._root_set = tuple(character_set)
        self.touched = 0
        self.counts = [0] * len(COUNTED)
        self.study = ""
        self.has_study = False
        self.series = ""
        self.given: Mapping[int, bytes] = {}
        self.decided: list[tuple[int, bytes]] = []
        self.codes: list[str] = []
        self.temporal = ""

    def change(self, code: int, raw: bytes, table: Table, key: bytes, form: int) -> bytes | None:
        """Return the whole new element, empty if it goes, None if it stays as it is."""
        if code in (SHIFT, CLEAN):
            return self._similar(code, raw, table, key, form)
        if code in (UID, DEFINITION):
            return self._uid(code, raw, table, key, form)
        if code == CONSTANT:
            self.counts[code] += 1
            return table.constants[key]
        if code in (NUMBER, DECIDING):
            return (self._number if code == NUMBER else self._deciding)(raw, table, key, form)
        if code in (CODES, TEMPORAL):
            self._note(code, raw, table, key)
            return b""
        if code in (STUDY, STUDY_KEPT):
            self._belongs(raw, table, key)
            return None if code == STUDY_KEPT else self._uid(UID, raw, table, key, form)
        if code == CHARSET:
            terms = charset.split_terms(raw)
            if table.stage is None:
                self.character_set = terms
            elif terms != self.character_set:
                raise MalformedInput("Specific Character Set twice or out of order", (charset.SPECIFIC_CHARACTER_SET,))
            return b"" if table.recodes else None
        return self._value(code, raw, table, key, form)

    def confirms(self, decided: Iterable[tuple[int, bytes]]) -> bool:
        """Say whether the head said the same of attributes that decide about others."""
        given = self.given.get
        return all(given(tag, raw) == raw for tag, raw in decided)

    def _note(self, code: int, raw: bytes, table: Table, key: bytes) -> None:
        """Take in what an earlier pass wrote."""
        if code == CODES:
            self.codes += _codes(raw, table, key)
        else:
            self.temporal = raw.decode("latin-1").strip(" \0")

    def _number(self, raw: bytes, table: Table, key: bytes, form: int) -> bytes | None:
        """Empty what is no number; items, or what may be items, go."""
        if table.has_numbers(key, raw):
            return None
        self.counts[CONSTANT] += 1
        return b"" if is_item(raw) else table.encoding.element(key, form, only_numbers(raw, table.vrs[key]))

    def _deciding(self, raw: bytes, table: Table, key: bytes, form: int) -> bytes | None:
        """Do what is to be done to an attribute that decides about others, unless it says now what it did not say."""
        code = self.decide(raw, table, key)
        if code == REMOVE or (code == UNKNOWN and is_item(raw)):
            self.counts[REMOVE] += 1
            return b""
        return None if code in (KEEP, UNKNOWN) else self.change(code, raw, table, key, form)

    def decide(self, raw: bytes, table: Table, key: bytes) -> int:
        """Return the operation of an attribute that decides about others, unless it says now what it did not say.

        ``raw`` is its value, or how that begins where it decides by being there. Raises MalformedInput.
        """
        tag, code = table.deciding[key]
        said = presence(raw, table.encoding) if tag in table.noted else raw
        self.decided.append((tag, said))
        if self.given.get(tag, said) != said:
            if tag in OVERLAY_BITS:
                raise RefusedByMasks(OVERLAID)
            raise MalformedInput("an attribute that others depend on, twice or out of order", (tag,))
        return code

    def _similar(self, code: int, raw: bytes, table: Table, key: bytes, form: int) -> bytes | None:
        """Do it for what the objects of a series repeat: dates and texts, remembered by their bytes."""
        self.touched += 1
        if self.character_set is not self._root_set:
            return self._value(code, raw, table, key, form)
        asked = (table, key, raw)
        try:
            found = self._elements[asked]
        except KeyError:
            counted = self.counts[code]
            found = self._value(code, raw, table, key, form)
            self.counts[code] = counted
            if len(raw) <= MEMO_BYTES:
                if len(self._elements) >= MAX_MEMO:
                    self._elements.clear()
                self._elements[asked] = found
        self.counts[code] += 1
        return found

    def _uid(self, code: int, raw: bytes, table: Table, key: bytes, form: int) -> bytes | None:
        new = self._identity.uid_bytes(raw) if code == UID else self._identity.definition_bytes(raw)
        if new is None:
            return None
        self.counts[UID] += 1
        return table.encoding.element(key, form, new)

    def _belongs(self, raw: bytes, table: Table, key: bytes) -> None:
        """Check the study and take note of the series."""
        uid = raw.decode("latin-1").strip(" \0")
        if table.encoding.parse_key(key)[0] == SERIES_UID:
            self.series = uid
            return
        self.has_study = True
        if self.study and uid != self.study:
            raise MalformedInput("an object of another study than was asked for", (table.encoding.parse_key(key)[0],))

    def _value(self, code: int, raw: bytes, table: Table, key: bytes, form: int) -> bytes | None:
        if code == TEXT:
            self.counts[CONSTANT] += 1
            given = self._given(table, key)
            return table.constants[key] if given is None else table.encoding.element(key, form, given)
        if code == RECODE:
            new = self._recoded(raw, table.vrs[key])
        elif code == CLEAN:
            new = self._cleaned(raw, table, key)
        else:
            new = self._text(code, raw, table, key)
        if code != RECODE:
            self.counts[code] += 1
        return None if new == raw else table.encoding.element(key, form, new)

    def _recoded(self, raw: bytes, vr: str) -> bytes:
        self.touched += 1
        if is_item(raw):
            return b""  # items, or what may be items, that nobody walks
        text = charset.read(raw, self.character_set, is_person_name=vr == "PN")
        return b"" if text is None else _even(text.rstrip(" \0").encode())

    def _given(self, table: Table, key: bytes) -> bytes | None:
        """Encode a text of the profile; None where an item's own character set does not have it."""
        self.touched += 1
        value = charset.encode(table.given[key], self._written(table), is_person_name=table.vrs[key] == "PN")
        return None if value is None else _even(value)

    def _cleaned(self, raw: bytes, table: Table, key: bytes) -> bytes:
        if self._cleaner is None or is_item(raw):
            return b""
        return self._cleaner.value(raw, table.vrs[key], self.character_set, self._written(table))

    def _written(self, table: Table) -> tuple[str, ...]:
        return (charset.UTF_8,) if table.recodes else self.character_set

    def _text(self, code: int, raw: bytes, table: Table, key: bytes) -> bytes:
        tag = table.encoding.parse_key(key)[0]
        if code == PATIENT:
            self.touched += 1
            if table.stage is not None and tag == PATIENT_ID and raw.strip(b" \0") != self._patient_id:
                raise MalformedInput("Patient ID twice or out of order", (tag,))
            return pad(self._patient.pseudonym, b" ")
        if code == PSEUDONYM:
            self.touched += not raw.isascii() or b"\x1b" in raw
            values = charset.decode(raw, self.character_set).split("\\")
            values = [self._identity.pseudonym(tag, value) for value in values]
            return pad("\\".join(values), b" ")
        values = raw.decode("latin-1").split("\\")
        if code == SHIFT:
            values = [shift(table.vrs[key], value, self._patient.shift_days) for value in values]
        elif code == AGE:
            values = [cap_age(value) for value in values]
        else:
            month = table.given.get(key) == "month"
            values = [truncate(table.vrs[key], value, "month" if month else "year") for value in values]
        return pad("\\".join(values), b" ")


def _even(value: bytes) -> bytes:
    return value + b" " if len(value) % 2 else value


def _codes(raw: bytes, table: Table, key: bytes) -> list[str]:
    """Read the Code Values of De-identification Method Code Sequence (0012,0064) of an earlier pass."""
    encoding = IMPLICIT_LE if table.encoding.parse_key(key)[1] == "UN" else table.encoding
    found = []
    try:
        for item, end in items(raw, encoding):
            values = {
                header.tag: raw[header.start : after].decode("latin-1").strip(" \0")
                for header, after in elements(raw, item, end, item_encoding(raw, item, end, encoding))
            }
            if values.get(0x00080102) == CODING_SCHEME:
                found.append(values.get(0x00080100, ""))
    except (IndexError, struct.error):
        raise MalformedInput("an element ends past the end of the data", (table.encoding.parse_key(key)[0],)) from None
    return found
