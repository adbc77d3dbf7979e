"""Profile text in, Profile out; or every fault at once, each with its line."""

import re

import pytest

from gateway.core.conditions import Condition, Operator
from gateway.core.errors import ConfigFaults
from gateway.core.mask.model import Policy
from gateway.core.mask.parse import parse_rules
from gateway.core.mask.rules import DEFAULT_SETS, MaskRule, Masks
from gateway.core.profile.model import Action, Profile, Rule, Selector
from gateway.core.profile.parse import AVAILABLE, COMPOUND_CODES, no_sets, parse_profile, parse_selector
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import TagMask, parse_mask
from tests.kit.engine import PROFILES, profile

RULES = parse_rules("name: own\nrules:\n  - {name: r, when: {Modality: {equals: US}}, clean: true}\n", "own.yaml")[1]
OTHERS = parse_rules("name: two\nrules:\n  - {name: s, when: {Modality: {equals: US}}, blank: [{}]}\n", "two.yaml")[1]
SETS = {"own": RULES, "two": OTHERS, **dict.fromkeys(DEFAULT_SETS, RULES)}
BASE = Profile(
    "base",
    masks=Masks(Policy.REFUSE, OTHERS),
    images_only=True,
    options=frozenset({Option.RETAIN_UIDS}),
    rules=(
        Rule(Selector(0x00100010), Action.PSEUDONYM, where="base.yaml:4"),
        Rule(Selector(0x00100020), Action.PSEUDONYM, where="base.yaml:5"),
    ),
)


def find(name: str) -> Profile | None:
    return BASE if name == "base" else None


def sets(name: str) -> tuple[MaskRule, ...]:
    return SETS[name] if name in SETS else no_sets(name)


def parse(text: str) -> Profile:
    return parse_profile("name: p\n" + text, "p.yaml", find, sets)


def rule(line: str) -> Rule:
    (only,) = parse(f"attributes:\n  {line}\n").rules
    return only


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        parse_profile(text, "p.yaml", find, sets)
    return [str(fault) for fault in caught.value.faults]


def fault(line: str) -> str:
    (only,) = faults(f"name: p\nattributes:\n  {line}\n")
    where, _, what = only.partition(": attributes: ")
    assert where == "p.yaml:3"
    return what


def test_a_profile_with_everything_is_read() -> None:
    read = parse(
        "comment: for researchers\n"
        "enabled: false\n"
        "apply_masks: true\n"
        "sop_classes: images\n"
        "options: [retain_device_identity, retain_longitudinal_modified_dates]\n"
        "unlisted: {private: remove, unknown: remove, standard: keep}\n"
        "attributes:\n"
        "  PatientID: {action: pseudonym}\n"
        "  InstitutionName: {action: replace, value: SITE-1}\n"
        "  StudyDescription: {disabled: true}\n"
        "  DeviceSerialNumber: {action: X/Z/D}\n"
    )
    assert read == Profile(
        "p",
        comment="for researchers",
        enabled=False,
        images_only=True,
        masks=Masks(Policy.MASK, (*RULES, *RULES)),
        options=frozenset({Option.RETAIN_DEVICE_IDENTITY, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES}),
        rules=(
            Rule(Selector(0x00100020), Action.PSEUDONYM),
            Rule(Selector(0x00080080), Action.REPLACE, value="SITE-1"),
            Rule(Selector(0x00081030), Action.KEEP, disabled=True),
            Rule(Selector(0x00181000), None, code="X/Z/D"),
        ),
    )
    assert [each.where for each in read.rules] == ["p.yaml:9", "p.yaml:10", "p.yaml:11", "p.yaml:12"]


def test_a_name_alone_is_a_profile() -> None:
    assert parse("") == Profile("p")


@pytest.mark.parametrize("name", sorted(file.stem for file in PROFILES.glob("*.yaml")))
def test_every_shipped_profile_is_read_under_the_name_of_its_file(name: str) -> None:
    assert profile(name).name == name


def test_what_a_profile_says_itself_comes_first_and_replaces_what_its_base_says() -> None:
    read = parse("based_on: base\noptions: [retain_device_identity]\nattributes:\n  PatientID: {action: empty}\n")
    assert read.rules == (Rule(Selector(0x00100020), Action.EMPTY), BASE.rules[0])
    assert read.options == {Option.RETAIN_UIDS, Option.RETAIN_DEVICE_IDENTITY}


@pytest.mark.parametrize(
    ("said", "images_only"), [("", True), ("sop_classes: all\n", False), ("sop_classes: images\n", True)]
)
def test_the_restriction_to_images_is_inherited_unless_said_otherwise(said: str, images_only: bool) -> None:
    assert parse("based_on: base\n" + said).images_only is images_only


