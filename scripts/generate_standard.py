"""Turn the tables in scripts/standard into the literal modules of gateway/core/standard.

``python scripts/generate_standard.py`` writes them; with ``--check`` nothing is written and the exit status is 1 when a
module is not what the tables say.
"""

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "scripts" / "standard"
TARGET = ROOT / "gateway" / "core" / "standard"

# The order of the letters in the generated option strings; ps315.Option lists its members in the same order.
OPTION_COLUMNS = (
    "retain_safe_private",
    "retain_uids",
    "retain_device_identity",
    "retain_institution_identity",
    "retain_patient_characteristics",
    "retain_longitudinal_full_dates",
    "retain_longitudinal_modified_dates",
    "clean_descriptors",
    "clean_structured_content",
    "clean_graphics",
)
# The option columns of Table E.3.4-1, likewise.
CONTENT_COLUMNS = (
    "retain_uids",
    "retain_device_identity",
    "retain_institution_identity",
    "retain_patient_characteristics",
    "retain_longitudinal_full_dates",
    "retain_longitudinal_modified_dates",
    "clean_descriptors",
)
# Designators of the retired SNOMED RT codes, which stand for the same concepts as those of SCT (PS3.16 Section 8.1).
RETIRED_SNOMED = ("SRT", "SNM3", "99SDM")
# Other spellings of creators of Table E.3.10-1 that TCIA or PixelMed met in the field. Case counts otherwise.
SPELLINGS = {
    "Philips MR Imaging DD 001": "PHILIPS MR IMAGING DD 001",
    "NQLeft": "nqleft",
    "NQRight": "nqright",
}
FREE_TEXT_VRS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
KEEP_ITEMS = "none fits: keep items, map UIDs"
LINE_LENGTH = 120

Row = dict[str, str]


def main(arguments: list[str]) -> int:
    """Write every module, or with ``--check`` name the stale ones; return the exit status."""
    stale = []
    for name, build in BUILDERS.items():
        target, text = TARGET / name, build()
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            target.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'stale' if '--check' in arguments else 'written'}: {name}")
    return 1 if stale and "--check" in arguments else 0


def ps315_table() -> str:
    """Build Table E.1-1 of PS3.15, one tuple per row."""
    rows = read("confidentiality_profile_attributes.csv")
    exact = sorted((row for row in rows if row["match"] == "exact"), key=lambda row: hex_tag(row["tag"]))
    masks = [row for row in rows if row["match"] == "mask"]
    (private,) = (row for row in rows if row["match"] == "odd-group")
    missing = [row for row in exact if row["dictionary_source"] != "pydicom 3.0.2"]
    return module(
        "PS3.15 Table E.1-1 (Application Level Confidentiality Profile Attributes), edition 2026d.",
        "Row: tag, name, keyword, VR, basic code, one letter per option column (a dot where the column is empty).",
        "Row = tuple[int, str, str, str, str, str]",
        block("EXACT: tuple[Row, ...]", (f"({literal_tag(row['tag'])}, {profile_fields(row)})," for row in exact)),
        block(
            "MASKS: tuple[tuple[str, str, str, str, str, str], ...]",
            (f"({quoted(row['tag'])}, {profile_fields(row)})," for row in masks),
        ),
        f"PRIVATE = ({profile_fields(private)})",
        block(
            "# What pydicom 3.0.2 does not know of the table: tag, VM.\nMISSING: tuple[tuple[int, str], ...]",
            filled(f"({literal_tag(row['tag'])}, {quoted(row['vm'])})," for row in missing),
        ),
    )


