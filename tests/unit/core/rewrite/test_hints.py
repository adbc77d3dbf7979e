"""What of a search the origin is told, and what is known without asking it."""

import json

import pytest

from gateway.core.profile.decisions import Decision
from gateway.core.profile.model import Action
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.hints import identifier, never_matches, origin_fields, origin_hints, pseudonyms, widen
from gateway.core.rewrite.keys import Key
from gateway.core.rewrite.query import RETRIEVE_URL, STUDY_UID, Level, Search, parse_search
from gateway.core.standard import dictionary
from gateway.core.standard.tags import is_private
from tests.unit.core.rewrite.objects import engine

PATIENT = "DVABCDEFGHIJKLM"
NAME = 0x00100010


def decide_by(text: str) -> "Decider":
    return Decider(engine(text))


class Decider:
    def __init__(self, engine: Engine) -> None:
        self._plan = engine.plan("")

    def __call__(self, key: Key) -> Decision:
        if is_private(key.root):
            return Decision(Action.REMOVE, "private")
        return self._plan.decide(key.root, dictionary.vr_of(key.root) or "UN")


def parse(*parameters: tuple[str, str], level: Level = Level.STUDY) -> Search:
    return parse_search(parameters, level)


@pytest.mark.parametrize(
    ("vr", "value", "hint"),
    [
        ("CS", "CT", "CT"),
        ("CS", "ct", "CT"),
        ("CS", "C?", "C?"),
        ("CS", "CT,MR", None),
        ("CS", "CT\\MR", None),
        ("CS", "éé", None),
        ("LO", "HEAD NECK", "HEAD*NECK"),
        ("LO", "A,B", None),
        ("LO", "a&b=c#d%e+f", "a*b*c*d*e*f"),
        ("PN", "SMITH^JOHN", "SMITH^JOHN*"),
        ("PN", "SMITH^", "SMITH*"),
        ("PN", "SMITH^*", "SMITH^*"),
        ("PN", "SMITH^J=山田", "SMITH^J*"),
        ("PN", "SMITH,JOHN", "SMITH*JOHN*"),
        ("PN", "A\\B", None),
        ("PN", "MÜLLER", "M*LLER*"),
        ("IS", "7", "7"),
        ("IS", "0", "0"),
        ("IS", "07", None),
        ("IS", "1*", None),
        ("IS", "²", None),
        ("IS", "-7", None),
        ("US", "512", "512"),
        ("DA", "20200101", "20200101"),
        ("DA", "20200101-", "20200101-"),
        ("DA", "-20200101", "-20200101"),
        ("DA", "20200101-20201231", "20200101-20201231"),
        ("DA", "2020", None),
        ("DA", "2020*", None),
        ("DA", "-", None),
        ("TM", "1200", "1200"),
        ("TM", "1200-1300", "1200-1300"),
        ("TM", "120000.5-", "120000.5-"),
        ("TM", "12:00", None),
        ("DT", "20200101", None),
    ],
)
def test_a_hint_is_read_alike_by_every_origin_and_finds_no_less(vr: str, value: str, hint: str | None) -> None:
    assert widen(Key(0x00081030, vr, value)) == hint


def ask(
    *parameters: tuple[str, str], level: Level = Level.STUDY, also: tuple[int, ...] = (), text: str = ""
) -> list[tuple[str, str]]:
    search, decide = parse(*parameters, level=level), decide_by(text)
    return origin_hints(search, decide) + origin_fields(search, decide, also)


def hints(*parameters: tuple[str, str], level: Level = Level.STUDY, text: str = "") -> dict[str, str]:
    return {name: value for name, value in ask(*parameters, level=level, text=text) if name != "includefield"}


def test_only_keys_that_leave_unchanged_reach_the_origin() -> None:
    asked = ask(
        ("PatientName", "SMITH"), ("StudyDate", "20200101"), ("ModalitiesInStudy", "CT"), ("StudyInstanceUID", "1.2")
    )
    assert asked == [
        ("00080061", "CT"),
        ("includefield", "00100010"),
        ("includefield", "00080020"),
        ("includefield", "00080061"),
        ("includefield", "0020000D"),
    ]
    assert "SMITH" not in json.dumps(asked)


