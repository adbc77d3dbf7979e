"""Table E.3.10-1 against its source."""

from gateway.core.standard.dictionary import private_vr
from gateway.core.standard.private import SAFE_BLOCKS, SAFE_PRIVATE
from tests.kit.tables import rows

SOURCE = {
    (row["private_creator"], int(row["group"] + "00" + row["element"], 16)): row
    for row in rows("safe_private_attributes.csv")
}
SPELLINGS = {"PHILIPS MR IMAGING DD 001": "Philips MR Imaging DD 001", "nqleft": "NQLeft", "nqright": "NQRight"}


def test_every_row_is_as_in_the_source_table() -> None:
    assert len(SOURCE) == 479
    assert {key for key in SAFE_PRIVATE if key[0] not in SPELLINGS} == set(SOURCE)
    for key, row in SOURCE.items():
        assert SAFE_PRIVATE[key].vr == row["vr"].split("/")[0]


def test_what_is_disputed_or_has_no_vr_goes() -> None:
    gone = {key for key, row in SOURCE.items() if SAFE_PRIVATE[key].letter == "X"}
    assert gone == {key for key, row in SOURCE.items() if "TCIA deletes" in row["review_flag"] or not row["vr"]}
    assert len(gone) == 22


def test_uids_are_mapped_and_free_text_is_cleaned() -> None:
    letters = {row.vr: row.letter for row in SAFE_PRIVATE.values() if row.letter != "X"}
    assert {vr for vr, letter in letters.items() if letter == "U"} == {"UI"}
    assert {vr for vr, letter in letters.items() if letter == "C"} == {"LO", "LT", "SH", "ST"}
    assert letters["CS"] == letters["SQ"] == "K"


def test_a_block_in_another_known_spelling_is_the_same_block() -> None:
    for other, creator in SPELLINGS.items():
        rows_of = {tag: row for (name, tag), row in SAFE_PRIVATE.items() if name == other}
        assert rows_of == {tag: row for (name, tag), row in SAFE_PRIVATE.items() if name == creator}
        assert rows_of


def test_blocks_are_those_of_which_something_stays() -> None:
    assert ("ELSCINT1", 0x01E1) in SAFE_BLOCKS
    assert ("ELSCINT1", 0x01F1) not in SAFE_BLOCKS  # all of it is disputed
    assert ("ACME", 0x0029) not in SAFE_BLOCKS


def test_the_vr_of_a_private_element_is_the_tables_first() -> None:
    assert private_vr(0x7E010002, "HOLOGIC, Inc.") == "SH"  # pydicom has LO
    assert private_vr(0x2001007D, "Philips Imaging DD 001") == "OW"  # "OW/OB" in the table
    assert private_vr(0x01290003, "SIEMENS Ultrasound SC2000") != ""
    assert private_vr(0x00290010, "ACME") is None
