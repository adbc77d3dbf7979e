"""What is known of the subject, in every form it may be written in: sets of folded words, made once for a Subject."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, permutations, product
from typing import Final

from gateway.core.clean.fold import fold, is_unspaced, spellings, words
from gateway.core.clean.subject import Subject
from gateway.core.clean.vocabulary import (
    CYRILLIC_ENDINGS,
    GENERIC,
    GENERIC_UNSPACED,
    GREEK_ENDINGS,
    PARTICLES,
    STREETS,
    SUFFIXES,
    TITLES,
)

MIN_CODE: Final = 3  # an identifier of one or two characters is no word of its own: "1", "A2"
_MAX_PARTS: Final = 8
_MAX_PREFIX: Final = 64  # the longest LO and group of a PN; a longer one is found whole
_CYRILLIC = re.compile("[а-я]+")
_CYRILLIC_ENDING = re.compile("(?:ого|ому|ым|ои|ая|ую|ии|а|я|и|ы|ь|е|о)$")
_GREEK = re.compile("[α-ω]+")
_GREEK_ENDING = re.compile("(?:ουσ|οσ|ησ|ασ|ου|η|α|ο)$")
_ARABIC = re.compile("[ء-ي]+")
_ARABIC_BEFORE = tuple(map("".join, product(("", "و", "ف"), ("", "ب", "ل", "ك"), ("", "ال"))))
_PIECES = re.compile(r"[,;\r\n^=|/()]+")
_APOSTROPHE = re.compile("['’]")
_TELECOM = re.compile(r"[a-z]+:(?=[+\d(\w])|[\s,;]+(?=[a-z]+:)", re.IGNORECASE)
_DIVISIONS = re.compile(
    "|".join(sorted(GENERIC_UNSPACED, key=len, reverse=True)) + "|(?<=..)[都道府県市区町村省路街号郡州县镇시구동로읍면]"
)
_LETTER_RUN = re.compile(r"[^\W\d_]+")
_FOUR_DIGITS = re.compile(r"\d{4}")
_KANA = re.compile("[ぁ-ゖー]{1,2}")


@dataclass(frozen=True, slots=True)
class Known:
    """The written forms, all folded.

    ``names`` go as whole words; ``inflected`` ones where they start with a capital; ``joints`` are beginnings of names
    that may be written in pieces; ``scripts`` go wherever they occur in scripts without spaces, ``kana`` (one or two
    signs) where they stand alone; ``initials`` and ``particles`` go beside a name; ``phrases`` by their first word;
    ``codes`` without separators, and ``stems`` their beginnings.
    """

    names: frozenset[str]
    inflected: frozenset[str]
    joints: frozenset[str]
    scripts: tuple[str, ...]
    kana: tuple[str, ...]
    initials: frozenset[str]
    particles: frozenset[str]
    places: frozenset[str]
    phrases: Mapping[str, tuple[tuple[str, ...], ...]]
    codes: frozenset[str]
    stems: frozenset[str]
    triples: frozenset[tuple[int, int, int]]
    days: frozenset[str]
    uids: frozenset[str]
    triggers: frozenset[str]


def know(subject: Subject) -> Known:
    """Work out every written form of what a Subject holds."""
    names = _Names()
    for value in subject.names:
        for group in value.split("="):
            names.add(group)
    places = _Places()
    for value in subject.places:
        places.add(value)
    codes = set(chain.from_iterable(map(_codes, subject.identifiers | names.coded | places.coded)))
    codes.update(chain.from_iterable(map(_compact_dates, subject.dates)))
    phrases: dict[str, set[tuple[str, ...]]] = {}
    for phrase in places.phrases.union(*map(_worded, subject.identifiers)):
        phrases.setdefault(phrase[0], set()).add(phrase)
    plain = names.words - names.particles
    joints = frozenset(name[:end] for name in plain for end in range(2, min(len(name), _MAX_PREFIX)))
    inflected = frozenset(chain.from_iterable(map(_inflected, plain)))
    unspaced = names.unspaced | places.unspaced
    kana = frozenset(part for part in unspaced if _KANA.fullmatch(part))
    return Known(
        names=frozenset(plain | names.joined),
        inflected=inflected,
        joints=joints,
        scripts=tuple(sorted(part for part in unspaced - kana if len(part) > 1)),
        kana=tuple(sorted(kana)),
        initials=frozenset(names.initials) | {part for part in unspaced if len(part) == 1},
        particles=frozenset(names.particles),
        places=frozenset(places.words),
        phrases={first: tuple(sorted(rest, key=len, reverse=True)) for first, rest in phrases.items()},
        codes=frozenset(codes),
        stems=frozenset(code[:end] for code in codes for end in range(1, min(len(code), _MAX_PREFIX) + 1)),
        triples=frozenset(chain.from_iterable(map(_triples, subject.dates))),
        days=frozenset(chain.from_iterable(map(_days, subject.dates))),
        uids=subject.uids,
        triggers=frozenset(plain)
        | names.joined
        | inflected
        | joints
        | places.words
        | phrases.keys()
        | _triggers(codes),
    )


def _triggers(codes: Iterable[str]) -> set[str]:
    """Give words, one of which a text with such a code has; four digits in a row are looked at anyway."""
    found: set[str] = set()
    for code in codes:
        if not _FOUR_DIGITS.search(code):
            run = code if code.isdecimal() else _LETTER_RUN.search(code)[0]  # type: ignore[index]
            found.update(run[:end] for end in range(1 if len(run) == 1 else 2, min(len(run), _MAX_PREFIX) + 1))
    return found


class _Names:
    """Collects the parts of person names (PS3.5 Section 6.2.1)."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.joined: set[str] = set()
        self.initials: set[str] = set()
        self.particles: set[str] = set()
        self.unspaced: set[str] = set()
        self.coded: set[str] = set()

    def add(self, group: str) -> None:
        """Take in one component group."""
        components = group.split("^")
        variants = [sorted(spellings(component)) for component in components]
        for place, forms in enumerate(variants):
            for form in forms:
                self._component(words(form), is_affix=place > 2)
        self.coded.update(
            chunk for chunk in group.replace("^", " ").split() if any(map(str.isdecimal, chunk)) and len(chunk) > 2
        )
        for index in (0, -1) if any(len(forms) > 1 for forms in variants) else (0,):
            parts = [[word for word in words(forms[index]) if word.isalpha()] for forms in variants[:3]]
            self._join([part for part in parts if part])

    def _component(self, parts: list[str], *, is_affix: bool) -> None:
        letters = [part for part in parts if part.isalpha()]
        aside = TITLES | SUFFIXES if is_affix else TITLES | SUFFIXES | PARTICLES if len(letters) > 1 else frozenset()
        for part in letters:
            if is_unspaced(part):
                self.unspaced.add(part)
            elif len(part) == 1:
                self.initials.add(part)
            elif part in aside:
                if part in PARTICLES:
                    self.particles.add(part)
            else:
                self.words.add(part)
                self.initials.add(part[0])

    def _join(self, components: list[list[str]]) -> None:
        """Add what is written as one word: parts of a component, family and given name, a name and an initial."""
        whole = ["".join(component) for component in components]
        joined = {"".join(pair) for pair in chain(*map(pairwise, components), permutations(whole, 2))} | set(whole)
        for first, second in permutations(whole[:2], 2):
            if len(second) > 2:
                joined.update((first[0] + second, second + first[0]))
        self.unspaced.update(" ".join(pair) for pair in permutations(whole, 2) if all(map(is_unspaced, pair)))
        for word in joined:
            if is_unspaced(word):
                self.unspaced.add(word)
            elif len(word) > 3:
                self.joined.add(word)


