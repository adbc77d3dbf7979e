"""Frames, bulk values and transcoded Instances of one file. All of it blocks and runs in threads."""

import io
from dataclasses import replace
from functools import partial

import pydicom
from pydicom import config
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGExtended12Bit

from gateway.adapters.folder.accept import Representation
from gateway.adapters.folder.attributes import BINARY_VRS
from gateway.adapters.folder.bodies import Source
from gateway.adapters.folder.files import (
    PIXEL_DATA,
    FileSlice,
    little_endian,
    read_data_set,
    value_in_file,
    value_offset,
)
from gateway.adapters.folder.index import Instance
from gateway.core.standard.uids import transfer_syntax as known_syntax

EXPLICIT = str(ExplicitVRLittleEndian)

_MEDIA_TYPES = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **dict.fromkeys(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"), "image/jpeg"),
    **dict.fromkeys(("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"), "image/jpeg"),
    **dict.fromkeys(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"), "image/jls"),
    **dict.fromkeys(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"), "image/jp2"),
    **dict.fromkeys(("1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"), "image/jpx"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.20{n}" for n in (1, 2, 3)), "image/jphc"),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.11{n}" for n in (0, 1, 2)), "image/jxl"),
}
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 91, 93, 203, 111, 112))
OCTETS = "application/octet-stream"


class NoSuchFrameError(Exception):
    """The Instance has no such Frame, or no Frames at all."""


def part10_offers(instance: Instance) -> list[Representation]:
    """How an Instance can be sent: as stored, and in Explicit VR Little Endian, the default, where that can be made.

    An Instance with lossy pixels is its own default where they cannot be decoded here (PS3.18 Section 8.7.3.5.2).
    """
    stored = instance.transfer_syntax
    if stored == EXPLICIT:
        return [Representation("application/dicom", stored, default=True)]
    if can_decode(stored):
        explicit = Representation("application/dicom", EXPLICIT, default=True)
        return [Representation("application/dicom", stored), explicit]
    return [Representation("application/dicom", stored, default=stored in _LOSSY)]


def frame_offers(transfer_syntax: str) -> list[Representation]:
    """How the Frames of an Instance can be sent: as stored first, which is what ``transfer-syntax=*`` gets."""
    plain = Representation(OCTETS, EXPLICIT, default=True)
    if not _holds_codestreams(transfer_syntax):
        return [plain]
    media_type = _MEDIA_TYPES.get(transfer_syntax, OCTETS)
    stored = Representation(media_type, transfer_syntax)
    offers = [Representation(OCTETS, transfer_syntax, label=media_type), stored]
    return [*offers, plain] if can_decode(transfer_syntax) else offers


def can_decode(transfer_syntax: str) -> bool:
    """Whether Explicit VR Little Endian can be made of it with the codecs installed."""
    uid = UID(transfer_syntax)
    if uid.is_private or not uid.is_transfer_syntax or uid == JPEGExtended12Bit:
        return False  # of JPEG Extended, Pillow reads those of 8 bits only
    if not uid.is_encapsulated:
        return True
    try:
        return config.have_numpy and bool(get_decoder(uid).is_available)
    except NotImplementedError:
        return False


def frame_sources(instance: Instance, numbers: list[int], form: Representation) -> list[Source]:
    """Return one source per Frame number (from 1). Raises NoSuchFrameError, or one of files.UNREADABLE."""
    data_set = read_data_set(instance.path, instance.transfer_syntax)
    count = int(data_set.get("NumberOfFrames") or 1)
    if PIXEL_DATA not in data_set or not all(1 <= number <= count for number in numbers):
        raise NoSuchFrameError("no such frame")
    if form.transfer_syntax != EXPLICIT:
        return [partial(_stored_frame, instance, data_set, number, count) for number in numbers]
    if is_encapsulated(instance):
        return [partial(_decoded_frame, instance, number) for number in numbers]
    return _native_frames(instance, data_set, numbers, count)


def all_frames(instance: Instance) -> list[int]:
    """Return every Frame number. Raises one of files.UNREADABLE."""
    data_set = read_data_set(instance.path, instance.transfer_syntax)
    return list(range(1, int(data_set.get("NumberOfFrames") or 1) + 1))


def _stored_frame(instance: Instance, data_set: Dataset, number: int, count: int) -> bytes:
    offset = value_offset(data_set, PIXEL_DATA)
    if offset is None:
        return get_frame(data_set[PIXEL_DATA].value, number - 1, number_of_frames=count)
    with instance.path.open("rb") as file:
        file.seek(offset)
        return get_frame(file, number - 1, number_of_frames=count)


def _decoded_frame(instance: Instance, number: int) -> bytes:
    return pixel_array(instance.path, index=number - 1).tobytes()


