"""Conditions on an object's root attributes."""

import pytest
from pydantic import ValidationError

from gateway.core.conditions import Asked, Condition, Operator, exclude, holds, parse_when
from gateway.core.profile.model import Profile
from gateway.core.profile.parse import parse_profile

MODALITY, MAKER = 0x00080060, 0x00080070


def is_true(operator: str, value: str, found: str | None) -> bool:
    return Condition(MAKER, Operator(operator), (value,)).holds(found)


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


@pytest.mark.parametrize(
    ("operator", "value", "found", "true"),
    [
        ("at_least", "512", "512", True),
        ("at_least", "512", "1024", True),  # as numbers, not as text
        ("at_least", "512", "511", False),
        ("at_most", "512", "512 ", True),
        ("at_most", "512", "0512", True),
        ("at_most", "512", "99", True),
        ("at_most", "512", "512.5", False),
        ("at_most", "512", "1024", False),
        ("at_most", "-1", "-2", True),
        *((operator, "512", found, False) for operator in ("at_least", "at_most") for found in (
            None, "", " ", "x", "1\\2", "nan", "sNaN", "0x200",
        )),
    ],
)  # fmt: skip
def test_numbers_are_compared_as_numbers(operator: str, value: str, found: str | None, true: bool) -> None:
    assert is_true(operator, value, found) is true


def test_any_of_several_values_will_do_and_of_what_must_not_be_none() -> None:
    either = Condition(MAKER, Operator.CONTAINS, ("acme", "bolt"))
    neither = Condition(MAKER, Operator.CONTAINS, ("acme", "bolt"), negated=True)
    for found, true in (("ACME", True), ("Bolt Ltd", True), ("Crane", False), ("", False), (None, False)):
        assert either.holds(found) is true
        assert neither.holds(found) is not true


def test_a_pattern_takes_no_time_whatever_the_value() -> None:
    assert not is_true("matches", "*a" * 200 + "b", "a" * 20_000)


def test_all_conditions_of_a_rule_must_hold() -> None:
    when = (Condition(MODALITY, Operator.EQUALS, ("CT",)), Condition(MAKER, Operator.CONTAINS, ("acme",)))
    assert holds(when, {MODALITY: "CT", MAKER: "ACME"})
    assert not holds(when, {MODALITY: "CT"})
    assert not holds(when, {MAKER: "ACME"})
    assert holds((), {})


NOTHING = Condition(MAKER, Operator.PRESENT, ("false",))
HAS_A = Condition(MAKER, Operator.CONTAINS, ("a",))
EQUALS_A, EQUALS_B = (Condition(MAKER, Operator.EQUALS, (value,)) for value in "ab")


