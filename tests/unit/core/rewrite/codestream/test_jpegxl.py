"""JPEG XL: a bare codestream, or boxes."""

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream import cleaner
from tests.kit.codestreams import JPEG_XL, TEXT, box, jxl
from tests.unit.core.rewrite.codestream.streams import cleaned, passes

GONE = bytes(len(TEXT))


@pytest.mark.parametrize("kind", [b"jxll", b"jxli", b"jxlp", b"jxlc"])
def test_what_decoders_read_stays(kind: bytes) -> None:
    passes(JPEG_XL, jxl(box(kind, TEXT)))


@pytest.mark.parametrize("kind", [b"Exif", b"xml ", b"jumb", b"brob", b"jbrd", b"jhgm", b"x\0\0\0", b"free"])
@pytest.mark.parametrize("form", ["", "long"])
def test_other_boxes_become_free_space(kind: bytes, form: str) -> None:
    assert cleaned(JPEG_XL, jxl(box(kind, TEXT, form=form))) == jxl(box(b"free", GONE, form=form))


def test_a_bare_codestream_has_no_text() -> None:
    passes(JPEG_XL, b"\xff\x0a" + bytes(30))


@pytest.mark.parametrize("wrong", [b"\xff\xd8\xff\xd9", b"\0\0\0\x0cJXL SMITH", b"SMITH"])
def test_anything_else_is_malformed(wrong: bytes) -> None:
    one = cleaner(JPEG_XL, keeps_icc=False)
    assert one
    with pytest.raises(MalformedInput):
        one.feed(wrong + bytes(20))
