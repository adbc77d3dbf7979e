"""Search Transaction of the embedded origin (PS3.18 Section 10.6) on the index and, where that is not enough, files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import parse_qsl

from gateway.adapters.folder.attributes import CHARACTER_SET, Json
from gateway.adapters.folder.index import (
    INDEXED,
    INSTANCE_RETURN,
    INSTANCE_UID,
    SERIES_RETURN,
    SERIES_TAGS,
    SERIES_UID,
    STUDY_RETURN,
    STUDY_TAGS,
    STUDY_UID,
    Index,
    Instance,
    Series,
    Study,
    resource,
)
from gateway.adapters.folder.matching import BadQueryError, attribute_path, compile_match

MAX_PARAMETERS = 200

MODALITIES = "00080061"
AVAILABILITY = "00080056"
RETRIEVE_URL = "00081190"
TRANSFER_SYNTAX = "00083002"
SERIES_IN_STUDY, INSTANCES_IN_STUDY, INSTANCES_IN_SERIES = "00201206", "00201208", "00201209"

Header = Callable[[Instance], Json]


class Level(IntEnum):
    """Information entities, from the top."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3


@dataclass(frozen=True, slots=True)
class Target:
    """What a Search resource looks for: its level, and what its path fixes."""

    level: Level
    study_uid: str | None = None
    series_uid: str | None = None
    up: str = ""  # leads from the resource's own URL to the service base

    @property
    def top(self) -> Level:
        """The highest level whose Attributes come back: those above the path's own are known to the client."""
        return Level.INSTANCE if self.series_uid else Level.SERIES if self.study_uid else Level.STUDY


@dataclass(frozen=True, slots=True)
class Found:
    """The matches asked for, how many more there are, and whether something in the query was not honoured."""

    matches: list[Json]
    remaining: int = 0
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class _Entity:
    study: Study
    series: Series | None = None
    instance: Instance | None = None

    def all_series(self) -> Iterator[Series]:
        yield from [self.series] if self.series else self.study.series.values()

    def all_instances(self) -> Iterator[Instance]:
        if self.instance:
            yield self.instance
        else:
            for one in self.all_series():
                yield from one.instances.values()


@dataclass(slots=True)
class _Query:
    keys: list[tuple[tuple[str, ...], Callable[[Json], bool]]]
    fields: set[str]
    everything: bool = False
    limit: int | None = None
    offset: int = 0
    ignored: bool = False


def search(index: Index, target: Target, query: str, header: Header) -> Found:
    """Run a search; ``header`` reads what the index does not hold. Raises BadQueryError."""
    asked = _parse(query)
    entities = [one for one in _entities(index, target) if _matches(one, asked, header)]
    end = len(entities) if asked.limit is None else asked.offset + asked.limit
    chosen = entities[asked.offset : end]
    matches = [_describe(one, target, asked, header) for one in chosen]
    return Found(matches, max(0, len(entities) - end), asked.ignored)


def _parse(query: str) -> _Query:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise BadQueryError("the query cannot be read") from None
    asked = _Query([], set())
    for name, value in pairs:
        if name in ("limit", "offset"):
            if not (value.isascii() and value.isdigit()):
                raise BadQueryError(f"{name} is not an unsigned integer")
            setattr(asked, name, int(value))
        elif name == "includefield":
            _add_fields(asked, value)
        elif name in ("fuzzymatching", "emptyvaluematching", "multiplevaluematching"):
            asked.ignored |= value == "true" and name != "multiplevaluematching"
        elif path := attribute_path(name):
            asked.keys.append((path, compile_match(path, value)))
            asked.fields.add(path[0])
        else:
            asked.ignored = True
    return asked


def _add_fields(asked: _Query, value: str) -> None:
    for field in value.split(","):
        if field == "all":
            asked.everything = True
        elif path := attribute_path(field):
            asked.fields.add(path[0])
        else:
            asked.ignored = True


def _entities(index: Index, target: Target) -> Iterator[_Entity]:
    studies = index.studies.values() if target.study_uid is None else [index.studies.get(target.study_uid)]
    for study in filter(None, studies):
        if target.level == Level.STUDY:
            yield _Entity(study)
            continue
        for one in study.series.values():
            if target.series_uid not in (None, one.uid):
                continue
            if target.level == Level.SERIES:
                yield _Entity(study, one)
            else:
                yield from (_Entity(study, one, instance) for instance in one.instances.values())