def _native_frames(instance: Instance, data_set: FileDataset, numbers: list[int], count: int) -> list[Source]:
    bits = int(data_set.Rows) * int(data_set.Columns) * int(data_set.SamplesPerPixel) * int(data_set.BitsAllocated)
    if data_set.PhotometricInterpretation == "YBR_FULL_422":
        bits = bits * 2 // 3
    place = value_in_file(data_set, PIXEL_DATA, instance.path)
    if bits % 8 == 0 and place and data_set.original_encoding[1]:
        if place.length * 8 < bits * count:
            raise EOFError("Pixel Data is shorter than its frames")
        return [replace(place, offset=place.offset + (number - 1) * bits // 8, length=bits // 8) for number in numbers]
    value = _pixel_bytes(data_set)
    return [_bits(value, (number - 1) * bits, bits) for number in numbers]


def _pixel_bytes(data_set: FileDataset) -> bytes:
    """Native Pixel Data in little endian: samples of more than a byte are swapped whole, bytes in words as words."""
    value: bytes = data_set[PIXEL_DATA].value
    if data_set.original_encoding[1] is not False:
        return value
    wide = {32: "OL", 64: "OV"}.get(int(data_set.BitsAllocated), data_set[PIXEL_DATA].VR)
    return little_endian(value, wide, data_set)


def _bits(value: bytes, start: int, length: int) -> bytes:
    """Cut bits out of a string of bytes, the first in the lowest bit; frames of single bits are not padded."""
    if start % 8 == 0 and length % 8 == 0:
        return value[start // 8 : (start + length) // 8]
    window = value[start // 8 : (start + length + 7) // 8]
    number = (int.from_bytes(window, "little") >> start % 8) & ((1 << length) - 1)
    return number.to_bytes((length + 7) // 8, "little")


def bulk_source(instance: Instance, path: str) -> Source | None:
    """Return the value at a tag path such as ``54000100/1/54001010``, None where no binary value is.

    Raises one of files.UNREADABLE.
    """
    found = read_data_set(instance.path, instance.transfer_syntax)
    data_set: Dataset = found
    *above, last = path.split("/")
    for sequence, item in zip(above[::2], above[1::2], strict=True):
        data_set = data_set[int(sequence, 16)].value[int(item) - 1]
    tag = int(last, 16)
    if data_set is found and (place := value_in_file(found, tag, instance.path)) and found.original_encoding[1]:
        vr = found.get_item(tag, keep_deferred=True).VR
        return place if vr in BINARY_VRS or tag == PIXEL_DATA else None
    if tag not in data_set or data_set[tag].VR not in BINARY_VRS:
        return None
    return _pixel_bytes(found) if tag == PIXEL_DATA else little_endian(data_set[tag].value, data_set[tag].VR, found)


def is_encapsulated(instance: Instance) -> bool:
    """Whether Pixel Data are compressed codestreams."""
    return _holds_codestreams(instance.transfer_syntax)


def _holds_codestreams(transfer_syntax: str) -> bool:
    """Whether it has compressed codestreams, as one must that nobody knows; pydicom does not know the newest."""
    known = known_syntax(transfer_syntax)
    return known is None or known.encapsulated


def part10_source(instance: Instance, form: Representation) -> Source:
    """Return the whole Instance as a Part 10 file. Raises OSError."""
    if form.transfer_syntax == instance.transfer_syntax:
        return FileSlice(instance.path, 0, instance.path.stat().st_size)
    return partial(_explicit, instance)


def _explicit(instance: Instance) -> bytes:
    """Transcode to Explicit VR Little Endian; the file and the result are held in memory."""
    data_set = pydicom.dcmread(instance.path)
    if is_encapsulated(instance):
        data_set.decompress(generate_instance_uid=False)
    if data_set.original_encoding[1] is False:
        _swap(data_set)
    written = io.BytesIO()
    meta = data_set.file_meta
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    # A Data Set that remembers no other encoding is written as its File Meta says.
    fresh = FileDataset(written, {}, b"\0" * 128, meta, is_implicit_VR=False, is_little_endian=True)
    fresh.update(data_set)
    pydicom.dcmwrite(written, fresh, enforce_file_format=True)
    return written.getvalue()


def _swap(data_set: FileDataset) -> None:
    """Decode every number while the byte order is known, and turn the words that pydicom leaves alone."""
    for element in data_set.iterall():
        if element.tag != PIXEL_DATA and element.VR in BINARY_VRS and element.value:
            element.value = little_endian(element.value, element.VR, data_set)
    if PIXEL_DATA in data_set:
        data_set[PIXEL_DATA].value = _pixel_bytes(data_set)
