"""A data set of the DICOM JSON Model as a Part 10 file in Explicit VR Little Endian (PS3.5 Annex A, PS3.10 Section 7).

What metadata only refer to is a ``Reference`` among the bytes; whoever has the value puts it in its place. Sequences
have undefined length, so that a value may be missing anywhere. Text becomes UTF-8, and (0008,0005) says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.standard.tags import is_group_length
from gateway.core.standard.uids import EXPLICIT_VR_LITTLE_ENDIAN, MAX_UID_LENGTH, TransferSyntax
from gateway.core.standard.vr import CHARSET_VRS, LONG_VRS, VRS
from gateway.core.wire import charset
from gateway.core.wire.charset import SPECIFIC_CHARACTER_SET, UTF_8
from gateway.core.wire.elements import (
    EXPLICIT_LE,
    ITEM,
    ITEM_DELIMITER,
    LONG,
    MAX_DEPTH,
    SEQUENCE_DELIMITER,
    UNDEFINED,
)
from gateway.core.wire.jsonbytes import bulk_text, value_bytes
from gateway.core.wire.jsonelement import Element, Elements, decode_element, decode_items, text

PIXEL_DATA: Final = 0x7FE00010
MAX_VALUE_BYTES: Final = 0xFFFFFFFE
"""Of an element or a fragment with a length; one more would say that it has none."""
MAX_REFERENCES: Final = 10_000
"""Values of one object that metadata refer to; spectroscopy and waveforms have some hundreds."""

_FIRST_GROUP, _ITEM_GROUP = 0x0008, 0xFFFE
_KEY_DIGITS: Final = frozenset("0123456789ABCDEF")
_SOP_CLASS, _SOP_INSTANCE, _FRAMES = "00080016", "00080018", "00280008"
_HALVED: Final = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
_PIXEL_VRS: Final = frozenset({"OB", "OW", "UN"})
_NOTHING: Final = EXPLICIT_LE.u32.pack(0)
_ITEM_HEAD: Final = EXPLICIT_LE.tag(ITEM) + EXPLICIT_LE.u32.pack(UNDEFINED)
_ITEM_END: Final = EXPLICIT_LE.tag(ITEM_DELIMITER) + _NOTHING
_SEQUENCE_END: Final = EXPLICIT_LE.tag(SEQUENCE_DELIMITER) + _NOTHING


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that is elsewhere: the tags down to its element, its VR, and the URI that metadata give for it."""

    path: tuple[int, ...]
    vr: str
    uri: str

    @property
    def is_pixel_data(self) -> bool:
        """Say whether this is the Pixel Data of the object, not of an icon in it."""
        return self.path == (PIXEL_DATA,)

    @property
    def can_stream(self) -> bool:
        """Say whether the value may follow a header that has its length already: it needs no look at it."""
        return self.vr in LONG_VRS and self.vr not in CHARSET_VRS

    def element(self, raw: bytes, terms: Iterable[str]) -> bytes:
        """Encode the element with its value; ``terms`` are the character set that metadata name.

        Raises MalformedInput.
        """
        value = bulk_text(raw, self.vr, tuple(terms), self.path[-1])
        if len(value) % VRS[self.vr].unit:
            raise MalformedInput("octets that are no whole number of values", self.path)
        return EXPLICIT_LE.make(self.path[-1], self.vr, value)

    def header(self, length: int) -> bytes:
        """Encode the header of the element with a value that follows, padded to even length. Raises MalformedInput."""
        if length % VRS[self.vr].unit and not self.is_pixel_data:
            raise MalformedInput("octets that are no whole number of values", self.path)
        _check_length(length, self.path)
        return EXPLICIT_LE.header(EXPLICIT_LE.tag(self.path[-1]) + self.vr.encode(), LONG, length + length % 2)


