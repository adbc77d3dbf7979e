"""Derived identifiers are frozen: an object released today and one released next year must carry the same ones."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pseudonym.keys import MAX_SHIFT_DAYS, MIN_SECRET_BYTES, KeyRing, KeyRings
from gateway.core.standard.uids import MAX_UID_LENGTH, valid_uid

SECRET = bytes(range(32))
RING = KeyRing(SECRET, "research")
OTHER_DOMAIN = KeyRing(SECRET, "teaching")
OTHER_SECRET = KeyRing(SECRET[::-1], "research")

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@pytest.mark.parametrize(
    ("source", "released"),
    [
        ("1.2.840.113619.2.1", "2.25.186304804162405629948934226986033557336"),
        ("", "2.25.76711008082185565804287254799429859322"),
    ],
)
def test_released_uids_never_change(source: str, released: str) -> None:
    assert RING.uid(source) == released


@pytest.mark.parametrize(
    ("who", "pseudonym", "days"),
    [
        (("", "P1", ""), "DVICU4CENYDPFDG", 301),
        (("HOSPITAL", "P1", ""), "DVQKOF6IZDND7BA", 40),
        (("", "", "1.2.3"), "DV2AMFELMZ2YIZO", 151),
    ],
)
def test_pseudonyms_and_date_offsets_of_patients_never_change(
    who: tuple[str, str, str], pseudonym: str, days: int
) -> None:
    assert (RING.patient(*who), RING.shift_days(*who)) == (pseudonym, days)


@pytest.mark.parametrize(("tag", "pseudonym"), [(0x00081070, "DVXE576WHMPL22Q"), (0x00080050, "DVPUQV3KRESN7IO")])
def test_pseudonyms_of_other_values_never_change_and_differ_by_attribute(tag: int, pseudonym: str) -> None:
    assert RING.value(tag, "SMITH") == pseudonym


def test_sealed_bytes_never_change() -> None:
    assert RING.seal("state", b"plain", b"bound").hex() == "672eaecb32f7c4306057bbf298a2aab5717b1d09d4"
    assert RING.seal("state", b"").hex() == "44becb805231304e8b9b33ef33aaae61"


@given(PLAIN)
def test_a_released_uid_is_a_uuid_of_version_8_below_2_25(source: str) -> None:
    released = RING.uid(source)
    made = uuid.UUID(int=int(released.removeprefix("2.25.")))
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    assert valid_uid(released)
    assert len(released) <= 44 < MAX_UID_LENGTH


@given(PLAIN, PLAIN, PLAIN)
def test_a_pseudonym_fits_into_every_text_vr_and_a_date_moves_back_by_a_year_at_most(
    issuer: str, patient_id: str, study_uid: str
) -> None:
    assert re.fullmatch("DV[A-Z2-7]{13}", RING.patient(issuer, patient_id, study_uid))
    assert 1 <= RING.shift_days(issuer, patient_id, study_uid) <= MAX_SHIFT_DAYS


@pytest.mark.parametrize("other", [OTHER_DOMAIN, OTHER_SECRET])
def test_two_domains_and_two_secrets_share_nothing(other: KeyRing) -> None:
    assert RING.uid("1.2.3") != other.uid("1.2.3")
    assert RING.patient("", "P1", "") != other.patient("", "P1", "")
    assert RING.value(0x00080050, "A") != other.value(0x00080050, "A")
    assert RING.seal("state", b"plain") != other.seal("state", b"plain")
    assert other.open("state", RING.seal("state", b"plain")) is None
    numbers = [str(number) for number in range(9)]
    assert [RING.shift_days("", each, "") for each in numbers] != [other.shift_days("", each, "") for each in numbers]


def test_two_rings_of_one_secret_and_domain_are_the_same_ring() -> None:
    twin = KeyRing(SECRET, "research")
    assert twin.uid("1.2.3") == RING.uid("1.2.3")
    assert twin.open("state", RING.seal("state", b"plain")) == b"plain"


def test_the_study_counts_only_where_there_is_no_patient_id() -> None:
    assert RING.patient("", "P1", "1.2") == RING.patient("", "P1", "1.3")
    assert RING.patient("", "", "1.2") != RING.patient("", "", "1.3")
    assert RING.shift_days("", "P1", "1.2") == RING.shift_days("", "P1", "1.3")


def test_a_study_uid_never_collides_with_a_patient_id_that_looks_like_it() -> None:
    assert RING.patient("", "1.2.3", "") != RING.patient("", "", "1.2.3")


def test_where_issuer_ends_and_patient_id_begins_counts() -> None:
    assert RING.patient("A", "BC", "") != RING.patient("AB", "C", "")


@pytest.mark.parametrize("length", [0, 16, MIN_SECRET_BYTES - 1])
def test_a_short_secret_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing(bytes(length), "research")


def test_neither_secret_nor_keys_show_when_a_ring_is_printed() -> None:
    assert repr(RING) == "KeyRing('research')"


def test_the_first_of_several_secrets_is_the_current_one() -> None:
    rings = KeyRings.derive([SECRET, SECRET[::-1], bytes(32)], "research")
    assert [ring.uid("1.2.3") for ring in rings] == [
        RING.uid("1.2.3"), OTHER_SECRET.uid("1.2.3"), KeyRing(bytes(32), "research").uid("1.2.3")
    ]  # fmt: skip
    assert rings.current.uid("1.2.3") == RING.uid("1.2.3")
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRings.derive([SECRET, b"short"], "research")


def test_what_was_sealed_opens_for_the_same_purpose_and_binding_only() -> None:
    sealed = RING.seal("state", b"plain", b"row 1")
    assert RING.open("state", sealed, b"row 1") == b"plain"
    assert RING.open("bulk", sealed, b"row 1") is None
    assert RING.open("state", sealed, b"row 2") is None
    assert RING.open("state", sealed) is None


@pytest.mark.parametrize("at", [0, 15, 16, -1])
def test_one_changed_bit_closes_a_seal(at: int) -> None:
    sealed = bytearray(RING.seal("state", b"plain"))
    sealed[at] ^= 1
    assert RING.open("state", bytes(sealed)) is None


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(16), bytes(400)])
def test_bytes_that_nobody_sealed_do_not_open(sealed: bytes) -> None:
    assert RING.open("state", sealed) is None


def test_equal_plain_text_seals_alike_so_that_equal_answers_stay_equal() -> None:
    assert RING.seal("bulk", b"plain", b"x") == RING.seal("bulk", b"plain", b"x")
