"""Rule set text in, rules out; or every fault at once, each with its line."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.conditions import Condition, Operator
from gateway.core.errors import ConfigFaults
from gateway.core.mask.areas import Area, Length
from gateway.core.mask.parse import MAX_AREAS, parse_rules
from gateway.core.mask.rules import MaskRule, What
from tests.kit.engine import PROFILES

WHEN = "when: {Modality: {equals: US}}"
US = (Condition(0x00080060, Operator.EQUALS, ("US",)),)


def rule(said: str) -> MaskRule:
    _, (only,) = parse_rules(f"name: own\nrules:\n  - {{name: r, {said}}}\n", "own.yaml")
    return only


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        parse_rules(text, "own.yaml")
    return [str(fault) for fault in caught.value.faults]


def fault(said: str) -> str:
    (only,) = faults(f"name: own\nrules:\n  - {{name: r, {said}}}\n")
    where, _, what = only.partition(": ")
    assert where == "own.yaml:3"
    return what


def test_a_rule_set_is_read_with_the_lines_of_its_rules() -> None:
    text = f"""\
name: own
comment: ours
rules:
  - name: one
    comment: seen on the console in room 2
    {WHEN}
    blank: [{{x: 1, y: -2, width: 12.5%, height: 3}}]
  - {{name: two, {WHEN}, keep: [{{}}]}}
  - {{name: three, {WHEN}, keep: ultrasound_regions}}
  - {{name: four, {WHEN}, clean: true}}
