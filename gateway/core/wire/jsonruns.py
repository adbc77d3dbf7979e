"""Runs of members that the objects of one array share: instances of a series differ in a few Attributes.

Two objects in a row show what they have in common; from then on those bytes are compared as a whole, and only what lies
between them is parsed. Nothing is guessed: JSON is read from the left, so bytes that were members from one name up to
the next are the same members wherever a name may stand, and what lies between runs must parse as members of its own.
An object that does not fit is parsed as if nothing were known.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from gateway.core.errors import LimitExceeded, MalformedInput

Members = dict[str, msgspec.Raw]
Decode = Callable[[bytes], Members]

MIN_OBJECT_BYTES: Final = 2_048
MAX_OBJECT_BYTES: Final = 1 << 18
"""Smaller objects are parsed as fast; larger ones are few, and hold most of their bytes in elements that differ."""
MIN_RUN_BYTES: Final = 128
MAX_RUN_BYTES: Final = 2_048
"""Shorter runs cost more than they save; a long one would be lost as a whole to one change in it."""
PATIENCE: Final = 8
"""Objects between two comparisons, each of which costs what parsing both costs."""
_SPACE: Final = b" \t\r\n"


class Run:
    """Members that follow each other: their bytes as they came, from a name up to the next, and what they are."""

    __slots__ = ("members", "text")

    def __init__(self, text: bytes, members: Members) -> None:
        self.text = text
        self.members = members


class SharedDataSet(Members):
    """A data set that shares ``runs`` with others; ``rest`` are the members that it has outside of them."""

    __slots__ = ("rest", "runs")

    def __init__(self, runs: Sequence[Run], shared: Members, rest: Members) -> None:
        super().__init__(shared)
        self.update(rest)
        self.runs = runs
        self.rest = rest


class Splitter:
    """Splits the objects of one array; ``decode`` takes an object apart, or refuses it."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._runs: list[Run] = []
        self._shared: Members = {}
        self._before = b""
        self._wait = 0

    @property
    def last_text(self) -> bytes:
        """The bytes of the last run: what stands near the end of an object, if it is like those before it."""
        return self._runs[-1].text if self._runs else b""

    def split(self, piece: bytes) -> Members:
        """Split an object into its members. Raises what ``decode`` raises."""
        if not MIN_OBJECT_BYTES <= len(piece) <= MAX_OBJECT_BYTES:
            return self._decode(piece)
        found = self._by_runs(piece) if self._runs else None
        members = self._decode(piece) if found is None else found
        self._wait -= 1
        if self._wait < 0 and self._before and 2 * _shared_bytes(found) < len(piece):
            self._runs = list(self._common(self._before, piece))
            self._shared = _members(self._runs)
            self._wait = PATIENCE
        self._before = piece
        return members

    def _by_runs(self, piece: bytes) -> SharedDataSet | None:
        """Split an object by the runs that are found in it; None where that does not account for all of it."""
        at, count = 1, 0
        runs: list[Run] = []
        rest: Members = {}
        try:
            for run in self._runs:
                begin = at if piece.startswith(run.text, at) else piece.find(run.text, at)
                if begin < 0:
                    continue
                if begin > at:
                    between = self._between(piece[at:begin])
                    rest |= between
                    count += len(between)
                at = begin + len(run.text)
                runs.append(run)
            end = self._decode(b"{" + piece[at:])
        except (MalformedInput, LimitExceeded):
            return None
        shared = self._shared if len(runs) == len(self._runs) else _members(runs)
        found = SharedDataSet(runs, shared, rest | end)
        return found if end and len(found) == len(shared) + count + len(end) else None

    def _between(self, text: bytes) -> Members:
        """Read the members before a name that is sure to follow."""
        inner = text.strip(_SPACE)
        if not inner:
            return {}
        found = self._decode(b"{%b}" % inner[:-1]) if inner.endswith(b",") else {}
        if not found:
            raise MalformedInput("not a JSON object")
        return found

    def _common(self, before: bytes, piece: bytes) -> Iterator[Run]:
        """Yield the runs of two objects, of which ``decode`` has taken both."""
        known = set(_texts(before))
        pending = b""
        for text in _texts(piece):
            if text not in known or len(pending) + len(text) > MAX_RUN_BYTES:
                yield from self._run(pending)
                pending = b""
            if text in known and len(text) <= MAX_RUN_BYTES:
                pending += text
        yield from self._run(pending)

    def _run(self, text: bytes) -> Iterator[Run]:
        if len(text) >= MIN_RUN_BYTES:
            yield Run(text, self._between(text))


def _members(runs: Iterable[Run]) -> Members:
    """Put runs together, whose names are all different."""
    found: Members = {}
    for run in runs:
        found |= run.members
    return found


def _shared_bytes(found: SharedDataSet | None) -> int:
    return 0 if found is None else sum([len(run.text) for run in found.runs])


def _texts(piece: bytes) -> Iterable[bytes]:
    """Return every member but the last, each from its name up to the next name."""
    begins, at = [], 1
    for name, raw in msgspec.json.decode(piece, type=Members).items():
        begins.append(piece.index(b'"%b"' % name.encode(), at))
        at = piece.index(bytes(raw), begins[-1] + len(name) + 2) + len(raw)
    return [piece[begin:end] for begin, end in pairwise(begins)]
