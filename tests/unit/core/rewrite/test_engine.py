"""One profile and one domain: plans and tables are made once; every door gives the same answer."""

import json

import pytest

from gateway.core.errors import MalformedInput, RefusedByProfile
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.elements import EXPLICIT_LE, IMPLICIT_LE
from tests.kit.engine import KEYS, profile
from tests.unit.core.rewrite.objects import CT, ENHANCED_CT, engine, head, layout, part10

MINIMAL = {"00080016": {"vr": "UI", "Value": [CT.decode()]}, "00080018": {"vr": "UI", "Value": ["1.2.3"]}}


def test_a_plan_is_made_once_for_each_iod_and_one_for_all_unknown_classes() -> None:
    under = engine()
    assert under.plan(CT.decode()) is under.plan(CT.decode())
    assert under.plan(CT.decode()) is not under.plan(ENHANCED_CT.decode())
    assert under.plan("1.2.3") is under.plan("")
    assert under.plan("").iod is None


def test_tables_are_made_once_for_each_iod_and_encoding() -> None:
    under = engine()
    found = layout(under)
    assert found.plan is under.plan(CT.decode())
    assert layout(under) is found
    assert layout(under, IMPLICIT_LE).tables is not found.tables


def test_the_digest_is_the_profiles() -> None:
    assert engine().digest == engine().profile.digest
    assert engine().digest != engine("  StudyDescription: {action: keep}\n").digest


def test_uids_are_mapped_unless_the_profile_retains_them() -> None:
    assert engine().uid("1.2.3") == KEYS.uid("1.2.3")
    assert engine("options: [retain_uids]\n").uid("1.2.3") == "1.2.3"


@pytest.mark.parametrize(
    ("tag", "kept"),
    [
        (0x00080060, True),
        (0x00100010, False),
        (0x00080020, False),
        (0x0020000D, False),
        (0x00291010, False),
        (0x0010FFFE, False),
    ],
)
def test_an_origin_may_be_asked_only_for_what_leaves_as_it_is(tag: int, kept: bool) -> None:
    assert engine().keeps(tag) is kept


def test_a_refused_class_is_refused_at_every_door() -> None:
    strict = Engine(profile("strict"), KEYS)
    report = "1.2.840.10008.5.1.4.1.1.88.11"
    assert strict.refuses(report)
    assert not strict.refuses(CT.decode())
    elements = MINIMAL | {"00080016": {"vr": "UI", "Value": [report]}}
    assert strict.metadata(json.dumps(elements).encode(), str) is None
    with pytest.raises(RefusedByProfile, match="only images"):
        strict.part10().feed(part10(head(sop_class=report.encode()) + EXPLICIT_LE.make(0x00280010, "US", b"12")))


def test_masks_refuse_no_class_as_a_whole() -> None:
    under = engine("apply_masks: true\n")
    assert not under.refuses("1.2.840.10008.5.1.4.1.1.6.1")
    assert under.masks is not None
    assert engine().masks is None


def test_patients_can_be_found_by_pseudonym_only_where_they_have_one() -> None:
    assert engine().maps_patients
    assert not Engine(profile("strict"), KEYS).maps_patients


def test_metadata_comes_whole_or_in_elements() -> None:
    under = engine()
    text = json.dumps(MINIMAL).encode()
    elements = {key: json.dumps(value).encode() for key, value in MINIMAL.items()}
    assert under.metadata(text, str) == under.metadata_elements(elements, str)


def test_a_search_result_carries_no_marks_and_no_bulk_data() -> None:
    under = engine()
    result = under.match({"0020000D": b'{"vr":"UI","Value":["1.2"]}', "00080061": b'{"vr":"CS","Value":["CT"]}'})
    assert {key: json.loads(value) for key, value in result.items()} == {
        "0020000D": {"vr": "UI", "Value": [KEYS.uid("1.2")]},
        "00080061": {"vr": "CS", "Value": ["CT"]},
    }
    with pytest.raises(MalformedInput, match="BulkDataURI in a search result"):
        under.match({"00281201": b'{"vr":"OW","BulkDataURI":"http://origin/1"}'})


def test_the_engine_and_its_identified_twin_have_the_same_doors() -> None:
    under = engine()
    for name in ("digest", "uid", "part10", "metadata_elements", "match", "keeps", "refuses"):
        assert hasattr(under, name)
        assert hasattr(Passing(), name)
