"""Plans in words. Those of the shipped profiles are golden files: nominal whole, of the others what differs from it.

``UPDATE_GOLDEN=1 pytest tests/unit/core/profile/test_explain.py`` writes them anew; read
the difference before it is kept.
"""

import os
from pathlib import Path

import pytest

from gateway.core.profile.explain import explain_attribute, explain_profile, parse_attribute, warnings
from gateway.core.profile.model import Profile
from gateway.core.profile.parse import parse_profile
from tests.kit.engine import PROFILES, profile

GOLDEN = Path(__file__).parents[3] / "golden"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
SHIPPED = sorted(file.stem for file in PROFILES.glob("*.yaml"))


def read(text: str) -> Profile:
    return parse_profile("name: p\n" + text, "p.yaml", profile)


def lines(name: str) -> list[str]:
    return explain_profile(profile(name)).replace(str(PROFILES), "profiles").splitlines()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_plan_of_a_shipped_profile_is_what_was_agreed(name: str) -> None:
    usual = set() if name == "nominal" else set(lines("nominal"))
    printed = "\n".join(line for line in lines(name) if line not in usual) + "\n"
    golden = GOLDEN / f"plan_{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(printed, encoding="utf-8")
    assert printed == golden.read_text(encoding="utf-8")


def test_every_golden_plan_belongs_to_a_shipped_profile() -> None:
    assert sorted(file.stem for file in GOLDEN.glob("plan_*.txt")) == [f"plan_{name}" for name in SHIPPED]


@pytest.mark.parametrize(
    ("asked", "sop_class", "line"),
    [
        ("PatientID", None, "(0010,0020) PatientID: replace '000000'; p.yaml:3"),
        ("0018,1000", ENHANCED_CT, "(0018,1000) DeviceSerialNumber: replace; E.1-1 X/Z/D -> D"),
        ("0018,1000", None, "(0018,1000) DeviceSerialNumber: remove; E.1-1 X/Z/D -> X"),
        (
            "PersonIdentificationCodeSequence",
            None,
            "(0040,1101) PersonIdentificationCodeSequence: keep (items stay, filled with dummies); E.1-1 D",
        ),
        ("0029,1010", None, "(0029,1010) unknown: remove; private (E.1-1)"),
        ("Rows", None, "(0028,0010) Rows: keep; unlisted: standard"),
        ("OverlayData", None, "(6000,3000) OverlayData: remove; E.1-1 X"),
        ("60xx,3000", None, "(6000,3000) OverlayData: remove; E.1-1 X"),
        ("StudyDescription", None, "(0008,1030) StudyDescription: keep; p.yaml:4 (disabled: not anonymized)"),
        ('("ACME",0029,10)', None, '("ACME",0029,10): keep; p.yaml:5'),
        (
            "ContentSequence > TextValue",
            None,
            "ContentSequence > TextValue: replace; not in E.1-1, reviewed: D",
        ),
        (
            "RequestAttributesSequence > CodeMeaning",
            None,
            "RequestAttributesSequence > CodeMeaning: remove; goes with RequestAttributesSequence: E.1-1 X",
        ),
    ],
)
def test_one_line_explains_an_attribute(asked: str, sop_class: str | None, line: str) -> None:
    explained = read(
        "attributes:\n"
        '  PatientID: {action: replace, value: "000000"}\n'
        "  StudyDescription: {disabled: true}\n"
        '  ("ACME",0029,10): {action: keep}\n'
    )
    assert explain_attribute(explained, parse_attribute(asked), sop_class) == line


def test_a_private_attribute_is_explained_by_its_table() -> None:
    explained = read("options: [retain_safe_private]\n")
    reasons = [explain_attribute(explained, parse_attribute(f'("ELSCINT1",00E1,{element})')) for element in (21, 50)]
    assert reasons == [
        '("ELSCINT1",00E1,21): keep; E.3.10-1 K',
        '("ELSCINT1",00E1,50): remove; E.3.10-1, but disputed or without a VR',
    ]


CONDITIONAL = """\
attributes:
  PatientSex:
    - {action: keep, when: {Modality: {equals: CT}}}
    - {action: replace, value: O, when: {Modality: {equals: MR}, Manufacturer: {contains: acme}}}
    - {action: remove, when: {Modality: {equals: US}, PatientAge: {present: false}}}
  Rows: {action: keep, when: {Modality: {equals: CT}}}
"""


