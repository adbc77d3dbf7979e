"""Forms: text in disguise is read as text."""

import base64
import json

import pytest

from gateway.core.rewrite.forms import MIN_BASE64, decoded, folded, readings, unescaped


@pytest.mark.parametrize("before", [b"", b".", b"..", b"...", b"ID", b"/x"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_decoded_at_every_alignment(before: bytes, encode: object) -> None:
    assert callable(encode)
    for lead in (b"", b"a", b"ab"):
        hidden = encode(lead + b"SMITH^JOHN?>~\xff")
        assert any(b"SMITH^JOHN" in form for form in decoded(before + hidden))


def test_what_is_no_base64_is_left_alone() -> None:
    assert decoded(b"2.25." + b"1" * 39) == [b"2.25." + b"1" * 39]
    assert decoded(b"A" * (MIN_BASE64 - 1)) == [b"A" * (MIN_BASE64 - 1)]
    assert len(decoded(b"A" * MIN_BASE64)) == 5


def test_percent_encoding_is_decoded() -> None:
    assert b"a=M\xc3\xbcller^J" in decoded(b"a=M%C3%BCller%5EJ")


@pytest.mark.parametrize("text", ["Müller^J", 'a"b\\c/d', "深"])
def test_json_escapes_are_replaced(text: str) -> None:
    assert text.encode() in unescaped(json.dumps(text).replace("/", "\\/").encode())


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
def test_utf_16_of_latin_text_folds_to_plain_text(codec: str) -> None:
    assert folded("SMITH 12".encode(codec)) == b"smith 12"


@pytest.mark.parametrize("codec", ["utf-8", "latin-1", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("shift", [b"", b"."])
def test_text_is_read_in_other_encodings(codec: str, shift: bytes) -> None:
    raw = shift + "Müller".encode(codec)
    assert any("Müller" in text for text in readings(raw, ("ISO_IR 144",)))


def test_text_is_read_in_the_character_set_of_the_object() -> None:
    assert "Люкceмбypг" in set(readings("Люкceмбypг".encode("iso8859-5"), ("ISO_IR 144",)))
    assert any("山田" in text for text in readings("山田".encode("utf-16-be"), ()))
