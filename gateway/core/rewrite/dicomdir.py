"""A DICOMDIR (PS3.10 Section 8.6, PS3.3 Annex F) of released objects, from nothing but their released bytes.

Each object is entered as it passes; what is kept of it is one encoded record, some 250 bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.profile.plan import MEDIA_DIRECTORY
from gateway.core.rewrite.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from gateway.core.rewrite.recordkeys import OBSERVERS, VERIFIED_AT, ReleasedValues, item
from gateway.core.standard import records
from gateway.core.standard.records import Key
from gateway.core.standard.uids import EXPLICIT_VR_LITTLE_ENDIAN
from gateway.core.wire.charset import SPECIFIC_CHARACTER_SET
from gateway.core.wire.elements import EXPLICIT_LE, LONG, Encoding
from gateway.core.wire.filehead import FileMeta, RootReader, read_meta

NAME: Final = "DICOMDIR"
FOLDER: Final = "DICOM"
MAX_NUMBER: Final = 999_999
"""What a name of 8 characters has room for (PS3.10 Section 8.2)."""
BATCH_BYTES: Final = 1 << 16
PATIENT_ID, STUDY_UID, SERIES_UID = 0x00100020, 0x0020000D, 0x0020000E
SERIES_NUMBER, INSTANCE_NUMBER = 0x00200011, 0x00200013

_COMMON: Final = frozenset(
    {SPECIFIC_CHARACTER_SET, *(key.tag for key in (*records.PATIENT, *records.STUDY, *records.SERIES))}
)
_NEXT: Final = b"\x04\0\x00\x14UL\x04\0"
_IN_USE: Final = b"\x04\0\x10\x14US\x02\0\xff\xff"
_LOWER: Final = b"\x04\0\x20\x14UL\x04\0"
_LEAD_BYTES: Final = 8 + len(_NEXT + _IN_USE + _LOWER) + 2 * 4
"""Of an item: its header and the elements that say where other records are."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What objects of one SOP Class and Transfer Syntax have in common."""

    reader: RootReader
    encoding: Encoding
    keys: Sequence[Key]
    record_type: bytes
    sop_class: bytes
    transfer_syntax: bytes

    def record(self, file_id: Sequence[str], sop_instance: str, keys: bytes) -> bytes:
        """Encode a record that refers to a file."""
        make = EXPLICIT_LE.make
        return b"".join(
            (
                self.record_type,
                make(0x00041500, "CS", "\\".join(file_id).encode()),
                self.sop_class,
                make(0x00041511, "UI", sop_instance.encode()),
                self.transfer_syntax,
                keys,
            )
        )


@dataclass(slots=True)
class _Branch:
    """A record with others below it; those of objects are encoded bytes."""

    record: bytes
    path: tuple[str, ...] = ()
    below: "dict[bytes, _Branch]" = field(default_factory=dict)
    leaves: list[bytes] = field(default_factory=list)


