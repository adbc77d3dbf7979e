"""What an object calls itself, read from its first bytes before anything is made of them."""

import re
import zlib
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput, NotDicom
from gateway.core.standard.uids import transfer_syntax
from gateway.core.wire.elements import HEADER_BYTES, SHORT, Encoding, actual_encoding
from gateway.core.wire.filehead import PREAMBLE_BYTES, FileMeta, RootReader, read_meta
from gateway.storing.model import Names

SOP_CLASS, INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
MAX_HEAD_BYTES: Final = 32 << 20
"""As much as is held of any object's head."""
_UID: Final = re.compile(r"[0-9A-Za-z.-]{1,64}")
"""UIDs as they are met: some have letters or leading zeros."""
_ORDER: Final = (STUDY, SERIES, INSTANCE, SOP_CLASS)


class NameReader:
    """Reads names of objects; keeps for each encoding what need not be looked at.

    ``is_deflated`` says whether the data set was that was read last.
    """

    def __init__(self) -> None:
        self.is_deflated = False
        self._roots: dict[Encoding, RootReader] = {}

    def read(self, head: bytes, *, whole: bool) -> Names | None:
        """Return the names of the object that begins with these bytes, or None when more are needed.

        All four are there. Raises NotDicom, LimitExceeded, and MalformedInput where one is missing or is no UID.
        """
        if len(head) < PREAMBLE_BYTES:
            if not whole:
                return None
            raise NotDicom("not a DICOM Part 10 object: too short", offset=len(head))
        if head[PREAMBLE_BYTES - 4 : PREAMBLE_BYTES] != b"DICM":
            raise NotDicom("not a DICOM Part 10 object: no DICM prefix", offset=PREAMBLE_BYTES - 4)
        meta = read_meta(head)
        found = None if meta is None else self._data_set(meta, head, whole=whole)
        if found is None and whole:
            raise MalformedInput("cut before its data set", offset=len(head))
        if found is None and len(head) > MAX_HEAD_BYTES:
            raise LimitExceeded("bytes of the head of an object", MAX_HEAD_BYTES)
        return None if found is None else _names(found)

    def _data_set(self, meta: FileMeta, head: bytes, *, whole: bool) -> dict[int, bytes] | None:
        declared, at = meta.encoding, meta.end
        self.is_deflated = _is_deflated(meta)
        if self.is_deflated:
            head, at = _inflated(head, at), 0
        if len(head) - at < HEADER_BYTES[SHORT] and not whole:
            return None
        encoding = actual_encoding(head, at, declared)
        root = self._roots.get(encoding)
        if root is None:
            root = self._roots[encoding] = RootReader(encoding, _ORDER)
        return root.read(head, at, whole=whole)


def said_by_meta(head: bytes) -> Names:
    """Return what the File Meta Information says an object is, as far as it can be read."""
    try:
        meta = read_meta(head)
    except MalformedInput:
        return Names()
    if meta is None or not (_UID.fullmatch(meta.sop_class) and _UID.fullmatch(meta.sop_instance)):
        return Names()
    return Names(instance=meta.sop_instance, sop_class=meta.sop_class)


def _names(found: dict[int, bytes]) -> Names:
    values = [found.get(tag, b"").decode("latin-1").strip(" \0") for tag in _ORDER]
    for tag, value in zip(_ORDER, values, strict=True):
        if not _UID.fullmatch(value):
            raise MalformedInput("no UID", (tag,))
    return Names(*values)


def _is_deflated(meta: FileMeta) -> bool:
    syntax = transfer_syntax(meta.transfer_syntax)
    return syntax is not None and syntax.deflated


def _inflated(head: bytes, at: int) -> bytes:
    """Inflate as much as is held of the deflated data set, not what it might become."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(head[at:], max(64 << 10, 4 * len(head)))
    except zlib.error:
        raise MalformedInput("the deflated data set cannot be inflated", offset=at) from None