def compound_table() -> str:
    """Build what each code settles to, by tag, path of enclosing sequences, and IOD.

    The table also holds the few plain letters X that would break an IOD, where the attribute is Type 1.
    """
    tag_of = keywords()
    merged: dict[tuple[int, tuple[int, ...], str], set[str]] = {}
    for row in read("compound_action_resolution.csv"):
        path = tuple(tag_of(keyword) for keyword in row["sequence_path"].split(".") if keyword)
        letter = "U" if row["resolves_to"] == KEEP_ITEMS else row["resolves_to"]
        merged.setdefault((hex_tag(row["tag"]), path, letter), set()).update(row["iods"].split())
    sets = {text: index for index, text in enumerate(sorted({" ".join(sorted(iods)) for iods in merged.values()}))}
    set_lines = []
    for text in sets:
        pieces = wrapped_text(text)
        set_lines += [f"({pieces[0]}", *pieces[1:]]
        set_lines[-1] += "),"
    rows = (
        f'(0x{tag:08X}, {path_literal(path)}, "{letter}", {sets[" ".join(sorted(iods))]}),'
        for (tag, path, letter), iods in sorted(merged.items())
    )
    return module(
        "What the codes of PS3.15 Table E.1-1 settle to, from the attribute Types of PS3.3.",
        "Row: tag, tags of the enclosing sequences, letter, index into IOD_SETS: the IODs in which it holds.\n"
        "No row: Type 3 there, or unknown.",
        block("IOD_SETS: tuple[str, ...]", set_lines),
        block("ROWS: tuple[tuple[int, tuple[int, ...], str, int], ...]", filled(rows)),
    )


def iod_table() -> str:
    """Build the map from SOP Class UID to IOD key."""
    rows = read("sop_class_iods.csv")
    lines = (f"{quoted(row['sop_class_uid'])}: {quoted(row['iod'])}," for row in rows)
    return module(
        "The IOD of each storage SOP Class (PS3.4 Table B.5-1).",
        "The keys name the IODs of PS3.3 Annex A.",
        block("IODS: dict[str, str]", lines, "{}"),
    )


def unlisted_table() -> str:
    """Build the reviewed letters of the attributes that can identify and are not in Table E.1-1."""
    rows = read("unlisted_decisions.csv")
    exact = sorted((hex_tag(row["tag"]), row["letter"]) for row in rows if "x" not in row["tag"])
    masks = [(row["tag"], row["letter"]) for row in rows if "x" in row["tag"]]
    descriptors = sorted(hex_tag(row["tag"]) for row in rows if row["descriptor"])
    return module(
        "Attributes outside PS3.15 Table E.1-1 (edition 2026d) that can identify, and the letter chosen for each.",
        "K keep, X remove, Z empty, D dummy, U map the UID, T follow the date option; reasons in the source table.\n"
        "DESCRIPTORS describe what is seen, planned or done.",
        block("LETTERS: dict[int, str]", filled(f'0x{tag:08X}: "{letter}",' for tag, letter in exact), "{}"),
        block("MASKS: tuple[tuple[str, str], ...]", (f'("{tag}", "{letter}"),' for tag, letter in masks)),
        block("DESCRIPTORS: tuple[int, ...]", filled(f"0x{tag:08X}," for tag in descriptors)),
    )


def safe_private_table() -> str:
    """Build Table E.3.10-1, with the letter that each element takes."""
    rows = [(creator, row) for row in read("safe_private_attributes.csv") for creator in spellings(row)]
    cells = sorted(
        (creator, int(row["group"] + "00" + row["element"], 16), row["vr"].split("/")[0], safe_letter(row))
        for creator, row in rows
    )
    return module(
        "PS3.15 Table E.3.10-1 (Safe Private Attributes), edition 2026d.",
        "Row: creator, tag gggg00ee, VR, letter: K keep, C clean, U map the UID, X remove: other reviewers delete the\n"
        "element (TCIA), or the standard gives it no VR.",
        block(
            "ROWS: tuple[tuple[str, int, str, str], ...]",
            (f'({quoted(creator)}, 0x{tag:08X}, "{vr}", "{letter}"),' for creator, tag, vr, letter in cells),
        ),
    )


def spellings(row: Row) -> list[str]:
    """Give the creator of a safe private attribute in every way it is written."""
    creator = row["private_creator"].strip()
    return [creator, SPELLINGS[creator]] if creator in SPELLINGS else [creator]


def safe_letter(row: Row) -> str:
    """Settle what happens to a safe private attribute."""
    if "TCIA deletes it" in row["review_flag"] or not row["vr"]:
        return "X"
    if row["vr"] == "UI":
        return "U"
    return "C" if row["vr"] in FREE_TEXT_VRS else "K"


