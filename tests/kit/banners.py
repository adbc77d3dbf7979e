"""Ultrasound whose frames have a name burned in above the region that the object names, in many encodings."""

import io
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import UID

from tests.kit.burned import write
from tests.kit.images import encapsulated, image, written

Frames = NDArray[np.uint8]

ROWS, COLUMNS, BANNER, FRAMES = 96, 128, 32, 3
NAME: Final = "BEISPIEL^ERIKA"
ULTRASOUND, CLIP = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
NATIVE, BASELINE, LOSSLESS, JPEG_LS, J2K, RLE = (
    "1.2.840.10008.1.2.1",
    *(f"1.2.840.10008.1.2.4.{number}" for number in (50, 70, 80, 90)),
    "1.2.840.10008.1.2.5",
)


@dataclass(frozen=True, slots=True)
class Burned:
    """An object with burned-in text; ``number`` is that of the instance, ``frames`` as they were before encoding."""

    name: str
    number: int
    found: FileDataset
    frames: Frames

    @property
    def part10(self) -> bytes:
        """Give the file."""
        return written(self.found)

    @property
    def is_lossless(self) -> bool:
        """Say whether the samples are those before encoding."""
        return str(self.found.file_meta.TransferSyntaxUID) != BASELINE


def drawn(seed: int, frames: int = FRAMES) -> Frames:
    """Draw frames in colour: a name on noise in the banner, faint in the last frame, and below something that moves."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    found = np.empty((frames, ROWS, COLUMNS, 3), np.uint8)
    for number in range(frames):
        grey = np.clip(90 + 60 * np.sin((x + 9 * number) / 11) + 40 * np.cos(y / 7), 0, 255)
        grey[:BANNER] = random.integers(0, 50, (BANNER, COLUMNS))
        shown, _ = write(grey.astype(np.uint8), NAME, (4, 8), 14, 40 if number == frames - 1 else 180)
        found[number] = np.stack([shown, shown // 2 + 20, 255 - shown], axis=-1)
    return found


def ultrasound(number: int, frames: Frames, **attributes: Any) -> FileDataset:
    """Make an object that names the region below the banner."""
    several = max(1, len(frames))
    found = image(frames if several > 1 else frames[0], number, frames=several)
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = UID(CLIP if several > 1 else ULTRASOUND)
    found.Modality = "US"
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, BANNER
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, ROWS - 1
    found.SequenceOfUltrasoundRegions = [region]
    for name, value in attributes.items():
        setattr(found, name, value)
    return found


def objects() -> Iterator[Burned]:
    """Yield one object for each way to encode."""
    makers: tuple[tuple[str, Callable[[int, Frames], FileDataset]], ...] = (
        ("native RGB", ultrasound),
        ("native RGB by planes", _by_planes),
        ("native YBR_FULL", _in_ybr),
        ("native grey", _grey),
        ("palette", _palette),
        ("JPEG Baseline", _jpeg),
        ("JPEG Lossless", _compressed(LOSSLESS, lambda one: imagecodecs.jpeg8_encode(one, lossless=True, predictor=1))),
        ("JPEG-LS", _compressed(JPEG_LS, imagecodecs.jpegls_encode)),
        ("JPEG 2000", _compressed(J2K, lambda one: imagecodecs.jpeg2k_encode(one, codecformat="j2k", reversible=True))),
        ("RLE", _rle),
    )
    for number, (name, make) in enumerate(makers, 1):
        for several in (1, FRAMES):
            frames = drawn(number, several)
            at = 10 * number + several
            found = make(at, frames)
            yield Burned(f"{name}, {several} frames", at, found, _as_written(found, frames))


def capture(number: int) -> Burned:
    """Make a capture that no rule knows."""
    frames = drawn(number, 1)
    return Burned("capture", number, image(frames[0], number, SOPClassUID=UID(CAPTURE), Modality="OT"), frames)


def decoded(part10: bytes, folder: Path) -> Frames:
    """Decode an object with GDCM; the samples as they are, frames first."""
    before, after = folder / "before.dcm", folder / "after.dcm"
    before.write_bytes(part10)
    done = subprocess.run(["gdcmconv", "--raw", before, after], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return samples_of(pydicom.dcmread(after))


def samples_of(found: Dataset) -> Frames:
    """Give native samples, frames first and samples last."""
    several, by_planes = int(found.get("NumberOfFrames", 1)), found.get("PlanarConfiguration", 0)
    samples = np.frombuffer(found.PixelData, np.uint8)[: several * ROWS * COLUMNS * found.SamplesPerPixel]
    if by_planes:
        return np.moveaxis(samples.reshape(several, 3, ROWS, COLUMNS), 1, -1)
    return samples.reshape(several, ROWS, COLUMNS, -1)


def decoded_frame(data: bytes, media_type: str, burned: Burned) -> Frames:
    """Decode one frame as a client does that knows its media type."""
    found = burned.found
    if "jpeg" in media_type or (data[:2] == b"\xff\xd8" and data[2:4] != b"\xff\xf7"):
        is_ls = b"\xff\xf7" in data[:40]
        return np.asarray(imagecodecs.jpegls_decode(data) if is_ls else imagecodecs.jpeg8_decode(data))
    if "jls" in media_type:
        return np.asarray(imagecodecs.jpegls_decode(data))
    if any(one in media_type for one in ("jp2", "jphc", "4.90", "4.201")):
        return np.asarray(imagecodecs.jpeg2k_decode(data))
    if "rle" in media_type:
        return np.moveaxis(np.stack([_packbits(data, number) for number in range(found.SamplesPerPixel)]), 0, -1)
    samples = found.SamplesPerPixel
    size = ROWS * COLUMNS * samples
    assert len(data) == size, (len(data), media_type)
    shown = np.frombuffer(data, np.uint8)
    if found.get("PlanarConfiguration") and str(found.file_meta.TransferSyntaxUID) == NATIVE:
        return np.moveaxis(shown.reshape(3, ROWS, COLUMNS), 0, -1)
    return shown.reshape(ROWS, COLUMNS, samples)


def assert_masked(shown: NDArray[Any], where: object) -> None:
    """Let nothing be in the banner but one colour."""
    banner = shown.reshape(shown.shape[0], shown.shape[1], -1)[:BANNER]
    assert (banner == banner[0, 0]).all(), where


def _as_written(found: FileDataset, frames: Frames) -> Frames:
    if found.SamplesPerPixel == 1:
        return frames[..., :1]
    if found.PhotometricInterpretation == "YBR_FULL":
        return np.stack([convert_color_space(one, "RGB", "YBR_FULL") for one in frames])
    return frames


def _by_planes(number: int, frames: Frames) -> FileDataset:
    found = ultrasound(number, frames, PlanarConfiguration=1)
    found.PixelData = np.moveaxis(frames, -1, 1).tobytes()
    return found


def _in_ybr(number: int, frames: Frames) -> FileDataset:
    found = ultrasound(number, frames, PhotometricInterpretation="YBR_FULL")
    found.PixelData = np.stack([convert_color_space(one, "RGB", "YBR_FULL") for one in frames]).tobytes()
    return found


def _grey(number: int, frames: Frames) -> FileDataset:
    return ultrasound(number, np.ascontiguousarray(frames[..., 0]))


def _palette(number: int, frames: Frames) -> FileDataset:
    found = ultrasound(number, np.ascontiguousarray(frames[..., 0]), PhotometricInterpretation="PALETTE COLOR")
    table = np.roll(np.arange(256, dtype="<u2") * 257, 7).tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(found, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(found, f"{colour}PaletteColorLookupTableData", table)
    return found


def _jpeg(number: int, frames: Frames) -> FileDataset:
    fragments = []
    for one in frames:
        out = io.BytesIO()
        Image.fromarray(one).save(out, "JPEG", quality=92, subsampling=1)
        fragments.append(out.getvalue())
    found = ultrasound(number, frames, PhotometricInterpretation="YBR_FULL_422")
    return encapsulated(found, BASELINE, fragments)


def _compressed(syntax: str, encode: Callable[[Any], Any]) -> Callable[[int, Frames], FileDataset]:
    def make(number: int, frames: Frames) -> FileDataset:
        found = ultrasound(number, frames)
        return encapsulated(found, syntax, [bytes(encode(np.ascontiguousarray(one))) for one in frames])

    return make


def _rle(number: int, frames: Frames) -> FileDataset:
    found = ultrasound(number, frames)
    found.compress(UID(RLE), generate_instance_uid=False)
    return found


def _packbits(data: bytes, number: int) -> NDArray[np.uint8]:
    """Decode one segment of an RLE frame (PS3.5 Section G.3)."""
    starts = [*(int.from_bytes(data[4 * n : 4 * n + 4], "little") for n in range(1, 1 + data[0])), len(data)]
    out = imagecodecs.packbits_decode(data[starts[number] : starts[number + 1]])
    return np.frombuffer(out, np.uint8)[: ROWS * COLUMNS].reshape(ROWS, COLUMNS)
