"""PS3.15 Table E.3.4-1: SR content items that can identify, by concept and value type."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from gateway.core.standard._content_table import ROWS
from gateway.core.standard.ps315 import Option

COLUMNS: Final = (
    Option.RETAIN_UIDS,
    Option.RETAIN_DEVICE_IDENTITY,
    Option.RETAIN_INSTITUTION_IDENTITY,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
    Option.RETAIN_LONGITUDINAL_FULL_DATES,
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
    Option.CLEAN_DESCRIPTORS,
)
"""The options that have a column, in the order of the letters in the generated table."""
DATE_TYPES: Final = frozenset({"DATE", "TIME", "DATETIME"})

_HARMLESS = frozenset({"CODE", "NUM", "CONTAINER", "SCOORD", "SCOORD3D", "TCOORD", "TABLE"})
_STRICTNESS = ("D", "X/D", "X")

Letters = tuple[str, Mapping[Option, str]]
"""The basic code, and the letter of each option that has one."""


def _letters(basic: str, columns: str) -> Letters:
    named = zip(COLUMNS, columns, strict=True)
    return basic, MappingProxyType({option: letter for option, letter in named if letter != "."})


def item(concept: tuple[str, str], value_type: str) -> Letters | None:
    """Find the row of a concept (coding scheme, code value) with this value type; None where the table has none.

    A listed concept in a value type that the table does not foresee takes the basic code alone, the strictest of them,
    unless codes, numbers and the like hold nothing that could be anyone's.
    """
    rows = _items().get(concept)
    if rows is None or (value_type in _HARMLESS and value_type not in rows):
        return None
    return rows.get(value_type) or (max((basic for basic, _ in rows.values()), key=_STRICTNESS.index), {})


@cache
def _items() -> Mapping[tuple[str, str], Mapping[str, Letters]]:
    found: dict[tuple[str, str], dict[str, Letters]] = {}
    for scheme, code, value_type, basic, columns in ROWS:
        found.setdefault((scheme, code), {})[value_type] = _letters(basic, columns)
    return found
