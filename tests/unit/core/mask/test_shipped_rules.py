"""The shipped rule sets: each rule matches its device alone, and blanks exactly what it says."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.conditions import SOP_CLASS, Condition, Operator
from gateway.core.mask.model import PASSES, Policy, Rectangle, Verdict
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import DEFAULT_SETS, MaskRule, Masks
from tests.kit.engine import PROFILES

FILES = sorted((PROFILES / "masks").glob("*.yaml"))
DEVICES = PROFILES / "masks" / "devices.yaml"
WRITTEN: list[dict[str, Any]] = yaml.safe_load(DEVICES.read_text(encoding="utf-8"))["rules"]
RULES = parse_rules(DEVICES.read_text(encoding="utf-8"), "devices.yaml")[1]
ROWS, COLUMNS = 0x00280010, 0x00280011
CAPTURE = {SOP_CLASS: "1.2.840.10008.5.1.4.1.1.7"}
SPARE = {ROWS: "500", COLUMNS: "1600"}
"""Sizes of objects whose rule names none."""


def met(condition: Condition) -> str:
    """Make a value that meets a condition."""
    value = condition.values[-1]
    around = {Operator.CONTAINS: f"x {value} y", Operator.MATCHES: value.replace("*", "\\z")}
    return around.get(condition.operator, value)


def broken(condition: Condition) -> str | None:
    """Make one that does not."""
    return str(int(condition.values[0]) + 1) if condition.operator is Operator.AT_MOST else "unlike"


def object_of(rule: MaskRule) -> dict[int, str]:
    values = {**CAPTURE, **SPARE}
    for condition in rule.when:
        assert not condition.negated
        values[condition.tag] = met(condition)
    return values


def expected(written: dict[str, Any], rows: int, columns: int) -> set[Rectangle]:
    """Compute from the text of the file what is blanked."""
    found = set()
    for area in written["blank"]:
        x, y, height = (int(area[key]) for key in ("x", "y", "height"))
        right, bottom = min(columns, x + int(area.get("width", columns))), min(rows, y + height)
        if x < right and y < bottom:
            found.add(Rectangle(y, x, bottom - y, right - x))
    return found


def test_the_sets_that_profiles_use_are_those_that_are_shipped() -> None:
    assert sorted(DEFAULT_SETS) == [file.stem for file in FILES]


def test_every_set_is_called_as_its_file() -> None:
    for file in FILES:
        assert parse_rules(file.read_text(encoding="utf-8"), file.name)[0] == file.stem


def test_the_devices_are_all_there() -> None:
    assert len(RULES) == len(WRITTEN) == 127


@pytest.mark.parametrize(("rule", "written"), list(zip(RULES, WRITTEN, strict=True)), ids=[rule.name for rule in RULES])
def test_a_device_is_masked_where_its_rule_says(rule: MaskRule, written: dict[str, Any]) -> None:
    values = object_of(rule)
    decision = Masks(Policy.MASK, (rule,)).decide(values, None)
    assert (decision.verdict, decision.is_clean, decision.rules) == (Verdict.MASK, True, (rule.name,))
    assert set(decision.rectangles) == expected(written, int(values[ROWS]), int(values[COLUMNS]))


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_an_object_that_fails_one_condition_is_not_that_device(rule: MaskRule) -> None:
    masks = Masks(Policy.MASK, (rule,))
    for condition in rule.when:
        for value in (broken(condition), None):
            said = {**object_of(rule), condition.tag: value}
            values = {tag: text for tag, text in said.items() if text is not None}
            assert masks.decide(values, None).verdict is Verdict.REFUSE, condition


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_rule_knows_how_large_its_screen_is(rule: MaskRule) -> None:
    sized = {condition.tag for condition in rule.when} & {ROWS, COLUMNS}
    assert ROWS in sized
    assert COLUMNS in sized or all(area.width is None for area in rule.areas)


def decided(**said: str) -> tuple[set[tuple[int, int, int, int]], set[str]]:
    """Decide by all shipped rules; rectangles as x, y, width, height."""
    tags = {"modality": 0x00080060, "maker": 0x00080070, "model": 0x00081090, "type": 0x00080008, "series": 0x0008103E}
    tags |= {"burned_in": 0x00280301, "rows": ROWS, "columns": COLUMNS}
    decision = Masks(Policy.MASK, RULES).decide({**CAPTURE, **{tags[key]: value for key, value in said.items()}}, None)
    return {(one.x, one.y, one.width, one.height) for one in decision.rectangles}, set(decision.rules)


@pytest.mark.parametrize(
    ("said", "blanked"),
    [
        ({"modality": "US", "model": "LOGIQ9", "rows": "480", "columns": "640"}, (0, 0, 640, 41)),
        ({"modality": "US", "model": "LOGIQE9", "rows": "720", "columns": "960"}, (0, 0, 960, 71)),
        ({"modality": "US", "model": "iU22", "rows": "768", "columns": "1024"}, (0, 0, 1024, 76)),  # 786 in one source
        ({"modality": "CR", "maker": "Canon", "model": "CXDI", "rows": "2592", "columns": "2208"}, (0, 0, 2208, 81)),
        (
            {"modality": "US", "maker": "Philips", "model": "EPIQ 7G", "rows": "768", "columns": "1024"},
            (0, 0, 1024, 60),
        ),
        ({"maker": "ADAC", "rows": "832", "columns": "1024"}, (0, 762, 1024, 70)),
        ({"maker": "MEDRAD", "series": "MEDRAD", "rows": "1077", "columns": "750"}, (0, 0, 750, 231)),
        (
            {
                "modality": "CT", "maker": "GE MEDICAL SYSTEMS", "series": "AW electronic film", "burned_in": "YES",
                "rows": "512", "columns": "512",
            },
            (0, 0, 512, 81),
        ),
        (
            {
                "modality": "CT", "maker": "GE MEDICAL SYSTEMS", "model": "LightSpeed VCT",
                "type": "DERIVED\\SECONDARY\\SCREEN SAVE", "rows": "512", "columns": "512",
            },
            (0, 0, 512, 121),
        ),
        (
            {
                "modality": "CT", "maker": "GE MEDICAL SYSTEMS", "model": "LightSpeed VCT", "series": "Dose",
                "rows": "512", "columns": "512",
            },
            (0, 0, 512, 121),
        ),
        ({"modality": "CT", "maker": "PHILIPS", "type": "DOSE", "rows": "512", "columns": "512"}, (0, 0, 512, 136)),
    ],
)  # fmt: skip
def test_faults_of_the_sources_are_mended(said: dict[str, str], blanked: tuple[int, int, int, int]) -> None:
    assert blanked in decided(**said)[0]


@pytest.mark.parametrize(
    "said",
    [
        {"modality": "US", "model": "LOGIQ9", "rows": "768", "columns": "1024"},  # larger than the rule can reach
        {"modality": "US", "model": "LOGIQ9"},
        {"modality": "CT", "model": "LOGIQ9", "rows": "480", "columns": "640"},
        {"modality": "US", "maker": "IMAGE SYSTEMS", "model": "LOGIQE", "rows": "614", "columns": "800"},  # not GE
        {"modality": "CT", "maker": "GE MEDICAL SYSTEMS", "burned_in": "YES", "rows": "1024", "columns": "1280"},
    ],
)
def test_what_looks_like_a_device_and_is_not_matches_nothing(said: dict[str, str]) -> None:
    assert decided(**said) == (set(), set())


def test_ultrasound_regions_are_for_ultrasound() -> None:
    text = (PROFILES / "masks" / "ultrasound-regions.yaml").read_text(encoding="utf-8")
    masks = Masks(Policy.MASK, parse_rules(text, "ultrasound-regions.yaml")[1])
    regions = ((0, 50, 799, 599),)
    for end in ("6.1", "3.1", "6", "3"):
        values = {SOP_CLASS: f"1.2.840.10008.5.1.4.1.1.{end}", ROWS: "600", COLUMNS: "800"}
        assert masks.decide(values, regions).rectangles == (Rectangle(0, 0, 50, 800),)
        assert masks.decide(values, None).verdict is Verdict.REFUSE
    capture = {**CAPTURE, ROWS: "600", COLUMNS: "800"}
    assert masks.decide(capture, regions).verdict is Verdict.REFUSE
    assert masks.decide({SOP_CLASS: "1.2.840.10008.5.1.4.1.1.88.11"}, regions) == PASSES


ALL_RULES = (*RULES, *parse_rules((PROFILES / "masks" / "ultrasound-regions.yaml").read_text(encoding="utf-8"), "u")[1])
ALL_MASKS = [Masks(policy, ALL_RULES) for policy in Policy]
LIKELY = st.sampled_from(
    ["512", "600", "1024", "US", "CT", "YES", "NO", "GE MEDICAL", "iU22", "1.2.840.10008.5.1.4.1.1.6.1"]
)
CORNER = st.integers(-10, 70_000)


@given(
    st.dictionaries(st.sampled_from(ALL_MASKS[0].tags), LIKELY | st.text(max_size=20)),
    st.none() | st.lists(st.tuples(CORNER, CORNER, CORNER, CORNER), max_size=3).map(tuple),
)
def test_whatever_an_object_says_something_sound_is_decided(
    values: dict[int, str], regions: tuple[tuple[int, int, int, int], ...] | None
) -> None:
    for masks in ALL_MASKS:
        decision = masks.decide(values, regions)
        assert decision.reason.isprintable()
        assert bool(decision.reason) is (decision.verdict in (Verdict.REFUSE, Verdict.SCREEN))
        assert bool(decision.rectangles) is (decision.verdict is Verdict.MASK) or decision.verdict is Verdict.SCREEN
        assert decision.is_clean is (decision.verdict is Verdict.MASK)
        for one in decision.rectangles:
            assert 0 <= one.x < one.x + one.width <= int(values[COLUMNS])
            assert 0 <= one.y < one.y + one.height <= int(values[ROWS])