class _Places:
    """Collects institutions, departments, stations and addresses."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.phrases: set[tuple[str, ...]] = set()
        self.unspaced: set[str] = set()
        self.coded: set[str] = set()

    def add(self, value: str) -> None:
        """Take in one value, piece by piece."""
        for piece in filter(None, map(str.strip, _PIECES.split(value))):
            for form in _street(spellings(piece) | spellings(_APOSTROPHE.sub("", piece))):
                self._piece(words(form))
            self.coded.update(chunk for chunk in piece.split() if _is_coded(chunk))

    def _piece(self, parts: list[str]) -> None:
        letters = [part for part in parts if part.isalpha()]
        own = [part for part in letters if part not in GENERIC and part not in PARTICLES]
        if own or sum(len(part) > 3 for part in parts) > 1:
            self.phrases.update(tuple(phrase) for phrase in (parts, letters) if len(phrase) > 1)
        if len(letters) < len(parts) and not STREETS.isdisjoint(letters):
            return  # a street with its number: its words alone are too common
        for part in own:
            if is_unspaced(part):
                self._divide(part)
            elif len(part) > (1 if len(parts) == 1 else 2):
                self.words.add(part)

    def _divide(self, part: str) -> None:
        if part not in GENERIC_UNSPACED:
            self.unspaced.add(part)
        self.unspaced.update(piece for piece in _DIVISIONS.split(part) if len(piece) > 1)


def _street(forms: Iterable[str]) -> Iterator[str]:
    for form in forms:
        yield form
        if "strasse" in form:
            yield form.replace("strasse", "str")


def _is_coded(chunk: str) -> bool:
    """Say whether a word of a place is a code: a station's number, a postal code of five digits or more."""
    digits = sum(map(str.isdecimal, chunk))
    return digits > 4 or (digits > 0 and any(map(str.isalpha, chunk)) and fold(chunk) not in GENERIC)


