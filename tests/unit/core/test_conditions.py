"""Conditions on an object's root attributes."""

import pytest

from gateway.core.profile.conditions import Condition, Operator, exclude, holds
from gateway.core.profile.model import Profile
from gateway.core.profile.parse import parse_profile

MODALITY, MAKER = 0x00080060, 0x00080070


def is_true(operator: str, value: str, found: str | None) -> bool:
    return Condition(MAKER, Operator(operator), value).holds(found)


@pytest.mark.parametrize(
    ("operator", "value", "found", "true"),
    [
        ("equals", "ACME", "ACME", True),
        ("equals", "ACME", "Acme ", True),  # neither case nor padding matter
        ("equals", "straße", "STRASSE", True),
        ("equals", "ACME", "ACME 2", False),
        ("equals", "DERIVED", "DERIVED\\PRIMARY", False),  # the whole value
        ("equals", "ACME", None, False),
        ("equals", "ACME", "", False),
        ("contains", "cm", "ACME", True),
        ("contains", "primary", "DERIVED\\PRIMARY", True),
        ("contains", "cm", "AC", False),
        ("contains", "cm", None, False),
        ("matches", "AC*", "acme", True),
        ("matches", "*me", "ACME", True),
        ("matches", "a?me", "ACME", True),
        ("matches", "a?me", "AMME E", False),
        ("matches", "a*m*e", "acme of rome", True),
        ("matches", "a*m*x", "acme of rome", False),
        ("matches", "a", "acme", False),
        ("matches", "*", "acme", True),
        ("matches", "*", None, False),
        ("matches", "a.me", "acme", False),  # a dot is a dot
        ("matches", "[a]*", "acme", False),
        ("matches", "a*", "a\nb", True),
        ("present", "true", "x", True),
        ("present", "true", None, False),
        ("present", "true", "", False),
        ("present", "false", None, True),
        ("present", "false", "x", False),
    ],
)
def test_a_condition_is_true_of_some_values(operator: str, value: str, found: str | None, true: bool) -> None:
    assert is_true(operator, value, found) is true


def test_a_pattern_takes_no_time_whatever_the_value() -> None:
    assert not is_true("matches", "*a" * 200 + "b", "a" * 20_000)


def test_all_conditions_of_a_rule_must_hold() -> None:
    when = (Condition(MODALITY, Operator.EQUALS, "CT"), Condition(MAKER, Operator.CONTAINS, "acme"))
    assert holds(when, {MODALITY: "CT", MAKER: "ACME"})
    assert not holds(when, {MODALITY: "CT"})
    assert not holds(when, {MAKER: "ACME"})
    assert holds((), {})


EQUALS_A, EQUALS_B = (Condition(MAKER, Operator.EQUALS, value) for value in "ab")


@pytest.mark.parametrize(
    ("one", "other", "excluded"),
    [
        (EQUALS_A, EQUALS_B, True),
        (EQUALS_A, Condition(MAKER, Operator.EQUALS, "A"), False),
        (EQUALS_A, Condition(MODALITY, Operator.EQUALS, "b"), False),
        (EQUALS_A, Condition(MAKER, Operator.PRESENT, "false"), True),
        (EQUALS_A, Condition(MAKER, Operator.PRESENT, "true"), False),
        (EQUALS_A, Condition(MAKER, Operator.MATCHES, "b*"), True),
        (EQUALS_A, Condition(MAKER, Operator.MATCHES, "A*"), False),
        (Condition(MAKER, Operator.CONTAINS, "a"), Condition(MAKER, Operator.CONTAINS, "b"), False),
        (Condition(MAKER, Operator.CONTAINS, "a"), Condition(MAKER, Operator.PRESENT, "false"), True),
        (Condition(MAKER, Operator.PRESENT, "true"), Condition(MAKER, Operator.PRESENT, "false"), True),
    ],
)
def test_conditions_exclude_each_other_where_that_is_plain(one: Condition, other: Condition, excluded: bool) -> None:
    assert exclude((one,), (other,)) is excluded
    assert exclude((other,), (one,)) is excluded


def test_a_profile_says_what_to_look_at_and_which_conditions_hold() -> None:
    text = """\
name: p
attributes:
  PatientSex: {action: keep, when: {Modality: {equals: CT}}}
  PatientAge: {action: keep, when: {Modality: {equals: CT}}}
  PatientSize: {action: keep, when: {Manufacturer: {present: false}, SOPClassUID: {equals: CTImageStorage}}}
"""
    read = parse_profile(text, "p.yaml", lambda _: None)
    assert read.condition_tags == (0x00080016, MODALITY, MAKER)
    assert len(read.whens) == 2
    assert read.active({}) == frozenset()
    assert read.active({MODALITY: "CT"}) == {0}
    assert read.active({MODALITY: "MR", 0x00080016: "1.2.840.10008.5.1.4.1.1.2"}) == {1}
    assert Profile("q").condition_tags == ()
