"""The DICOM JSON Model under the same plan: each action for each form an element can take."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.core.pseudonym.values import shift
from gateway.core.rewrite import jsonactions, jsonspots, metadata
from gateway.core.rewrite.engine import Engine
from tests.kit.engine import KEYS, profile
from tests.unit.core.rewrite.objects import CT, ENHANCED_CT, PSEUDONYM, engine

Json = Any

CLASS, INSTANCE = "00080016", "00080018"
HEAD: dict[str, Json] = {
    CLASS: {"vr": "UI", "Value": [CT.decode()]},
    INSTANCE: {"vr": "UI", "Value": ["1.2.3"]},
    "00100020": {"vr": "LO", "Value": ["P1"]},
}
MODULES = {module.__name__ for module in (jsonactions, jsonspots, metadata)}
LAYOUTS: list[dict[str, Any]] = [{"separators": (",", ":")}, {}, {"indent": 2}, {"indent": "\t", "sort_keys": True}]
DAYS = KEYS.shift_days("", "P1", "")
EVERY_ACTION = """\
  OperatorsName: {action: pseudonym}
  PlacerOrderNumberImagingServiceRequest: {action: pseudonym}
  InstitutionName: {action: replace, value: SITE-1}
  PatientWeight: {action: replace, value: "70.5"}
  SeriesNumber: {action: replace, value: "7"}
  ReferringPhysicianName: {action: replace, value: NOBODY}
  StudyTime: {action: truncate_date}
  SeriesDate: {action: truncate_date}