def content_table() -> str:
    """Build Table E.3.4-1, each concept under every code that stands for it."""
    cells = sorted(
        (
            scheme,
            code,
            row["value_type"],
            row["basic_profile"],
            "".join(row[column] or "." for column in CONTENT_COLUMNS),
        )
        for row in read("structured_content_items.csv")
        for scheme, code in concepts(row)
    )
    return module(
        "PS3.15 Table E.3.4-1 (Clean Structured Content Option Content Items), edition 2026d.",
        "Row: coding scheme, code, value type, basic code, one letter per option column (a dot where it is empty).",
        block(
            "ROWS: tuple[tuple[str, str, str, str, str], ...]", (f"({', '.join(map(quoted, row))})," for row in cells)
        ),
    )


def concepts(row: Row) -> Iterator[tuple[str, str]]:
    """Give the coding scheme and code of a content item's concept, and the retired ones."""
    from pydicom.sr._snomed_dict import mapping

    scheme, code = row["coding_scheme_designator"], row["code_value"]
    yield scheme, code
    if scheme == "SCT" and code in mapping["SCT"]:
        for retired in RETIRED_SNOMED:
            yield retired, mapping["SCT"][code]


BUILDERS: dict[str, Callable[[], str]] = {
    "_ps315_table.py": ps315_table,
    "_compound_table.py": compound_table,
    "_iod_table.py": iod_table,
    "_unlisted_table.py": unlisted_table,
    "_safe_private_table.py": safe_private_table,
    "_content_table.py": content_table,
}


def profile_fields(row: Row) -> str:
    """Print everything of a row of Table E.1-1 after its tag."""
    options = "".join(row[column] or "." for column in OPTION_COLUMNS)
    fields = (row["name"], row["keyword"], row["vr"], row["basic_profile"], options)
    return ", ".join(quoted(field) for field in fields)


def path_literal(path: tuple[int, ...]) -> str:
    """Print a tuple of tags as Python source."""
    steps = ", ".join(f"0x{step:08X}" for step in path)
    return f"({steps},)" if len(path) == 1 else f"({steps})"


def keywords() -> Callable[[str], int]:
    """Make a function from keyword to tag, over pydicom's dictionary and the attributes it lacks."""
    from pydicom.datadict import tag_for_keyword

    own = {
        row["keyword"]: hex_tag(row["tag"])
        for row in read("confidentiality_profile_attributes.csv")
        if row["match"] == "exact"
    }

    def tag_of(keyword: str) -> int:
        tag = own.get(keyword, tag_for_keyword(keyword))
        if tag is None:
            raise SystemExit(f"compound_action_resolution.csv: unknown keyword {keyword}")
        return int(tag)

    return tag_of


def module(summary: str, note: str, *parts: str) -> str:
    """Compose one generated module."""
    docstring = f'"""{summary}\n\n{note}\nGenerated by scripts/generate_standard.py, do not edit.\n"""\n'
    return docstring + "\n" + "\n\n".join(parts) + "\n"


def block(name: str, lines: Iterable[str], brackets: str = "()") -> str:
    """Compose an assignment whose value is spread over indented lines."""
    return f"{name} = {brackets[0]}\n" + "".join(f"    {line}\n" for line in lines) + brackets[1]


def filled(cells: Iterable[str]) -> Iterator[str]:
    """Put as many cells on a line as fit."""
    line = ""
    for cell in cells:
        if line and len(line) + 1 + len(cell) > LINE_LENGTH - 4:
            yield line
            line = ""
        line = f"{line} {cell}".lstrip()
    if line:
        yield line


def wrapped_text(text: str) -> list[str]:
    """Split a text into adjacent string literals, each short enough for a line."""
    pieces = re.findall(r"\S.{0,98}\S(?:\s+|$)|\S+\s*", text)
    return [quoted(piece) for piece in pieces]


def read(name: str) -> list[Row]:
    """Read all rows of a table."""
    with (SOURCE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def hex_tag(text: str) -> int:
    """Read a tag printed ``(0010,0020)``."""
    return int(text.strip("()").replace(",", ""), 16)


def literal_tag(text: str) -> str:
    """Turn a printed tag into a Python literal."""
    return f"0x{hex_tag(text):08X}"


def quoted(text: str) -> str:
    """Print a string literal with double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