def test_a_date_reaches_the_origin_where_dates_stay() -> None:
    text = "options: [retain_longitudinal_full_dates]\n"
    assert hints(("StudyDate", "20200101-"), text=text) == {"00080020": "20200101-"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("20200101-20200131", "20200102-20210130"),
        ("20200101", "20200102-20201231"),
        ("20201231-", "20210101-"),
        ("-20191231", "-20201230"),
        ("2020", None),
        ("2020*", None),
        ("99991231-", None),
        ("20201301", None),
    ],
)
def test_dates_that_move_are_asked_for_as_far_back_as_any_may_have_moved(asked: str, told: str | None) -> None:
    text = "options: [retain_longitudinal_modified_dates]\n"
    assert hints(("StudyDate", asked), text=text).get("00080020") == told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("20200615-20210314", "20200101-20211231"),
        ("20200101", "20200101-20201231"),
        ("20200615-", "20200101-"),
        ("-20200615", "-20201231"),
        ("2020", "20200101-20201231"),
    ],
)
def test_dates_that_keep_their_year_are_asked_for_by_year(asked: str, told: str) -> None:
    text = "  StudyDate: {action: truncate_date}\n"
    assert hints(("StudyDate", asked), text=text) == {"00080020": told}


@pytest.mark.parametrize("option", ["full", "modified"])
def test_a_time_is_no_hint_beside_its_date(option: str) -> None:
    text = f"options: [retain_longitudinal_{option}_dates]\n"
    assert hints(("StudyTime", "10-12"), text=text) == {"00080030": "10-12"}
    assert "00080030" not in hints(("StudyTime", "10-12"), ("StudyDate", "20200101-20200102"), text=text)


def test_a_uid_never_reaches_the_origin_as_a_hint_even_where_uids_stay() -> None:
    assert hints(("StudyInstanceUID", "1.2"), text="options: [retain_uids]\n") == {}


def test_a_key_for_nothing_is_no_hint() -> None:
    assert hints(("ModalitiesInStudy", '""'), ("emptyvaluematching", "true")) == {}


@pytest.mark.parametrize(
    ("level", "name", "value", "reaches"),
    [
        (Level.STUDY, "ModalitiesInStudy", "CT", True),
        (Level.STUDY, "ModalitiesInStudy", "*", False),
        (Level.STUDY, "ModalitiesInStudy", "CT,MR", False),
        (Level.SERIES, "BodyPartExamined", "HEAD", False),  # no origin must support it
        (Level.SERIES, "Modality", "CT", True),
        (Level.SERIES, "ModalitiesInStudy", "CT", False),
        (Level.SERIES, "SeriesNumber", "1", True),
        (Level.INSTANCE, "Modality", "CT", True),
        (Level.INSTANCE, "InstanceNumber", "1", True),
        (Level.INSTANCE, "InstanceNumber", "1*", False),
    ],
)
def test_only_keys_that_every_origin_supports_at_a_level_reach_it(
    level: Level, name: str, value: str, reaches: bool
) -> None:
    assert bool(hints((name, value), level=level)) is reaches


def test_the_origin_is_asked_for_each_attribute_once_and_never_for_its_own_links() -> None:
    asked = ask(
        ("PatientID", "x"),
        ("includefield", "RetrieveURL,PatientID,ModalitiesInStudy"),
        also=(0x00100020, STUDY_UID, RETRIEVE_URL),
    )
    assert asked == [("includefield", "00100020"), ("includefield", "0020000D"), ("includefield", "00080061")]


def test_what_never_leaves_or_lies_below_is_not_asked_for() -> None:
    assert ask(("includefield", "StudyDescription,Modality,Rows,PatientComments")) == []


