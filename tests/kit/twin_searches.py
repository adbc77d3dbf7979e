"""Searches for the twin test, made from the values of the copies and of their sources; the same for the same seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pydicom.datadict import keyword_for_tag

from tests.kit.twin_reference import NUMERIC, RANGED, SERIES, STUDY, Level, Question, Reference, tag_of, vr

STUDY_KEYS: Final = ("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName",
                     "PatientName", "PatientID", "StudyInstanceUID", "StudyID")  # fmt: skip
SERIES_KEYS: Final = ("Modality", "SeriesInstanceUID", "SeriesNumber", "PerformedProcedureStepStartDate",
                      "PerformedProcedureStepStartTime")  # fmt: skip
INSTANCE_KEYS: Final = ("SOPClassUID", "SOPInstanceUID", "InstanceNumber")
"""Required matching keys (PS3.18 Tables 10.6.1-5)."""
MORE: Final = {
    Level.STUDY: ("PatientBirthDate", "PatientSex", "StudyDescription", "PatientAge"),
    Level.SERIES: ("SeriesDescription", "BodyPartExamined", "Manufacturer", "InstitutionName", "PatientSex"),
    Level.INSTANCE: ("NumberOfFrames", "Rows", "ImageType", "ContentDate", "PatientSex"),
}
"""What an archive need not match on, but clients ask and OHIF and Weasis show."""
REQUESTS: Final = ("RequestAttributesSequence.ScheduledProcedureStepID", "00400275.00401001")
_LEVELS: Final = tuple(Level)


@dataclass(frozen=True, slots=True)
class Values:
    """Where values come from: the copies, the sources, and chance."""

    copies: Reference
    sources: Reference
    chance: random.Random

    def one(self, name: str, *, hidden: bool = False) -> str:
        """Draw a value of an attribute, of a copy or of a source; empty where there is none."""
        reference = self.sources if hidden else self.copies
        found = [text for data_set in reference.instances for text in reference.values([data_set], tag_of(name))]
        return self.chance.choice(found) if found else ""

    def written(self, name: str) -> str:
        """Write an attribute as keyword or tag."""
        tag = tag_of(name)
        return self.chance.choice((keyword_for_tag(tag), f"{tag:08X}", f"{tag:08x}"))

    def level(self) -> Level:
        """Draw a level."""
        return self.chance.choice(_LEVELS)

    def key(self, level: Level, *kinds: str, but: tuple[str, ...] = ()) -> str:
        """Draw an attribute that may be a key at a level, of one of the VRs or of any but some."""
        known = {name: vr(tag_of(name)) for name in names(level)}
        fitting = [name for name, kind in known.items() if kind not in but and (not kinds or kind in kinds)]
        return self.chance.choice(fitting)

    def within(self, level: Level) -> tuple[str, ...]:
        """Draw a study, or a study and a series, that the path of a level may name; nothing for studies."""
        one = self.chance.choice(self.copies.instances)
        above = (str(one[STUDY].value), str(one[SERIES].value))
        return above[: {Level.STUDY: 0, Level.SERIES: 1, Level.INSTANCE: self.chance.choice((1, 2))}[level]]


def names(level: Level) -> tuple[str, ...]:
    """List the attributes that may be keys at a level: its own and those above."""
    own = {Level.STUDY: STUDY_KEYS, Level.SERIES: SERIES_KEYS, Level.INSTANCE: INSTANCE_KEYS}
    above = _LEVELS[: _LEVELS.index(level) + 1]
    return tuple(dict.fromkeys(name for one in above for name in own[one])) + MORE[level]


def searches(kind: str, values: Values, count: int) -> list[Question]:
    """Make different searches of one kind, in a row that only the seed decides."""
    found: dict[Question, None] = {}
    for _ in range(count * 20):
        found.setdefault(KINDS[kind](values))
        if len(found) == count:
            break
    return list(found)


def _exact(values: Values) -> Question:
    level = values.level()
    name = values.key(level)
    return Question(level, ((values.written(name), values.one(name)),))


def _hidden(values: Values) -> Question:
    level = values.level()
    name = values.key(level)
    value = values.one(name, hidden=True)
    if vr(tag_of(name)) not in RANGED | NUMERIC | {"UI"} and values.chance.random() < 0.5:
        value = value[: values.chance.randint(1, max(len(value), 1))] + "*"
    return Question(level, ((values.written(name), value),))


def _wild(values: Values) -> Question:
    level = values.level()
    name = values.key(level, "LO", "SH", "PN", "CS", "AS")
    value = values.one(name) or values.one("PatientID")
    cut = values.chance.randrange(len(value))
    pattern = values.chance.choice((
        f"{value[:cut]}*", f"*{value[cut:]}", f"*{value[cut : cut + 3]}*", f"{value[:cut]}?{value[cut + 1 :]}",
        f"{value[:cut]}*{value[cut + 1 :]}", "?" * len(value), f"{value}?", f"*{value}*",
    ))  # fmt: skip
    return Question(level, ((values.written(name), pattern),))


def _case(values: Values) -> Question:
    level = values.level()
    name = values.key(level, "LO", "SH", "PN", "CS")
    value = values.one(name) or values.one("PatientName")
    pattern = values.chance.choice((value.lower(), value.swapcase(), f"{value[:4].lower()}*"))
    return Question(level, ((values.written(name), pattern),))


def _range(values: Values) -> Question:
    level = values.level()
    name = values.key(level, *RANGED)
    one, other = sorted((values.one(name) or "20240312", values.one(name, hidden=True) or "090000"))
    pattern = values.chance.choice((f"{one}-{one}", f"{one}-", f"-{one}", f"{other}-", f"-{other}", f"{one}-{other}"))
    if len(one) != len(other):
        pattern = f"{one}-"
    return Question(level, ((values.written(name), pattern),))


def _list(values: Values) -> Question:
    level = values.level()
    name = values.key(level, "UI")
    some = [values.one(name) for _ in range(values.chance.randint(1, 3))]
    if values.chance.random() < 0.3:
        some.append(values.one(name, hidden=True))
    separator = values.chance.choice((",", ",", "\\"))
    return Question(level, ((values.written(name), separator.join(dict.fromkeys(some))),))


def _empty(values: Values) -> Question:
    level = values.level()
    return Question(level, ((values.written(values.key(level)), values.chance.choice(("", "", "*"))),))


def _several(values: Values) -> Question:
    level = values.level()
    chosen = dict.fromkeys(values.key(level) for _ in range(values.chance.randint(2, 3)))
    one = values.chance.choice(values.copies.instances)
    keys = []
    for name in chosen:
        found = values.copies.values([one], tag_of(name))
        keys.append((values.written(name), values.chance.choice(found) if found else ""))
    return Question(level, tuple(keys))


def _page(values: Values) -> Question:
    level = values.level()
    keys = values.chance.choice(((), ((values.written("PatientID"), "DV*"),), (("PatientSex", "F"),)))
    limit, offset = values.chance.choice((1, 2, 3, 5, 100, None)), values.chance.choice((None, 0, 1, 4, 11, 60))
    return Question(level, keys, limit=limit, offset=offset)


def _fields(values: Values) -> Question:
    level = values.level()
    some = [values.written(values.key(level)) for _ in range(values.chance.randint(1, 3))]
    fields = values.chance.choice((tuple(some), (",".join(some),), ("all",)))
    return Question(level, (), fields)


def _below(values: Values) -> Question:
    level = values.chance.choice((Level.SERIES, Level.INSTANCE))
    name = values.key(level, but=("UI",))
    keys = values.chance.choice(((), ((values.written(name), values.one(name)),)))
    return Question(level, keys, within=values.within(level))


def _sequence(values: Values) -> Question:
    level = values.chance.choice((Level.SERIES, Level.INSTANCE))
    name = values.chance.choice(REQUESTS)
    letter = "SPS" if name.endswith("ID") else "RP"
    pattern = values.chance.choice((f"{letter}-1", f"{letter}-12", f"{letter.lower()}-2", "RP-*", "SPS-?", "", "*"))
    more = values.chance.choice(((), (("Modality", "CT"),), (("PatientID", "DV*"),)))
    return Question(level, ((name, pattern), *more))


KINDS: Final[dict[str, Callable[[Values], Question]]] = {
    "exact": _exact,
    "hidden": _hidden,
    "wild": _wild,
    "case": _case,
    "range": _range,
    "list": _list,
    "empty": _empty,
    "several": _several,
    "page": _page,
    "fields": _fields,
    "below": _below,
    "sequence": _sequence,
}


def plain_lists(reference: Reference) -> Iterator[Question]:
    """Ask for everything there is, by every path."""
    yield from (Question(level) for level in Level)
    for one in reference.instances[::4]:
        study, series = str(one[STUDY].value), str(one[SERIES].value)
        yield Question(Level.SERIES, within=(study,))
        yield Question(Level.INSTANCE, within=(study,))
        yield Question(Level.INSTANCE, within=(study, series))
