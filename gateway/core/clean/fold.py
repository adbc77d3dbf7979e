"""One form for all ways to write a word: without case, accents, width, script variants of digits and kana.

Folding goes character by character, so that a place found in folded text has its place in the text as written.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple
from unicodedata import category, decimal, normalize

# Letters that Unicode does not take apart; hamza seats, alef and ya variants fold by decomposition.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t", "ə": "e"}
    | {"ـ": "", "ى": "ي", "ی": "ي", "ک": "ك", "ٱ": "ا"}
)
# Accents, vowel signs of Indian scripts, and what has no width: soft hyphens, joiners, direction marks.
_DROPPED = frozenset({"Mn", "Mc", "Me", "Cf"})
_KATAKANA = range(0x30A1, 0x30F7)
_TO_HIRAGANA = 0x60

# Scripts that put no space between words: Thai to Khmer, kana, Han, Hangul.
UNSPACED: Final = "\u0e00-\u0eff\u1780-\u17ff\u3041-\u30ff々〆〇\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_UNSPACED = re.compile(f"[{UNSPACED}]")
_TOKEN = re.compile(rf"\d+|[{UNSPACED}]+|[^\W\d_{UNSPACED}]+")

_ASCII_TOKEN = re.compile("[a-z]+|[0-9]+")


class Token(NamedTuple):
    """A run of letters or digits of folded text."""

    start: int
    end: int
    word: str


class _Folding(dict[int, str]):
    """The folded form of each character met so far, as ``str.translate`` asks for it."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


_FOLDING: Final = _Folding()


def _fold_character(character: str) -> str:
    number = decimal(character, None)
    if number is not None:
        return str(number)
    plain = "".join(part for part in normalize("NFKD", character) if category(part) not in _DROPPED)
    plain = normalize("NFC", plain.casefold()).translate(_LETTERS)
    return "".join(chr(ord(part) - _TO_HIRAGANA) if ord(part) in _KATAKANA else part for part in plain)


def fold(text: str) -> str:
    """Fold a text."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def is_unspaced(text: str) -> bool:
    """Say whether folded text has letters of a script without spaces between words."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def words(folded: str) -> list[str]:
    """Split folded text into runs of letters and of digits."""
    return (_ASCII_TOKEN if folded.isascii() else _TOKEN).findall(folded)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as written, folded, and its tokens; ``origins`` is None where both have the same places."""

    written: str
    text: str
    tokens: tuple[Token, ...]
    origins: tuple[int, ...] | None

    @classmethod
    def of(cls, written: str, folded: str) -> "Folded":
        """Pair a text with what ``fold`` made of it."""
        origins = None
        if any(len(_FOLDING[ord(character)]) != 1 for character in set(written)):
            origins = _origins(accumulate(len(_FOLDING[ord(character)]) for character in written))
        tokens = tuple(Token(*found.span(), found.group()) for found in _TOKEN.finditer(folded))
        return cls(written, folded, tokens, origins)

    def origin(self, place: int) -> int:
        """Give the place in the text as written; an accent that follows a letter belongs to it."""
        return place if self.origins is None else self.origins[place]

    def is_capital(self, token: Token) -> bool:
        """Say whether a word starts with a capital, or its script has none."""
        first = self.written[self.origin(token.start)]
        return first.isupper() or first.istitle() or not first.islower()

    def has_case(self, token: Token) -> bool:
        """Say whether the script of a word knows capitals."""
        first = self.written[self.origin(token.start)]
        return first.lower() != first.upper()

    def is_upper(self, token: Token) -> bool:
        """Say whether a word is in capitals throughout."""
        return self.written[self.origin(token.start) : self.origin(token.end)].isupper()


def _origins(ends: Iterable[int]) -> tuple[int, ...]:
    """Give the place in the written text of each folded character, and of the end."""
    found: list[int] = []
    count = 0
    for place, end in enumerate(ends):
        found.extend([place] * (end - len(found)))
        count = place + 1
    return (*found, count)


_DIGRAPHS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("å", "aa"), ("ø", "oe"))
_PLAIN = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))


def spellings(word: str) -> frozenset[str]:
    """Give the folded forms in which a word of a name may be written: Müller, Mueller and Muller are one."""
    forms = {fold(word)}
    if not word.isascii():
        found = normalize("NFC", word).lower()
        for letter, digraph in _DIGRAPHS:
            found = found.replace(letter, digraph)
        forms.add(fold(found))
    for digraph, letter in _PLAIN:
        forms.update([form.replace(digraph, letter) for form in forms if digraph in form and len(form) > 4])
    return frozenset(forms)
