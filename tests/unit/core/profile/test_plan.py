"""What happens to an attribute at a place, and which rule says so."""

from collections.abc import Sequence

import pytest

from gateway.core.profile.annex_e import CLEANING
from gateway.core.profile.decisions import CLEANED_VRS, TIMEZONE
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
from tests.kit.engine import mask_rules, profile

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"

ALWAYS_BURNED = "name: p\nattributes:\n  BurnedInAnnotation: {action: replace, value: 'YES', always: true}\n"


def make(text: str = "", iod: str | None = "ct-image") -> Plan:
    return Plan(parse_profile("name: p\n" + text, "p.yaml", profile, mask_rules), iod)


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
    Action.CLEAN: CLEANED_VRS | {"AS", "UN"},
}


@pytest.mark.parametrize("name", ["nominal", "strict", "retain-longitudinal-modified-dates"])
def test_whatever_vr_a_listed_attribute_comes_in_its_action_fits_and_does_not_keep_it(name: str) -> None:
    plan = Plan(profile(name), "ct-image")
    for number in ps315.ENTRIES:
        for vr in VRS:
            done = plan.decide(number, vr).action
            assert vr in FITTING.get(done, VRS) or (number, vr) == (TIMEZONE, "SH")
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
    [("ReferencedImageSequence", Action.KEEP), ("SourceImageSequence", Action.REMOVE)],
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
        ("retain_patient_characteristics", "PatientWeight", Action.KEEP),
        ("retain_patient_characteristics", "PatientAge", Action.CLEAN),  # K, but the oldest are few
        ("retain_patient_characteristics", "Allergies", Action.CLEAN),
        ("retain_device_identity", "StationAETitle", Action.CLEAN),
        ("clean_descriptors", "StudyDescription", Action.CLEAN),
        ("clean_descriptors", "ImageComments", Action.CLEAN),
        ("clean_descriptors", "RequestAttributesSequence", Action.KEEP),  # walked
        ("clean_descriptors", "ReasonForTheAttributeModification", Action.REPLACE),  # a code is not text
        ("clean_descriptors", "MakerNote", Action.REMOVE),  # nor are bytes
        ("clean_descriptors", "PatientName", Action.EMPTY),
        ("clean_structured_content", "AcquisitionContextSequence", Action.KEEP),
        ("clean_structured_content", "SpecimenPreparationSequence", Action.KEEP),
        ("clean_graphics", "GraphicAnnotationSequence", Action.KEEP),
        ("clean_graphics", "UnformattedTextValue", Action.CLEAN),
        ("retain_institution_identity", "InstitutionName", Action.KEEP),
        ("retain_longitudinal_full_dates", "StudyDate", Action.KEEP),
        ("retain_longitudinal_full_dates", "TimezoneOffsetFromUTC", Action.KEEP),
        ("retain_longitudinal_full_dates", "EventTimeOffset", Action.KEEP),
        ("retain_longitudinal_modified_dates", "StudyDate", Action.SHIFT_DATE),
        ("retain_longitudinal_modified_dates", "TimezoneOffsetFromUTC", Action.SHIFT_DATE),  # a valid one stays
        ("retain_longitudinal_modified_dates", "PatientBirthDate", Action.EMPTY),
    ],
)
def test_an_option_changes_what_its_column_lists(option: str, keyword: str, done: Action) -> None:
    assert action(make(f"options: [{option}]\n"), keyword) is done


@pytest.mark.parametrize(
    ("options", "keyword", "done"),
    [
        ("retain_patient_characteristics, clean_descriptors", "PatientState", Action.CLEAN),
        ("retain_longitudinal_modified_dates, retain_device_identity", "TimeOfLastCalibration", Action.SHIFT_DATE),
        ("retain_patient_characteristics", "LastMenstrualDate", Action.REMOVE),
    ],
)
def test_cleaning_wins_over_keeping(options: str, keyword: str, done: Action) -> None:
    assert action(make(f"options: [{options}]\n"), keyword) is done


