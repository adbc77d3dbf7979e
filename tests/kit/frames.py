"""Compressed frames of every Transfer Syntax that can be masked, and decoders that the gateway does not use."""

import subprocess
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import imagecodecs
import jpeg_ls  # type: ignore[import-untyped]
import numpy as np
import openjpeg.utils
import PIL.Image
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import SecondaryCaptureImageStorage
from rle import rle

from gateway.core.mask.model import FrameWork, Image
from gateway.core.mask.syntaxes import DEFLATED_FRAMES, JPEG_XL, JPEG_XL_LOSSLESS
from gateway.core.rewrite.dataset import Piece, Step
from gateway.core.standard import uids
from gateway.masking.codecs import masked

Samples = NDArray[Any]
ROWS, COLUMNS = 75, 107
_HTJ2K = (uids.HTJ2K, uids.HTJ2K_LOSSLESS, uids.HTJ2K_LOSSLESS_RPCL)
_JPEG_2000 = (uids.JPEG_2000, uids.JPEG_2000_LOSSLESS, *_HTJ2K)


def image(photometric: str = "MONOCHROME2", bits: int = 8, *, is_signed: bool = False, **other: Any) -> Image:
    """Describe a frame of 75 x 107 pixels."""
    samples = 1 if photometric.startswith(("MONO", "PALETTE")) else 3
    return Image(ROWS, COLUMNS, samples, 8 if bits <= 8 else 16, bits, is_signed, photometric, **other)


