"""YAML text to plain data that remembers its lines, and pydantic validation that reports every fault with them.

Every scalar stays the text that was written: ``000000``, ``19900101``, ``NO`` and ``O`` are values in DICOM, not
numbers or truth values. Duplicate keys, anchors, aliases and tags are refused: a security setting that is overwritten
further down, or comes from somewhere else, misleads its reader.
"""

import difflib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from gateway.core.errors import ConfigFault, ConfigFaults

__all__ = ["Document", "Path", "check", "load", "nearest", "validate"]

# A path names the way from the root: mapping keys and list positions (from 0).
Path = tuple[str | int, ...]

# Deeper nesting than any setting or profile has; keeps hostile text from exhausting the stack.
MAX_DEPTH = 32

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed YAML text: ``data`` holds dicts, lists and strings only; an empty scalar is ``""``."""

    source: str
    data: dict[str, Any]
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of ``path``, or of its nearest ancestor that was written."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def where(self, path: Path) -> str:
        """Return ``source:line`` of ``path``."""
        return f"{self.source}:{self.line(path)}"

    def fault(self, path: Path, what: str) -> ConfigFault:
        """Make a fault that names ``path`` in words and in file and line."""
        name = format_path(path)
        return ConfigFault(self.where(path), f"{name}: {what}" if name else what)


def load(text: str, source: str) -> Document:
    """Parse ``text``; ``source`` is its name in messages. Raises ConfigFaults, with every fault the parser can see."""
    reader = _Reader(source)
    try:
        data = reader.read(yaml.parse(text, Loader=yaml.BaseLoader))
    except yaml.MarkedYAMLError as error:
        reader.refuse(error.problem_mark, f"not valid YAML: {_in_words(error.problem or '')}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reader.faults.append(ConfigFault(f"{source}:{line}", "not valid YAML: it holds a control character"))
    if reader.faults:
        raise ConfigFaults(reader.faults) from None
    return Document(source, data, types.MappingProxyType(reader.lines))


def _in_words(problem: str) -> str:
    """Say what a person has to look at."""
    if "'\\t'" in problem:
        return "a tab: indent with blanks"
    if problem.startswith(("mapping values are not allowed", "expected <block end>", "did not find expected")):
        return f"{problem}: is this line, or the one above, indented as its neighbours are?"
    return problem


def validate(model: type[M], document: Document) -> M:
    """Build ``model`` from the document; raises ConfigFaults with one fault per error."""
    checked = check(model, document)
    if isinstance(checked, list):
        raise ConfigFaults(checked)
    return checked


def check(model: type[M], document: Document, path: Path = ()) -> M | list[ConfigFault]:
    """Build ``model`` from the part of the document at ``path``, or list what is wrong with that part."""
    data: Any = document.data
    for step in path:
        data = data[step]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Inputs stay out: a value may be a secret that was written into the wrong place.
        errors = error.errors(include_url=False, include_input=False)
    return [_explain(model, document, path, data, item) for item in errors]


def nearest(word: str, known: Iterator[str] | list[str]) -> str:
    """Return ``' (did you mean "x"?)'`` for the known word most like ``word`` in any case, or nothing."""
    folded = {one.lower(): one for one in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1)
    return f' (did you mean "{folded[close[0]]}"?)' if close else ""


def format_path(path: Path) -> str:
    """Print a path as ``worklists.research.studies[0]``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


