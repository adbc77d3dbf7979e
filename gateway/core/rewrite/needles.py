"""How a subject's identifiers may be written, for the final check: patterns for text, and bytes that find them fast.

What is too short or too common to say anything is left out, else every object would be refused: a part of a name has
four letters or more (two where a character is a syllable or a word), a code of digits and letters four characters, of
letters or digits alone six. Name parts that are words for nobody ("test", "phantom", titles) count only within the full
name. A number counts as a whole number, a word as a whole word.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import chain
from typing import Final

from gateway.core.clean.subject import gather
from gateway.core.rewrite.facts import Told
from gateway.core.rewrite.forms import folded
from gateway.core.wire import charset

BIRTH_DATE: Final = 0x00100030
MIN_PART, MIN_DENSE_PART, MIN_MIXED, MIN_PLAIN = 4, 2, 4, 6
MIN_NUMBER: Final = 8
"""Among numbers (DS, IS) a shorter number is no identifier."""
_NAMING_COMPONENTS: Final = 3
"""Family, given, middle; after them come prefix and suffix (PS3.5 Section 6.2.1)."""
_NOBODY: Final = frozenset(
    [
        "anon",
        "anonymised",
        "anonymized",
        "anonymous",
        "case",
        "control",
        "default",
        "demo",
        "doctor",
        "doe",
        "dummy",
        "enter",
        "example",
        "female",
        "first",
        "frau",
        "herr",
        "image",
        "instance",
        "jane",
        "john",
        "last",
        "male",
        "mann",
        "mister",
        "name",
        "none",
        "null",
        "patient",
        "person",
        "phantom",
        "prof",
        "professor",
        "removed",
        "research",
        "sample",
        "series",
        "study",
        "subject",
        "test",
        "tester",
        "testing",
        "text",
        "unknown",
        "unnamed",
        "volunteer",
    ]
)
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019`-][^\W_]+)*")
_DENSE: Final = re.compile(
    r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3100-\u318f\u3400-\u9fff\uac00-\ud7af\uff66-\uff9f]"
)
"""Thai, Lao, kana, Hangul, ideographs: few characters make a name, and no blank need stand beside it."""
_LETTER, _NO_CODE, _NO_DIGIT = r"[^\W\d_]", r"[^\W_]", r"\d"


class Where(IntEnum):
    """Where a needle counts; each includes the ones before. PLACES: places too; TEXT: name parts and dates too."""

    NUMBERS = 0
    CODES = 1
    PLACES = 2
    TEXT = 3


@dataclass(frozen=True, slots=True)
class Needle:
    """One way to write an identifier; ``edge`` is what may not stand beside it."""

    text: str
    edge: str
    where: Where

    @property
    def pattern(self) -> str:
        """The regular expression for case-folded text."""
        folded = self.text.casefold()
        start = "" if _DENSE.match(folded[0]) else f"(?<!{self.edge})"
        end = "" if _DENSE.match(folded[-1]) else f"(?!{self.edge})"
        return f"{start}{re.escape(folded)}{end}"


@dataclass(frozen=True, slots=True)
class Needles:
    """What to search for. ``plain``: whatever ``patterns`` match in any encoding holds one of these, in lower case."""

    plain: tuple[bytes, ...]
    patterns: tuple[re.Pattern[str] | None, ...]
    birth: re.Pattern[str] | None

    def are_in(self, text: str, where: Where) -> bool:
        """Say whether a text names the subject."""
        pattern = self.patterns[where]
        return pattern is not None and pattern.search(text.casefold()) is not None

    def give_birth_date(self, text: str) -> bool:
        """Say whether a date is the date of birth."""
        return self.birth is not None and self.birth.search(text) is not None


def needles(said: Iterable[Told], released: Iterable[str], terms: Sequence[str]) -> Needles:
    """Make what finds the subject, but for what occurs in texts that are released on purpose.

    ``terms``: the Specific Character Set of the object.
    """
    told = tuple(said)
    subject = gather((one.kind, value) for one in told for value in one.values)
    births = gather((one.kind, value) for one in told if one.tag == BIRTH_DATE for value in one.values).dates
    known = "\n".join(released).casefold()
    found = {
        needle
        for needle in chain(
            chain.from_iterable(map(_of_name, subject.names)),
            chain.from_iterable(map(_of_code, subject.identifiers)),
            chain.from_iterable(map(_of_place, subject.places)),
            chain.from_iterable(map(_of_date, subject.dates)),
        )
        if needle.text.casefold() not in known
    }
    birth = "|".join(re.escape(form) for date in births for form in _written(date) if form not in known)
    return Needles(
        _shortest(form for needle in found for form in _encoded(needle.text, terms)),
        tuple(_joined(needle.pattern for needle in found if needle.where <= where) for where in Where),
        re.compile(birth) if birth else None,
    )


def _of_name(name: str) -> Iterable[Needle]:
    for group in name.split("="):
        components = group.split("^")[:_NAMING_COMPONENTS]
        words = [word for component in components for word in _WORD.findall(component)]
        for word in words:
            if len(word) >= _least(word) and not word.isdecimal() and word.casefold() not in _NOBODY:
                yield Needle(word, _LETTER, Where.TEXT)
        parts = [component.strip() for component in components if component.strip()]
        for first, second in ((parts[:1], parts[1:]), (parts[1:], parts[:1])):
            if first and second and len("".join(parts)) >= _least("".join(parts)):
                for between in ("^", " ", ", ", ",", "_", "-", ".", ""):
                    yield Needle(between.join((" ".join(first), " ".join(second))), _LETTER, Where.CODES)
        if len(parts) == 1 and len(words) > 1:
            yield Needle(parts[0], _LETTER, Where.CODES)


def _of_code(value: str) -> Iterable[Needle]:
    if value.casefold() in _NOBODY:
        return
    is_number, is_word = value.isdecimal(), not any(map(str.isdecimal, value))
    if sum(map(str.isalnum, value)) >= (MIN_PLAIN if is_number or is_word else MIN_MIXED):
        yield Needle(value, _NO_CODE, Where.NUMBERS if is_number and len(value) >= MIN_NUMBER else Where.CODES)


def _of_place(value: str) -> Iterable[Needle]:
    return (replace(needle, where=Where.PLACES) for needle in _of_code(value))


def _of_date(date: str) -> Iterable[Needle]:
    return (Needle(form, _NO_DIGIT, Where.TEXT) for form in _written(date))


def _written(date: str) -> Iterable[str]:
    year, month, day = date[:4], date[4:6], date[6:]
    return date, f"{year}-{month}-{day}", f"{year}.{month}.{day}", f"{day}.{month}.{year}"


def _least(word: str) -> int:
    return MIN_DENSE_PART if _DENSE.search(word) else MIN_PART


def _encoded(text: str, terms: Sequence[str]) -> Iterable[bytes]:
    """Yield the bytes of a text, ASCII in lower case and without zeros, in every encoding that is looked for."""
    if text.isascii():
        yield folded(text.encode())
        return
    for variant in {text, text.lower(), text.upper(), text.title(), text.capitalize()}:
        own = charset.encode(variant, terms)
        for raw in (own, variant.encode(), _latin(variant), variant.encode("utf-16-le"), variant.encode("utf-16-be")):
            if raw:
                yield folded(raw)


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "ignore") if all(character <= "\xff" for character in text) else b""


def _shortest(forms: Iterable[bytes]) -> tuple[bytes, ...]:
    """Leave out what holds another one: finding the shorter is enough to look closer."""
    found: list[bytes] = []
    for form in sorted(set(forms), key=lambda form: (len(form), form)):
        if not any(shorter in form for shorter in found):
            found.append(form)
    return tuple(found)


def _joined(patterns: Iterable[str]) -> re.Pattern[str] | None:
    found = sorted(patterns)
    return re.compile("|".join(found)) if found else None
