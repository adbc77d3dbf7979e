"""Record types and keys of a DICOMDIR, against pydicom's tables of the same."""

import pytest
from pydicom import fileset

from gateway.core.standard import dictionary, iods, records
from gateway.core.standard._iod_table import IODS

KNOWN = {str(uid): name for uid, name in fileset._FOUR_LEVEL_SOP_CLASSES.items()}


@pytest.mark.parametrize("sop_class", KNOWN)
def test_pydicom_gives_a_sop_class_the_same_record(sop_class: str) -> None:
    assert records.record_of(sop_class) == KNOWN[sop_class]


def test_images_and_what_nobody_knows_are_images() -> None:
    images = [uid for uid, iod in IODS.items() if iod in iods.IMAGE_IODS]
    assert {records.record_of(uid) for uid in [*images, "1.2.3", ""]} == {"IMAGE"}


def test_every_iod_that_is_named_exists() -> None:
    assert set(records._RECORD_OF) <= set(IODS.values())
    assert set(records._RECORD_OF.values()) | {"IMAGE"} == set(records.LEAVES)


def test_keys_stand_in_the_order_of_their_tags_and_have_their_vr() -> None:
    for keys in (records.PATIENT, records.STUDY, records.SERIES, *records.LEAVES.values()):
        assert [key.tag for key in keys] == sorted({key.tag for key in keys})
        assert all(key.vr == dictionary.vr_of(key.tag) and key.kind in ("1", "2", "1C") for key in keys)


def test_only_uids_and_sequences_have_no_neutral_value() -> None:
    every = [key for keys in (records.PATIENT, records.STUDY, records.SERIES, *records.LEAVES.values()) for key in keys]
    assert {key.vr for key in every if not key.neutral} == {"SQ", "UI"}


def test_a_keyword_that_does_not_exist_is_found_out() -> None:
    with pytest.raises(LookupError, match="NoSuchKeyword"):
        records._keys("NoSuchKeyword/1")
