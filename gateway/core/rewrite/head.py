"""The held head of a data set: what must be known before its first byte may leave.

Dates of group 0008 come before the Patient ID that decides how far they move, and the File Meta Information before
the new SOP Instance UID that it must name.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard.uids import MAX_UID_LENGTH
from gateway.core.wire import charset
from gateway.core.wire.charset import SPECIFIC_CHARACTER_SET
from gateway.core.wire.elements import UNDEFINED, Encoding, element_value, read_header, skip_value

SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018
PATIENT_ID, ISSUER, STUDY, BURNED_IN = 0x00100020, 0x00100021, 0x0020000D, 0x00280301
MAX_KNOWN = 2_000
MAX_IDENTIFIER_BYTES = 1_024
"""LO has 64 characters, of a few bytes each; twice that is someone's mistake, more an attack."""
_WANTED = frozenset({SPECIFIC_CHARACTER_SET, SOP_CLASS, SOP_INSTANCE, PATIENT_ID, ISSUER, STUDY, BURNED_IN})


@dataclass(frozen=True, slots=True)
class Head:
    """Source values of one object, as text without padding. ``raw_patient_id`` is the encoded Patient ID.

    ``asked`` are the values of attributes that a profile's conditions look at, as far as the object has them; ``given``
    are the encoded ones of all attributes that decide what happens to others, empty for those it has not.
    """

    sop_class: str
    sop_instance: str
    issuer: str
    patient_id: str
    study: str
    burned_in: str
    raw_patient_id: bytes = b""
    character_set: tuple[str, ...] = ()
    asked: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    given: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))


class HeadReader:
    """Reads the heads of data sets in one encoding, and remembers which elements it need not look at.

    ``asked`` are the root attributes whose values are wanted besides, all before Pixel Data.
    """

    def __init__(self, encoding: Encoding, asked: Iterable[int] = ()) -> None:
        self._encoding = encoding
        self._asked = tuple(asked)
        self._wanted = _WANTED.union(self._asked)
        self._last = max(ISSUER - 1, *self._asked, 0)
        self._known: dict[bytes, int] = {}

    def read(self, buf: bytes, pos: int, *, whole: bool) -> Head | None:
        """Read the head of the data set that begins at ``pos``, or return None when more bytes are needed.

        ``whole``: there are no more bytes. Raises MalformedInput when SOP Class or Instance UID is missing (PS3.10
        Section 7.1).
        """
        found: dict[int, bytes] = {}
        encoding, known, last = self._encoding, self._known, self._last
        size, tags = len(buf), encoding.tags.unpack_from
        low, high = (6, 7) if encoding.little else (7, 6)
        try:
            while pos < size:
                key = buf[pos : pos + 6]
                wanted = known.get(key)
                if wanted is not None:
                    start = pos + 8
                    pos = start + buf[pos + low] + (buf[pos + high] << 8)
                    if wanted and pos <= size and wanted not in found:
                        found[wanted] = buf[start:pos]
                    continue
                group, element = tags(buf, pos)
                tag = group << 16 | element
                if tag > ISSUER and tag > last and _is_past(tag, found):
                    return self._head(found)
                start, length = element_value(buf, pos, encoding)
                if length == UNDEFINED:
                    pos = skip_value(buf, read_header(buf, pos, encoding), encoding)
                    continue
                if tag in self._wanted and start + length <= size:
                    found.setdefault(tag, buf[start : start + length])
                if tag <= last and encoding.explicit and start == pos + 8 and len(known) < MAX_KNOWN:
                    known[key] = tag if tag in self._wanted else 0
                pos = start + length
        except (IndexError, struct.error):
            pass
        return self._head(found) if whole else None

    def _head(self, found: dict[int, bytes]) -> Head:
        head = _head(found)
        if not self._asked:
            return head
        values = {tag: found[tag].strip(b" \0") for tag in self._asked if tag in found}
        return replace(
            head,
            asked={tag: charset.decode(raw, head.character_set) for tag, raw in values.items()},
            given={**dict.fromkeys(self._asked, b""), **values, **head.given},
        )


def _is_past(tag: int, found: dict[int, bytes]) -> bool:
    return bool(found.get(PATIENT_ID, b"").strip(b" \0")) or tag > STUDY


def _head(found: dict[int, bytes]) -> Head:
    for tag in (SOP_CLASS, SOP_INSTANCE):
        if not 0 < len(found.get(tag, b"").strip(b" \0")) <= MAX_UID_LENGTH:
            raise MalformedInput("no UID", (tag,))
    for tag in (PATIENT_ID, ISSUER, SPECIFIC_CHARACTER_SET, STUDY):
        if len(found.get(tag, b"")) > MAX_IDENTIFIER_BYTES:
            raise LimitExceeded("bytes of an identifier", MAX_IDENTIFIER_BYTES, (tag,))
    terms = charset.split_terms(found.get(SPECIFIC_CHARACTER_SET, b""))
    raw = found.get(PATIENT_ID, b"").strip(b" \0")
    return Head(
        sop_class=_ascii(found, SOP_CLASS),
        sop_instance=_ascii(found, SOP_INSTANCE),
        issuer=charset.decode(found.get(ISSUER, b"").strip(b" \0"), terms),
        patient_id="\\".join(value.strip(" \0") for value in charset.decode(raw, terms).split("\\")),
        study=_ascii(found, STUDY),
        burned_in=_ascii(found, BURNED_IN),
        raw_patient_id=raw,
        character_set=terms,
        given={SOP_CLASS: found[SOP_CLASS].strip(b" \0")},
    )


def _ascii(found: dict[int, bytes], tag: int) -> str:
    return found.get(tag, b"").decode("latin-1").strip(" \0")
