"""A data set in pieces: what is held, what is counted off, where the marks go, and Pixel Data."""

import itertools
import tracemalloc
from typing import Any

import pytest

from gateway.core.errors import LimitExceeded, MalformedInput, RefusedByProfile
from gateway.core.rewrite import marks, runs, stream
from gateway.core.rewrite.dataset import DataSetWalker, Piece
from gateway.core.rewrite.stream import Limits
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.kit.splits import splits
from tests.unit.core.rewrite.objects import (
    CT,
    PSEUDONYM,
    data_set_rewriter,
    engine,
    feed,
    head,
    plain,
    released,
    released_head,
    uid,
    walk,
)

ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]
WINDOW = b"\x28\0\x50\x10DS\2\0" + b"40"  # (0028,1050), kept
END_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"
PIXELS = b"\xe0\x7f\x10\0OW\0\0\x0c\0\0\0" + b"SMITH^JOHN12"  # (7FE0,0010): nobody looks into it
SIGNATURE = b"\xfa\xff\xfa\xffSQ\0\0\0\0\0\0"  # (FFFA,FFFA) Digital Signatures Sequence, removed
REMOVED = b"\x40\0\x75\x02SQ\0\0"  # (0040,0275) Request Attributes Sequence
PRIVATE_AFTER = b"\xe1\x7f\x10\0LO\4\0" + b"ACME"
OFFSETS = b"\xfe\xff\x00\xe0\0\0\0\0"  # an empty Basic Offset Table
FRAGMENT = b"\xfe\xff\x00\xe0\x08\0\0\0" + END_SEQUENCE  # its bytes look like a delimiter
ENCAPSULATED = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + OFFSETS + FRAGMENT + FRAGMENT + END_SEQUENCE


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PIXELS, PIXELS),
        (WINDOW + PIXELS, WINDOW + PIXELS),
        (PIXELS + SIGNATURE, PIXELS),
        (PIXELS + PRIVATE_AFTER + SIGNATURE, PIXELS),
        (PIXELS + WINDOW, PIXELS + WINDOW),  # out of order, yet not looked at less
        (PIXELS + b"\x40\0\x23\xa1PN\2\0" + b"AB", PIXELS + b"\x40\0\x23\xa1PN\x0a\0" + b"ANONYMOUS "),
        (ENCAPSULATED, ENCAPSULATED),
        (ENCAPSULATED + SIGNATURE, ENCAPSULATED),
        (ENCAPSULATED + WINDOW, ENCAPSULATED + WINDOW),
        (
            b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + END_SEQUENCE,
            b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + END_SEQUENCE,
        ),
        (b"\xe0\x7f\x10\0OW\0\0\0\0\0\0" + SIGNATURE, b"\xe0\x7f\x10\0OW\0\0\0\0\0\0"),
        (b"\xe0\x7f\x08\0OF\0\0\4\0\0\0" + b"1234", b"\xe0\x7f\x08\0OF\0\0\4\0\0\0" + b"1234"),  # Float Pixel Data
        (b"\xe0\x7f\x09\0OD\0\0\x08\0\0\0" + b"12345678", b"\xe0\x7f\x09\0OD\0\0\x08\0\0\0" + b"12345678"),
    ],
)
def test_pixel_data_passes_untouched_and_what_follows_is_looked_at(body: bytes, expected: bytes) -> None:
    assert released(body) == expected


def test_native_pixel_data_passes_in_the_other_encodings() -> None:
    native = b"\xe0\x7f\x10\0\4\0\0\0" + b"1234"
    assert released(native, encoding=IMPLICIT_LE) == native
    native = b"\x7f\xe0\0\x10OW\0\0\0\0\0\4" + b"1234"
    assert released(native, encoding=EXPLICIT_BE) == native


@pytest.mark.parametrize(
    "body",
    [
        ENCAPSULATED[: -len(END_SEQUENCE)],  # without its end
        ENCAPSULATED[:-4],
        ENCAPSULATED[:30],
        PIXELS[:-1],
        b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + WINDOW + bytes(8),  # no fragment
        ENCAPSULATED[:12] + b"\x08\0\x05\0OB\0\0",  # no fragment, cut where a longer header goes on
        b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + END_SEQUENCE,
        b"\xe0\x7f\x10\0UT\0\0\xff\xff\xff\xff" + END_SEQUENCE,
    ],
)
def test_pixel_data_that_is_cut_or_no_pixel_data_is_malformed(body: bytes) -> None:
    for chunks in splits(head() + body):
        with pytest.raises(MalformedInput):
            feed(data_set_rewriter(engine()), chunks)


