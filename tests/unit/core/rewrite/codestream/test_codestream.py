"""Which Transfer Syntaxes and media types are looked into, and that no place of any format lets text through."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import CodestreamCleaner, cleaner, cleaner_of_media_type
from gateway.core.standard.uids import TRANSFER_SYNTAXES
from tests.kit.codestreams import (
    AVC,
    H264,
    H265,
    HEVC,
    ICC,
    JPEG,
    JPEG_2000,
    JPEG_XL,
    MPEG,
    MPEG2,
    PLACES,
    RLE,
    TEXT,
    jp2,
    jpeg,
    jpeg2000,
    jxl,
    mp4,
    packet,
    program,
    rle,
    segment,
    transport,
    units,
)
from tests.unit.core.rewrite.codestream.streams import cleaned_place, fed, in_every_chunking, passes

NOTHING_TO_CLEAN = {"1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1"}
COMMENT = segment(0xFE, TEXT)
EXPLICIT = "1.2.840.10008.1.2.1"
REFERENCED = {uid for uid, syntax in TRANSFER_SYNTAXES.items() if syntax.name.startswith("JPIP")}
UNCOMPRESSED = {uid for uid, syntax in TRANSFER_SYNTAXES.items() if not syntax.encapsulated} - REFERENCED
UNCOMPRESSED |= NOTHING_TO_CLEAN


@pytest.mark.parametrize("place", PLACES)
def test_text_is_gone_from(place: str) -> None:
    released = cleaned_place(PLACES[place])
    for form in (TEXT, TEXT.decode().encode("utf-16-le")):
        pieces = {form[at : at + 6] for at in range(len(form) - 5)}
        assert not [piece for piece in pieces if piece in released]


@pytest.mark.parametrize("place", PLACES)
def test_what_was_cleaned_stays_as_it_is_when_it_is_cleaned_again(place: str) -> None:
    released = cleaned_place(PLACES[place])
    again = cleaner(PLACES[place].syntax, keeps_icc=False)
    assert again
    assert fed(again, [released]) == released


@pytest.mark.parametrize(
    ("syntax", "data"),
    [
        (JPEG, jpeg()),
        (JPEG_2000, jpeg2000()),
        (JPEG_2000, jp2()),
        (JPEG_XL, jxl()),
        (JPEG_XL, b"\xff\x0a" + TEXT),
        (RLE, rle()),
        (MPEG2, units(*MPEG)),
        (MPEG2, program()),
        (H264, units(*AVC)),
        (H265, units(*HEVC)),
        (H264, transport()),
        (H264, mp4(audio=b"")),
        (H264, mp4(moov_last=True)),
    ],
)
def test_what_has_no_text_passes_untouched_and_uncopied(syntax: str, data: bytes) -> None:
    passes(syntax, data)


@pytest.mark.parametrize("syntax", sorted({planted.syntax for planted in PLACES.values()}))
def test_what_does_not_begin_as_its_transfer_syntax_says_is_malformed(syntax: str) -> None:
    one = cleaner(syntax, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput):
        one.feed(TEXT * 4)


def test_every_encapsulated_transfer_syntax_is_looked_into_but_for_two() -> None:
    looked_into = {uid for uid in TRANSFER_SYNTAXES if cleaner(uid, keeps_icc=False)}
    encapsulated = {uid for uid, syntax in TRANSFER_SYNTAXES.items() if syntax.encapsulated}
    assert looked_into == encapsulated - NOTHING_TO_CLEAN


def of_type(media_type: str, syntax: str = "", *, keeps_icc: bool = False) -> CodestreamCleaner | None:
    return cleaner_of_media_type(media_type, syntax, keeps_icc=keeps_icc)


@pytest.mark.parametrize(
    ("media_type", "place"),
    [
        ("image/jpeg", "JPEG COM"),
        ("image/jls", "JPEG-LS COM"),
        ("image/jp2", "JP2 xml"),
        ("image/jpx", "JPEG 2000 COM"),
        ("image/jphc", "JPEG 2000 COM"),
        ("image/jxl", "JPEG XL Exif"),
        ("image/dicom-rle", "RLE unused offsets"),
        ("video/mpeg", "MPEG-2 user data"),
        ("video/mp4", "MP4 udta"),
        ("video/h265", "H.265 user data"),
    ],
)
@pytest.mark.parametrize("said", ["", EXPLICIT, "own"])
def test_a_media_type_says_what_a_part_is(media_type: str, place: str, said: str) -> None:
    planted = PLACES[place]
    one = of_type(media_type, planted.syntax if said == "own" else said)
    assert one
    assert TEXT not in fed(one, [planted.data])


def test_a_transfer_syntax_says_what_octets_are() -> None:
    for place in ("JPEG COM", "RLE unused offsets", "H.265 user data"):
        one = of_type("application/octet-stream", PLACES[place].syntax)
        assert one
        assert TEXT not in fed(one, [PLACES[place].data])


def test_a_transfer_syntax_says_which_codec_a_clip_has() -> None:
    one = of_type("video/mp4", H265)
    assert one
    assert TEXT not in fed(one, [mp4(PLACES["MP4 H.265 SEI"].data, moov_last=True)[:40], b""])


@pytest.mark.parametrize("syntax", ["", *sorted(UNCOMPRESSED)])
@pytest.mark.parametrize("place", ["JPEG COM", "JPEG 2000 COM", "JP2 xml", "JPEG XL Exif", "MP4 udta"])
def test_octets_that_are_compressed_without_saying_so_are_cleaned_too(place: str, syntax: str) -> None:
    def start() -> CodestreamCleaner:
        one = of_type("application/octet-stream", syntax)
        assert one
        return one

    assert TEXT not in in_every_chunking(start, PLACES[place].data)


@pytest.mark.parametrize("syntax", ["", *sorted(UNCOMPRESSED)])
@pytest.mark.parametrize(
    ("start", "place"),
    [
        (b"\0\0\1\xb3\x14\0\xf0\x14\xff\xff\xe0\x18", "MPEG-2 user data"),
        (b"\0\0\0\1\x67\x42\xc0\x1e\xd9\0", "H.264 user data"),
        (b"\0\0\0\1\x09\xf0", "H.264 user data"),
        (b"\0\0\0\1\x40\1\x0c\1\xff\xff\1\x60", "H.265 user data"),
        (b"\0\0\0\1\x46\1\x10", "H.265 user data"),
    ],
)
def test_clips_that_do_not_say_what_they_are_are_cleaned_too(start: bytes, place: str, syntax: str) -> None:
    one = of_type("application/octet-stream", syntax)
    assert one
    released = fed(one, [start + PLACES[place].data])
    assert TEXT not in released
    assert released.startswith(start)


@pytest.mark.parametrize("lead", [b"", bytes(4)])
def test_transport_streams_that_do_not_say_what_they_are_are_cleaned_too(lead: bytes) -> None:
    clip = transport(packet(256, TEXT), packet(0x11, TEXT), packet(0x12, TEXT), lead=lead)
    assert TEXT in clip
    one = of_type("application/octet-stream")
    assert one
    assert TEXT not in fed(one, [clip])


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\x00 pixels" * 9,
        TEXT * 9,
        bytes(64),
        b"\0\0\0\1" * 9,  # pixels that begin as units do
        b"\0\0\1\xb3" * 9,
        b"\0\0\0\1\x67\0\x67\0" * 9,
        b"%PDF-1.7" * 9,
    ],
)
@pytest.mark.parametrize("syntax", ["", *sorted(UNCOMPRESSED)])
def test_other_octets_pass(octets: bytes, syntax: str) -> None:
    for media_type in ("application/octet-stream", "application/pdf"):
        one = of_type(media_type, syntax)
        assert one
        assert fed(one, [octets]) == octets


@pytest.mark.parametrize("syntax", ["", EXPLICIT])
@pytest.mark.parametrize("item", [b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00", b"\0\0\1\xba"])
def test_octets_in_items_or_packs_are_refused(item: bytes, syntax: str) -> None:
    one = of_type("application/octet-stream", syntax)
    assert one
    with pytest.raises(MalformedInput):
        fed(one, [item + bytes(4) + item + b"\x04\0\0\0" + PLACES["JPEG COM"].data])


@pytest.mark.parametrize("syntax", ["1.2.3", "1.2.840.113619.5.2", *sorted(REFERENCED)])
@pytest.mark.parametrize("media_type", ["application/octet-stream", "application/pdf"])
def test_octets_in_a_transfer_syntax_that_has_none_are_refused(media_type: str, syntax: str) -> None:
    with pytest.raises(MalformedInput):
        of_type(media_type, syntax)


@pytest.mark.parametrize(("media_type", "syntax"), [("image/jpeg", ""), ("application/octet-stream", JPEG)])
def test_a_colour_profile_stays_where_the_profile_keeps_its_attribute(media_type: str, syntax: str) -> None:
    image = jpeg(segment(0xE2, ICC), COMMENT)
    one = of_type(media_type, syntax, keeps_icc=True)
    assert one
    assert fed(one, [image]) == jpeg(segment(0xE2, ICC), segment(0xFE, b" " * len(TEXT)))
