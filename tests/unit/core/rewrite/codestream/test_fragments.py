"""Encapsulated Pixel Data: the offset table, fragments and the delimiter, in pieces."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import Fragments, cleaner
from gateway.core.rewrite.codestream.ops import Piece
from gateway.core.wire.elements import EXPLICIT_LE
from tests.kit.codestreams import JPEG, JPEG_2000, PLACES, TEXT, jpeg, segment
from tests.kit.splits import splits

END = b"\xfe\xff\xdd\xe0\0\0\0\0"
FRAME, CLEAN = jpeg(segment(0xFE, TEXT), after=b"\0"), jpeg(segment(0xFE, b" " * len(TEXT)), after=b"\0")


def item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content


def through(value: bytes, syntax: str = JPEG, *, cleans: bool = True) -> bytes:
    """Walk the value in every chunking; all give the same."""
    released = set()
    for chunks in splits(value):
        fragments = Fragments(EXPLICIT_LE, cleaner(syntax, keeps_icc=False) if cleans else None)
        out: list[Piece] = []
        for chunk in chunks:
            stopped = fragments.feed(chunk, 0, out)
            assert stopped == len(chunk)
        assert fragments.ended
        released.add(b"".join(out))
    assert len(released) == 1
    return released.pop()


def offsets(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def test_fragments_are_cleaned_and_the_offset_table_is_not() -> None:
    table = item(offsets(0, 8 + len(FRAME)))
    assert through(table + item(FRAME) + item(FRAME) + END) == table + item(CLEAN) + item(CLEAN) + END
    unlike = item(FRAME)  # bytes that would become others if they were a frame's
    assert through(unlike + item(FRAME) + END) == item(bytes(len(FRAME))) + item(CLEAN) + END


@pytest.mark.parametrize(
    ("table", "released"),
    [
        (b"", b""),
        (offsets(0), offsets(0)),
        (offsets(*range(0, 1 << 32, 1 << 28)), offsets(*range(0, 1 << 32, 1 << 28))),
        (b"SMITH^JOHN", bytes(10)),
        (offsets(0) + b"SMITH^JOHN", bytes(14)),
        (offsets(0, 100, 200) + b"BILL^MARY", offsets(0, 100, 200) + bytes(9)),
        (offsets(8, 16), bytes(8)),
        (offsets(0, 16, 16, 20), offsets(0, 16, 0, 0)),
        (offsets(0, 16, 12, 20), offsets(0, 16, 0, 0)),
        (offsets(0, 15), offsets(0, 15)),
        (offsets(0, 16) + b"X", offsets(0, 16) + b"\0"),
    ],
)
def test_an_offset_table_holds_offsets_or_zeros(table: bytes, released: bytes) -> None:
    frames = item(FRAME) + END
    assert through(item(table) + frames, cleans=False) == item(released) + frames


def test_a_frame_may_lie_in_several_fragments() -> None:
    value = item(b"") + item(FRAME[:20]) + item(FRAME[20:30]) + item(b"") + item(FRAME[30:]) + END
    assert through(value) == item(b"") + item(CLEAN[:20]) + item(CLEAN[20:30]) + item(b"") + item(CLEAN[30:]) + END


def test_bytes_that_wait_leave_before_the_next_header_and_before_the_delimiter() -> None:
    file = PLACES["JP2 xml"].data
    at = file.index(b"xml ") - 2
    value = item(b"") + item(file[:at]) + item(file[at:]) + END
    clean = through(item(b"") + item(file) + END, JPEG_2000)[16:-8]
    assert through(value, JPEG_2000) == item(b"") + item(clean[:at]) + item(clean[at:]) + END
    assert through(item(b"") + item(file[: at + 3]) + END, JPEG_2000) == item(b"") + item(file[:at] + b"\0\0\0") + END


@pytest.mark.parametrize("value", [END, item(b"") + END, item(b"") + item(b"") + END])
def test_there_may_be_no_frames(value: bytes) -> None:
    assert through(value) == value


def test_without_a_cleaner_fragments_pass_uncopied() -> None:
    value = item(b"") + item(FRAME) + END
    assert through(value, cleans=False) == value
    out: list[Piece] = []
    Fragments(EXPLICIT_LE, None).feed(value, 0, out)
    assert [(type(piece), piece == value) for piece in out] == [(memoryview, True)]


def test_what_does_not_change_passes_uncopied() -> None:
    value = item(b"") + item(CLEAN) + item(CLEAN) + END
    out: list[Piece] = []
    Fragments(EXPLICIT_LE, cleaner(JPEG, keeps_icc=False)).feed(value, 0, out)
    assert [(type(piece), piece == value) for piece in out] == [(memoryview, True)]


def test_it_stops_at_its_end() -> None:
    out: list[Piece] = []
    fragments = Fragments(EXPLICIT_LE, None)
    value = b"before" + item(b"\0\0") + END
    assert fragments.feed(value + b"after", 6, out) == len(value)
    assert b"".join(out) == value[6:]


@pytest.mark.parametrize("wrong", [b"\x28\0\x50\x10DS\2\0", b"\xfe\xff\x00\xe0\xff\xff\xff\xff", END[:4] + b"\2\0\0\0"])
def test_what_is_no_item_is_malformed(wrong: bytes) -> None:
    fragments = Fragments(EXPLICIT_LE, None)
    with pytest.raises(MalformedInput, match=r"a fragment was expected.*\(offset 110\)"):
        fragments.feed(item(b"12") + wrong, 0, [], 100)
