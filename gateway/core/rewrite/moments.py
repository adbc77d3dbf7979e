"""Matching of dates and times: single values, ranges, a date and its time together (PS3.4 Section C.2.2.2.5).

Everything is compared as digits. A value that is less precise stands for its first moment; a bound that is less
precise takes in all that begins with it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.core.errors import BadRequest

MOMENT_VRS: Final = frozenset({"DA", "DT", "TM"})
TIME_OF_DATE: Final = {
    0x00080012: 0x00080013,
    0x00080020: 0x00080030,
    0x00080021: 0x00080031,
    0x00080022: 0x00080032,
    0x00080023: 0x00080033,
    0x00100030: 0x00100032,
    0x00380020: 0x00380021,
    0x00400002: 0x00400003,
    0x00400004: 0x00400005,
    0x00400244: 0x00400245,
    0x00400250: 0x00400251,
}
"""Dates and the times that belong to them; ranges of both are one range (Combined Datetime Matching)."""

_POINTS = r"[.:]?"
_PARTS: Final = {
    "DA": r"\d{4}(?:\.?\d{2}(?:\.?\d{2})?)?",
    "TM": rf"\d{{2}}(?:{_POINTS}\d{{2}}(?:{_POINTS}\d{{2}}(?:\.\d{{1,6}})?)?)?",
    "DT": r"\d{4}(?:\d{2}){0,5}(?:(?<=\d{14})\.\d{1,6})?(?:[+-](?:0\d|1[0-4])[0-5]\d)?",
}
_RANGES: Final = {vr: re.compile(rf"({part})?(?:(-)({part})?)?", re.ASCII) for vr, part in _PARTS.items()}
_VALUES: Final = {vr: re.compile(part, re.ASCII) for vr, part in _PARTS.items()}
_WIDTHS: Final = {"DA": 8, "TM": 12, "DT": 20}
_OFFSET: Final = re.compile(r"([+-])(\d{2})(\d{2})$", re.ASCII)
_MINUTE: Final = 12
"""Digits of a date and time that can be moved to UTC: down to the minute."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a key asks for, as text; ``form`` says which ends are open, so that like ranges can be put together."""

    vr: str
    low: str
    high: str
    is_range: bool

    @property
    def form(self) -> tuple[bool, bool]:
        """Say which ends are given."""
        return bool(self.low), bool(self.high)

    def holds(self, value: str) -> bool:
        """Say whether a value lies in it; what is no date or time of its VR lies nowhere."""
        value = value.strip(" \0")
        if not _VALUES[self.vr].fullmatch(value):
            return False
        width = _WIDTHS[self.vr]
        if self.vr == "DT":
            low, high = _aligned(self.low, value), _aligned(self.high, value)
        else:
            low, high = (self.low, value), (self.high, value)
        first = _digits(low[0]).ljust(width, "0") <= _digits(low[1]).ljust(width, "0") if low[0] else True
        return first and (not high[0] or _digits(high[1]).ljust(width, "0") <= _digits(high[0]).ljust(width, "9"))


def parse_range(vr: str, text: str) -> Range | None:
    """Read a key on a date or time; None where it is neither that nor a range, "-" included."""
    match = _RANGES[vr].fullmatch(text.strip(" "))
    if match is None or not (match[1] or match[3]):
        return None
    low, high = match[1] or "", (match[3] or "" if match[2] else match[1])
    return Range(vr, low, high, bool(match[2]))


def combined(date: Range, time: Range) -> Callable[[str, str], bool] | None:
    """Return the test of a date and its time together where both are ranges of one form, else None."""
    if not (date.is_range and time.is_range and date.form == time.form):
        return None
    low = _digits(date.low).ljust(8, "0") + _digits(time.low).ljust(12, "0") if date.low else ""
    high = _digits(date.high).ljust(8, "9") + _digits(time.high).ljust(12, "9") if date.high else ""

    def holds(on: str, at: str) -> bool:
        if not (_VALUES["DA"].fullmatch(on) and _VALUES["TM"].fullmatch(at)):
            return False
        moment = _digits(on).ljust(8, "0") + _digits(at).ljust(12, "0")
        return low <= moment and (not high or moment <= high)

    return holds


def require_moment(vr: str, name: str, value: str) -> None:
    """Raise BadRequest where a key is no date or time, no range and no pattern."""
    is_pattern = bool(re.fullmatch(r"[0-9.:*?]*[*?][0-9.:*?]*", value))
    if value.strip(" ") not in ("", "-") and not is_pattern and parse_range(vr, value) is None:
        raise BadRequest(f"{name} is not a date or time, or a range of them")


def _aligned(bound: str, value: str) -> tuple[str, str]:
    """Put a bound and a value on one clock: UTC where both say their offset, else as they are written."""
    if bound and _OFFSET.search(bound) and _OFFSET.search(value):
        return _in_utc(bound), _in_utc(value)
    return _OFFSET.sub("", bound), _OFFSET.sub("", value)


def _in_utc(text: str) -> str:
    local = _OFFSET.sub("", text)
    match = _OFFSET.search(text)
    if match is None or len(local) < _MINUTE:
        return local
    offset = timedelta(hours=int(match[2]), minutes=int(match[3])) * (-1 if match[1] == "-" else 1)
    try:
        moved = datetime.strptime(local[:_MINUTE], "%Y%m%d%H%M") - offset  # noqa: DTZ007 - the offset is applied here
    except (ValueError, OverflowError):
        return local
    return f"{moved.year:04}{moved:%m%d%H%M}{local[_MINUTE:]}"


def _digits(text: str) -> str:
    return text.replace(".", "").replace(":", "")
