"""UIDs and Transfer Syntaxes."""

import pytest
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from gateway.core.standard import uids
from gateway.core.standard._iod_table import IODS

# Not encodings of a stored PS3.5 data set, and refused.
REFUSED = {
    "1.2.840.10008.1.2.6.1",
    "1.2.840.10008.1.2.6.2",
    "1.2.840.10008.1.20",
    "1.2.840.10008.1.2.7.1",
    "1.2.840.10008.1.2.7.2",
    "1.2.840.10008.1.2.7.3",
}
NEWER_THAN_PYDICOM = {
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.8.1",
}
KNOWN_TO_PYDICOM = {uid for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax"}


def test_every_transfer_syntax_of_pydicom_is_known_or_refused_on_purpose() -> None:
    assert set(uids.TRANSFER_SYNTAXES) == (KNOWN_TO_PYDICOM - REFUSED) | NEWER_THAN_PYDICOM
    assert all(uid == syntax.uid for uid, syntax in uids.TRANSFER_SYNTAXES.items())


@pytest.mark.parametrize("uid", sorted(KNOWN_TO_PYDICOM - REFUSED))
def test_a_transfer_syntax_is_described_as_pydicom_does(uid: str) -> None:
    syntax = uids.transfer_syntax(uid)
    theirs = UID(uid)
    assert syntax is not None
    assert syntax.name == theirs.name
    assert syntax.explicit != theirs.is_implicit_VR
    assert syntax.little_endian == theirs.is_little_endian
    if "JPIP" not in syntax.name:  # pydicom takes these for encapsulated and not deflated
        assert syntax.encapsulated == theirs.is_encapsulated
        assert syntax.deflated == theirs.is_deflated


def test_jpip_syntaxes_hold_no_fragments_and_some_are_deflated() -> None:
    jpip = [syntax for syntax in uids.TRANSFER_SYNTAXES.values() if "JPIP" in syntax.name]
    assert len(jpip) == 4
    assert not any(syntax.encapsulated for syntax in jpip)
    assert [syntax.deflated for syntax in jpip] == ["Deflate" in syntax.name for syntax in jpip]


@pytest.mark.parametrize("uid", [*sorted(REFUSED), "1.2.840.113619.5.2", "", "1.2.840.10008.1.2.4"])
def test_private_and_unknown_transfer_syntaxes_are_none(uid: str) -> None:
    assert uids.transfer_syntax(uid) is None


@pytest.mark.parametrize("uid", ["1.2", "0.0", "2.25.0", "1.2.840.10008.1.1", "1." + "2" * 62])
def test_a_well_formed_uid_is_valid(uid: str) -> None:
    assert uids.valid_uid(uid)


@pytest.mark.parametrize(
    "uid", ["", "1", "1.", ".1", "1..2", "1.02", "01.2", "1.2 ", "1.2\n", "1.2\0", "1.a", "1.٣", "1." + "2" * 63]
)
def test_a_malformed_uid_is_not_valid(uid: str) -> None:
    assert not uids.valid_uid(uid)


def test_only_uids_below_the_root_of_dicom_are_registered() -> None:
    assert uids.is_registered("1.2.840.10008.5.1.4.1.1.2")
    assert not uids.is_registered("1.2.840.100081.1")
    assert not uids.is_registered("1.2.840.10008")
    assert not uids.is_registered("2.25.1.2.840.10008.1")


def test_what_the_standard_registered_after_pydicom_did_stays_too() -> None:
    assert all(uids.is_registered(uid) for uid in uids.TRANSFER_SYNTAXES)
    assert all(uids.is_registered(uid) for uid in IODS)
