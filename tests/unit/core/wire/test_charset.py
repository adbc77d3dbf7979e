"""An identifier is read as the same text however it is encoded, and what cannot be read is not lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.charset import python_encoding
from pydicom.data import get_charset_files
from pydicom.dataset import Dataset

from gateway.core.errors import MalformedInput
from gateway.core.wire.charset import decode, encode, read, split_terms

CHARSET_FILES = {Path(path).name: path for path in get_charset_files("*.dcm")}
NAMES = {
    "chrArab.dcm": "قباني^لنزار",
    "chrFren.dcm": "Buc^Jérôme",
    "chrFrenMulti.dcm": "Buc^Jérôme",
    "chrGerm.dcm": "Äneas^Rüdiger",
    "chrGreek.dcm": "Διονυσιος",
    "chrH31.dcm": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32.dcm": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrHbrw.dcm": "שרון^דבורה",
    "chrI2.dcm": "Hong^Gildong=洪^吉洞=홍^길동",
    "chrJapMulti.dcm": "やまだ^たろう",
    "chrJapMultiExplicitIR6.dcm": "やまだ^たろう",
    "chrKoreanMulti.dcm": "김희중",
    "chrRuss.dcm": "Люкceмбypг",
    "chrX1.dcm": "Wang^XiaoDong=王^小東",
    "chrX2.dcm": "Wang^XiaoDong=王^小东",
}
SINGLE_BYTE_TERMS = sorted(term for term in python_encoding if term.startswith("ISO_IR ") and term != "ISO_IR 192")


def raw(data_set: Dataset, keyword: str) -> bytes:
    value = data_set.get_item(keyword).value
    assert isinstance(value, bytes)
    return value


def terms_of(data_set: Dataset) -> list[str]:
    terms = data_set.SpecificCharacterSet
    return [terms] if isinstance(terms, str) else list(terms)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_pydicoms_charset_files_are_read(name: str) -> None:
    data_set = dcmread(CHARSET_FILES[name])
    terms = terms_of(data_set)
    value = raw(data_set, "PatientName")
    assert decode(value, terms, is_person_name=True).strip(" =") == NAMES[name]


def test_every_shipped_charset_file_with_a_patient_name_is_in_the_table() -> None:
    assert {name for name, path in CHARSET_FILES.items() if "PatientName" in dcmread(path)} == set(NAMES)


@pytest.mark.parametrize("name", ["chrJapMulti.dcm", "chrJapMultiExplicitIR6.dcm", "chrKoreanMulti.dcm"])
def test_text_agrees_with_pydicom(name: str) -> None:
    data_set = dcmread(CHARSET_FILES[name])
    terms = terms_of(data_set)
    text = decode(raw(data_set, "AdditionalPatientHistory"), terms).rstrip()
    assert text == data_set.AdditionalPatientHistory
    assert not text.isascii()


@pytest.mark.parametrize("term", SINGLE_BYTE_TERMS)
def test_every_single_byte_character_is_read_with_and_without_code_extension(term: str) -> None:
    for code in range(0x80, 0x100):
        value = b"A" + bytes([code])
        try:
            expected = value.decode(python_encoding[term])
        except UnicodeDecodeError:
            expected = value.decode("latin-1")
        assert decode(value, [term]) == expected
        assert decode(value, [term.replace("ISO_IR", "ISO 2022 IR")]) == expected


@pytest.mark.parametrize(
    ("terms", "value", "text"),
    [
        (["ISO_IR 192"], "naïve 王 🜨".encode(), "naïve 王 🜨"),
        (["ISO_IR 192"], "é\x1b王".encode(), "é\x1b王"),  # no code extension here
        (["GB18030"], "王小东 ñ".encode("gb18030"), "王小东 ñ"),
        (["GBK"], "王小东".encode("gbk"), "王小东"),
        (["", "ISO 2022 IR 58"], b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="),
        (["", "ISO 2022 IR 87", "ISO 2022 IR 159"], b"\x1b$B;3\x1b$(D0!\x1b(BA", "山丂A"),
        (["ISO 2022 IR 100", "ISO 2022 IR 144"], b"\xe9\x1b-L\xbb\xee\x1b-A\xe9", "éЛюé"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], b"\xd4\x1b$B;3\x1b(JA\x1b)I\xcf", "ﾔ山Aﾏ"),
    ],
)
def test_multi_byte_sets_and_code_extensions_are_read(terms: list[str], value: bytes, text: str) -> None:
    assert decode(value, terms, is_person_name=True) == text


def test_control_characters_return_to_the_first_set() -> None:
    terms = ["ISO 2022 IR 100", "ISO 2022 IR 144"]
    for reset in "\t\n\f\r\\":
        assert decode(b"\x1b-L\xbb" + reset.encode() + b"\xbb", terms) == f"Л{reset}»"


def test_the_delimiters_of_a_person_name_return_to_the_first_set_only_there() -> None:
    terms = ["ISO 2022 IR 100", "ISO 2022 IR 144"]
    for delimiter in "^=":
        value = b"\x1b-L\xbb" + delimiter.encode() + b"\xbb"
        assert decode(value, terms, is_person_name=True) == f"Л{delimiter}»"
        assert decode(value, terms) == f"Л{delimiter}Л"


@pytest.mark.parametrize(
    "term", ["ISO-IR 144", "ISO IR 144", "iso_ir_144", " ISO_IR 144 ", "ISO_IR 144\0", "ISO2022IR144"]
)
def test_a_misspelt_term_is_understood(term: str) -> None:
    assert decode(b"\xbb\xee", [term]) == "Лю"


def test_ascii_is_ascii_under_every_term() -> None:
    for term in [*python_encoding, "NONSENSE"]:
        assert decode(b"PAT-01 ~\\", [term]) == "PAT-01 ~\\"


@pytest.mark.parametrize(
    ("terms", "value"),
    [
        ([], b"\xe9"),
        ([""], b"\xe9"),
        (["NONSENSE"], b"\xe9"),
        (["NONSENSE", "ISO_IR 192"], b"\xc3\xa9"),
        (["ISO_IR 192"], b"\xff\xfe"),
        (["ISO_IR 192"], b"\xe9\x1b-L\xbb"),
        (["GB18030"], b"\xff"),
        (["", "ISO 2022 IR 87"], b"\x1b$B;"),
        (["", "ISO 2022 IR 87"], b"\xe9\x1b$)C\xb1\xe8"),  # the Korean set is not declared
        (["ISO 2022 IR 100"], b"\xe9\x1b"),
        (["ISO 2022 IR 100"], b"\xe9\x1b%G\xc3\xa9"),
    ],
)
def test_what_cannot_be_read_is_kept_byte_by_byte(terms: list[str], value: bytes) -> None:
    assert decode(value, terms).encode("latin-1") == value


def test_an_unknown_later_term_does_no_harm() -> None:
    assert decode(b"\xbb\xee", ["ISO_IR 144", "NONSENSE"]) == "Лю"


SOUP = st.lists(st.sampled_from([b"\x1b", b"$", b"(", b")", b"B", b"A", b"C", b"\xb1", b"-"])).map(b"".join)


@given(
    st.binary(max_size=40) | SOUP,
    st.lists(st.sampled_from(sorted(python_encoding)) | st.text(max_size=12), max_size=3),
)
def test_any_bytes_under_any_terms_are_read_and_always_alike(value: bytes, terms: list[str]) -> None:
    assert decode(value, terms) == decode(bytes(value), tuple(terms))


def test_terms_are_split() -> None:
    assert split_terms(b"ISO_IR 100") == ("ISO_IR 100",)
    assert split_terms(b"\\ISO 2022 IR 87 ") == ("", "ISO 2022 IR 87")
    assert split_terms(b"ISO_IR 192\0") == ("ISO_IR 192",)
    assert split_terms(b"") == ("",)


@pytest.mark.parametrize("value", [b"ISO_IR 100\n", b"\0ISO\0IR", b"ISO_IR \xb9", b"ISO 2022 IR 6\\\x1b"])
def test_terms_that_are_no_printable_text_are_malformed(value: bytes) -> None:
    with pytest.raises(MalformedInput, match=r"^not a Specific Character Set at"):
        split_terms(value)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"chrKoreanMulti.dcm"}))
def test_a_name_is_written_as_it_stood_in_pydicoms_charset_files(name: str) -> None:
    data_set = dcmread(CHARSET_FILES[name])
    terms, value = terms_of(data_set), raw(data_set, "PatientName").rstrip(b" ")
    text = read(value, terms, is_person_name=True)
    assert text is not None
    assert encode(text, terms, is_person_name=True) == value


@pytest.mark.parametrize(
    ("terms", "text", "value"),
    [
        ([], "A\\B^C", b"A\\B^C"),
        (["ISO_IR 100"], "Jérôme", b"J\xe9r\xf4me"),
        (["ISO_IR 203"], "5 € Œuvre", b"5 \xa4 \xbcuvre"),
        (["ISO_IR 192"], "naïve 王 🜨", "naïve 王 🜨".encode()),
        (["GB18030"], "王 ñ 🜨", "王 ñ 🜨".encode("gb18030")),
        (["GBK"], "王小东", "王小东".encode("gbk")),
        (["ISO_IR 13"], "ﾔﾏﾀﾞ^ABC", b"\xd4\xcf\xc0\xde^ABC"),
        (["", "ISO 2022 IR 149"], "김^희 중", b"\x1b$)C\xb1\xe8^\x1b$)C\xc8\xf1 \xc1\xdf"),
        (["", "ISO 2022 IR 58"], "张^小", b"\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔ山A\r\n山", b"\xd4\x1b$B;3\x1b(JA\r\n\x1b$B;3\x1b(J"),
        (["", "ISO 2022 IR 87", "ISO 2022 IR 159"], "山丂A", b"\x1b$B;3\x1b$(D0!\x1b(BA"),
        (["ISO 2022 IR 100", "ISO 2022 IR 144"], "éЛ\\Лé", b"\xe9\x1b-L\xbb\\\x1b-L\xbb\x1b-A\xe9"),
    ],
)
def test_text_is_written_with_the_escapes_that_it_needs(terms: list[str], text: str, value: bytes) -> None:
    assert encode(text, terms, is_person_name=True) == value
    assert read(value, terms, is_person_name=True) == text


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ([], "é"),
        ([""], "王"),
        (["NONSENSE"], "é"),
        (["ISO_IR 100"], "王"),
        (["ISO_IR 100"], "é\x1b"),
        (["ISO_IR 13"], "山"),
        (["", "ISO 2022 IR 87"], "김"),
        (["", "ISO 2022 IR 149"], "é"),
        (["ISO_IR 192"], "\ud800"),
        (["GBK"], "🜨"),
    ],
)
def test_text_that_does_not_fit_is_not_written(terms: list[str], text: str) -> None:
    assert encode(text, terms) is None


@pytest.mark.parametrize(
    ("terms", "value"),
    [
        ([], b"\xe9"),
        (["NONSENSE"], b"\xe9"),
        (["ISO_IR 192"], b"\xe9"),
        (["GB18030"], b"\xff"),
        (["ISO_IR 13"], b"\x83\x5c"),  # Shift JIS under another name
        (["", "ISO 2022 IR 87"], b"\x1b$B;"),
        (["", "ISO 2022 IR 87"], b"\x1b$B;3\\;3\x1b(B"),  # the backslash shifts all that follows
        (["", "ISO 2022 IR 87"], b"\x1b$)C\xb1\xe8"),
        (["", "ISO 2022 IR 149"], b"\x1b$)C\xb1"),
    ],
)
def test_what_the_terms_do_not_explain_is_not_read(terms: list[str], value: bytes) -> None:
    assert read(value, terms) is None
    assert decode(value, terms) == value.decode("latin-1")


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (["GB18030"], "乗昞"),
        (["GBK"], "昞"),
        (["", "ISO 2022 IR 87"], "＋÷"),
        (["", "ISO 2022 IR 87", "ISO 2022 IR 159"], "丂倲"),
    ],
)
def test_a_trail_byte_is_no_backslash(terms: list[str], text: str) -> None:
    joined = f"{text}\\{text}"
    value = encode(joined, terms)
    assert value is not None
    assert value.count(b"\\") > 1, "no trail byte 0x5C: the case says nothing"
    read_back = read(value, terms)
    assert read_back is not None
    assert read_back.split("\\") == [text, text]


def test_an_escape_that_was_not_repeated_after_a_delimiter_still_counts_where_nothing_else_could() -> None:
    value = b"\x1b$)C\xb1\xe8^\xc8\xf1\xc1\xdf\\\xb1\xe8"
    assert read(value, ["", "ISO 2022 IR 149"], is_person_name=True) == "김^희중\\김"


def test_a_space_stands_between_two_byte_characters() -> None:
    assert read(b"\x1b$B;3 ;3\x1b(B", ["", "ISO 2022 IR 87"]) == "山 山"


def test_both_halves_of_the_code_table_are_used_at_once() -> None:
    assert read(b"\x1b$B;3\xe9;3\x1b(B", ["ISO 2022 IR 100", "ISO 2022 IR 87"]) == "山é山"


TERMS = st.sampled_from(
    [
        ["ISO_IR 192"],
        ["GB18030"],
        ["GBK"],
        ["", "ISO 2022 IR 149"],
        ["", "ISO 2022 IR 58"],
        ["ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 159"],
        ["ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 87", "ISO 2022 IR 149"],
        *([term] for term in SINGLE_BYTE_TERMS),
    ]
)


@given(
    st.text(st.sampled_from("aB^=\\ \r\n\téüЛюλ山丂ﾔ김희张王＋") | st.characters(), max_size=12), TERMS, st.booleans()
)
def test_what_is_written_is_read_back(text: str, terms: list[str], is_person_name: bool) -> None:
    value = encode(text, terms, is_person_name=is_person_name)
    if value is not None:
        assert read(value, terms, is_person_name=is_person_name) == text
