"""What happens to an attribute at a place, and which rule says so."""

from collections.abc import Sequence

import pytest

from gateway.core.profile.model import Action, Profile
from gateway.core.profile.parse import AVAILABLE, parse_profile
from gateway.core.profile.plan import (
    MEDIA_DIRECTORY,
    ROOT,
    TEXT_VRS,
    Place,
    Plan,
)
from gateway.core.standard import dictionary, iods, ps315
from gateway.core.standard.ps315 import Option
from gateway.core.standard.vr import VRS
from tests.kit.engine import profile

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


def make(text: str = "", iod: str | None = "ct-image") -> Plan:
    return Plan(parse_profile("name: p\n" + text, "p.yaml", profile), iod)


def tag(keyword: str) -> int:
    found = dictionary.tag_of(keyword)
    assert found is not None
    return found


def place(plan: Plan, *sequences: str) -> Place:
    """Walk down from the root, as the rewriters do."""
    here = ROOT
    for sequence in sequences:
        decision = plan.decide(tag(sequence), "SQ", here)
        assert decision.action is Action.KEEP
        here = plan.inside(here, tag(sequence), deep=decision.deep)
    return here


def action(plan: Plan, keyword: str, *sequences: str, vr: str | None = None) -> Action:
    number = tag(keyword)
    return plan.decide(number, vr or dictionary.vr_of(number) or "UN", place(plan, *sequences)).action


@pytest.mark.parametrize(
    ("keyword", "done"),
    [
        ("PatientName", Action.EMPTY),  # Z
        ("StudyDescription", Action.REMOVE),  # X
        ("DeviceUID", Action.UID),  # U
        ("PersonName", Action.REPLACE),  # D
        ("Rows", Action.KEEP),  # not in the table
        ("Manufacturer", Action.KEEP),  # not in the table, reviewed
        ("VolumeFrameOfReferenceUID", Action.UID),  # not in the table, reviewed
        ("RetrieveURL", Action.REMOVE),  # not in the table, reviewed
        ("AnnotationGroupUID", Action.UID),  # D, yet other objects refer to it
        ("PatientIdentityRemoved", Action.REMOVE),  # written anew
        ("DeidentificationMethod", Action.REMOVE),
        ("DeidentificationMethodCodeSequence", Action.REMOVE),
        ("LongitudinalTemporalInformationModified", Action.REMOVE),
        ("TransferSyntaxUID", Action.REMOVE),  # not part of a data set
        ("CommandGroupLength", Action.REMOVE),
        ("FileSetID", Action.REMOVE),
        ("DataSetTrailingPadding", Action.REMOVE),
        ("DigitalSignaturesSequence", Action.REMOVE),
        ("PrivateDataElementCharacteristicsSequence", Action.REMOVE),
    ],
)
def test_without_details_the_table_of_the_standard_decides(keyword: str, done: Action) -> None:
    assert action(make(), keyword) is done


@pytest.mark.parametrize("number", [0x00290010, 0x00291010, 0x00080000, 0x0028FFFE, 0x50000030, 0x60003000, 0x60004000])
def test_private_unknown_curves_overlays_and_group_lengths_go(number: int) -> None:
    assert make().decide(number, "UN").action is Action.REMOVE


def test_no_option_and_no_sop_class_leaves_anything_listed_as_it_is() -> None:
    for iod in (None, *sorted(iods.IMAGE_IODS)):
        plan = make(iod=iod)
        for entry in ps315.ENTRIES.values():
            vr = dictionary.vr_of(entry.tag) or "UN"
            assert vr == "SQ" or plan.decide(entry.tag, vr).action is not Action.KEEP


DATES = frozenset({"DA", "TM", "DT", "UN"})
FITTING = {
    Action.UID: frozenset({"UI", "UN"}),
    Action.SHIFT_DATE: DATES,
    Action.TRUNCATE_DATE: DATES,
    Action.PSEUDONYM: TEXT_VRS | {"UN"},
}


