"""Plans in words. Those of the shipped profiles are golden files.

``UPDATE_GOLDEN=1 pytest tests/unit/core/profile/test_explain.py`` writes them anew; read
the difference before it is kept.
"""

import os
from pathlib import Path

import pytest

from gateway.core.profile.parse import parse_profile
from gateway.core.profile.plan import explain_attribute, explain_profile
from tests.kit.engine import PROFILES, profile

GOLDEN = Path(__file__).parents[3] / "golden"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
SHIPPED = sorted(file.stem for file in PROFILES.glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_plan_of_a_shipped_profile_is_what_was_agreed(name: str) -> None:
    printed = explain_profile(profile(name)).replace(str(PROFILES), "profiles") + "\n"
    golden = GOLDEN / f"plan_{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(printed, encoding="utf-8")
    assert printed == golden.read_text(encoding="utf-8")


def test_every_golden_plan_belongs_to_a_shipped_profile() -> None:
    assert sorted(file.stem for file in GOLDEN.glob("plan_*.txt")) == [f"plan_{name}" for name in SHIPPED]


@pytest.mark.parametrize(
    ("number", "sop_class", "line"),
    [
        (0x00100020, None, "(0010,0020) PatientID: replace '000000'; p.yaml:3"),
        (0x00181000, ENHANCED_CT, "(0018,1000) DeviceSerialNumber: replace; E.1-1 X/Z/D -> D"),
        (0x00181000, None, "(0018,1000) DeviceSerialNumber: remove; E.1-1 X/Z/D -> X"),
        (
            0x00401101,
            None,
            "(0040,1101) PersonIdentificationCodeSequence: keep (items stay, filled with dummies); E.1-1 D",
        ),
        (0x00291010, None, "(0029,1010) unknown: remove; private (E.1-1)"),
        (0x00280010, None, "(0028,0010) Rows: keep; unlisted: standard"),
    ],
)
def test_one_line_explains_an_attribute(number: int, sop_class: str | None, line: str) -> None:
    explained = parse_profile(
        'name: p\nattributes:\n  PatientID: {action: replace, value: "000000"}\n', "p.yaml", lambda _: None
    )
    assert explain_attribute(explained, number, sop_class) == line


def test_a_printed_profile_lists_masks_and_private_details_by_their_line() -> None:
    text = 'name: p\nattributes:\n  60xx,3000: {action: keep}\n  ("ACME",0029,10): {action: X/Z}\n  Rows: {action: X}\n'
    printed = explain_profile(parse_profile(text, "p.yaml", lambda _: None)).splitlines()
    assert "(0028,0010) Rows: remove; p.yaml:5" in printed
    assert printed[-4:] == [
        "p.yaml:3: keep",
        "p.yaml:4: X/Z",
        "private, unknown: remove",
        "other attributes of the standard: keep, unless they can identify",
    ]