"""
    area = Area(
        Length(Fraction(1)), Length(Fraction(-2)), Length(Fraction("12.5"), is_percent=True), Length(Fraction(3))
    )
    name, rules = parse_rules(text, "own.yaml")
    assert name == "own"
    assert rules == (
        MaskRule("own/one", US, What.BLANK, (area,)),
        MaskRule("own/two", US, What.KEEP, (Area(),)),
        MaskRule("own/three", US, What.KEEP_REGIONS),
        MaskRule("own/four", US, What.CLEAN),
    )
    assert [rule.where for rule in rules] == [f"own.yaml:{line}" for line in (4, 8, 9, 10)]


def test_the_example_in_the_documentation_is_a_rule_set() -> None:
    page = (PROFILES.parent / "docs" / "masks.md").read_text(encoding="utf-8")
    example = page.partition("\n## Rules\n")[2].partition("```yaml\n")[2].partition("```")[0]
    name, rules = parse_rules(example, "docs/masks.md")
    assert name == "ours"
    assert [rule.what for rule in rules] == [What.BLANK, What.KEEP, What.CLEAN]


def test_a_rule_also_looks_at_numbers() -> None:
    read = rule("when: {Rows: {equals: [600, 768]}, Columns: {at_least: 800, at_most: 1024}}, clean: true")
    assert read.when == (
        Condition(0x00280010, Operator.EQUALS, ("600", "768")),
        Condition(0x00280011, Operator.AT_LEAST, ("800",)),
        Condition(0x00280011, Operator.AT_MOST, ("1024",)),
    )


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (WHEN, "rules[0]: say one of blank, keep and clean: true"),
        (f"{WHEN}, blank: [{{}}], clean: true", "rules[0]: say one of blank, keep and clean: true"),
        (f"{WHEN}, clean: false", "rules[0].clean: should be true"),
        (f"{WHEN}, keep: regions", "rules[0].keep: should be ultrasound_regions"),
        (f"{WHEN}, keep: [{{z: 1}}]", "rules[0].keep[0].z: unknown key"),
        (f"{WHEN}, blank: []", "rules[0].blank: List should have at least 1 item after validation, not 0"),
        (f"{WHEN}, blank: [{{z: 1}}]", "rules[0].blank[0].z: unknown key"),
        (f"{WHEN}, blank: [{{width: 0}}]", "rules[0].blank[0].width: should be more than nothing"),
        (f"{WHEN}, blank: [{{height: -5}}]", "rules[0].blank[0].height: should be more than nothing"),
        (f"{WHEN}, blank: [{{x: 101%}}]", "rules[0].blank[0].x: a share is at most 100%"),
        (
            f"{WHEN}, blank: [{{x: 1.5}}]",
            'rules[0].blank[0].x: should be whole pixels, such as 80, or a share, such as "12.5%"',
        ),
        (
            f"{WHEN}, blank: [{{x: 1e3}}]",
            'rules[0].blank[0].x: should be whole pixels, such as 80, or a share, such as "12.5%"',
        ),
        (f"{WHEN}, blanks: [{{}}]", 'rules[0].blanks: unknown key (did you mean "blank"?)'),
        ("clean: true", "rules[0].when: missing"),
        ("when: {}, clean: true", "rules[0].when: Dictionary should have at least 1 item after validation, not 0"),
        ("when: {Modalities: {equals: US}}, clean: true", "rules[0]: when: Modalities: not a keyword or tag"),
        (
            "when: {PixelData: {present: true}}, clean: true",
            "rules[0]: when: PixelData: a condition looks at the data set's top level, before its pixel data",
        ),
        (
            "when: {SequenceOfUltrasoundRegions: {present: true}}, clean: true",
            "rules[0]: when: a mask rule looks at text, dates, numbers and UIDs",
        ),
        (
            "when: {CommentsOnRadiationDose: {contains: DLP}}, clean: true",
            "rules[0]: when: a mask rule looks at groups 0008 to 0028: what comes later is not known in time",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(said: str, what: str) -> None:
    assert fault(said) == what


def test_a_rule_has_so_many_areas_and_no_more() -> None:
    assert len(rule(f"{WHEN}, blank: [{', '.join(['{}'] * MAX_AREAS)}]").areas) == MAX_AREAS
    assert "at most 100" in fault(f"{WHEN}, blank: [{', '.join(['{}'] * (MAX_AREAS + 1))}]")


def test_two_rules_of_one_name_are_refused() -> None:
    text = f"name: own\nrules:\n  - {{name: r, {WHEN}, clean: true}}\n  - {{name: r, {WHEN}, blank: [{{}}]}}\n"
    assert faults(text) == ["own.yaml:4: rules[1]: a second rule named r, after own.yaml:3"]


def test_every_fault_is_told_at_once() -> None:
    text = f"name: own\nrules:\n  - {{name: r, {WHEN}}}\n  - {{name: s, when: {{Rows: {{at_most: x}}}}, clean: true}}\n"
    assert faults(text) == [
        "own.yaml:3: rules[0]: say one of blank, keep and clean: true",
        "own.yaml:4: rules[1]: when: Rows: 'x' is not a number",
    ]


@pytest.mark.parametrize("text", ["", "name: own\n", "name: own\nrules: []\n", "name: Own\nrules: [{}]\n"])
def test_a_set_without_a_name_or_rules_is_refused(text: str) -> None:
    assert faults(text)


SHIPPED = (PROFILES / "masks" / "ultrasound-regions.yaml").read_text(encoding="utf-8")
TEXT = SHIPPED + f"  - {{name: b, {WHEN}, blank: [{{x: -1, y: 12.5%, width: 3}}]}}\n"


@given(
    st.integers(0, len(TEXT)), st.integers(0, 30), st.text(st.sampled_from("{}[]:,-%.\"'0 9ax\n\t\x00é"), max_size=8)
)
def test_broken_text_is_a_fault_and_nothing_else(at: int, without: int, instead: str) -> None:
    try:
        parse_rules(TEXT[:at] + instead + TEXT[at + without :], "own.yaml")
    except ConfigFaults as found:
        assert all(re.fullmatch("own.yaml:[0-9]+", fault.where) for fault in found.faults)  # noqa: PT017 - it may be sound