@dataclass(frozen=True, slots=True)
class Described:
    """One object as its metadata have it: encoded, with References where values are elsewhere.

    ``terms`` are the character set that metadata name, ``native_bytes`` what Pixel Data take that are not compressed
    (None where metadata do not say it), ``frames`` their number.
    """

    pieces: tuple[bytes | Reference, ...]
    sop_class: str
    sop_instance: str
    terms: tuple[str, ...]
    native_bytes: int | None
    frames: int

    @property
    def references(self) -> Iterator[Reference]:
        """All values that are elsewhere."""
        return (piece for piece in self.pieces if isinstance(piece, Reference))

    def head(self, transfer_syntax: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
        """Write preamble and File Meta Information, as far as a reader needs it."""
        make = EXPLICIT_LE.make
        meta = (
            make(0x00020001, "OB", b"\0\1")
            + make(0x00020002, "UI", self.sop_class.encode())
            + make(0x00020003, "UI", self.sop_instance.encode())
            + make(0x00020010, "UI", transfer_syntax.encode())
        )
        return bytes(128) + b"DICM" + make(0x00020000, "UL", EXPLICIT_LE.u32.pack(len(meta))) + meta


def describe(elements: Elements) -> Described:
    """Encode one data set of metadata. Raises MalformedInput, LimitExceeded."""
    writer = _Writer()
    writer.data_set(elements, ())
    sop_class, sop_instance = (_uid(elements, key) for key in (_SOP_CLASS, _SOP_INSTANCE))
    frames = _count(elements, _FRAMES, 1)
    native_bytes = _native_bytes(elements, frames)
    if writer.pixel_bytes and (native_bytes is None or writer.pixel_bytes != native_bytes + native_bytes % 2):
        raise MalformedInput("pixel data that are not as large as the metadata say", (PIXEL_DATA,))
    terms = charset.split_terms(text(elements, f"{SPECIFIC_CHARACTER_SET:08X}").encode("latin-1", "replace"))
    return Described(tuple(writer.joined()), sop_class, sop_instance, terms, native_bytes, frames)


def encapsulated_head() -> bytes:
    """Begin encapsulated Pixel Data, with an empty Basic Offset Table (PS3.5 Section A.4)."""
    return EXPLICIT_LE.header(EXPLICIT_LE.tag(PIXEL_DATA) + b"OB", LONG, UNDEFINED) + fragment_head(0)


def fragment_head(length: int) -> bytes:
    """Begin a fragment, which is to be padded to even length. Raises MalformedInput."""
    _check_length(length, (PIXEL_DATA,))
    return EXPLICIT_LE.tag(ITEM) + EXPLICIT_LE.u32.pack(length + length % 2)


def encapsulated_end() -> bytes:
    """End encapsulated Pixel Data."""
    return _SEQUENCE_END


def is_native(syntax: TransferSyntax) -> bool:
    """Say whether octets in a Transfer Syntax are what Explicit VR Little Endian has."""
    return not (syntax.encapsulated or syntax.deflated) and syntax.little_endian and syntax.uid not in _REFERENCED


class _Writer:
    """Writes elements in the order of their tags; ``pixel_bytes`` are those of Pixel Data that are among them."""

    def __init__(self) -> None:
        self.pixel_bytes = 0
        self._pieces: list[bytes | Reference] = []
        self._references = 0
        self._charset_at: int | None = None
        self._needs_charset = False

    def joined(self) -> Iterator[bytes | Reference]:
        """Return the pieces, neighbouring bytes as one; UTF-8 is declared where it is used."""
        if self._charset_at is not None and self._needs_charset:
            self._pieces[self._charset_at] = _CHARSET
        run: list[bytes] = []
        for piece in self._pieces:
            if isinstance(piece, bytes):
                run.append(piece)
                continue
            yield b"".join(run)
            yield piece
            run = []
        yield b"".join(run)

    def data_set(self, elements: Elements, path: tuple[int, ...]) -> None:
        """Write the root or an item."""
        if len(path) > MAX_DEPTH:
            raise LimitExceeded("nesting of sequences", MAX_DEPTH, path)
        for key in sorted(elements):
            tag = _tag(key, path)
            if not path and self._charset_at is None and tag >= SPECIFIC_CHARACTER_SET:
                self._charset_at = len(self._pieces)
                self._pieces.append(b"")
            if tag == SPECIFIC_CHARACTER_SET:
                if path:
                    self._pieces.append(_CHARSET)
                else:
                    self._needs_charset = True
            elif not is_group_length(tag):
                self._element(decode_element(bytes(elements[key]), tag), (*path, tag))

    def _element(self, element: Element, path: tuple[int, ...]) -> None:
        tag, vr = path[-1], element.vr
        if vr not in VRS:
            raise MalformedInput("a VR that PS3.5 does not define", path)
        held = (element.Value, element.BulkDataURI, element.InlineBinary)
        if sum(member is not None for member in held) > 1:
            raise MalformedInput("an element with more than one kind of value", path)
        if element.BulkDataURI is not None:
            self._refer(Reference(path, vr, element.BulkDataURI))
        elif vr == "SQ":
            self._sequence(element, path)
        else:
            value = value_bytes(element, tag)
            self._needs_charset |= vr in CHARSET_VRS and not value.isascii()
            self._pieces.append(EXPLICIT_LE.make(tag, vr, value))
            if path == (PIXEL_DATA,):
                self.pixel_bytes = len(value) + len(value) % 2

    def _refer(self, reference: Reference) -> None:
        self._references += 1
        if self._references > MAX_REFERENCES:
            raise LimitExceeded("values that metadata refer to", MAX_REFERENCES, reference.path)
        if reference.vr == "SQ" or not reference.uri:
            raise MalformedInput("a BulkDataURI that cannot be one", reference.path)
        if reference.is_pixel_data and reference.vr not in _PIXEL_VRS:
            raise MalformedInput("pixel data in a VR that it cannot have", reference.path)
        self._needs_charset |= reference.vr in CHARSET_VRS
        self._pieces.append(reference)

    def _sequence(self, element: Element, path: tuple[int, ...]) -> None:
        if element.InlineBinary is not None:
            raise MalformedInput("a sequence in InlineBinary", path)
        items = decode_items(element, path[-1])
        if not items:
            self._pieces.append(EXPLICIT_LE.make(path[-1], "SQ", b""))
            return
        self._pieces.append(EXPLICIT_LE.header(EXPLICIT_LE.tag(path[-1]) + b"SQ", LONG, UNDEFINED))
        for item in items:
            self._pieces.append(_ITEM_HEAD)
            self.data_set(item or {}, path)
            self._pieces.append(_ITEM_END)
        self._pieces.append(_SEQUENCE_END)


_CHARSET: Final = EXPLICIT_LE.make(SPECIFIC_CHARACTER_SET, "CS", UTF_8.encode())
_REFERENCED: Final = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))