@pytest.mark.parametrize("name", ["nominal", "strict", "retain-longitudinal-modified-dates"])
def test_whatever_vr_a_listed_attribute_comes_in_its_action_fits_and_does_not_keep_it(name: str) -> None:
    plan = Plan(profile(name), "ct-image")
    for number in ps315.ENTRIES:
        for vr in VRS:
            done = plan.decide(number, vr).action
            assert vr in FITTING.get(done, VRS)
            assert done is not Action.KEEP or dictionary.vr_of(number) == "SQ"


@pytest.mark.parametrize(
    ("keyword", "sop_class", "done"),
    [
        ("DeviceSerialNumber", CT, Action.REMOVE),  # X/Z/D, Type 3
        ("DeviceSerialNumber", ENHANCED_CT, Action.REPLACE),  # Type 1
        ("ContentDate", CT, Action.EMPTY),  # Z/D, Type 2
        ("ContentDate", ENHANCED_CT, Action.REPLACE),
        ("DeviceSerialNumber", "1.2.3", Action.REMOVE),  # unknown SOP Class: the first letter
    ],
)
def test_a_compound_code_settles_by_the_type_in_the_iod(keyword: str, sop_class: str, done: Action) -> None:
    assert action(make(iod=iods.iod_of(sop_class)), keyword) is done


def test_a_compound_code_settles_by_the_place_in_the_iod() -> None:
    plan = make("attributes:\n  ReferringPhysicianIdentificationSequence: {disabled: true}\n")
    assert action(plan, "InstitutionName") is Action.REMOVE
    assert action(plan, "InstitutionName", "ReferringPhysicianIdentificationSequence") is Action.REPLACE
    # At another place nothing is known of its Type.
    elsewhere = ("SharedFunctionalGroupsSequence", "ReferringPhysicianIdentificationSequence")
    assert action(plan, "InstitutionName", *elsewhere) is Action.REMOVE


def test_a_reference_sequence_that_must_stay_keeps_its_items_with_new_uids() -> None:
    plan = make(iod="rt-physician-intent")
    path = ("RTPhysicianIntentSequence", "RTPhysicianIntentInputInstanceSequence")
    here = plan.inside(plan.inside(ROOT, tag(path[0]), deep=False), tag(path[1]), deep=False)
    decision = plan.decide(tag("ReferencedStudySequence"), "SQ", here)
    assert (decision.action, decision.deep) == (Action.KEEP, False)


@pytest.mark.parametrize(
    ("keyword", "done"),
    [("ReferencedImageSequence", Action.EMPTY), ("SourceImageSequence", Action.REMOVE)],
)
def test_a_reference_sequence_settles_by_its_place(keyword: str, done: Action) -> None:
    assert action(make(iod="enhanced-ct-image"), keyword, "SharedFunctionalGroupsSequence") is done


def test_a_profile_may_use_a_compound_code_of_its_own() -> None:
    text = "attributes:\n  ContentDate: {action: X/Z/D}\n  StudyDescription: {action: Z/D}\n"
    assert action(make(text), "ContentDate") is Action.EMPTY
    assert action(make(text, iod="enhanced-ct-image"), "ContentDate") is Action.REPLACE
    assert action(make(text), "StudyDescription") is Action.EMPTY


