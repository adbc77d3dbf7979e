"""What a client asks for, and what of it the origin is told."""

import json

import pytest

from gateway.core.errors import BadRequest
from gateway.core.rewrite.query import (
    MAX_OFFSET,
    RETRIEVE_URL,
    STUDY_UID,
    Key,
    Level,
    Search,
    origin_parameters,
    parse_search,
    widen,
)
from tests.unit.core.rewrite.objects import engine


def parse(*parameters: tuple[str, str], level: Level = Level.STUDY) -> Search:
    return parse_search(parameters, level)


def test_nothing_asked_is_everything() -> None:
    assert parse() == Search(Level.STUDY, (), (), include_all=False, limit=None, offset=0)


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


def test_a_limit_of_nothing_is_no_limit() -> None:
    assert parse(("limit", "0")).limit is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([("limit", "-1")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("limit", "SMITH")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("limit", "")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("limit", "²")], f"limit is a number from 0 to {MAX_OFFSET}"),
        ([("offset", str(MAX_OFFSET + 1))], f"offset is a number from 0 to {MAX_OFFSET}"),
        ([("fuzzymatching", "SMITH")], "fuzzymatching is true or false"),
        ([("PatientName", "SMITH"), ("00100010", "SMITH")], "00100010 is given twice"),
        ([("SMITH", "x")], "a match key must be an attribute of the standard, by keyword or tag"),
        ([("00291010", "SMITH")], "a match key must be an attribute of the standard, by keyword or tag"),
        ([("0010FFFE", "SMITH")], "a match key must be an attribute of the standard, by keyword or tag"),
        ([("includefield", "SMITH")], "includefield must be an attribute of the standard, by keyword or tag"),
        ([("includefield", "00291010")], "includefield must be an attribute of the standard, by keyword or tag"),
        (
            [("RequestAttributesSequence", "SMITH")],
            "RequestAttributesSequence is a sequence; matching inside sequences is not available",
        ),
        (
            [("RequestAttributesSequence.PatientID", "SMITH")],
            "a match key must be an attribute of the standard, by keyword or tag",
        ),
        ([("StudyDate", "SMITH")], "StudyDate is not a date or time, or a range of them"),
        ([("StudyDate", "20200101-20200102-20200103")], "StudyDate is not a date or time, or a range of them"),
        ([("Modality", "CT")], "Modality does not belong to the study level"),
        ([("SOPInstanceUID", "1.2")], "SOPInstanceUID does not belong to the study level"),
    ],
)
def test_a_bad_parameter_is_named_and_its_value_is_not(parameters: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(*parameters)
    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("includefield", ""), ("includefield", "StudyDescription,")])
def test_nothing_is_no_attribute(name: str, value: str) -> None:
    with pytest.raises(BadRequest):
        parse((name, value))


@pytest.mark.parametrize(
    ("level", "name", "belongs"),
    [
        (Level.STUDY, "PatientName", True),
        (Level.STUDY, "SeriesInstanceUID", False),
        (Level.STUDY, "InstanceNumber", False),
        (Level.SERIES, "PatientName", True),
        (Level.SERIES, "Modality", True),
        (Level.SERIES, "InstanceNumber", False),
        (Level.INSTANCE, "Modality", True),
        (Level.INSTANCE, "InstanceNumber", True),
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
    search = parse(("StudyInstanceUID", "1.2"), ("PatientID", "*"))
    assert search.value(STUDY_UID) == "1.2"
    assert search.value(0x00100020) is None
    assert search.value(0x00100010) is None


@pytest.mark.parametrize(
    ("vr", "value", "hint"),
    [
        ("CS", "CT", "CT"),
        ("CS", "ct", "CT"),
        ("CS", "C?", "C?"),
        ("CS", "CT,MR", None),
        ("CS", "CT\\MR", None),
        ("LO", "HEAD NECK", "HEAD*NECK"),
        ("LO", "A,B", None),
        ("LO", "a&b=c#d%e+f", "a*b*c*d*e*f"),
        ("PN", "SMITH^JOHN", "SMITH^JOHN"),
        ("PN", "SMITH,JOHN", "SMITH*JOHN"),
        ("PN", "MÜLLER", "M*LLER"),
        ("IS", "7", "7"),
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
    return origin_parameters(parse(*parameters, level=level), engine(text).keeps, also)


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
    assert ("00080020", "20200101-") in ask(("StudyDate", "20200101-"), text=text)


def test_a_uid_never_reaches_the_origin_as_a_hint_even_where_uids_stay() -> None:
    text = "options: [retain_uids]\n"
    assert ("0020000D", "1.2") not in ask(("StudyInstanceUID", "1.2"), text=text)


@pytest.mark.parametrize(
    ("level", "name", "value", "reaches"),
    [
        (Level.STUDY, "ModalitiesInStudy", "CT", True),
        (Level.STUDY, "ModalitiesInStudy", "*", False),
        (Level.STUDY, "ModalitiesInStudy", "CT,MR", False),
        (Level.STUDY, "BodyPartExamined", "HEAD", False),  # no origin must support it
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
    hints = [hint for hint in ask((name, value), level=level) if hint[0] != "includefield"]
    assert bool(hints) is reaches


def test_the_origin_is_asked_for_each_attribute_once_and_never_for_its_own_links() -> None:
    asked = ask(
        ("PatientID", "x"),
        ("includefield", "RetrieveURL,PatientID,StudyDescription"),
        ("includefield", "all"),
        also=(0x00100020, STUDY_UID, RETRIEVE_URL),
    )
    assert asked == [
        ("includefield", "00100020"),
        ("includefield", "0020000D"),
        ("includefield", "00081030"),
        ("includefield", "all"),
    ]
