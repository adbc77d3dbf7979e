"""What is decided about the pixels of an object: rules, regions, policies."""

import pytest

from gateway.core.mask.model import PASSES, PixelDecision, Policy, Rectangle, Verdict
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import MAX_DECIDED, MAX_REGIONS, MaskRule, Masks

US, US_CLIP, CT, SC = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("6.1", "3.1", "2", "7"))
PDF, VIDEO, SR, DOSE = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("104.1", "77.1.1.1", "88.11", "481.2"))
CLASS, TYPE, MODALITY, MAKER, ROWS, COLUMNS = 0x00080016, 0x00080008, 0x00080060, 0x00080070, 0x00280010, 0x00280011
ULTRASOUND = {CLASS: US, MODALITY: "US", MAKER: "ACME", ROWS: "600", COLUMNS: "800"}
SLICE = {CLASS: CT, TYPE: "ORIGINAL\\PRIMARY\\AXIAL", MODALITY: "CT", MAKER: "ACME", ROWS: "512", COLUMNS: "512"}
BANNER = Rectangle(0, 0, 50, 800)
REGIONS = "keep: ultrasound_regions"


def rules(*said: str, when: str = "Manufacturer: {equals: ACME}") -> tuple[MaskRule, ...]:
    lines = [f"  - {{name: r{number}, when: {{{when}}}, {what}}}" for number, what in enumerate(said)]
    return parse_rules("name: own\nrules:\n" + "\n".join(lines), "own.yaml")[1]


def decide(
    policy: str, values: dict[int, str], *said: str, regions: tuple[tuple[int, int, int, int], ...] | None = None
) -> PixelDecision:
    return Masks(Policy(policy), rules(*said) if said else ()).decide(values, regions)


def test_a_rule_that_matches_masks_and_is_named() -> None:
    decision = decide("mask", ULTRASOUND, "blank: [{height: 50}]")
    assert decision == PixelDecision(Verdict.MASK, (BANNER,), ("own/r0",), is_clean=True)


def test_every_rule_that_matches_counts() -> None:
    decision = decide("mask", ULTRASOUND, "blank: [{height: 50}]", "blank: [{y: -10, x: -20}, {x: 5, height: 9}]")
    assert decision.rectangles == (BANNER, Rectangle(590, 780, 10, 20))  # the third lies inside the first
    assert decision.rules == ("own/r0", "own/r1")


def test_a_rule_for_another_device_does_not_count() -> None:
    assert decide("mask", {**ULTRASOUND, MAKER: "Other"}, "blank: [{height: 50}]").verdict is Verdict.REFUSE


def test_what_is_kept_stays_and_all_else_goes() -> None:
    decision = decide("mask", ULTRASOUND, "keep: [{x: 100, y: 50, width: 600, height: 500}]")
    assert set(decision.rectangles) == {
        Rectangle(0, 0, 50, 800),
        Rectangle(50, 0, 500, 100),
        Rectangle(50, 700, 500, 100),
        Rectangle(550, 0, 50, 800),
    }


def test_a_device_that_burns_nothing_in_is_clean_without_a_mask() -> None:
    decision = decide("mask", ULTRASOUND, "clean: true")
    assert decision == PixelDecision(Verdict.PASS, (), ("own/r0",), is_clean=True)


def test_a_rule_that_blanks_wins_over_one_that_calls_the_device_clean() -> None:
    assert decide("mask", ULTRASOUND, "clean: true", "blank: [{height: 50}]").rectangles == (BANNER,)


def test_a_rule_whose_rectangles_lie_outside_the_frame_does_not_match() -> None:
    assert decide("mask", ULTRASOUND, "blank: [{y: 600}]").verdict is Verdict.REFUSE


def test_an_object_that_need_not_be_suspected_passes_and_nobody_calls_it_clean() -> None:
    assert (
        decide(
            "mask",
            SLICE,
            "blank: [{height: 5}]",
        ).verdict
        is Verdict.MASK
    )
    for policy in Policy:
        assert decide(policy.value, {**SLICE, MAKER: "Other"}, "blank: [{height: 5}]") == PASSES


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("sop_class", [SR, DOSE])
def test_an_object_without_pixels_passes(policy: Policy, sop_class: str) -> None:
    assert decide(policy.value, {CLASS: sop_class, MODALITY: "SR"}) == PASSES


