"""The letters of PS3.15 Annex E, settled by hand from the CSV tables: what the reference does to an attribute.

K keep, X remove, Z empty, D dummy, U map the UID, T move the date, C clean the text, A cap the age. Options are named
as the columns of Table E.1-1 are. Nothing here knows how the gateway decides.
"""

from functools import cache, lru_cache
from typing import Final

from pydicom.sr._snomed_dict import mapping

from tests.kit.raw import dictionary
from tests.kit.tables import DESCRIPTORS, LISTED, SETTLED, rows, unlisted

Options = frozenset[str]
NONE: Final[Options] = frozenset()

GONE_GROUPS: Final = {0x0000, 0x0002, 0x0004}
GRAPHICS: Final = {0x50, 0x60}
"""Curves and overlays, whole: without Clean Graphics nothing of them is of use."""
GONE: Final = {0xFFFCFFFC, 0xFFFAFFFA, 0x00080300, 0x00120063, 0x00120064}
"""Padding, signatures, statements about private elements, and what an earlier pass said it did."""
DATES: Final = {"DA", "DT", "TM"}
TEXTS: Final = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}
FULL, MODIFIED = "retain_longitudinal_full_dates", "retain_longitudinal_modified_dates"
OF_MANY: Final = {
    "ContextGroupVersion", "ContextGroupLocalVersion", "TemplateVersion", "TemplateLocalVersion",
    "EthicsCommitteeApprovalEffectivenessStartDate", "EthicsCommitteeApprovalEffectivenessEndDate",
    "CalibrationDate", "DateOfLastCalibration", "DateTimeOfLastCalibration",
    "CalibrationDateTime", "DateOfManufacture", "DateOfInstallation", "DateOfLastDetectorCalibration",
    "ProductExpirationDateTime", "EffectiveDateTime", "InformationIssueDateTime", "HangingProtocolCreationDateTime",
    "SourceStrengthReferenceDate",
}  # fmt: skip
"""Dates that are no patient's own: moved as a patient's are, they would tell by how much."""
TIMEZONE: Final = 0x00080201
"""Timezone Offset From UTC: it is in the columns for dates, and days that move do not touch it."""

# Sequences of which the items are content items (PS3.15 Section E.3.4).
CONTENT: Final = {
    "ContentSequence", "AcquisitionContextSequence", "SpecimenPreparationStepContentItemSequence",
    "ContentItemModifierSequence", "WaveformAnnotationSequence",
}  # fmt: skip
VALUES: Final = {
    0x0040A160, 0x00700006, 0x0040A168, 0x0040A300, 0x00081199, 0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123,
    0x0040A124,
}  # fmt: skip
"""What holds the value of a content item."""
REFERENCE: Final = 0x00081199
FREE_TEXT: Final = {0x0040A160, 0x00700006}
NAMELESS: Final = {"CODE", "NUM", "CONTAINER", "SCOORD", "SCOORD3D", "TCOORD", "TABLE"}
"""Value types that can say nothing of a person, unless the table lists the concept with one of them."""
REFERENCES: Final = {"COMPOSITE", "IMAGE", "UIDREF", "WAVEFORM"}
UNLISTED, ELSEWHERE = "?", "!"
"""Stand for the letter of a content item that Table E.3.4-1 does not list, or lists in another value type only."""
LAYERS: Final = {0x0020, 0x0040, 0x1001}
"""Codes that a drawing needs: what it is, and the layer it belongs to."""


@lru_cache(maxsize=1 << 16)
def letter(tag: int, vr: str, path: tuple[str, ...], iod: str, options: Options = NONE, item: str = "") -> str:
    """Say what happens to an attribute of the standard; ``item`` is the letter of the content item it belongs to."""
    if tag >> 24 in GRAPHICS and "clean_graphics" in options:
        return _graphics(tag)
    if goes_everywhere(tag):
        return "X"
    of_item = _of_item(tag, item)
    if of_item:
        return of_item
    if tag == 0x00700006 and "clean_graphics" in options:
        return "C"
    if tag in LISTED:
        return _listed(tag, path, iod, options)
    return _unlisted(tag, options) or ("Z" if "PN" in (vr, dictionary(tag)) else "K")


def goes_everywhere(tag: int) -> bool:
    """Say whether no rule could keep it: private, unknown, or of a group that no released data set has."""
    group, element = tag >> 16, tag & 0xFFFF
    if group & 1 or group in GONE_GROUPS or group >> 8 in GRAPHICS or element == 0 or tag in GONE:
        return True
    return dictionary(tag) is None


def _unlisted(tag: int, options: Options) -> str | None:
    decided = unlisted(tag)
    if decided == "T":
        return _date(options)
    if tag in DESCRIPTORS and "clean_descriptors" in options:
        return "C"
    return "K" if decided == "U" and "retain_uids" in options else decided


