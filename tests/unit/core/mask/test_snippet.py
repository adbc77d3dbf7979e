"""The rule that is missing, ready to paste: it reads back as a rule for that object, whatever a sender wrote."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.conditions import holds
from gateway.core.mask.model import Policy, Rectangle, Verdict
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import MaskRule, Masks
from gateway.core.mask.snippet import missing_rule

US = "1.2.840.10008.5.1.4.1.1.6.1"
NAMED = {
    0x00080016: US,
    0x00080060: "US",
    0x00080070: "ACME Imaging",
    0x00081090: "Sono 9",
    0x00280010: "600",
    0x00280011: "800",
}


def pasted(values: dict[int, str]) -> MaskRule:
    """Read the snippet as an operator who pastes it into a file."""
    snippet = missing_rule(values).removeprefix("Missing rule: ")
    _, (rule,) = parse_rules(f"name: mine\nrules:\n  - {snippet}\n", "mine.yaml")
    return rule


def test_the_snippet_names_what_a_rule_looks_at() -> None:
    assert missing_rule(NAMED) == (
        'Missing rule: {name: my-device, when: {Manufacturer: {equals: "ACME Imaging"}, '
        'ManufacturerModelName: {equals: "Sono 9"}, Modality: {equals: "US"}, '
        'SOPClassUID: {equals: "UltrasoundImageStorage"}, Rows: {equals: 600}, Columns: {equals: 800}}, '
        "blank: [{x: 0, y: 0}]}"
    )


def test_the_snippet_says_nothing_of_the_patient_the_station_or_the_series() -> None:
    others = (0x00080008, 0x00080018, 0x00081010, 0x0008103E, 0x00100010, 0x00181016)
    canaries = dict.fromkeys(others, "CANARY")
    assert "CANARY" not in missing_rule({**NAMED, **canaries})


def test_pasted_as_it_is_the_rule_matches_and_blanks_the_whole_frame() -> None:
    decision = Masks(Policy.MASK, (pasted(NAMED),)).decide(NAMED, None)
    assert (decision.verdict, decision.rectangles) == (Verdict.MASK, (Rectangle(0, 0, 600, 800),))
    assert Masks(Policy.MASK, (pasted(NAMED),)).decide({**NAMED, 0x00280010: "601"}, None).verdict is Verdict.REFUSE


@pytest.mark.parametrize(
    ("written", "test"),
    [
        ('AC"ME', '{equals: "AC\\"ME"}'),
        ("AC\\ME", '{equals: "AC\\\\ME"}'),
        ("ACME }, clean: true", '{equals: "ACME }, clean: true"}'),
        ("ACME\n  - name: other", '{contains: "ACME"}'),
        ("ACME\x1b[2J", '{contains: "ACME"}'),
        ("AC\u202eME", '{contains: "AC"}'),  # a character that turns the line round
        ("Ä" * 100, '{contains: "' + "Ä" * 64 + '"}'),
    ],
)
def test_whatever_a_sender_wrote_stays_one_quoted_value(written: str, test: str) -> None:
    snippet = missing_rule({**NAMED, 0x00080070: written})
    assert f"Manufacturer: {test}, ManufacturerModelName" in snippet
    rule = pasted({**NAMED, 0x00080070: written})
    assert holds(rule.when, {**NAMED, 0x00080070: written})


@given(st.dictionaries(st.sampled_from(sorted(NAMED)), st.text(max_size=200)))
def test_the_snippet_is_one_bounded_printable_line_that_is_yaml(values: dict[int, str]) -> None:
    snippet = missing_rule(values)
    assert snippet.isprintable()
    assert len(snippet) < 1000
    assert list(yaml.safe_load(snippet.removeprefix("Missing rule: "))) == ["name", "when", "blank"]
