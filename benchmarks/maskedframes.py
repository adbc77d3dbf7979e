"""What masking a compressed frame costs, against decoding and encoding it by the same codec. Part of ``masks``."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import jpeg_ls  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from rle import rle

from benchmarks.report import Samples, ratios, table, verdict
from gateway.core.mask.model import FrameWork, Image, Rectangle
from gateway.core.standard import uids
from gateway.masking.codecs import masked

CODEC_TARGET, BLOCKS_TARGET = 1.2, 0.6
BUDGET_S: Final = 0.3
ROWS, COLUMNS, SIDE = 600, 800, 512
BANNER, CORNER = Rectangle(0, 0, 60, COLUMNS), Rectangle(0, 0, 60, 300)
ULTRASOUND: Final = Image(ROWS, COLUMNS, 3, 8, 8, is_signed=False, photometric="YBR_FULL_422")
SLICE: Final = Image(SIDE, SIDE, 1, 16, 12, is_signed=False, photometric="MONOCHROME2")
BITS: Final = SLICE.bits_stored


@dataclass(frozen=True)
class Codec:
    """A frame, and how its codec writes and reads it; the target is the ratio that masking it may have."""

    name: str
    syntax: str
    image: Image
    encode: Callable[[Any], bytes | bytearray]
    decode: Callable[[Any], Any]
    target: float = CODEC_TARGET


def codecs() -> tuple[Codec, ...]:
    """List a banner on ultrasound in colour, and a corner of a slice of 12 bits in every lossless syntax."""
    return (
        Codec(
            "JPEG Baseline, block level", uids.JPEG_BASELINE_8_BIT, ULTRASOUND,
            lambda each: imagecodecs.jpeg8_encode(each, level=90, subsampling="422"), imagecodecs.jpeg8_decode,
            BLOCKS_TARGET,
        ),
        Codec(
            "JPEG Extended 12 bits, block level", uids.JPEG_EXTENDED_12_BIT, SLICE,
            lambda each: imagecodecs.jpeg8_encode(each, level=95, bitspersample=BITS), imagecodecs.jpeg8_decode,
            BLOCKS_TARGET,
        ),
        Codec(
            "JPEG Lossless", uids.JPEG_LOSSLESS_SV1, SLICE,
            lambda each: imagecodecs.jpeg8_encode(each, lossless=True, predictor=1, bitspersample=BITS),
            imagecodecs.jpeg8_decode,
        ),
        Codec(
            "JPEG-LS", uids.JPEG_LS_LOSSLESS, SLICE,
            lambda each: jpeg_ls.encode_buffer(each.tobytes(), SIDE, SIDE, 1, BITS), imagecodecs.jpegls_decode,
        ),
        Codec(
            "JPEG 2000", uids.JPEG_2000_LOSSLESS, SLICE,
            lambda each: imagecodecs.jpeg2k_encode(each, codecformat="j2k", reversible=True, bitspersample=BITS),
            imagecodecs.jpeg2k_decode,
        ),
        Codec(
            "HTJ2K", uids.HTJ2K_LOSSLESS, SLICE,
            lambda each: imagecodecs.htj2k_encode(each, reversible=True), imagecodecs.jpeg2k_decode,
        ),
        Codec(
            "RLE", uids.RLE_LOSSLESS, SLICE,
            lambda each: rle.encode_frame(each.tobytes(), SIDE, SIDE, 1, 16, "<"),
            lambda data: np.frombuffer(imagecodecs.dicomrle_decode(data, "<u2"), np.uint16),
        ),
    )  # fmt: skip


def report(rounds: int) -> None:
    """Measure in turns and print."""
    rows, verdicts = [], []
    for codec in codecs():
        again, ours = (Samples(tuple(each)) for each in zip(*_rounds(codec, rounds), strict=True))
        ratio = ratios(ours, again)
        rows.append([codec.name, again.text(2, 1e3), ours.text(2, 1e3), ratio.text()])
        verdicts.append(verdict(f"a masked frame, {codec.name}", ratio.middle, codec.target))
    print(table("compressed frames, CPU ms a frame", ["frame", "decoded and encoded", "masked", "ratio"], rows))
    print(*verdicts, sep="\n")


def _rounds(codec: Codec, rounds: int) -> Iterator[tuple[float, float]]:
    grey = codec.image is SLICE
    data = bytes(codec.encode(_samples(grey=grey)))
    work = FrameWork(data, codec.syntax, codec.image, (CORNER if grey else BANNER,))
    for _ in range(rounds):
        yield _seconds(lambda: codec.encode(codec.decode(data))), _seconds(lambda: masked(work))


def _samples(*, grey: bool) -> NDArray[Any]:
    if grey:
        return picture(SIDE, SIDE, BITS)
    return np.stack([picture(ROWS, COLUMNS, 8)] * 3, -1).astype(np.uint8)


def picture(rows: int, columns: int, bits: int) -> NDArray[np.uint16]:
    """Draw soft shapes with a little noise, as a scanner would: neither flat nor random."""
    y, x = np.mgrid[:rows, :columns]
    soft = np.sin(x / 37) * np.cos(y / 23) + np.sin((x + y) / 91)
    noisy = soft / 4 + 0.5 + np.random.default_rng(7).normal(0, 0.01, (rows, columns))
    shown: NDArray[np.uint16] = (np.clip(noisy, 0, 1) * ((1 << bits) - 1)).astype(np.uint16)
    return shown


def _seconds(function: Callable[[], object]) -> float:
    """Return the CPU time of one call, threads included."""
    function()
    began, calls = time.process_time(), 0
    while (spent := time.process_time() - began) < BUDGET_S:
        function()
        calls += 1
    return spent / calls
