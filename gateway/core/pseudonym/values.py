"""Dates that move or lose precision (PS3.15 Section E.3.6), on single values as text (PS3.5 Section 6.2).

A value that is not a whole, valid date cannot be moved: it becomes empty. Nothing here raises.
"""

import re
from datetime import date, timedelta

_DA = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_DT = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{0,6}(?:\.\d{1,6})?)([+-]\d{4})?")
_TM = re.compile(r"\d{2}:?(?:\d{2}:?(?:\d{2}(?:\.\d{1,6})?)?)?")
_YEAR = re.compile(r"(\d{4})(?:\d{2,}|\.\d|[+-]|$)")


def shift(vr: str, value: str, days: int) -> str:
    """Move one DA or DT value back by whole days; a TM value stays, so that the time of day does."""
    value = value.strip(" \0")
    if vr == "TM":
        return value if _TM.fullmatch(value) else ""
    match = (_DA if vr == "DA" else _DT).fullmatch(value)
    if match is None:
        return ""
    try:
        moved = date(int(match[1]), int(match[2]), int(match[3])) - timedelta(days)
    except (ValueError, OverflowError):
        return ""
    text = f"{moved.year:04}{moved.month:02}{moved.day:02}"
    return text if vr == "DA" else text + match[4] + (match[5] or "")


def truncate(vr: str, value: str) -> str:
    """Cut one DA or DT value to its year (first of January); a TM value becomes midnight."""
    value = value.strip(" \0")
    if not value:
        return ""
    if vr == "TM":
        return "000000"
    match = _YEAR.match(value)
    if match is None:
        return ""
    return f"{match[1]}0101"
