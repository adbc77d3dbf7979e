"""What options and details add to metadata: cleaned text, conditions, content items, private sequences; odd forms."""

import base64
import json
from typing import Any

import pytest

from gateway.core.errors import GatewayError, MalformedInput
from gateway.core.profile.model import Action
from gateway.core.profile.plan import Decision, Place
from gateway.core.rewrite import jsonspots
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.identity import Patient
from gateway.core.rewrite.jsonactions import Actions, Found, Whole
from gateway.core.wire.elements import IMPLICIT_LE, UNDEFINED
from gateway.core.wire.jsonelement import Element, Raw
from tests.kit.engine import KEYS
from tests.unit.core.rewrite.objects import CT, PSEUDONYM, engine

Json = Any

HEAD: dict[str, Json] = {
    "00080016": {"vr": "UI", "Value": [CT.decode()]},
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Smith^John", "Ideographic": "王^小東"}]},
    "00100020": {"vr": "LO", "Value": ["P1"]},
}


def inline(data: bytes) -> str:
    return base64.b64encode(data).decode()


def rewrite(under: Engine, data_set: Json) -> dict[str, Json]:
    """Rewrite twice over: what is remembered makes no difference."""
    source = json.dumps(HEAD | data_set).encode()
    first, second = (under.metadata(source, lambda uri: "gateway/" + uri) for _ in range(2))
    assert first is not None
    assert first == second
    return dict(json.loads(first))


CLEAN = "  StudyDescription: {action: clean}\n  OperatorsName: {action: clean}\n  PatientAge: {action: clean}\n"


@pytest.mark.parametrize(
    ("key", "element", "expected"),
    [
        (
            "00081030",
            {"vr": "LO", "Value": ["CT Smith", None, "Thorax"]},
            {"vr": "LO", "Value": ["CT ***", None, "Thorax"]},
        ),
        ("00081030", {"vr": "LO", "Value": ["\u738b\u5c0f\u6771 CT"]}, {"vr": "LO", "Value": ["*** CT"]}),
        ("00081030", {"vr": "LO", "Value": [17]}, {"vr": "LO", "Value": ["17"]}),
        ("00081030", {"vr": "LO"}, {"vr": "LO"}),
        ("00081030", {"vr": "LO", "BulkDataURI": "x"}, None),
        (
            "00081030",
            {"vr": "UN", "InlineBinary": inline(b"CT Smith")},
            {"vr": "UN", "InlineBinary": inline(b"CT ***")},
        ),
        (
            "00081030",
            {"vr": "UN", "InlineBinary": inline(b"CT Thorax\\ ")},
            {"vr": "UN", "InlineBinary": inline(b"CT Thorax\\")},
        ),
        ("00081030", {"vr": "UN", "InlineBinary": inline("Müller".encode())}, None),  # in which character set?
        ("00101010", {"vr": "AS", "Value": ["093Y"]}, {"vr": "AS", "Value": ["090Y"]}),
        ("00101010", {"vr": "AS", "Value": ["045Y"]}, {"vr": "AS", "Value": ["045Y"]}),
        ("00101010", {"vr": "AS", "Value": ["SMITH"]}, {"vr": "AS"}),
        ("00101010", {"vr": "UN", "InlineBinary": inline(b"093Y")}, {"vr": "UN", "InlineBinary": inline(b"090Y")}),
    ],
)
def test_text_is_cleaned_of_what_the_object_says_about_its_subject(key: str, element: Json, expected: Json) -> None:
    assert rewrite(engine(CLEAN), {key: element}).get(key) == expected


def test_a_name_is_cleaned_group_by_group() -> None:
    operators = {"vr": "PN", "Value": [{"Alphabetic": "Smith^John", "Phonetic": "x"}]}
    released = rewrite(engine(CLEAN), {"00081070": operators})["00081070"]["Value"]
    assert "Smith" not in json.dumps(released)
    assert set(released[0]) <= {"Alphabetic", "Phonetic"}


def test_what_is_cleaned_for_one_subject_is_not_remembered_for_another() -> None:
    under = engine(CLEAN)
    description = {"00081030": {"vr": "LO", "Value": ["CT Smith Jones"]}}
    jones = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Jones"}]}}
    nested = {"0040A043": {"vr": "SQ", "Value": [description]}}
    for _ in range(2):
        assert rewrite(under, description)["00081030"]["Value"] == ["CT *** Jones"]
        assert rewrite(under, description | jones)["00081030"]["Value"] == ["CT Smith ***"]
        assert rewrite(under, nested)["0040A043"]["Value"][0]["00081030"]["Value"] == ["CT *** Jones"]
        assert rewrite(under, nested | jones)["0040A043"]["Value"][0]["00081030"]["Value"] == ["CT Smith ***"]


