"""Synthetic images that name a patient in every way, in every Transfer Syntax; and how they look, by other means."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut, apply_windowing
from pydicom.uid import UID

Samples = NDArray[Any]

STUDY: Final = "1.2.826.0.1.77.1"
EXPLICIT: Final = UID("1.2.840.10008.1.2.1")
CANARY: Final = "KANARIENVOGEL"
_CODECS: Final[dict[str, Callable[[Samples], bytes | bytearray]]] = {
    "1.2.840.10008.1.2.4.50": lambda samples: imagecodecs.jpeg8_encode(samples, level=95),
    "1.2.840.10008.1.2.4.51": lambda samples: imagecodecs.jpeg8_encode(samples, level=98, bitspersample=12),
    "1.2.840.10008.1.2.4.57": lambda samples: imagecodecs.jpeg8_encode(samples, lossless=True, predictor=6),
    "1.2.840.10008.1.2.4.70": lambda samples: imagecodecs.jpeg8_encode(samples, lossless=True, predictor=1),
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
    "1.2.840.10008.1.2.4.81": lambda samples: imagecodecs.jpegls_encode(samples, level=2),
    "1.2.840.10008.1.2.4.90": lambda samples: imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True),
    "1.2.840.10008.1.2.4.91": lambda samples: imagecodecs.jpeg2k_encode(samples, level=110, codecformat="j2k"),
    "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_encode,
    "1.2.840.10008.1.2.4.202": imagecodecs.htj2k_encode,
    "1.2.840.10008.1.2.4.203": imagecodecs.htj2k_encode,
    "1.2.840.10008.1.2.4.110": lambda samples: imagecodecs.jpegxl_encode(samples, lossless=True),
    "1.2.840.10008.1.2.4.112": lambda samples: imagecodecs.jpegxl_encode(samples, distance=0.1),
}
NATIVE: Final = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", str(EXPLICIT))
SYNTAXES: Final = (*NATIVE, "1.2.840.10008.1.2.5", *_CODECS)
"""Transfer Syntaxes into which ``transcoded`` writes 12 bits in 16, without loss or nearly so."""


def ramp(rows: int = 48, columns: int = 64, low: int = -1000, high: int = 3000) -> Samples:
    """Make a picture without symmetry, so that no flip or turn goes unseen."""
    y, x = np.mgrid[0:rows, 0:columns]
    share = (0.7 * x / columns + 0.3 * y / rows) + 0.05 * np.sin(x / 3) * (y > rows / 2)
    shown: Samples = np.clip(low + share * (high - low), low, high).astype(np.int16)
    return shown


def coloured(rows: int = 48, columns: int = 64) -> NDArray[np.uint8]:
    """Make a colour picture without symmetry."""
    y, x = np.mgrid[0:rows, 0:columns]
    return np.stack([x * 4 % 256, y * 5 % 256, (x + y) * 2 % 256], axis=-1).astype(np.uint8)


def image(samples: Samples, number: int = 1, series: int = 1, *, frames: int = 1, **attributes: Any) -> FileDataset:
    """Make an object of samples; ``frames`` are the first axis when there are more than one."""
    colour = samples.shape[-1] == 3 and samples.ndim > 2
    rows, columns = samples.shape[-3:-1] if colour else samples.shape[-2:]
    uid = f"{STUDY}.{series}.{number}"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = EXPLICIT
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    meta.MediaStorageSOPInstanceUID = UID(uid)
    found = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    found.SOPClassUID, found.SOPInstanceUID = meta.MediaStorageSOPClassUID, UID(uid)
    found.StudyInstanceUID, found.SeriesInstanceUID = UID(STUDY), UID(f"{STUDY}.{series}")
    found.PatientName, found.PatientID, found.StudyID = f"{CANARY}^EVA", f"{CANARY}-1", CANARY
    found.Modality, found.SeriesNumber, found.InstanceNumber = "CT", series, number
    found.ImageComments, found.StudyDescription = f"this is {CANARY}", f"{CANARY} after surgery"
    found.Rows, found.Columns, found.SamplesPerPixel = rows, columns, 3 if colour else 1
    found.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        found.PlanarConfiguration = 0
    if frames > 1:
        found.NumberOfFrames = frames
        found.FrameTime = 40
    found.BitsAllocated = found.BitsStored = samples.dtype.itemsize * 8
    found.HighBit = found.BitsStored - 1
    found.PixelRepresentation = int(samples.dtype.kind == "i")
    for name, value in attributes.items():
        setattr(found, name, value)
    meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.PixelData = samples.tobytes()
    found["PixelData"].VR = "OB" if samples.dtype.itemsize == 1 else "OW"
    return found


def transcoded(found: FileDataset, syntax: str) -> FileDataset:
    """Return an object in another Transfer Syntax."""
    with warnings.catch_warnings(action="ignore"):
        copy: FileDataset = pydicom.dcmread(io.BytesIO(written(found)))
        if syntax in _CODECS:
            return encapsulated(copy, syntax, [bytes(_CODECS[syntax](copy.pixel_array))])
        if syntax == "1.2.840.10008.1.2.5":
            copy.compress(UID(syntax), generate_instance_uid=False)
        elif syntax == "1.2.840.10008.1.2.2" and copy.BitsAllocated == 16:
            copy.PixelData = np.frombuffer(copy.PixelData, "<u2").byteswap().tobytes()
        copy.file_meta.TransferSyntaxUID = UID(syntax)
        return copy


def encapsulated(found: FileDataset, syntax: str, frames: list[bytes]) -> FileDataset:
    """Put compressed frames into an object."""
    found.PixelData = encapsulate(frames)
    found["PixelData"].VR = "OB"
    found["PixelData"].is_undefined_length = True
    found.file_meta.TransferSyntaxUID = UID(syntax)
    return found


def in_jpeg(found: FileDataset, **options: Any) -> FileDataset:
    """Write a picture of eight bits as JPEG baseline; ``options`` are Pillow's: a comment, EXIF."""
    out = io.BytesIO()
    shape = (found.Rows, found.Columns, 3) if found.SamplesPerPixel == 3 else (found.Rows, found.Columns)
    picture = Image.fromarray(np.frombuffer(found.PixelData, np.uint8).reshape(shape))
    picture.save(out, "JPEG", quality=95, **options)
    encapsulated(found, "1.2.840.10008.1.2.4.50", [out.getvalue()])
    if found.SamplesPerPixel == 3:
        found.PhotometricInterpretation = "YBR_FULL_422"
    return found