@pytest.mark.parametrize(
    ("said", "policy"),
    [
        ("", "refuse"),
        ("apply_masks: true\n", "refuse"),
        ("burned_in_text: screen\n", "screen"),
        ("options: [clean_pixel_data]\n", "refuse"),
        ("apply_masks: false\n", None),
    ],
)
def test_masks_are_inherited_unless_said_otherwise(said: str, policy: str | None) -> None:
    read = parse("based_on: base\n" + said)
    assert read.masks == (None if policy is None else Masks(Policy(policy), OTHERS))
    assert read.apply_masks is (policy is not None)


@pytest.mark.parametrize(
    ("said", "masks"),
    [
        ("", None),
        ("apply_masks: false\n", None),
        ("apply_masks: true\n", Masks(Policy.MASK, (*RULES, *RULES))),
        ("options: [clean_pixel_data]\n", Masks(Policy.MASK, (*RULES, *RULES))),
        ("apply_masks: true\nmasks: []\n", Masks(Policy.MASK, ())),
        ("apply_masks: true\nmasks: [two, own]\n", Masks(Policy.MASK, (*OTHERS, *RULES))),
        *(
            (f"apply_masks: true\nburned_in_text: {policy.value}\nmasks: [own]\n", Masks(policy, RULES))
            for policy in Policy
        ),
        ("based_on: base\nmasks: [own]\n", Masks(Policy.REFUSE, RULES)),
    ],
)
def test_a_profile_says_what_becomes_of_pixels(said: str, masks: Masks | None) -> None:
    assert parse(said).masks == masks


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("burned_in_text: mask\n", "p.yaml:2: burned_in_text: only with apply_masks: true"),
        ("masks: [own]\n", "p.yaml:2: masks: only with apply_masks: true"),
        ("based_on: base\napply_masks: false\nmasks: [own]\n", "p.yaml:4: masks: only with apply_masks: true"),
        (
            "apply_masks: true\nburned_in_text: blur\n",
            "p.yaml:3: burned_in_text: should be mask, screen, mask_or_screen, refuse or allow",
        ),
        (
            "apply_masks: true\nmasks:\n  - own\n  - gone\n",
            'p.yaml:5: masks[1]: no mask rule set named "gone"',
        ),
        ("apply_masks: true\nmasks: [own, two, own]\n", "p.yaml:3: masks[2]: own is named twice"),
        (
            "options: [clean_pixel_data]\napply_masks: false\n",
            "p.yaml:3: apply_masks: the option clean_pixel_data cannot do without masks",
        ),
    ],
)
def test_masks_that_cannot_be_had_are_refused(said: str, fault: str) -> None:
    assert faults("name: p\n" + said) == [fault]


