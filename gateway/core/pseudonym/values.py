"""Dates that move or lose precision (PS3.15 Section E.3.6) and ages, on single values as text (PS3.5 Section 6.2).

A value that is not a whole, valid date, time or age cannot be changed for a similar one: it becomes empty. Nothing
here raises. Whole days are what dates move by, so a time of day, an offset from UTC and every interval stay.
"""

import re
from datetime import date, timedelta
from math import ceil
from typing import Literal

MAX_AGE_YEARS = 89
"""Above it years identify: 45 CFR 164.514(b)(2)(i)(C) has all such ages put into one."""
OLDEST = f"{MAX_AGE_YEARS + 1:03}Y"

_HOURS, _MINUTES, _SECONDS = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]", r"(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?"
_DA = re.compile(r"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")  # ACR-NEMA wrote points (PS3.5 Table 6.2-1)
_ZONE = rf"[+-](?:0[0-9]|1[0-4]){_MINUTES}"
_OFFSET = re.compile(_ZONE)
_DT = re.compile(
    rf"([0-9]{{4}})()([0-9]{{2}})([0-9]{{2}})((?:{_HOURS}(?:{_MINUTES}(?:{_SECONDS})?)?)?(?:{_ZONE})?)",
)
_TM = re.compile(rf"{_HOURS}(?:(:?){_MINUTES}(?:\1{_SECONDS})?)?")  # and colons
_MONTH = re.compile(r"([0-9]{4})(?:(\.?)([0-9]{2})(?:\2[0-9]{2}[0-9]{0,6}(?:\.[0-9]{1,6})?)?)?(?:[+-][0-9]{4})?")
_STAYS = {"TM": _TM, "SH": _OFFSET}
_YEARS = {"a": 1.0, "mo": 12.0, "wk": 365.25 / 7, "d": 365.25, "h": 8_766.0, "min": 525_960.0, "s": 31_557_600.0}
"""How many of a unit of time (UCUM; PS3.16 CID 7456 has those of ages) are a year."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,16}(?:\.[0-9]{0,16})?|\.[0-9]{1,16})(?:[eE][+-]?[0-9]{1,3})?")
_AGE = re.compile(r"([0-9]{3})([DWMY])")


def shift(vr: str, value: str, days: int) -> str:
    """Move one DA or DT value back by whole days; a time of day stays, and so does an offset from UTC.

    ``vr`` is DA, DT, TM, or SH for Timezone Offset From UTC (0008,0201), which E.1-1 counts among the dates.
    """
    value = value.strip(" \0")
    if vr in _STAYS:
        return value if _STAYS[vr].fullmatch(value) else ""
    match = (_DA if vr == "DA" else _DT).fullmatch(value)
    if match is None:
        return ""
    try:
        moved = date(int(match[1]), int(match[3]), int(match[4])) - timedelta(days)
    except (ValueError, OverflowError):
        return ""
    text = f"{moved.year:04}{moved.month:02}{moved.day:02}"
    return text if vr == "DA" else text + match[5]


def truncate(vr: str, value: str, to: Literal["year", "month"] = "year") -> str:
    """Cut one DA or DT value to the first day of its year or month; a TM value becomes midnight."""
    value = value.strip(" \0")
    if not value:
        return ""
    if vr == "TM":
        return "000000"
    match = _MONTH.fullmatch(value)
    if match is None or match[1] == "0000":
        return ""
    if to == "year":
        return f"{match[1]}0101"
    return f"{match[1]}{match[3]}01" if "01" <= (match[3] or "") <= "12" else ""


def cap_age(value: str) -> str:
    """Put one AS value of more than 89 years into the age 90; others stay.

    Three digits of months, weeks or days never amount to so much (PS3.5 Table 6.2-1).
    """
    match = _AGE.fullmatch(value.strip(" \0"))
    if match is None:
        return ""
    return OLDEST if match[2] == "Y" and int(match[1]) > MAX_AGE_YEARS else match[0]


def cap_measured_age(value: str, unit: str) -> str:
    """Put one number (DS) of more than 89 years into the age 90, in its own ``unit`` (UCUM); others stay.

    It becomes empty where the unit is not known.
    """
    value = value.strip(" \0")
    if unit not in _YEARS or not _NUMBER.fullmatch(value):
        return ""
    return str(ceil((MAX_AGE_YEARS + 1) * _YEARS[unit])) if float(value) > MAX_AGE_YEARS * _YEARS[unit] else value