@dataclass(slots=True)
class _Reader:
    """Turns parser events into data; collects faults as it goes, so that one run shows them all."""

    source: str
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[ConfigFault] = field(default_factory=list)

    def refuse(self, mark: Any, what: str) -> None:
        self.faults.append(ConfigFault(f"{self.source}:{_line(mark)}", what))

    def read(self, events: Iterator[yaml.Event]) -> dict[str, Any]:
        next(events)  # the start of the stream
        start = next(events)
        if isinstance(start, yaml.StreamEndEvent):
            self.refuse(start.start_mark, "the file is empty; expected keys and values")
            return {}
        root = next(events)
        self.lines[()] = _line(root.start_mark)
        data = self._node(root, events, ())
        next(events)  # the end of the document
        if not isinstance(data, dict):
            self.refuse(root.start_mark, "expected keys and values at the top of the file")
            return {}
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            self.refuse(after.start_mark, "a second document in one file")
        return data

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: Path) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self.refuse(event.start_mark, "aliases (*name) are not allowed; write the value out")
            return ""
        self._refuse_marks(event)
        if isinstance(event, yaml.ScalarEvent):
            return event.value
        if len(path) >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)  # type: ignore[arg-type]
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _refuse_marks(self, event: yaml.Event) -> None:
        if getattr(event, "anchor", None) is not None:
            self.refuse(event.start_mark, "anchors (&name) are not allowed; write the value out")
        # "!" is what the scanner reports for a lone exclamation mark.
        if getattr(event, "tag", None) is not None:
            self.refuse(event.start_mark, "tags (!name) are not allowed; put text in quotes")

    def _sequence(self, events: Iterator[yaml.Event], path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            here = (*path, len(items))
            self.lines[here] = _line(event.start_mark)
            items.append(self._node(event, events, here))
        return items

    def _mapping(self, events: Iterator[yaml.Event], path: Path) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, events, path)
            here = (*path, key)
            if key in entries:
                self.refuse(event.start_mark, f"{format_path(here)}: given twice, first in line {self.lines[here]}")
                self._node(next(events), events, here)
                continue
            self.lines[here] = _line(event.start_mark)
            entries[key] = self._node(next(events), events, here)
        return entries

    def _key(self, event: yaml.Event, events: Iterator[yaml.Event], path: Path) -> str:
        key = self._node(event, events, path)
        if isinstance(key, str) and key:
            return key
        if not isinstance(event, yaml.AliasEvent):
            self.refuse(event.start_mark, "a key must be text")
        return ""


def _line(mark: Any) -> int:
    """Return the line of a parser's mark, counted from 1; the parser counts from 0."""
    return 1 if mark is None else int(mark.line) + 1


# What pydantic says about the type of an input, in the words of someone who writes YAML.
_WORDS = {
    "missing": "missing",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "string_type": "should be text",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "set_type": "should be a list",
    "frozen_set_type": "should be a list",
    "dict_type": "should be keys and values",
    "mapping_type": "should be keys and values",
    "model_type": "should be keys and values",
    "model_attributes_type": "should be keys and values",
}


def _explain(model: type[BaseModel], document: Document, base: Path, data: Any, error: Any) -> ConfigFault:
    kind: str = error["type"]
    path = _written(data, error["loc"], keep_last=kind == "missing")
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        return document.fault((*base, *path), "unknown key" + nearest(str(path[-1]), known))
    return document.fault((*base, *path), _wording(kind, error))


def _wording(kind: str, error: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    context = error.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return f"should be {context['expected'].replace(chr(39), '')}"
    if kind == "value_error":
        return str(context["error"])
    message: str = error["msg"]
    return message.replace("Input should", "should", 1)


def _written(data: Any, location: Path, *, keep_last: bool) -> Path:
    """Return the steps of a pydantic location that exist in the data; the rest names union members and the like."""
    path: list[str | int] = []
    for position, step in enumerate(location):
        if isinstance(data, dict) and step in data:
            data = data[str(step)]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        elif not (keep_last and position == len(location) - 1):
            continue
        path.append(step)
    return tuple(path)


def _known_keys(annotation: Any, path: Path) -> list[str]:
    """List the keys that the model, or the type, allows at ``path``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {info.alias or name: info.annotation for name, info in annotation.model_fields.items()}
        if not path:
            return list(fields)
        return _known_keys(fields.get(str(path[0])), path[1:])
    if get_origin(annotation) in (Union, types.UnionType):
        return [key for member in get_args(annotation) for key in _known_keys(member, path)]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _known_keys(arguments[0], path)
    if not arguments or not path:
        return []
    if get_origin(annotation) is list and not isinstance(path[0], int):
        return _known_keys(arguments[0], path)  # one element may stand for a list of one
    inside = arguments[0] if get_origin(annotation) is tuple else arguments[-1]  # tuple[X, ...], dict[str, X], list[X]
    return _known_keys(inside, path[1:])
