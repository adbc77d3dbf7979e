"""Clean free text: take out what identifies the subject, leave the rest.

A text is folded, split into words, and compared with the subject's own words by set: most texts end there. Only where
something may be found do the searches run. Time is linear in the text, whatever it holds.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final
from unicodedata import is_normalized, normalize

from gateway.core.clean.codes import own_codes, own_places, own_uids
from gateway.core.clean.dates import Span, dates
from gateway.core.clean.fold import Folded, fold, is_unspaced, words
from gateway.core.clean.known import Known, know
from gateway.core.clean.patterns import patterns
from gateway.core.clean.people import marked_names, own_names
from gateway.core.clean.scripts import MARKS, marked_scripts, own_scripts
from gateway.core.clean.subject import Subject
from gateway.core.clean.vocabulary import (
    BIRTH_WORDS,
    MONTHS,
    NAME_LABELS,
    NETWORK_WORDS,
    PERSON_LABELS,
    RECORD_WORDS,
    SHORT_MONTHS,
    TELEPHONE_WORDS,
    TITLES,
)
from gateway.core.standard.vr import VRS

REMOVED: Final = "***"
_SHORT: Final = "*"
_IN_CS: Final = "_"  # the only sign that a Code String allows and no word has
_MAX_PASSES: Final = 4

# A text without one of these, or a word that starts a search, holds nothing: four digits about together (a year of an
# era and its day may have three), a network address, a hyphen in
# another script, as titles have, Japanese that was not decoded.
_SUSPECT = re.compile(
    r"[0-9@\\](?:(?<=[@\\])|(?:[\W_]{0,3}[0-9]){3}|[./][0-9]{1,2}[./][0-9])|[^\x00-\x7f]-[^\x00-\x7f]"
    r"|\$(?:[@b]|\(d)[\x1b!-~]{2}"
)
_ABBREVIATED = frozenset("дг")  # begin a title with a hyphen: г-н
_ANNOUNCING = RECORD_WORDS | TELEPHONE_WORDS | BIRTH_WORDS | NETWORK_WORDS
_STARTING = MONTHS | SHORT_MONTHS | TITLES | NAME_LABELS | PERSON_LABELS | _ABBREVIATED | _ANNOUNCING
_PART_OF_WORD = re.compile(r"[\w.@:/+-]+$")


class TextCleaner:
    """Cleans the texts of one object, or of all objects with the same Subject."""

    __slots__ = ("_known", "_triggers")

    def __init__(self, subject: Subject) -> None:
        self._known = know(subject)
        self._triggers = self._known.triggers

    def clean(self, text: str, vr: str) -> str:
        """Put ``***`` for every identifier; the result is never longer than the VR allows (PS3.5 Section 6.2).

        ``text`` is one value; line breaks stay. Cleaning what is clean changes nothing.
        """
        limit = VRS[vr].max_length
        for _ in range(_MAX_PASSES):
            cleaned = self._pass(text, vr, limit)
            if cleaned == text:
                break
            text = cleaned
        return text

    def _pass(self, text: str, vr: str, limit: int | None) -> str:
        folded = fold(text)
        if self._is_clean(folded):
            return text if limit is None or len(text) <= limit else _cut(text, limit)
        if not is_normalized("NFC", text):
            text = normalize("NFC", text)
            folded = fold(text)
        paired = Folded.of(text, folded)
        spans = sorted(_search(paired, self._known))
        places = [(paired.origin(start), paired.origin(end)) for start, end in _merged(spans)]
        cleaned = _replaced(text, places, _IN_CS if vr == "CS" else REMOVED)
        if limit is not None and len(cleaned) > limit:
            cleaned = _replaced(text, places, _IN_CS if vr == "CS" else _SHORT)
        return cleaned if limit is None or len(cleaned) <= limit else _cut(cleaned, limit)

    def _is_clean(self, folded: str) -> bool:
        """Say whether nothing can be found, at the price of one look at each word."""
        found = words(folded)
        if not (self._triggers.isdisjoint(found) and _STARTING.isdisjoint(found)) or _SUSPECT.search(folded):
            return False
        return folded.isascii() or not is_unspaced(folded) or not self._is_marked(folded)

    def _is_marked(self, folded: str) -> bool:
        known = self._known
        return MARKS.search(folded) is not None or any(part in folded for part in (*known.scripts, *known.kana))


def _search(folded: Folded, known: Known) -> Iterator[Span]:
    found: list[Iterable[Span]] = [
        own_names(folded, known),
        own_places(folded, known),
        own_codes(folded, known),
        own_uids(folded, known),
        dates(folded, known),
        patterns(folded),
        marked_names(folded),
    ]
    if is_unspaced(folded.text):
        found += [own_scripts(folded, known), marked_scripts(folded)]
    return chain.from_iterable(found)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _replaced(text: str, spans: Iterable[Span], mark: str) -> str:
    pieces: list[str] = []
    last = 0
    for start, end in spans:
        pieces += (text[last:start], mark)
        last = end
    return "".join((*pieces, text[last:]))


def _cut(text: str, limit: int) -> str:
    """Shorten a value that was too long as it came, without making a new word of the half of one."""
    head = text[:limit]
    if text[limit].isalnum() and head[-1:].isalnum() and not is_unspaced(head[-1]):
        head = _PART_OF_WORD.sub("", head) or head
    return head.rstrip()
