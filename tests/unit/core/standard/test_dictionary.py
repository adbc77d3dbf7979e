"""The data dictionary."""

import csv
from pathlib import Path

import pytest
from pydicom._dicom_dict import DicomDictionary

from gateway.core.standard import dictionary
from gateway.core.standard.tags import parse_tag

TABLE = Path(__file__).parents[4] / "scripts" / "standard" / "confidentiality_profile_attributes.csv"


def _missing_from_pydicom() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["match"] == "exact"]
    return [row for row in rows if parse_tag(row["tag"]) not in DicomDictionary]


def test_an_ordinary_attribute_is_found_both_ways() -> None:
    assert dictionary.keyword_of(0x00100020) == "PatientID"
    assert dictionary.name_of(0x00100020) == "Patient ID"
    assert dictionary.vr_of(0x00100020) == "LO"
    assert dictionary.vm_of(0x00080008) == "2-n"
    assert dictionary.tag_of("PatientID") == 0x00100020


def test_the_first_vr_stands_where_there_is_a_choice() -> None:
    assert dictionary.vr_of(0x7FE00010) == "OB"
    assert dictionary.vr_of(0x00280106) == "US"
    assert dictionary.vr_of(0x00283006) == "US"
    assert dictionary.vrs_of(0x00281200) == ("US", "SS", "OW")
    assert dictionary.vrs_of(0x00100010) == ("PN",)


@pytest.mark.parametrize("group", [0x6000, 0x6002, 0x601E])
def test_repeating_groups_are_known(group: int) -> None:
    assert dictionary.keyword_of(group << 16 | 0x3000) == "OverlayData"
    assert dictionary.vr_of(group << 16 | 0x3000) == "OB"
    assert dictionary.vr_of(group << 16 | 0x0022) == "LO"
    assert dictionary.keyword_of(0x50043000) == "CurveData"
    assert dictionary.vr_of(0x7F020010) == "OB"


def test_the_keyword_of_a_repeating_group_has_a_mask_and_no_tag() -> None:
    assert dictionary.tag_of("OverlayData") is None
    mask = dictionary.mask_of("OverlayData")
    assert mask is not None
    assert mask.matches(0x60083000)
    assert dictionary.mask_of("PatientID") is None


def test_private_and_unknown_tags_are_none() -> None:
    for tag in (0x00091001, 0x60013000, 0x00100023, 0x12345678):
        assert dictionary.keyword_of(tag) is None
        assert dictionary.name_of(tag) is None
        assert dictionary.vr_of(tag) is None
        assert dictionary.vm_of(tag) is None
        assert dictionary.vrs_of(tag) == ()
    assert dictionary.tag_of("NoSuchKeyword") is None


def test_group_lengths_are_ul_in_every_public_group() -> None:
    assert dictionary.vr_of(0x00080000) == "UL"
    assert dictionary.vrs_of(0x12340000) == ("UL",)
    assert dictionary.vr_of(0x00090000) is None


def test_items_and_delimiters_have_no_vr() -> None:
    for tag in (0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD):
        assert dictionary.vr_of(tag) is None
        assert dictionary.vrs_of(tag) == ()


def test_the_attributes_that_pydicom_lacks_are_known() -> None:
    rows = _missing_from_pydicom()
    assert len(rows) == 26
    for row in rows:
        tag = parse_tag(row["tag"])
        assert dictionary.keyword_of(tag) == row["keyword"]
        assert dictionary.tag_of(row["keyword"]) == tag
        assert dictionary.name_of(tag) == row["name"]
        assert dictionary.vr_of(tag) == row["vr"].split(" or ")[0]
        assert dictionary.vm_of(tag) == row["vm"]


def test_retired_attributes_are_told_from_current_ones() -> None:
    assert dictionary.is_retired(0x00080001)
    assert not dictionary.is_retired(0x00080005)
    assert not dictionary.is_retired(0x00100023)
