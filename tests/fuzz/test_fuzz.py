"""A moment of fuzzing: Hypothesis draws the damage, so that what breaks a promise is shown at its smallest."""

import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import audit, seeds
from tests.fuzz.target import Broken
from tests.fuzz.targets import TARGETS
from tests.kit.encode import EXPLICIT, Element, part10

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
# The same damage each time: what is new is looked for by `make fuzz`, not by whoever runs the tests next.
FREE = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
@settings(FREE, max_examples=1000 if THOROUGH else 40, derandomize=not THOROUGH)
@given(random=st.randoms(use_true_random=False))
def test_only_declared_errors_escape_and_no_canary_leaves(name: str, random: Random) -> None:
    target = TARGETS[name]
    target.run(target.make(random), random)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_much_of_what_is_made_is_accepted_and_much_is_refused(name: str) -> None:
    target = TARGETS[name]
    outcomes = {target.run(target.make(Random(number)), Random(number)) for number in range(100)}
    assert outcomes == {True, False}


@pytest.mark.parametrize(
    "elements",
    [
        [seeds.PLANTER.element(0x00100010, "PN")],
        [Element(0x00081115, "SQ", [[seeds.PLANTER.element(0x00081155, "UI")]])],
        [Element(0x0040A073, "SQ", [[seeds.PLANTER.element(0x00080104, "LO")]])],
        [seeds.PLANTER.element(0x00091001, "LO")],
    ],
)
def test_the_audit_finds_a_canary_where_none_may_be(elements: list[Element]) -> None:
    with pytest.raises(Broken, match="a canary at"):
        audit.part10(part10([Element(0x00080016, "UI", b"1.2"), *elements], EXPLICIT), seeds.canaries())


def test_the_audit_lets_a_canary_be_in_an_attribute_that_is_kept() -> None:
    kept = seeds.PLANTER.element(0x00080104, "LO")
    audit.part10(part10([Element(0x00080016, "UI", b"1.2"), kept], EXPLICIT), seeds.canaries())
