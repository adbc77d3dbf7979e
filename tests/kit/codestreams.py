"""Codestreams of every format that DICOM knows, written by hand, with a name in every place that can hold text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.core.rewrite.codestream.transport import _crc

TEXT: Final = b"SMITH^JOHN 1970-01-02"
SYNTAX: Final = "1.2.840.10008.1.2.4."
JPEG, JPEG_LS, JPEG_2000, JPEG_XL = (SYNTAX + last for last in ("50", "80", "90", "110"))
MPEG2, H264, H265 = (SYNTAX + last for last in ("100", "102", "107"))
RLE: Final = "1.2.840.10008.1.2.5"
ICC: Final = b"ICC_PROFILE\0\1\1" + TEXT
_SCAN = b"\x11\xff\x00\x22\xff\xd0\x33"


@dataclass(frozen=True, slots=True)
class Planted:
    """A codestream and its Transfer Syntax."""

    syntax: str
    data: bytes


def segment(code: int, content: bytes) -> bytes:
    """Write a marker segment of JPEG or JPEG 2000."""
    return bytes([0xFF, code]) + (2 + len(content)).to_bytes(2, "big") + content


def jpeg(*before: bytes, between: bytes = b"", after: bytes = b"") -> bytes:
    """Write an image of two scans, with segments before, between and after them."""
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + _SCAN
    return b"\xff\xd8" + b"".join(before) + segment(0xC2, bytes(9)) + scan + between + scan + b"\xff\xd9" + after


def tile(*before: bytes, data: bytes = b"packets \xff\x7f", sized: bool = True) -> bytes:
    """Write a tile-part of JPEG 2000."""
    body = b"".join(before) + b"\xff\x93" + data
    return segment(0x90, b"\0\0" + ((12 + len(body)) * sized).to_bytes(4, "big") + b"\0\1") + body


def jpeg2000(*before: bytes, tiles: bytes | None = None, after: bytes = b"") -> bytes:
    """Write a codestream of JPEG 2000."""
    body = tile() if tiles is None else tiles
    return b"\xff\x4f" + segment(0x51, bytes(38)) + b"".join(before) + body + b"\xff\xd9" + after


def box(kind: bytes, content: bytes, *, form: str = "") -> bytes:
    """Write a box; ``long``: with a size of 64 bits, ``open``: up to the end."""
    if form == "long":
        return b"\0\0\0\1" + kind + (16 + len(content)).to_bytes(8, "big") + content
    return ((8 + len(content)) * (form != "open")).to_bytes(4, "big") + kind + content


def jp2(*boxes: bytes, header: bytes = b"", after: bytes = b"") -> bytes:
    """Write a JP2 file."""
    image = box(b"ihdr", b"\0\0\0\1\0\0\0\1\0\3\7\7\0\0") + (header or box(b"colr", b"\1\0\0\0\0\0\x10"))
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", image) + b"".join(boxes) + box(b"jp2c", jpeg2000()) + after


def jxl(*boxes: bytes) -> bytes:
    """Write a JPEG XL file."""
    start = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    return start + b"".join(boxes) + box(b"jxlc", b"\xff\x0apixels")


def rle(*, unused: bytes = bytes(56), gap: bytes = b"") -> bytes:
    """Write a frame of one RLE segment."""
    return b"\1\0\0\0" + (64 + len(gap)).to_bytes(4, "little") + unused[:56].ljust(56, b"\0") + gap + b"\1ab\xffc"


def units(*contents: bytes) -> bytes:
    """Write units behind start codes."""
    return b"".join(b"\0\0\0\1" + content for content in contents)


def sei(*messages: tuple[int, bytes]) -> bytes:
    """Write supplemental enhancement information, without the header of its unit."""
    return b"".join(bytes([kind, len(content)]) + content for kind, content in messages) + b"\x80"


USER: Final = (5, bytes(range(0x21, 0x31)) + TEXT)
RECOVERY: Final = (6, b"\xc4")
AVC: Final = b"\x67params", b"\x68more", b"\x65slice\0\0\3\1", b"\x41slice"
HEVC: Final = b"\x40\1params", b"\x42\1more", b"\x26\1slice\0\0\3\1", b"\2\1slice"
MPEG: Final = b"\xb3sequence", b"\xb5\x11extension", b"\0picture", b"\1slice", b"\xafslice"


def pes(stream: int, content: bytes, *, flags: bytes = b"\x80\x80\x05", stamps: bytes = b"\x21\0\1\0\1") -> bytes:
    """Write a packet of an elementary stream."""
    size = len(flags) + len(stamps) + len(content)
    return b"\0\0\1" + bytes([stream]) + size.to_bytes(2, "big") + flags + stamps + content


def program(*packets: bytes) -> bytes:
    """Write a program stream."""
    pack = b"\0\0\1\xba\x44\0\4\0\4\1\0\0\3\xf8"
    system = b"\0\0\1\xbb\0\6\x80\0\1\4\xe1\x7f"
    return b"".join([pack, system, *packets, b"\0\0\1\xb9"])


def packet(pid: int, payload: bytes, *, begins: bool = False, adaptation: bytes | None = None) -> bytes:
    """Write a packet of a transport stream, filled up with stuffing."""
    room = 184 - len(payload)
    if adaptation is None and not room:
        field = b""
    elif room == 1:
        field = b"\0"
    else:
        field = bytes([room - 1]) + (adaptation or b"\0").ljust(room - 1, b"\xff")
    head = (begins << 14 | pid).to_bytes(2, "big") + bytes([0x30 if field else 0x10])
    return b"\x47" + head + field + payload


def packets(pid: int, data: bytes) -> Iterator[bytes]:
    """Write one PES packet into packets of a transport stream."""
    for at in range(0, len(data), 184):
        yield packet(pid, data[at : at + 184], begins=not at)


def section(table: int, content: bytes) -> bytes:
    """Write a section of a program table, stuffed."""
    body = bytes([table]) + (0xB000 | 9 + len(content)).to_bytes(2, "big") + b"\0\1\xc1\0\0" + content
    return (b"\0" + body + _crc(bytearray(body)).to_bytes(4, "big")).ljust(184, b"\xff")


def program_map(*streams: tuple[int, int], descriptors: bytes = b"", of_stream: bytes = b"") -> bytes:
    """Write a program map of streams (kind, PID)."""
    listed = [
        bytes([kind]) + (0xE000 | pid).to_bytes(2, "big") + (0xF000 | len(of_stream)).to_bytes(2, "big") + of_stream
        for kind, pid in streams
    ]
    content = b"\xe1\0" + (0xF000 | len(descriptors)).to_bytes(2, "big") + descriptors + b"".join(listed)
    return packet(0x1000, section(2, content), begins=True)


PROGRAMS: Final = packet(0, section(0, b"\0\1\xf0\0"), begins=True)


def transport(*parts: bytes, lead: bytes = b"", tables: bytes | None = None) -> bytes:
    """Write a transport stream of H.264 (PID 256) and AAC (PID 257)."""
    body = PROGRAMS + (program_map((0x1B, 256), (0x0F, 257)) if tables is None else tables) + b"".join(parts)
    return b"".join(lead + body[at : at + 188] for at in range(0, len(body), 188))


def sized(*contents: bytes) -> bytes:
    """Write units behind their sizes."""
    return b"".join(len(content).to_bytes(4, "big") + content for content in contents)


def full(kind: bytes, content: bytes) -> bytes:
    """Write a box with version and flags."""
    return box(kind, bytes(4) + content)


def _table(kind: bytes, *numbers: int, count: int, lead: bytes = b"") -> bytes:
    return full(kind, lead + count.to_bytes(4, "big") + b"".join(number.to_bytes(4, "big") for number in numbers))


def video_entry(kind: bytes = b"avc1", *, configuration: bytes = b"", name: bytes = b"") -> bytes:
    """Write a sample entry of video."""
    set_up = configuration or box(b"avcC", b"\1\x64\0\x28\xff\xe0\0")
    return box(kind, bytes(42) + name.ljust(32, b"\0") + bytes(4) + set_up)


AUDIO_ENTRY: Final = box(b"mp4a", bytes(28) + full(b"esds", b"config"))


def _samples(chunks: Sequence[tuple[int, Sequence[int]]], *, wide: bool, same: bool) -> bytes:
    """Write where samples are and how long; ``same``: one size for all."""
    sizes = [size for _, of_chunk in chunks for size in of_chunk]
    runs: list[int] = []
    for number, (_, of_chunk) in enumerate(chunks, 1):
        if not runs or runs[-2] != len(of_chunk):
            runs += [number, len(of_chunk), 1]
    offsets = b"".join(offset.to_bytes(8 if wide else 4, "big") for offset, _ in chunks)
    return (
        _table(b"stsc", *runs, count=len(runs) // 3)
        + _table(b"stsz", *([] if same else sizes), count=len(sizes), lead=(sizes[0] * same).to_bytes(4, "big"))
        + full(b"co64" if wide else b"stco", len(chunks).to_bytes(4, "big") + offsets)
    )


def track(kind: bytes, entry: bytes, samples: bytes, *, name: bytes = b"", url: bytes = b"") -> bytes:
    """Write a track."""
    references = box(b"dinf", full(b"dref", b"\0\0\0\1" + full(b"url ", url)))
    handler = full(b"hdlr", bytes(4) + kind + bytes(12) + name + b"\0")
    media = box(b"minf", references + box(b"stbl", full(b"stsd", b"\0\0\0\1" + entry) + samples))
    return box(b"trak", full(b"tkhd", bytes(80)) + box(b"mdia", full(b"mdhd", bytes(20)) + handler + media))


FTYP: Final = box(b"ftyp", b"isom\0\0\2\0isomavc1")


def mp4(
    video: bytes = sized(*AVC),
    *boxes: bytes,
    entry: bytes | None = None,
    audio: bytes = b"audio",
    other: bytes = b"",
    gap: bytes = b"",
    name: bytes = b"",
    url: bytes = b"",
    times: bytes = bytes(8),
    moov_last: bool = False,
    own: bytes = b"",
    chunks: Sequence[int] = (1,),
    wide: bool = False,
    same: bool = False,
) -> bytes:
    """Write a file of a video track, and unless its index is last, of sound and of something else.

    ``chunks``: how many samples, each a whole ``video``, are in each chunk.
    """
    size = len(video)
    video *= sum(chunks)

    def index(at: int) -> bytes:
        placed = [(at + size * sum(chunks[:number]), [size] * count) for number, count in enumerate(chunks)]
        samples = _samples(placed, wide=wide, same=same)
        tracks = track(b"vide", entry or video_entry(), samples, name=name, url=url)
        if audio and not moov_last:
            sound, text = at + len(video), at + len(video + audio + gap)
            tracks += track(b"soun", AUDIO_ENTRY, _samples([(sound, [len(audio)])], wide=wide, same=same))
            tracks += track(b"text", box(b"tx3g", TEXT), _samples([(text, [len(other)])], wide=wide, same=same))
        return box(b"moov", full(b"mvhd", times + bytes(88)) + tracks + own)

    if moov_last:
        return FTYP + box(b"mdat", video) + index(len(FTYP) + 8) + b"".join(boxes)
    before = FTYP + b"".join(boxes)
    media = box(b"mdat", video + audio + gap + other)
    return before + index(len(before) + len(index(0)) + 8) + media


def _hevc_configuration(*declared: bytes) -> bytes:
    arrays = b"".join(b"\xa7\0\1" + len(one).to_bytes(2, "big") + one for one in declared)
    return box(b"hvcC", b"\1".ljust(21, b"\0") + b"\3" + bytes([len(declared)]) + arrays)


_SEI = b"\x06" + sei(USER)
_HEVC_SEI = b"\x4e\1" + sei(USER)
_ES = units(_SEI, *AVC)

PLACES: Final[Mapping[str, Planted]] = MappingProxyType(
    {
        "JPEG COM": Planted(JPEG, jpeg(segment(0xFE, TEXT))),
        "JPEG COM between scans": Planted(JPEG, jpeg(between=segment(0xFE, TEXT))),
        "JPEG EXIF": Planted(JPEG, jpeg(segment(0xE1, b"Exif\0\0II*\0" + TEXT))),
        "JPEG XMP": Planted(JPEG, jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + TEXT))),
        "JPEG ICC": Planted(JPEG, jpeg(segment(0xE2, ICC))),
        "JPEG MPF": Planted(JPEG, jpeg(segment(0xE2, b"MPF\0" + TEXT))),
        "JPEG Photoshop": Planted(JPEG, jpeg(segment(0xED, b"Photoshop 3.0\0" + TEXT))),
        "JPEG JFIF thumbnail": Planted(JPEG, jpeg(segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\1\7" + TEXT))),
        "JPEG JFXX": Planted(JPEG, jpeg(segment(0xE0, b"JFXX\0\x10" + TEXT))),
        "JPEG Adobe": Planted(JPEG, jpeg(segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + TEXT))),
        "JPEG not Adobe": Planted(JPEG, jpeg(segment(0xEE, TEXT))),
        "JPEG APP15": Planted(JPEG, jpeg(segment(0xEF, TEXT))),
        "JPEG JPG13": Planted(JPEG, jpeg(segment(0xFD, TEXT))),
        "JPEG between segments": Planted(JPEG, jpeg(TEXT)),
        "JPEG after EOI": Planted(JPEG, jpeg(after=TEXT)),
        "JPEG a second image": Planted(JPEG, jpeg(after=jpeg(segment(0xFE, TEXT)))),
        "JPEG-LS COM": Planted(JPEG_LS, jpeg(segment(0xFE, TEXT), segment(0xF7, b"frame"))),
        "JPEG-LS SPIFF": Planted(JPEG_LS, jpeg(segment(0xE8, b"SPIFF\0" + TEXT))),
        "JPEG-LS mrfx": Planted(JPEG_LS, jpeg(segment(0xE8, b"mrfx\1" + TEXT))),
        "JPEG 2000 COM": Planted(JPEG_2000, jpeg2000(segment(0x64, b"\0\1" + TEXT))),
        "JPEG 2000 COM of a tile": Planted(JPEG_2000, jpeg2000(tiles=tile(segment(0x64, b"\0\1" + TEXT)))),
        "JPEG 2000 COM of the second tile": Planted(
            JPEG_2000, jpeg2000(tiles=tile() + tile(segment(0x64, b"\0\1" + TEXT), sized=False))
        ),
        "JPEG 2000 unknown segment": Planted(JPEG_2000, jpeg2000(segment(0x6F, TEXT))),
        "JPEG 2000 after EOC": Planted(JPEG_2000, jpeg2000(after=TEXT)),
        "JPEG 2000 after EOC of an open tile": Planted(JPEG_2000, jpeg2000(tiles=tile(sized=False), after=TEXT)),
        "JP2 COM": Planted(JPEG_2000, jp2() + box(b"jp2c", jpeg2000(segment(0x64, b"\0\1" + TEXT)))),
        "JP2 after EOC": Planted(JPEG_2000, jp2() + box(b"jp2c", jpeg2000(after=TEXT))),
        "JP2 xml": Planted(JPEG_2000, jp2(box(b"xml ", TEXT))),
        "JP2 uuid": Planted(JPEG_2000, jp2(box(b"uuid", bytes(16) + TEXT, form="long"))),
        "JP2 uinf": Planted(JPEG_2000, jp2(box(b"uinf", box(b"url ", TEXT)))),
        "JP2 jp2i": Planted(JPEG_2000, jp2(box(b"jp2i", TEXT))),
        "JP2 asoc": Planted(JPEG_2000, jp2(box(b"asoc", box(b"lbl ", TEXT)))),
        "JP2 label in the header": Planted(JPEG_2000, jp2(header=box(b"lbl ", TEXT))),
        "JP2 ICC": Planted(JPEG_2000, jp2(header=box(b"colr", b"\2\0\0" + TEXT))),
        "JP2 enumerated colour": Planted(JPEG_2000, jp2(header=box(b"colr", b"\1\0\0\0\0\0\x10" + bytes(28) + TEXT))),
        "JP2 free": Planted(JPEG_2000, jp2(box(b"free", TEXT))),
        "JP2 end": Planted(JPEG_2000, jp2(after=box(b"xml ", TEXT, form="open"))),
        "JP2 cut": Planted(JPEG_2000, jp2(after=TEXT[:7])),
        "JPEG XL Exif": Planted(JPEG_XL, jxl(box(b"Exif", TEXT))),
        "JPEG XL xml": Planted(JPEG_XL, jxl(box(b"xml ", TEXT))),
        "JPEG XL jumb": Planted(JPEG_XL, jxl(box(b"jumb", TEXT))),
        "JPEG XL brob": Planted(JPEG_XL, jxl(box(b"brob", b"Exif" + TEXT))),
        "JPEG XL jbrd": Planted(JPEG_XL, jxl(box(b"jbrd", TEXT))),
        "RLE unused offsets": Planted(RLE, rle(unused=TEXT)),
        "RLE before the segments": Planted(RLE, rle(gap=TEXT)),
        "MPEG-2 user data": Planted(MPEG2, units(*MPEG[:3], b"\xb2" + TEXT, *MPEG[3:])),
        "MPEG-2 copyright": Planted(MPEG2, units(*MPEG[:3], b"\xb5\x40" + TEXT, *MPEG[3:])),
        "MPEG-2 reserved": Planted(MPEG2, units(*MPEG, b"\xb0" + TEXT)),
        "MPEG-2 after the end": Planted(MPEG2, units(*MPEG, b"\xb7" + TEXT)),
        "program stream user data": Planted(MPEG2, program(pes(0xE0, units(*MPEG, b"\xb2" + TEXT)))),
        "program stream split user data": Planted(
            MPEG2, program(pes(0xE0, units(*MPEG, b"\xb2user")), pes(0xC0, b"audio"), pes(0xE0, TEXT))
        ),
        "program stream private data": Planted(MPEG2, program(pes(0xE0, units(*MPEG)), pes(0xBD, TEXT))),
        "program stream map": Planted(MPEG2, program(pes(0xBC, TEXT, flags=b"", stamps=b""), pes(0xE0, units(*MPEG)))),
        "program stream padding": Planted(MPEG2, program(pes(0xBE, TEXT, flags=b"", stamps=b""))),
        "program stream packet header": Planted(
            MPEG2,
            program(
                pes(0xE0, units(*MPEG), flags=b"\x80\x81" + bytes([6 + len(TEXT)]), stamps=b"\x21\0\1\0\1\x80" + TEXT)
            ),
        ),
        "program stream between packets": Planted(MPEG2, program(TEXT, pes(0xE0, units(*MPEG)))),
        "transport stream SEI": Planted(H264, transport(*packets(256, pes(0xE0, _ES)))),
        "transport stream long SEI": Planted(
            H264, transport(*packets(256, pes(0xE0, units(b"\x06" + sei(*[(5, bytes(16) + TEXT)] * 20), *AVC))))
        ),
        "transport stream of BD": Planted(H264, transport(*packets(256, pes(0xE0, _ES)), lead=b"\0\1\2\3")),
        "transport stream service": Planted(H264, transport(packet(0x11, section(0x42, TEXT), begins=True))),
        "transport stream private stream": Planted(
            H264, transport(*packets(300, pes(0xBD, TEXT)), tables=program_map((0x06, 300)))
        ),
        "transport stream descriptor": Planted(
            H264, transport(tables=program_map((0x1B, 256), descriptors=b"\x1d" + bytes([len(TEXT)]) + TEXT))
        ),
        "transport stream registration": Planted(
            H264,
            transport(tables=program_map((0x1B, 256), of_stream=b"\x05" + bytes([4 + len(TEXT)]) + b"HDMV" + TEXT)),
        ),
        "transport stream after a table": Planted(
            H264, transport(PROGRAMS[: -len(TEXT)] + TEXT, *packets(256, pes(0xE0, units(*AVC))))
        ),
        "transport stream adaptation": Planted(
            H264, transport(packet(256, b"", adaptation=b"\x02" + bytes([len(TEXT)]) + TEXT))
        ),
        "transport stream packet header": Planted(
            H264,
            transport(*packets(256, pes(0xE0, b"", flags=b"\x80\x01" + bytes([1 + len(TEXT)]), stamps=b"\x80" + TEXT))),
        ),
        "transport stream cut": Planted(H264, transport(packet(256, TEXT))),
        "H.264 user data": Planted(H264, _ES),
        "H.264 registered user data": Planted(H264, units(b"\x06" + sei((4, TEXT), RECOVERY, (4, TEXT)), *AVC)),
        "H.264 overlong picture timing": Planted(H264, units(b"\x06" + sei((1, TEXT * 2)), *AVC)),
        "H.264 text for messages": Planted(H264, units(b"\x06" + TEXT, *AVC)),
        "H.264 UTF-16 for messages": Planted(H264, units(b"\x06" + TEXT.decode().encode("utf-16-le"), *AVC)),
        "H.264 filler": Planted(H264, units(*AVC, b"\x0c" + TEXT)),
        "H.264 unspecified": Planted(H264, units(*AVC, b"\x18" + TEXT)),
        "H.264 after the end": Planted(H264, units(*AVC, b"\x0b" + TEXT)),
        "H.265 user data": Planted(H265, units(_HEVC_SEI, *HEVC)),
        "H.265 suffix": Planted(H265, units(*HEVC, b"\x50\1" + sei(USER))),
        "H.265 unspecified": Planted(H265, units(*HEVC, b"\x7e\1" + TEXT)),
        "MP4 SEI": Planted(H264, mp4(sized(_SEI, *AVC))),
        "MP4 SEI, index last": Planted(H264, mp4(sized(_SEI, *AVC), moov_last=True)),
        "MP4 H.265 SEI": Planted(
            H265, mp4(sized(_HEVC_SEI, *HEVC), entry=video_entry(b"hvc1", configuration=_hevc_configuration()))
        ),
        "MP4 H.265 configuration": Planted(
            H265, mp4(sized(*HEVC), entry=video_entry(b"hvc1", configuration=_hevc_configuration(_HEVC_SEI)))
        ),
        "MP4 udta": Planted(H264, mp4(own=box(b"udta", box(b"\xa9nam", TEXT)))),
        "MP4 meta": Planted(H264, mp4(own=full(b"meta", TEXT))),
        "MP4 uuid": Planted(H264, mp4(sized(*AVC), box(b"uuid", bytes(16) + TEXT))),
        "MP4 free": Planted(H264, mp4(sized(*AVC), box(b"free", TEXT))),
        "MP4 handler": Planted(H264, mp4(name=TEXT)),
        "MP4 compressor": Planted(H264, mp4(entry=video_entry(name=TEXT))),
        "MP4 times": Planted(H264, mp4(times=TEXT[:8])),
        "MP4 location": Planted(H264, mp4(url=TEXT)),
        "MP4 ICC": Planted(
            H264,
            mp4(
                entry=video_entry(configuration=box(b"avcC", b"\1\x64\0\x28\xff\xe0\0") + box(b"colr", b"prof" + TEXT))
            ),
        ),
        "MP4 text track": Planted(H264, mp4(other=TEXT)),
        "MP4 unused bytes": Planted(H264, mp4(gap=TEXT)),
        "MP4 end": Planted(H264, mp4() + TEXT[:5]),
    }
)
"""TEXT in every place: the whole codestream is valid otherwise."""