def test_a_search_result_does_not_say_who_its_subject_is_and_its_text_stays_here() -> None:
    result = {"00081030": b'{"vr":"LO","Value":["CT Smith"]}', "00101010": b'{"vr":"AS","Value":["093Y"]}'}
    released = engine(CLEAN).match(result)
    assert released == {"00081030": b'{"vr":"LO"}', "00101010": b'{"vr":"AS","Value":["090Y"]}'}


def test_dates_are_cut_to_the_month() -> None:
    under = engine("  StudyDate: {action: truncate_date, value: month}\n  SeriesDate: {action: truncate_date}\n")
    dates = {key: {"vr": "DA", "Value": ["20200713"]} for key in ("00080020", "00080021")}
    released = rewrite(under, dates)
    assert released["00080020"]["Value"] == ["20200701"]
    assert released["00080021"]["Value"] == ["20200101"]


@pytest.mark.parametrize("charset", [{}, {"00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}}])
def test_a_value_of_the_profile_may_be_in_any_script(charset: Json) -> None:
    under = engine(
        "  InstitutionName: {action: replace, value: 病院}\n"
        "  ReferringPhysicianName: {action: replace, value: Yamada^Tarou=山田^太郎}\n"
    )
    released = rewrite(
        under,
        charset
        | {
            "00080080": {"vr": "LO", "Value": ["x"]},
            "00080090": {"vr": "PN", "Value": [{"Alphabetic": "x"}]},
        },
    )
    assert released["00080080"]["Value"] == ["病院"]
    assert released["00080090"]["Value"] == [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]
    assert released["00080005"]["Value"] == ["ISO_IR 192"]
    unknown = rewrite(under, charset | {"00080080": {"vr": "UN", "InlineBinary": inline(b"x")}})
    assert unknown["00080080"] == released["00080080"]
    assert unknown["00080005"]["Value"] == ["ISO_IR 192"]


def test_conditions_look_at_the_object() -> None:
    under = engine("  StationName: {action: keep, when: {Modality: {equals: MR}, PatientSex: {present: 'false'}}}\n")
    station = {"00081010": {"vr": "SH", "Value": ["X"]}}
    for modality, sex, stays in (("MR", None, True), ("CT", None, False), ("MR", "F", False), ("MR", None, True)):
        told = {"00080060": {"vr": "CS", "Value": [modality]}}
        told |= {} if sex is None else {"00100040": {"vr": "CS", "Value": [sex]}}
        released = rewrite(under, station | told)
        assert (released.get("00081010") == station["00081010"]) is stays
    result = {key: json.dumps(element).encode() for key, element in station.items()}
    assert under.match(result) != result  # in a search nobody knows


def item(value_type: str, code: str, value: Json, **more: Json) -> Json:
    concept = {"00080100": {"vr": "SH", "Value": [code]}, "00080102": {"vr": "SH", "Value": ["DCM"]}}
    return {
        "0040A040": {"vr": "CS", "Value": [value_type]},
        "0040A043": {"vr": "SQ", "Value": [concept | {"00080104": {"vr": "LO", "Value": ["x"]}}]},
        **value,
        **more,
    }


def test_content_items_are_what_their_concept_says() -> None:
    under = engine("options: [clean_structured_content]\n")
    findings = item("TEXT", "999999", {"0040A160": {"vr": "UT", "Value": ["Smith has a nodule"]}})
    observer = item("PNAME", "121008", {"0040A123": {"vr": "PN", "Value": [{"Alphabetic": "Jones"}]}})
    number = item("NUM", "121206", {"0040A30A": {"vr": "DS", "Value": ["12"]}})
    nested = item("CONTAINER", "121070", {}, **{"0040A730": {"vr": "SQ", "Value": [findings, None, observer]}})
    released = rewrite(under, {"0040A730": {"vr": "SQ", "Value": [nested, number]}})["0040A730"]["Value"]
    text = json.dumps(released)
    assert "has a nodule" in text
    assert "Smith" not in text
    assert "Jones" not in text
    assert released[-1]["0040A30A"] == number["0040A30A"]


def test_a_content_sequence_that_loses_all_its_items_goes() -> None:
    under = engine("options: [clean_structured_content]\n")
    dropped = item("TEXT", "DD-60002", {"0040A160": {"vr": "UT", "Value": ["Smith"]}})
    dropped["0040A043"]["Value"][0]["00080102"]["Value"] = ["99SDM"]
    assert under.plan(CT.decode(), {}).item_place(Place(content=True), ("99SDM", "DD-60002"), "TEXT") is None
    assert "0040A730" not in rewrite(under, {"0040A730": {"vr": "SQ", "Value": [dropped]}})
    assert rewrite(under, {"0040A730": {"vr": "SQ"}})["0040A730"] == {"vr": "SQ"}
    assert rewrite(under, {"00400555": {"vr": "SQ", "Value": [dropped]}})["00400555"]["Value"] == []


def test_an_item_that_the_plan_drops_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    under = engine("options: [clean_structured_content]\n")
    plan = under.plan(CT.decode(), {})
    asked = []
    item_place = plan.item_place

    def drops(place: Any, concept: tuple[str, str], value_type: str) -> Any:
        asked.append((concept, value_type))
        return None if value_type == "TEXT" else item_place(place, concept, value_type)

    monkeypatch.setattr(plan, "item_place", drops)
    bare = {"0040A040": {"vr": "CS", "Value": ["NUM"]}}
    long = item("CODE", "", {})
    long["0040A043"]["Value"][0]["00080119"] = {"vr": "UC", "Value": ["LONG"]}
    items = [item("TEXT", "1", {}), bare, long, None]
    source = json.dumps(HEAD | {"0040A730": {"vr": "SQ", "Value": items}}).encode()
    released = json.loads(under.metadata(source, str) or b"")
    assert len(released["0040A730"]["Value"]) == 3
    assert asked == [(("DCM", "1"), "TEXT"), (("", ""), "NUM"), (("DCM", "LONG"), "CODE"), (("", ""), "")]


PRIVATE = '  ("ACME",0029,10): {action: keep}\n  ("ACME",0029,11): {action: keep}\n'
ACME = {"vr": "LO", "Value": ["ACME"]}


def test_the_items_of_a_kept_private_sequence_are_walked() -> None:
    inside = {
        "00100020": {"vr": "LO", "Value": ["P9"]},
        "00081030": {"vr": "LO", "Value": ["Smith"]},
        "00290010": ACME,
        "00291010": {"vr": "LO", "Value": ["kept"]},
        "00291012": {"vr": "LO", "Value": ["Smith"]},
        "00310010": ACME,
        "00311010": {"vr": "LO", "Value": ["Smith"]},
    }
    released = rewrite(engine(PRIVATE), {"00290010": ACME, "00291011": {"vr": "SQ", "Value": [inside]}})
    assert released["00290010"] == ACME
    assert released["00291011"]["Value"] == [
        {
            "00100020": {"vr": "LO", "Value": [PSEUDONYM]},
            "00290010": ACME,
            "00291010": {"vr": "LO", "Value": ["kept"]},
        }
    ]


def test_creators_that_reserve_nothing_any_more_go_at_every_level() -> None:
    nothing = {"00290010": ACME, "00290011": {"vr": "LO", "Value": ["ELSE"]}, "00291012": {"vr": "LO", "Value": ["x"]}}
    released = rewrite(engine(PRIVATE), nothing | {"0040A043": {"vr": "SQ", "Value": [nothing]}})
    assert not [key for key in released if key.startswith("0029")]
    assert released["0040A043"]["Value"] == [{}]


def implicit(*elements: tuple[int, bytes], undefined: bool = False) -> bytes:
    body = b"".join(IMPLICIT_LE.make(tag, "LO", value) for tag, value in elements)
    item = IMPLICIT_LE.tag(0xFFFEE000)
    if undefined:
        return item + IMPLICIT_LE.u32.pack(UNDEFINED) + body + IMPLICIT_LE.tag(0xFFFEE00D) + bytes(4)
    return item + IMPLICIT_LE.u32.pack(len(body)) + body


@pytest.mark.parametrize("undefined", [False, True])
def test_items_in_vr_un_are_walked_as_in_part_10(undefined: bool) -> None:
    under = engine(PRIVATE + CLEAN)
    before = implicit((0x00081030, b"CT Smith"), (0x00080104, b"kept"), (0x00100020, b"P9"), undefined=undefined)
    after = implicit(
        (0x00081030, b"CT ***"), (0x00080104, b"kept"), (0x00100020, PSEUDONYM.encode()), undefined=undefined
    )
    released = rewrite(under, {"0040A043": {"vr": "UN", "InlineBinary": inline(before)}})
    assert released["0040A043"] == {"vr": "UN", "InlineBinary": inline(after)}


def test_items_of_a_kept_private_sequence_in_vr_un_are_walked() -> None:
    under = engine('  ("GEMS_Ultrasound_MovieGroup_001",7FE1,08): {action: keep}\n')
    creator = {"vr": "LO", "Value": ["GEMS_Ultrasound_MovieGroup_001"]}
    before, after = implicit((0x00080104, b"kept"), (0x00081030, b"Smith")), implicit((0x00080104, b"kept"))
    released = rewrite(under, {"7FE10010": creator, "7FE11008": {"vr": "UN", "InlineBinary": inline(before)}})
    assert released["7FE10010"] == creator
    assert released["7FE11008"] == {"vr": "UN", "InlineBinary": inline(after)}


@pytest.mark.parametrize("value", [b"\0\0", b"Smith", implicit((0x00080104, b"x"))[:-1]])
def test_items_in_vr_un_that_are_none_are_refused(value: bytes) -> None:
    with pytest.raises(MalformedInput):
        rewrite(engine(), {"0040A043": {"vr": "UN", "InlineBinary": inline(value)}})


def test_an_empty_sequence_in_vr_un_stays_empty() -> None:
    for element in ({"vr": "UN", "InlineBinary": ""}, {"vr": "UN", "InlineBinary": inline(implicit())}):
        released = rewrite(engine(), {"0040A043": element})["0040A043"]
        assert released in ({"vr": "UN"}, element)


FORMS: list[tuple[str, Json, Json]] = [
    # numbers, as numbers and as text; free text does not pass for one
    ("00280030", {"vr": "DS", "Value": ["0.50", 0.5, " 1 "]}, {"vr": "DS", "Value": ["0.50", 0.5, " 1 "]}),
    ("00280030", {"vr": "DS", "Value": ["SMITH", "1"]}, {"vr": "DS", "Value": [None, "1"]}),
    ("00280008", {"vr": "IS", "Value": ["SMITH"]}, {"vr": "IS", "Value": [None]}),
    ("00280010", {"vr": "US", "Value": ["512"]}, {"vr": "US", "Value": ["512"]}),
    ("00280010", {"vr": "US", "Value": ["SMITH"]}, {"vr": "US", "Value": [None]}),
    ("00280010", {"vr": "SV", "Value": ["-9007199254740993"]}, {"vr": "SV", "Value": ["-9007199254740993"]}),
    ("00280010", {"vr": "UV", "Value": ["SMITH"]}, {"vr": "UV", "Value": [None]}),
    ("00189087", {"vr": "FD", "Value": ["SMITH", "NaN"]}, {"vr": "FD", "Value": [None, "NaN"]}),
    ("00189087", {"vr": "FL", "Value": ["1.5 SMITH"]}, {"vr": "FL", "Value": [None]}),
    ("00280009", {"vr": "AT", "Value": ["00181063", "SMITH"]}, {"vr": "AT", "Value": ["00181063", None]}),
    # bytes are inline, or behind a link, or not there
    *[
        ("00281201", {"vr": vr, "InlineBinary": "AAAA"}, {"vr": vr, "InlineBinary": "AAAA"})
        for vr in ("OB", "OD", "OF")
    ],
    *[
        ("00281201", {"vr": vr, "InlineBinary": "AAAA"}, {"vr": vr, "InlineBinary": "AAAA"})
        for vr in ("OL", "OV", "OW")
    ],
    ("00281201", {"vr": "OW", "Value": ["SMITH"]}, {"vr": "OW"}),
    ("00281201", {"vr": "OW", "Value": [1, 2]}, {"vr": "OW"}),
    ("00281201", {"vr": "OW", "InlineBinary": ""}, {"vr": "OW"}),
    ("00280010", {"vr": "UN", "Value": ["SMITH"]}, {"vr": "UN"}),
    ("00281201", {"vr": "OW", "Value": ["SMITH"], "BulkDataURI": "u"}, {"vr": "OW", "BulkDataURI": "gateway/u"}),
    # empty in every form
    ("00080008", {"vr": "CS", "Value": [None]}, {"vr": "CS", "Value": [None]}),
    ("00080008", {"vr": "CS", "Value": [""]}, {"vr": "CS", "Value": [""]}),
    ("00081070", {"vr": "PN", "Value": [{}]}, {"vr": "PN", "Value": [None]}),
    ("00081070", {"vr": "PN", "Value": [None]}, {"vr": "PN", "Value": [None]}),
    ("00081070", {"vr": "PN"}, {"vr": "PN"}),
    # names in every form
    ("00081070", {"vr": "PN", "Value": ["A^B=C"]}, {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "C"}]}),
    ("00081070", {"vr": "PN", "Value": [{"Phonetic": "c"}]}, {"vr": "PN", "Value": [{"Phonetic": "c"}]}),
    (
        "00081070",
        {"vr": "PN", "Value": [{"Alphabetic": "A", "Other": "SMITH", "Ideographic": 5}]},
        {"vr": "PN", "Value": [{"Alphabetic": "A", "Ideographic": "5"}]},
    ),
    # links in items
    (
        "0040A043",
        {"vr": "SQ", "Value": [{"00281201": {"vr": "OW", "BulkDataURI": "u"}}, {}, None]},
        {"vr": "SQ", "Value": [{"00281201": {"vr": "OW", "BulkDataURI": "gateway/u"}}, {}, {}]},
    ),
]


@pytest.mark.parametrize(("key", "value", "expected"), FORMS)
def test_what_is_kept_holds_only_what_its_vr_can(key: str, value: Json, expected: Json) -> None:
    under = engine("  OperatorsName: {action: keep}\n")
    released = rewrite(under, {key: value})[key]
    assert released == expected
    assert "SMITH" not in json.dumps(released)


@pytest.mark.parametrize(
    "member",
    [
        b'"0040A043":{"vr":"SQ","Value":[{"00280010":{"vr":"US"},"00280010":{"vr":"US"}}]}',
        b'"0040A043":{"vr":"SQ","Value":[{"0028001\\u0030":{"vr":"US"}}]}',
        b'"0040A043":{"vr":"SQ","Value":[{"0008010a":{"vr":"LO"}}]}',
        b'"0040A043":{"vr":"SQ","Value":[{"00080104":{"Value":["SMITH"]}}]}',
        b'"00080060":{"Value":["SMITH"]}',
        b'"00281201":{"vr":"OW","InlineBinary":"SMITH^JOHN"}',
        b'"00280010":{"vr":"US","InlineBinary":"AAA="}',
        b'"00080060":{"vr":"CS","Value":["a\tb"]}',
        b'"00080060":{"vr":"CS","Value":["\xff"]}',
        b'"00080060":{"vr":"CS","Value":["\\ud800"]}',
        b'"00080060":{"vr":"CS","Value":["\\q"]}',
        b'"00080060":{"vr":"CS","Value":[{"SMITH":1}]}',
        b'"00081070":{"vr":"PN","Value":[["SMITH"]]}',
    ],
)
def test_forms_that_the_model_does_not_have_are_refused(member: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        engine("  OperatorsName: {action: keep}\n").metadata(json.dumps(HEAD).encode()[:-1] + b"," + member + b"}", str)
    assert "SMITH" not in str(caught.value)


def test_the_uid_of_a_class_that_is_none_is_mapped() -> None:
    released = rewrite(engine(), {"0008010C": {"vr": "UI", "Value": ["SMITH", "1.2.3"]}})
    assert released["0008010C"]["Value"] == [KEYS.uid("SMITH"), "1.2.3"]


def test_an_action_that_has_no_meaning_for_a_value_releases_nothing() -> None:
    whole = Whole(None, Patient("", 0), None, str)
    found = Found(0x00081030, Element(vr="LO", Value=[Raw(b'"SMITH"')]), "LO", Decision(Action.KEEP, ""))
    with pytest.raises(MalformedInput, match="without a meaning"):
        Actions(engine().identity).changed(found, whole)


def test_the_places_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonspots, "MAX_SPOTS", 3)
    rules = "".join(
        f"  {word} > CodeMeaning: {{action: empty}}\n"
        for word in ("ConceptNameCodeSequence", "AnatomicRegionSequence", "ViewCodeSequence")
    )
    under = engine(rules)
    inside = {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": ["x"]}}]}
    for key in ("0040A043", "00082218", "00540220"):
        assert rewrite(under, {key: inside})[key]["Value"] == [{"00080104": {"vr": "LO"}}]
    assert len(under._metadata._spots._known) <= 3