def test_encapsulated_pixel_data_in_implicit_vr_is_malformed() -> None:
    body = b"\xe0\x7f\x10\0\xff\xff\xff\xff" + OFFSETS + END_SEQUENCE
    with pytest.raises(MalformedInput, match="encapsulated pixel data must be OB"):
        feed(data_set_rewriter(engine(), IMPLICIT_LE), [head(IMPLICIT_LE) + body])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "last", [0x00080018, 0x00100040, 0x00120064, 0x00120065, 0x00200013, 0x00280303, 0x00280304, 0x00281050]
)
def test_the_marks_stand_in_the_order_of_their_tags_wherever_the_data_set_ends(encoding: Encoding, last: int) -> None:
    under = engine()
    values = {
        0x00080016: ("UI", CT),
        0x00080018: ("UI", b"1.2.3"),
        0x00100020: ("LO", b"P1"),
        0x00100040: ("CS", b""),
        0x00120064: ("SQ", b""),
        0x00120065: ("LO", b"x"),  # nobody defines it
        0x00200013: ("IS", b"7"),
        0x00280303: ("CS", b"UNMODIFIED"),
        0x00280304: ("UI", b""),
        0x00281050: ("DS", b"40"),
    }
    data_set = b"".join(encoding.make(tag, *value) for tag, value in values.items() if tag <= last)
    first, second, third = marks.elements(under.plan(CT.decode()), encoding, (), "")
    expected = encoding.make(0x00080016, "UI", CT) + encoding.make(0x00080018, "UI", uid("1.2.3"))
    if last >= 0x00100020:
        expected += encoding.make(0x00100020, "LO", PSEUDONYM.encode()) + encoding.make(0x00100040, "CS", b"")
    expected += first + second
    expected += encoding.make(0x00200013, "IS", b"7") if last >= 0x00200013 else b""
    expected += third
    expected += encoding.make(0x00280304, "UI", b"") if last >= 0x00280304 else b""
    expected += encoding.make(0x00281050, "DS", b"40") if last >= 0x00281050 else b""
    assert walk(data_set, under, encoding) == expected


@pytest.mark.parametrize(
    ("options", "earlier", "said"),
    [
        ("", b"UNMODIFIED", b"REMOVED "),
        ("options: [retain_longitudinal_full_dates]\n", b"", b"UNMODIFIED"),
        ("options: [retain_longitudinal_full_dates]\n", b"MODIFIED", b"MODIFIED"),
        ("options: [retain_longitudinal_full_dates]\n", b"REMOVED ", b"REMOVED "),
        ("options: [retain_longitudinal_full_dates]\n", b"SMITH ", b"UNMODIFIED"),
        ("options: [retain_longitudinal_modified_dates]\n", b"UNMODIFIED", b"MODIFIED"),
    ],
)
def test_what_is_said_of_dates_is_never_stronger_than_an_earlier_pass_left_them(
    options: str, earlier: bytes, said: bytes
) -> None:
    whole = walk(head() + EXPLICIT_LE.make(0x00280303, "CS", earlier) + WINDOW, engine(options))
    assert EXPLICIT_LE.make(0x00280303, "CS", said) + WINDOW in whole
    assert b"SMITH" not in whole


def test_nothing_leaves_before_the_head_is_known() -> None:
    rewriter = data_set_rewriter(engine())
    whole = head()
    assert not any(b"".join(plain(rewriter.feed(whole[at : at + 1]))) for at in range(len(whole) - 16))
    assert rewriter.head is None
    assert b"".join(plain(rewriter.feed(whole[-16:])))
    assert rewriter.head is not None


def test_a_data_set_that_ends_with_its_head_is_whole() -> None:
    under = engine()
    assert walk(head(), under) == released_head(under)


@pytest.mark.parametrize("data_set", [b"", bytes(64), EXPLICIT_LE.make(0x00080016, "UI", CT), WINDOW])
def test_a_data_set_without_identity_is_malformed(data_set: bytes) -> None:
    for chunks in splits(data_set):
        with pytest.raises(MalformedInput):
            feed(data_set_rewriter(engine()), chunks)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("zeros", [1, 2, 7, 8, 9, 16, 100])
def test_zeros_after_the_data_set_go(encoding: Encoding, zeros: int) -> None:
    under = engine()
    body = encoding.make(0x00281055, "LO", b"kept" * 40)
    assert walk(head(encoding) + body + bytes(zeros), under, encoding) == released_head(under, encoding) + body


def test_zeros_go_also_when_the_end_comes_before_the_head_is_known() -> None:
    under = engine()
    data_set = head() + bytes(2)
    assert feed(data_set_rewriter(under), [data_set[:50], data_set[50:]]) == released_head(under)


