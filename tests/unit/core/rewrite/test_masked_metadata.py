"""Masks in the DICOM JSON Model: the same decision as in Part 10, and the same said of it."""

import base64
import json
from typing import Any

import pytest

from gateway.core.errors import MalformedInput
from gateway.core.mask.model import PASSES, Image, PixelDecision, Rectangle, Verdict
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.core.wire.dicomjson import decode_object
from gateway.core.wire.elements import EXPLICIT_LE
from tests.unit.core.rewrite.objects import engine
from tests.unit.core.rewrite.pictures import CORNERS, masking, native, picture

Json = dict[str, Any]
OUTSIDE = (Rectangle(0, 0, 4, 8), Rectangle(4, 0, 4, 2))
CLEAN_CODE = "113101"
CT: Json = {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}


def us(value: int) -> Json:
    return {"vr": "US", "Value": [value]}


def regions(corners: tuple[object, ...] = CORNERS) -> Json:
    tags = ("00186018", "0018601A", "0018601C", "0018601E")
    return {
        "vr": "SQ",
        "Value": [{tag: {"vr": "UL", "Value": [each]} for tag, each in zip(tags, corners, strict=False)}],
    }


def described(**changes: Json | None) -> Json:
    """Describe the picture of ``picture``; ``changes`` by key behind an underscore, None: it goes."""
    elements: Json = {
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY"]},
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.6.1"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
        "00186011": regions(),
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "0020000E": {"vr": "UI", "Value": ["1.4"]},
        "00280002": us(1),
        "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "00280008": {"vr": "IS", "Value": [1]},
        "00280010": us(8),
        "00280011": us(8),
        "00280100": us(8),
        "00280101": us(8),
        "00280102": us(7),
        "00280103": us(0),
        "7FE00010": {"vr": "OB", "BulkDataURI": "pixels"},
    }
    elements |= {key[1:]: value for key, value in changes.items()}
    return {key: value for key, value in elements.items() if value is not None}


def rewritten(by: Engine, elements: Json, decided: PixelDecision | None = None) -> Json | None:
    found = by.metadata_elements(decode_object(json.dumps(elements).encode()), str, decided)
    return None if found is None else json.loads(found)


def decision(elements: Json, by: Engine | None = None) -> PixelDecision:
    return (by or masking()).pixel_decision(decode_object(json.dumps(elements).encode()))


def codes(released: Json | None) -> list[str]:
    assert released is not None
    return [item["00080100"]["Value"][0] for item in released["00120064"]["Value"]]


def test_json_and_part_10_decide_alike() -> None:
    by = masking()
    reader = by.head_reader(EXPLICIT_LE)
    head = reader.read(picture(native()), 0, whole=False)
    assert head is not None
    assert head.pictured is not None
    assert decision(described()) == by.decision(head)
    assert decision(described()).rectangles == OUTSIDE
    image = by.image(decode_object(json.dumps(described()).encode()))
    assert image == head.pictured.image() == Image(8, 8, 1, 8, 8, is_signed=False, photometric="MONOCHROME2")
    assert by.pixel_decision(decode_object(json.dumps(described()).encode())) is by.decision(head), "it is remembered"


def test_what_is_masked_says_so_and_shows_its_pixels_nowhere_else() -> None:
    icon = {"vr": "SQ", "Value": [{"7FE00010": {"vr": "OB", "InlineBinary": "AAAA"}}]}
    other = {"vr": "SQ", "Value": [{"7FE00010": {"vr": "OB", "BulkDataURI": "icon"}, "00080100": {"vr": "SH"}}]}
    keeps = engine("  IconImageSequence: {disabled: true}\n  (60xx,3000): {disabled: true}\napply_masks: true\n")
    overlay = {"vr": "OW", "InlineBinary": "AAAA"}
    table = {"vr": "OV", "InlineBinary": "AAAAAAAAAAA="}
    tables = {"_7FE00001": table, "_7FE00002": table}
    more: dict[str, Json | None] = {"_00880200": icon, "_00540220": other, "_60003000": overlay, **tables}
    released = rewritten(keeps, described(**more))
    assert released is not None
    assert released["00280301"] == {"vr": "CS", "Value": ["NO"]}
    assert released["7FE00010"] == {"vr": "OB", "BulkDataURI": "pixels"}
    assert released["00540220"] == {"vr": "SQ", "Value": [{"00080100": {"vr": "SH"}}]}
    assert not {"00880200", "60003000", "7FE00001"} & released.keys()
    assert CLEAN_CODE in codes(released)
    ct = {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}
    passed = rewritten(keeps, described(**more | {"_00080016": ct}))
    assert passed is not None
    assert {"00880200", "00540220", "60003000", "7FE00001"} <= passed.keys()
    assert "00280301" not in passed
    assert CLEAN_CODE not in codes(passed)


def test_pixels_in_the_metadata_themselves_go() -> None:
    inline = {"vr": "OB", "InlineBinary": base64.b64encode(bytes(range(64))).decode()}
    released = rewritten(masking(), described(_7FE00010=inline))
    assert released is not None
    assert "7FE00010" not in released
    assert "7FE00010" in (rewritten(engine(), described(_7FE00010=inline)) or {})


def test_the_transform_that_frames_lose_is_named_as_in_part_10() -> None:
    released = rewritten(masking(), described(_00280004={"vr": "CS", "Value": ["YBR_ICT"]}))
    assert released is not None
    assert released["00280004"]["Value"] == ["YBR_RCT"]