def test_two_options_that_disagree_take_the_more_cautious() -> None:
    text = "options: [retain_device_identity, retain_longitudinal_modified_dates]\n"
    assert action(make(text), "TimeOfLastCalibration") is Action.SHIFT_DATE
    text = "options: [retain_device_identity, retain_longitudinal_full_dates]\n"
    assert action(make(text), "DateOfLastCalibration") is Action.KEEP


@pytest.mark.parametrize("keyword", ["ContextGroupVersion", "TemplateVersion", "DateOfInstallation"])
def test_a_date_that_many_patients_share_does_not_move_with_one(keyword: str) -> None:
    moved = make("options: [retain_device_identity, retain_longitudinal_modified_dates]\n")
    assert action(moved, keyword) in (Action.REMOVE, Action.REPLACE)
    assert action(make("options: [retain_longitudinal_full_dates]\n"), keyword) is Action.KEEP
    own = "options: [retain_longitudinal_modified_dates]\nattributes: {%s: {action: shift_date}}\n"
    assert action(make(own % keyword), keyword) is Action.SHIFT_DATE


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
        ("ACME", 0x00290010, "SQ", Action.KEEP),  # walked
        ("ACME", 0x00290010, "DA", Action.REMOVE),  # follows the date option
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
    ("text", "sop_class", "passes"),
    [
        ("", CT, True),
        ("", "", True),
        ("", MEDIA_DIRECTORY, False),
        ("sop_classes: images\n", CT, True),
        ("sop_classes: images\n", BASIC_TEXT_SR, False),
        ("sop_classes: images\n", "1.2.3", False),
        ("apply_masks: true\n", ULTRASOUND, True),  # its pixels are decided about when they are known
    ],
)
def test_a_profile_says_what_it_does_not_let_pass(text: str, sop_class: str, passes: bool) -> None:
    assert (make(text).refuses(sop_class) is None) is passes


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
        ("attributes: {StudyDescription: {action: clean}}\n", "REMOVED"),
        ("attributes: {vr TM: {action: keep}}\n", "UNMODIFIED"),
        ("attributes: {vr DA: {action: shift_date}}\n", "MODIFIED"),
        ("attributes: {StudyDate: {action: keep, when: {Modality: {equals: CT}}}}\n", "UNMODIFIED"),  # it may hold
        ('attributes:\n  ("ACME",0029,10): {action: keep}\n', "REMOVED"),  # keeps no dates
        ('attributes:\n  ("ACME",0029,10): {disabled: true}\n', "UNMODIFIED"),  # may be one
        ('attributes:\n  ("ELSCINT1",00E1,21): {disabled: true}\n', "REMOVED"),  # known to be a number
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


@pytest.mark.parametrize(
    ("number", "vr", "done"),
    [
        (0x60003000, "OW", Action.KEEP),
        (0x601E0010, "US", Action.KEEP),
        (0x60000040, "CS", Action.KEEP),
        (0x60021001, "CS", Action.KEEP),  # the layer it belongs to
        (0x60000110, "CS", Action.REMOVE),  # retired, and any word
        (0x60000800, "CS", Action.REMOVE),
        (0x601E0060, "CS", Action.REMOVE),
        (0x60000022, "LO", Action.REMOVE),  # its description
        (0x60001500, "LO", Action.REMOVE),  # its label
        (0x60004000, "LT", Action.REMOVE),  # comments
        (0x60000045, "LO", Action.REMOVE),  # any text
        (0x6000FFFE, "US", Action.REMOVE),  # unknown
        (0x60003000, "LT", Action.REMOVE),  # text in disguise
        (0x50003000, "OW", Action.KEEP),
        (0x50000030, "SH", Action.REMOVE),
        (0x5000200C, "OW", Action.REMOVE),  # a voice
        (0x50002600, "SQ", Action.KEEP),
        (0x50013000, "OW", Action.REMOVE),  # private
    ],
)
def test_clean_graphics_keeps_graphics_without_their_words(number: int, vr: str, done: Action) -> None:
    plan = make("options: [clean_graphics]\n")
    assert plan.decide(number, vr).action is done
    assert make().decide(number, vr).action is Action.REMOVE


