"""UIDs and patients of one domain, remembered within bounds."""

import pytest

from gateway.core.rewrite import identity
from gateway.core.rewrite.identity import Identity, Patient, pad
from tests.kit.engine import KEYS

MAPPING = Identity(KEYS, retains_uids=False)
RETAINING = Identity(KEYS, retains_uids=True)


def test_a_uid_is_mapped_unless_it_is_registered_or_empty() -> None:
    assert MAPPING.uid("1.2.3") == KEYS.uid("1.2.3")
    assert MAPPING.uid("") == ""
    assert MAPPING.uid("1.2.840.10008.1.2.1") == "1.2.840.10008.1.2.1"
    assert MAPPING.uid("1.2.840.100080.1") == KEYS.uid("1.2.840.100080.1")


@pytest.mark.parametrize("source", ["1.2.3", "", "1.2.840.10008.1.2.1"])
def test_every_uid_stays_when_uids_are_retained(source: str) -> None:
    assert RETAINING.uid(source) == source
    assert RETAINING.uid_bytes(source.encode()) is None


@pytest.mark.parametrize("encoded", [b"1.2.3", b"1.2.3\0", b"1.2.3 ", b" 1.2.3\0\0"])
def test_padding_makes_no_difference_to_an_encoded_uid(encoded: bytes) -> None:
    expected = pad(KEYS.uid("1.2.3"), b"\0")
    assert MAPPING.uid_bytes(encoded) == expected
    assert MAPPING.uid_bytes(encoded) == expected  # remembered


def test_each_of_several_encoded_uids_is_mapped() -> None:
    mapped = MAPPING.uid_bytes(b"1.2.3\\1.2.840.10008.1.2.1\\\\1.2.4\0")
    assert mapped is not None
    assert mapped.rstrip(b"\0").decode().split("\\") == [
        KEYS.uid("1.2.3"),
        "1.2.840.10008.1.2.1",
        "",
        KEYS.uid("1.2.4"),
    ]
    assert len(mapped) % 2 == 0


@pytest.mark.parametrize("encoded", [b"", b"\0\0", b"1.2.840.10008.1.2.1\0", b"\\"])
def test_an_encoded_uid_that_stays_stays_byte_for_byte(encoded: bytes) -> None:
    assert MAPPING.uid_bytes(encoded) is None


def test_a_value_that_is_no_uid_is_mapped_all_the_same() -> None:
    assert MAPPING.uid_bytes(b"SMITH^JOHN") == pad(KEYS.uid("SMITH^JOHN"), b"\0")
    assert MAPPING.uid_bytes(b"M\xfcller") == pad(KEYS.uid("Müller"), b"\0")


def test_a_patient_is_known_by_issuer_and_id_and_without_an_id_by_the_study() -> None:
    assert MAPPING.patient("H", "P1", "1.2") == Patient(KEYS.patient("H", "P1", ""), KEYS.shift_days("H", "P1", ""))
    assert MAPPING.patient("H", "P1", "1.2") is MAPPING.patient("H", "P1", "1.3")
    assert MAPPING.patient("", "", "1.2") != MAPPING.patient("", "", "1.3")


def test_pseudonyms_of_other_values_ignore_padding_and_empty_component_groups() -> None:
    expected = KEYS.value(0x00081070, "A^B")
    assert {MAPPING.pseudonym(0x00081070, value) for value in ("A^B", " A^B ", "A^B\0", "A^B==")} == {expected}
    assert MAPPING.pseudonym(0x00081070, "A^B=C") != expected
    assert MAPPING.pseudonym(0x00081070, " ") == ""


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MAX_REMEMBERED", 4)
    mine = Identity(KEYS, retains_uids=False)
    for number in range(20):
        assert mine.uid_bytes(f"1.2.{number}".encode()) == pad(KEYS.uid(f"1.2.{number}"), b"\0")
        assert mine.patient("", f"P{number}", "").pseudonym == KEYS.patient("", f"P{number}", "")
    assert max(len(mine._uids), len(mine._patients)) <= 4


@pytest.mark.parametrize(("text", "padded"), [("", b""), ("a", b"a "), ("ab", b"ab"), ("é", b"\xe9 ")])
def test_text_is_padded_to_even_length(text: str, padded: bytes) -> None:
    assert pad(text, b" ") == padded
