"""Write profiles/masks/devices.yaml from a table of device facts: ``python scripts/mask_rules.py FACTS.csv``.

The table has one line per rectangle; lines with the same ``rule`` belong together. What is known to be wrong in it is
mended here (MENDED), what no mask rule can look at is left out (LEFT_OUT), and a rule without a size gets one.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "profiles" / "masks" / "devices.yaml"
HEAD = """\
# Written by scripts/mask_rules.py, do not edit: rules of your own go into a file of their own.
name: devices
comment: >-
  Where devices write text, as users of RSNA CTP (pixel anonymizer script of 2025-05) and of pydicom/deid (0.4.13) found
  and published it. Consoles change their layout with their software, which no rule knows: look at pictures of yours.
rules:
"""

Row = Mapping[str, str]
Tests = dict[str, dict[str, Any]]

MENDED: Mapping[str, dict[str, str]] = {
    "61": {"manufacturer": "GE MEDICAL", "series_description": "AW electronic film"},  # "field" there
    "62": {"manufacturer": "GE MEDICAL"},  # the source asks for GE and for GE MEDICAL
    "63": {"manufacturer": "GE MEDICAL"},
    "76": {"height": "40"},  # 30 there, but it is a copy
    "80": {"rows": "768"},  # 786 there
    "89": {"manufacturer": "Philips", "model": "EPIQ", "modality": "US", "credited_to": "CTP"},  # no manufacturer
    "111": {"model": "CXDI", "modality": "CR|DX"},  # CXD1 and MRI there
    "118": {"modality": ""},  # "Other" is no Modality
}
LEFT_OUT: Mapping[str, str] = {
    **dict.fromkeys(("1", "58"), "Code Meaning stands inside sequences"),
    **dict.fromkeys(("3", "60"), "Comments on Radiation Dose (0040,0310) stands too far back"),
    **dict.fromkeys(("13", "71"), "Overlay Description (60xx,0022) stands too far back"),
    **dict.fromkeys(("17", "75"), "the File Meta Information is not part of the object"),
    "112": "a copy of 47 with the model of another manufacturer",
}
MODALITIES = {"CT": "CT", "US": "US", "NM": "NM", "PET/CT": "PT|CT", "CR / DR": "CR|DX"}
"""What the first source groups its rules by; the second source tests it."""
KEYWORDS = {"modality": "Modality", "manufacturer": "Manufacturer", "model": "ManufacturerModelName"}
GE = ["GE", "GE *", "GE_*", "GEMS*"]
"""GE as a manufacturer, which is part of many words."""
BANNER = 512
"""A rectangle as wide as this goes on to the edge where the source does not say how many columns there are."""


@dataclass(frozen=True)
class Rule:
    """One rule of the file."""

    name: str
    comment: str
    when: Tests
    blank: tuple[tuple[int, int, int | None, int], ...]

    def lines(self) -> Iterator[str]:
        yield f"  - name: {self.name}"
        yield f"    comment: {json.dumps(self.comment)}"
        yield "    when:"
        for keyword, test in self.when.items():
            said = ", ".join(f"{operator}: {json.dumps(value)}" for operator, value in test.items())
            yield f"      {keyword}: {{{said}}}"
        yield "    blank:"
        for x, y, width, height in self.blank:
            across = "" if width is None else f"width: {width}, "
            yield f"      - {{x: {x}, y: {y}, {across}height: {height}}}"


def main() -> None:
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        rules = composed(csv.DictReader(file))
    TARGET.write_text(HEAD + "".join(f"{line}\n" for rule in rules for line in rule.lines()), encoding="utf-8")
    print(f"{len(rules)} rules written")


def composed(rows: Iterable[Row]) -> list[Rule]:
    """Make the rules of the file, without those that another one makes needless."""
    rules: list[Rule] = []
    for number, lines in groupby(rows, key=lambda row: row["rule"]):
        if number not in LEFT_OUT:
            rules += made([{**row, **MENDED.get(number, {})} for row in lines])
    different = list({repr((rule.when, rule.blank)): rule for rule in reversed(rules)}.values())[::-1]
    kept = [rule for rule in different if not any(says_as_much(one, rule) for one in different if one is not rule)]
    return list(numbered(kept))


def made(group: list[Row]) -> Iterator[Rule]:
    """Make the rule of one group of lines; two, where Image Type and Series Description are alternatives."""
    row = group[0]
    if row["alternatives"] == "Y" and row["image_type"] and row["series_description"]:
        yield from made([{**each, "series_description": "", "alternatives": "N"} for each in group])
        yield from made([{**each, "image_type": "", "alternatives": "N"} for each in group])
        return
    # The first source blanks the row below each rectangle too, and what was copied from it was tested there.
    more = int(row["credited_to"].startswith("CTP"))
    boxes = [(int(one["x"]), int(one["y"]), int(one["width"]), int(one["height"]) + more) for one in group]
    blank = tuple((x, y, None if not row["columns"] and w >= BANNER else w, h) for x, y, w, h in boxes)
    reach = max(BANNER, *(x + width for x, _, width, _ in boxes))
    when = {**tests(row), **sizes(row, reach, is_open=all(width is None for _, _, width, _ in blank))}
    by = ", ".join(part for part in (row["source"], row["credited_to"]) if part)
    yield Rule(name(row), by, when, blank)


def tests(row: Row) -> Tests:
    """Write what the object must say of itself, but for its size."""
    modality = row["modality"] or MODALITIES.get(row["group"], "")
    found: Tests = {"Modality": {"equals": any_of(modality)}} if modality else {}
    if row["manufacturer"] == "GE":
        found["Manufacturer"] = {"matches": GE}
    elif row["manufacturer"]:
        found["Manufacturer"] = {"contains": any_of(row["manufacturer"])}
    if row["model"]:
        found["ManufacturerModelName"] = {"contains": any_of(row["model"])}
    if row["image_type"]:
        words = row["image_type"].split("+")
        found["ImageType"] = {"matches": f"*{'*'.join(words)}*"} if len(words) > 1 else {"contains": words[0]}
    if row["series_description"]:
        found["SeriesDescription"] = {"contains": any_of(row["series_description"])}
    if row["burned_in_annotation"]:
        found["BurnedInAnnotation"] = {"equals": row["burned_in_annotation"]}
    if row["other_conditions"]:
        keyword, operator, value = row["other_conditions"].split(" ", 2)
        found[keyword] = {operator: value}
    return found


def sizes(row: Row, reach: int, *, is_open: bool) -> Tests:
    """Write the size; where the source names none, it is no larger than what its rectangles can reach.

    Rows alone tell a screen where all rectangles go from edge to edge.
    """
    found: Tests = {}
    found["Rows"] = {"equals": any_of(row["rows"])} if row["rows"] else {"at_most": reach}
    if row["columns"]:
        found["Columns"] = {"equals": row["columns"]}
    elif not (row["rows"] and is_open):
        found["Columns"] = {"at_most": max(reach, int(row["rows"] or 0))}
    return found


def any_of(text: str) -> str | list[str]:
    words = list(dict.fromkeys(text.split("|")))
    return words if len(words) > 1 else words[0]


def name(row: Row) -> str:
    parts = (row["manufacturer"], row["model"], row["series_description"] or row["image_type"], row["rows"])
    words = " ".join(part.split("|")[0].split("+")[0] for part in parts if part)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or row["group"].lower()


def says_as_much(one: Rule, other: Rule) -> bool:
    """Say whether a rule asks no more than another and blanks no less."""
    blanks_no_less = all(any(covers(mine, yours) for mine in one.blank) for yours in other.blank)
    return one.when.items() <= other.when.items() and blanks_no_less


def covers(one: tuple[int, int, int | None, int], other: tuple[int, int, int | None, int]) -> bool:
    is_wide = one[2] is None or (other[2] is not None and other[0] + other[2] <= one[0] + one[2])
    return one[0] <= other[0] and one[1] <= other[1] and is_wide and other[1] + other[3] <= one[1] + one[3]


def numbered(rules: list[Rule]) -> Iterator[Rule]:
    """Give rules of the same name numbers."""
    seen: dict[str, int] = {}
    for rule in rules:
        seen[rule.name] = seen.get(rule.name, 0) + 1
        yield rule if seen[rule.name] == 1 else replace(rule, name=f"{rule.name}-{seen[rule.name]}")


if __name__ == "__main__":
    main()
