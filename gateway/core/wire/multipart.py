"""multipart/related as PS3.18 Section 8.6.1.2 uses it (RFC 2046 Section 5.1, RFC 2387): bytes to events and back.

A part's body is never collected: it leaves as it arrives, and only what could be the start of a delimiter is held
back. The reader looks for one long needle per chunk, so its cost is linear in the bytes, whatever they are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from gateway.core.errors import LimitExceeded, MalformedInput

MAX_HEADER_BYTES: Final = 8 * 1024
"""What common HTTP servers allow for one message head; real part headers take some 200 bytes."""
MAX_HEADERS: Final = 64
MAX_PADDING_BYTES: Final = 1024
"""RFC 2046 lets a gateway pad a delimiter line with white space, and names no limit."""

_BLANKS: Final = " \t"
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE: Final = re.compile(rf"[ \t]*({_WORD}/{_WORD})[ \t]*")
_PARAMETER: Final = re.compile(
    rf';[ \t]*(?:({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x20-\x7e])*+)"'
    r'|([^";\s\x00-\x1f\x7f]++))[ \t]*)?'
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_HEADER_NAME: Final = re.compile(_WORD)
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_PADDING: Final = re.compile(rb"[ \t]*+")


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type in lower case with its parameters; their names are lower case, their values as sent."""

    media_type: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins; header names are lower case. A Content-Transfer-Encoding is named here, not undone."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartChunk:
    """Some bytes of the part's body, never none."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete: its delimiter was seen."""


Event = PartStart | PartChunk | PartEnd


@lru_cache(maxsize=256)
def parse_content_type(value: str) -> ContentType:
    """Read a Content-Type value, parameters quoted or bare (``type=application/dicom``).

    Raises MalformedInput; also for a parameter that is given twice with different values.
    """
    media_type = _MEDIA_TYPE.match(value)
    if media_type is None:
        raise MalformedInput("not a media type")
    parameters: dict[str, str] = {}
    at = media_type.end()
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if parameter is None:
            raise MalformedInput("media type parameter", offset=at)
        at = parameter.end()
        name, quoted, bare = parameter.groups()
        if name is not None:
            text = bare if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
            if parameters.setdefault(name.lower(), text) != text:
                raise MalformedInput("media type parameter given twice", offset=at)
    return ContentType(media_type[1].lower(), parameters)


class _Place(Enum):
    """Where in the payload the reader stands."""

    PREAMBLE = auto()
    HEADERS = auto()
    BODY_START = auto()
    BODY = auto()
    EPILOGUE = auto()


class _Line(Enum):
    """What follows the boundary, and with that what was found."""

    NOT_A_DELIMITER = auto()
    UNFINISHED = auto()
    DELIMITER = auto()
    CLOSE_DELIMITER = auto()


