"""A profile is a value; its digest names its meaning."""

from dataclasses import FrozenInstanceError, replace

import pytest

from gateway.core.conditions import Condition, Operator
from gateway.core.mask.model import Policy
from gateway.core.mask.rules import MaskRule, Masks, What
from gateway.core.profile.model import LETTERS, Action, Profile, Rule, Selector
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import parse_mask

PROFILE = Profile(
    "research",
    comment="for researchers",
    options=frozenset({Option.RETAIN_UIDS, Option.RETAIN_DEVICE_IDENTITY}),
    rules=(
        Rule(Selector(0x00100010), Action.REPLACE, value="ANONYMOUS", where="p.yaml:3"),
        Rule(Selector(0x60003000, mask=parse_mask("60xx,3000")), Action.REMOVE),
    ),
)


def test_every_letter_of_the_standard_is_an_action() -> None:
    assert LETTERS == {
        "X": Action.REMOVE,
        "Z": Action.EMPTY,
        "D": Action.REPLACE,
        "U": Action.UID,
        "C": Action.CLEAN,
        "K": Action.KEEP,
    }


def test_the_digest_never_changes_for_the_same_meaning() -> None:
    assert PROFILE.digest == "05f6f130db6379f4"


@pytest.mark.parametrize(
    "same",
    [
        replace(PROFILE, comment="other words"),
        replace(PROFILE, options=frozenset(sorted(PROFILE.options, key=lambda option: option.code))),
        replace(PROFILE, rules=(replace(PROFILE.rules[0], where="elsewhere.yaml:9"), PROFILE.rules[1])),
    ],
)
def test_words_order_of_options_and_place_in_the_file_do_not_change_the_digest(same: Profile) -> None:
    assert same.digest == PROFILE.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(PROFILE, name="teaching"),
        replace(PROFILE, masks=Masks(Policy.MASK, ())),
        replace(PROFILE, images_only=True),
        replace(PROFILE, options=frozenset()),
        replace(PROFILE, rules=PROFILE.rules[:1]),
        replace(PROFILE, rules=PROFILE.rules[::-1]),
        replace(PROFILE, rules=(replace(PROFILE.rules[0], value="NOBODY"), PROFILE.rules[1])),
        replace(PROFILE, rules=(replace(PROFILE.rules[0], disabled=True), PROFILE.rules[1])),
        replace(PROFILE, rules=(replace(PROFILE.rules[0], always=True), PROFILE.rules[1])),
        replace(PROFILE, rules=(Rule(Selector(0x00100010, path=(0x00081115,)), Action.REPLACE), PROFILE.rules[1])),
        replace(PROFILE, rules=(PROFILE.rules[0], Rule(Selector(0x60003000), Action.REMOVE))),
        replace(PROFILE, rules=(PROFILE.rules[0], Rule(Selector(0x60003000, creator="ACME"), Action.REMOVE))),
        replace(PROFILE, rules=(PROFILE.rules[0], Rule(PROFILE.rules[1].selector, None, code="X/Z"))),
    ],
)
def test_whatever_decides_about_a_value_changes_the_digest(other: Profile) -> None:
    assert other.digest != PROFILE.digest


def test_a_policy_and_a_rule_for_pixels_change_the_digest() -> None:
    rule = MaskRule("own/r", (Condition(0x00080060, Operator.EQUALS, ("US",)),), What.CLEAN)
    masks = [Masks(Policy.MASK, ()), Masks(Policy.ALLOW, ()), Masks(Policy.MASK, (rule,))]
    digests = {replace(PROFILE, masks=each).digest for each in (None, *masks)}
    assert len(digests) == 4
    moved = replace(rule, where="own.yaml:7")
    assert replace(PROFILE, masks=Masks(Policy.MASK, (moved,))).digest in digests


def test_a_profile_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PROFILE.name = "other"  # type: ignore[misc]