def test_the_shipped_sets_that_are_not_found_are_refused_where_masks_are_asked_for() -> None:
    with pytest.raises(ConfigFaults, match=r"p\.yaml:2: apply_masks: no mask rule set named "):
        parse_profile("name: p\napply_masks: true\n", "p.yaml", find)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("PatientID", Selector(0x00100020)),
        ("0010,0020", Selector(0x00100020)),
        ("(0010,0020)", Selector(0x00100020)),
        ("00100020", Selector(0x00100020)),
        (" PatientID ", Selector(0x00100020)),
        ("60xx,3000", Selector(0x60003000, mask=parse_mask("60xx,3000"))),
        ("(50XX,xxxx)", Selector(0x50000000, mask=parse_mask("50xx,xxxx"))),
        ('("ACME 1.1",0029,1A)', Selector(0x0029001A, creator="ACME 1.1")),
        ("( 'ACME' , 0029 , 1a )", Selector(0x0029001A, creator="ACME")),
        ('("ACME  ",0029,1A)', Selector(0x0029001A, creator="ACME")),
        ("ContentSequence > PersonName", Selector(0x0040A123, path=(0x0040A730,))),
        ('("ACME",0029,xx)', Selector(0x00290000, mask=TagMask(0xFFFF0000, 0x00290000), creator="ACME")),
        ("vr PN", Selector(0, vr="PN")),
        ("ContentSequence > vr PN", Selector(0, path=(0x0040A730,), vr="PN")),
        ('ContentSequence > ("ACME",0029,10)', Selector(0x00290010, path=(0x0040A730,), creator="ACME")),
        ("ContentSequence > 60xx,3000", Selector(0x60003000, path=(0x0040A730,), mask=parse_mask("60xx,3000"))),
        ("0040,A730>(0040,A730) > PersonName", Selector(0x0040A123, path=(0x0040A730, 0x0040A730))),
    ],
)
def test_an_attribute_can_be_named_in_many_ways(text: str, selector: Selector) -> None:
    assert parse_selector(text) == selector


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("PatientIdentifier", "not a keyword or tag"),
        ("PatientNam", r'nor "vr PN" \(did you mean "PatientName"\?\)$'),
        ("RequestAttributeSequence > RequestedProcedureID", r'\(did you mean "RequestAttributesSequence"\?\)$'),
        ("vr UI", "UIDs as a whole follow the option retain_uids"),
        ("vr UN", "not a VR of the standard's attributes"),
        ("vr XX", "not a VR of the standard's attributes"),
        ("vr", "not a keyword or tag"),
        ("vr LO > PersonName", "not a keyword or tag"),
        ('("ACME",0029,10) > PersonName', "not a keyword or tag"),
        ("(00xx,000D)", "not a keyword or tag, nor a mask"),  # would cover Study Instance UID
        ("(00xx,xxxx)", "not a keyword or tag, nor a mask"),
        ("(51xx,3000)", "not a keyword or tag, nor a mask"),
        ("0010,00", "not a keyword or tag"),
        ("60xx,300", "not a keyword or tag"),
        ("(60xx,3000", "not a tag mask"),
        ("0010,00FF", "not a tag of the standard"),
        ("0029,1010", "name a private attribute with its creator"),
        ("0029,0010", "name a private attribute with its creator"),
        ('("ACME",0028,10)', "a private block has an odd group"),
        ("PatientID > PersonName", "only a sequence can stand before >"),
        ("0029,1010 > PersonName", "name a private attribute with its creator"),
        ("Nothing > PersonName", "not a keyword or tag"),
        ("FFFE,E000", "not a tag of the standard"),
    ],
)
def test_what_names_no_attribute_is_a_fault(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_selector(text)


@pytest.mark.parametrize("text", ["", ">", "ContentSequence > "])
def test_nothing_is_no_keyword(text: str) -> None:
    with pytest.raises(ValueError, match="not a keyword"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("written", "action"),
    [(each.value, each) for each in Action if each not in (Action.UID, Action.SHIFT_DATE, Action.TRUNCATE_DATE)]
    + [("X", Action.REMOVE), ("Z", Action.EMPTY), ("D", Action.REPLACE), ("K", Action.KEEP), ("C", Action.CLEAN)],
)
def test_an_action_is_a_word_or_a_letter_of_the_standard(written: str, action: Action) -> None:
    assert rule(f"InstitutionName: {{action: {written}}}") == Rule(Selector(0x00080080), action)


@pytest.mark.parametrize("code", sorted(COMPOUND_CODES))
def test_a_compound_code_is_settled_later(code: str) -> None:
    assert rule(f"InstitutionName: {{action: {code}}}") == Rule(Selector(0x00080080), None, code=code)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("StudyDate: {action: shift_date}", Action.SHIFT_DATE),
        ("StudyTime: {action: truncate_date}", Action.TRUNCATE_DATE),
        ("AcquisitionDateTime: {action: clean}", Action.CLEAN),
        ("AcquisitionDateTime: {action: C}", Action.CLEAN),
        ("PatientName: {action: clean}", Action.CLEAN),
        ("PatientAge: {action: clean}", Action.CLEAN),
        ("RequestAttributesSequence: {action: clean}", Action.CLEAN),
        ('("ACME",0029,xx): {action: clean}', Action.CLEAN),
        ("vr DA: {action: shift_date}", Action.SHIFT_DATE),
        ("DeviceUID: {action: uid}", Action.UID),
        ("DeviceUID: {action: U}", Action.UID),
        ("PatientName: {action: pseudonym}", Action.PSEUDONYM),
        ('("ACME",0029,10): {action: keep}', Action.KEEP),
        ("60xx,3000: {action: remove}", Action.REMOVE),
        ("ContentSequence: {action: replace}", Action.REPLACE),
    ],
)
def test_an_action_is_allowed_where_its_vr_allows_it(line: str, action: Action) -> None:
    assert rule(line).action is action


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("PatientName: {}", "PatientName: give an action, or disabled: true"),
        ("PatientName: {action: hide}", "PatientName: unknown action 'hide'; there are remove, empty, replace"),
        ("PatientName: {action: REMOVE}", "PatientName: unknown action 'REMOVE'"),
        ("PatientName: {action: X/Y}", "PatientName: unknown action 'X/Y'"),
        ("PatientName: {action: remove, value: A}", "PatientName: only replace and truncate_date take a value"),
        ("PatientName: {action: X/Z, value: A}", "PatientName: only replace and truncate_date take a value"),
        ("PatientName: {action: shift_date}", "PatientName: shift_date is for dates and times (DA, TM, DT)"),
        ("PatientName: {action: truncate_date}", "PatientName: truncate_date is for dates and times (DA, TM, DT)"),
        ("60xx,3000: {action: shift_date}", "60xx,3000: shift_date is for dates and times (DA, TM, DT)"),
        ("PatientSex: {action: clean}", "PatientSex: clean is for free text, ages, dates and sequences"),
        ("Rows: {action: clean}", "Rows: clean is for free text, ages, dates and sequences"),
        ("vr PN: {action: shift_date}", "vr PN: shift_date is for dates and times (DA, TM, DT)"),
        ("vr SQ: {action: pseudonym}", "vr SQ: pseudonym is for names, identifiers and other text"),
        ("StudyDate: {action: truncate_date, value: day}", "StudyDate: dates can be cut to the year or the month"),
        ("PatientName: {action: uid}", "PatientName: uid is for UIDs (UI)"),
        ("StudyDate: {action: pseudonym}", "StudyDate: pseudonym is for names, identifiers and other text"),
        ('("ACME",0029,10): {action: pseudonym}', '("ACME",0029,10): pseudonym is for names'),
        ('("ACME",0029,10): {action: replace, value: A}', '("ACME",0029,10): replace with a value is for text'),
        ("60xx,3000: {action: replace, value: A}", "60xx,3000: replace with a value is for text"),
        ("DeviceUID: {action: replace, value: 1.2.3}", "DeviceUID: replace with a value is for text"),
        ("ContentSequence: {action: replace, value: A}", "ContentSequence: replace with a value is for text"),
        ("Rows: {action: replace, value: 1}", "Rows: replace with a value is for text, dates and numbers as text"),
        ("PatientSex: {action: replace, value: Ö}", "PatientSex: the value is not valid for VR CS"),
        ("StationAETitle: {action: replace, value: Röntgen}", "StationAETitle: the value is not valid for VR AE"),
        ("StudyDate: {action: replace, value: ١٢٣٤٥٦٧٨}", "StudyDate: the value is not valid for VR DA"),
        ("RetrieveURL: {action: replace, value: a b}", "RetrieveURL: the value is not valid for VR UR"),
        ("PatientName: {action: replace, value: a=b=c=d}", "PatientName: the value is not valid for VR PN"),
        ('PatientName: {action: replace, value: "A\\tB"}', "PatientName: the value must be printable"),
        ('PatientName: {action: replace, value: "A\\\\B"}', "PatientName: the value must be a single one"),
        ("AccessionNumber: {action: replace, value: 12345678901234567}", "AccessionNumber: the value is longer"),
        ("StudyDate: {action: replace, value: 1990-01-01}", "StudyDate: the value is longer than VR DA allows (8)"),
        ("StudyDate: {action: replace, value: 1990}", "StudyDate: the value is not valid for VR DA"),
        ("StudyTime: {action: replace, value: noon}", "StudyTime: the value is not valid for VR TM"),
        ("AcquisitionDateTime: {action: replace, value: now}", "AcquisitionDateTime: the value is not valid for VR DT"),
        ("PatientAge: {action: replace, value: 42}", "PatientAge: the value is not valid for VR AS"),
        ("PatientSex: {action: replace, value: male}", "PatientSex: the value is not valid for VR CS"),
        ("PatientWeight: {action: replace, value: light}", "PatientWeight: the value is not valid for VR DS"),
        ("SeriesNumber: {action: replace, value: 1.5}", "SeriesNumber: the value is not valid for VR IS"),
        ("SOPInstanceUID: {action: keep}", "SOPInstanceUID: decided by the option retain_uids alone"),
        ("StudyInstanceUID: {disabled: true}", "StudyInstanceUID: decided by the option retain_uids alone"),
        ("ContentSequence > SeriesInstanceUID: {action: keep}", "ContentSequence > SeriesInstanceUID: decided by"),
        ("SOPClassUID: {action: remove}", "SOPClassUID: the engine sets this attribute itself"),
        ("PixelData: {action: remove}", "PixelData: the engine sets this attribute itself"),
        ("DeidentificationMethod: {action: keep}", "DeidentificationMethod: the engine sets this attribute itself"),
        ("TransferSyntaxUID: {action: keep}", "TransferSyntaxUID: the engine sets this attribute itself"),
        ("0008,0000: {action: keep}", "0008,0000: the engine sets this attribute itself"),
        ("Nobody: {action: keep}", "Nobody: not a keyword or tag"),
    ],
)
def test_a_detail_that_cannot_be_carried_out_is_a_fault(line: str, why: str) -> None:
    assert fault(line).startswith(why)