@pytest.mark.parametrize(
    ("option", "keyword", "done"),
    [
        ("retain_uids", "DeviceUID", Action.KEEP),
        ("retain_uids", "VolumeFrameOfReferenceUID", Action.KEEP),
        ("retain_uids", "AnnotationGroupUID", Action.KEEP),
        ("retain_uids", "ReferencedImageSequence", Action.KEEP),
        ("retain_uids", "StudyDescription", Action.REMOVE),
        ("retain_device_identity", "StationName", Action.KEEP),
        ("retain_device_identity", "DateOfLastCalibration", Action.REMOVE),  # the device stays, its dates do not
        ("retain_patient_characteristics", "PatientSex", Action.KEEP),
        ("retain_patient_characteristics", "Allergies", Action.REMOVE),  # C: text is not cleaned yet
        ("retain_institution_identity", "InstitutionName", Action.KEEP),
        ("retain_longitudinal_full_dates", "StudyDate", Action.KEEP),
        ("retain_longitudinal_full_dates", "TimezoneOffsetFromUTC", Action.KEEP),
        ("retain_longitudinal_full_dates", "EventTimeOffset", Action.KEEP),
        ("retain_longitudinal_modified_dates", "StudyDate", Action.SHIFT_DATE),
        ("retain_longitudinal_modified_dates", "TimezoneOffsetFromUTC", Action.REMOVE),  # C of what is no date
        ("retain_longitudinal_modified_dates", "PatientBirthDate", Action.EMPTY),
    ],
)
def test_an_option_changes_what_its_column_lists(option: str, keyword: str, done: Action) -> None:
    assert action(make(f"options: [{option}]\n"), keyword) is done


def test_two_options_that_disagree_take_the_more_cautious() -> None:
    text = "options: [retain_device_identity, retain_longitudinal_modified_dates]\n"
    assert action(make(text), "DateOfLastCalibration") is Action.SHIFT_DATE
    text = "options: [retain_device_identity, retain_longitudinal_full_dates]\n"
    assert action(make(text), "DateOfLastCalibration") is Action.KEEP


@pytest.mark.parametrize(
    ("options", "done"),
    [
        ("", Action.REMOVE),
        ("retain_longitudinal_full_dates", Action.KEEP),
        ("retain_longitudinal_modified_dates", Action.SHIFT_DATE),
    ],
)
def test_a_date_outside_the_table_follows_the_date_option(options: str, done: Action) -> None:
    assert make(f"options: [{options}]\n").decide(0x00080416, "DT").action is done


def test_a_detail_comes_before_the_table() -> None:
    plan = make(
        "attributes:\n"
        "  PatientName: {action: pseudonym}\n"
        "  StudyDescription: {disabled: true}\n"
        "  StudyDate: {action: clean}\n"
        "  Rows: {action: remove}\n"
        "  DeviceUID: {action: replace}\n"
        "  ContentCreatorName: {action: replace, value: NOBODY}\n"
    )
    assert action(plan, "PatientName") is Action.PSEUDONYM
    assert action(plan, "StudyDescription") is Action.KEEP
    assert action(plan, "StudyDate") is Action.SHIFT_DATE
    assert action(plan, "Rows") is Action.REMOVE
    assert action(plan, "DeviceUID") is Action.UID  # a UID's dummy is a UID
    assert plan.decide(tag("ContentCreatorName"), "PN").value == "NOBODY"


def test_no_detail_comes_before_what_the_engine_sets() -> None:
    plan = make("attributes:\n  PrivateDataElementCharacteristicsSequence: {action: keep}\n")
    assert action(plan, "PrivateDataElementCharacteristicsSequence") is Action.REMOVE


@pytest.mark.parametrize(
    ("number", "done"), [(0x60003000, Action.KEEP), (0x601E3000, Action.KEEP), (0x60004000, Action.REMOVE)]
)
def test_a_mask_covers_its_repeating_group(number: int, done: Action) -> None:
    assert make("attributes:\n  60xx,3000: {action: keep}\n").decide(number, "OW").action is done


def test_an_exact_tag_comes_before_a_mask() -> None:
    plan = make("attributes:\n  60xx,3000: {action: keep}\n  6002,3000: {action: empty}\n")
    assert plan.decide(0x60003000, "OW").action is Action.KEEP
    assert plan.decide(0x60023000, "OW").action is Action.EMPTY


