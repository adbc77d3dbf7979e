"""Every kind of object in every Transfer Syntax under every policy: what the engine does with its pixels.

Each cell is found by feeding an object to the engine and looking at what comes out, sample by sample. Objects that no
encoder here can write hold a codestream made up by hand, whose pixels nobody can see; these must not pass for masked.
"""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final

import numpy as np
import pydicom
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import UID

from gateway.core.errors import RefusedByProfile
from gateway.core.mask.model import Policy
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import MaskRule
from gateway.core.profile.parse import parse_profile
from gateway.core.rewrite.engine import Engine
from gateway.core.standard import iods
from gateway.core.standard.uids import TRANSFER_SYNTAXES
from gateway.rendering.frames import decoded
from tests.kit import codestreams
from tests.kit.engine import KEYS, mask_rules, profile
from tests.kit.frames import finished_here
from tests.kit.images import EXPLICIT, NATIVE, Samples, image, transcoded, written

ROWS, COLUMNS, BANNER = 48, 64, 16
"""The mask overwrites the upper BANNER rows."""
MASKED, PASSED, REFUSED, SCREENED, UNCOMPRESSED = "masked", "passed", "refused", "screened", "uncompressed"
OUTCOMES: Final = {
    MASKED: "leaves in its own Transfer Syntax, the rectangles overwritten in every frame",
    PASSED: "leaves with the pixels it has",
    SCREENED: "leaves once text detection has cleared it or overwritten what it found; refused where nothing screens",
    UNCOMPRESSED: "refused as it is stored; frames and renditions leave masked where the archive can decompress them",
    REFUSED: "does not leave, on any door",
}
_DOT_4: Final = "1.2.840.10008.1.2.4."
_LOSSY: Final = frozenset(_DOT_4 + last for last in ("50", "51", "81", "91", "112"))
_BYTES_ONLY: Final = frozenset({_DOT_4 + "50"})
_ENCAPSULATED_NATIVE: Final = "1.2.840.10008.1.2.1.98"
_DEFLATED_FRAMES: Final = "1.2.840.10008.1.2.8.1"
_END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"
_RLE: Final = "1.2.840.10008.1.2.5"
_CAN: Final = (*NATIVE, _RLE, _ENCAPSULATED_NATIVE, _DEFLATED_FRAMES, *(
    _DOT_4 + last for last in ("50", "51", "57", "70", "80", "81", "90", "91", "110", "112", "201", "202", "203")
))  # fmt: skip
"""Transfer Syntaxes in which objects are written here, and their frames read."""
_RULES: Final = """
name: kit
rules:
  - {name: banner, when: {Manufacturer: {equals: Known}}, blank: [{x: 0, y: 0, height: 16}]}
"""
_PROFILE: Final = """
name: matrix
based_on: nominal
apply_masks: true
burned_in_text: %s
masks: [ultrasound-regions, kit]
options: [clean_pixel_data]
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, by the keyword of its SOP Class."""

    name: str
    sop_class: str
    modality: str
    image_type: str = "ORIGINAL\\PRIMARY"
    frames: int = 1


