"""Needles: what names a subject is found, what is too common to say anything is not."""

import pytest

from gateway.core.errors import LimitExceeded
from gateway.core.rewrite import needles as module
from gateway.core.rewrite.forms import folded
from gateway.core.rewrite.needles import Needles, Where
from gateway.core.rewrite.told import Told, tell

NAME, PATIENT_ID, BIRTH, STUDY_DATE, INSTITUTION = 0x00100010, 0x00100020, 0x00100030, 0x00080020, 0x00080080
VRS = {NAME: "PN", PATIENT_ID: "LO", BIRTH: "DA", STUDY_DATE: "DA", INSTITUTION: "LO"}


def said(tag: int, text: str) -> Told:
    found = tell(tag, VRS[tag], text)
    assert found is not None
    return found


def needles(*pairs: tuple[int, str], released: tuple[str, ...] = ()) -> Needles:
    return Needles([said(*pair) for pair in pairs], released, ("ISO_IR 100",))


def finds(found: Needles, text: str, where: Where = Where.TEXT) -> bool:
    """Search as the check does: bytes first, in several encodings; text decides."""
    hit = found.are_in(text, where)
    encodings = ["utf-8", "utf-16-le", "utf-16-be", *(["latin-1"] if text.isascii() else [])]
    for codec in encodings if hit else ():
        raw = folded(text.encode(codec))
        assert any(needle in raw for needle in found.plain), f"bytes do not find what text finds in {codec}"
    return hit


@pytest.mark.parametrize(
    "text",
    [
        "seen by smith today",
        "SMITH",
        "smith2",
        "Smith-Jones",
        "x_smith_",
        "Smith^John",
        "John Smith",
        "SMITH, JOHN",
        "johnsmith",
        "SmithJohn",
    ],
)
def test_a_name_is_found_by_its_parts_and_as_a_whole(text: str) -> None:
    assert finds(needles((NAME, "Smith^John^^Dr")), text)


@pytest.mark.parametrize("text", ["blacksmith", "smithy", "Dr", "", "head"])
def test_a_name_within_a_word_is_none(text: str) -> None:
    assert not finds(needles((NAME, "Smith^John^^Dr")), text)


@pytest.mark.parametrize("text", ["li wu", "WU^LI", "Li, Wu", "wu_li"])
def test_short_names_are_found_as_a_whole_only(text: str) -> None:
    found = needles((NAME, "Li^Wu"))
    assert finds(found, text)
    assert not finds(found, "li")
    assert not finds(needles((NAME, "A^B")), "a b")


def test_name_parts_do_not_count_among_codes() -> None:
    found = needles((NAME, "Head^Patrick"))
    assert finds(found, "Head")
    assert not finds(found, "HEAD", Where.CODES)
    assert finds(found, "PATRICK_HEAD", Where.CODES)
    assert finds(needles((NAME, "Anna Maria")), "anna maria", Where.CODES)


@pytest.mark.parametrize("text", ["Müller", "MÜLLER", "müller", "Jörg^Müller"])
def test_names_with_marks_are_found_in_either_case(text: str) -> None:
    assert finds(needles((NAME, "Müller^Jörg")), text)


@pytest.mark.parametrize("text", ["患者山田様", "太郎", "ﾔﾏﾀﾞ"])
def test_names_in_other_scripts_are_found_without_blanks_around(text: str) -> None:
    assert finds(needles((NAME, "Yamada^Tarou=山田^太郎=ﾔﾏﾀﾞ^ﾀﾛｳ")), text)
    assert finds(needles((NAME, "Люк^Марк")), "МАРК")


@pytest.mark.parametrize("name", ["Test^Patient", "Anonymous", "Phantom^0001", "^"])
def test_names_of_nobody_are_not_searched_by_their_parts(name: str) -> None:
    assert not finds(needles((NAME, name)), "a test of a patient, a phantom, anonymous, 0001")


@pytest.mark.parametrize(
    ("value", "text"),
    [("AB12", "id ab12."), ("123456", "no. 123456"), ("HOSPIX", "of hospix"), ("A-7/3", "A-7/3"), ("PID_4", "(pid_4)")],
)
def test_an_identifier_is_found_as_a_whole(value: str, text: str) -> None:
    if len([c for c in value if c.isalnum()]) < 4:
        assert not finds(needles((PATIENT_ID, value)), text)
        return
    assert finds(needles((PATIENT_ID, value)), text)
    assert not finds(needles((PATIENT_ID, value)), f"x{value}y")


@pytest.mark.parametrize("value", ["1", "CT1", "12345", "HEAD", "000", "Unknown", "None"])
def test_an_identifier_that_says_nothing_is_not_searched(value: str) -> None:
    assert needles((PATIENT_ID, value)).plain == ()


def test_among_numbers_only_long_ones_are_identifiers() -> None:
    assert not finds(needles((PATIENT_ID, "123456")), "123456", Where.NUMBERS)
    assert finds(needles((PATIENT_ID, "12345678")), "12345678", Where.NUMBERS)


def test_places_do_not_count_where_makers_are_named() -> None:
    found = needles((INSTITUTION, "TOSHIBA"))
    assert finds(found, "TOSHIBA", Where.PLACES)
    assert not finds(found, "TOSHIBA_MEC", Where.CODES)


@pytest.mark.parametrize("text", ["20200102", "on 2020-01-02,", "2020.01.02", "02.01.2020"])
def test_dates_count_in_text(text: str) -> None:
    found = needles((STUDY_DATE, "20200102"))
    assert finds(found, text)
    assert not finds(found, text, Where.PLACES)
    assert not finds(found, f"1{text.strip(',')}1".replace("on ", ""))
    assert not found.give_birth_date(text)
    assert needles((BIRTH, "20200102")).give_birth_date(text)


def test_what_is_released_on_purpose_is_not_searched() -> None:
    released = ("Clinic of Smith", "20200102", "ab12")
    found = needles((NAME, "Smith^John"), (PATIENT_ID, "AB12"), (BIRTH, "20200102"), released=released)
    assert not finds(found, "Smith")
    assert not finds(found, "AB12")
    assert not found.give_birth_date("20200102")
    assert finds(found, "John")


def test_a_subject_that_says_nothing_is_nowhere() -> None:
    assert not finds(needles(), "anything", Where.NUMBERS)
    assert not finds(needles(), "anything")


def test_bytes_are_searched_for_the_shortest_that_will_do() -> None:
    assert needles((NAME, "Smith^Johnson"), (INSTITUTION, "Clinic Smith")).plain == (b"smith", b"johnson")


def test_many_identifiers_are_all_searched_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(PATIENT_ID, f"PID{number}") for number in range(1000, 1600)]
    assert finds(needles(*many), "pid1234")
    monkeypatch.setattr(module, "MAX_NEEDLES", 599)
    with pytest.raises(LimitExceeded):
        needles(*many)
