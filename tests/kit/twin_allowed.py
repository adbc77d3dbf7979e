"""Where a gateway over an archive may answer otherwise than a plain archive of the copies: one table, with reasons.

``docs/twin.md`` shows it. A row that excuses nothing any more must go: a test says so.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.kit.twin_reference import LISTED, RANGED, Level, Question, tag_of, vr

PLAIN_CHARACTERS: Final = re.compile(r"[A-Za-z0-9!$'()*+,/:;=?@^_~.-]*")
_SOME_RESULTS, _ATTRIBUTES = r"found:", r"(empty|only) here:"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One difference: what it excuses (a pattern over ``Twin.differences``), in which searches, and why it is right."""

    name: str
    excuses: str
    why: str
    applies: Callable[[Question], bool] = lambda _: True


def unexcused(question: Question, differences: Iterable[str], used: set[str]) -> list[str]:
    """Drop what the table allows; note which rows were needed."""
    return _left([row for row in ALLOWED if row.applies(question)], differences, used)


def unexcused_metadata(differences: Iterable[str], used: set[str]) -> list[str]:
    """Do the same for metadata."""
    return _left(METADATA, differences, used)


def _left(rows: Sequence[Allowed], differences: Iterable[str], used: set[str]) -> list[str]:
    left = []
    for difference in differences:
        row = next((row for row in rows if re.match(row.excuses, difference)), None)
        if row is None:
            left.append(difference)
        else:
            used.add(row.name)
    return left


def _any_key(test: Callable[[str, str], bool]) -> Callable[[Question], bool]:
    return lambda question: any(test(tag_vr(name), value) for name, value in question.keys)


def tag_vr(name: str) -> str:
    """Give the VR of a match key."""
    return vr(tag_of(name.rpartition(".")[2]))


def _names(question: Question) -> set[int]:
    return {tag_of(name.partition(".")[0]) for name, _ in question.keys}


ALLOWED: Final = (
    Allowed(
        "Modalities in Study as a key of series and instances",
        r"found:",
        "matched, as every key of the study (PS3.18 Section 10.6.1.2.3); Orthanc finds nothing",
        lambda question: question.level is not Level.STUDY and 0x00080061 in _names(question),
    ),
    Allowed(
        "order of results",
        r"order:",
        "PS3.18 leaves it free; each side keeps its own from request to request, so that pages join",
    ),
    Allowed(
        "empty Modalities in Study",
        r"empty there: 00080061",
        "left out here: a viewer (OHIF) stops at one without a value; absent and empty say the same",
    ),
    Allowed(
        "nothing but an asterisk",
        _SOME_RESULTS,
        "matches everything (PS3.4 Section C.2.2.2.4); Orthanc wants some value to be there",
        _any_key(lambda _, value: value != "" and not value.strip("*")),
    ),
    Allowed(
        "lists by backslash",
        _SOME_RESULTS,
        "as by comma, since viewers (OHIF) write them so; Orthanc finds nothing",
        _any_key(lambda kind, value: kind in LISTED and "\\" in value),
    ),
    Allowed(
        "characters that need percent-encoding",
        _SOME_RESULTS,
        "decoded here (RFC 3986); Orthanc compares the encoded text and finds nothing",
        _any_key(lambda _, value: not PLAIN_CHARACTERS.fullmatch(value)),
    ),
    Allowed(
        "one of several values",
        _SOME_RESULTS,
        "a key matches any value of an attribute that has several (PS3.4 Section C.2.2.2); Orthanc compares all as one",
        lambda question: 0x00080008 in _names(question),
    ),
    Allowed(
        "ranges and attributes without a value",
        _SOME_RESULTS,
        "what has no date lies in no range (PS3.4 Section C.2.2.2.5); for Orthanc it lies before every end",
        _any_key(lambda kind, value: kind in RANGED and value.startswith("-")),
    ),
    Allowed(
        "attributes of the levels above",
        _ATTRIBUTES,
        "results of /series and /instances hold them (PS3.18 Section 10.6.3.3); Orthanc leaves out counts and "
        "modalities, and all of a level whose UID is a key",
        lambda question: question.level is not Level.STUDY and not question.within,
    ),
    Allowed(
        "every attribute there is",
        _ATTRIBUTES,
        "includefield=all is done here; Orthanc ignores it",
        lambda question: question.fields == ("all",),
    ),
    Allowed(
        "keys inside sequences",
        _SOME_RESULTS,
        "are matched item by item (PS3.18 Section 8.3.4.1); Orthanc ignores them",
        lambda question: any("." in name for name, _ in question.keys),
    ),
    Allowed(
        "cleaned text in search results",
        r"(copy|value): (00081030|0008103E)",
        "empty here: a result does not name its whole subject, so nothing says what must be cleaned away",
    ),
    Allowed(
        "searches for cleaned text",
        r"(standard|found):",
        "find nothing, as the row above",
        lambda question: bool(_names(question) & {0x00081030, 0x0008103E}),
    ),
)

METADATA: Final = (
    Allowed(
        "character set of metadata",
        r"00080005:",
        "JSON and XML are UTF-8, and ours say so; Orthanc repeats what the file says",
    ),
    Allowed(
        "sequences of empty items",
        r"\S+: SQ \[\d+\] against nothing",
        "stay, since there was something (PS3.18 Section F.2.5 writes such an item as {}); Orthanc leaves them out",
    ),
)
"""The same for metadata; the patterns are over ``surfaces.differences``."""