KINDS: Final = (
    Kind("ultrasound", "UltrasoundImageStorage", "US"),
    Kind("ultrasound clip", "UltrasoundMultiFrameImageStorage", "US", frames=2),
    Kind("secondary capture", "SecondaryCaptureImageStorage", "OT", "DERIVED\\SECONDARY"),
    Kind("secondary capture, multi-frame", "MultiFrameGrayscaleWordSecondaryCaptureImageStorage", "OT",
         "DERIVED\\SECONDARY", 2),
    Kind("CT", "CTImageStorage", "CT", "ORIGINAL\\PRIMARY\\AXIAL"),
    Kind("CT, screen save", "CTImageStorage", "CT", "DERIVED\\SECONDARY\\SCREEN SAVE"),
    Kind("MR", "MRImageStorage", "MR", "ORIGINAL\\PRIMARY\\M\\SE"),
    Kind("angiography", "XRayAngiographicImageStorage", "XA", "ORIGINAL\\PRIMARY\\SINGLE PLANE", 2),
    Kind("digital X-ray", "DigitalXRayImageStorageForPresentation", "DX"),
    Kind("photograph", "VLPhotographicImageStorage", "XC"),
    Kind("slide, tiles", "VLWholeSlideMicroscopyImageStorage", "SM", "ORIGINAL\\PRIMARY\\VOLUME\\NONE", 2),
    Kind("slide, label", "VLWholeSlideMicroscopyImageStorage", "SM", "ORIGINAL\\PRIMARY\\LABEL\\NONE"),
    Kind("video", "VideoEndoscopicImageStorage", "ES", frames=2),
    Kind("encapsulated PDF", "EncapsulatedPDFStorage", "DOC", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one kind of object in one Transfer Syntax under one policy; ``ruled``: a mask rule is for it."""

    kind: str
    ruled: bool
    policy: str
    syntax: str
    outcome: str


def cells() -> Iterator[Cell]:
    """Find every cell."""
    for kind, ruled, policy in product(KINDS, (True, False), Policy):
        natively = outcome(kind, policy, str(EXPLICIT), ruled=ruled)
        for syntax in TRANSFER_SYNTAXES:
            found = outcome(kind, policy, syntax, ruled=ruled)
            if found == REFUSED and natively == MASKED:
                found = UNCOMPRESSED
            yield Cell(kind.name, ruled, policy.value, syntax, found)


def outcome(kind: Kind, policy: Policy, syntax: str, *, ruled: bool) -> str:
    """Feed one object to the engine. Raises AssertionError for pixels that are neither masked nor as they were."""
    source = stored(kind, syntax, ruled=ruled)
    rewriter = engine(policy).part10(asks=True)
    try:
        steps = rewriter.pieces(source)
        if not rewriter.question:
            steps += rewriter.last_pieces()  # a small object asks only there
        if rewriter.question:
            assert steps == []
            return SCREENED
        released = b"".join(finished_here(steps))
    except RefusedByProfile:
        return REFUSED
    return looked_at(source, released, syntax)


@cache
def engine(policy: Policy) -> Engine:
    """Give the engine of a profile with masks."""
    rules = parse_rules(_RULES, "kit.yaml")[1]

    def sets(name: str) -> tuple[MaskRule, ...] | None:
        return rules if name == "kit" else mask_rules(name)

    return Engine(parse_profile(_PROFILE % policy.value, "matrix.yaml", profile, sets), KEYS)


@cache
def stored(kind: Kind, syntax: str, *, ruled: bool) -> bytes:
    """Write an object; ``ruled``: its device is known, or it says where its ultrasound lies."""
    has_bytes = syntax in _BYTES_ONLY
    if syntax in NATIVE and kind.modality != "DOC":
        found = _object(kind, ruled=ruled, has_bytes=has_bytes)
        found.file_meta.TransferSyntaxUID = EXPLICIT
        return written(transcoded(found, syntax))
    head = _head(kind, ruled=ruled, has_bytes=has_bytes, syntax=syntax if syntax in NATIVE else str(EXPLICIT))
    if kind.modality == "DOC":
        return head if syntax in NATIVE else _named(head, b"", syntax)
    if not TRANSFER_SYNTAXES[syntax].encapsulated:  # JPIP: a URL in the place of pixels
        url = b"http://jpip.invalid/1 "
        return _named(head, b"\x28\0\xe0\x7fUR\0\0" + len(url).to_bytes(4, "little") + url, syntax)
    fragments = encapsulate([_frame(syntax)] * kind.frames)
    return _named(head, b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + fragments + _END, syntax)


@cache
def _head(kind: Kind, *, ruled: bool, has_bytes: bool, syntax: str) -> bytes:
    """Write what stands before the pixels."""
    found = _object(kind, ruled=ruled, has_bytes=has_bytes)
    del found.PixelData
    if kind.modality == "DOC":
        for keyword in [one for one in found.dir() if found[one].tag.group == 0x0028]:
            del found[keyword]
        found.MIMETypeOfEncapsulatedDocument, found.EncapsulatedDocument = "application/pdf", b"%PDF-1.7"
    found.file_meta.TransferSyntaxUID = UID(syntax)
    return written(found)


def _object(kind: Kind, *, ruled: bool, has_bytes: bool = False) -> FileDataset:
    one = _samples(has_bytes=has_bytes)
    samples = np.stack([one] * kind.frames) if kind.frames > 1 else one
    found = image(samples, frames=kind.frames, ImageType=kind.image_type.split("\\"))
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = UID(iods.sop_class_of(kind.sop_class) or "")
    found.Modality, found.Manufacturer = kind.modality, "Known" if ruled and kind.modality != "US" else "Other"
    if ruled and kind.modality == "US":
        found.SequenceOfUltrasoundRegions = Sequence([_region()])
    if not has_bytes:
        found.BitsStored, found.HighBit = 12, 11
    return found


def _samples(*, has_bytes: bool) -> Samples:
    """Paint a frame without any black."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    painted: Samples = (100 + y + x).astype(np.uint8) if has_bytes else (1000 + 16 * x + 8 * y).astype(np.uint16)
    return painted


def _region() -> pydicom.Dataset:
    region = pydicom.Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, BANNER
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, ROWS - 1
    return region


def _named(data: bytes, more: bytes, syntax: str) -> bytes:
    """Put an object under the name of a Transfer Syntax, of which the library that wrote it may not know."""
    start = 144 + int.from_bytes(data[140:144], "little")
    meta, body = data[132:start], data[start:] + more
    at = meta.index(b"\x02\x00\x10\x00UI")
    size = int.from_bytes(meta[at + 6 : at + 8], "little")
    name = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = meta[: at + 6] + len(name).to_bytes(2, "little") + name + meta[at + 8 + size :]
    if TRANSFER_SYNTAXES[syntax].deflated:
        body = zlib.compress(body, wbits=-15)
    return bytes(128) + b"DICM" + meta[:8] + (len(meta) - 12).to_bytes(4, "little") + meta[12:] + body


@cache
def _frame(syntax: str) -> bytes:
    """Encode the frame."""
    if syntax not in _CAN:
        return _made_up(syntax)
    samples = _samples(has_bytes=syntax in _BYTES_ONLY)
    if syntax == _ENCAPSULATED_NATIVE:
        return samples.tobytes()
    if syntax == _DEFLATED_FRAMES:
        return zlib.compress(samples.tobytes(), wbits=-15)
    one = image(samples)
    if samples.dtype.itemsize == 2:
        one.BitsStored, one.HighBit = 12, 11
    return next(generate_frames(transcoded(one, syntax).PixelData, number_of_frames=1))


def _made_up(syntax: str) -> bytes:
    """Return a codestream that begins as its Transfer Syntax says."""
    number = syntax.removeprefix(_DOT_4)
    if number.startswith(("100", "101")):
        return codestreams.units(*codestreams.MPEG)
    if number.startswith(("102", "103", "104", "105", "106")):
        return codestreams.units(*codestreams.AVC)
    if number in ("107", "108"):
        return codestreams.units(*codestreams.HEVC)
    if number in ("92", "93"):
        return codestreams.jpeg2000()
    return codestreams.jxl() if number == "111" else codestreams.jpeg()


def looked_at(source: bytes, released: bytes, syntax: str) -> str:
    """Say whether what left is masked or as it was, by its samples. Raises AssertionError for anything else."""
    if syntax not in NATIVE and not TRANSFER_SYNTAXES[syntax].encapsulated:
        assert released.startswith(bytes(128) + b"DICM")
        return PASSED  # there is a URL, and no pixel
    before, after = (pydicom.dcmread(io.BytesIO(one)) for one in (source, released))
    assert after.file_meta.TransferSyntaxUID == syntax
    if "PixelData" not in before:
        assert "Rows" not in before or "PixelData" not in after
        return PASSED
    old = _decoded(before, syntax)
    new = _decoded(after, syntax)
    if all(_same(one, other) for one, other in zip(old, new, strict=True)):
        assert after.get("BurnedInAnnotation") != "NO"
        return PASSED
    assert syntax in _CAN
    limit = 40 if syntax in _LOSSY else 0
    for one, other in zip(old, new, strict=True):
        assert other[:BANNER].max() == 0
        assert np.abs(one[BANNER:].astype(int) - other[BANNER:].astype(int)).max() <= limit
    assert after.BurnedInAnnotation == "NO"
    assert "113101" in {item.CodeValue for item in after.DeidentificationMethodCodeSequence}
    return MASKED


def _same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def _decoded(found: FileDataset, syntax: str) -> list[Any]:
    """Return samples by frame, or what stands for them where no decoder is here."""
    if syntax in NATIVE:
        kind = np.dtype((">" if syntax == "1.2.840.10008.1.2.2" else "<") + f"u{found.BitsAllocated // 8}")
        return list(np.frombuffer(found.PixelData, kind).reshape(-1, ROWS, COLUMNS))
    count = int(found.get("NumberOfFrames", 1))
    frames = list(generate_frames(found.PixelData, number_of_frames=count))
    if syntax not in _CAN:
        return frames
    if syntax in (_ENCAPSULATED_NATIVE, _DEFLATED_FRAMES):
        raw = [zlib.decompress(one, wbits=-15) if syntax == _DEFLATED_FRAMES else one for one in frames]
        return [np.frombuffer(one, "<u2", ROWS * COLUMNS).reshape(ROWS, COLUMNS) for one in raw]
    return [decoded(one, syntax, found)[0] for one in frames]
