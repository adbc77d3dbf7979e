"""Text is cleaned in the character set it came in, value by value, in every chunking; ages are capped."""

import pytest

from gateway.core.clean.subject import Subject
from gateway.core.errors import MalformedInput
from gateway.core.rewrite import cleaning
from gateway.core.rewrite.cleaning import Cleaner, Cleaners
from gateway.core.wire import charset
from gateway.core.wire.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding
from tests.unit.core.rewrite.arrays import NAMES, sequence
from tests.unit.core.rewrite.objects import CT, engine, part10, walk

DETAILS = """\
  StudyDescription: {action: clean}
  StudyComments: {action: clean}
  PatientAge: {action: clean}
  CodeMeaning: {action: clean}
"""
ENCODINGS = [EXPLICIT_LE, EXPLICIT_BE, IMPLICIT_LE]


def data_set(
    description: bytes, *, name: bytes = b"Smith^Jane", terms: bytes = b"", encoding: Encoding = EXPLICIT_LE
) -> bytes:
    return (
        (encoding.make(0x00080005, "CS", terms) if terms else b"")
        + encoding.make(0x00080016, "UI", CT)
        + encoding.make(0x00080018, "UI", b"1.2.3")
        + encoding.make(0x00081030, "LO", description)
        + encoding.make(0x00100010, "PN", name)
        + encoding.make(0x00100020, "LO", b"P1")
        + encoding.make(0x0020000D, "UI", b"1.2")
    )


def is_in(tag: int, value: bytes, released: bytes, vr: str = "LO", encoding: Encoding = EXPLICIT_LE) -> bool:
    return encoding.make(tag, vr, value) in released


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_names_of_the_object_go_and_the_rest_stays(encoding: Encoding) -> None:
    whole = walk(data_set(b"CT Thorax Smith", encoding=encoding), engine(DETAILS), encoding)
    assert is_in(0x00081030, b"CT Thorax ***", whole, encoding=encoding)
    assert b"Smith" not in whole


def test_what_names_nobody_leaves_byte_for_byte() -> None:
    body = data_set(b"CT Thorax nativ")
    assert is_in(0x00081030, b"CT Thorax nativ", walk(body, engine(DETAILS)))


def test_each_value_is_cleaned_by_itself() -> None:
    assert is_in(0x00081030, b"***\\CT ***\\CT", walk(data_set(b"Smith\\CT Jane\\CT"), engine(DETAILS)))


def test_a_backslash_in_a_single_value_is_a_character() -> None:
    body = data_set(b"CT") + EXPLICIT_LE.make(0x00324000, "LT", b"a\\Smith\\b")
    assert is_in(0x00324000, b"a\\***\\b", walk(body, engine(DETAILS)), "LT")


@pytest.mark.parametrize(
    ("terms", "name", "text", "cleaned"),
    [
        (b"ISO_IR 100", "Müller^Jörg", "CT Müller über Thorax", "CT *** über Thorax"),
        (b"ISO_IR 192", "Müller^Jörg", "CT Jörg – Thorax", "CT *** – Thorax"),
        (b"ISO_IR 144", "Люкс^Иван", "КТ Люкс грудь", "КТ *** грудь"),
        (b"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎", "胸部 山田 検査", "胸部 *** 検査"),
        (b"\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동", "흉부 홍길동 검사", "흉부 *** 검사"),
        (b"GB18030", "Wang^XiaoDong=王^小东", "胸部 王小东 乗昞", "胸部 *** 乗昞"),
        (b"GBK", "Wang^XiaoDong=王^小东", "胸部 王小东 乗", "胸部 *** 乗"),
    ],
)
def test_text_is_cleaned_in_its_character_set(terms: bytes, name: str, text: str, cleaned: str) -> None:
    declared = charset.split_terms(terms)
    written = charset.encode(text, declared)
    encoded_name = charset.encode(name, declared, is_person_name=True)
    expected = charset.encode(cleaned, declared)
    assert written is not None
    assert encoded_name is not None
    assert expected is not None
    whole = walk(data_set(written, name=encoded_name, terms=terms), engine(DETAILS))
    assert is_in(0x00081030, expected, whole)


def test_a_trail_byte_does_not_end_a_value() -> None:
    written = "乗昞\\Wang".encode("gb18030")
    assert written.count(b"\\") == 3
    whole = walk(data_set(written, name=b"Wang^X", terms=b"GB18030"), engine(DETAILS))
    assert is_in(0x00081030, "乗昞\\***".encode("gb18030"), whole)


@pytest.mark.parametrize(("terms", "value"), [(b"", b"CT \xe9"), (b"ISO_IR 192", b"CT \xe9"), (b"ISO_IR 999", b"\xe9")])
def test_text_that_cannot_be_read_is_emptied(terms: bytes, value: bytes) -> None:
    assert is_in(0x00081030, b"", walk(data_set(value, terms=terms), engine(DETAILS)))


