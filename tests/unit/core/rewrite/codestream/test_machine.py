"""The cleaner over fragments: where codestreams begin, and bytes that wait while a fragment ends."""

from itertools import pairwise

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import CodestreamCleaner, cleaner
from gateway.core.rewrite.codestream.ops import Parser, Put, Take
from tests.kit.codestreams import H264, JPEG, JPEG_2000, PLACES, RLE, TEXT, jp2, jpeg, jpeg2000, rle, segment

COMMENT = segment(0xFE, TEXT)
SPACES = segment(0xFE, b" " * len(TEXT))


def through(syntax: str, *fragments: bytes) -> list[bytes]:
    """Clean fragments; what leaves is cut where the headers between them leave."""
    one = cleaner(syntax, keeps_icc=False)
    assert one
    out = [one.fragment(b"<item>")]
    for fragment in fragments:
        out += [bytes(one.feed(fragment)), one.fragment(b"<item>")]
    return (b"".join(out) + one.end()).split(b"<item>")[1:-1]


def test_each_fragment_may_be_a_frame() -> None:
    assert through(JPEG, jpeg(COMMENT), jpeg(COMMENT) + b"\0", jpeg(COMMENT)) == [
        jpeg(SPACES),
        jpeg(SPACES) + b"\0",
        jpeg(SPACES),
    ]
    assert through(RLE, rle(unused=TEXT), rle(unused=TEXT)) == [rle(), rle()]


@pytest.mark.parametrize("cut", range(4, len(jpeg(COMMENT)) - 1))
def test_a_frame_may_be_cut_into_fragments_anywhere(cut: int) -> None:
    image, clean = jpeg(COMMENT, segment(0xE0, TEXT)), jpeg(SPACES, segment(0xE0, bytes(len(TEXT))))
    assert through(JPEG, image[:cut], image[cut:], image) == [clean[:cut], clean[cut:], clean]


@pytest.mark.parametrize("cut", range(13, len(PLACES["JP2 uuid"].data)))
def test_so_may_a_file_whose_headers_wait(cut: int) -> None:
    file = PLACES["JP2 uuid"].data
    clean = through(JPEG_2000, file)[0]
    assert through(JPEG_2000, file[:cut], file[cut:], file) == [clean[:cut], clean[cut:], clean]


def test_headers_of_several_fragments_keep_their_places_between_bytes_that_wait() -> None:
    file = PLACES["JP2 xml"].data
    at = file.index(b"xml ")
    cuts = [0, at - 3, at - 2, at, at + 1, at + 3, len(file)]
    fragments = [file[a:b] for a, b in pairwise(cuts)]
    clean = through(JPEG_2000, file)[0]
    assert through(JPEG_2000, *fragments) == [clean[a:b] for a, b in pairwise(cuts)]


def test_a_clip_goes_on_over_fragments() -> None:
    clip = PLACES["H.264 user data"].data
    clean = through(H264, clip)[0]
    for cut in range(8, len(clip)):
        assert through(H264, clip[:cut], clip[cut:]) == [clean[:cut], clean[cut:]]


def test_a_frame_that_was_cut_ends_where_another_begins() -> None:
    assert through(JPEG, jpeg()[:-2], jpeg(COMMENT)) == [jpeg()[:-2], jpeg(SPACES)]
    cut = jpeg2000()[:-12]
    assert through(JPEG_2000, cut, jpeg2000(segment(0x64, TEXT))) == [cut, jpeg2000(segment(0x64, bytes(len(TEXT))))]
    file = jp2()[:-40] + b"\0\0\1"
    assert through(JPEG_2000, file, jp2())[1] == jp2()


def test_empty_fragments_and_odd_pieces_do_not_matter() -> None:
    assert through(JPEG, b"", jpeg(COMMENT), b"", jpeg(COMMENT), b"") == [b"", jpeg(SPACES), b"", jpeg(SPACES), b""]
    one = cleaner(JPEG, keeps_icc=False)
    assert one
    assert one.end() == b""


@pytest.mark.parametrize("syntax", [JPEG, JPEG_2000])
def test_a_fragment_after_a_whole_frame_must_begin_another(syntax: str) -> None:
    frame = jpeg() if syntax == JPEG else jpeg2000()
    with pytest.raises(MalformedInput, match="does not begin as its Transfer Syntax says"):
        through(syntax, frame, TEXT)
    with pytest.raises(MalformedInput, match="does not begin as its Transfer Syntax says"):
        through(syntax, frame, b"S")  # shorter than what it would begin with


def test_a_first_fragment_shorter_than_what_says_the_format_is_malformed() -> None:
    with pytest.raises(MalformedInput):
        through(JPEG, b"S", TEXT)


def test_what_waits_at_the_end_becomes_zeros() -> None:
    def parser(_: bytes) -> Parser:
        yield Put((yield Take(40)))

    one = CodestreamCleaner(parser)
    assert one.feed(TEXT[:8]) == b""
    assert one.fragment(b"<item>") == b""
    assert one.feed(TEXT[8:]) == b""
    assert one.end() == bytes(8) + b"<item>" + bytes(len(TEXT) - 8)


def test_views_are_taken_as_bytes_are() -> None:
    one = cleaner(JPEG, keeps_icc=False)
    assert one
    view = memoryview(jpeg())
    assert one.feed(view) is view
    other = cleaner(JPEG, keeps_icc=False)
    assert other
    assert other.feed(memoryview(jpeg(COMMENT))) == jpeg(SPACES)