@pytest.mark.parametrize(
    ("creator", "number", "vr", "done"),
    [
        ("ELSCINT1", 0x00E10021, "DS", Action.KEEP),
        ("ELSCINT1", 0x00E10021, "IS", Action.KEEP),  # says no more
        ("ELSCINT1", 0x00E10021, "UN", Action.KEEP),
        ("ELSCINT1", 0x00E10021, "LO", Action.REMOVE),  # not the VR that was reviewed
        ("ELSCINT1", 0x00E10021, "PN", Action.EMPTY),
        ("ELSCINT1", 0x00E10021, "UI", Action.UID),
        ("ELSCINT1", 0x00E10021, "SQ", Action.KEEP),  # walked, and nothing private in it is safe
        ("ELSCINT1", 0x00E10050, "DS", Action.REMOVE),  # TCIA deletes it
        ("ELSCINT1", 0x00E10099, "DS", Action.REMOVE),
        ("Elscint1", 0x00E10021, "DS", Action.REMOVE),  # case counts
        ("Philips MR Imaging DD 001", 0x2005000D, "FL", Action.KEEP),
        ("PHILIPS MR IMAGING DD 001", 0x2005000D, "FL", Action.KEEP),  # but this spelling is known
        ("Philips Imaging DD 001", 0x2001005F, "SQ", Action.KEEP),  # walked
        ("Philips Imaging DD 001", 0x2001005F, "UN", Action.KEEP),
        ("Philips Imaging DD 001", 0x2001005F, "LO", Action.REMOVE),
        ("NQHeader", 0x00990002, "UI", Action.UID),
        ("NQHeader", 0x00990002, "UN", Action.UID),
        ("NQHeader", 0x00990005, "LT", Action.CLEAN),  # free text
        ("NQHeader", 0x00990005, "UN", Action.CLEAN),
        ("SIEMENS Ultrasound SC2000", 0x01290003, "FD", Action.REMOVE),  # the standard gives it no VR
        ("SIEMENS Ultrasound SC2000", 0x01290003, "UN", Action.REMOVE),
        ("ACME", 0x00290010, "DS", Action.REMOVE),
    ],
)
def test_safe_private_attributes_stay_as_what_they_are(creator: str, number: int, vr: str, done: Action) -> None:
    assert make("options: [retain_safe_private]\n").private_rule(creator, number, vr).action is done
    assert make().private_rule(creator, number, vr).action is Action.REMOVE


def test_only_what_may_stay_keeps_its_private_block() -> None:
    groups = make("options: [retain_safe_private]\n").private_groups
    assert ("ELSCINT1", 0x00E1) in groups
    assert ("ELSCINT1", 0x01E2) not in groups
    assert ("GEMS_SERS_01", 0x0025) in groups
    assert not make().private_groups
    assert make(PRIVATE).private_groups == {("ACME", 0x0029), ("OTHER", 0x0031)}