def test_an_items_own_set_is_what_its_text_is_cleaned_in() -> None:
    name = "Müller^Jörg".encode("latin-1")
    own = EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 192")
    meaning = EXPLICIT_LE.make(0x00080104, "LO", "Müller ä".encode())
    body = data_set(b"CT", name=name, terms=b"ISO_IR 100")
    items = (own + meaning, own + sequence(NAMES, meaning), meaning)
    clean = EXPLICIT_LE.make(0x00080104, "LO", "*** ä".encode())
    expected = sequence(NAMES, own + clean, own + sequence(NAMES, clean), meaning)
    assert expected in walk(body + sequence(NAMES, *items), engine(DETAILS)), "the last is read in the root's: no name"


@pytest.mark.parametrize("is_open", [True, False])
def test_after_an_item_the_set_of_the_root_counts_again(is_open: bool) -> None:
    own = EXPLICIT_LE.make(0x00080005, "CS", b"ISO_IR 192")
    inside = sequence(NAMES, own)
    if is_open:
        inside = NAMES + b"SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" + own
        inside += b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    comments = EXPLICIT_LE.make(0x40084000, "ST", "über".encode("latin-1"))
    details = DETAILS + "  (4008,4000): {action: clean}\n"
    whole = walk(data_set(b"CT", terms=b"ISO_IR 100") + inside + comments, engine(details))
    assert comments in whole


@pytest.mark.parametrize(("age", "capped"), [(b"092Y", b"090Y"), (b"089Y", b"089Y"), (b"11M", b""), (b"", b"")])
def test_an_age_is_capped_without_knowing_the_subject(age: bytes, capped: bytes) -> None:
    before, patient = data_set(b"CT").split(EXPLICIT_LE.make(0x0020000D, "UI", b"1.2"))
    body = before + EXPLICIT_LE.make(0x00101010, "AS", age) + EXPLICIT_LE.make(0x0020000D, "UI", b"1.2") + patient
    assert is_in(0x00101010, capped, walk(body, engine(DETAILS)), "AS")


@pytest.mark.parametrize("vr", ["LO", "UN"])
def test_the_report_counts_what_was_looked_at(vr: str) -> None:
    body = data_set(b"CT Smith").replace(
        EXPLICIT_LE.make(0x00081030, "LO", b"CT Smith"), EXPLICIT_LE.make(0x00081030, vr, b"CT Smith")
    )
    rewriter = engine(DETAILS).part10()
    whole = rewriter.feed(part10(body)) + rewriter.close()
    assert EXPLICIT_LE.make(0x00081030, vr, b"CT ***") in whole
    assert rewriter.report["cleaned"] == 1


SUBJECT = Subject(names=frozenset({"Smith"}), uids=frozenset({"1.2.840.1.2.3", "1.2.9"}))


def test_objects_that_differ_in_long_uids_share_a_cleaner() -> None:
    cleaners = Cleaners()
    found = cleaners.of(SUBJECT)
    assert cleaners.of(Subject(names=SUBJECT.names, uids=frozenset({"1.2.840.9.9.9", "1.2.9"}))) is found
    assert cleaners.of(Subject(names=SUBJECT.names, uids=frozenset({"1.2.8"}))) is not found
    assert found.text("CT Smith of 1.2.840.1.2.3 and 1.2.9", "LO") == "CT *** of *** and ***"
    assert found.text("CT 1.2.840.9.9.9", "LO") == "CT ***", "whoever's it is"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MAX_CLEANERS", 3)
    monkeypatch.setattr(cleaning, "MAX_MEMO", 3)
    cleaners = Cleaners()
    for number in range(10):
        cleaner = cleaners.of(Subject(names=frozenset({f"N{number}"})))
        for text in range(10):
            assert cleaner.value(b"CT %d" % text, "LO", (), ()) == b"CT %d" % text
        assert len(cleaner._memo) <= 3
        assert len(cleaners._known) <= 3


def test_the_same_bytes_mean_another_text_in_another_set() -> None:
    cleaner = Cleaner(Subject(names=frozenset({"Müller"})))
    utf8 = "Müller".encode()
    assert cleaner.value(utf8, "LO", ("ISO_IR 192",), ("ISO_IR 192",)) == b"*** "
    assert cleaner.value(utf8, "LO", ("ISO_IR 100",), ("ISO_IR 100",)) == utf8
    assert cleaner.value("ä".encode("latin-1"), "LO", ("ISO_IR 100",), ("ISO_IR 192",)) == "ä".encode()


@pytest.mark.parametrize("details", [DETAILS, ""])
def test_two_character_sets_of_one_data_set_are_malformed(details: str) -> None:
    first, second = (EXPLICIT_LE.make(0x00080005, "CS", terms) for terms in (b"ISO_IR 100", b"ISO_IR 192"))
    body = data_set(b"CT", terms=b"ISO_IR 100")
    with pytest.raises(MalformedInput, match="Specific Character Set twice"):
        walk(body.replace(first, first + second), engine(details))
    with pytest.raises(MalformedInput, match="Specific Character Set twice"):
        walk(body + second, engine(details))
    assert walk(body.replace(first, first + first), engine(details)).startswith(first + first)
