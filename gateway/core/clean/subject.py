"""What an object says about its subject: which attributes name the patient, the staff, the site and the study.

A Subject is gathered from an object's own values before its first byte is released; cleaning text and the final check
search for what it holds. Person names, dates and UIDs count by their VR wherever they stand, private elements included;
the other attributes are listed. Left out on purpose is what many people share: sex, age, size, country, diagnosis.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from gateway.core.standard import dictionary
from gateway.core.standard.ps315 import unlisted_letter
from gateway.core.standard.uids import is_registered


class Kind(Enum):
    """How a value is written in text.

    ``IDENTIFIER``: one code, with or without separators and leading zeros. ``PLACE``: an institution, department,
    station or address, whole or by the words that are its own.
    """

    NAME = "names"
    IDENTIFIER = "identifiers"
    PLACE = "places"
    DATE = "dates"
    UID = "uids"


@dataclass(frozen=True, slots=True)
class Subject:
    """The values, decoded, that say who an object is about.

    ``names``: PN values, component groups and carets as in the file; ``dates``: YYYYMMDD.
    """

    names: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    uids: frozenset[str] = frozenset()


_NAMES = (
    0x00100012,  # Name to Use
    0x0016004D,  # Camera Owner Name
    0x00880910,  # Topic Author
    0x0074100C,  # Contact Display Name
)
_IDENTIFIERS = (
    # the patient
    0x00100020,  # Patient ID
    0x00100033,  # Patient's Birth Date in Alternative Calendar
    0x00100034,  # Patient's Death Date in Alternative Calendar
    0x00101000,  # Other Patient IDs
    0x00101050,  # Insurance Plan Identification
    0x00101090,  # Medical Record Locator
    0x00102154,  # Patient's Telephone Numbers
    0x00102155,  # Patient's Telecom Information
    0x00102295,  # Breed Registration Number
    0x00120040,  # Clinical Trial Subject ID
    0x00120042,  # Clinical Trial Subject Reading ID
    # the visit, the order and the study
    0x00080050,  # Accession Number
    0x00200010,  # Study ID
    0x00380010,  # Admission ID
    0x00380060,  # Service Episode ID
    0x00400009,  # Scheduled Procedure Step ID
    0x00400253,  # Performed Procedure Step ID
    0x00401001,  # Requested Procedure ID
    0x00401006,  # Placer Order Number / Procedure
    0x00401007,  # Filler Order Number / Procedure
    0x00402006,  # Placer Order Number / Imaging Service Request (retired)
    0x00402007,  # Filler Order Number / Imaging Service Request (retired)
    0x00402016,  # Placer Order Number / Imaging Service Request
    0x00402017,  # Filler Order Number / Imaging Service Request
    0x40080040,  # Results ID
    0x40080200,  # Interpretation ID
    # specimens
    0x0040050A,  # Specimen Accession Number
    0x00400512,  # Container Identifier
    0x00400551,  # Specimen Identifier
    0x004006FA,  # Slide Identifier
    0x22000005,  # Barcode Value
    # staff
    0x00080094,  # Referring Physician's Telephone Numbers
    0x00401103,  # Person's Telephone Numbers
    0x00401104,  # Person's Telecom Information
    0x00402010,  # Order Callback Phone Number
    0x00402011,  # Order Callback Telecom Information
    0x0040A354,  # Telephone Number (Trial)
    # devices
    0x00160051,  # Lens Serial Number
    0x00181000,  # Device Serial Number
    0x00181003,  # Device ID
    0x00181004,  # Plate ID
    0x00181005,  # Generator ID
    0x00181007,  # Cassette ID
    0x00181008,  # Gantry ID
    0x00181009,  # Unique Device Identifier
    0x00181010,  # Secondary Capture Device ID
    0x0018700A,  # Detector ID
    0x30080105,  # Source Serial Number
)
_PLACES = (
    0x00080054,  # Retrieve AE Title
    0x00080055,  # Station AE Title
    0x00080080,  # Institution Name
    0x00080081,  # Institution Address
    0x00080092,  # Referring Physician's Address
    0x00081000,  # Network ID
    0x00081010,  # Station Name
    0x00081040,  # Institutional Department Name
    0x00100021,  # Issuer of Patient ID
    0x00101040,  # Patient's Address
    0x00102152,  # Region of Residence
    0x00102299,  # Responsible Organization
    0x00120030,  # Clinical Trial Site ID
    0x00120031,  # Clinical Trial Site Name
    0x00321020,  # Scheduled Study Location
    0x00321021,  # Scheduled Study Location AE Title
    0x00321033,  # Requesting Service
    0x00380011,  # Issuer of Admission ID
    0x0038001E,  # Scheduled Patient Institution Residence
    0x00380300,  # Current Patient Location
    0x00380400,  # Patient's Institution Residence
    0x00400001,  # Scheduled Station AE Title
    0x00400010,  # Scheduled Station Name
    0x00400011,  # Scheduled Procedure Step Location
    0x00400031,  # Local Namespace Entity ID
    0x00400241,  # Performed Station AE Title
    0x00400242,  # Performed Station Name
    0x00400243,  # Performed Location
    0x00401005,  # Requested Procedure Location
    0x00401102,  # Person's Address
    0x00402009,  # Order Enterer's Location
    0x00404036,  # Human Performer's Organization
    0x0040A027,  # Verifying Organization
    0x0040A353,  # Address (Trial)
    0x300A00B2,  # Treatment Machine Name
    0x30020020,  # Radiation Machine Name
    0x4008011A,  # Distribution Address
)
# Attributes that say who the subject is, at any depth; person names, dates and UIDs need not be listed.
SUBJECT_TAGS: Final[Mapping[int, Kind]] = MappingProxyType(
    dict.fromkeys(_NAMES, Kind.NAME) | dict.fromkeys(_IDENTIFIERS, Kind.IDENTIFIER) | dict.fromkeys(_PLACES, Kind.PLACE)
)
# Code Value, Code Meaning, Long Code Value inside these sequences; in some only where they stand in a wrong place.
_CODES = frozenset({0x00080100, 0x00080104, 0x00080119})
_CODED = {
    0x00080051: Kind.PLACE,  # Issuer of Accession Number Sequence
    0x00080082: Kind.PLACE,  # Institution Code Sequence
    0x00080096: Kind.NAME,  # Referring Physician Identification Sequence
    0x0008009D: Kind.NAME,  # Consulting Physician Identification Sequence
    0x00081049: Kind.NAME,  # Physician(s) of Record Identification Sequence
    0x00081052: Kind.NAME,  # Performing Physician Identification Sequence
    0x00081062: Kind.NAME,  # Physician(s) Reading Study Identification Sequence
    0x00081072: Kind.NAME,  # Operator Identification Sequence
    0x00321031: Kind.NAME,  # Requesting Physician Identification Sequence
    0x00401101: Kind.NAME,  # Person Identification Code Sequence
    0x00404025: Kind.PLACE,  # Scheduled Station Name Code Sequence
    0x00404027: Kind.PLACE,  # Scheduled Station Geographic Location Code Sequence
    0x00404028: Kind.PLACE,  # Performed Station Name Code Sequence
    0x00404030: Kind.PLACE,  # Performed Station Geographic Location Code Sequence
}
# Dates of a vocabulary, the same in every object that uses it: Context Group Version, Local Version, and Template's.
_VERSIONS = frozenset({0x00080106, 0x00080107, 0x0040DB06, 0x0040DB07})
_BY_VR = {"PN": Kind.NAME, "DA": Kind.DATE, "DT": Kind.DATE, "UI": Kind.UID}


_SEPARATORS = re.compile(r"[./-]")


@lru_cache(maxsize=4_096)
def kind_of(tag: int, vr: str, sequence: int = 0) -> Kind | None:
    """Say what an attribute tells about the subject; ``sequence`` is the tag of the sequence it stands in, if any."""
    listed = SUBJECT_TAGS.get(tag)
    if listed is not None:
        return listed
    if tag in _CODES:
        return _CODED.get(sequence)
    meant = dictionary.vr_of(tag) or ""  # whatever was written
    kind = Kind.NAME if "PN" in (meant, vr) else _BY_VR.get(meant) or _BY_VR.get(vr)
    if kind is Kind.UID and unlisted_letter(tag) == "K":
        return None  # names a class of things (SOP Class, coding scheme), and is released as it is
    return None if tag in _VERSIONS else kind


def gather(found: Iterable[tuple[Kind, str]]) -> Subject:
    """Make a Subject of single decoded values; dates may be DA or DT, blanks and registered UIDs are passed over."""
    values: dict[Kind, set[str]] = {kind: set() for kind in Kind}
    for kind, value in found:
        text = value.strip(" \0\t\r\n")
        if kind is Kind.DATE:
            text = _SEPARATORS.sub("", text[:10]) if text[4:5] in ".-/" else text[:8]
            text = text if len(text) == 8 and text.isdecimal() else ""
        elif kind is Kind.UID and is_registered(text):
            text = ""
        if text:
            values[kind].add(text)
    return Subject(**{kind.value: frozenset(texts) for kind, texts in values.items()})
