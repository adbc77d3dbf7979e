"""The script that makes the shipped rules of devices, on invented facts."""

from scripts.mask_rules import Rule, composed

COLUMNS = (
    "rule", "source", "credited_to", "group", "modality", "manufacturer", "model", "rows", "columns", "image_type",
    "series_description", "burned_in_annotation", "other_conditions", "alternatives", "x", "y", "width", "height",
)  # fmt: skip
BANNER = {"x": "0", "y": "0", "width": "800", "height": "50"}
SONO = {"rule": "1001", "modality": "US", "model": "Sono", "rows": "600"}


def line(*parts: dict[str, str], **said: str) -> dict[str, str]:
    facts = {**dict.fromkeys(COLUMNS, ""), **BANNER}
    for part in parts:
        facts |= part
    return facts | said


def only(*lines: dict[str, str]) -> Rule:
    (rule,) = composed(lines)
    return rule


def test_a_banner_of_unknown_width_goes_from_edge_to_edge() -> None:
    rule = only(line(SONO))
    assert rule.blank == ((0, 0, None, 50),)
    assert rule.when == {
        "Modality": {"equals": "US"},
        "ManufacturerModelName": {"contains": "Sono"},
        "Rows": {"equals": "600"},
    }
    assert list(rule.lines())[-1] == "      - {x: 0, y: 0, height: 50}"


def test_a_rule_without_a_size_reaches_no_further_than_its_rectangles() -> None:
    assert only(line(SONO, rows="")).when.items() >= {"Rows": {"at_most": 800}, "Columns": {"at_most": 800}}.items()
    corner = only(line(SONO, width="80"))
    assert (corner.blank, corner.when["Columns"]) == (((0, 0, 80, 50),), {"at_most": 600})


def test_a_known_size_is_asked_for_and_the_rectangle_stays_as_it_is() -> None:
    rule = only(line(SONO, columns="1024"))
    assert (rule.blank, rule.when["Columns"]) == (((0, 0, 800, 50),), {"equals": "1024"})


def test_the_lines_of_a_rule_belong_together() -> None:
    assert len(only(line(SONO), line(SONO, y="500")).blank) == 2


def test_what_came_from_ctp_has_one_row_more() -> None:
    assert only(line(SONO, credited_to="CTP community")).blank == ((0, 0, None, 51),)


def test_alternatives_become_two_rules() -> None:
    rules = composed([line(SONO, alternatives="Y", image_type="SCREEN", series_description="Dose|Report")])
    assert [rule.name for rule in rules] == ["sono-screen-600", "sono-dose-600"]
    assert [list(rule.when)[2] for rule in rules] == ["ImageType", "SeriesDescription"]
    assert rules[1].when["SeriesDescription"] == {"contains": ["Dose", "Report"]}


def test_a_rule_that_asks_more_and_blanks_no_more_is_needless() -> None:
    more = {"rule": "1002", "manufacturer": "ACME"}
    assert [rule.when.keys() for rule in composed([line(SONO, more), line(SONO)])] == [
        {"Modality", "ManufacturerModelName", "Rows"}
    ]
    assert len(composed([line(SONO, more, height="60"), line(SONO)])) == 2
    assert len(composed([line(SONO), line(SONO, rule="1002")])) == 1


def test_rules_of_one_name_get_numbers() -> None:
    rules = composed([line(SONO, image_type="A"), line(SONO, rule="1002", image_type="A", columns="800", height="70")])
    assert [rule.name for rule in rules] == ["sono-a-600", "sono-a-600-2"]


def test_a_short_name_is_a_whole_word() -> None:
    assert only(line(SONO, manufacturer="GE")).when["Manufacturer"] == {"matches": ["GE", "GE *", "GE_*", "GEMS*"]}


def test_known_slips_are_mended_and_what_cannot_be_asked_is_left_out() -> None:
    assert only(line(SONO, rule="80", rows="786")).when["Rows"] == {"equals": "768"}
    assert composed([line(SONO, rule="3")]) == []