options: [retain_longitudinal_modified_dates]
"""


def bulk(uri: str) -> str:
    return "gateway/" + uri.rsplit("/", 1)[1]


def inline(data: bytes) -> str:
    return base64.b64encode(data).decode()


def rewrite(under: Engine, data_set: Json, **layout: Any) -> dict[str, Json]:
    released = under.metadata(json.dumps(data_set, **layout).encode(), bulk)
    assert released is not None
    return dict(json.loads(released))


def element(key: str, value: Json, under: Engine | None = None) -> Json:
    """Rewrite one element in every layout, twice over, and return what becomes of it."""
    by = under or engine(EVERY_ACTION)
    seen = [rewrite(by, HEAD | {key: value}, **layout).get(key) for layout in LAYOUTS * 2]
    assert all(each == seen[0] for each in seen)
    return seen[0]


VALUES = [
    # kept
    ("00080060", {"vr": "CS", "Value": ["CT"]}, {"vr": "CS", "Value": ["CT"]}),
    ("00080060", {"vr": "CS"}, {"vr": "CS"}),
    ("00080060", {"vr": "CS", "Value": []}, {"vr": "CS", "Value": []}),
    (
        "00080008",
        {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
        {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
    ),
    ("00280030", {"vr": "DS", "Value": [0.5, 1e-07]}, {"vr": "DS", "Value": [0.5, 1e-07]}),
    ("00080104", {"vr": "LO", "Value": ['a "quoted" {brace}']}, {"vr": "LO", "Value": ['a "quoted" {brace}']}),
    ("00281201", {"vr": "OW", "BulkDataURI": "http://origin/1"}, {"vr": "OW", "BulkDataURI": "gateway/1"}),
    ("00281201", {"vr": "OW", "InlineBinary": "AAAA"}, {"vr": "OW", "InlineBinary": "AAAA"}),
    ("00280010", {"vr": "UN", "InlineBinary": "AAA="}, {"vr": "UN", "InlineBinary": "AAA="}),
    ("7FE00010", {"vr": "OW", "BulkDataURI": "http://origin/p"}, {"vr": "OW", "BulkDataURI": "gateway/p"}),
    ("00282000", {"vr": "OB", "BulkDataURI": "http://origin/1"}, {"vr": "OB", "BulkDataURI": "gateway/1"}),
    # kept, but for what is no number or names somebody, which only the value tells
    ("00281053", {"vr": "DS", "BulkDataURI": "http://origin/1"}, {"vr": "DS"}),
    ("00281053", {"vr": "UN", "BulkDataURI": "http://origin/1"}, None),
    # removed
    ("00081030", {"vr": "LO", "Value": ["HEAD"]}, None),
    ("00081030", {"vr": "UN", "InlineBinary": "AAA="}, None),
    ("00081030", {"vr": "LO", "BulkDataURI": "http://origin/1"}, None),
    ("00400275", {"vr": "SQ", "Value": [{"00401001": {"vr": "SH", "Value": ["x"]}}]}, None),
    ("00291010", {"vr": "LO", "Value": ["x"]}, None),
    ("0010FFFE", {"vr": "LO", "Value": ["x"]}, None),
    ("60003000", {"vr": "OW", "InlineBinary": "AAA="}, None),
    ("00020010", {"vr": "UI", "Value": ["1.2"]}, None),
    # emptied
    ("00080050", {"vr": "SH", "Value": ["77"]}, {"vr": "SH"}),
    ("00080050", {"vr": "SH"}, {"vr": "SH"}),
    ("00080050", {"vr": "SH", "BulkDataURI": "http://origin/1"}, {"vr": "SH"}),
    ("00080050", {"vr": "UN", "InlineBinary": "AAA="}, {"vr": "UN"}),
    # replaced by the dummy of the VR
    (
        "0040A123",
        {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "王"}]},
        {"vr": "PN", "Value": [{"Alphabetic": "ANONYMOUS"}]},
    ),
    ("0040A123", {"vr": "PN"}, {"vr": "PN", "Value": [{"Alphabetic": "ANONYMOUS"}]}),
    ("0040A123", {"vr": "UN", "InlineBinary": "QUI="}, {"vr": "UN", "InlineBinary": inline(b"ANONYMOUS ")}),
    ("0040A123", {"vr": "SQ", "Value": [{}]}, {"vr": "SQ"}),
    ("00420011", {"vr": "OB", "BulkDataURI": "http://origin/1"}, {"vr": "OB", "InlineBinary": inline(b"\0\0")}),
    ("00420011", {"vr": "OB", "InlineBinary": "QUI="}, {"vr": "OB", "InlineBinary": inline(b"\0\0")}),
    # replaced by a value of the profile
    ("00080080", {"vr": "LO", "Value": ["CLINIC"]}, {"vr": "LO", "Value": ["SITE-1"]}),
    ("00080080", {"vr": "UN", "InlineBinary": "QUI="}, {"vr": "UN", "InlineBinary": inline(b"SITE-1")}),
    ("00080080", {"vr": "IS", "Value": [1]}, {"vr": "IS", "Value": [0]}),
    ("00080080", {"vr": "OB", "InlineBinary": "QUI="}, {"vr": "OB", "InlineBinary": inline(b"\0\0")}),
    ("00101030", {"vr": "DS", "Value": [81]}, {"vr": "DS", "Value": [70.5]}),
    ("00200011", {"vr": "IS", "Value": [4]}, {"vr": "IS", "Value": [7]}),
    ("00080090", {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}, {"vr": "PN", "Value": [{"Alphabetic": "NOBODY"}]}),
    # UIDs
    ("0040A171", {"vr": "UI", "Value": ["1.2.9"]}, {"vr": "UI", "Value": [KEYS.uid("1.2.9")]}),
    (
        "0040A171",
        {"vr": "UI", "Value": ["1.2.9", "", None, "1.2.840.10008.1.2.1"]},
        {"vr": "UI", "Value": [KEYS.uid("1.2.9"), None, None, "1.2.840.10008.1.2.1"]},
    ),
    ("0040A171", {"vr": "UI", "Value": [""]}, {"vr": "UI"}),
    ("0040A171", {"vr": "UI"}, {"vr": "UI"}),
    ("0040A171", {"vr": "UI", "BulkDataURI": "http://origin/1"}, None),
    (
        "0040A171",
        {"vr": "UN", "InlineBinary": inline(b"1.2.9\0")},
        {
            "vr": "UN",
            "InlineBinary": inline(
                (KEYS.uid("1.2.9") + "\0").encode()[: len(KEYS.uid("1.2.9")) + len(KEYS.uid("1.2.9")) % 2]
            ),
        },
    ),
    ("0040A171", {"vr": "UN", "BulkDataURI": "http://origin/1"}, None),
    ("0040A171", {"vr": "UN"}, {"vr": "UN"}),
    ("00280010", {"vr": "UI", "Value": ["1.2.9"]}, {"vr": "UI", "Value": [KEYS.uid("1.2.9")]}),  # a UID under any tag
    ("00280010", {"vr": "PN", "Value": [{"Alphabetic": "A"}]}, {"vr": "PN"}),
    # the patient
    (
        "00100010",
        {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Ideographic": "王"}]},
        {"vr": "PN", "Value": [{"Alphabetic": PSEUDONYM}]},
    ),
    ("00100010", {"vr": "PN", "Value": []}, {"vr": "PN", "Value": [{"Alphabetic": PSEUDONYM}]}),
    ("00100010", {"vr": "PN"}, {"vr": "PN", "Value": [{"Alphabetic": PSEUDONYM}]}),
    ("00100010", {"vr": "PN", "BulkDataURI": "http://origin/1"}, None),
    ("00100010", {"vr": "LO", "Value": ["A"]}, {"vr": "LO", "Value": [PSEUDONYM]}),
    ("00100010", {"vr": "SQ", "Value": [{}]}, None),
    # other pseudonyms
    (
        "00402016",
        {"vr": "LO", "Value": ["77", None, "78"]},
        {"vr": "LO", "Value": [KEYS.value(0x00402016, "77"), None, KEYS.value(0x00402016, "78")]},
    ),
    (
        "00081070",
        {"vr": "PN", "Value": [{"Alphabetic": "A^B", "Phonetic": "C"}]},
        {"vr": "PN", "Value": [{"Alphabetic": KEYS.value(0x00081070, "A^B==C")}]},
    ),
    ("00081070", {"vr": "PN", "Value": [{}]}, {"vr": "PN"}),
    # dates
    ("00080020", {"vr": "DA", "Value": ["20200713"]}, {"vr": "DA", "Value": [shift("DA", "20200713", DAYS)]}),
    ("00080020", {"vr": "DA", "Value": ["2020"]}, {"vr": "DA"}),
    ("00080020", {"vr": "DA"}, {"vr": "DA"}),
    (
        "00080020",
        {"vr": "UN", "InlineBinary": inline(b"20200713")},
        {"vr": "UN", "InlineBinary": inline(shift("DA", "20200713", DAYS).encode())},
    ),
    ("00080020", {"vr": "LO", "Value": ["20200713"]}, None),
    ("00080021", {"vr": "DA", "Value": ["20200713", "x"]}, {"vr": "DA", "Value": ["20200101", None]}),
    ("00080030", {"vr": "TM", "Value": ["115959"]}, {"vr": "TM", "Value": ["000000"]}),
    # sequences
    ("0040A043", {"vr": "SQ"}, {"vr": "SQ"}),
    ("0040A043", {"vr": "SQ", "Value": []}, {"vr": "SQ", "Value": []}),
    ("0040A043", {"vr": "SQ", "Value": [{}, None]}, {"vr": "SQ", "Value": [{}, {}]}),
    (
        "0040A043",
        {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": ["x"]}}]},
        {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": ["x"]}}]},
    ),
    ("0040A043", {"vr": "SQ", "Value": [{"00081030": {"vr": "LO", "Value": ["x"]}}]}, {"vr": "SQ", "Value": [{}]}),
    (
        "0040A043",
        {"vr": "SQ", "Value": [{"00281201": {"vr": "OW", "BulkDataURI": "http://origin/1"}}]},
        {"vr": "SQ", "Value": [{"00281201": {"vr": "OW", "BulkDataURI": "gateway/1"}}]},
    ),
    (
        "0040A043",
        {"vr": "SQ", "Value": [{"0040A043": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["P9"]}}]}}]},
        {
            "vr": "SQ",
            "Value": [{"0040A043": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": [PSEUDONYM]}}]}}],
        },
    ),
    ("0040A043", {"vr": "SQ", "BulkDataURI": "http://origin/1"}, None),  # items that cannot be walked
    ("0040A043", {"vr": "SQ", "InlineBinary": "AAA="}, None),
    ("0040A043", {"vr": "UN", "BulkDataURI": "http://origin/1"}, None),
    ("0040A043", {"vr": "LO", "Value": ["x"]}, None),
    (
        "00401101",
        {
            "vr": "SQ",
            "Value": [{"00080104": {"vr": "LO", "Value": ["x"]}, "0040A171": {"vr": "UI", "Value": ["1.2.9"]}}],
        },
        {
            "vr": "SQ",
            "Value": [
                {
                    "00080104": {"vr": "LO", "Value": ["ANONYMOUS"]},
                    "0040A171": {"vr": "UI", "Value": [KEYS.uid("1.2.9")]},
                }
            ],
        },
    ),
]


@pytest.mark.parametrize(("key", "value", "expected"), VALUES)
def test_each_action_for_each_form_of_an_element(key: str, value: Json, expected: Json) -> None:
    assert element(key, value) == expected
    if "vr" in value and "Value" in value:  # some writers put the VR last
        assert element(key, {"Value": value["Value"], "vr": value["vr"]}) == expected


def test_a_kept_element_keeps_its_bytes() -> None:
    released = engine().metadata(
        b'{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]},"00080018":{"vr":"UI","Value":["1.2.3"]},'
        b'"00280030":{"vr":"DS","Value":[1.50,1E5]}}',
        bulk,
    )
    assert released is not None
    assert b'"00280030":{"vr":"DS","Value":[1.50,1E5]}' in released


@pytest.mark.parametrize(
    "raw",
    [
        b'{"vr":"CS","Value":["CT"],"foo":"SMITH"}',
        b'{"vr":"CS","Value":["CT"],"BulkDataU\\u0052I":"http://SMITH/1"}',
        b'{"vr":"CS","Value":["CT"],"00100010":["SMITH"]}',
        b'{"foo":"SMITH","vr":"CS"}',
        b'{"vr":"OW","BulkDataU\\u0052I":"http://SMITH/1"}',
    ],
)
def test_members_that_nobody_knows_and_links_in_disguise_do_not_leave(raw: bytes) -> None:
    data_set = json.dumps(HEAD).encode()[:-1] + b',"00080060":' + raw + b"}"
    released = engine().metadata(data_set, bulk)
    assert released is not None
    assert b"SMITH" not in released


def test_the_object_says_that_it_was_deidentified() -> None:
    released = rewrite(engine("options: [retain_uids]\n"), HEAD)
    assert released["00120062"] == {"vr": "CS", "Value": ["YES"]}
    assert released["00120063"] == {"vr": "LO", "Value": ["Dicomveil p"]}
    assert released["00280303"] == {"vr": "CS", "Value": ["REMOVED"]}
    assert [item["00080100"]["Value"] for item in released["00120064"]["Value"]] == [["113100"], ["113110"]]
    assert released["00120064"]["Value"][1] == {
        "00080100": {"vr": "SH", "Value": ["113110"]},
        "00080102": {"vr": "SH", "Value": ["DCM"]},
        "00080104": {"vr": "LO", "Value": ["Retain UIDs Option"]},
    }


def test_an_earlier_pass_is_remembered_but_not_its_words() -> None:
    codes = [
        {"00080100": {"vr": "SH", "Value": [code]}, "00080102": {"vr": "SH", "Value": [scheme]}}
        for code, scheme in (("113105", "DCM"), ("SMITH", "DCM"), ("113101", "99LOCAL"), ("113100", "DCM"))
    ]
    earlier = {
        "00120062": {"vr": "CS", "Value": ["NO"]},
        "00120063": {"vr": "LO", "Value": ["SMITH"]},
        "00120064": {"vr": "SQ", "Value": [*codes, None]},
        "00280303": {"vr": "CS", "Value": ["MODIFIED"]},
    }
    released = rewrite(engine("options: [retain_longitudinal_full_dates]\n"), HEAD | earlier)
    assert [item["00080100"]["Value"][0] for item in released["00120064"]["Value"]] == ["113105", "113100", "113106"]
    assert released["00280303"]["Value"] == ["MODIFIED"]
    assert released["00120062"]["Value"] == ["YES"]
    assert "SMITH" not in json.dumps(released)


def test_empty_codes_of_an_earlier_pass_are_none() -> None:
    released = rewrite(engine(), HEAD | {"00120064": {"vr": "SQ"}})
    assert len(released["00120064"]["Value"]) == 1


def test_tags_ascend_whatever_order_they_came_in() -> None:
    released = rewrite(engine(), dict(reversed((HEAD | {"00280010": {"vr": "US", "Value": [1]}}).items())))
    assert list(released) == sorted(released)


def test_the_character_set_is_that_of_json() -> None:
    latin = {"vr": "CS", "Value": ["ISO_IR 100"]}
    assert rewrite(engine(), HEAD | {"00080005": latin})["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert "00080005" not in rewrite(engine(), HEAD)
    item = {"0040A043": {"vr": "SQ", "Value": [{"00080005": latin}]}}
    assert rewrite(engine(), HEAD | item)["0040A043"]["Value"] == [{"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}}]
    assert engine().match({"00080005": json.dumps(latin).encode()}) == {
        "00080005": b'{"vr":"CS","Value":["ISO_IR 192"]}'
    }


@pytest.mark.parametrize(
    ("patient", "who"),
    [
        ({"00100020": {"vr": "LO", "Value": ["P1"]}}, ("", "P1", "")),
        ({"00100020": {"vr": "LO", "Value": [" P1 "]}}, ("", "P1", "")),
        ({"00100020": {"vr": "UN", "InlineBinary": inline(b"P1")}}, ("", "P1", "")),
        ({"00100020": {"vr": "LO", "Value": ["A", "B"]}}, ("", "A\\B", "")),
        ({"00100020": {"vr": "LO", "Value": ["P1"]}, "00100021": {"vr": "LO", "Value": ["H"]}}, ("H", "P1", "")),
        ({"00100020": {"vr": "LO"}, "0020000D": {"vr": "UI", "Value": ["1.2"]}}, ("", "", "1.2")),
        ({"00100020": {"vr": "LO", "Value": [None]}, "0020000D": {"vr": "UI", "Value": ["1.2"]}}, ("", "", "1.2")),
        ({"0020000D": {"vr": "UI", "Value": ["1.2"]}}, ("", "", "1.2")),
    ],
)
def test_the_patient_is_the_one_that_part_10_names(patient: dict[str, Json], who: tuple[str, str, str]) -> None:
    data_set = {CLASS: HEAD[CLASS], INSTANCE: HEAD[INSTANCE], "00100010": {"vr": "PN"}} | patient
    assert rewrite(engine(), data_set)["00100010"]["Value"] == [{"Alphabetic": KEYS.patient(*who)}]


def test_an_element_that_names_the_patient_is_not_remembered_for_another() -> None:
    under = engine(EVERY_ACTION)
    nested = {
        "vr": "SQ",
        "Value": [{"00100020": {"vr": "LO", "Value": ["P9"]}, "0040A121": {"vr": "DA", "Value": ["20200713"]}}],
    }
    body = {"0040A043": nested, "00100010": {"vr": "PN"}, "00080020": {"vr": "DA", "Value": ["20200713"]}}
    for patient_id in ("P1", "P3", "P1"):
        released = json.dumps(rewrite(under, HEAD | {"00100020": {"vr": "LO", "Value": [patient_id]}} | body))
        assert released.count(KEYS.patient("", patient_id, "")) == 3
        assert released.count(shift("DA", "20200713", KEYS.shift_days("", patient_id, ""))) == 2


def test_a_sequence_around_an_element_that_was_remembered_for_a_patient_is_not_remembered_for_all() -> None:
    under = engine()
    inner = {"00100020": {"vr": "LO", "Value": ["P9"]}}
    around = {"vr": "SQ", "Value": [inner, {"00080104": {"vr": "LO", "Value": ["x"]}}]}
    body = {"00082218": {"vr": "SQ", "Value": [inner]}, "0040A043": around}
    for patient_id in ("P1", "P3", "P1"):
        released = json.dumps(rewrite(under, HEAD | {"00100020": {"vr": "LO", "Value": [patient_id]}} | body))
        assert released.count(KEYS.patient("", patient_id, "")) == 3


def test_a_link_is_asked_for_anew_each_time() -> None:
    under = engine()
    data_set = json.dumps(
        HEAD | {"0040A043": {"vr": "SQ", "Value": [{"00281201": {"vr": "OW", "BulkDataURI": "u"}}]}}
    ).encode()
    for link in ("first", "second"):
        assert link.encode() in (under.metadata(data_set, lambda _, link=link: link) or b"")  # type: ignore[misc]


def remembered(under: Engine) -> list[dict[Any, Any] | set[Any]]:
    """Find every dictionary and set that the engine's metadata rewriter holds."""
    found: list[dict[Any, Any] | set[Any]] = []
    seen: set[int] = set()
    left: list[Any] = [under._metadata]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict | set):
            found.append(one)
            left += one.values() if isinstance(one, dict) else ()
        elif type(one).__module__ in MODULES:
            left += [
                getattr(one, name, None) for name in (*getattr(one, "__slots__", ()), *getattr(one, "__dict__", ()))
            ]
    return found


