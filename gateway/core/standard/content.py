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

_SHAPES = frozenset({"CONTAINER", "SCOORD", "SCOORD3D", "TCOORD", "TABLE"})
_CODED = frozenset({"CODE", "NUM"})
_REFERENCES = frozenset({"COMPOSITE", "IMAGE", "UIDREF", "WAVEFORM"})
_STRICTNESS = ("D", "X/D", "X")

Letters = tuple[str, Mapping[Option, str]]
"""The basic code, and the letter of each option that has one."""


def _letters(basic: str, columns: str) -> Letters:
    named = zip(COLUMNS, columns, strict=True)
    return basic, MappingProxyType({option: letter for option, letter in named if letter != "."})


def item(concept: tuple[str, str], value_type: str) -> Letters | None:
    """Find the row of a concept (coding scheme, code value) with this value type; None where the table has none.

    A listed concept in a value type that the table does not foresee takes the basic code alone, the strictest of them,
    unless that type has no value that could be anyone's.
    """
    rows = _items().get(_known(concept))
    if rows is None or (value_type not in rows and _is_harmless(rows, value_type)):
        return None
    return rows.get(value_type) or (max((basic for basic, _ in rows.values()), key=_STRICTNESS.index), {})


def is_listed(concept: tuple[str, str]) -> bool:
    """Say whether the table lists a concept, in whatever value type."""
    return _known(concept) in _items()


def _known(concept: tuple[str, str]) -> tuple[str, str]:
    """Spell a coding scheme as the table does: some writers do not heed upper and lower case."""
    scheme, code = concept
    return _schemes().get(scheme.casefold(), scheme), code


def _is_harmless(rows: Mapping[str, Letters], value_type: str) -> bool:
    """Say so of shapes, and of codes and numbers where the table lists references, or a text that can be cleaned."""
    described = all(Option.CLEAN_DESCRIPTORS in columns or kind in _REFERENCES for kind, (_, columns) in rows.items())
    return value_type in _SHAPES or (value_type in _CODED and described)


@cache
def _schemes() -> Mapping[str, str]:
    return {scheme.casefold(): scheme for scheme, _ in _items()}


@cache
def _items() -> Mapping[tuple[str, str], Mapping[str, Letters]]:
    found: dict[tuple[str, str], dict[str, Letters]] = {}
    for scheme, code, value_type, basic, columns in ROWS:
        found.setdefault((scheme, code), {})[value_type] = _letters(basic, columns)
    return found
