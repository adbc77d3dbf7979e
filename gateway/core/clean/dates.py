"""Dates as people write them, in any order and language; a time goes with its date, never alone."""

import re
from collections.abc import Iterator

from gateway.core.clean.fold import Folded, Token
from gateway.core.clean.known import Known
from gateway.core.clean.vocabulary import AMBIGUOUS_MONTHS, DATE_JOINERS, MONTHS, SHORT_MONTHS, UNITS

Span = tuple[int, int]

_YEAR = r"(?:1[34]|19|20|25)\d\d"  # Gregorian, Islamic, Buddhist
_MONTH = r"(?:0?[1-9]|1[0-2])"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_UNIT_NEXT = rf"\s?/?\s?(?:{UNITS})(?![^\W_])"
_NO_UNIT = rf"(?!{_UNIT_NEXT})"
_BEFORE = r"(?<![^\W_])(?<!\d[.,:/-])"
_AFTER = r"(?![^\W_])(?![.,:/-]?\d)"
_NUMERIC = re.compile(
    rf"{_BEFORE}(?:"
    rf"{_YEAR}(?P<a>\s?[-./]\s?|[ _]){_MONTH}(?P=a){_DAY}(?=t\d)"
    rf"|(?:{_YEAR}(?P<b>\s?[-./]\s?|[ _]){_MONTH}(?P=b){_DAY}"
    rf"|(?:{_DAY}(?P<c>\s?[-./]\s?|[ _]){_MONTH}|{_MONTH}(?P<d>\s?[-./]\s?|[ _]){_DAY})(?:(?P=c)|(?P=d)){_YEAR}"
    rf"|(?:{_DAY}(?P<e>[-./]){_MONTH}|{_MONTH}(?P<f>[-./]){_DAY})(?:(?P=e)|(?P=f))'?\d\d{_AFTER}{_NO_UNIT}"
    rf"|{_MONTH}[-./]{_YEAR}|{_YEAR}[-/]{_MONTH}"
    rf"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])){_AFTER})"
)
_HAN_NUMBER = r"(?:\d{1,4}|[〇零一二三四五六七八九十元]{1,4})"
_EASTERN = re.compile(
    rf"(?:(?:明治|大正|昭和|平成|令和|民國|民国|단기)\s?)?{_HAN_NUMBER}\s?年\s?{_HAN_NUMBER}\s?月"
    rf"(?:\s?{_HAN_NUMBER}\s?[日号])?"
    r"|\d{1,2}\s?月\s?\d{1,2}\s?[日号]"
    r"|(?:\d{2,4}\s?년\s?)?\d{1,2}\s?월\s?\d{1,2}\s?일|\d{4}\s?년\s?\d{1,2}\s?월"
)
_ERA = re.compile(r"(?<![^\W_])[mtshr]\d{1,2}([./])\d{1,2}\1\d{1,2}(?![^\W_])")
_TRIPLE = re.compile(r"(\d{1,4})\s?[-./ _]\s?(\d{1,4})\s?[-./ _]\s?(\d{1,4})(?!\d)")
_DAY_AND_MONTH = re.compile(rf"{_BEFORE}\d{{1,2}}(?:\.\d{{1,2}}\.|/\d{{2}})(?![.,:/-]?\d)(?![^\W_])")
_CLOCK = (
    r"(?:[01]?\d|2[0-3])(?:[:h.]|\s?時\s?|\s?时\s?|\s?시\s?)[0-5]\d(?:[:.][0-5]\d(?:[.,]\d{1,6})?|\s?分|\s?분)?"
    r"(?:\s?(?:am|pm|a\.m\.|p\.m\.|uhr|h|z)(?![^\W_]))?"
)
_TIME_AFTER = re.compile(rf"(?:t|[\s,;]{{1,2}}(?:(?:um|at|a|alle|om|as|kl|klo|в|στισ|-)\.?\s)?)?{_CLOCK}(?!\d)")
_TIME_BEFORE = re.compile(rf"(?<![^\W_]){_CLOCK}[\s,;]{{1,2}}(?:(?:am|on|le|el|il|op|em|von|-)\s)?$")
_ERAS = frozenset("mtshr")  # Meiji, Taisho, Showa, Heisei, Reiwa
_UNIT = re.compile(_UNIT_NEXT)
_NEAR = re.compile(r"[\s.,'’/_-]{0,3}")
_LOOK_BACK = 24


