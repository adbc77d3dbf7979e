"""The subject's identifiers and places in a text: codes however they are grouped, phrases word by word, UIDs."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.clean.dates import Span
from gateway.core.clean.fold import Folded, Token
from gateway.core.clean.known import Known
from gateway.core.clean.vocabulary import UNITS

_MAX_RUNS: Final = 10
_LONG: Final = 5  # from here on a code is one even where it is grouped by blanks, or other letters touch it
_GROUPED = re.compile(r"[ ./_:#()-]{0,2}")
_TIED = re.compile(r"[/_-]?")
_MEASURE = re.compile(rf"\s?(?:{UNITS})(?![^\W_])|[.,]\d|[^\W_]")
_BETWEEN_WORDS = re.compile(r"[^\w\r\n]{0,3}")
_DOTTED = re.compile(r"(?<![\d.])\d++(?:\.\d++)++")


def own_codes(folded: Folded, known: Known) -> Iterator[Span]:
    """Find identifiers with any separators, with or without leading zeros."""
    done = -1
    for place, token in enumerate(folded.tokens):
        if place > done and (token.word in known.stems or token.word.lstrip("0") in known.stems):
            end = _code_end(folded, known, place)
            if end is not None:
                yield token.start, folded.tokens[end].end
                done = end


def _code_end(folded: Folded, known: Known, first: int) -> int | None:
    """Find the last token of the longest code that starts at a token."""
    raw = bare = ""
    found = None
    is_tied = True
    for place in range(first, min(first + _MAX_RUNS, len(folded.tokens))):
        token = folded.tokens[place]
        if place > first:
            gap = folded.text[folded.tokens[place - 1].end : token.start]
            if not _GROUPED.fullmatch(gap):
                break
            is_tied = is_tied and _TIED.fullmatch(gap) is not None
        raw += token.word
        bare += token.word.lstrip("0")
        if raw not in known.stems and bare not in known.stems:
            break
        code = raw if raw in known.codes else bare
        if code in known.codes and (len(code) >= _LONG or (is_tied and _stands_alone(folded, first, token, code))):
            found = place
    return found


def _stands_alone(folded: Folded, first: int, last: Token, code: str) -> bool:
    """Say whether a short code is a word of its own, and no measure: "120" is none in "120 kV" and "512x512"."""
    start = folded.tokens[first].start
    if folded.text[max(0, start - 1) : start].isalnum():
        return False
    if start > 1 and folded.text[start - 1] in ".," and folded.text[start - 2].isdecimal():
        return False
    if not code.isdecimal():
        return not folded.text[last.end : last.end + 1].isalnum()
    return _MEASURE.match(folded.text, last.end) is None


def own_places(folded: Folded, known: Known) -> Iterator[Span]:
    """Find institutions, departments, stations and addresses: as a whole, and by the words that are their own."""
    for place, token in enumerate(folded.tokens):
        for phrase in known.phrases.get(token.word, ()):
            end = _phrase_end(folded, place, phrase)
            if end is not None:
                yield token.start, end
                break
        if token.word in known.places:
            yield token.start, token.end


def _phrase_end(folded: Folded, place: int, phrase: tuple[str, ...]) -> int | None:
    tokens = folded.tokens[place : place + len(phrase)]
    if len(tokens) < len(phrase):
        return None
    for word, token, last in zip(phrase, tokens, (None, *tokens), strict=False):
        if word != token.word:
            return None
        if last is not None and not _BETWEEN_WORDS.fullmatch(folded.text, last.end, token.start):
            return None
    return tokens[-1].end


def own_uids(folded: Folded, known: Known) -> Iterator[Span]:
    """Find the object's UIDs, also those too short to look like one."""
    for found in _DOTTED.finditer(folded.text):
        if found[0] in known.uids:
            yield found.span()