def test_everything_is_asked_for_by_name_and_of_instances_as_such() -> None:
    study, instance = (ask(("includefield", "all"), level=level) for level in (Level.STUDY, Level.INSTANCE))
    assert ("includefield", "00080061") in study
    assert ("includefield", "00081030") not in study
    assert not {("includefield", "all"), ("includefield", "00080060"), ("includefield", "00201208")} & set(study)
    assert {("includefield", "all"), ("includefield", "00080060")} <= set(instance)


def test_a_private_attribute_is_asked_for_with_its_creator() -> None:
    asked = ask(("00091010", "x"), ("00090010", "ACME"))
    assert asked == [("includefield", "00091010"), ("includefield", "00090010")]


@pytest.mark.parametrize(
    ("name", "value", "never"),
    [
        ("PatientName", "SMITH^JOHN", True),
        ("PatientName", "SMITH*", False),  # a pattern may match a pseudonym, as far as anybody knows
        ("PatientName", PATIENT, False),
        ("PatientID", f"X,{PATIENT.lower()}", False),
        ("PatientBirthDate", "19500101", True),
        ("PatientBirthDate", "", False),
        ("StudyDescription", "*a*", True),
        ("StudyInstanceUID", "1.2.3,1.2.4", True),
        ("StudyInstanceUID", "1.2.3, 2.25.4", False),
        ("StudyInstanceUID", "1.2*", False),
        ("ModalitiesInStudy", "XX", False),
        ("00091010", "x", True),
        ("ReferencedPatientSequence.ReferencedSOPInstanceUID", "2.25.1", True),
    ],
)
def test_what_no_released_value_can_be_is_known_at_once(name: str, value: str, never: bool) -> None:
    search = parse((name, value), *([("00090010", "ACME")] if name == "00091010" else []))
    assert never_matches(search, decide_by("")) is never


@pytest.mark.parametrize(
    ("value", "never"), [("O", False), ("o", False), ("?", False), ("M", True), ("M\\O", False), ("F*", True)]
)
def test_a_constant_is_compared_at_once(value: str, never: bool) -> None:
    decide = decide_by("  PatientSex: {action: replace, value: O}\n")
    assert never_matches(parse(("PatientSex", value)), decide) is never


def test_an_emptied_attribute_is_found_by_a_key_for_nothing() -> None:
    empty = parse(("PatientBirthDate", '""'), ("emptyvaluematching", "true"))
    assert not never_matches(empty, decide_by(""))


def test_text_that_is_cleaned_leaves_no_result_and_ages_do() -> None:
    decide = decide_by("options: [clean_descriptors, retain_patient_characteristics]\n")
    assert never_matches(parse(("StudyDescription", "x")), decide)
    assert not never_matches(parse(("PatientAge", "040Y")), decide)


def test_where_the_sop_class_decides_nothing_is_known_at_once() -> None:
    decide = decide_by("")
    assert never_matches(parse(("SeriesDate", "20200101"), level=Level.SERIES), decide)
    assert not never_matches(parse(("SeriesDate", "20200101"), level=Level.INSTANCE), decide)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (PATIENT, [PATIENT]),
        (f"*{PATIENT.lower()}*", [PATIENT]),
        (f"{PATIENT}^", [PATIENT]),
        (f"{PATIENT}\\{PATIENT}\\x", [PATIENT]),
        (f"{PATIENT}\\DV*", []),
        ("DV*", []),
        ("SMITH", []),
    ],
)
def test_whole_pseudonyms_are_found_in_a_key(value: str, named: list[str]) -> None:
    assert pseudonyms(Key(NAME, "PN", value)) == named


def test_an_identifier_is_written_without_what_origins_decode_differently() -> None:
    assert identifier("PAT-1 é&x_2^.") == "PAT-1***x_2^."


@pytest.mark.parametrize("vr", ["DA", "TM"])
def test_digits_of_other_scripts_reach_no_origin(vr: str) -> None:
    assert (
        widen(Key(0x00080020, vr, "\u0662\u0660\u0662\u0660\u0660\u0661\u0660\u0661"[: 8 if vr == "DA" else 2])) is None
    )
