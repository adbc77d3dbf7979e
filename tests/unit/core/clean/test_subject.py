import pytest

from gateway.core.clean.subject import SUBJECT_TAGS, Kind, Subject, gather, kind_of
from gateway.core.standard.dictionary import keyword_of, vr_of
from gateway.core.standard.ps315 import ENTRIES, unlisted_letter

# Identify nobody by themselves, and nobody's text is cleaned of them.
SHARED = {
    "PatientSex",
    "PatientAge",
    "PatientWeight",
    "PatientSize",
    "CountryOfResidence",
    "Occupation",
    "EthnicGroup",
    "Manufacturer",
    "Modality",
    "StudyDescription",
    "AdmittingDiagnosesDescription",
}


def test_every_listed_attribute_is_one_that_de_identification_treats() -> None:
    for tag in SUBJECT_TAGS:
        assert tag in ENTRIES or unlisted_letter(tag) not in {None, "K"}, keyword_of(tag)


def test_every_listed_attribute_is_text() -> None:
    assert {vr_of(tag) for tag in SUBJECT_TAGS} <= {"AE", "LO", "LT", "SH", "ST", "UC", "UT", "PN"}


def test_what_many_people_share_is_not_listed() -> None:
    assert SHARED.isdisjoint({keyword_of(tag) for tag in SUBJECT_TAGS})


@pytest.mark.parametrize(
    ("tag", "vr", "sequence", "kind"),
    [
        (0x00100010, "PN", 0, Kind.NAME),
        (0x00100020, "LO", 0, Kind.IDENTIFIER),
        (0x00080080, "LO", 0, Kind.PLACE),
        (0x00100030, "DA", 0, Kind.DATE),
        (0x0008002A, "DT", 0, Kind.DATE),
        (0x0020000D, "UI", 0, Kind.UID),
        (0x00091001, "PN", 0, Kind.NAME),  # a private element
        (0x00091002, "UI", 0, Kind.UID),
        (0x00080016, "UI", 0, None),  # SOP Class UID
        (0x0008010C, "UI", 0, None),  # Coding Scheme UID
        (0x00080106, "DT", 0, None),  # Context Group Version
        (0x00080104, "LO", 0x00080082, Kind.PLACE),
        (0x00080104, "LO", 0x00401101, Kind.NAME),
        (0x00080100, "SH", 0x00080096, Kind.NAME),  # where the codes of persons stand one level too high
        (0x00080100, "SH", 0x00080051, Kind.PLACE),
        (0x00080104, "LO", 0x00082218, None),  # Anatomic Region Sequence
        (0x00100010, "DA", 0, Kind.NAME),  # what an attribute means counts before how it was written
        (0x00100010, "UI", 0, Kind.NAME),
        (0x00080020, "UI", 0, Kind.DATE),
        (0x0020000D, "PN", 0, Kind.NAME),
        (0x00081030, "LO", 0, None),
        (0x00080030, "TM", 0, None),
    ],
)
def test_kind_of_an_attribute(tag: int, vr: str, sequence: int, kind: Kind | None) -> None:
    assert kind_of(tag, vr, sequence) is kind


def test_gathering_sorts_values_by_kind() -> None:
    found = [
        (Kind.NAME, "Doe^Jane "),
        (Kind.IDENTIFIER, "42\0"),
        (Kind.PLACE, "Ward 7"),
        (Kind.DATE, "20200302"),
        (Kind.UID, "1.2.3"),
    ]
    assert gather(found) == Subject(
        frozenset({"Doe^Jane"}),
        frozenset({"42"}),
        frozenset({"Ward 7"}),
        frozenset({"20200302"}),
        frozenset({"1.2.3"}),
    )


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("20200302103000.5+0100", "20200302"),
        ("2020.03.02", "20200302"),
        ("202003", None),
        ("2020-03-02", "20200302"),
        ("", None),
    ],
)
def test_gathering_reads_dates_of_da_and_dt(written: str, date: str | None) -> None:
    assert gather([(Kind.DATE, written)]).dates == ({date} if date else set())


def test_gathering_passes_over_blanks_and_registered_uids() -> None:
    assert gather([(Kind.NAME, "  "), (Kind.UID, "1.2.840.10008.5.1.4.1.1.2")]) == Subject()
