"""A text of the profile that the data set's character set does not have turns the whole data set into UTF-8."""

import pytest

from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.arrays import NAMES, open_sequence, sequence
from tests.unit.core.rewrite.objects import CT, engine, walk

DETAILS = """\
  InstitutionName: {action: replace, value: Клиника № 1}
  StudyDescription: {action: keep}
  StudyComments: {action: clean}
"""
ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]
CLINIC = "Клиника № 1"


def data_set(terms: bytes | None, description: bytes = b"CT", encoding: Encoding = EXPLICIT_LE) -> bytes:
    return (
        (b"" if terms is None else encoding.make(0x00080005, "CS", terms))
        + encoding.make(0x00080016, "UI", CT)
        + encoding.make(0x00080018, "UI", b"1.2.3")
        + encoding.make(0x00080080, "LO", b"St. Elsewhere")
        + encoding.make(0x00081030, "LO", description)
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2")
    )


def make(tag: int, vr: str, text: str, terms: str = "utf-8", encoding: Encoding = EXPLICIT_LE) -> bytes:
    return encoding.make(tag, vr, text.encode(terms))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("terms", [b"ISO_IR 100", b"", None, b"\\ISO 2022 IR 87", b"ISO_IR 999"])
def test_a_text_that_does_not_fit_makes_all_text_utf_8(terms: bytes | None, encoding: Encoding) -> None:
    whole = walk(data_set(terms, encoding=encoding), engine(DETAILS), encoding)
    first = encoding.make(0x00080005, "CS", b"ISO_IR 192")
    assert whole.startswith(first + encoding.make(0x00080016, "UI", CT))
    assert whole.count(encoding.tag(0x00080005)) == 1
    assert make(0x00080080, "LO", CLINIC, encoding=encoding) in whole


@pytest.mark.parametrize(
    ("terms", "codec"), [(b"ISO_IR 144", "iso8859-5"), (b"GB18030", "gb18030"), (b"ISO_IR 192", "utf-8")]
)
def test_a_text_that_fits_is_written_in_the_set_of_the_data_set(terms: bytes, codec: str) -> None:
    text = "Люкс"
    whole = walk(data_set(terms, text.encode(codec)), engine(DETAILS))
    assert whole.startswith(EXPLICIT_LE.make(0x00080005, "CS", terms))
    assert make(0x00080080, "LO", CLINIC.replace("№", "№"), codec) in whole
    assert make(0x00081030, "LO", text, codec) in whole


def test_all_text_that_is_kept_is_recoded() -> None:
    kept = make(0x00081030, "LO", "Schädel", "latin-1")
    comments = make(0x00324000, "LT", "über", "latin-1")
    whole = walk(data_set(b"ISO_IR 100", "Schädel".encode("latin-1")) + comments, engine(DETAILS))
    assert kept not in whole
    assert make(0x00081030, "LO", "Schädel") in whole
    assert whole.endswith(make(0x00324000, "LT", "über"))


def test_text_in_unknown_vr_is_recoded_too() -> None:
    body = data_set(b"ISO_IR 100") + EXPLICIT_LE.make(0x00280A02, "CS", b"A")
    unknown = EXPLICIT_LE.make(0x00281055, "UN", "größer".encode("latin-1"))  # Window Center & Width Explanation
    assert walk(body + unknown, engine(DETAILS)).endswith(EXPLICIT_LE.make(0x00281055, "UN", "größer".encode()))


@pytest.mark.parametrize("write", [sequence, open_sequence])
def test_the_character_sets_of_items_go_once_they_are_read(write: type) -> None:
    own = EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 144")
    before = own + make(0x00080104, "LO", "Люкс", "iso8859-5")
    latin = make(0x00080104, "LO", "größer", "latin-1")
    whole = walk(data_set(b"ISO_IR 100") + write(NAMES, before, latin, latin), engine(DETAILS))
    greater = make(0x00080104, "LO", "größer")
    assert whole.endswith(write(NAMES, make(0x00080104, "LO", "Люкс"), greater, greater))


def test_text_that_cannot_be_read_is_emptied() -> None:
    whole = walk(data_set(b"ISO_IR 166", b"\xff\xff"), engine(DETAILS))
    assert EXPLICIT_LE.make(0x00081030, "LO", b"") in whole


def test_an_item_whose_own_set_does_not_have_the_text_gets_the_dummy() -> None:
    details = DETAILS + "  CodeMeaning: {action: replace, value: Клиника}\n"
    item = EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 100") + EXPLICIT_LE.make(0x00080104, "LO", b"CT")
    whole = walk(data_set(b"ISO_IR 192") + sequence(NAMES, item, item[18:]), engine(details))
    own = EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 100") + EXPLICIT_LE.make(0x00080104, "LO", b"ANONYMOUS ")
    assert whole.endswith(sequence(NAMES, own, make(0x00080104, "LO", "Клиника")))


def test_length_to_end_says_nothing_any_more() -> None:
    end = EXPLICIT_LE.make(0x00080001, "UL", b"\1\0\0\0")
    terms = EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 192")
    assert walk(end + data_set(b"ISO_IR 100"), engine(DETAILS)).startswith(terms + b"\x08\0\x16\0")


def test_a_profile_in_ascii_leaves_every_set_alone() -> None:
    plain = "  InstitutionName: {action: replace, value: SITE}\n  StudyDescription: {action: keep}\n"
    whole = walk(data_set(b"ISO_IR 100", b"Sch\xe4del"), engine(plain))
    assert EXPLICIT_LE.make(0x00081030, "LO", b"Sch\xe4del") in whole
    assert whole.startswith(EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 100"))
