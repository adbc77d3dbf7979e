"""Table E.3.4-1 against its source."""

import pytest

from gateway.core.standard import content
from gateway.core.standard.ps315 import Option
from tests.kit.tables import rows

ITEMS = rows("structured_content_items.csv")


def test_every_row_is_as_in_the_source_table() -> None:
    assert len(ITEMS) == 214
    for row in ITEMS:
        found = content.item((row["coding_scheme_designator"], row["code_value"]), row["value_type"])
        assert found is not None
        basic, columns = found
        assert basic == row["basic_profile"]
        assert {option.value: letter for option, letter in columns.items()} == {
            option.value: row[option.value] for option in content.COLUMNS if row[option.value]
        }


def test_a_concept_is_known_by_its_retired_codes() -> None:
    expected = content.item(("SCT", "371524004"), "TEXT")
    assert expected == ("X", {Option.CLEAN_DESCRIPTORS: "C"})
    for scheme in ("SRT", "SNM3", "99SDM"):
        assert content.item((scheme, "R-42B89"), "TEXT") == expected
    assert content.item(("DCM", "R-42B89"), "TEXT") is None


@pytest.mark.parametrize(
    ("concept", "value_type", "basic"),
    [
        (("DCM", "121022"), "UIDREF", "X"),
        (("DCM", "121022"), "", "X"),
        (("DCM", "121030"), "PNAME", "X/D"),
        (("DCM", "113850"), "TEXT", "D"),
        (("DCM", "121112"), "TEXT", "X"),  # D as an image, X as a waveform
    ],
)
def test_a_concept_in_a_value_type_nobody_foresaw_takes_the_strictest_basic_code(
    concept: tuple[str, str], value_type: str, basic: str
) -> None:
    assert content.item(concept, value_type) == (basic, {})


def test_a_listed_concept_as_a_code_or_number_is_listed_only_where_the_table_says_so() -> None:
    assert content.item(("SCT", "363698007"), "TEXT") is not None
    assert content.item(("SCT", "363698007"), "CODE") is None  # Finding Site
    assert content.item(("DCM", "121032"), "CODE") is not None  # Subject Sex
    assert content.item(("DCM", "121071"), "NUM") is None  # Finding
    assert content.item(("DCM", "121112"), "CODE") is None  # Source of Measurement, an image or a waveform
    assert content.item(("DCM", "121022"), "NUM") == ("X", {})  # Accession Number
    assert content.item(("DCM", "121029"), "CODE") == ("D", {})  # Subject Name
    assert content.item(("DCM", "121029"), "CONTAINER") is None


def test_a_concept_is_listed_in_whatever_value_type_and_case_of_its_scheme() -> None:
    assert content.is_listed(("dcm", "121071"))
    assert content.item(("dcm", "121022"), "TEXT") == content.item(("DCM", "121022"), "TEXT")
    assert not content.is_listed(("dcm", "0"))
    assert not content.is_listed(("99X", "121071"))


def test_what_the_table_does_not_list_has_no_row() -> None:
    assert content.item(("99ACME", "1"), "TEXT") is None
    assert content.item(("", ""), "") is None
