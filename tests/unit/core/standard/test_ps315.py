"""Table E.1-1, its options, compound codes, and the attributes outside the table."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from pydicom._dicom_dict import DicomDictionary

from gateway.core.standard import dictionary, ps315
from gateway.core.standard.ps315 import Option
from gateway.core.standard.tags import parse_tag

TABLES = Path(__file__).parents[4] / "scripts" / "standard"

REFERENCED_IMAGES = 0x00081140
PER_FRAME = 0x52009230
DERIVATION = 0x00089124
OPERATORS = 0x00081072


def _read(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PROFILE = _read("confidentiality_profile_attributes.csv")
COMPOUND = _read("compound_action_resolution.csv")
RISKY = _read("unlisted_risky_attributes.csv")
DECISIONS = _read("unlisted_decisions.csv")


def test_the_table_has_657_rows_with_the_known_letters() -> None:
    rows = [*ps315.ENTRIES.values(), *(entry for _, entry in ps315.MASKS), ps315.PRIVATE]
    assert len(ps315.ENTRIES) == 653
    assert len(rows) == 657
    assert Counter(entry.basic for entry in rows) == {
        "X": 417,
        "D": 93,
        "U": 55,
        "Z": 42,
        "X/D": 23,
        "X/Z": 11,
        "X/Z/D": 8,
        "Z/D": 6,
        "X/Z/U*": 2,
    }


def test_every_row_is_as_in_the_source_table() -> None:
    options = [option.value for option in ps315.TABLE_OPTIONS]
    assert all(option in PROFILE[0] for option in options)
    for row in PROFILE:
        if row["match"] == "exact":
            entry = ps315.ENTRIES[parse_tag(row["tag"])]
            assert entry.tag == parse_tag(row["tag"])
        elif row["match"] == "mask":
            entry = next(found for mask, found in ps315.MASKS if str(mask) == row["tag"])
        else:
            entry = ps315.PRIVATE
        assert (entry.name, entry.keyword or "", entry.vr or "") == (row["name"], row["keyword"], row["vr"])
        assert entry.basic == row["basic_profile"]
        assert {option.value: letter for option, letter in entry.options.items()} == {
            name: row[name] for name in options if row[name]
        }


def test_the_keyword_and_vr_of_a_row_are_those_of_the_dictionary() -> None:
    for tag, entry in ps315.ENTRIES.items():
        assert entry.keyword == dictionary.keyword_of(tag)
        assert entry.vr == " or ".join(dictionary.vrs_of(tag))


def test_option_columns_read_as_printed() -> None:
    assert ps315.ENTRIES[0x00080020].options == {
        Option.RETAIN_LONGITUDINAL_FULL_DATES: "K",
        Option.RETAIN_LONGITUDINAL_MODIFIED_DATES: "C",
    }
    assert ps315.ENTRIES[0x00080018].options == {Option.RETAIN_UIDS: "K"}
    assert ps315.ENTRIES[0x00081010].options == {Option.RETAIN_DEVICE_IDENTITY: "K"}
    assert ps315.PRIVATE.options == {Option.RETAIN_SAFE_PRIVATE: "C"}


def test_options_carry_the_codes_of_cid_7050() -> None:
    codes = {row["code_value"]: row for row in _read("method_codes.csv") if row["cid"] == "7050"}
    assert {option.code for option in Option} | {ps315.BASIC_PROFILE_CODE} == set(codes)
    assert codes[ps315.BASIC_PROFILE_CODE]["code_meaning"] == ps315.BASIC_PROFILE_MEANING
    for option in Option:
        row = codes[option.code]
        assert option.meaning == row["code_meaning"]
        assert row["option_column"] == (option.value if option in ps315.TABLE_OPTIONS else "(pixels)")
        assert row["coding_scheme_designator"] == ps315.CODING_SCHEME
    assert Option("retain_uids") is Option.RETAIN_UIDS


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (0x00100010, "Patient's Name"),
        (0x60043000, "Overlay Data"),
        (0x601E4000, "Overlay Comments"),
        (0x50000005, "Curve Data"),
        (0x50FE3000, "Curve Data"),
        (0x00090010, "Private Attributes"),
        (0x60013000, "Private Attributes"),
    ],
)
def test_a_tag_finds_its_row(tag: int, name: str) -> None:
    entry = ps315.entry(tag)
    assert entry is not None
    assert entry.name == name


@pytest.mark.parametrize("tag", [0x00080060, 0x60000010, 0x7FE00010, 0x00080016])
def test_an_attribute_outside_the_table_has_no_row(tag: int) -> None:
    assert ps315.entry(tag) is None


def test_a_single_letter_settles_to_itself() -> None:
    assert [ps315.settle(0x00100010, (), letter, "ct-image") for letter in "XZDUCK"] == list("XZDUCK")


@pytest.mark.parametrize(
    ("tag", "path", "code", "iod", "letter"),
    [
        (0x00080022, (), "X/Z", "positron-emission-tomography-image", "Z"),
        (0x00080022, (), "X/Z", "ct-image", "X"),
        (0x00080023, (), "Z/D", "enhanced-ct-image", "D"),
        (0x00100020, (), "Z/D", "ct-image", "Z"),
        (REFERENCED_IMAGES, (), "X/Z/U*", "vl-endoscopic-image", "U"),
        (REFERENCED_IMAGES, (PER_FRAME,), "X/Z/U*", "enhanced-mr-image", "U"),
        (REFERENCED_IMAGES, (PER_FRAME,), "X/Z/U*", "ct-image", "X"),
        (0x00082112, (PER_FRAME, DERIVATION), "X/Z/U*", "enhanced-ct-image", "U"),
        (0x00080080, (OPERATORS,), "X/Z/D", "ct-image", "D"),
        (0x00181000, (), "X/Z/D", "enhanced-mr-image", "D"),
        # Where the letter would break the IOD, the IOD wins.
        (0x00700082, (), "X", "grayscale-softcopy-presentation-state", "D"),
        (0x00700083, (), "X", "planar-mpr-volumetric-presentation-state", "D"),
        (0x00700083, (), "X", "basic-structured-display", "D"),
        (0x00700082, (), "X", "ct-image", "X"),
        (0x00080201, (), "X", "simplified-adult-echo-sr", "D"),
        (0x00080201, (), "X", "enhanced-sr", "X"),
        (0x00080021, (), "X/D", "positron-emission-tomography-image", "D"),
        (0x00080031, (), "X/D", "positron-emission-tomography-image", "D"),
        (0x30080250, (), "X/D", "rt-beams-treatment-record", "D"),  # Type 2, but there is no Z to take
    ],
)
def test_a_compound_code_settles_by_type_and_place(
    tag: int, path: tuple[int, ...], code: str, iod: str, letter: str
) -> None:
    entry = ps315.ENTRIES[tag]
    assert entry.basic == code
    assert ps315.settle(tag, path, code, iod) == letter


def test_a_required_reference_for_which_no_letter_fits_keeps_its_items() -> None:
    rows = [row for row in COMPOUND if row["resolves_to"].startswith("none fits")]
    assert len(rows) == 3
    for row in rows:
        path = [dictionary.tag_of(keyword) for keyword in row["sequence_path"].split(".")]
        for iod in row["iods"].split():
            assert ps315.settle(parse_tag(row["tag"]), path, row["basic_profile"], iod) == "U"  # type: ignore[arg-type]


def test_every_row_of_the_compound_table_settles_as_written() -> None:
    for row in COMPOUND:
        path = tuple(dictionary.tag_of(keyword) or 0 for keyword in row["sequence_path"].split(".") if keyword)
        assert 0 not in path
        expected = "U" if row["resolves_to"].startswith("none fits") else row["resolves_to"]
        for iod in row["iods"].split():
            assert ps315.settle(parse_tag(row["tag"]), path, row["basic_profile"], iod) == expected
            assert (path in ps315.overridden_paths(iod)) == bool(path)


@pytest.mark.parametrize(
    ("code", "letter"), [("X/Z", "X"), ("X/D", "X"), ("X/Z/D", "X"), ("X/Z/U*", "X"), ("Z/D", "Z")]
)
@pytest.mark.parametrize("iod", ["no-such-iod", None])
def test_where_nothing_is_known_the_first_letter_holds(code: str, letter: str, iod: str | None) -> None:
    tag = next(tag for tag, entry in ps315.ENTRIES.items() if entry.basic == code)
    assert ps315.settle(tag, (), code, iod) == letter
    assert ps315.settle(tag, (0x00081115, 0x00081115), code, "ct-image") == letter


def test_an_unknown_iod_has_no_overridden_paths() -> None:
    assert ps315.overridden_paths("no-such-iod") == frozenset()
    assert ps315.overridden_paths(None) == frozenset()
    assert (OPERATORS,) in ps315.overridden_paths("ct-image")


def test_every_risky_attribute_has_a_decision_and_a_reason() -> None:
    decided = {row["tag"]: row for row in DECISIONS}
    assert len(RISKY) == 597
    assert len(decided) == len(DECISIONS)
    for row in RISKY:
        decision = decided[row["tag"]]
        assert (decision["keyword"], decision["vr"]) == (row["keyword"], row["vr"])
        assert decision["letter"] in set("KXZDUT")
        assert decision["reason"]


def test_no_decision_contradicts_its_class() -> None:
    allowed = {
        "instance uid": "UX",
        "structural uid": "K",
        "file meta": "X",
        "media directory": "X",
        "network name": "X",
        "archive key": "X",
        "overlay text": "X",
        "person name": "Z",
        "date or time": "TD",
    }
    for row in DECISIONS:
        if row["class"] in allowed:
            assert row["letter"] in allowed[row["class"]], row["tag"]
        if row["letter"] == "U":
            assert row["vr"] == "UI"
        if row["letter"] == "D":
            assert row["vr"] not in {"UI", "SQ"}


@pytest.mark.parametrize(
    ("tag", "letter"),
    [
        (0x00080100, "K"),
        (0x00080104, "K"),
        (0x00080070, "K"),
        (0x00080016, "K"),
        (0x00081190, "X"),
        (0x00081167, "U"),
        (0x00100033, "X"),
        (0x0040A160, "D"),
        (0x00700310, "D"),
        (0x00420010, "Z"),
        (0x0008041F, "T"),
        (0x60020022, "X"),
        (0x60020010, "X"),
        (0x00280412, "X"),
    ],
)
def test_an_attribute_outside_the_table_has_its_reviewed_letter(tag: int, letter: str) -> None:
    assert ps315.unlisted_letter(tag) == letter


@pytest.mark.parametrize("tag", [0x00100010, 0x60003000, 0x50000010, 0x00091001, 0x60010022, 0x00280010, 0x7FE00010])
def test_listed_private_and_harmless_attributes_have_none(tag: int) -> None:
    assert ps315.unlisted_letter(tag) is None


def test_no_attribute_is_both_in_the_table_and_outside() -> None:
    assert not {parse_tag(row["tag"]) for row in DECISIONS if "x" not in row["tag"]} & set(ps315.ENTRIES)


def test_every_text_name_locator_uid_and_date_of_the_dictionary_is_decided() -> None:
    can_identify = {"AE", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
    open_cases = [
        tag
        for tag, row in DicomDictionary.items()
        if can_identify & set(row[0].split(" or ")) and ps315.entry(tag) is None and ps315.unlisted_letter(tag) is None
    ]
    assert open_cases == []


def test_raw_bytes_that_nobody_decided_are_pixels_samples_and_tables() -> None:
    open_cases = {
        row[4]
        for tag, row in DicomDictionary.items()
        if {"OB", "OW"} & set(row[0].split(" or ")) and ps315.entry(tag) is None and ps315.unlisted_letter(tag) is None
    }
    tables = {name for name in open_cases if name.endswith("LookupTableData") or name.startswith("Coefficients")}
    assert open_cases - tables == {
        "ChannelMaximumValue",
        "ChannelMinimumValue",
        "ICCProfile",
        "LUTData",
        "PixelData",
        "WaveformData",
        "WaveformPaddingValue",
    }