@pytest.mark.parametrize(
    "line",
    [
        "PatientName: {action: replace, value: ANON^YMOUS}",
        "PatientName: {action: replace, value: Müller^Jörg=山田^太郎}",
        "InstitutionName: {action: replace, value: Größe　ж}",
        "vr PN: {action: replace, value: NOBODY}",
        'PatientName: {action: replace, value: ""}',
        'PatientID: {action: replace, value: "000000"}',
        "StudyDate: {action: replace, value: 19900101}",
        "StudyTime: {action: replace, value: 12}",
        "StudyTime: {action: replace, value: 115959.123}",
        "AcquisitionDateTime: {action: replace, value: 199001011200}",
        "PatientAge: {action: replace, value: 042Y}",
        "PatientSex: {action: replace, value: O}",
        "PatientWeight: {action: replace, value: -70.5}",
        "SeriesNumber: {action: replace, value: 7}",
        "RetrieveURL: {action: replace, value: urn:x}",
    ],
)
def test_a_value_that_fits_its_vr_is_taken_as_written(line: str) -> None:
    assert rule(line).action is Action.REPLACE


@pytest.mark.parametrize(("written", "value"), [("", None), (", value: year", None), (", value: month", "month")])
def test_a_date_is_cut_to_its_year_or_month(written: str, value: str | None) -> None:
    assert rule(f"StudyDate: {{action: truncate_date{written}}}").value == value


CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
CT, MR = (Condition(0x00080060, Operator.EQUALS, (modality,)) for modality in ("CT", "MR"))


@pytest.mark.parametrize(
    ("written", "when"),
    [
        ("Modality: {equals: CT}", (CT,)),
        ("'0008,0060': {equals: CT}", (CT,)),
        ("Manufacturer: {contains: acme}", (Condition(0x00080070, Operator.CONTAINS, ("acme",)),)),
        ("Manufacturer: {matches: 'AC*'}", (Condition(0x00080070, Operator.MATCHES, ("AC*",)),)),
        ("Rows: {at_least: '512'}", (Condition(0x00280010, Operator.AT_LEAST, ("512",)),)),
        ("RealWorldValueSlope: {equals: 0.5}", (Condition(0x00409225, Operator.EQUALS, ("0.5",)),)),
        ("ContentSequence: {present: true}", (Condition(0x0040A730, Operator.PRESENT, ("true",)),)),
        ("'6000,3000': {present: false}", (Condition(0x60003000, Operator.PRESENT, ("false",)),)),
        ("SmallestImagePixelValue: {present: true}", (Condition(0x00280106, Operator.PRESENT, ("true",)),)),
        ("PatientAge: {present: true}", (Condition(0x00101010, Operator.PRESENT, ("true",)),)),
        ("SOPClassUID: {equals: CTImageStorage}", (Condition(0x00080016, Operator.EQUALS, (CT_IMAGE,)),)),
        ("Modality: {equals: [CT, MR]}", (Condition(0x00080060, Operator.EQUALS, ("CT", "MR")),)),
        ("Modality: {not: {equals: CT}}", (Condition(0x00080060, Operator.EQUALS, ("CT",), negated=True),)),
        ("SOPClassUID: {equals: 1.2.3}", (Condition(0x00080016, Operator.EQUALS, ("1.2.3",)),)),
        ("Manufacturer: {contains: a, present: true}, Modality: {equals: CT}", (
            CT,
            Condition(0x00080070, Operator.CONTAINS, ("a",)),
            Condition(0x00080070, Operator.PRESENT, ("true",)),
        )),
    ],
)  # fmt: skip
def test_a_rule_may_depend_on_the_object(written: str, when: tuple[Condition, ...]) -> None:
    assert rule(f"PatientSex: {{action: keep, when: {{{written}}}}}").when == when


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("Modaliti: {equals: CT}", "Modaliti: not a keyword or tag"),
        ("'0029,1010': {equals: CT}", "0029,1010: not a keyword or tag"),
        ("SmallestImagePixelValue: {equals: 0}", "SmallestImagePixelValue: its VR is US or SS: not compared here"),
        ("RealWorldValueSlope: {contains: 1}", "RealWorldValueSlope: contains is for text; compare numbers by equals"),
        ("RealWorldValueSlope: {not: {matches: 1}}", "RealWorldValueSlope: matches is for text"),
        ("RealWorldValueSlope: {equals: ['1', one]}", "RealWorldValueSlope: 'one' is not a number"),
        ("ContentSequence: {equals: '1'}", "ContentSequence: of what is no text, date, number or UID only present"),
        ("OverlayRows: {present: true}", "OverlayRows: not a keyword or tag"),
        ("ICCProfile: {present: true, not: {equals: a}}", "ICCProfile: of what is no text, date, number or UID only"),
        ("DataSetTrailingPadding: {present: true}", "DataSetTrailingPadding: a condition looks at the data set's top"),
        ("TransferSyntaxUID: {present: true}", "TransferSyntaxUID: a condition looks at the data set's top"),
        ("Modality: {}", "Modality: say equals, contains, matches, at_least, at_most, present or not"),
        ("Modality: {equals: ''}", "Modality: nothing to compare with"),
        ("SOPClassUID: {equals: CTImage}", "SOPClassUID: 'CTImage' is neither a UID nor the keyword"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_a_fault(written: str, why: str) -> None:
    assert fault(f"PatientSex: {{action: keep, when: {{{written}}}}}").startswith(f"PatientSex: when: {why}")


def test_a_bare_action_is_answered_with_how_to_write_it() -> None:
    assert faults("name: x\nattributes:\n  PatientID: keep\n") == [
        "p.yaml:3: attributes.PatientID: give {action: keep}, not keep"
    ]


def test_a_condition_of_another_form_is_refused() -> None:
    head = "name: p\nattributes:\n  PatientSex:\n    - {action: empty, when: {Modality: CT}}\n"
    assert faults(head) == ["p.yaml:4: attributes.PatientSex[0].when.Modality: should be keys and values"]
    assert faults(head.replace("CT}", "{present: maybe}}")) == [
        "p.yaml:4: attributes.PatientSex[0].when.Modality.present: should be true or false"
    ]
    assert faults(head.replace("CT}", "{equal: CT}}")) == [
        'p.yaml:4: attributes.PatientSex[0].when.Modality.equal: unknown key (did you mean "equals"?)'
    ]


def several(*details: str) -> str:
    return "attributes:\n  PatientSex:\n" + "".join(f"    - {{{detail}}}\n" for detail in details)


@pytest.mark.parametrize(
    "details",
    [
        ("action: keep, when: {Modality: {equals: CT}}", "action: empty"),
        ("action: keep, when: {Modality: {equals: CT}}", "action: empty, when: {Modality: {equals: MR}}"),
        ("action: keep, when: {Modality: {equals: CT}}", "action: empty, when: {Modality: {present: false}}"),
        ("action: keep, when: {Modality: {equals: CT}}", "action: empty, when: {Modality: {contains: M}}"),
        ("action: keep, when: {Modality: {present: true}}", "action: empty, when: {Modality: {present: false}}"),
        (
            "action: keep, when: {Modality: {equals: CT}}",
            "action: empty, when: {Modality: {equals: CT}, Manufacturer: {equals: ACME}}",
        ),
    ],
)
def test_an_attribute_may_have_several_rules_as_long_as_one_decides(details: tuple[str, ...]) -> None:
    assert len(parse(several(*details)).rules) == 2


@pytest.mark.parametrize(
    ("details", "why"),
    [
        (("action: keep", "disabled: true"), "the same attribute as in p.yaml:4"),
        (
            ("action: keep, when: {Modality: {equals: CT}}", "action: empty, when: {Modality: {equals: CT}}"),
            "the same attribute as in p.yaml:4",
        ),
        (
            ("action: keep, when: {Modality: {equals: CT}}", "action: empty, when: {Manufacturer: {equals: ACME}}"),
            "may apply together with p.yaml:4 and neither is more specific",
        ),
        (
            ("action: keep, when: {Modality: {contains: C}}", "action: empty, when: {Modality: {contains: T}}"),
            "may apply together with p.yaml:4 and neither is more specific",
        ),
        (
            ("action: keep, when: {Modality: {equals: CT}}", "action: empty, when: {Modality: {matches: c*}}"),
            "may apply together with p.yaml:4 and neither is more specific",
        ),
    ],
)
def test_a_tie_is_refused(details: tuple[str, ...], why: str) -> None:
    (only,) = faults("name: p\n" + several(*details))
    assert only.startswith(f"p.yaml:5: attributes: PatientSex: {why}")


@pytest.mark.parametrize(
    ("one", "other", "tie"),
    [
        ("60xx,3000", "(60XX,3000)", True),
        ("60xx,30xx", "60xx,3xx0", True),  # different digits, as many of them, one tag in common
        ("60xx,300x", "60xx,31xx", False),
        ("60xx,300x", "60xx,3000", False),  # the second fixes more digits
        ("60xx,3000", "50xx,3000", False),
        ("vr PN", "vr LO", False),
        ("vr PN", "ContentSequence > vr PN", False),
        ('("ACME",0029,10)', '("ACME",0029,xx)', False),
        ('("ACME",0029,10)', "('ACME ',0029,10)", True),
        ('("ACME",0029,xx)', '("OTHER",0029,xx)', False),
        ("PatientSex", "0010,0040", True),
        ("PatientSex", "ContentSequence > PatientSex", False),
    ],
)
def test_selectors_that_may_meet_tie(one: str, other: str, tie: bool) -> None:
    text = f"name: p\nattributes:\n  {one}: {{action: keep}}\n  {other}: {{action: remove}}\n"
    if tie:
        assert faults(text)[0].startswith(f"p.yaml:4: attributes: {other}: ")
    else:
        assert len(parse_profile(text, "p.yaml", find).rules) == 2


def test_a_rule_without_conditions_replaces_all_of_the_base_one_with_conditions_only_its_twin() -> None:
    base = parse(several("action: keep, when: {Modality: {equals: CT}}", "action: remove"))
    own = "name: q\nbased_on: p\nattributes:\n  PatientSex: {action: empty"
    ct, mr = ", when: {Modality: {equals: CT}}}\n", ", when: {Modality: {equals: MR}}}\n"
    actions = {
        text: [rule.action for rule in parse_profile(own + text, "q.yaml", lambda _: base).rules]
        for text in ("}\n", ct, mr)
    }
    assert actions == {
        "}\n": [Action.EMPTY],
        ct: [Action.EMPTY, Action.REMOVE],
        mr: [Action.EMPTY, Action.KEEP, Action.REMOVE],
    }


@pytest.mark.parametrize(
    ("said", "checked"), [("", True), ("final_check: false\n", False), ("final_check: true\n", True)]
)
def test_the_final_check_is_inherited_unless_said_otherwise(said: str, checked: bool) -> None:
    below = Profile("base", final_check=True)
    assert parse_profile("name: p\nbased_on: base\n" + said, "p.yaml", lambda _: below).final_check is checked
    assert not parse("").final_check


def test_every_available_option_is_taken_and_the_others_are_refused() -> None:
    for option in Option:
        text = f"name: p\noptions: [{option.value}]\n"
        if option in AVAILABLE:
            assert parse_profile(text, "p.yaml", find, sets).options == {option}
        else:
            assert faults(text) == [
                f"p.yaml:2: options: {option.value} is not available: nothing here recognises faces"
            ]


def test_full_and_modified_dates_exclude_each_other_also_when_one_is_inherited() -> None:
    dates = Profile("base", options=frozenset({Option.RETAIN_LONGITUDINAL_FULL_DATES}))
    why = "options: full dates and modified dates exclude each other"
    both = "options: [retain_longitudinal_full_dates, retain_longitudinal_modified_dates]\n"
    assert faults("name: p\n" + both) == [f"p.yaml:2: {why}"]
    with pytest.raises(ConfigFaults, match=why):
        parse_profile(
            "name: p\nbased_on: b\noptions: [retain_longitudinal_modified_dates]\n", "p.yaml", lambda _: dates
        )


@pytest.mark.parametrize(
    "text",
    [
        "name: Research\n",
        "name: -a\n",
        "name: ''\n",
        "comment: no name\n",
        "name: p\nprivate: keep\n",
        "name: p\nunlisted: {private: keep}\n",
        "name: p\nunlisted: {unknown: keep}\n",
        "name: p\nunlisted: {standard: remove}\n",
        "name: p\nsop_classes: reports\n",
        "name: p\nenabled: perhaps\n",
        "name: p\nattributes: {PatientName: remove}\n",
        "name: p\nattributes: {PatientName: {action: remove, because: law}}\n",
        "name: p\noptions: retain_uids\n",
        "name: p\nname: q\n",
        "",
        "- name\n",
        "name: [\n",
    ],
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    assert all(fault.startswith("p.yaml:") for fault in faults(text))


def test_every_fault_is_reported_at_once_each_with_its_line() -> None:
    text = (
        "name: p\n"
        "based_on: nothing\n"
        "options:\n"
        "  - retain_everything\n"
        "  - retain_uids\n"
        "  - clean_recognizable_visual_features\n"
        "attributes:\n"
        "  PatientName: {action: remove}\n"
        "  PatientNam: {action: remove}\n"
        "  (0010,0010): {action: empty}\n"
        "  PatientID:\n"
        "    action: shift_date\n"
    )
    first, second, *rest = faults(text)
    assert first == "p.yaml:2: based_on: no profile named 'nothing'"
    assert second.startswith("p.yaml:4: options: unknown option 'retain_everything'; there are clean_descriptors, ")
    why = 'not a keyword or tag, nor a mask (50xx,eeee) or (60xx,eeee), nor "vr PN" (did you mean "PatientName"?)'
    assert rest == [
        "p.yaml:6: options: clean_recognizable_visual_features is not available: nothing here recognises faces",
        f"p.yaml:9: attributes: PatientNam: {why}",
        "p.yaml:10: attributes: (0010,0010): the same attribute as in p.yaml:8",
        "p.yaml:11: attributes: PatientID: shift_date is for dates and times (DA, TM, DT)",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "private: keep",
        "enabled: perhaps",
        "comment: [text]",
        "unlisted: {private: keep}",
        "sop_classes: reports",
        "final_check: [true]",
    ],
)
def test_a_fault_of_form_hides_no_fault_of_sense(line: str) -> None:
    text = f"name: p\n{line}\nbased_on: nothing\noptions: [nope]\nattributes:\n  PatientNam: {{action: remove}}\n"
    first, *rest = faults(text)
    assert first.startswith(f"p.yaml:2: {line.partition(':')[0]}")
    assert [fault.partition(" ")[0] for fault in rest] == ["p.yaml:3:", "p.yaml:4:", "p.yaml:6:"]


def test_one_detail_of_another_form_hides_no_fault_of_the_others() -> None:
    text = (
        "options: [nope]\n"
        "attributes:\n"
        "  PatientID: {action: remove, because: law}\n"
        "  PatientNam: {action: remove}\n"
        "  StudyDate: remove\n"
        "  StudyID:\n"
        "    - {action: bogus}\n"
        "    - [keep]\n"
        "  StudyTime: {action: bogus}\n"
    )
    found = faults(text)
    assert sorted(fault.partition(" ")[0] for fault in found) == [f"p.yaml:{line}:" for line in (1, 1, 3, 4, 5, 8, 9)]
    assert "p.yaml:1: name: missing" in found


@pytest.mark.parametrize("line", ["apply_masks: perhaps", "options: clean_pixel_data", "based_on: [q]"])
def test_what_needs_what_has_another_form_is_not_a_fault_for_that(line: str) -> None:
    (only,) = faults(f"name: p\n{line}\nburned_in_text: mask\nmasks: []\n")
    assert only.startswith(f"p.yaml:2: {line.partition(':')[0]}")


def test_a_constant_may_be_written_always() -> None:
    said = rule("PatientSex: {action: replace, value: O, always: true}")
    assert said == Rule(Selector(0x00100040), Action.REPLACE, value="O", always=True)
    assert not rule("PatientSex: {action: replace, value: O, always: false}").always


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("PatientSex: {action: replace, always: true}", "always needs a value, in ASCII"),
        ("PatientName: {action: replace, value: Niemand\u00e4, always: true}", "always needs a value, in ASCII"),
        ("PatientSex: {action: empty, always: true}", "always is for replace, without conditions"),
        ("StudyDate: {action: truncate_date, value: year, always: true}", "always is for replace"),
        ("StudyID: {action: X/Z, always: true}", "always is for replace"),
        ("StudyID: {always: true}", "always is for replace"),
        ("StudyID: {disabled: true, always: true}", "always is for replace"),
        (
            "PatientSex: {action: replace, value: O, always: true, when: {Modality: {equals: US}}}",
            "always is for replace, without conditions",
        ),
        ("ContentSequence > PersonName: {action: replace, value: X, always: true}", "always is for one attribute"),
        ("vr PN: {action: replace, value: X, always: true}", "always is for one attribute"),
        ("(60xx,1500): {action: replace, value: X, always: true}", "always is for one attribute"),
        ("'(\"ACME\",0029,10)': {action: replace, value: X, always: true}", "always is for one attribute"),
        ("PatientIdentityRemoved: {action: replace, value: X, always: true}", "the engine sets this attribute itself"),
    ],
)
def test_what_cannot_be_written_always_is_a_fault_with_its_line(written: str, why: str) -> None:
    with pytest.raises(ConfigFaults, match=why) as error:
        rule(written)
    assert re.search(r"p\.yaml:\d+", str(error.value))
