"""The held head of a data set: what must be known before its first byte may leave.

Dates of group 0008 come before the Patient ID that decides how far they move, and the File Meta Information before
the new SOP Instance UID that it must name.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite import maskfacts
from gateway.core.rewrite.asked import noted, number_vr, numbers, presence, require_vr, said_text
from gateway.core.rewrite.maskfacts import REGIONS, Pictured
from gateway.core.standard.uids import MAX_UID_LENGTH
from gateway.core.wire import charset
from gateway.core.wire.charset import SPECIFIC_CHARACTER_SET
from gateway.core.wire.elements import UNDEFINED, Encoding, element_value, read_header, skip_value

SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018
PATIENT_ID, ISSUER, STUDY, SERIES = 0x00100020, 0x00100021, 0x0020000D, 0x0020000E
MAX_KNOWN, MAX_PICTURED = 2_000, 64
MAX_IDENTIFIER_BYTES = 1_024
"""LO has 64 characters, of a few bytes each; twice that is someone's mistake, more an attack."""
_WANTED = frozenset({SPECIFIC_CHARACTER_SET, SOP_CLASS, SOP_INSTANCE, PATIENT_ID, ISSUER, STUDY})


@dataclass(frozen=True, slots=True)
class Head:
    """Source values of one object, as text without padding. ``raw_patient_id`` is the encoded Patient ID.

    ``asked`` are the values of attributes that a profile's conditions look at, as far as the object has them; ``given``
    are the encoded ones of all attributes that decide what happens to others, empty for those it has not. ``pictured``
    and ``series`` are for a profile with masks.
    """

    sop_class: str
    sop_instance: str
    issuer: str
    patient_id: str
    study: str
    raw_patient_id: bytes = b""
    character_set: tuple[str, ...] = ()
    asked: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    given: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    pictured: Pictured | None = None
    series: str = ""


class HeadReader:
    """Reads the heads of data sets in one encoding, and remembers which elements it need not look at.

    ``asked`` are the root attributes whose values are wanted besides, all before Pixel Data; ``masks`` those that masks
    look at: then the head goes on to the end of group 0028.
    """

    def __init__(self, encoding: Encoding, asked: Iterable[int] = (), masks: Iterable[int] = ()) -> None:
        self._encoding = encoding
        self._asked = tuple(asked)
        self._masks = tuple(masks)
        self._noted = noted(self._asked, ())
        self._places = {tag: -tag for tag in noted(self._asked, self._masks)}
        asked = (tag for tag in self._asked if tag not in self._noted)
        self._wanted = _WANTED.union(asked, self._masks, (SERIES,) if self._masks else ())
        regions = {REGIONS} if self._masks else ()
        self._looked_at = self._noted.union(regions, filter(number_vr, self._asked + self._masks))
        self._last = max(ISSUER - 1, *self._asked, maskfacts.LAST if self._masks else 0)
        self._known: dict[bytes, int] = {}
        self._pictured: dict[tuple[object, ...], Pictured] = {}

    def read(self, buf: bytes, pos: int, *, whole: bool) -> Head | None:
        """Read the head of the data set that begins at ``pos``, or return None when more bytes are needed.

        ``whole``: there are no more bytes. Raises MalformedInput when SOP Class or Instance UID is missing (PS3.10
        Section 7.1).
        """
        found: dict[int, bytes] = {}  # under minus a tag, whether it is there
        encoding, known, last, special = self._encoding, self._known, self._last, self._looked_at
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
                if tag in special:
                    self._special(tag, buf, pos, found)
                    if tag == last and -tag in found and _is_past(tag, found):
                        return self._head(found)
                if length == UNDEFINED:
                    pos = skip_value(buf, read_header(buf, pos, encoding), encoding)
                    continue
                if tag in self._wanted and start + length <= size:
                    found.setdefault(tag, buf[start : start + length])
                is_plain = tag != REGIONS and tag not in self._noted
                if tag <= last and is_plain and encoding.explicit and start == pos + 8 and len(known) < MAX_KNOWN:
                    known[key] = tag if tag in self._wanted else 0
                pos = start + length
        except (IndexError, struct.error):
            pass
        return self._head(found) if whole else None

    def _special(self, tag: int, buf: bytes, pos: int, found: dict[int, bytes]) -> None:
        """Look at more than a short value: the VR of what is no text, whether it is there, the regions as a whole."""
        header = read_header(buf, pos, self._encoding)
        if tag in self._noted:
            begins = buf[header.start : header.start + min(header.length, 4)]
            if len(begins) < min(header.length, 4):
                raise IndexError
            found.setdefault(-tag, presence(begins, self._encoding))
        if tag != REGIONS or tag in self._noted:
            require_vr(tag, header.vr, little=self._encoding.little)
        if tag != REGIONS or not self._masks:
            return
        if REGIONS in found:
            raise MalformedInput("ultrasound regions twice", (REGIONS,))
        after = skip_value(buf, header, self._encoding)
        if after <= len(buf):
            found[REGIONS] = buf[pos:after]

    def _head(self, found: dict[int, bytes]) -> Head:
        head = _head(found)
        deciding = self._asked + self._masks
        if not deciding:
            return head
        return replace(
            head,
            asked=self._decoded(found, head),
            given={**{tag: found.get(self._places.get(tag, tag), b"") for tag in deciding}, **head.given},
            pictured=self._picture(found, head.character_set) if self._masks else None,
            series=_ascii(found, SERIES) if self._masks else "",
        )

    def _decoded(self, found: dict[int, bytes], head: Head) -> dict[int, str]:
        """Return the values that conditions look at."""
        asked = {tag: found[-tag].decode() for tag in self._noted if -tag in found}
        for tag in self._asked:
            if tag in found and tag not in self._noted:
                is_number = number_vr(tag)
                raw, terms = found[tag], head.character_set
                asked[tag] = numbers(tag, raw, self._encoding) if is_number else said_text(tag, raw, terms)
        return asked

    def _picture(self, found: dict[int, bytes], terms: tuple[str, ...]) -> Pictured:
        """Read what masks look at; the objects of a series say the same."""
        asked = (terms, found.get(REGIONS), *map(found.get, self._masks))
        known = self._pictured.get(asked)
        if known is None:
            if len(self._pictured) >= MAX_PICTURED:
                self._pictured.clear()
            known = self._pictured[asked] = maskfacts.pictured(found, self._masks, self._encoding, terms)
        return known


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
        raw_patient_id=raw,
        character_set=terms,
        given={SOP_CLASS: found[SOP_CLASS]},
    )


def _ascii(found: dict[int, bytes], tag: int) -> str:
    return found.get(tag, b"").decode("latin-1").strip(" \0")
