"""What a client asks for."""

import json

import pytest

from gateway.core.errors import BadRequest
from gateway.core.rewrite.keys import Key
from gateway.core.rewrite.matching import Rules
from gateway.core.rewrite.query import MAX_OFFSET, MAX_PARAMETERS, STUDY_UID, Level, Search, parse_search


def parse(*parameters: tuple[str, str], level: Level = Level.STUDY) -> Search:
    return parse_search(parameters, level)


def test_nothing_asked_is_everything() -> None:
    assert parse() == Search(Level.STUDY)


@pytest.mark.parametrize("name", ["PatientName", "00100010", "0010,0010", "(0010,0010)"])
def test_a_key_is_named_by_keyword_or_tag(name: str) -> None:
    assert parse((name, "A*")).keys == (Key(0x00100010, "PN", "A*"),)


def test_what_viewers_send_is_understood() -> None:
    search = parse(
        ("limit", "101"),
        ("offset", "0"),
        ("fuzzymatching", "false"),
        ("includefield", "00081030,00080060"),
        ("includefield", "all"),
        ("includefield", "StudyDescription"),
        ("StudyDate", "20200101-20201231"),
        ("ModalitiesInStudy", "CT\\MR"),
        ("PatientID", ""),
    )
    assert search.keys == (
        Key(0x00080020, "DA", "20200101-20201231"),
        Key(0x00080061, "CS", "CT\\MR"),
        Key(0x00100020, "LO", ""),
    )
    assert search.include == (0x00081030, 0x00080060)
    assert (search.include_all, search.limit, search.offset) == (True, 101, 0)
    assert not search.is_fuzzy
    assert not search.ignores


def test_a_limit_of_nothing_is_no_limit() -> None:
    assert parse(("limit", "0")).limit is None


def test_flags_are_read() -> None:
    search = parse(("fuzzymatching", "true"), ("emptyvaluematching", "true"), ("multiplevaluematching", "true"))
    assert search.is_fuzzy
    assert search.rules == Rules(empty_values=True, every_value=True)


@pytest.mark.parametrize(
    "name", ["NoSuchKeyword", "patientname", "_", "orderby", "0009xx10", "00280301x", "\0", "a.b", "PatientName."]
)
def test_what_is_no_parameter_of_the_standard_is_ignored_and_said_to_be(name: str) -> None:
    search = parse((name, "SMITH"), (name, "again"), ("PatientID", "x"))
    assert search.ignores
    assert [key.tag for key in search.keys] == [0x00100020]


@pytest.mark.parametrize("name", ["accept", "charset"])
def test_parameters_of_every_transaction_are_read_elsewhere(name: str) -> None:
    assert parse((name, "x")) == Search(Level.STUDY)


@pytest.mark.parametrize(("name", "value", "said"), [("00080201", "+0100", True), ("SpecificCharacterSet", "", False)])
def test_character_set_and_timezone_of_a_request_are_not_matched(name: str, value: str, said: bool) -> None:
    search = parse((name, value))
    assert search.keys == ()
    assert search.ignores is said


def test_an_attribute_that_nobody_knows_is_a_key_like_any_other() -> None:
    assert parse(("0010FFFE", "x")).keys == (Key(0x0010FFFE, "LO", "x"),)


def test_keys_lie_in_sequences_by_keyword_and_tag_at_any_depth() -> None:
    search = parse(
        ("RequestAttributesSequence.00401001", "7"),
        ("00400275.ScheduledProtocolCodeSequence.CodeValue", "A*"),
        ("RequestAttributesSequence", ""),
        level=Level.SERIES,
    )
    assert search.keys == (
        Key(0x00401001, "SH", "7", (0x00400275,)),
        Key(0x00080100, "SH", "A*", (0x00400275, 0x00400008)),
        Key(0x00400275, "SQ", ""),
    )
    assert [key.root for key in search.keys] == [0x00400275] * 3


def test_a_private_key_comes_with_its_creator() -> None:
    search = parse(("00091010", "x"), ("00090010", "GEMS_IDEN_01"))
    assert search.keys == (Key(0x00091010, "LO", "x", (), "GEMS_IDEN_01"), Key(0x00090010, "LO", "GEMS_IDEN_01"))