def each_bytes(held: dict[Any, Any] | set[Any]) -> Iterator[bytes]:
    for entry in held.items() if isinstance(held, dict) else held:
        left = [entry]
        while left:
            one = left.pop()
            if isinstance(one, tuple):
                left += one
            elif isinstance(one, bytes):
                yield one


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonspots, "MAX_MEMO", 4)
    monkeypatch.setattr(jsonspots, "MAX_KEYS", 30)
    under = engine()
    for number in range(60):
        body = {
            "0040A043": {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": [str(number)]}}]},
            "00280010": {"vr": "US", "Value": [number]},
            f"0029{number:04X}": {"vr": "LO"},
        }
        released = rewrite(under, HEAD | body)
        assert released["0040A043"] == body["0040A043"]
        assert released["00280010"] == body["00280010"]
    assert max(map(len, remembered(under))) <= 31


def test_large_sequences_are_not_remembered() -> None:
    under = engine()
    frames = [
        {"00209111": {"vr": "SQ", "Value": [{"00209157": {"vr": "UL", "Value": [number]}}]}} for number in range(500)
    ]
    rewrite(under, HEAD | {"52009230": {"vr": "SQ", "Value": frames}})
    longest = max(len(part) for held in remembered(under) for part in each_bytes(held))
    assert longest <= jsonspots.MEMO_BYTES


def test_places_are_told_apart_as_in_part_10() -> None:
    enhanced = HEAD | {CLASS: {"vr": "UI", "Value": [ENHANCED_CT.decode()]}}
    reference = {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}}]}
    inside = {"vr": "SQ", "Value": [{"00081140": reference}]}
    released = rewrite(engine(), enhanced | {"00081140": reference, "52009229": inside})
    assert "00081140" not in released
    assert released["52009229"] == inside


