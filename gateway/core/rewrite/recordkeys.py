"""The keys of directory records (PS3.3 Section F.5), written from the values of a released object.

Where the profile left no value for a key of Type 1, or one that its VR does not allow, a neutral value stands in the
record, never in the object.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.standard import dictionary
from gateway.core.standard.records import Key
from gateway.core.standard.vr import TEXT_VRS
from gateway.core.wire.charset import SPECIFIC_CHARACTER_SET
from gateway.core.wire.elements import EXPLICIT_LE, ITEM, UNDEFINED, Encoding, elements, items

CONTENT_SEQUENCE, RELATIONSHIP = 0x0040A730, 0x0040A010
OBSERVERS, VERIFIED_AT, VERIFICATION_FLAG = 0x0040A073, 0x0040A030, 0x0040A493
_VALID: Final = {
    "CS": re.compile(rb"[A-Z0-9 _]{1,16}(\\[A-Z0-9 _]{0,16})*"),
    "DA": re.compile(rb"[0-9]{8}"),
    "DT": re.compile(rb"[0-9]{4,14}(\.[0-9]{1,6})?([+-][0-9]{4})?"),
    "IS": re.compile(rb"[+-]?[0-9]{1,11}"),
    "TM": re.compile(rb"([0-9]{2}){1,3}(\.[0-9]{1,6})?"),
}
_CODE: Final = (
    EXPLICIT_LE.make(0x00080100, "SH", b"DOCUMENT")
    + EXPLICIT_LE.make(0x00080102, "SH", b"99DICOMVEIL")
    + EXPLICIT_LE.make(0x00080104, "LO", b"Document")
)
"""What a document without a concept name is called."""


@dataclass(frozen=True, slots=True)
class ReleasedValues:
    """Raw values of the root of one released object, and how it is encoded."""

    values: Mapping[int, bytes]
    encoding: Encoding

    def bare(self, tag: int) -> bytes:
        """Return a value without padding, empty where there is none."""
        return bare(self.values.get(tag, b""))

    def keys(self, keys: Sequence[Key], numbers: Mapping[int, int]) -> bytes:
        """Encode the keys of a record; ``numbers`` stand for those that are missing."""
        written: list[bytes] = []
        extended = False
        for key in keys:
            value = self._value(key)
            if not value and key.kind == "1":
                number = numbers.get(key.tag)
                value = _neutral(key) if number is None else str(number).encode()
            if value or key.kind == "2":
                written.append(EXPLICIT_LE.make(key.tag, key.vr, value))
                extended = extended or _is_extended(key, value)
        terms = self.bare(SPECIFIC_CHARACTER_SET)
        if extended and terms:
            written.insert(0, EXPLICIT_LE.make(SPECIFIC_CHARACTER_SET, "CS", terms))
        return b"".join(written)

    def _value(self, key: Key) -> bytes:
        if key.tag == VERIFIED_AT:
            return self._verified_at(key)
        raw = self.values.get(key.tag, b"")
        if key.vr == "SQ":
            return _sequence(raw, self.encoding, modifiers=key.tag == CONTENT_SEQUENCE)
        if key.vr not in TEXT_VRS:
            return raw if self.encoding.little else raw[::-1]  # one number each
        value, valid = bare(raw), _VALID.get(key.vr)
        return value if valid is None or valid.fullmatch(value) else b""

    def _verified_at(self, key: Key) -> bytes:
        """Say when a document was verified last (PS3.3 Section F.5.25); those who did so know."""
        if self.bare(VERIFICATION_FLAG) != b"VERIFIED":
            return b""
        observers = self.values.get(OBSERVERS, b"")
        times = [
            bare(observers[header.start : after])
            for start, end in items(observers, self.encoding)
            for header, after in elements(observers, start, end, self.encoding)
            if header.tag == VERIFIED_AT
        ]
        return max(filter(_VALID["DT"].fullmatch, times), default=key.neutral)


def bare(value: bytes) -> bytes:
    """Take the padding off."""
    return value.strip(b" \0")


def item(body: bytes) -> bytes:
    """Write an item of a sequence, with its length."""
    return EXPLICIT_LE.header(EXPLICIT_LE.tag(ITEM), 0, len(body)) + body


def _is_extended(key: Key, value: bytes) -> bool:
    """Say whether a value needs a character set; a sequence may."""
    return key.vr == "SQ" or (key.vr in TEXT_VRS and (not value.isascii() or b"\x1b" in value))


def _neutral(key: Key) -> bytes:
    return item(_CODE) if key.vr == "SQ" else key.neutral


def _sequence(value: bytes, encoding: Encoding, *, modifiers: bool = False) -> bytes:
    """Write items anew, with lengths, and of what is in them text and sequences.

    ``modifiers``: only the content items that modify the concept name of a document.
    """
    written: list[bytes] = []
    for start, end in items(value, encoding):
        relationship, body = b"", []
        for header, after in elements(value, start, end, encoding):
            raw = value[header.start : after - 8 if header.length == UNDEFINED else after]
            vr = header.vr or dictionary.vr_of(header.tag)
            if header.tag == RELATIONSHIP:
                relationship = bare(raw)
            if vr == "SQ":
                body.append(EXPLICIT_LE.make(header.tag, vr, _sequence(raw, encoding)))
            elif vr in TEXT_VRS:
                body.append(EXPLICIT_LE.make(header.tag, vr, raw))
        if not modifiers or relationship == b"HAS CONCEPT MOD":
            written.append(item(b"".join(body)))
    return b"".join(written)