@pytest.mark.parametrize(
    ("line", "creator", "number", "vr", "done"),
    [
        ('("ELSCINT1",00E1,21): {action: remove}', "ELSCINT1", 0x00E10021, "DS", Action.REMOVE),
        ('("ELSCINT1",00E1,50): {action: keep}', "ELSCINT1", 0x00E10050, "DS", Action.KEEP),
        ('("ELSCINT1",00E1,xx): {action: empty}', "ELSCINT1", 0x00E10021, "DS", Action.EMPTY),
        ('("ACME",0029,xx): {action: keep}', "ACME", 0x002900FF, "LO", Action.KEEP),
        ('("ACME",0029,xx): {action: keep}', "ACME", 0x002900FF, "UI", Action.UID),
        ('("ACME",0029,xx): {action: keep}', "ACME", 0x002900FF, "TM", Action.REMOVE),
        ('("ACME",0029,xx): {action: keep}', "ACME", 0x002B00FF, "LO", Action.REMOVE),
        ('("ACME",0029,xx): {disabled: true}', "ACME", 0x002900FF, "DA", Action.KEEP),
        ('("ACME",0029,xx): {disabled: true}', "ACME", 0x002900FF, "UI", Action.KEEP),
        ('("ACME",0029,10): {disabled: true}', "ACME", 0x00290010, "UI", Action.KEEP),
        ('("ACME",0029,10): {action: keep}', "ACME", 0x00290010, "UI", Action.UID),
        ('("ACME",0029,xx): {action: clean}', "ACME", 0x00290010, "LO", Action.CLEAN),
        ('("ACME",0029,xx): {action: clean}', "ACME", 0x00290010, "DT", Action.SHIFT_DATE),
        ('("ACME",0029,xx): {action: clean}', "ACME", 0x00290010, "SQ", Action.KEEP),
        ('("ACME",0029,xx): {action: clean}', "ACME", 0x00290010, "OB", Action.REMOVE),
        ("vr DS: {action: remove}", "ELSCINT1", 0x00E10021, "DS", Action.REMOVE),
        ("vr DS: {action: keep}", "ELSCINT1", 0x00E10050, "DS", Action.REMOVE),  # keeps nothing private
        ("vr LO: {action: keep}", "ACME", 0x00290010, "LO", Action.REMOVE),
    ],
)
def test_details_on_private_elements(line: str, creator: str, number: int, vr: str, done: Action) -> None:
    plan = make(f"options: [retain_safe_private]\nattributes:\n  {line}\n")
    assert plan.private_rule(creator, number, vr).action is done


def test_a_kept_private_date_follows_the_date_option() -> None:
    for option, done in (("full", Action.KEEP), ("modified", Action.SHIFT_DATE)):
        plan = make(f"options: [retain_longitudinal_{option}_dates]\n" + PRIVATE)
        assert plan.private_rule("ACME", 0x00290010, "DA").action is done


def test_a_private_element_or_a_mask_may_end_a_path() -> None:
    plan = make(
        "attributes:\n"
        '  SharedFunctionalGroupsSequence > ("ACME",0029,10): {action: keep}\n'
        "  SharedFunctionalGroupsSequence > 60xx,3000: {action: keep}\n"
        "  SharedFunctionalGroupsSequence > vr SH: {action: remove}\n"
    )
    inside = place(plan, "SharedFunctionalGroupsSequence")
    deeper = plan.inside(inside, tag("FrameContentSequence"), deep=False)
    for here, private, masked, short in (
        (ROOT, Action.REMOVE, Action.REMOVE, Action.KEEP),
        (inside, Action.KEEP, Action.KEEP, Action.REMOVE),
        (deeper, Action.REMOVE, Action.REMOVE, Action.KEEP),
    ):
        assert plan.private_rule("ACME", 0x00290010, "LO", here).action is private
        assert plan.decide(0x60003000, "OW", here).action is masked
        assert plan.decide(tag("CodeValue"), "SH", here).action is short
    assert plan.private_groups == {("ACME", 0x0029)}


def test_nothing_private_stays_inside_a_sequence_of_dummies() -> None:
    plan = make(PRIVATE)
    here = place(plan, "PersonIdentificationCodeSequence")
    assert plan.private_rule("ACME", 0x00290010, "LO", here).action is Action.REMOVE


SPECIFIC = """\
attributes:
  vr LO: {action: empty}
  InstitutionName: {action: replace, value: A}
  ContentSequence > vr LO: {action: replace, value: B}
  Manufacturer: {action: keep, when: {Modality: {equals: CT}}}
  vr SH: {action: remove, when: {Modality: {equals: CT}}}
  StationName: {action: keep}
"""
CT_ON = frozenset({0})