PATHS = """\
attributes:
  ConceptNameCodeSequence > CodeMeaning: {action: empty}
  ContentSequence > ConceptNameCodeSequence > CodeMeaning: {action: remove}
  ContentSequence > ContentSequence > ConceptNameCodeSequence > CodeMeaning: {disabled: true}
  CodeMeaning: {action: replace, value: X}
"""


@pytest.mark.parametrize(
    ("sequences", "done"),
    [
        ([], Action.REPLACE),
        (["ConceptCodeSequence"], Action.REPLACE),
        (["ConceptNameCodeSequence"], Action.EMPTY),
        (["ConceptCodeSequence", "ConceptNameCodeSequence"], Action.EMPTY),  # a path may begin anywhere
        (["ContentSequence", "ConceptNameCodeSequence"], Action.REMOVE),
        (["ContentSequence", "ContentSequence", "ConceptNameCodeSequence"], Action.KEEP),
        (["ContentSequence"] * 5 + ["ConceptNameCodeSequence"], Action.KEEP),
        (["ContentSequence", "ConceptCodeSequence", "ConceptNameCodeSequence"], Action.EMPTY),  # not straight inside
        (["ContentSequence", "ConceptNameCodeSequence", "ConceptCodeSequence"], Action.REPLACE),
    ],
)
def test_the_longest_path_that_ends_here_decides(sequences: Sequence[str], done: Action) -> None:
    assert action(make(PATHS), "CodeMeaning", *sequences) is done


def test_places_that_no_rule_tells_apart_are_one() -> None:
    plan = make(iod=None)
    assert place(plan, "SharedFunctionalGroupsSequence", "FrameContentSequence") == Place(None, (), deep=False)


@pytest.mark.parametrize(
    ("keyword", "vr", "done"),
    [
        ("CodeMeaning", "LO", Action.REPLACE),
        ("NumericValue", "DS", Action.REPLACE),
        ("InstitutionName", "LO", Action.REPLACE),  # the table says remove: inside, the shape stays
        ("DeviceUID", "UI", Action.UID),
        ("DeviceUID", "LO", Action.REMOVE),
        ("CodeMeaning", "UI", Action.UID),
        ("ConceptCodeSequence", "SQ", Action.KEEP),
        ("ConceptCodeSequence", "UN", Action.KEEP),
        ("ConceptCodeSequence", "LO", Action.REMOVE),  # a sequence in disguise
        ("DeidentificationMethod", "LO", Action.REMOVE),
        ("PrivateDataElementCharacteristicsSequence", "SQ", Action.REMOVE),
        ("PatientID", "LO", Action.REPLACE),  # whatever the profile says elsewhere
    ],
)
def test_inside_a_sequence_of_dummies_the_shape_stays_and_every_leaf_goes(keyword: str, vr: str, done: Action) -> None:
    plan = make("attributes:\n  PatientID: {action: pseudonym}\n")
    here = place(plan, "PersonIdentificationCodeSequence")
    assert here.deep
    assert plan.decide(tag(keyword), vr, here).action is done
    assert plan.inside(here, tag("ConceptCodeSequence"), deep=False).deep


@pytest.mark.parametrize("number", [0x00290010, 0x00291010, 0x0010FFFE, 0x00100000, 0x60003000, 0x50000030])
def test_inside_a_sequence_of_dummies_what_is_private_unknown_or_graphics_goes(number: int) -> None:
    plan = make()
    assert plan.decide(number, "LO", place(plan, "PersonIdentificationCodeSequence")).action is Action.REMOVE


@pytest.mark.parametrize("sequence", ["ContentSequence", "GraphicAnnotationSequence"])
def test_a_content_tree_keeps_what_cannot_identify(sequence: str) -> None:
    plan = make(iod="basic-text-sr")
    assert not place(plan, sequence).deep
    assert action(plan, "RelationshipType", sequence) is Action.KEEP
    assert action(plan, "TextValue", sequence) is Action.REPLACE


