"""The tables of the standard as the tests read them: straight from the CSV files, not as the gateway made them over."""

import csv
from functools import cache
from pathlib import Path
from typing import Final

from pydicom.datadict import keyword_for_tag

FOLDER: Final = Path(__file__).parents[2] / "scripts" / "standard"


def rows(name: str) -> list[dict[str, str]]:
    """Read one CSV file."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tag_of(text: str) -> int:
    """Read ``(gggg,eeee)``."""
    return int(text[1:5] + text[6:10], 16)


LISTED: Final = {
    tag_of(row["tag"]): row for row in rows("confidentiality_profile_attributes.csv") if row["match"] == "exact"
}
"""Table E.1-1 without its masks."""

MISSING_VRS: Final = {
    tag: row["vr"] for tag, row in LISTED.items() if not row["dictionary_source"].startswith("pydicom")
}
"""Attributes of Table E.1-1 that pydicom does not know."""

IODS: Final = {row["sop_class_uid"]: row["iod"] for row in rows("sop_class_iods.csv")} | {
    "1.2.840.10008.5.1.4.1.1.3": "ultrasound-multi-frame-image",
    "1.2.840.10008.5.1.4.1.1.5": "nuclear-medicine-image",
    "1.2.840.10008.5.1.4.1.1.6": "ultrasound-image",
}
"""The IOD of each SOP Class; retired ones count as what replaced them."""

SETTLED: Final = {
    (tag_of(row["tag"]), row["sequence_path"], iod): row["resolves_to"]
    for row in rows("compound_action_resolution.csv")
    for iod in row["iods"].split()
}
"""(tag, dotted keywords of the sequences around it, IOD) to the letter that a compound code settles to."""

METHODS: Final = {row["code_value"]: row["code_meaning"] for row in rows("method_codes.csv") if row["cid"] == "7050"}


@cache
def option_codes() -> dict[str, str]:
    """Give the CID 7050 code of each option that has a column in Table E.1-1, by the name of that column."""
    return {
        row["option_column"]: row["code_value"]
        for row in rows("method_codes.csv")
        if row["cid"] == "7050" and row["option_column"] in LISTED[0x00100010].keys() - {"basic_profile"}
    }


_UNLISTED: Final = {row["tag"].lower(): row["letter"] for row in rows("unlisted_decisions.csv")}


DESCRIPTORS: Final = {tag_of(row["tag"]) for row in rows("unlisted_decisions.csv") if row["descriptor"]}
"""Unlisted attributes that describe what is seen, planned or done: the Clean Descriptors Option cleans them."""


@cache
def unlisted(tag: int) -> str | None:
    """Give the letter of an attribute that Table E.1-1 forgets: K X Z D U, T for a date; None without one."""
    for pattern, letter in _UNLISTED.items():
        if all(
            digit in ("x", other) for digit, other in zip(pattern, f"({tag >> 16:04x},{tag & 0xFFFF:04x})", strict=True)
        ):
            return letter
    return None


def keyword_of(tag: int) -> str:
    """Give the keyword of an attribute, for the paths of ``SETTLED``."""
    return LISTED[tag]["keyword"] if tag in LISTED else keyword_for_tag(tag)