def written(found: FileDataset) -> bytes:
    """Write an object."""
    out = io.BytesIO()
    syntax = found.file_meta.TransferSyntaxUID
    big, implicit = syntax == "1.2.840.10008.1.2.2", syntax == "1.2.840.10008.1.2"
    pydicom.dcmwrite(out, found, enforce_file_format=True, little_endian=not big, implicit_vr=implicit)
    return out.getvalue()


def shown(found: Dataset, samples: Samples, center: float, width: float, function: str = "LINEAR") -> NDArray[np.uint8]:
    """Render grays with pydicom's own functions, scaled to eight bits."""
    found.WindowCenter, found.WindowWidth, found.VOILUTFunction = center, width, function
    with np.errstate(over="ignore"):
        values = apply_windowing(apply_modality_lut(samples, found), found)
    low, high = (-(2 ** (found.BitsStored - 1)), 2 ** (found.BitsStored - 1) - 1)
    if found.PixelRepresentation == 0:
        low, high = 0, 2**found.BitsStored - 1
    slope, intercept = float(found.get("RescaleSlope", 1)), float(found.get("RescaleIntercept", 0))
    low, high = low * slope + intercept, high * slope + intercept
    seen: NDArray[np.uint8] = np.rint((values - low) / (high - low) * 255).astype(np.uint8)
    return seen


def opened(body: bytes) -> Samples:
    """Read an answer as samples."""
    return np.asarray(Image.open(io.BytesIO(body)))


def count(picture: Image.Image) -> int:
    """Count the frames of a picture."""
    return sum(1 for _ in ImageSequence.Iterator(picture))


def folder_of(folder: Path, *files: bytes | FileDataset) -> dict[str, object]:
    """Write objects into a folder and name it as an origin."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(files):
        (folder / f"{number}.dcm").write_bytes(one if isinstance(one, bytes) else written(one))
    return {"folder": str(folder)}


def path_of(number: int = 1, series: int = 1) -> str:
    """Give the source path of an object."""
    return f"/studies/{STUDY}/series/{STUDY}.{series}/instances/{STUDY}.{series}.{number}"