def test_a_profile_may_fill_any_sequence_with_dummies() -> None:
    plan = make("attributes:\n  SharedFunctionalGroupsSequence: {action: replace}\n")
    assert place(plan, "SharedFunctionalGroupsSequence").deep


def test_the_marks_are_written_at_the_root_only_and_an_earlier_text_goes_everywhere() -> None:
    plan = make()
    inside = ("SharedFunctionalGroupsSequence",)
    assert action(plan, "PatientIdentityRemoved", *inside) is Action.KEEP
    assert action(plan, "LongitudinalTemporalInformationModified", *inside) is Action.KEEP
    assert action(plan, "DeidentificationMethod", *inside) is Action.REMOVE
    assert action(plan, "DeidentificationMethodCodeSequence", *inside) is Action.REMOVE


@pytest.mark.parametrize(
    ("keyword", "vr", "done"),
    [
        ("Rows", "US", Action.KEEP),
        ("Rows", "OB", Action.REMOVE),
        ("Rows", "UI", Action.UID),  # a UID whatever the tag says
        ("Rows", "PN", Action.EMPTY),
        ("PixelMeasuresSequence", "SQ", Action.KEEP),
        ("PixelMeasuresSequence", "UN", Action.KEEP),
        ("PixelMeasuresSequence", "LO", Action.REMOVE),
        ("PersonName", "UI", Action.UID),  # a dummy of VR UI would name an object that is not there
        ("DeviceUID", "LO", Action.REMOVE),
        ("DeviceUID", "UN", Action.UID),
    ],
)
def test_an_attribute_in_another_vr_than_the_standard_gives_it_is_looked_at_harder(
    keyword: str, vr: str, done: Action
) -> None:
    assert action(make(), keyword, vr=vr) is done


@pytest.mark.parametrize(
    ("vr", "done"),
    [
        ("DA", Action.SHIFT_DATE),
        ("UN", Action.SHIFT_DATE),
        ("DT", Action.SHIFT_DATE),
        ("SQ", Action.REMOVE),
        ("US", Action.REMOVE),
    ],
)
def test_a_date_that_is_written_as_something_else_does_not_move_but_goes(vr: str, done: Action) -> None:
    assert action(make("options: [retain_longitudinal_modified_dates]\n"), "StudyDate", vr=vr) is done


@pytest.mark.parametrize(
    ("value", "vr", "kept"),
    [
        ("ANONYMOUS", "PN", "ANONYMOUS"),
        ("ANONYMOUS", "LO", "ANONYMOUS"),
        ("ANONYMOUS", "UN", "ANONYMOUS"),
        ("ANONYMOUS", "IS", None),  # the dummy of the VR instead
        ("ANONYMOUS", "US", None),
        ("12", "IS", "12"),
        ("12", "DS", "12"),
        ("1.5", "DS", "1.5"),
        ("1.5", "IS", None),
    ],
)
def test_a_value_that_its_encoded_vr_cannot_hold_gives_way_to_the_dummy(value: str, vr: str, kept: str | None) -> None:
    decision = make(f'attributes:\n  PatientName: {{action: replace, value: "{value}"}}\n').decide(0x00100010, vr)
    assert (decision.action, decision.value) == (Action.REPLACE, kept)


PRIVATE = """\
attributes:
  ("ACME",0029,10): {action: keep}
  ("ACME",0029,11): {action: replace}
  ("ACME",0029,12): {action: X/Z}
  ("OTHER",0031,10): {action: empty}
"""


