"""Tells whether a text that was read off a picture may identify somebody, although letters may be read wrongly.

What would be cleaned from a text attribute identifies. So does whatever looks like an identifier of the object itself:
letters that are easily taken for others are one letter here, blanks and signs do not count, a few errors are allowed.
"""

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.clean.fold import fold
from gateway.core.clean.subject import Subject
from gateway.core.clean.text import TextCleaner

MAX_DIGITS: Final = 4
"""A number with more digits may be a date, a record or a telephone; depths, gains and rates have fewer."""
MIN_TERM: Final = 3
MAX_TERMS: Final = 200
"""A subject with more names is one of whom nobody can say what does not name him; comparing takes time, too."""
LETTERS_PER_ERROR: Final = 4
"""Of so many letters one may be wrong."""
_ALIKE: Final = str.maketrans(
    {"0": "o", "q": "o", "1": "l", "i": "l", "j": "l", "5": "s", "8": "b", "2": "z", "6": "g", "9": "g", "7": "t"}
)
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_WORDS: Final = re.compile(r"[^\W_]+")
_BARS: Final = re.compile(r"[|!]")


class Identifying:
    """What identifies the subject of one object."""

    def __init__(self, subject: Subject) -> None:
        self._cleaner = TextCleaner(subject)
        self._terms = frozenset(_terms(subject))

    def is_in(self, read: str) -> bool:
        """Say whether a text identifies, or may do so once its letters are read better."""
        if len(self._terms) > MAX_TERMS or sum(letter.isdigit() for letter in read) > MAX_DIGITS:
            return True
        if self._cleaner.clean(read, "UT") != read:
            return True
        shown = alike(read)
        return any(is_near(term, shown, len(term) // LETTERS_PER_ERROR) for term in self._terms)


def alike(text: str) -> str:
    """Return the letters and digits of a text, one for all that look the same."""
    joined = "".join(_WORDS.findall(fold(_BARS.sub("l", text))))
    for pair, one in _PAIRS:
        joined = joined.replace(pair, one)
    return joined.translate(_ALIKE)


def is_near(term: str, text: str, errors: int) -> bool:
    """Say whether a term occurs in a text with so many letters wrong, missing or too many (Sellers 1980)."""
    column = list(range(len(term) + 1))
    for letter in text:
        above, column[0] = column[0], 0
        for place, wanted in enumerate(term, 1):
            best = min(above + (wanted != letter), column[place] + 1, column[place - 1] + 1)
            above, column[place] = column[place], best
        if column[-1] <= errors:
            return True
    return False


def _terms(subject: Subject) -> Iterator[str]:
    words = (word for value in subject.names for word in _WORDS.findall(value))
    for value in (*words, *subject.identifiers, *subject.places):
        term = alike(value)
        if len(term) >= MIN_TERM:
            yield term
