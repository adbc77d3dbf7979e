"""The held head of a data set: what must be known before its first byte may leave.

Dates of group 0008 come before the Patient ID that decides how far they move, and the File Meta Information before
the new SOP Instance UID that it must name.
"""

import struct
from dataclasses import dataclass

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard.uids import MAX_UID_LENGTH
from gateway.core.wire import charset
from gateway.core.wire.elements import UNDEFINED, Encoding, element_value, read_header, skip_value

SPECIFIC_CHARACTER_SET, SOP_CLASS, SOP_INSTANCE = 0x00080005, 0x00080016, 0x00080018
PATIENT_ID, ISSUER, STUDY, BURNED_IN = 0x00100020, 0x00100021, 0x0020000D, 0x00280301
MAX_KNOWN = 2_000
MAX_IDENTIFIER_BYTES = 1_024
"""LO has 64 characters, of a few bytes each; twice that is someone's mistake, more an attack."""
_WANTED = frozenset({SPECIFIC_CHARACTER_SET, SOP_CLASS, SOP_INSTANCE, PATIENT_ID, ISSUER, STUDY, BURNED_IN})


@dataclass(frozen=True, slots=True)
class Head:
    """Source values of one object, as text without padding. ``raw_patient_id`` is the encoded Patient ID."""

    sop_class: str
    sop_instance: str
    issuer: str
    patient_id: str
    study: str
    burned_in: str
    raw_patient_id: bytes = b""
    character_set: tuple[str, ...] = ()


def read_head(
    buf: bytes, pos: int, encoding: Encoding, known: dict[bytes, int], *, whole: bool, with_burned_in: bool
) -> Head | None:
    """Read the head of the data set that begins at ``pos``, or return None when more bytes are needed.

    ``whole``: there are no more bytes. ``known`` gives the tags of wanted elements in short form by their keys, 0 for
    those of no interest, and grows.
    Raises MalformedInput when SOP Class or Instance UID is missing (PS3.10 Section 7.1).
    """
    found: dict[int, bytes] = {}
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
            if tag > ISSUER and _is_past(tag, found, with_burned_in=with_burned_in):
                return _head(found)
            start, length = element_value(buf, pos, encoding)
            if length == UNDEFINED:
                pos = skip_value(buf, read_header(buf, pos, encoding), encoding)
                continue
            if tag in _WANTED and start + length <= size:
                found.setdefault(tag, buf[start : start + length])
            if tag < ISSUER and encoding.explicit and start == pos + 8 and len(known) < MAX_KNOWN:
                known[key] = tag if tag in _WANTED else 0
            pos = start + length
    except (IndexError, struct.error):
        pass
    return _head(found) if whole else None


def _is_past(tag: int, found: dict[int, bytes], *, with_burned_in: bool) -> bool:
    if with_burned_in and tag <= BURNED_IN:
        return False
    return bool(found.get(PATIENT_ID, b"").strip(b" \0")) or tag > STUDY


def _head(found: dict[int, bytes]) -> Head:
    for tag in (SOP_CLASS, SOP_INSTANCE):
        if not 0 < len(found.get(tag, b"").strip(b" \0")) <= MAX_UID_LENGTH:
            raise MalformedInput("no UID", (tag,))
    for tag in (PATIENT_ID, ISSUER, SPECIFIC_CHARACTER_SET, STUDY):
        if len(found.get(tag, b"")) > MAX_IDENTIFIER_BYTES:
            raise LimitExceeded("bytes of an identifier", MAX_IDENTIFIER_BYTES, (tag,))
    terms = tuple(term.strip() for term in _ascii(found, SPECIFIC_CHARACTER_SET).split("\\"))
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
    )


def _ascii(found: dict[int, bytes], tag: int) -> str:
    return found.get(tag, b"").decode("latin-1").strip(" \0")
