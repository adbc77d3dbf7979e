"""How a subject's identifiers may be written, for the final check: patterns for text, and bytes that find them fast.

What is too short or too common to say anything is left out, else every object would be refused: a part of a name has
four letters or more (two where a character is a syllable or a word), a code of digits and letters four characters, of
letters or digits alone six. Name parts that are words for nobody ("test", "phantom", titles) count only within the full
name. A number counts as a whole number, a word as a whole word.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import chain
from typing import Final

from gateway.core.clean.subject import gather
from gateway.core.errors import LimitExceeded
from gateway.core.rewrite.forms import folded
from gateway.core.rewrite.search import AnyOf
from gateway.core.rewrite.told import Told
from gateway.core.wire import charset

BIRTH_DATE: Final = 0x00100030
MIN_PART, MIN_DENSE_PART, MIN_MIXED, MIN_PLAIN = 4, 2, 4, 6
MAX_NEEDLES, MAX_COMPARED, MAX_CHARACTERS = 20_000, 500, 1_024
"""An object that names more people cannot be checked; comparing all with all is for objects that name few. A text that
is longer than any identifier identifies nobody as a whole."""
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
        "control",
        "default",
        "demo",
        "dummy",
        "enter",
        "example",
        "first",
        "frau",
        "herr",
        "image",
        "instance",
        "last",
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
_BETWEEN, _SEPARATORS = r"[\W_]{0,3}", ("^", " ", ", ", ",", "_", "-", ".", "")
_LETTER, _NO_CODE, _NO_DIGIT = r"[^\W\d_]", r"[^\W_]", r"\d"
_ESCAPES: Final = re.compile(rb"\x1b[ -/]+[0-~]")
"""What changes the set in ISO 2022: it stands around a name only where the text beside it is in another set."""


class Where(IntEnum):
    """Where a needle counts; each includes the ones before. PLACES: places too; TEXT: name parts and dates too."""

    NUMBERS = 0
    CODES = 1
    PLACES = 2
    TEXT = 3


@dataclass(frozen=True, slots=True)
class Needle:
    """One identifier: a text, or two that follow each other in either order with little between them.

    ``edge`` is what may not stand beside it. ``plain`` are texts one of which is there whenever the needle is.
    """

    texts: tuple[str, ...]
    edge: str
    where: Where
    plain: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """The regular expression for case-folded text."""
        orders = dict.fromkeys((self.texts, self.texts[::-1]))
        return "|".join(
            self._guarded(_BETWEEN.join(map(re.escape, map(str.casefold, order))), order) for order in orders
        )

    def _guarded(self, pattern: str, order: tuple[str, ...]) -> str:
        start = "" if _DENSE.match(order[0][0]) else f"(?<!{self.edge})"
        end = "" if _DENSE.match(order[-1][-1]) else f"(?!{self.edge})"
        return f"{start}{pattern}{end}"


class Needles:
    """What to search for, but for what occurs in texts that are ``released`` on purpose.

    ``plain``: whatever is found in a text holds one of these in any encoding, in lower case and without zeros.
    ``terms``: the Specific Character Set of the object. Raises LimitExceeded.
    """

    def __init__(self, said: Iterable[Told], released: Iterable[str], terms: Sequence[str]) -> None:
        told = tuple(said)
        subject = gather((one.kind, value) for one in told for value in one.values)
        known = "\n".join(released).casefold()
        found = chain(
            chain.from_iterable(map(_of_name, subject.names)),
            chain.from_iterable(map(_of_code, subject.identifiers)),
            chain.from_iterable(map(_of_place, subject.places)),
            chain.from_iterable(map(_of_date, subject.dates)),
        )
        self._found = [needle for needle in found if any(text.casefold() not in known for text in needle.texts)]
        births = gather((one.kind, value) for one in told if one.tag == BIRTH_DATE for value in one.values).dates
        self._births = [form for date in births for form in _written(date) if form not in known]
        self._patterns: dict[Where, re.Pattern[str] | None] = {}
        self.plain = _shortest(
            form for text in {text for needle in self._found for text in needle.plain} for form in _encoded(text, terms)
        )
        self._any = AnyOf(self.plain)

    def __len__(self) -> int:
        return len(self._found)

    def may_be_in(self, found: bytes) -> bool:
        """Say whether bytes, in lower case and without zeros, hold a needle or what looks like one."""
        return self._any.is_in(found)

    def are_in(self, text: str, where: Where) -> bool:
        """Say whether a text names the subject."""
        if where not in self._patterns:  # made when something looks suspicious, which is seldom
            patterns = sorted({needle.pattern for needle in self._found if needle.where <= where})
            self._patterns[where] = re.compile("|".join(patterns)) if patterns else None
        pattern = self._patterns[where]
        return pattern is not None and pattern.search(text.casefold()) is not None

    def give_birth_date(self, text: str) -> bool:
        """Say whether a text gives the date of birth."""
        return any(form in text for form in self._births)


def _of_name(name: str) -> Iterator[Needle]:
    for group in name.split("="):
        components = [component.strip() for component in group.split("^")[:_NAMING_COMPONENTS]]
        words = [word for component in components for word in _WORD.findall(component)]
        telling = [word for word in words if len(word) >= _least(word) and _names_somebody(word)]
        for word in telling:
            yield _one(word, _LETTER, Where.TEXT)
        first, *others = [component for component in components if component] or [""]
        rest = " ".join(others)
        if len(first) + len(rest) < _least(first + rest) or not (rest or len(words) > 1):
            continue
        plain = telling[:1] or [
            between.join(pair) for pair in ((first, rest), (rest, first)) for between in _SEPARATORS
        ]
        yield Needle((first, rest) if rest else (first,), _LETTER, Where.CODES, tuple(plain if rest else [first]))


def _names_somebody(word: str) -> bool:
    return not word.isdecimal() and word.casefold() not in _NOBODY


def _of_code(value: str) -> Iterator[Needle]:
    is_number, is_word = value.isdecimal(), not any(map(str.isdecimal, value))
    least = MIN_PLAIN if is_number or is_word else MIN_MIXED
    if len(value) <= MAX_CHARACTERS and sum(map(str.isalnum, value)) >= least and value.casefold() not in _NOBODY:
        yield _one(value, _NO_CODE, Where.NUMBERS if is_number and len(value) >= MIN_NUMBER else Where.CODES)


def _of_place(value: str) -> Iterator[Needle]:
    return (replace(needle, where=Where.PLACES) for needle in _of_code(value))


def _of_date(date: str) -> Iterator[Needle]:
    return (_one(form, _NO_DIGIT, Where.TEXT) for form in _written(date))


def _one(text: str, edge: str, where: Where) -> Needle:
    return Needle((text,), edge, where, (text,))


def _written(date: str) -> tuple[str, ...]:
    year, month, day = date[:4], date[4:6], date[6:]
    return date, f"{year}-{month}-{day}", f"{year}.{month}.{day}", f"{day}.{month}.{year}"


def _least(word: str) -> int:
    return MIN_DENSE_PART if _DENSE.search(word) else MIN_PART


def _encoded(text: str, terms: Sequence[str]) -> Iterator[bytes]:
    """Yield the bytes of a text, ASCII in lower case and without zeros, in every encoding that is looked for."""
    if text.isascii():
        yield folded(text.encode())
        return
    for variant in {text, text.lower(), text.upper(), text.title(), text.capitalize()}:
        for given in (tuple(terms), *(("", term) for term in terms[1:])):
            own = charset.encode(variant, given)
            if own:
                yield folded(max(_ESCAPES.split(own), key=len))
        for raw in (variant.encode(), _latin(variant), variant.encode("utf-16-le"), variant.encode("utf-16-be")):
            if raw:
                yield folded(raw)


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "ignore") if all(character <= "\xff" for character in text) else b""


def _shortest(forms: Iterable[bytes]) -> tuple[bytes, ...]:
    """Leave out what holds another one: finding the shorter is enough to look closer."""
    different = set(forms)
    if len(different) > MAX_NEEDLES:
        raise LimitExceeded("ways to write what identifies the subject", MAX_NEEDLES)
    if len(different) > MAX_COMPARED:
        return tuple(different)
    found: list[bytes] = []
    for form in sorted(different, key=lambda form: (len(form), form)):
        if not any(shorter in form for shorter in found):
            found.append(form)
    return tuple(found)