def _matches(entity: _Entity, asked: _Query, header: Header) -> bool:
    """A key of a lower level is fulfilled by an entity that holds at least one match."""
    return all(any(accepts(values) for values in _sources(entity, path[0], header)) for path, accepts in asked.keys)


def _sources(entity: _Entity, tag: str, header: Header) -> Iterator[Json]:
    """Where the values of an Attribute are found: in the index, or else in headers."""
    if tag in _COMPUTED:
        yield _computed(entity)
    elif tag in STUDY_TAGS:
        yield entity.study.attributes if tag in INDEXED else header(next(entity.all_instances()))
    elif tag in SERIES_TAGS:
        for one in entity.all_series():
            yield one.attributes if tag in INDEXED else header(next(iter(one.instances.values())))
    else:
        for instance in entity.all_instances():
            yield instance.attributes if tag in INDEXED else header(instance)


def _describe(entity: _Entity, target: Target, asked: _Query, header: Header) -> Json:
    wanted = set(asked.fields)
    for level, tags in ((Level.STUDY, STUDY_RETURN), (Level.SERIES, SERIES_RETURN), (Level.INSTANCE, INSTANCE_RETURN)):
        if target.top <= level <= target.level:
            wanted.update(tags)
    wanted.update((STUDY_UID, SERIES_UID, INSTANCE_UID)[: target.level])
    known = _known(entity, target, wanted, header, everything=asked.everything)
    chosen = known if asked.everything else {tag: entry for tag, entry in known.items() if tag in wanted}
    found = chosen | _computed(entity, target) | {f"{CHARACTER_SET:08X}": {"vr": "CS", "Value": ["ISO_IR 192"]}}
    return dict(sorted(found.items()))


def _known(entity: _Entity, target: Target, wanted: set[str], header: Header, *, everything: bool) -> Json:
    """Everything known at the level and above; a file is opened only for what the index does not hold."""
    found = dict(entity.study.attributes)
    found |= entity.series.attributes if entity.series else {}
    found |= entity.instance.attributes if entity.instance else {}
    visible = [STUDY_TAGS, STUDY_TAGS | SERIES_TAGS, None][target.level - 1]
    missing = {tag for tag in wanted if tag not in INDEXED and tag not in _COMPUTED and (not visible or tag in visible)}
    if missing or everything:
        read = header(next(entity.all_instances()))
        found |= {tag: entry for tag, entry in read.items() if visible is None or tag in visible}
    return found


_COMPUTED = frozenset({MODALITIES, AVAILABILITY, SERIES_IN_STUDY, INSTANCES_IN_STUDY, INSTANCES_IN_SERIES})


def _computed(entity: _Entity, target: Target | None = None) -> Json:
    """Attributes no file has (PS3.18 Section 10.6.3.3)."""
    levels = range(Level.STUDY, Level.INSTANCE + 1) if target is None else range(target.top, target.level + 1)
    found: Json = {AVAILABILITY: {"vr": "CS", "Value": ["ONLINE"]}}
    if Level.STUDY in levels:
        # Without a Value it makes viewers fail, so a Study without any Modality has none.
        found |= {MODALITIES: {"vr": "CS", "Value": entity.study.modalities}} if entity.study.modalities else {}
        found[SERIES_IN_STUDY] = _count(len(entity.study.series))
        found[INSTANCES_IN_STUDY] = _count(sum(len(one.instances) for one in entity.study.series.values()))
    if Level.SERIES in levels and entity.series:
        found[INSTANCES_IN_SERIES] = _count(len(entity.series.instances))
    if target is not None:
        path = resource(*(one.uid for one in (entity.study, entity.series, entity.instance) if one))
        found[RETRIEVE_URL] = {"vr": "UR", "Value": [target.up + path]}
        if entity.instance:
            found[TRANSFER_SYNTAX] = {"vr": "UI", "Value": [entity.instance.transfer_syntax]}
    return found


def _count(number: int) -> Json:
    return {"vr": "IS", "Value": [number]}