class Directory:
    """Collects the records of a file-set; files are numbered as they come."""

    def __init__(self) -> None:
        self._patients: dict[bytes, _Branch] = {}
        self._studies = 0
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def enter(self, head: bytes, *, whole: bool = False) -> tuple[str, ...] | None:
        """Enter the file that begins with these bytes and return the File ID it shall have; None: more are needed.

        ``whole``: there are no more. Raises MalformedInput, LimitExceeded.
        """
        meta = read_meta(head)
        if meta is None:
            if whole:
                raise MalformedInput("the data ends inside the File Meta Information", offset=len(head))
            return None
        kind = self._kind(meta)
        values = kind.reader.read(*meta.data_set(head), whole=whole)
        return None if values is None else self._add(meta, kind, ReleasedValues(values, kind.encoding))

    def pieces(self) -> Iterator[bytes]:
        """Write the DICOMDIR; one file at least has been entered."""
        rows = list(_walk(self._patients, 0))
        uid = _uid(record for _, record in rows)
        start = end = len(_opening(uid, 0, 0, 0))
        offsets: list[int] = []
        for _, record in rows:
            offsets.append(end)
            end += _LEAD_BYTES + len(record)
        last = max(offset for offset, (depth, _) in zip(offsets, rows, strict=True) if depth == 0)
        batch = [_opening(uid, start, last, end - start)]
        size = 0
        for (_, record), links in zip(rows, _links(rows, offsets), strict=True):
            batch.append(item(links + record))
            size += len(record)
            if size > BATCH_BYTES:
                yield b"".join(batch)
                batch, size = [], 0
        yield b"".join(batch)

    def _kind(self, meta: FileMeta) -> _Kind:
        asked = meta.sop_class, meta.transfer_syntax
        found = self._kinds.get(asked)
        if found is None:
            name = records.record_of(meta.sop_class)
            keys = records.LEAVES[name]
            tags = {key.tag for key in keys}
            wanted = _COMMON | tags | ({OBSERVERS} if VERIFIED_AT in tags else set())
            found = self._kinds[asked] = _Kind(
                RootReader(meta.encoding, wanted),
                meta.encoding,
                keys,
                _record_type(name),
                EXPLICIT_LE.make(0x00041510, "UI", meta.sop_class.encode()),
                EXPLICIT_LE.make(0x00041512, "UI", meta.transfer_syntax.encode()),
            )
        return found

    def _add(self, meta: FileMeta, kind: _Kind, values: ReleasedValues) -> tuple[str, ...]:
        series = self._series(values)
        number = len(series.leaves) + 1
        file_id = (*series.path, _name("IM", number))
        keys = values.keys(kind.keys, {INSTANCE_NUMBER: number})
        series.leaves.append(kind.record(file_id, meta.sop_instance, keys))
        return file_id

    def _series(self, values: ReleasedValues) -> _Branch:
        study, uid = self._study(values), values.bare(SERIES_UID)
        if not uid:
            raise MalformedInput("an object of no series", (SERIES_UID,))
        series = study.below.get(uid)
        if series is None:
            number = len(study.below) + 1
            record = _record_type("SERIES") + values.keys(records.SERIES, {SERIES_NUMBER: number})
            series = study.below[uid] = _Branch(record, (*study.path, _name("SE", number)))
        return series

    def _study(self, values: ReleasedValues) -> _Branch:
        uid, patient_id = values.bare(STUDY_UID), values.bare(PATIENT_ID)
        if not uid:
            raise MalformedInput("an object of no study", (STUDY_UID,))
        patient = self._patients.get(patient_id)
        if patient is None:
            record = _record_type("PATIENT") + values.keys(records.PATIENT, {})
            patient = self._patients[patient_id] = _Branch(record)
        study = patient.below.get(uid)
        if study is None:
            self._studies += 1
            record = _record_type("STUDY") + values.keys(records.STUDY, {})
            study = patient.below[uid] = _Branch(record, (FOLDER, _name("ST", self._studies)))
        return study


def _walk(branches: Mapping[bytes, _Branch], depth: int) -> Iterator[tuple[int, bytes]]:
    """Yield all records in the order of the file, each with its depth."""
    for branch in branches.values():
        yield depth, branch.record
        yield from _walk(branch.below, depth + 1)
        for leaf in branch.leaves:
            yield depth + 1, leaf


def _links(rows: Sequence[tuple[int, bytes]], offsets: Sequence[int]) -> list[bytes]:
    """Say for each record where its next sibling is and where its first child; 0: there is none."""
    found: list[bytes] = []
    following: dict[int, int] = {}
    number = EXPLICIT_LE.u32.pack
    for (depth, _), offset in zip(reversed(rows), reversed(offsets), strict=True):
        lower, after = following.pop(depth + 1, 0), following.get(depth, 0)
        found.append(_NEXT + number(after) + _IN_USE + _LOWER + number(lower))
        following[depth] = offset
    return found[::-1]


def _opening(uid: str, first: int, last: int, size: int) -> bytes:
    """Write preamble, File Meta Information and the data set up to the first item."""
    make, number = EXPLICIT_LE.make, EXPLICIT_LE.u32.pack
    meta = (
        make(0x00020001, "OB", b"\0\1")
        + make(0x00020002, "UI", MEDIA_DIRECTORY.encode())
        + make(0x00020003, "UI", uid.encode())
        + make(0x00020010, "UI", EXPLICIT_VR_LITTLE_ENDIAN.encode())
        + make(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode())
        + make(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode())
    )
    return (
        bytes(128) + b"DICM" + make(0x00020000, "UL", number(len(meta))) + meta
        + make(0x00041130, "CS", b"DICOMVEIL")
        + make(0x00041200, "UL", number(first))
        + make(0x00041202, "UL", number(last))
        + make(0x00041212, "US", b"\0\0")
        + EXPLICIT_LE.header(EXPLICIT_LE.tag(0x00041220) + b"SQ", LONG, size)
    )  # fmt: skip


def _record_type(name: str) -> bytes:
    return EXPLICIT_LE.make(0x00041430, "CS", name.encode())


def _name(prefix: str, number: int) -> str:
    if number > MAX_NUMBER:
        raise LimitExceeded("files in one folder", MAX_NUMBER)
    return f"{prefix}{number:06d}"


def _uid(parts: Iterable[bytes]) -> str:
    """Name the file-set by what is in it: equal file-sets are equal byte for byte."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return f"2.25.{UUID(bytes=digest.digest()[:16], version=5).int}"