@pytest.mark.parametrize(
    ("value", "include"),
    [
        ("PatientName", (0x00100010,)),
        ("00081030, 00080060", (0x00081030, 0x00080060)),
        ("RequestAttributesSequence.RequestedProcedureID", (0x00400275,)),
        ("00091010", (0x00091010,)),
    ],
)
def test_fields_are_named_by_keyword_tag_and_path(value: str, include: tuple[int, ...]) -> None:
    assert parse(("includefield", value)).include == include


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([("limit", "-1")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("limit", "SMITH")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("limit", "")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("limit", "²")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("offset", str(MAX_OFFSET + 1))], f"offset is a number from 0 to {MAX_OFFSET}"),
        ([("limit", "1"), ("limit", "1")], "limit is given twice"),
        ([("fuzzymatching", "SMITH")], "fuzzymatching is true or false"),
        ([("emptyvaluematching", "TRUE")], "emptyvaluematching is true or false"),
        ([("PatientName", "SMITH"), ("00100010", "SMITH")], "00100010 is given twice"),
        ([("00091010", "SMITH")], "00091010 is private and needs the key of its creator beside it: 00090010"),
        (
            [("00091010", "SMITH"), ("00090010", "")],
            "00091010 is private and needs the key of its creator beside it: 00090010",
        ),
        (
            [("00090110", "SMITH"), ("00090001", "A")],
            "00090110 is private and needs the key of its creator beside it: 00090001",
        ),
        ([("00091010.PatientID", "SMITH"), ("00090010", "A")], "00091010.PatientID lies in a private sequence"),
        ([("includefield", "SMITH")], "includefield must name attributes, by keyword or tag"),
        ([("includefield", "all,SMITH")], "includefield must name attributes, by keyword or tag"),
        (
            [("ReferencedStudySequence", "SMITH")],
            "ReferencedStudySequence is a sequence; its keys are written ReferencedStudySequence.Attribute",
        ),
        ([("PatientName.PatientID", "SMITH")], "PatientName.PatientID does not lie in a sequence"),
        ([("StudyDate", "SMITH")], "StudyDate is not a date or time, or a range of them"),
        ([("StudyDate", "20200101-20200102-20200103")], "StudyDate is not a date or time, or a range of them"),
        ([("Modality", "CT")], "Modality does not belong to the study level"),
        ([("SOPInstanceUID", "1.2")], "SOPInstanceUID does not belong to the study level"),
        ([("00400275.00401001", "")], "00400275.00401001 does not belong to the study level"),
        ([("PatientID", "")] * (MAX_PARAMETERS + 1), f"more than {MAX_PARAMETERS} parameters"),
        ([("StudyDate", "\u0662\u0660\u0662\u0660")], "StudyDate is not a date or time, or a range of them"),
        ([("StudyID", ",".join(map(str, range(201))))], "StudyID lists more than 200 values"),
        (
            [(f"001000{number:02X}", "\\".join(map(str, range(150)))) for number in (0x20, 0x21, 0x22)],
            "the keys list more than 400 values",
        ),
        ([(".".join(["00081115"] * 70), "")], "a key in more than 64 sequences"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_named_and_its_value_is_not(parameters: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(*parameters)
    assert str(caught.value) == message


def test_values_that_a_key_repeats_count_once() -> None:
    search = parse(("StudyID", "\\".join(["A"] * 10_000 + ["B"])))
    assert search.accepts({"00200010": b'{"vr":"SH","Value":["B"]}'})


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("includefield", ""), ("includefield", "StudyDescription,")])
def test_nothing_is_no_attribute(name: str, value: str) -> None:
    with pytest.raises(BadRequest):
        parse((name, value))


@pytest.mark.parametrize(
    ("level", "name", "belongs"),
    [
        (Level.STUDY, "PatientName", True),
        (Level.STUDY, "InstitutionName", True),
        (Level.STUDY, "SeriesInstanceUID", False),
        (Level.STUDY, "BodyPartExamined", False),
        (Level.STUDY, "InstanceNumber", False),
        (Level.SERIES, "PatientName", True),
        (Level.SERIES, "Modality", True),
        (Level.SERIES, "BodyPartExamined", True),
        (Level.SERIES, "InstanceNumber", False),
        (Level.SERIES, "Rows", False),
        (Level.INSTANCE, "Modality", True),
        (Level.INSTANCE, "InstanceNumber", True),
        (Level.INSTANCE, "Rows", True),
    ],
)
def test_a_key_belongs_to_its_level_or_to_one_above(level: Level, name: str, belongs: bool) -> None:
    if belongs:
        assert parse((name, ""), level=level).keys
    else:
        with pytest.raises(BadRequest, match=f"{name} does not belong to the {level.name.lower()} level"):
            parse((name, ""), level=level)


def test_every_key_must_match_the_released_result() -> None:
    result = {
        "00100010": json.dumps({"vr": "PN", "Value": [{"Alphabetic": "DVABC"}]}).encode(),
        "00080061": b'{"vr":"CS","Value":["CT"]}',
    }
    assert parse(("PatientName", "dv*"), ("ModalitiesInStudy", "CT")).accepts(result)
    assert not parse(("PatientName", "SMITH*"), ("ModalitiesInStudy", "CT")).accepts(result)
    assert not parse(("PatientName", "dv*"), ("ModalitiesInStudy", "MR")).accepts(result)
    assert parse(("StudyDescription", "*")).accepts(result)
    assert not parse(("StudyDescription", "x")).accepts(result)
    assert parse().accepts({})


def test_the_value_of_a_key_is_asked_for_by_tag() -> None:
    search = parse(("StudyInstanceUID", "1.2"), ("PatientID", "*"), ("ReferencedStudySequence.PatientName", "x"))
    assert search.value(STUDY_UID) == "1.2"
    assert search.value(0x00100020) is None
    assert search.value(0x00100010) is None