@pytest.mark.parametrize(
    ("keyword", "sequences", "active", "done"),
    [
        ("InstitutionName", (), frozenset(), (Action.REPLACE, "A")),  # a tag beats a VR
        ("InstitutionName", ("ContentSequence",), frozenset(), (Action.REPLACE, "B")),  # a path beats a tag
        ("Manufacturer", (), frozenset(), (Action.EMPTY, None)),
        ("Manufacturer", (), CT_ON, (Action.KEEP, None)),
        ("StationName", (), frozenset(), (Action.KEEP, None)),
        ("StationName", (), CT_ON, (Action.REMOVE, None)),  # a condition beats none
    ],
)
def test_the_most_specific_rule_decides(
    keyword: str, sequences: Sequence[str], active: frozenset[int], done: tuple[Action, str | None]
) -> None:
    read = parse_profile("name: p\n" + SPECIFIC, "p.yaml", profile, mask_rules)
    assert len(read.whens) == 1
    plan = Plan(read, "ct-image", active)
    number = tag(keyword)
    decision = plan.decide(number, dictionary.vr_of(number) or "", place(plan, *sequences))
    assert (decision.action, decision.value) == done


@pytest.mark.parametrize(
    ("keyword", "done"),
    [
        ("Manufacturer", Action.EMPTY),  # what keeps is off
        ("StationName", Action.REMOVE),  # what hides is on
        ("InstitutionName", Action.REPLACE),
    ],
)
def test_where_conditions_cannot_be_known_the_most_cautious_decision_is_taken(keyword: str, done: Action) -> None:
    assert action(make(SPECIFIC), keyword) is done


def test_a_condition_that_is_not_known_never_weakens_the_table() -> None:
    plan = make("attributes:\n  StudyDescription: {action: clean, when: {Modality: {equals: CT}}}\n")
    assert action(plan, "StudyDescription") is Action.REMOVE
    plan = make('attributes:\n  ("ACME",0029,10): {action: keep, when: {Modality: {equals: CT}}}\n')
    assert plan.private_rule("ACME", 0x00290010, "LO").action is Action.REMOVE
    assert ("ACME", 0x0029) in plan.private_groups
    plan = make(
        "attributes:\n"
        '  ("ACME",0029,xx):\n    - {action: keep}\n    - {action: empty, when: {Modality: {equals: CT}}}\n'
    )
    assert plan.private_rule("ACME", 0x00290010, "LO").action is Action.EMPTY


@pytest.mark.parametrize(
    ("line", "keyword", "done"),
    [
        ("vr UT: {action: keep}", "SOPClassUID", Action.KEEP),
        ("vr CS: {action: remove}", "SpecificCharacterSet", Action.KEEP),
        ("vr PN: {action: replace, value: N}", "PatientName", Action.REPLACE),
        ("vr DA: {action: truncate_date, value: month}", "StudyDate", Action.TRUNCATE_DATE),
        ("vr SQ: {action: remove}", "ContentSequence", Action.REMOVE),
    ],
)
def test_a_rule_for_a_vr_covers_its_attributes_but_not_what_the_engine_needs(
    line: str, keyword: str, done: Action
) -> None:
    assert action(make(f"attributes:\n  {line}\n"), keyword) is done


def test_a_rule_for_a_vr_keeps_nothing_unknown_private_or_in_disguise() -> None:
    plan = make("attributes:\n  vr LO: {action: keep}\n  vr US: {action: keep}\n")
    assert plan.decide(0x0010FFFE, "LO").action is Action.REMOVE
    assert plan.decide(0x00291010, "LO").action is Action.REMOVE
    assert plan.decide(tag("Rows"), "OB").action is Action.REMOVE
    assert plan.decide(tag("InstitutionName"), "PN").action is Action.EMPTY
    assert plan.decide(tag("InstitutionName"), "LO").action is Action.KEEP


def test_a_mask_keeps_no_dates_by_itself() -> None:
    plan = make("attributes:\n  60xx,xxxx: {action: keep}\n")
    assert plan.decide(0x60000024, "DA").action is Action.REMOVE
    assert plan.longitudinal == "REMOVED"
    assert make("attributes:\n  60xx,xxxx: {disabled: true}\n").decide(0x60000024, "DA").action is Action.KEEP


