"""Mask one compressed frame: decode it, overwrite the rectangles, encode it without loss in its own Transfer Syntax.

So nothing outside the rectangles changes, also where the syntax allows loss. Colours are not converted: what leaves has
the colour space that the object says. Lossy JPEG, which cannot be encoded without loss, is masked by its blocks.
"""

import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from gateway.core.errors import GatewayError, LimitExceeded, MalformedInput
from gateway.core.mask.model import FrameWork
from gateway.core.mask.native import NativeMasker
from gateway.core.mask.syntaxes import DEFLATED_FRAMES, JPEG_XL, JPEG_XL_LOSSLESS
from gateway.core.standard.uids import (
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE_8_BIT,
    JPEG_EXTENDED_12_BIT,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR_LOSSLESS,
    RLE_LOSSLESS,
)
from gateway.masking import headers, jpegblocks
from gateway.masking.blanking import Samples, blank
from gateway.masking.headers import checked

MAX_FRAME_BYTES: Final = 1 << 30
"""What a decoded frame may take; 16-bit samples of 23,000 x 23,000 pixels."""
_BY_RESOLUTION: Final = 1
"""Tile-parts of HTJ2K that OpenJPH ends with each resolution."""


def masked(work: FrameWork) -> bytes:
    """Return the codestream of a frame without what its rectangles hold.

    Raises MalformedInput for a frame that cannot be decoded or is not what the object says, LimitExceeded for one that
    is too large to be decoded.
    """
    image = work.image
    size = image.rows * image.columns * image.samples * image.bits_allocated // 8
    if size > MAX_FRAME_BYTES:
        raise LimitExceeded("a frame to be masked", MAX_FRAME_BYTES, (image.tag,))
    if not work.rectangles:
        return work.data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _MASKERS[work.transfer_syntax](work)
        except MalformedInput as fault:
            raise MalformedInput(fault.what, (image.tag,)) from None
        except (GatewayError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - codecs raise what they like, Rust panics; messages may hold values
            raise MalformedInput("a frame that cannot be decoded to be masked", (image.tag,)) from None


def _jpeg_lossless(work: FrameWork) -> bytes:
    import imagecodecs  # noqa: PLC0415 - many libraries, which only a process that decodes shall load

    header = checked(headers.jpeg(work.data, headers.SOF3), work.image)
    space = "RGB" if header.samples == 3 else None  # to both sides: nothing is converted
    decoded = imagecodecs.jpeg8_decode(work.data, colorspace=space, outcolorspace=space)
    encoded = imagecodecs.jpeg8_encode(
        _blanked(decoded, work, header.bits),
        lossless=True,
        predictor=1,
        bitspersample=header.bits,
        colorspace=space,
        outcolorspace=space,
    )
    return headers.components_named(bytes(encoded), headers.component_names(work.data))


def _jpeg_ls(work: FrameWork) -> bytes:
    import imagecodecs  # noqa: PLC0415
    import jpeg_ls  # type: ignore[import-untyped]  # noqa: PLC0415

    header = checked(headers.jpeg(work.data, headers.SOF55), work.image)
    samples = _blanked(imagecodecs.jpegls_decode(work.data), work, header.bits)
    by_pixel = 2 if header.samples > 1 else 0
    return bytes(
        jpeg_ls.encode_buffer(
            samples.tobytes(), header.rows, header.columns, header.samples, header.bits, interleave_mode=by_pixel
        )
    )


def _jpeg_2000(work: FrameWork) -> bytes:
    import imagecodecs  # noqa: PLC0415

    codestream = headers.bare(work.data)
    header = checked(headers.jpeg2000(codestream), work.image)
    samples = _blanked(imagecodecs.jpeg2k_decode(codestream), work, header.bits)
    return bytes(
        imagecodecs.jpeg2k_encode(
            samples, codecformat="j2k", reversible=True, mct=header.transform, bitspersample=header.bits
        )
    )


def _htj2k(work: FrameWork) -> bytes:
    """Mask HTJ2K; in tile-parts by resolution that the header lists, which RPCL Options want.

    The encoder knows 8 and 16 bits only. What has no sign is given to it as what remains of it after the level shift
    (ISO/IEC 15444-1 G.1), so that the header may say any precision.
    """
    import imagecodecs  # noqa: PLC0415

    codestream = headers.bare(work.data)
    header = checked(headers.jpeg2000(codestream), work.image)
    samples = _blanked(imagecodecs.jpeg2k_decode(codestream), work, header.bits)
    if not header.is_signed:
        samples = samples.astype(np.int32) - (1 << header.bits - 1)
    encoded = bytearray(
        imagecodecs.htj2k_encode(
            np.ascontiguousarray(samples.astype(np.int8 if header.bits <= 8 else np.int16)),
            reversible=True,
            rgb=header.transform,
            resolutions=header.levels or None,
            tlm=True,
            tilepart=_BY_RESOLUTION,
        )
    )
    for component in range(header.samples):
        encoded[42 + 3 * component] = header.bits - 1 | header.is_signed << 7
    return bytes(encoded)


def _jpeg_xl(work: FrameWork) -> bytes:
    import imagecodecs  # noqa: PLC0415

    bits = work.image.bits_stored
    samples = _blanked(imagecodecs.jpegxl_decode(work.data, numthreads=1), work, bits)
    return bytes(imagecodecs.jpegxl_encode(samples, lossless=True, bitspersample=bits, numthreads=1))


def _rle(work: FrameWork) -> bytes:
    """Mask a frame of PS3.5 Annex G: a segment for each byte of each sample, the highest first."""
    from rle import rle  # noqa: PLC0415 - imagecodecs ends its process over what is no RLE

    image = work.image
    pixels, width = image.rows * image.columns, image.bits_allocated // 8
    borders = [*filter(None, rle.parse_header(work.data[:64].ljust(64, b"\0"))), len(work.data)]
    coded = [work.data[start:end] for start, end in pairwise(borders)]
    segments = [rle.decode_segment(one) for one in coded if one]
    if len(segments) != image.samples * width or {len(one) for one in segments} - {pixels, pixels + 1}:
        raise MalformedInput("a frame of another size or depth than the object says")
    planes = np.stack([np.frombuffer(one, np.uint8, pixels) for one in segments])
    planes = planes.reshape(image.samples, width, image.rows, image.columns)[:, ::-1]
    samples = np.ascontiguousarray(planes.transpose(2, 3, 0, 1)).view(f"<u{width}")[..., 0]
    blank(samples, image, work.rectangles)
    return bytes(
        rle.encode_frame(samples.tobytes(), image.rows, image.columns, image.samples, image.bits_allocated, "<")
    )


def _deflated(work: FrameWork) -> bytes:
    image = replace(work.image, frames=1)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    native = inflate.decompress(work.data, MAX_FRAME_BYTES)
    if not inflate.eof:
        raise MalformedInput("a deflated frame without an end")
    masker = NativeMasker(image, work.rectangles, little_endian=True, length=len(native))
    pieces = masker.feed(native)
    masker.close()
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return b"".join([*map(deflate.compress, pieces), deflate.flush()])


def _blanked(decoded: Any, work: FrameWork, bits: int) -> Samples:
    """Return decoded samples without the rectangles. Raises MalformedInput where they are not of this image."""
    image = work.image
    expected = (image.rows, image.columns) + ((image.samples,) if image.samples > 1 else ())
    if decoded.shape != expected or decoded.dtype.itemsize * 8 > max(8, image.bits_allocated):
        raise MalformedInput("a frame of another size or depth than the object says")
    samples: Samples = np.array(decoded, order="C")
    blank(samples, image, work.rectangles, bits)
    return samples


_MASKERS: Final[Mapping[str, Callable[[FrameWork], bytes]]] = MappingProxyType(
    {
        JPEG_BASELINE_8_BIT: jpegblocks.masked,
        JPEG_EXTENDED_12_BIT: jpegblocks.masked,
        JPEG_LOSSLESS: _jpeg_lossless,
        JPEG_LOSSLESS_SV1: _jpeg_lossless,
        JPEG_LS_LOSSLESS: _jpeg_ls,
        JPEG_LS_NEAR_LOSSLESS: _jpeg_ls,
        JPEG_2000_LOSSLESS: _jpeg_2000,
        JPEG_2000: _jpeg_2000,
        HTJ2K_LOSSLESS: _htj2k,
        HTJ2K_LOSSLESS_RPCL: _htj2k,
        HTJ2K: _htj2k,
        JPEG_XL_LOSSLESS: _jpeg_xl,
        JPEG_XL: _jpeg_xl,
        RLE_LOSSLESS: _rle,
        DEFLATED_FRAMES: _deflated,
    }
)