def _date(options: Options) -> str:
    return "K" if FULL in options else "T" if MODIFIED in options else "X"


def _listed(tag: int, path: tuple[str, ...], iod: str, options: Options) -> str:
    row, vr = LISTED[tag], LISTED[tag]["vr"].split(" ")[0]
    letters = {option: row[option] for option in options if row.get(option)}
    if vr in DATES and not {FULL, MODIFIED} & options:
        letters = {}  # an option that keeps a device or a person keeps no date of them
    if MODIFIED in options and LISTED[tag]["keyword"] in OF_MANY:
        letters = {}
    if not letters:
        return _settled(tag, path, iod)
    if "C" not in letters.values():
        return "A" if vr == "AS" else "K"
    if vr in DATES or tag == TIMEZONE:
        return "T"
    if vr == "SQ":
        return "K"
    says_text = any(code == "C" and option not in (FULL, MODIFIED) for option, code in letters.items())
    return "C" if says_text and vr in TEXTS else _settled(tag, path, iod)


def _settled(tag: int, path: tuple[str, ...], iod: str) -> str:
    code = LISTED[tag]["basic_profile"]
    found = SETTLED.get((tag, ".".join(path), iod), code[0])
    return "U" if found.startswith("none fits") else found


def _graphics(tag: int) -> str:
    """Clean Graphics: drawings stay, what is written or spoken in them goes."""
    vr = dictionary(tag)
    spoken = tag >> 24 == 0x50 and (tag & 0xFFFF) >> 8 == 0x20
    written = vr in TEXTS or (vr == "CS" and tag & 0xFFFF not in LAYERS)
    return "X" if vr is None or tag & 0xFFFF == 0 or spoken or written else "K"


# Content items


AGES: Final = {("DCM", "121033"), ("LN", "30525-0"), ("SCT", "397669002")}
"""Numbers that are ages of the subject, as far as the samples have them."""


def content_item(scheme: str, code: str, value_type: str, options: Options) -> str:
    """Say what happens to a content item: X (it goes), D, K, C, UNLISTED or ELSEWHERE."""
    found = next(
        (row for (listed, of), row in _items().items() if of == code and listed.lower() == scheme.lower()), None
    )
    if found is None:
        return UNLISTED
    row = found.get(value_type)
    if row is None and value_type in NAMELESS:
        coded = value_type in ("CODE", "NUM")
        if not coded or all(kind in REFERENCES or row["clean_descriptors"] for kind, row in found.items()):
            return ELSEWHERE
    if row is None:  # a value type that the table does not foresee: the strictest of its rows
        return "X" if "X" in {row["basic_profile"] for row in found.values()} else "D"
    letters = {row[option] for option in options if row.get(option)}
    if letters:
        return "C" if "C" in letters else "K"
    return "X" if row["basic_profile"] == "X" else "D"


def _of_item(tag: int, item: str) -> str:
    if not item or tag not in VALUES:
        return ""
    if item == UNLISTED:
        return "C" if tag in FREE_TEXT else ""
    if item == ELSEWHERE:
        return "X" if tag in FREE_TEXT or dictionary(tag) in {*DATES, "PN"} else ""
    if item == "K" or tag == REFERENCE:
        return "K"
    vr = dictionary(tag)
    if item == "C":
        return "T" if vr in DATES else "C"
    return "U" if vr == "UI" else "D"


@cache
def _items() -> dict[tuple[str, str], dict[str, dict[str, str]]]:
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in rows("structured_content_items.csv"):
        scheme, code = row["coding_scheme_designator"], row["code_value"]
        names = [(scheme, code)]
        if scheme == "SCT" and code in mapping["SCT"]:
            names += [(retired, mapping["SCT"][code]) for retired in ("SRT", "SNM3", "99SDM")]
        for name in names:
            found.setdefault(name, {})[row["value_type"]] = row
    return found


# Private attributes


def private(creator: str, tag: int, options: Options) -> tuple[str, str]:
    """Give the letter and the VR of a private element (tag gggg00ee)."""
    row = _safe().get((creator, tag)) if "retain_safe_private" in options else None
    if row is None or "TCIA deletes it" in row["review_flag"] or not row["vr"]:
        return "X", ""
    vr = row["vr"].split("/")[0]
    if vr == "UI":
        return "K" if "retain_uids" in options else "U", vr
    return "C" if vr in TEXTS else "K", vr


@cache
def _safe() -> dict[tuple[str, int], dict[str, str]]:
    return {
        (row["private_creator"].strip(), int(row["group"] + "00" + row["element"], 16)): row
        for row in rows("safe_private_attributes.csv")
    }
