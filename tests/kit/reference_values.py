"""What the reference does to a value: dates moved by whole days, ages capped, text cleaned by what is handed in."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction

from pydicom.charset import convert_encodings, decode_bytes, encode_string

_CLOCK = re.compile(r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?")
_YEAR = re.compile(r"(?!0000)\d{4}((\d{4,})?|\.\d\d\.\d\d)", re.ASCII)
_ZONE = re.compile(r"[+-](0\d|1[0-4])[0-5]\d")


def moved(vr: str, value: bytes, days: int) -> bytes:
    """Move each value back; what is not a whole date or time becomes empty."""
    values = [_moved(vr, one.strip(" \0"), days) for one in value.decode("latin-1").split("\\")]
    return _padded("\\".join(values).encode())


def numbers(vr: str, value: bytes) -> bytes:
    """Empty each value of DS or IS that is no number, where another character than a number's is among them."""
    if vr not in ("DS", "IS") or set(value) <= set(b"0123456789+-.Ee \\\0"):
        return value
    return _padded(b"\\".join(one if _is_number(one) else b"" for one in value.split(b"\\")))


def _is_number(value: bytes) -> bool:
    try:
        float(value.strip(b" \0"))
    except ValueError:
        return False
    return b"_" not in value


def _moved(vr: str, value: str, days: int) -> str:
    if vr == "SH":
        return value if _ZONE.fullmatch(value) else ""
    if vr == "TM":
        return value if _CLOCK.fullmatch(value.replace(":", "")) else ""
    plain = value.replace(".", "") if vr == "DA" and re.fullmatch(r"\d{4}\.\d\d\.\d\d", value) else value
    rest = plain[8:]
    clock, zone = (rest[:-5], rest[-5:]) if _ZONE.fullmatch(rest[-5:]) else (rest, "")
    if (vr == "DA" and rest) or (clock and not _CLOCK.fullmatch(clock)):
        return ""
    try:
        day = datetime.strptime(plain[:8], "%Y%m%d") - timedelta(days)  # noqa: DTZ007 - a day, no moment
    except (ValueError, OverflowError):
        return ""
    return f"{day:%Y%m%d}".rjust(8, "0") + clock + zone


def year(value: bytes) -> bytes:
    """Cut dates to the first day of their year; what begins with no year becomes empty."""
    days = [one.strip(" \0") for one in value.decode("latin-1").split("\\")]
    return _padded("\\".join(f"{day[:4]}0101" if _YEAR.fullmatch(day) else "" for day in days).encode())


def capped(value: bytes) -> bytes:
    """Make every age above 89 years one of 90."""
    found = [one.strip(" \0") for one in value.decode("latin-1").split("\\")]
    ages = [one if re.fullmatch(r"\d{3}[DWMY]", one) else "" for one in found]
    return _padded("\\".join("090Y" if one.endswith("Y") and one > "089Y" else one for one in ages).encode())


def age(value: bytes, unit: tuple[str, str]) -> bytes:
    """Make every number above 89 years one of 90, rounded up in its unit; empty in one that is unknown."""
    a_year = _A_YEAR.get(unit[1]) if unit[0] == "UCUM" else None
    found = [one.strip(" \0") for one in value.decode("latin-1").split("\\")]
    if a_year is None:
        found = [""] * len(found)
    else:
        found = [str(-(-90 * a_year // 1)) if one and Fraction(one) > 89 * a_year else one for one in found]
    return _padded("\\".join(found).encode())


_DAY = 24 * 60 * 60
_SECONDS = Fraction("365.25") * _DAY
_A_YEAR = {
    **{unit: _SECONDS / size for unit, size in (("s", 1), ("min", 60), ("h", 3600), ("d", _DAY), ("wk", 7 * _DAY))},
    "a": Fraction(1),
    "mo": Fraction(12),
}


def cleaned(vr: str, value: bytes, terms: list[str], clean: Callable[[str, str], str]) -> bytes:
    """Clean each value in the character set it is written in; one in which nothing is found stays byte for byte."""
    codecs = convert_encodings(terms)
    text = str(decode_bytes(value.rstrip(b" \0"), codecs, set()))
    values = [text] if vr in ("LT", "ST", "UT") else text.split("\\")
    changed = [clean(one, vr) for one in values]
    if changed == values:
        return value
    return _padded(b"\\".join(encode_string(one, codecs) for one in changed))


def _padded(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)