@pytest.mark.parametrize(
    ("text", "cleans"),
    [
        ("", False),
        ("options: [retain_uids, retain_institution_identity, retain_longitudinal_modified_dates]\n", False),
        *((f"options: [{name}]\n", True) for name in sorted(option.value for option in CLEANING)),
        ("attributes: {StudyDescription: {action: clean}}\n", True),
        ("attributes: {StudyDescription: {action: clean, when: {Modality: {equals: CT}}}}\n", True),
        ("attributes: {vr LO: {action: C}}\n", True),
        ("attributes: {StudyDate: {action: clean}}\n", False),
        ("attributes: {vr DA: {action: clean}}\n", False),
    ],
)
def test_whoever_cleans_text_must_know_the_subject(text: str, cleans: bool) -> None:
    assert make(text).cleans is cleans


@pytest.mark.parametrize("option", sorted(AVAILABLE - CLEANING, key=str))
def test_no_other_option_cleans_text(option: Option) -> None:
    plan = make(f"options: [{option.value}]\n")
    assert not any(plan.decide(number, vr).action is Action.CLEAN for number in ps315.ENTRIES for vr in VRS)


def test_the_time_zone_has_a_dummy_that_is_one() -> None:
    decision = make(iod="simplified-adult-echo-sr").decide(TIMEZONE, "SH")
    assert (decision.action, decision.value) == (Action.REPLACE, "+0000")


def test_a_date_that_an_iod_demands_is_not_removed() -> None:
    plan = make(iod="grayscale-softcopy-presentation-state")
    assert action(plan, "PresentationCreationDate") is Action.REPLACE
    assert action(plan, "PresentationCreationTime") is Action.REPLACE
    assert action(make(), "PresentationCreationDate") is Action.REMOVE
    shifted = make("options: [retain_longitudinal_modified_dates]\n", iod="grayscale-softcopy-presentation-state")
    assert action(shifted, "PresentationCreationDate") is Action.SHIFT_DATE


def test_the_character_set_of_a_sequence_of_dummies_stays_one() -> None:
    plan = make()
    here = place(plan, "PersonIdentificationCodeSequence")
    assert plan.decide(tag("SpecificCharacterSet"), "CS", here).action is Action.KEEP


STRUCTURED = "options: [clean_structured_content{}]\n"
ACCESSION, FINDING, STARTED = ("DCM", "121022"), ("DCM", "121071"), ("DCM", "111526")
OBSERVER_UID, CLINICAL_REPORT = ("DCM", "121012"), ("SCT", "371524004")


def item(plan: Plan, concept: tuple[str, str], value_type: str, *sequences: str) -> Place | None:
    inside = place(plan, *(sequences or ("ContentSequence",)))
    assert inside.content
    return plan.item_place(inside, concept, value_type)