PRIVATE = (
    '  ("ACME",0029,10): {action: keep}\n  ("ACME",0029,11): {action: empty}\n  ("ELSE",0029,10): {action: empty}\n'
)


@pytest.mark.parametrize(
    ("creator", "key", "value", "expected"),
    [
        ("ACME", "00291010", {"vr": "LO", "Value": ["x"]}, {"vr": "LO", "Value": ["x"]}),
        ("ACME", "00291011", {"vr": "LO", "Value": ["x"]}, {"vr": "LO"}),
        ("ACME", "00291012", {"vr": "LO", "Value": ["x"]}, None),
        ("ACME", "00291110", {"vr": "LO", "Value": ["x"]}, None),
        ("ACME", "00291010", {"vr": "SQ", "Value": [{}]}, {"vr": "SQ", "Value": [{}]}),
        ("ACME", "00291010", {"vr": "UN"}, None),
        ("ACME", "00291010", {"vr": "UN", "InlineBinary": "AAA="}, None),
        ("ACME", "00291010", {"vr": "UI", "Value": ["1.2.9"]}, {"vr": "UI", "Value": [KEYS.uid("1.2.9")]}),
        ("ELSE", "00291010", {"vr": "LO", "Value": ["x"]}, {"vr": "LO"}),
        ("NONE", "00291010", {"vr": "LO", "Value": ["x"]}, None),
    ],
)
def test_private_elements_by_their_creator(creator: str, key: str, value: Json, expected: Json) -> None:
    block = {"00290010": {"vr": "LO", "Value": [creator]}}
    released = rewrite(engine(PRIVATE), HEAD | block | {key: value})
    assert released.get(key) == expected
    assert ("00290010" in released) is (expected is not None)  # a creator that reserves nothing goes