def scene(image: Image, seed: int = 7) -> Samples:
    """Make samples that use all of their bits, no two rows alike, without a pixel that looks masked by chance."""
    values = np.random.default_rng(seed).integers(
        1, (1 << image.bits_stored) - 1, (image.rows, image.columns, image.samples)
    )
    ramp = np.add.outer(np.arange(image.rows) * 3, np.arange(image.columns)) << image.bits_stored >> 9
    values = (values // 8 + ramp[..., None]) % ((1 << image.bits_stored) - 2) + 1
    if image.is_signed:
        values -= 1 << image.bits_stored - 1
    kind = f"{'i' if image.is_signed else 'u'}{image.bits_allocated // 8}"
    return np.ascontiguousarray(values.astype(kind) if image.samples > 1 else values[..., 0].astype(kind))


def encoded(samples: Samples, image: Image, syntax: str, **how: Any) -> bytes:  # noqa: PLR0911 - one for each codec
    """Encode a frame as any archive may hold it."""
    bits, unsigned = image.bits_stored, samples.view(f"u{samples.itemsize}") & (1 << image.bits_stored) - 1
    unsigned = np.ascontiguousarray(unsigned.astype(f"u{samples.itemsize}"))
    colours = {"colorspace": "RGB", "outcolorspace": "RGB"} if image.samples == 3 else {}
    if syntax in (uids.JPEG_LOSSLESS, uids.JPEG_LOSSLESS_SV1):
        return bytes(
            imagecodecs.jpeg8_encode(unsigned, lossless=True, bitspersample=bits, **{"predictor": 1, **colours, **how})
        )
    if syntax in (uids.JPEG_LS_LOSSLESS, uids.JPEG_LS_NEAR_LOSSLESS):
        by_pixel = 2 if image.samples > 1 else 0
        size = (image.rows, image.columns, image.samples, bits)
        return bytes(jpeg_ls.encode_buffer(unsigned.tobytes(), *size, interleave_mode=by_pixel, **how))
    if syntax in _HTJ2K and bits in (8, 16):
        rgb = image.photometric in ("YBR_RCT", "YBR_ICT")
        return bytes(
            imagecodecs.htj2k_encode(samples, rgb=rgb, **{"reversible": True, "tlm": True, "tilepart": 1, **how})
        )
    if syntax in _JPEG_2000:
        mct = image.photometric in ("YBR_RCT", "YBR_ICT")
        return bytes(
            imagecodecs.jpeg2k_encode(
                samples, bitspersample=bits, mct=mct, **{"codecformat": "j2k", "reversible": True, **how}
            )
        )
    if syntax in (JPEG_XL, JPEG_XL_LOSSLESS):
        return bytes(imagecodecs.jpegxl_encode(unsigned, bitspersample=bits, **{"lossless": True, **how}))
    if syntax == uids.RLE_LOSSLESS:
        return bytes(
            rle.encode_frame(samples.tobytes(), image.rows, image.columns, image.samples, image.bits_allocated, "<")
        )
    if syntax == DEFLATED_FRAMES:
        deflate = zlib.compressobj(wbits=-15)
        return deflate.compress(samples.tobytes()) + deflate.flush()
    if bits == 12:
        return bytes(imagecodecs.jpeg8_encode(unsigned, 90, bitspersample=12, **how))
    file = BytesIO()
    PIL.Image.fromarray(unsigned).save(file, "JPEG", **{"quality": 88, **how})
    return file.getvalue()


def decoded(frame: bytes, image: Image, syntax: str, folder: Path) -> Samples:
    """Decode a frame with DCMTK, pydicom's OpenJPEG or FFmpeg; samples as they are stored, colours not converted."""
    if syntax in _JPEG_2000:
        return np.asarray(openjpeg.utils.decode(frame))
    if syntax in (JPEG_XL, JPEG_XL_LOSSLESS):
        return _by_ffmpeg(frame, image, folder)
    if syntax == DEFLATED_FRAMES:
        return _native(zlib.decompress(frame, -15), image, 0)
    source, target = folder / "source.dcm", folder / "target.dcm"
    _data_set(frame, image, syntax).save_as(source, enforce_file_format=True)
    subprocess.run([*_TOOLS[syntax], source, target], check=True, capture_output=True)
    found = pydicom.dcmread(target)
    return _native(found.PixelData, image, found.get("PlanarConfiguration", 0))


_DJPEG: Final = ("dcmdjpeg", "--conv-never", "--planar-auto")
_TOOLS: Final = {
    uids.JPEG_BASELINE_8_BIT: _DJPEG,
    uids.JPEG_EXTENDED_12_BIT: _DJPEG,
    uids.JPEG_LOSSLESS: _DJPEG,
    uids.JPEG_LOSSLESS_SV1: _DJPEG,
    uids.JPEG_LS_LOSSLESS: ("dcmdjpls",),
    uids.JPEG_LS_NEAR_LOSSLESS: ("dcmdjpls",),
    uids.RLE_LOSSLESS: ("dcmdrle",),
}


def _native(data: bytes, image: Image, planar: int) -> Samples:
    kind = np.dtype(f"<{'i' if image.is_signed else 'u'}{image.bits_allocated // 8}")
    samples = np.frombuffer(data, kind)[: image.rows * image.columns * image.samples]
    if image.samples == 1:
        return samples.reshape(image.rows, image.columns)
    if planar:
        return np.moveaxis(samples.reshape(image.samples, image.rows, image.columns), 0, -1)
    return samples.reshape(image.rows, image.columns, image.samples)


def _by_ffmpeg(frame: bytes, image: Image, folder: Path) -> Samples:
    (folder / "frame.jxl").write_bytes(frame)
    form = (
        ("gray" if image.samples == 1 else "rgb24")
        if image.bits_stored == 8
        else ("gray16le" if image.samples == 1 else "rgb48le")
    )
    command: list[str | Path] = [
        "ffmpeg",
        "-v",
        "error",
        "-c:v",
        "libjxl",
        "-i",
        folder / "frame.jxl",
        "-f",
        "rawvideo",
        "-pix_fmt",
        form,
        "-",
    ]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return _native(raw, image, 0)


def _data_set(frame: bytes, image: Image, syntax: str) -> pydicom.Dataset:
    found = pydicom.Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    found.SOPClassUID, found.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.826.0.1.3680043.8.498.1"
    found.Rows, found.Columns, found.SamplesPerPixel = image.rows, image.columns, image.samples
    found.BitsAllocated, found.BitsStored, found.HighBit = (
        image.bits_allocated,
        image.bits_stored,
        image.bits_stored - 1,
    )
    found.PixelRepresentation, found.PhotometricInterpretation = int(image.is_signed), image.photometric
    if image.samples > 1:
        found.PlanarConfiguration = image.planar
    found.PixelData = encapsulate([frame])
    return found


def finished_here(steps: Sequence[Step]) -> list[Piece]:
    """Return what leaves of a rewriter's steps, its frames masked in this process."""
    return [step.finish(masked(step)) if isinstance(step, FrameWork) else step for step in steps]