@pytest.mark.parametrize("sop_class", [US, CT, SC, "1.2.3", ""])
def test_an_image_that_hides_its_size_is_no_object_without_pixels(sop_class: str) -> None:
    decision = decide("mask", {CLASS: sop_class, MAKER: "ACME"}, "blank: [{height: 50}]", "clean: true")
    assert decision.verdict is Verdict.REFUSE


@pytest.mark.parametrize("side", ["", "0", "-1", "6 0", "600\\600", "1e3", "٦٠٠", "999999"])
def test_a_size_that_is_no_plain_number_matches_no_rule(side: str) -> None:
    decision = decide("mask", {**ULTRASOUND, ROWS: side}, "blank: [{height: 50}]", "clean: true")
    assert decision.verdict is Verdict.REFUSE
    assert "rows and columns" in decision.reason


@pytest.mark.parametrize(
    ("policy", "said", "verdict"),
    [
        ("mask", (), Verdict.REFUSE),
        ("mask", ("blank: [{height: 50}]",), Verdict.MASK),
        ("mask", ("clean: true",), Verdict.PASS),
        ("screen", (), Verdict.SCREEN),
        ("screen", ("blank: [{height: 50}]",), Verdict.SCREEN),
        ("screen", ("clean: true",), Verdict.SCREEN),
        ("mask_or_screen", (), Verdict.SCREEN),
        ("mask_or_screen", ("blank: [{height: 50}]",), Verdict.MASK),
        ("mask_or_screen", ("clean: true",), Verdict.PASS),
        ("refuse", (), Verdict.REFUSE),
        ("refuse", ("blank: [{height: 50}]",), Verdict.REFUSE),
        ("refuse", ("clean: true",), Verdict.PASS),
        ("allow", (), Verdict.PASS),
        ("allow", ("blank: [{height: 50}]",), Verdict.MASK),
        ("allow", ("clean: true",), Verdict.PASS),
    ],
)
def test_the_policy_says_what_becomes_of_a_suspect(policy: str, said: tuple[str, ...], verdict: Verdict) -> None:
    decision = decide(policy, ULTRASOUND, *said)
    assert decision.verdict is verdict
    assert decision.is_clean is (verdict in (Verdict.MASK, Verdict.PASS) and bool(said))
    assert bool(decision.reason) is (verdict in (Verdict.REFUSE, Verdict.SCREEN))


def test_what_is_screened_still_knows_what_the_rules_blank() -> None:
    decision = decide("screen", ULTRASOUND, "blank: [{height: 50}]")
    assert (decision.rectangles, decision.rules) == ((BANNER,), ("own/r0",))


@pytest.mark.parametrize("policy", Policy)
def test_no_rule_makes_a_document_pass(policy: Policy) -> None:
    verdict = decide(policy.value, {CLASS: PDF, MODALITY: "DOC", MAKER: "ACME"}, "clean: true").verdict
    assert verdict is (Verdict.PASS if policy is Policy.ALLOW else Verdict.REFUSE)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("said", ["blank: [{height: 50}]", "keep: [{y: 50}]"])
def test_no_rectangle_makes_a_video_pass(policy: Policy, said: str) -> None:
    decision = decide(policy.value, {**ULTRASOUND, CLASS: VIDEO}, said)
    assert decision.verdict is (Verdict.PASS if policy is Policy.ALLOW else Verdict.REFUSE)
    assert not decision.is_clean
    assert "video" in decision.reason or policy is Policy.ALLOW


def test_a_video_of_a_device_that_burns_nothing_in_passes() -> None:
    decision = decide("mask", {**ULTRASOUND, CLASS: VIDEO}, "clean: true")
    assert (decision.verdict, decision.is_clean) == (Verdict.PASS, True)


def test_a_refusal_names_the_rule_that_is_missing() -> None:
    reason = decide("mask", ULTRASOUND).reason
    assert reason.startswith("ultrasound may show burned-in text, and no mask rule matches. Missing rule: {name: ")


@pytest.mark.parametrize("sop_class", [US, US_CLIP])
def test_ultrasound_keeps_its_regions_only(sop_class: str) -> None:
    decision = decide("mask", {**ULTRASOUND, CLASS: sop_class}, REGIONS, regions=((0, 50, 799, 599),))
    assert decision == PixelDecision(Verdict.MASK, (BANNER,), ("own/r0",), is_clean=True)  # corners are inclusive