@pytest.mark.parametrize(
    ("creator", "number", "vr", "done"),
    [
        ("ACME", 0x00290010, "LO", Action.KEEP),
        ("ACME", 0x00290010, "UI", Action.UID),
        ("ACME", 0x00290010, "SQ", Action.REMOVE),
        ("ACME", 0x00290010, "UN", Action.REMOVE),  # may hold items
        ("ACME", 0x00290011, "LO", Action.REPLACE),
        ("ACME", 0x00290011, "UI", Action.UID),
        ("ACME", 0x00290012, "LO", Action.REMOVE),
        ("ACME", 0x00290013, "LO", Action.REMOVE),
        ("ACME", 0x00310010, "LO", Action.REMOVE),
        ("OTHER", 0x00310010, "LO", Action.EMPTY),
        ("OTHER", 0x00290010, "LO", Action.REMOVE),
        ("acme", 0x00290010, "LO", Action.REMOVE),
        ("", 0x00290010, "LO", Action.REMOVE),
    ],
)
def test_a_private_element_is_known_by_its_creator(creator: str, number: int, vr: str, done: Action) -> None:
    assert make(PRIVATE).private_rule(creator, number, vr).action is done


def test_a_private_uid_stays_when_uids_stay() -> None:
    plan = make("options: [retain_uids]\n" + PRIVATE)
    assert plan.private_rule("ACME", 0x00290010, "UI").action is Action.KEEP


def test_a_private_value_whose_vr_is_known_from_elsewhere_stays() -> None:
    plan = make(
        'attributes:\n  ("SIEMENS MED NM",0033,00): {action: keep}\n  ("GEMS_IDEN_01",0009,02): {action: keep}\n'
    )
    assert plan.private_rule("GEMS_IDEN_01", 0x00090002, "UN").action is Action.KEEP


@pytest.mark.parametrize(
    ("text", "sop_class", "burned_in", "passes"),
    [
        ("", CT, "YES", True),
        ("", "", "", True),
        ("", MEDIA_DIRECTORY, "", False),
        ("sop_classes: images\n", CT, "", True),
        ("sop_classes: images\n", BASIC_TEXT_SR, "", False),
        ("sop_classes: images\n", "1.2.3", "", False),
        ("apply_masks: true\n", CT, "", True),
        ("apply_masks: true\n", CT, "NO", True),
        ("apply_masks: true\n", CT, "YES", False),
        ("apply_masks: true\n", ULTRASOUND, "NO", False),
        ("apply_masks: true\n", "1.2.840.10008.5.1.4.1.1.7", "", False),  # Secondary Capture
        ("apply_masks: true\n", "1.2.3", "", False),
    ],
)
def test_a_profile_says_what_it_does_not_let_pass(text: str, sop_class: str, burned_in: str, passes: bool) -> None:
    assert (make(text).refuses(sop_class, burned_in) is None) is passes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "REMOVED"),
        ("options: [retain_device_identity]\n", "REMOVED"),
        ("options: [retain_longitudinal_full_dates]\n", "UNMODIFIED"),
        ("options: [retain_longitudinal_modified_dates]\n", "MODIFIED"),
        ("attributes: {StudyDate: {action: truncate_date}}\n", "MODIFIED"),
        ("attributes: {StudyDate: {action: shift_date}}\n", "MODIFIED"),
        ("attributes: {StudyDate: {action: clean}}\n", "MODIFIED"),
        ("attributes: {StudyDate: {disabled: true}}\n", "UNMODIFIED"),
        ("options: [retain_longitudinal_modified_dates]\nattributes: {StudyTime: {action: keep}}\n", "UNMODIFIED"),
        ("attributes: {StudyDescription: {action: keep}}\n", "REMOVED"),
    ],
)
def test_what_is_said_of_dates_is_never_stronger_than_the_truth(text: str, said: str) -> None:
    assert make(text).longitudinal == said


def test_the_method_names_the_profile_and_a_code_stands_for_each_option() -> None:
    plan = make("options: [retain_uids, retain_device_identity]\n")
    assert plan.method == "Dicomveil p"
    assert plan.codes == (
        ("113100", "Basic Application Confidentiality Profile"),
        ("113109", "Retain Device Identity Option"),
        ("113110", "Retain UIDs Option"),
    )
    assert len(Plan(Profile("a" * 41, options=AVAILABLE | set(Option)), None).method) <= 64
