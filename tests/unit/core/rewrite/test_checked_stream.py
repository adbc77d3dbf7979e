"""The final check in the stream: nothing of an object leaves before its head has passed, and nothing after a hit."""

import pytest

from gateway.core.errors import RefusedByProfile
from gateway.core.rewrite.dataset import Piece
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.factwalk import BULK_BYTES
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.kit.splits import splits
from tests.unit.core.rewrite.objects import CT, data_set_rewriter, engine, feed, plain, walk

LEAKY = """\
  StudyDescription: {disabled: true}
  ImageComments: {disabled: true}
  EncapsulatedDocument: {disabled: true}
  '("ACME",7FE1,01)': {action: keep}
  '("ACME",7FE1,02)': {action: keep}
"""
ENCODINGS = (EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE)
PIXELS = b"\x11\x22" * 40


def checking() -> Engine:
    return engine(LEAKY + "final_check: true\n")


def data_set(encoding: Encoding = EXPLICIT_LE, after: bytes = b"", **texts: str) -> bytes:
    return (
        encoding.make(0x00080016, "UI", CT)
        + encoding.make(0x00080018, "UI", b"1.2.826.0.1.3680043.10.1341.3")
        + encoding.make(0x00081030, "LO", texts.get("study", "Thorax").encode())
        + encoding.make(0x00100010, "PN", b"Smith^Johanna")
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2.826.0.1.3680043.10.1341.1")
        + encoding.make(0x00204000, "LT", texts.get("comments", "none").encode())
        + encoding.make(0x7FE00010, "OW", PIXELS)
        + after
    )


def private(text: str, length: int = 0) -> bytes:
    return EXPLICIT_LE.make(0x7FE10010, "LO", b"ACME") + EXPLICIT_LE.make(0x7FE11001, "UT", text.encode().ljust(length))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_clean_object_leaves_as_it_would_without_the_check(encoding: Encoding) -> None:
    data = data_set(encoding)
    assert walk(data, checking(), encoding) == walk(data, engine(LEAKY), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_byte_of_the_head_leaves_before_it_has_passed(encoding: Encoding) -> None:
    data = data_set(encoding, study="Thorax of Smith")
    assert b"Smith" in walk(data, engine(LEAKY), encoding)
    for chunks in splits(data):
        left: list[Piece] = []
        rewriter = data_set_rewriter(checking(), encoding)
        with pytest.raises(RefusedByProfile, match=r"\(0008,1030\)$"):
            feed(rewriter, chunks, left)
        assert b"".join(left) == b""
        assert rewriter.is_refused


def test_an_identifier_at_the_end_of_the_head_is_found_before_its_begin_leaves() -> None:
    for chunks in splits(data_set(comments="for Johanna")):
        left: list[Piece] = []
        with pytest.raises(RefusedByProfile, match=r"\(0020,4000\)$"):
            feed(data_set_rewriter(checking()), chunks, left)
        assert b"".join(left) == b""


@pytest.mark.parametrize("length", [0, 3000])
def test_elements_after_pixel_data_are_held_until_they_have_passed(length: int) -> None:
    data = data_set(after=private("of Johanna", length))
    whole = walk(data, engine(LEAKY))
    for chunks in splits(data):
        left: list[Piece] = []
        with pytest.raises(RefusedByProfile, match=r"\(7FE1,1001\)$"):
            feed(data_set_rewriter(checking()), chunks, left)
        assert whole.startswith(b"".join(left))
        assert b"Johanna" not in b"".join(left)
    clean = data_set(after=private("of nobody", length))
    assert walk(clean, checking()) == walk(clean, engine(LEAKY))


def test_bulk_passes_unheld_and_unsearched_before_and_after_pixel_data() -> None:
    bulk = b"Johanna " * (BULK_BYTES // 8 + 2)
    head = data_set().replace(EXPLICIT_LE.make(0x7FE00010, "OW", PIXELS), b"")
    data = head + EXPLICIT_LE.make(0x00420011, "OB", bulk) + EXPLICIT_LE.make(0x00420012, "LO", b"application/pdf")
    data += EXPLICIT_LE.make(0x7FE00010, "OW", PIXELS) + EXPLICIT_LE.make(0x7FE10010, "LO", b"ACME")
    data += EXPLICIT_LE.make(0x7FE11002, "OB", bulk) + EXPLICIT_LE.make(0x7FE11001, "UT", b"nobody")
    expected = feed(data_set_rewriter(engine(LEAKY)), [data])
    assert expected.count(bulk) == 2
    for size in (len(data), 1 << 16, 100_003):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert feed(data_set_rewriter(checking()), chunks) == expected
    rewriter = data_set_rewriter(checking())
    left = [b"".join(plain(rewriter.feed(data[at : at + 1024]))) for at in range(0, len(bulk) // 2, 1024)]
    assert sum(map(len, left)) > len(bulk) // 4, "it was held"
    tail = data[: -len(b"nobody")] + b"Smith "
    with pytest.raises(RefusedByProfile, match=r"\(7FE1,1001\)$"):
        feed(data_set_rewriter(checking()), [tail])