@pytest.mark.parametrize("regions", [((0, 15, 799, 599),), ((0, 0, 399, 599),), ((0, 0, 399, 9), (0, 50, 799, 599))])
def test_regions_may_take_half_of_the_top_and_all_below(regions: tuple[tuple[int, int, int, int], ...]) -> None:
    assert decide("mask", ULTRASOUND, REGIONS, regions=regions).verdict is Verdict.MASK


def test_several_regions_are_kept_together() -> None:
    decision = decide("mask", ULTRASOUND, REGIONS, regions=((0, 50, 399, 599), (300, 50, 799, 599)))
    assert decision.rectangles == (BANNER,)


@pytest.mark.parametrize(
    "regions",
    [
        None,
        (),
        ((0, 599, 799, 50),),  # upside down
        ((799, 50, 0, 599),),
        ((0, 50, 800, 599),),  # outside the frame
        ((0, 50, 799, 600),),
        ((-1, 50, 799, 599),),
        ((0, 50, 799, 50),),  # nothing
        ((0, 50, 799, 599), (5, 5, 5, 5)),  # one is broken: who knows about the other
        ((0, 0, 799, 599),),  # all of the frame
        ((0, 0, 399, 599), (400, 0, 799, 599)),
        ((0, 14, 799, 599),),  # where others write names
        ((0, 0, 400, 599),),
        ((0, 0, 199, 599), (300, 5, 500, 599)),
        ((0, 50, 799, 599),) * (MAX_REGIONS + 1),
    ],
)
def test_regions_that_set_no_text_apart_decide_nothing(regions: tuple[tuple[int, int, int, int], ...] | None) -> None:
    assert decide("mask", ULTRASOUND, REGIONS, regions=regions).verdict is Verdict.REFUSE
    with_device = decide("mask", ULTRASOUND, REGIONS, "blank: [{height: 50}]", regions=regions)
    assert (with_device.rectangles, with_device.rules) == ((BANNER,), ("own/r1",))


def test_the_decision_looks_at_all_that_it_names_and_remembers_by_it() -> None:
    masks = Masks(
        Policy.MASK, rules("blank: [{height: 50}]", when="Manufacturer: {equals: ACME}, ProtocolName: {equals: P}")
    )
    assert list(masks.tags) == sorted(masks.tags)
    assert {0x00181030, CLASS, ROWS, 0x00280004, 0x00280100, 0x00280301} <= set(masks.tags)
    assert 0x00186011 not in masks.tags
    assert masks.decide({**ULTRASOUND, 0x00181030: "P"}, None).verdict is Verdict.MASK
    assert masks.decide(ULTRASOUND, None).verdict is Verdict.REFUSE
    assert masks.decide({**ULTRASOUND, 0x00181030: "P"}, None).verdict is Verdict.MASK


def test_what_is_remembered_is_bounded() -> None:
    masks = Masks(Policy.MASK, rules(REGIONS))
    for number in range(MAX_DECIDED * 2):
        masks.decide({**ULTRASOUND, MAKER: f"ACME {number}"}, None)
        masks.decide({**ULTRASOUND, MAKER: f"ACME {number}" * 1000}, None)
    assert len(masks._decided) <= MAX_DECIDED
    assert all(len(str(said)) < 5000 for said in masks._decided)


def test_the_meaning_is_that_of_policy_and_rules_wherever_they_stand() -> None:
    one = Masks(Policy.MASK, rules("clean: true"))
    moved = parse_rules("name: own\n\nrules:\n  - {name: r0, when: {Manufacturer: {equals: ACME}}, clean: true}", "o")[
        1
    ]
    assert Masks(Policy.MASK, moved).meaning == one.meaning
    others = (
        Masks(Policy.SCREEN, one.rules),
        Masks(Policy.MASK, ()),
        Masks(Policy.MASK, rules("blank: [{height: 5}]")),
        Masks(Policy.MASK, rules("blank: [{height: 5%}]")),
        Masks(Policy.MASK, rules("keep: [{height: 5}]")),
        Masks(Policy.MASK, rules("clean: true", when="Manufacturer: {equals: [ACME, Acme]}")),
        Masks(Policy.MASK, rules("clean: true", when="Manufacturer: {not: {equals: ACME}}")),
    )
    assert len({one.meaning, *(other.meaning for other in others)}) == len(others) + 1
