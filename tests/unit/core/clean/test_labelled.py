"""Recall and precision of cleaning on labelled texts: what has to go, what has to stay (labelled/README.md)."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from gateway.core.clean.fold import fold, words
from gateway.core.clean.subject import Subject
from gateway.core.clean.text import TextCleaner

_FILES = sorted((Path(__file__).parent / "labelled").glob("*.yaml"))
_MARK = re.compile(r"\{([^}]*)\}|<([^>]*)>")


@dataclass
class _Score:
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def share(self, good: str, bad: str) -> float:
        total = self.counts[good] + self.counts[bad]
        return self.counts[good] / total if total else 1.0

    def row(self, name: str) -> str:
        return (
            f"{name:6} {self.counts['texts']:5} {self.share('own', 'own leaked'):10.1%}"
            f" {self.share('pattern', 'pattern leaked'):10.1%} {self.share('removed rightly', 'removed wrongly'):10.1%}"
            f" {self.share('kept', 'removed wrongly'):10.1%}"
        )


def _is_left(span: str, kept: str, cleaned: str) -> bool:
    """Say whether a word of a marked span, of two signs or more, is still there and is no word of the rest."""
    rest, left = fold(kept), Counter(words(fold(cleaned)))
    left.subtract(words(rest))
    for word in words(fold(span)):
        unspaced = ord(word[0]) > 0x3000 and word in fold(cleaned) and word not in rest
        if unspaced or (len(word) > 1 and left[word] > 0):
            return True
    return False


def _grade(text: str, cleaner: TextCleaner, score: _Score) -> None:
    plain = _MARK.sub(lambda found: found[1] or found[2], text)
    kept = _MARK.sub(" ", text)
    cleaned = cleaner.clean(plain, "UT")
    score.counts["texts"] += 1
    faults = []
    for found in _MARK.finditer(text):
        kind = "own" if found[1] else "pattern"
        is_leaked = _is_left(found[0], kept, cleaned)
        score.counts[f"{kind} leaked" if is_leaked else kind] += 1
        score.counts["removed rightly"] += not is_leaked
        faults += [f"{kind} leaked: {found[0]}"] * is_leaked
    place = 0
    for word in kept.split():
        at = cleaned.find(word, place)
        score.counts["kept" if at >= 0 else "removed wrongly"] += 1
        faults += [f"lost: {word}"] * (at < 0)
        place = at + len(word) if at >= 0 else place
    score.faults += [f"{text} -> {cleaned}  {faults}"] * bool(faults)


def _score(path: Path) -> _Score:
    labelled = yaml.safe_load(path.read_text(encoding="utf-8"))
    cleaner = TextCleaner(Subject(**{name: frozenset(values) for name, values in labelled["subject"].items()}))
    score = _Score()
    for text in labelled["texts"]:
        _grade(text, cleaner, score)
    return score


@pytest.fixture(scope="module")
def scores() -> dict[str, _Score]:
    found = {path.stem: _score(path) for path in _FILES}
    total = _Score()
    for score in found.values():
        total.counts += score.counts
        total.faults += score.faults
    print("\nlang   texts own recall    pattern  precision       kept")
    for name, score in (*found.items(), ("all", total)):
        print(score.row(name))
    print(*total.faults, sep="\n")
    return found | {"all": total}


def test_the_set_is_large_and_in_thirteen_languages(scores: dict[str, _Score]) -> None:
    assert len(_FILES) == 13
    assert scores["all"].counts["texts"] >= 250


@pytest.mark.parametrize("language", [path.stem for path in _FILES])
def test_no_identifier_of_the_subject_is_left(scores: dict[str, _Score], language: str) -> None:
    assert scores[language].share("own", "own leaked") == 1.0, scores[language].faults


@pytest.mark.parametrize("language", [path.stem for path in _FILES])
def test_clinical_words_stay_in_every_language(scores: dict[str, _Score], language: str) -> None:
    assert scores[language].share("kept", "removed wrongly") >= 0.97, scores[language].faults


def test_texts_written_after_the_rules_fare_nearly_as_well() -> None:
    score = _score(_FILES[0].parent / "unseen" / "mixed.yaml")
    print(score.row("unseen"), *score.faults, sep="\n")
    assert score.share("own", "own leaked") == 1.0, score.faults
    assert score.share("pattern", "pattern leaked") >= 0.9, score.faults
    assert score.share("kept", "removed wrongly") >= 0.97, score.faults


def test_what_looks_like_an_identifier_goes_and_little_else(scores: dict[str, _Score]) -> None:
    total = scores["all"]
    assert total.share("pattern", "pattern leaked") >= 0.95, total.faults
    assert total.share("kept", "removed wrongly") >= 0.99, total.faults
    assert total.share("removed rightly", "removed wrongly") >= 0.97, total.faults
