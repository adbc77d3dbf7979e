"""Small ultrasound pictures: eight by eight pixels, of which columns 2 to 7 of rows 4 to 7, the region, stay."""

from collections.abc import Sequence
from typing import Final

from gateway.core.mask.model import FrameWork
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.part10 import Part10Rewriter
from gateway.core.wire.elements import EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.kit.engine import KEYS, profile

ULTRASOUND: Final = b"1.2.840.10008.5.1.4.1.1.6.1"
CORNERS: Final = (2, 4, 7, 7)
END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"
Elements = dict[int, tuple[str, bytes]]


def masking(name: str = "clean-pixel-data") -> Engine:
    """Make an engine of a shipped profile."""
    return Engine(profile(name), KEYS)


def us(value: int, encoding: Encoding = EXPLICIT_LE) -> bytes:
    """Encode a short number."""
    return encoding.u16.pack(value)


def regions(
    encoding: Encoding = EXPLICIT_LE, corners: Sequence[int] = CORNERS, *, undefined: bool = False, vr: str = "SQ"
) -> bytes:
    """Write Sequence of Ultrasound Regions with one item."""
    inner = IMPLICIT_LE if vr == "UN" else encoding
    tags = (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)
    item = b"".join(inner.make(tag, "UL", inner.u32.pack(value)) for tag, value in zip(tags, corners, strict=False))
    if not undefined:
        return encoding.make(0x00186011, vr, inner.tag(0xFFFEE000) + inner.u32.pack(len(item)) + item)
    open_ended = b"\xff\xff\xff\xff"
    value = inner.tag(0xFFFEE000) + open_ended + item + inner.tag(0xFFFEE00D) + bytes(4)
    head = encoding.tag(0x00186011) + (vr.encode() + b"\0\0" if encoding.explicit else b"")
    return head + open_ended + value + inner.tag(0xFFFEE0DD) + bytes(4)


def picture(
    pixels: bytes,
    encoding: Encoding = EXPLICIT_LE,
    *,
    frames: int = 1,
    changes: Elements | None = None,
    where: bytes | None = None,
    without: Sequence[int] = (),
    sop_class: bytes = ULTRASOUND,
) -> bytes:
    """Write a data set that ends with ``pixels``, encoded elements."""
    elements: Elements = {
        0x00080008: ("CS", b"ORIGINAL\\PRIMARY"),
        0x00080016: ("UI", sop_class),
        0x00080018: ("UI", b"1.2.3"),
        0x00100020: ("LO", b"P1"),
        0x00186011: ("SQ", b""),
        0x0020000D: ("UI", b"1.2"),
        0x0020000E: ("UI", b"1.4"),
        0x00280002: ("US", us(1, encoding)),
        0x00280004: ("CS", b"MONOCHROME2"),
        0x00280008: ("IS", str(frames).encode()),
        0x00280010: ("US", us(8, encoding)),
        0x00280011: ("US", us(8, encoding)),
        0x00280100: ("US", us(8, encoding)),
        0x00280101: ("US", us(8, encoding)),
        0x00280102: ("US", us(7, encoding)),
        0x00280103: ("US", us(0, encoding)),
    } | (changes or {})
    written = {tag: encoding.make(tag, vr, value) for tag, (vr, value) in elements.items() if tag not in without}
    if 0x00186011 in written:
        written[0x00186011] = regions(encoding) if where is None else where
    return b"".join(written[tag] for tag in sorted(written)) + pixels


def native(frames: int = 1, encoding: Encoding = EXPLICIT_LE) -> bytes:
    """Write pixels that are all different in a frame, none of them black."""
    return encoding.make(0x7FE00010, "OB", bytes(range(1, 65)) * frames)


def item(value: bytes) -> bytes:
    """Write one fragment."""
    return b"\xfe\xff\x00\xe0" + len(value).to_bytes(4, "little") + value


def encapsulated(*fragments: bytes, table: bytes = b"") -> bytes:
    """Write encapsulated pixel data."""
    head = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"
    return head + item(table) + b"".join(map(item, fragments)) + END


def blanked(frame: bytes, stays: bytes = b"") -> bytes:
    """Return a frame of which nothing but the region stays."""
    return b"".join(
        (stays or frame)[at : at + 1] if at % 8 >= 2 and at // 8 >= 4 else b"\0" for at in range(len(frame))
    )


def finished(rewriter: Part10Rewriter, data: bytes, step: int, works: list[FrameWork] | None = None) -> bytes:
    """Feed an object in pieces of one size; a frame of work becomes what its codestream was, in brackets."""
    out: list[bytes] = []
    chunks = [data[at : at + step] for at in range(0, len(data), step)]
    for pieces in (*map(rewriter.pieces, chunks), None):
        for one in rewriter.last_pieces() if pieces is None else pieces:
            if isinstance(one, FrameWork):
                out.append(one.finish(b"[" + one.data + b"]"))
                if works is not None:
                    works.append(one)
            else:
                out.append(bytes(one))
    return b"".join(out)
