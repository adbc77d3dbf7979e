"""Persons: the subject's own names, and words that a title, a label or an honorific marks as a name."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.clean.dates import Span
from gateway.core.clean.fold import Folded, Token
from gateway.core.clean.known import Known
from gateway.core.clean.vocabulary import (
    GENERIC,
    NAME_LABELS,
    PARTICLES,
    PERSON_LABELS,
    SHOUTED,
    SUFFIXES,
    THINGS,
    TITLES,
)

_GLUE = re.compile(r"[ '’.-]?")
_BESIDE = re.compile(r"[ ,.^'’=_-]{0,3}")
_AFTER_TITLE = re.compile(r"\.?[ \t-]{0,2}|\. ?-? ?")
_COLON = re.compile(r"\s?(?:\([^\W\d]{1,3}\))?\s?[:=]\s{0,3}")
_BETWEEN_NAMES = re.compile(r"[ '’-]|\. ?|\^{1,4}")
_COMMA: Final = ", "  # "Smith, John"; behind other labels a comma ends the name
_TITLE_STARTS: Final = frozenset({"д-", "г-"})  # д-р, г-н, г-жа
_TITLE_ENDS: Final = frozenset({"р", "н", "жа"})
_ARTICLE: Final = "ال"
_MAX_NAMES: Final = 2
_MAX_LABELLED: Final = 3
_ROW: Final = 12  # words looked at behind a title or label


def own_names(folded: Folded, known: Known) -> Iterator[Span]:
    """Find the subject's names, with the initials, particles and titles beside them."""
    gone = _named(folded, known)
    for step in (1, -1):
        for place in sorted(gone, reverse=step < 0):
            _spread(folded, known, gone, place, step)
    runs: list[Span] = []
    for place in sorted(gone):
        token = folded.tokens[place]
        end = token.end + (len(token.word) == 1 and folded.text[token.end : token.end + 1] == ".")
        if runs and _BESIDE.fullmatch(folded.text, runs[-1][1], token.start):
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((token.start, end))
    yield from runs


def _named(folded: Folded, known: Known) -> set[int]:
    gone: set[int] = set()
    for place, token in enumerate(folded.tokens):
        word = token.word
        if word in known.names or (word in known.inflected and folded.is_capital(token)):
            gone.add(place)
        elif word in known.joints:
            gone.update(_joined(folded, known, place))
    return gone


def _joined(folded: Folded, known: Known, place: int) -> range:
    """Find a name written in pieces: "Mc Donald", "Jean-Marie"."""
    word = folded.tokens[place].word
    for other in range(place + 1, min(place + 4, len(folded.tokens))):
        left, right = folded.tokens[other - 1], folded.tokens[other]
        if _GLUE.fullmatch(folded.text, left.end, right.start) is None:
            break
        word += right.word
        if word in known.names:
            return range(place, other + 1)
        if word not in known.joints:
            break
    return range(0)


def _spread(folded: Folded, known: Known, gone: set[int], place: int, step: int) -> None:
    """Take in what stands beside a name, as far as it belongs to it."""
    tokens = folded.tokens
    while 0 <= place + step < len(tokens):
        left, right = sorted((tokens[place], tokens[place + step]))
        place += step
        if place in gone or _BESIDE.fullmatch(folded.text, left.end, right.start) is None:
            return
        token = tokens[place]
        is_dotted = folded.text[token.end : token.end + 1] == "."
        if len(token.word) == 1:
            belongs = token.word in known.initials or (is_dotted and folded.is_capital(token))
        else:
            belongs = token.word in known.particles or _is_title(folded, token)
        if not belongs:
            return
        gone.add(place)


def marked_names(folded: Folded) -> Iterator[Span]:
    """Find the words that a title or a label marks as a name."""
    done = -1
    for place, token in enumerate(folded.tokens):
        if place <= done:
            continue
        if _is_title(folded, token):
            done = _last_title(folded, place)
            yield from _titled(folded, token.start - 2 * _is_end_of_title(folded, token), done)
        elif token.word in NAME_LABELS:
            if place == 0 or folded.tokens[place - 1].word not in THINGS:
                yield from _labelled(folded, place, is_name=True)
        elif token.word in PERSON_LABELS:
            yield from _labelled(folded, place, is_name=False)


def _last_title(folded: Folded, place: int) -> int:
    while place + 1 < len(folded.tokens) and folded.tokens[place + 1].word in TITLES | SUFFIXES:
        place += 1
    return place


def _is_end_of_title(folded: Folded, token: Token) -> bool:
    before = folded.text[max(0, token.start - 2) : token.start]
    return token.word in _TITLE_ENDS and before in _TITLE_STARTS


def _is_title(folded: Folded, token: Token) -> bool:
    """Say whether a word is a title: "Mr Head" is one, "MR Head" is a modality."""
    if token.word not in TITLES:
        return _is_end_of_title(folded, token)
    if token.word not in SHOUTED:
        return True
    return folded.is_capital(token) and (not folded.is_upper(token) or folded.text[token.end : token.end + 1] == ".")


def _titled(folded: Folded, start: int, last: int) -> Iterator[Span]:
    """Find a title from ``start`` to its last word, and the names behind it."""
    if last + 1 < len(folded.tokens):
        gap = folded.text[folded.tokens[last].end : folded.tokens[last + 1].start]
        end = _names_end(folded, last + 1, _MAX_NAMES, is_named=False) if _AFTER_TITLE.fullmatch(gap) else None
        if end:
            yield start, end


def _labelled(folded: Folded, place: int, *, is_name: bool) -> Iterator[Span]:
    """Find the name behind "label:"; one without a capital counts only where the label says name."""
    if place + 1 >= len(folded.tokens):
        return
    label, first = folded.tokens[place], folded.tokens[place + 1]
    if _COLON.fullmatch(folded.text, label.end, first.start):
        while place + 1 < len(folded.tokens) - 1 and _is_title(folded, folded.tokens[place + 1]):
            place += 1
        end = _names_end(folded, place + 1, _MAX_LABELLED, is_named=is_name)
        if end:
            yield folded.tokens[place + 1].start, end


def _names_end(folded: Folded, place: int, limit: int, *, is_named: bool) -> int | None:
    """Say where a row of names ends: words of no other meaning, in capitals unless a label says name, and particles.

    Scripts without capitals have nothing to go by: there one name ends the row, or two.
    """
    end = last = None
    is_capital_asked = not is_named
    for token in folded.tokens[place : place + _ROW]:
        if last is not None and not _continues(folded, last, token, is_named=is_named):
            break
        last = token.end
        is_capital, has_case = folded.is_capital(token), folded.has_case(token)
        if token.word in PARTICLES and has_case and not is_capital:
            continue
        if not limit or not _may_name(token) or (is_capital_asked and not is_capital):
            break
        if end and not has_case:
            if not is_named and not token.word.startswith(_ARTICLE):
                break
            limit = 1
        is_capital_asked = is_capital_asked or (is_capital and has_case)
        is_initial = len(token.word) == 1 and is_capital
        end = last = token.end + (is_initial and folded.text[token.end : token.end + 1] == ".")
        limit -= not is_initial
    return end


def _may_name(token: Token) -> bool:
    return (
        token.word.isalpha()
        and token.word not in NAME_LABELS
        and (token.word not in GENERIC or token.word in PARTICLES)
    )


def _continues(folded: Folded, end: int, token: Token, *, is_named: bool) -> bool:
    gap = folded.text[end : token.start]
    return _BETWEEN_NAMES.fullmatch(gap) is not None or (is_named and gap == _COMMA)