def test_anything_else_after_zeros_is_malformed() -> None:
    for chunks in splits(head() + PIXELS + bytes(40) + b"SMITH"):
        with pytest.raises(MalformedInput) as caught:
            feed(data_set_rewriter(engine()), chunks)
        assert caught.value.what == "bytes after the data set"


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_element_of_two_gigabytes_is_passed_or_counted_off_in_small_memory(is_kept: bool) -> None:
    chunk = bytes(1 << 20)
    rewriter = data_set_rewriter(engine())
    start = PIXELS[:8] if is_kept else b"\x29\0\x10\x10OB\0\0"
    rewriter.feed(head() + start + (2 << 30).to_bytes(4, "little"))
    passed = 0
    tracemalloc.start()
    try:
        for _ in range((2 << 30) // len(chunk)):
            passed += sum(map(len, plain(rewriter.feed(chunk))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert passed == (2 << 30 if is_kept else 0)
    assert peak < 4 << 20
    rest = b"".join(plain([*rewriter.feed(SIGNATURE), *rewriter.close()]))
    assert rest == b""


@pytest.mark.parametrize("start", [PIXELS[:8], b"\x29\0\x10\x10OB\0\0", b"\x28\0\x01\x12OW\0\0"])
def test_a_declared_length_past_the_end_is_malformed(start: bytes) -> None:
    for chunks in splits(head() + start + (2 << 30).to_bytes(4, "little") + bytes(20)):
        with pytest.raises(MalformedInput, match="inside an element"):
            feed(data_set_rewriter(engine()), chunks)


def test_a_head_that_goes_on_too_long_is_refused() -> None:
    rewriter = data_set_rewriter(engine(), limits=Limits(max_head_bytes=1000))
    rewriter.feed(EXPLICIT_LE.make(0x00080016, "UI", CT) + b"\x09\0\x10\x10OB\0\0" + (2 << 30).to_bytes(4, "little"))
    with pytest.raises(LimitExceeded, match="what must be held whole exceeds the limit of 1000"):
        feed(rewriter, itertools.repeat(bytes(64), 1000))
    assert rewriter.head is None


@pytest.mark.parametrize(
    "start",
    [
        b"\x40\0\x43\xa0SQ\0\0" + (1 << 20).to_bytes(4, "little"),  # a closed sequence that must be looked into
        b"\x40\0\x43\xa0SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0" + (1 << 20).to_bytes(4, "little"),
        REMOVED + b"\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0" + (1 << 20).to_bytes(4, "little"),  # an open one
    ],
)
def test_what_must_be_held_whole_is_limited(start: bytes) -> None:
    rewriter = data_set_rewriter(engine(), limits=Limits(max_element_bytes=1000))
    rewriter.feed(head() + start)
    with pytest.raises(LimitExceeded, match="what must be held whole exceeds the limit of 1000"):
        feed(rewriter, itertools.repeat(bytes(64), 1000))


@pytest.mark.parametrize(
    ("text", "sop_class", "body", "reason"),
    [
        ("apply_masks: true\n", CT, EXPLICIT_LE.make(0x00280301, "CS", b"YES"), "Burned In Annotation"),
        ("apply_masks: true\n", b"1.2.840.10008.5.1.4.1.1.6.1", b"", "ultrasound may show"),
        ("sop_classes: images\n", b"1.2.840.10008.5.1.4.1.1.88.11", b"", "images and clips"),
    ],
)
def test_a_refused_object_is_refused_before_its_first_byte_leaves(
    text: str, sop_class: bytes, body: bytes, reason: str
) -> None:
    under = engine(text)
    for chunks in splits(head(sop_class=sop_class) + body + WINDOW):
        left: list[Piece] = []
        with pytest.raises(RefusedByProfile, match=reason):
            feed(data_set_rewriter(under), chunks, left)
        assert not b"".join(left)


def test_a_profile_with_masks_lets_pass_what_needs_none() -> None:
    original = EXPLICIT_LE.make(0x00080008, "CS", b"ORIGINAL\\PRIMARY")
    size = EXPLICIT_LE.make(0x00280010, "US", b"\x08\0") + EXPLICIT_LE.make(0x00280011, "US", b"\x08\0")
    data_set = original + head() + size + EXPLICIT_LE.make(0x00280301, "CS", b"NO") + WINDOW
    assert walk(data_set, engine("apply_masks: true\n")).endswith(WINDOW)


@pytest.mark.parametrize("is_long", [True, False], ids=["undefined length", "defined length"])
def test_a_long_sequence_is_not_walked_again_for_each_chunk(monkeypatch: pytest.MonkeyPatch, *, is_long: bool) -> None:
    walked = 0
    walk_root = runs.walk_root

    def counted(walker: DataSetWalker, buf: bytes, pos: int, *others: Any, **named: Any) -> int:
        nonlocal walked
        walked += len(buf) - pos
        return walk_root(walker, buf, pos, *others, **named)

    monkeypatch.setattr(stream, "walk_root", counted)
    item = EXPLICIT_LE.make(0x00280010, "US", b"\1\0") * 100
    items = b"".join(EXPLICIT_LE.tag(0xFFFEE000) + EXPLICIT_LE.u32.pack(len(item)) + item for _ in range(500))
    length = b"\xff\xff\xff\xff" if is_long else EXPLICIT_LE.u32.pack(len(items))
    sequence = b"\x00\x52\x30\x92SQ\0\0" + length + items + (END_SEQUENCE if is_long else b"")
    data = head() + sequence
    assert sequence in feed(data_set_rewriter(engine()), [data[at : at + 4096] for at in range(0, len(data), 4096)])
    assert walked < 6 * len(data)
