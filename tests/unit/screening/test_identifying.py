import pytest

from gateway.core.clean.subject import Subject
from gateway.screening.identifying import MAX_TERMS, Identifying, alike, is_near

SUBJECT = Subject(
    names=frozenset({"BEISPIEL^ERIKA", "Hornemann^Bo"}),
    identifiers=frozenset({"MRN-0815"}),
    places=frozenset({"Kreiskrankenhaus Neustadt"}),
    dates=frozenset({"19610312"}),
)


@pytest.fixture(scope="module")
def own() -> Identifying:
    return Identifying(SUBJECT)


@pytest.mark.parametrize(
    "read",
    [
        "BEISPIEL ERIKA",
        "Erika B.",
        "BE1SPIEL",  # 1 for I
        "8EISPlEL",  # 8 for B, l for I
        "BEISPEIL",  # letters in another order
        "B E I S P I E L",
        "xxBEISPIELxx",
        "HOMEMANN",  # m for rn
        "MRN O8I5",
        "MRN0815",
        "mrn:0 8 1 5",
        "Kreiskrankenhaus",
        "12.03.1961",
        "1961 O3 12",
        "12 Mar 1961",
        "Tel 030 123456",
        "14725836",
    ],
)
def test_what_may_name_the_subject_is_identifying_also_when_read_badly(own: Identifying, read: str) -> None:
    assert own.is_in(read)


@pytest.mark.parametrize(
    "read", ["LIVER", "5.0 cm", "TIS 0.4 MI 1.2", "FR 45 Hz", "Gain 62%", "LT KIDNEY LONG", "R", ""]
)
def test_what_any_picture_may_say_is_not(own: Identifying, read: str) -> None:
    assert not own.is_in(read)


def test_letters_that_look_alike_are_one() -> None:
    assert alike("R0SS| 1l8") == alike("rossl llb") == alike("r o s s I i 1 8")


@pytest.mark.parametrize(
    ("term", "text", "errors", "near"),
    [
        ("erika", "erika", 0, True),
        ("erika", "xxerikaxx", 0, True),
        ("erika", "erka", 0, False),
        ("erika", "xerkax", 1, True),
        ("erika", "errika", 1, True),
        ("erika", "eryka", 1, True),
        ("erika", "liver", 1, False),
        ("erika", "", 1, False),
    ],
)
def test_a_term_is_found_with_so_many_errors(term: str, text: str, errors: int, near: bool) -> None:
    assert is_near(term, text, errors) is near


def test_who_has_too_many_names_is_named_by_every_text() -> None:
    many = Identifying(Subject(identifiers=frozenset(f"ABC{number:04}" for number in range(2 * MAX_TERMS))))
    assert many.is_in("LIVER")