@pytest.mark.parametrize(
    ("changes", "is_masked"),
    [
        ({"_00186011": regions((2, 4, 7))}, False),
        ({"_00186011": regions((2, 4, 7, "x"))}, False),
        ({"_00186011": regions((2, 4, 7, 8))}, False),
        ({"_00186011": {"vr": "SQ"}}, False),
        ({"_00186011": {"vr": "SQ", "Value": [None]}}, False),
        ({"_00186011": {"vr": "UN", "InlineBinary": "AAAA"}}, False),
        ({"_00186011": {"vr": "SQ", "BulkDataURI": "x"}}, False),
        ({"_00186011": None}, False),
        ({"_00280010": {"vr": "UN", "InlineBinary": "CAA="}}, True),
        ({"_00280010": us(0)}, False),
        ({"_00280010": None}, False),
    ],
)
def test_regions_and_size_count_only_where_they_are_whole(changes: dict[str, Json | None], is_masked: bool) -> None:
    assert (decision(described(**changes)).verdict is Verdict.MASK) is is_masked
    assert (rewritten(masking(), described(**changes)) is not None) is is_masked


def test_an_overlay_inside_the_pixels_is_refused() -> None:
    assert decision(described(_60000102=us(0))).verdict is Verdict.MASK
    assert decision(described(_60000102={"vr": "UN", "InlineBinary": "AAA="})).verdict is Verdict.MASK
    for changes in ({}, {"_00080016": CT}):
        for bit in (us(8), {"vr": "US"}, {"vr": "UN", "InlineBinary": "CAA="}):
            assert decision(described(_60020102=bit, **changes)).verdict is Verdict.REFUSE
        assert rewritten(masking(), described(_60020102=us(8), **changes)) is None
    allows = engine("apply_masks: true\nburned_in_text: allow\n")
    assert decision(described(_60020102=us(8)), allows).verdict is Verdict.REFUSE
    assert decision(described(_60020102=us(8), _00080016=CT), allows).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "changes",
    [
        {"_7FE00008": {"vr": "OF", "BulkDataURI": "others"}},
        {"_00280010": None},
        {"_00280301": {"vr": "UN", "BulkDataURI": "said"}},
        {"_0008103E": {"vr": "LO", "BulkDataURI": "said"}},
        {"_00080064": {"vr": "SQ", "Value": [{}]}},
        {"_00080064": {"vr": "SQ", "Value": [{}, {}]}},
        {"_00280008": {"vr": "IS", "BulkDataURI": "said"}},
        {"_00280100": {"vr": "UN", "BulkDataURI": "said"}},
        {"_60000102": {"vr": "UN", "BulkDataURI": "said"}},
    ],
)
def test_what_metadata_only_name_is_not_taken_for_absent(changes: dict[str, Json | None]) -> None:
    report: Json = {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.88.11"]}
    sop_class = report if "_00280010" in changes else CT
    with pytest.raises(MalformedInput):
        decision(described(_00080016=sop_class, **changes))


def test_pixels_in_the_metadata_of_what_was_found_clean_go() -> None:
    inline = {"vr": "OB", "InlineBinary": base64.b64encode(bytes(range(128))).decode()}
    released = rewritten(masking(), described(_7FE00010=inline), PixelDecision(Verdict.PASS, is_clean=True))
    assert released is not None
    assert "7FE00010" not in released


def test_numbers_in_another_vr_are_malformed() -> None:
    with pytest.raises(MalformedInput, match="VR that it cannot have"):
        decision(described(_00280010={"vr": "IS", "Value": [8]}))


def test_an_answer_stands_for_what_masks_say() -> None:
    by = engine("apply_masks: true\nburned_in_text: mask_or_screen\n")
    alone = described(_00186011=None)
    assert decision(alone, by).verdict is Verdict.SCREEN
    assert rewritten(by, alone) is None
    assert rewritten(by, alone, PixelDecision(Verdict.REFUSE)) is None
    for answer in (PixelDecision(Verdict.PASS, is_clean=True), PixelDecision(Verdict.MASK, OUTSIDE, is_clean=True)):
        assert CLEAN_CODE in codes(rewritten(by, alone, answer))
    assert CLEAN_CODE not in codes(rewritten(by, alone, PASSES))


def test_the_darkest_colour_of_a_palette_is_found_in_its_tables() -> None:
    palette = {"vr": "CS", "Value": ["PALETTE COLOR"]}
    descriptor = {"vr": "US", "Value": [4, 0, 16]}
    table = bytes((9, 0, 8, 0, 1, 0, 7, 0))
    named: Json = {"vr": "OW", "BulkDataURI": "table"}
    inline: Json = {"vr": "OW", "InlineBinary": base64.b64encode(table).decode()}
    colours = ("00281201", "00281202", "00281203")
    base: dict[str, Json | None] = {"_00280004": palette, "_00281101": descriptor}
    by = masking()
    for said, given in ((named, {int(key, 16): table for key in colours}), (inline, {})):
        elements = described(**base, **{f"_{key}": said for key in colours})
        assert by.image(decode_object(json.dumps(elements).encode()), given).palette_black == 2
    elements = described(**base, **{f"_{key}": named for key in colours})
    assert by.image(decode_object(json.dumps(elements).encode())).palette_black == 0


def test_an_identified_worklist_passes_everything() -> None:
    elements = decode_object(json.dumps(described()).encode())
    assert Passing().pixel_decision(elements) is PASSES
    assert Passing().image(elements).rows == 8
    assert Passing().masks is None
    assert engine().pixel_decision(elements) is PASSES