def test_a_private_element_without_creator_goes() -> None:
    assert "00291010" not in rewrite(engine(PRIVATE), HEAD | {"00291010": {"vr": "LO", "Value": ["x"]}})


def test_a_private_element_kept_for_one_creator_is_not_remembered_for_another() -> None:
    under = engine(PRIVATE)
    value = {"00291010": {"vr": "PN", "Value": [{"Alphabetic": "SMITH"}]}}
    kept = rewrite(under, HEAD | {"00290010": {"vr": "LO", "Value": ["ACME"]}} | value)
    assert kept["00291010"] == value["00291010"]
    emptied = rewrite(under, HEAD | {"00290010": {"vr": "LO", "Value": ["ELSE"]}} | value)
    assert emptied["00291010"] == {"vr": "PN"}


def test_a_profile_that_refuses_the_object_gives_nothing() -> None:
    strict = Engine(profile("strict"), KEYS)
    report = HEAD | {CLASS: {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.88.11"]}}
    assert strict.metadata(json.dumps(report).encode(), bulk) is None
    masks = engine("apply_masks: true\n")
    original = {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY"]}
    image = HEAD | {
        "00080008": original,
        "00280010": {"vr": "US", "Value": [8]},
        "00280011": {"vr": "US", "Value": [8]},
    }
    burned_in = image | {"00280301": {"vr": "CS", "Value": ["YES"]}}
    assert masks.metadata(json.dumps(burned_in).encode(), bulk) is None
    assert masks.metadata(json.dumps(image).encode(), bulk) is not None


def test_a_constant_answers_any_vr_with_something_of_that_vr_unless_it_is_always_written() -> None:
    plain, strict = engine("  PatientComments: {action: replace, value: X}\n"), Engine(profile("strict"), KEYS)
    for value in ({"vr": "IS", "Value": [1]}, {"vr": "UI", "Value": ["1.2"]}, {"vr": "OB", "InlineBinary": "AAA="}):
        assert rewrite(plain, HEAD | {"00104000": value})["00104000"]["vr"] == value["vr"]
        name = {"vr": "PN", "Value": [{"Alphabetic": "ANONYMOUS"}]}
        assert rewrite(strict, HEAD | {"00100010": value})["00100010"] == name


@pytest.mark.parametrize(
    ("key", "vr", "is_named"),
    [
        ("00282000", "OB", False),
        ("00283006", "OW", True),
        ("00281201", "OW", True),
        ("7FE00010", "OW", True),
        ("7FE00008", "OF", True),
        ("00186060", "FL", False),
    ],
)
def test_the_final_check_lets_nothing_be_named_unread_but_pixels(key: str, vr: str, is_named: bool) -> None:
    checked = engine("final_check: true\n")
    found = rewrite(checked, HEAD | {key: {"vr": vr, "BulkDataURI": "http://origin/1"}})[key]
    assert found == ({"vr": vr, "BulkDataURI": "gateway/1"} if is_named else {"vr": vr})