@pytest.mark.parametrize(
    ("more", "concept", "value_type", "keyword", "done"),
    [
        ("", ACCESSION, "TEXT", None, None),  # X: the item goes
        ("", ACCESSION, "UIDREF", None, None),  # in a value type nobody foresaw
        ("", ("SCT", "363698007"), "CODE", "ConceptCodeSequence", Action.KEEP),  # a code is nobody's
        ("", ACCESSION, "", None, None),
        ("", FINDING, "TEXT", "TextValue", Action.REPLACE),  # X/D
        (", clean_descriptors", FINDING, "TEXT", "TextValue", Action.CLEAN),
        ("", STARTED, "DATETIME", "DateTime", Action.REPLACE),
        (", retain_longitudinal_full_dates", STARTED, "DATETIME", "DateTime", Action.KEEP),
        (", retain_longitudinal_modified_dates", STARTED, "DATETIME", "DateTime", Action.SHIFT_DATE),
        ("", OBSERVER_UID, "UIDREF", "UID", Action.UID),
        (", retain_uids", OBSERVER_UID, "UIDREF", "UID", Action.KEEP),
        (", retain_device_identity", OBSERVER_UID, "UIDREF", "UID", Action.KEEP),
        ("", CLINICAL_REPORT, "COMPOSITE", None, None),
        ("", ("SRT", "R-42B89"), "COMPOSITE", None, None),  # the same concept by its retired codes
        ("", ("99SDM", "R-42B89"), "TEXT", None, None),
        (", clean_descriptors", ("SNM3", "R-42B89"), "TEXT", "TextValue", Action.CLEAN),
        ("", ("DCM", "113795"), "IMAGE", "ReferencedSOPSequence", Action.KEEP),  # its UIDs are mapped
        ("", ("DCM", "121008"), "PNAME", "PersonName", Action.REPLACE),
        ("", ("99ACME", "1"), "TEXT", "TextValue", Action.CLEAN),  # not listed
        ("", ("99ACME", "1"), "PNAME", "PersonName", Action.REPLACE),
        ("", ("99ACME", "1"), "DATE", "Date", Action.REPLACE),
        (", retain_longitudinal_full_dates", ("99ACME", "1"), "DATE", "Date", Action.KEEP),
        ("", ("99ACME", "1"), "UIDREF", "UID", Action.UID),
        ("", ("99ACME", "1"), "NUM", "MeasuredValueSequence", Action.KEEP),
        ("", ("99ACME", "1"), "CODE", "ConceptCodeSequence", Action.KEEP),
        ("", ("", ""), "", "TextValue", Action.CLEAN),
        ("", FINDING, "TEXT", "ConceptNameCodeSequence", Action.KEEP),  # what it is stays, what it says does not
    ],
)
def test_a_content_item_is_what_its_concept_and_value_type_say(
    more: str, concept: tuple[str, str], value_type: str, keyword: str | None, done: Action | None
) -> None:
    plan = make(STRUCTURED.format(more), iod="enhanced-sr")
    here = item(plan, concept, value_type)
    if keyword is None or here is None:
        assert (here, keyword) == (None, None)
    else:
        number = tag(keyword)
        assert plan.decide(number, dictionary.vr_of(number) or "", here).action is done


def test_items_inside_an_item_are_looked_at_again() -> None:
    plan = make(STRUCTURED.format(""), iod="enhanced-sr")
    here = item(plan, FINDING, "TEXT")
    assert here is not None
    assert not here.content
    inner = plan.inside(here, tag("ContentSequence"), deep=False)
    assert inner.content
    assert plan.item_place(inner, ACCESSION, "TEXT") is None
    unlisted = plan.item_place(inner, ("99ACME", "1"), "TEXT")
    assert unlisted is not None
    assert plan.decide(tag("TextValue"), "UT", unlisted).action is Action.CLEAN


def test_a_dummy_measurement_and_a_dummy_code_keep_their_shape() -> None:
    plan = make(STRUCTURED.format(""), iod="enhanced-sr")
    here = Place(letter="D")
    assert plan.decide(tag("MeasuredValueSequence"), "SQ", here).deep
    assert plan.decide(tag("ConceptCodeSequence"), "SQ", here).deep


@pytest.mark.parametrize("sequence", ["AcquisitionContextSequence", "WaveformAnnotationSequence"])
def test_other_sequences_of_items_count_too(sequence: str) -> None:
    assert item(make(STRUCTURED.format("")), ACCESSION, "TEXT", sequence) is None


def test_specimen_preparation_steps_hold_items() -> None:
    plan = make(STRUCTURED.format(""))
    path = ("SpecimenPreparationSequence", "SpecimenPreparationStepContentItemSequence")
    assert item(plan, ACCESSION, "TEXT", *path) is None


def test_without_the_option_nothing_is_an_item() -> None:
    assert not place(make(iod="basic-text-sr"), "ContentSequence").content


def test_inside_a_sequence_of_dummies_nothing_is_an_item() -> None:
    plan = make(STRUCTURED.format(""))
    here = place(plan, "PersonIdentificationCodeSequence")
    assert not plan.inside(here, tag("ContentSequence"), deep=False).content