def _tag(key: str, path: tuple[int, ...]) -> int:
    """Read the name of an element; File Meta Information and items are none (PS3.18 Section F.2.2)."""
    if len(key) != 8 or not _KEY_DIGITS.issuperset(key):
        raise MalformedInput("a key that is no tag", path)
    tag = int(key, 16)
    if not _FIRST_GROUP <= tag >> 16 < _ITEM_GROUP:
        raise MalformedInput("an element that metadata do not have", (*path, tag))
    return tag


def _uid(elements: Elements, key: str) -> str:
    uid = text(elements, key).strip("\0")
    if not (0 < len(uid) <= MAX_UID_LENGTH and uid.isascii()):
        raise MalformedInput("no UID", (int(key, 16),))
    return uid


def _native_bytes(elements: Elements, frames: int) -> int | None:
    """Say how long Pixel Data are that are not compressed (PS3.5 Section 8.1.1); None where that is not said."""
    rows, columns, bits = (_count(elements, key, 0) for key in ("00280010", "00280011", "00280100"))
    samples = _count(elements, "00280002", 1)
    if not (rows and columns and bits):
        return None
    all_bits = rows * columns * samples * bits * frames
    if samples == 3 and text(elements, "00280004") in _HALVED:
        all_bits = all_bits * 2 // 3
    return (all_bits + 7) // 8


def _count(elements: Elements, key: str, absent: int) -> int:
    found = text(elements, key)
    if not found:
        return absent
    if not (found.isascii() and found.isdigit() and len(found) < 11):
        raise MalformedInput("no number of pixels or frames", (int(key, 16),))
    return int(found)


def _check_length(length: int, path: tuple[int, ...]) -> None:
    if length > MAX_VALUE_BYTES:
        raise MalformedInput("a value longer than an element can be", path)