@pytest.mark.parametrize(
    ("one", "other", "excluded"),
    [
        (EQUALS_A, EQUALS_B, True),
        (EQUALS_A, Condition(MAKER, Operator.EQUALS, ("A",)), False),
        (EQUALS_A, Condition(MODALITY, Operator.EQUALS, ("b",)), False),
        (EQUALS_A, Condition(MAKER, Operator.PRESENT, ("false",)), True),
        (EQUALS_A, Condition(MAKER, Operator.PRESENT, ("true",)), False),
        (EQUALS_A, Condition(MAKER, Operator.MATCHES, ("b*",)), True),
        (EQUALS_A, Condition(MAKER, Operator.MATCHES, ("A*",)), False),
        (Condition(MAKER, Operator.CONTAINS, ("a",)), Condition(MAKER, Operator.CONTAINS, ("b",)), False),
        (Condition(MAKER, Operator.CONTAINS, ("a",)), Condition(MAKER, Operator.PRESENT, ("false",)), True),
        (Condition(MAKER, Operator.PRESENT, ("true",)), Condition(MAKER, Operator.PRESENT, ("false",)), True),
        (EQUALS_A, Condition(MAKER, Operator.EQUALS, ("b", "c")), True),
        (EQUALS_A, Condition(MAKER, Operator.EQUALS, ("b", "A")), False),
        (EQUALS_A, Condition(MAKER, Operator.EQUALS, ("a",), negated=True), True),
        (EQUALS_A, Condition(MAKER, Operator.EQUALS, ("b",), negated=True), False),
        (EQUALS_A, Condition(MAKER, Operator.AT_LEAST, ("3",)), True),
        (HAS_A, Condition(MAKER, Operator.CONTAINS, ("a", "b"), negated=True), True),
        (HAS_A, HAS_A, False),
        (HAS_A, Condition(MAKER, Operator.CONTAINS, ("b",), negated=True), False),
        (HAS_A, Condition(MAKER, Operator.MATCHES, ("a",), negated=True), False),
        (
            Condition(MAKER, Operator.PRESENT, ("false",)),
            Condition(MAKER, Operator.CONTAINS, ("a",), negated=True),
            False,
        ),
        (Condition(MAKER, Operator.AT_LEAST, ("3",)), Condition(MAKER, Operator.AT_MOST, ("2",)), False),
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


def read(name: str, said: object) -> tuple[Condition, ...]:
    return parse_when({name: Asked.model_validate(said)})


def test_conditions_are_read_in_the_order_of_their_tags() -> None:
    tests = {
        "Manufacturer": Asked.model_validate({"contains": ["a", "b"], "not": {"matches": "*c"}}),
        "Modality": Asked.model_validate({"equals": "CT"}),
        "SeriesNumber": Asked.model_validate({"at_least": "3", "at_most": "4.5"}),
        "SOPClassUID": Asked.model_validate({"equals": ["CTImageStorage", "1.2.3"]}),
    }
    assert parse_when(tests) == (
        Condition(0x00080016, Operator.EQUALS, ("1.2.840.10008.5.1.4.1.1.2", "1.2.3")),
        Condition(MODALITY, Operator.EQUALS, ("CT",)),
        Condition(MAKER, Operator.CONTAINS, ("a", "b")),
        Condition(MAKER, Operator.MATCHES, ("*c",), negated=True),
        Condition(0x00200011, Operator.AT_LEAST, ("3",)),
        Condition(0x00200011, Operator.AT_MOST, ("4.5",)),
    )


def test_binary_numbers_are_compared_as_text() -> None:
    assert read("Rows", {"equals": "512"}) == (Condition(0x00280010, Operator.EQUALS, ("512",)),)


@pytest.mark.parametrize(
    ("name", "said", "what"),
    [
        ("Modality", {}, "say equals, contains, matches, at_least, at_most, present or not"),
        ("Modality", {"not": {}}, "say equals, contains, matches, at_least, at_most, present or not"),
        ("Modality", {"equals": []}, "nothing to compare with"),
        ("Modality", {"equals": ["CT", ""]}, "nothing to compare with"),
        ("Modality", {"not": {"contains": ""}}, "nothing to compare with"),
        ("Modality", {"at_least": "3"}, "at_least and at_most are for numbers"),
        ("StudyDate", {"at_least": "20260101"}, "at_least and at_most are for numbers"),
        ("SeriesNumber", {"at_most": "many"}, "'many' is not a number"),
        ("SeriesNumber", {"at_most": "1e9"}, "'1e9' is not a number"),
        ("SOPClassUID", {"equals": ["CTImageStorage", "Ultrasound"]}, "neither a UID nor the keyword"),
        ("SOPClassUID", {"not": {"equals": "Ultrasound"}}, "neither a UID nor the keyword"),
    ],
)
def test_a_condition_that_says_nothing_is_refused(name: str, said: object, what: str) -> None:
    with pytest.raises(ValueError, match=f"^when: {name}: .*{what}"):
        read(name, said)


@pytest.mark.parametrize("said", [{"not": {"present": "true"}}, {"not": {"not": {"equals": "a"}}}, {"at_least": ["1"]}])
def test_what_cannot_be_turned_round_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        Asked.model_validate(said)


ROWS, THICKNESS, SLOPE = 0x00280010, 0x00180050, 0x00409225  # US, DS, FD
FLOAT = 0x00181320  # FL


@pytest.mark.parametrize(
    ("tag", "value", "found", "true"),
    [
        (ROWS, "512", "512", True),
        (ROWS, "512", "0512", True),
        (ROWS, "512", "51", False),
        (THICKNESS, "1.5", "+1.50", True),
        (THICKNESS, "1.5\\2", " 1.50\\2.0 ", True),
        (THICKNESS, "1e2", "100", True),
        (THICKNESS, ".5", "0.5", True),
        (THICKNESS, "x", "X", True),  # no number: text
        (THICKNESS, "1", "1_0", False),
        (SLOPE, "0.1", "0.1", True),
        (SLOPE, "0.1", "0.10000000149011612", False),
        (SLOPE, "1e300", "1e+300", True),
        (SLOPE, "-0", "0.0", True),
        (SLOPE, "1", "nan", False),
        (FLOAT, "0.1", "0.10000000149011612", True),  # the nearest that FL has
        (FLOAT, "0.1", "0.1000001", False),
        (FLOAT, "1e39", "1e38", False),
        (0x00089007, "1", "1.0", False),  # FrameType, CS: text
    ],
)
def test_equal_numbers_are_equal_however_they_are_written(tag: int, value: str, found: str, *, true: bool) -> None:
    assert Condition(tag, Operator.EQUALS, (value,)).holds(found) is true
    assert Condition(tag, Operator.EQUALS, (value,), negated=True).holds(found) is not true


def test_floating_point_numbers_have_an_order() -> None:
    assert Condition(FLOAT, Operator.AT_LEAST, ("0.1",)).holds("0.10000000149011612")
    assert Condition(FLOAT, Operator.AT_MOST, ("0.1",)).holds("0.10000000149011612")
    assert Condition(SLOPE, Operator.AT_MOST, ("-0.5",)).holds("-1e+30")
    assert not Condition(SLOPE, Operator.AT_MOST, ("5",)).holds("nan")
