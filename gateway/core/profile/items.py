"""Content items under the Clean Structured Content Option (PS3.15 Section E.3.4).

An item is what its concept name and value type say it is. What Table E.3.4-1 lists follows that table; in any other
item free text is cleaned and everything else follows Table E.1-1.
"""

from gateway.core.profile.decisions import DATE_VRS, Decision
from gateway.core.profile.model import Action
from gateway.core.standard import content, dictionary
from gateway.core.standard.ps315 import Option

SEQUENCES = frozenset({0x0040A730, 0x00400555, 0x00400612, 0x00400441, 0x0040B020})
"""What holds content items: Content, Acquisition Context, Specimen Preparation Step Content Item, Content Item
Modifier and Waveform Annotation Sequence."""
TEXTS = frozenset({0x0040A160, 0x00700006})
"""Text Value and Unformatted Text Value."""
MEASURED, NUMERIC, UNITS = 0x0040A300, 0x0040A30A, 0x004008EA
"""Measured Value Sequence; Numeric Value and Measurement Units Code Sequence, in its item or in the content item."""
AGES = frozenset(
    {
        *(("DCM", code) for code in ("121033", "111538", "111518", "111519", "111520", "111521", "111522", "111523")),
        *(("DCM", code) for code in ("111524", "111525")),
        *(("LN", code) for code in ("30525-0", "29553-5", "21612-7", "63900-5")),
        *(("SCT", code) for code in ("397669002", "397659008", "424144002", "445518008")),
    }
)
"""Concepts of the subject's age: now, or when something was (PS3.16 Annex D, LOINC, SNOMED CT)."""
CODE, NUMBER, REFERENCE = 0x0040A168, MEASURED, 0x00081199
VALUES = frozenset({*TEXTS, CODE, NUMBER, REFERENCE, 0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, 0x0040A124})
"""The attributes that hold the value of an item: text, code, number, reference, date and time, name, UID."""
UNLISTED, OTHERWISE = "T", "O"
"""Stand for a letter where the table lists no such item, and where it lists one only in another value type."""
COULD_NAME = TEXTS | {0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123}
"""Text, date and time, name."""


def letter(options: frozenset[Option], concept: tuple[str, str], value_type: str) -> str:
    """Settle what happens to the value of an item: X (the item goes), D, K, C, UNLISTED or OTHERWISE."""
    row = content.item(concept, value_type)
    if row is None:
        return OTHERWISE if content.is_listed(concept) else UNLISTED
    basic, columns = row
    letters = {columns[option] for option in options if option in columns}
    if letters:
        return "C" if "C" in letters else "K"
    return "X" if basic == "X" else "D"


OF_TYPE = {
    "TEXT": TEXTS,
    "CODE": frozenset({CODE}),
    "NUM": frozenset({NUMBER}),
    "DATETIME": frozenset({0x0040A120}),
    "DATE": frozenset({0x0040A121}),
    "TIME": frozenset({0x0040A122}),
    "PNAME": frozenset({0x0040A123}),
    "UIDREF": frozenset({0x0040A124}),
    "COMPOSITE": frozenset({REFERENCE}),
    "IMAGE": frozenset({REFERENCE}),
    "WAVEFORM": frozenset({REFERENCE}),
}
"""Where an item of a value type has its value; what else it holds was not foreseen."""


def is_age(concept: tuple[str, str]) -> bool:
    """Say whether a number is an age of the subject."""
    scheme, code = concept
    return (scheme.upper(), code) in AGES


def decide(tag: int, place_letter: str, value_type: str) -> Decision | None:
    """Decide about an attribute of an item; None: Table E.1-1 does."""
    if not place_letter or tag not in VALUES:
        return None
    if place_letter == OTHERWISE:
        return Decision(Action.REMOVE, "E.3.4-1: beside the value of its item") if tag in COULD_NAME else None
    if place_letter == UNLISTED or (place_letter in "KC" and tag not in OF_TYPE.get(value_type, ())):
        return Decision(Action.CLEAN, "E.3.4: text of a content item") if tag in TEXTS else None
    reason = f"E.3.4-1 {place_letter}"
    vr = dictionary.vr_of(tag)
    if place_letter == "K" or tag == REFERENCE:  # the UIDs in a reference have rules of their own
        return Decision(Action.KEEP, reason)
    if place_letter == "C":
        return Decision(Action.SHIFT_DATE if vr in DATE_VRS else Action.CLEAN, reason)
    if vr == "SQ":
        return Decision(Action.KEEP, reason, deep=True)
    return Decision(Action.UID if vr == "UI" else Action.REPLACE, reason)