def test_a_detail_comes_before_what_an_item_says() -> None:
    plan = make(STRUCTURED.format("") + "attributes:\n  ContentSequence > TextValue: {action: empty}\n")
    here = item(plan, FINDING, "TEXT")
    assert here is not None
    assert plan.decide(tag("TextValue"), "UT", here).action is Action.EMPTY


def test_a_value_in_another_vr_than_its_attribute_has_is_no_text_to_clean() -> None:
    plan = make("options: [clean_descriptors]\n")
    for vr, done in (("PN", Action.EMPTY), ("UI", Action.UID), ("DA", Action.REMOVE), ("UT", Action.CLEAN)):
        assert plan.decide(tag("StudyDescription"), vr).action is done


def test_pixels_are_called_clean_only_where_they_are() -> None:
    found = profile("clean-pixel-data")
    assert Option.CLEAN_PIXEL_DATA in found.options
    assert "113101" not in dict(Plan(found, "ct-image").codes)
    assert "113101" in dict(Plan(found, "ct-image", is_clean=True).codes)
    assert Plan(found, "ct-image", is_clean=True).always == ((0x00280301, "CS", "NO"),)
    own = Plan(parse_profile(ALWAYS_BURNED, "p.yaml", profile), "ct-image", is_clean=True)
    assert own.always == ((0x00280301, "CS", "NO"),)
    assert "113101" in dict(own.codes), "also without the option"


def test_no_picture_passes_that_is_not_the_one_that_is_judged() -> None:
    text = "name: p\nbased_on: clean-pixel-data\nburned_in_text: allow\n"
    unjudged = Plan(parse_profile(text, "p.yaml", profile, mask_rules), "ct-image")
    for tag, vr, sequence in ((0x7FE00010, "OB", 0x00081115), (0x7FE00008, "OF", 0x0040A730), (0x7F020010, "OB", 0)):
        for plan in (Plan(profile("clean-pixel-data"), iod) for iod in ("ct-image", "basic-text-sr", None)):
            where = plan.inside(ROOT, sequence, deep=False) if sequence else ROOT
            assert plan.decide(tag, vr, where).action is Action.REMOVE
            assert plan.decide(0x7FE00010, "OB").action is Action.KEEP
            assert plan.decide(0x7FE00001, "OV").action is Action.KEEP
            assert unjudged.decide(tag, vr, where).action is Action.KEEP
            assert Plan(profile("nominal"), "ct-image").decide(tag, vr, where).action is Action.KEEP


def test_what_is_called_clean_has_no_graphics_that_nobody_looked_at() -> None:
    text = ALWAYS_BURNED + "options: [clean_graphics]\n"
    clean, passed = (Plan(parse_profile(text, "p.yaml", profile), "ct-image", is_clean=it) for it in (True, False))
    for tag, vr in ((0x60003000, "OW"), (0x50003000, "OW")):
        assert (clean.decide(tag, vr).action, passed.decide(tag, vr).action) == (Action.REMOVE, Action.KEEP)
    assert clean.decide(0x7FE00001, "OV").action is Action.KEEP


def test_what_shows_pixels_where_no_mask_reaches_goes_with_the_mask_only() -> None:
    masked, passed = (Plan(Profile("p"), "ct-image", is_masked=is_masked) for is_masked in (True, False))
    for tag, vr in ((0x60000010, "US"), (0x7FE00001, "OV"), (0x7F020010, "OB"), (0x00287FE0, "UR")):
        assert masked.decide(tag, vr).action is Action.REMOVE
    assert passed.decide(0x7FE00001, "OV").action is Action.KEEP
    inside = masked.inside(ROOT, 0x00540220, deep=False)
    assert masked.decide(0x7FE00010, "OB", inside).action is Action.REMOVE
    assert masked.decide(0x7FE00010, "OB").action is Action.KEEP
    named = Plan(Profile("p"), "ct-image", is_masked=True, photometric="YBR_RCT")
    assert (named.decide(0x00280004, "CS").action, named.decide(0x00280004, "CS").value) == (Action.REPLACE, "YBR_RCT")