def dates(folded: Folded, known: Known) -> Iterator[Span]:
    """Find dates, own ones in more forms than others, each with the time beside it."""
    for start, end in _days(folded, known):
        after = _TIME_AFTER.match(folded.text, end)
        before = _TIME_BEFORE.search(folded.text[max(0, start - _LOOK_BACK) : start])
        yield start - (len(before[0]) if before else 0), after.end() if after else end


def _days(folded: Folded, known: Known) -> Iterator[Span]:
    end = 0
    for place, token in enumerate(folded.tokens):
        if token.word.isdecimal():
            span = None if token.start < end else _numeric(folded, known, token)
        else:
            is_month = token.word in MONTHS or token.word in SHORT_MONTHS
            span = _named(folded, place) if is_month else None
        if span:
            yield span
            end = span[1]
    if any(sign in folded.text for sign in "月월"):
        for found in _EASTERN.finditer(folded.text):
            yield found.span()


def _numeric(folded: Folded, known: Known, token: Token) -> Span | None:
    """Find a date in figures that starts with a number; the own dates also where the form alone would not tell."""
    found = _NUMERIC.match(folded.text, token.start)
    if found is None and folded.text[token.start - 1 : token.start] in _ERAS:
        found = _ERA.match(folded.text, token.start - 1)
    if found is None:
        found = _TRIPLE.match(folded.text, token.start)
        if found and tuple(map(int, found.groups())) not in known.triples:
            found = None
    if found is None:
        found = _DAY_AND_MONTH.match(folded.text, token.start)
        if found and found[0] not in known.days:
            found = None
    return found.span() if found else None


def _named(folded: Folded, place: int) -> Span | None:
    """Find the day and the year beside the name of a month: at least a year, or a day and a name that is no word."""
    month = folded.tokens[place]
    before = _neighbour(folded, place, -1)
    after = _neighbour(folded, place, +1)
    is_day_before = before is not None and _is_day(before)
    numbers = [after] if after else []
    if after and _is_day(after):
        year = _neighbour(folded, folded.tokens.index(after, place), +1)
        if year and _is_year(year) and not is_day_before:
            numbers.append(year)
    start = before.start if before and (is_day_before or _is_year(before)) else month.start
    last = numbers[-1] if numbers else month
    has_year = _is_year(last) or (before is not None and _is_year(before))
    is_short_year = is_day_before and len(last.word) == 2 and last is after
    if has_year or is_short_year:
        return start, last.end
    return (start, last.end if _is_day(last) else month.end) if _stands_alone(folded, month, before, after) else None


def _stands_alone(folded: Folded, month: Token, before: Token | None, after: Token | None) -> bool:
    """Say whether month and day make a date without a year."""
    day = before if before and _is_day(before) else after
    if month.word in SHORT_MONTHS or day is None or not _is_day(day):
        return False
    if day is after and _UNIT.match(folded.text, day.end):
        return False
    return month.word not in AMBIGUOUS_MONTHS or folded.is_capital(month)


def _neighbour(folded: Folded, place: int, step: int) -> Token | None:
    """Give the number beside a token, over words like "de" and "th"; None where something else comes first."""
    for _ in range(3):
        other = place + step
        if not 0 <= other < len(folded.tokens):
            return None
        left, right = sorted((folded.tokens[place], folded.tokens[other]))
        if _NEAR.fullmatch(folded.text, left.end, right.start) is None:
            return None
        token = folded.tokens[other]
        if token.word.isdecimal():
            return token
        if token.word not in DATE_JOINERS:
            return None
        place = other
    return None


def _is_day(token: Token) -> bool:
    return token.word.isdecimal() and len(token.word) <= 2 and 1 <= int(token.word) <= 31


def _is_year(token: Token) -> bool:
    return len(token.word) == 4 and token.word.isdecimal() and 1300 <= int(token.word) < 2600