def _codes(value: str) -> Iterator[str]:
    """Give an identifier without separators, with and without leading zeros, and its own number alone."""
    for text in filter(None, map(str.strip, _TELECOM.split(value))):
        runs = words(fold(text))
        if _is_code(runs) or (len(runs) == 1 and runs[0] not in GENERIC):
            yield from (code for code in _forms(runs) if len(code) >= MIN_CODE)


def _forms(runs: Sequence[str]) -> Iterator[str]:
    raw, bare = "".join(runs), "".join(run.lstrip("0") for run in runs)
    yield from (raw, bare)
    numbers = [run for run in runs if run.isdecimal()]
    if len(runs) > 1:
        yield from (run for run in numbers if len(run) > 4 or (len(run) > 3 and len(numbers) == 1))
        yield from (run.lstrip("0") for run in numbers if len(run.lstrip("0")) > 3 and len(numbers) == 1)
    if raw.isdecimal() and len(bare) > 8:  # a telephone number: without its country, its area
        yield from (bare[start:].lstrip("0") for start in (1, 2, 3))
        yield raw[-7:]


def _worded(value: str) -> Iterator[tuple[str, ...]]:
    """Give an identifier that is a phrase rather than a code."""
    runs = tuple(words(fold(value)))
    if len(runs) > 1 and not _is_code(runs):
        yield runs


def _is_code(runs: Sequence[str]) -> bool:
    return len(runs) <= _MAX_PARTS and any(map(str.isdecimal, runs))


def _inflected(word: str) -> Iterator[str]:
    if len(word) < 3:
        return
    if _CYRILLIC.fullmatch(word):
        stem = _CYRILLIC_ENDING.sub("", word)
        yield from (stem + ending for ending in CYRILLIC_ENDINGS if len(stem) > 2)
    elif _GREEK.fullmatch(word):
        stem = _GREEK_ENDING.sub("", word)
        yield from (stem + ending for ending in GREEK_ENDINGS if len(stem) > 2)
    elif _ARABIC.fullmatch(word):
        bare = word.removeprefix("ال")
        yield from (before + bare for before in _ARABIC_BEFORE)
    else:
        yield word + "s"


def _numbers(date: str) -> tuple[int, int, int]:
    return int(date[:4]), int(date[4:6]), int(date[6:])


def _triples(date: str) -> Iterator[tuple[int, int, int]]:
    """Give year, month and day in every order in use, the year also by two digits."""
    whole, month, day = _numbers(date)
    for year in (whole, whole % 100):
        yield from ((year, month, day), (year, day, month), (day, month, year), (month, day, year))


def _days(date: str) -> Iterator[str]:
    """Give the forms without a year."""
    day, month = date[6:], date[4:6]
    yield from (f"{day}.{month}.", f"{int(day)}.{int(month)}.", f"{day}/{month}", f"{month}/{day}")


def _compact_dates(date: str) -> Iterator[str]:
    year, month, day = date[:4], date[4:6], date[6:]
    for short in (year, year[2:]):
        yield from (short + month + day, day + month + short, month + day + short)