class MultipartReader:
    """Cut a multipart payload into parts.

    Holds one header line or one possible delimiter, at most ``max_header_bytes`` or some 1,100 bytes. The preamble
    and the epilogue are dropped. A payload whose first delimiter line ends in a bare LF is read with LF throughout.
    ``feed`` raises MalformedInput and LimitExceeded; the reader is of no use afterwards, but ``found`` are the events
    that stood before the fault in the same bytes.
    """

    def __init__(
        self, boundary: bytes, *, max_header_bytes: int = MAX_HEADER_BYTES, max_headers: int = MAX_HEADERS
    ) -> None:
        self._boundary = b"--" + _checked_boundary(boundary)
        self._max_header_bytes = max_header_bytes
        self._max_headers = max_headers
        self._place = _Place.PREAMBLE
        # The first delimiter may lack its line break, and tells which kind of break this payload uses.
        self._delimiter = b"\n" + self._boundary
        self._held = b"\n"
        self._base = -1  # offset of the first held byte in the payload
        self._headers: list[tuple[str, str]] = []
        self._header_bytes = 0
        self.found: list[Event] = []

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; a chunk that lies inside a body comes back as the same object."""
        events = self.found = []
        if self._place is _Place.EPILOGUE:
            return events
        if self._held:
            data = self._held + data
        at = 0
        while (after := self._step(data, at, events)) is not None:
            at = after
        self._base += len(data) - len(self._held)
        return events

    def close(self) -> None:
        """End the payload; raises MalformedInput unless its closing delimiter was seen."""
        if self._place is not _Place.EPILOGUE:
            raise MalformedInput("multipart payload without its closing delimiter", offset=self._base + len(self._held))

    def _step(self, data: bytes, at: int, events: list[Event]) -> int | None:
        """Go on from ``at``; return where to go on next, or None when more data is needed and ``_held`` is set."""
        if self._place is _Place.HEADERS:
            return self._read_header(data, at, events)
        if self._place is _Place.BODY_START:
            return self._read_body_start(data, at, events)
        if self._place is _Place.EPILOGUE:
            self._held = b""
            return None
        return self._read_body(data, at, events)

    def _read_header(self, data: bytes, at: int, events: list[Event]) -> int | None:
        end = data.find(b"\n", at)
        self._check_header_size(len(data) - at if end < 0 else end + 1 - at)
        if end < 0:
            self._held = data[at:]
            return None
        line = data[at:end].removesuffix(b"\r")
        if line:
            self._header_bytes += end + 1 - at
            self._add_header(line, self._base + at)
        else:
            events.append(PartStart(_joined(self._headers)))
            self._headers = []
            self._header_bytes = 0
            self._place = _Place.BODY_START
        return end + 1

    def _check_header_size(self, line_bytes: int) -> None:
        if self._header_bytes + line_bytes > self._max_header_bytes:
            raise LimitExceeded("part header", self._max_header_bytes, offset=self._base)

    def _add_header(self, line: bytes, offset: int) -> None:
        text = line.decode("latin-1")
        if text[0] in _BLANKS and self._headers:  # a folded line (RFC 5322 Section 2.2.3)
            name, value = self._headers.pop()
            value = f"{value} {text.strip(_BLANKS)}"
        else:
            name, colon, value = text.partition(":")
            name = name.rstrip(_BLANKS).lower()
            value = value.strip(_BLANKS)
            if not colon or not _HEADER_NAME.fullmatch(name):
                raise MalformedInput("part header line", offset=offset)
        if _CONTROL.search(value):
            raise MalformedInput("control character in a part header", offset=offset)
        self._headers.append((name, value))
        if len(self._headers) > self._max_headers:
            raise LimitExceeded("number of part headers", self._max_headers, offset=offset)

    def _read_body_start(self, data: bytes, at: int, events: list[Event]) -> int | None:
        """Look for a delimiter that shares its line break with the empty line: a part without a body."""
        if not data.startswith(self._boundary, at):
            if self._boundary.startswith(data[at : at + len(self._boundary)]):
                self._held = data[at:]
                return None
            self._place = _Place.BODY
            return at
        line, after = self._read_delimiter_line(data, at + len(self._boundary))
        if line is _Line.UNFINISHED:
            self._held = data[at:]
            return None
        if line is _Line.NOT_A_DELIMITER:
            self._place = _Place.BODY
            return at
        self._enter(line, events)
        return after

    def _read_body(self, data: bytes, at: int, events: list[Event]) -> int | None:
        """Pass the body on up to the next delimiter, or up to what might become one."""
        found = data.find(self._delimiter, at)
        while found >= 0:
            line, after = self._read_delimiter_line(data, found + len(self._delimiter))
            if line is _Line.UNFINISHED:
                break
            if line is not _Line.NOT_A_DELIMITER:
                self._pass_on(data, at, found, events)
                self._enter(line, events)
                return after
            found = data.find(self._delimiter, after)
        else:
            found = self._possible_start(data, at)
        self._pass_on(data, at, found, events)
        self._held = data[found:]
        return None

    def _read_delimiter_line(self, data: bytes, at: int) -> tuple[_Line, int]:
        """Tell what the bytes after a boundary make of it, and where they end."""
        if data.startswith(b"--", at):
            return _Line.CLOSE_DELIMITER, at + 2
        padded = _PADDING.match(data, at)
        end = at if padded is None else padded.end()
        if end - at > MAX_PADDING_BYTES:
            raise LimitExceeded("padding of a delimiter line", MAX_PADDING_BYTES, offset=self._base + at)
        if data.startswith(b"\n", end):
            return _Line.DELIMITER, end + 1
        if data.startswith(b"\r\n", end):
            if self._place is _Place.PREAMBLE:
                self._delimiter = b"\r\n" + self._boundary
            return _Line.DELIMITER, end + 2
        rest = data[end : end + 2]
        if rest in (b"", b"\r") or (rest == b"-" and end == at):
            return _Line.UNFINISHED, at
        return _Line.NOT_A_DELIMITER, at

    def _possible_start(self, data: bytes, at: int) -> int:
        """Return where a delimiter may begin that the end of the data cuts off; its line break occurs in it once."""
        found = data.rfind(self._delimiter[:1], max(at, len(data) - len(self._delimiter) + 1))
        return found if found >= 0 and self._delimiter.startswith(data[found:]) else len(data)

    def _pass_on(self, data: bytes, at: int, end: int, events: list[Event]) -> None:
        if at < end and self._place is _Place.BODY:
            events.append(PartChunk(data[at:end]))  # a slice of the whole is the same object

    def _enter(self, line: _Line, events: list[Event]) -> None:
        if self._place is not _Place.PREAMBLE:
            events.append(PartEnd())
        self._place = _Place.HEADERS if line is _Line.DELIMITER else _Place.EPILOGUE


class MultipartWriter:
    """Frame parts; the bodies go between ``part`` and the next call, untouched."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"--" + _checked_boundary(boundary)

    def part(self, headers: Mapping[str, str]) -> bytes:
        """Return the delimiter and header of the next part; raises MalformedInput for what no header may hold."""
        lines = [self._next_delimiter()]
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or _CONTROL.search(value) or not value.isascii():
                raise MalformedInput("part header to be written")
            lines.append(f"{name}: {value}".encode("ascii"))
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def end(self) -> bytes:
        """Return the closing delimiter."""
        return self._next_delimiter() + b"--\r\n"

    def _next_delimiter(self) -> bytes:
        delimiter = self._delimiter
        if not delimiter.startswith(b"\r\n"):
            self._delimiter = b"\r\n" + delimiter
        return delimiter


def random_boundary(entropy: bytes) -> bytes:
    """Make a boundary of up to 24 random bytes, 16 at least: no body holds it by chance, and nobody can guess it."""
    if len(entropy) < 16:
        raise ValueError("a boundary takes 16 random bytes or more")
    return entropy[:24].hex().encode("ascii")


def content_type(media_type: str, boundary: bytes, transfer_syntax: str | None = None) -> str:
    """Return the Content-Type of a multipart/related payload (RFC 2387 Section 3)."""
    text = _checked_boundary(boundary).decode("ascii")
    quoted = text if _HEADER_NAME.fullmatch(text) else f'"{text}"'
    syntax = "" if transfer_syntax is None else f"; transfer-syntax={transfer_syntax}"
    return f'multipart/related; type="{media_type}"{syntax}; boundary={quoted}'


def _checked_boundary(boundary: bytes) -> bytes:
    if not _BOUNDARY.fullmatch(boundary):
        raise MalformedInput("boundary is not one of RFC 2046")
    return boundary


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Return the headers by name; one given twice with different values could be read in two ways."""
    joined: dict[str, str] = {}
    for name, value in headers:
        if joined.setdefault(name, value) != value:
            raise MalformedInput("part header given twice")
    return joined