def test_conditions_that_matter_are_explained_each_on_a_line() -> None:
    explained = read(CONDITIONAL)
    assert explain_attribute(explained, parse_attribute("PatientSex")).splitlines() == [
        "(0010,0040) PatientSex: empty; E.1-1 Z",
        "  when Modality equals 'CT': keep; p.yaml:4",
        "  when Modality equals 'MR' and Manufacturer contains 'acme': replace 'O'; p.yaml:5",
        "  when Modality equals 'US' and PatientAge is absent: remove; p.yaml:6",
    ]


@pytest.mark.parametrize("text", ["vr PN", '("ACME",0029,xx)', "Nothing", ""])
def test_only_an_attribute_can_be_explained(text: str) -> None:
    with pytest.raises(ValueError, match=r"name one attribute|not a keyword"):
        parse_attribute(text)


def test_a_printed_profile_lists_details_for_several_attributes_by_their_line() -> None:
    text = (
        "attributes:\n"
        "  60xx,3000: {action: keep}\n"
        '  ("ACME",0029,10): {action: X/Z}\n'
        "  Rows: {action: X}\n"
        '  ("ACME",0029,xx): {action: keep, when: {Modality: {matches: "C*"}}}\n'
        "  vr PN: {action: replace, value: NOBODY}\n"
        "  StudyDescription: {disabled: true}\n"
    )
    printed = [" ".join(line.split()) for line in explain_profile(read(text)).splitlines()]
    assert "(0028,0010) Rows remove p.yaml:5" in printed
    assert "(0008,1030) StudyDescription keep p.yaml:8 (disabled: not anonymized)" in printed
    assert printed[-7:] == [
        '("ACME",0029,10) remove p.yaml:4',
        "when Modality matches 'C*' keep p.yaml:6",
        "(60xx,3000): keep; p.yaml:3",
        "(\"ACME\",0029,xx): keep when Modality matches 'C*'; p.yaml:6",
        "vr PN: replace 'NOBODY'; p.yaml:7",
        "other private, unknown: remove",
        "other attributes of the standard: keep, unless they can identify",
    ]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("StudyDescription: {disabled: true}", ["StudyDescription (X)"]),
        ("StudyDescription: {action: keep}", ["StudyDescription (X)"]),
        ("StudyDescription: {action: clean}", []),
        ("Rows: {action: keep}", []),
        ("ContentSequence > PersonName: {action: keep}", ["ContentSequence > PersonName (D)"]),
        ("60xx,3000: {action: keep}", ["(60xx,3000) Overlay Data (X)"]),
        ("60xx,0010: {action: keep}", []),
        ('("ACME",0029,10): {action: keep}', ['("ACME",0029,10) (X)']),
        ('("ACME",0029,xx): {action: keep}', ['("ACME",0029,xx) (X)']),
        ('("ELSCINT1",00E1,21): {action: keep}', []),  # of Table E.3.10-1
        ('("ELSCINT1",00E1,50): {action: keep}', ['("ELSCINT1",00E1,50) (X)']),  # disputed
        ("vr AS: {action: keep}", ["PatientAge (X), SelectorASValue (D)"]),
    ],
)
def test_a_detail_that_keeps_what_the_table_names_is_warned_of(text: str, warned: list[str]) -> None:
    found = [
        warning.removeprefix("p.yaml:3: keeps what Table E.1-1 names: ")
        for warning in warnings(read(f"attributes:\n  {text}\n"))
    ]
    assert found == warned


def test_a_warning_tells_the_condition_and_shortens_long_lists() -> None:
    first, *_ = warnings(read(CONDITIONAL))
    assert first == "p.yaml:4: keeps what Table E.1-1 names when Modality equals 'CT': PatientSex (Z)"
    (second,) = warnings(read("attributes:\n  vr LO: {action: keep}\n  InstitutionName: {action: remove}\n"))
    assert "InstitutionName" not in second
    assert second.endswith(" more")


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_profile_keeps_what_the_table_names(name: str) -> None:
    assert list(warnings(profile(name))) == []
