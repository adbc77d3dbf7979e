"""Reading DICOM files with pydicom: headers without pixels, and where a value lies in its file.

Held in memory: what is asked for, and values up to INLINE_BYTES; longer ones stay in the file, except that a deflated
file is inflated whole.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom import config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

INLINE_BYTES = 1024
PIXEL_DATA = 0x7FE00010
UNDEFINED_LENGTH = 0xFFFFFFFF

# What pydicom raises on values and files that are not what they claim to be.
UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    OSError,
    struct.error,
)

_WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


@dataclass(frozen=True, slots=True)
class FileSlice:
    """A run of bytes in a file."""

    path: Path
    offset: int
    length: int

    def read(self) -> bytes:
        """Return all of it. Raises EOFError if the file has become shorter."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.length)
        if len(data) != self.length:
            raise EOFError("file is shorter than its index says")
        return data


def silence_pydicom() -> None:
    """Stop pydicom from validating what it reads: its warnings quote values, and warnings reach logs."""
    config.settings.reading_validation_mode = config.IGNORE


def read_header(file: Path | BinaryIO, tags: list[int] | None = None) -> FileDataset:
    """Read what precedes Pixel Data, or only ``tags`` of it. Raises one of UNREADABLE."""
    return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)


def read_data_set(path: Path, transfer_syntax: str) -> FileDataset:
    """Read a whole file, long values left where they are. Raises one of UNREADABLE."""
    # pydicom would look for a deferred value at its inflated position in the deflated file.
    deflated = transfer_syntax == DeflatedExplicitVRLittleEndian
    return pydicom.dcmread(path, defer_size=None if deflated else INLINE_BYTES)


def transfer_syntax_of(data_set: FileDataset) -> str:
    """Return the Transfer Syntax UID; a file that names none is Implicit VR Little Endian (PS3.5 Section 10.1)."""
    return str(data_set.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian))


def value_offset(data_set: Dataset, tag: int) -> int | None:
    """Return where a Value Field begins that was left in its file, None for one that was read."""
    raw = data_set.get_item(tag, keep_deferred=True)
    return raw.value_tell if isinstance(raw, RawDataElement) and raw.value is None else None


def value_in_file(data_set: Dataset, tag: int, path: Path) -> FileSlice | None:
    """Return where the Value Field of a Data Element of known length was left in its file, or None."""
    raw = data_set.get_item(tag, keep_deferred=True)
    offset = value_offset(data_set, tag)
    if offset is None or not isinstance(raw, RawDataElement) or not 0 < raw.length < UNDEFINED_LENGTH:
        return None
    return FileSlice(path, offset, raw.length)


def little_endian(value: bytes, vr: str, data_set: Dataset) -> bytes:
    """Return the bytes of a value in the byte order that DICOMweb uses, whatever that of the file."""
    size = _WORD_BYTES.get(vr, 1)
    if size == 1 or data_set.original_encoding[1] is not False or len(value) % size:
        return value
    swapped = bytearray(len(value))
    for index in range(size):
        swapped[index::size] = value[size - 1 - index :: size]
    return bytes(swapped)
