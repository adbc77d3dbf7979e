"""What an object says about its subject, gathered from its head before the first byte of it leaves.

The head is everything before Pixel Data (PS3.5 Section 7.1: tags ascend) or, if that comes first, before a value of the
root that nobody holds in memory.

Runs of elements are remembered by their bytes, since the instances of a series repeat most of theirs: a run met again
costs one comparison. Elements that were seen to differ stand between the runs.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from gateway.core.clean.subject import Kind, Subject
from gateway.core.rewrite.factwalk import FactWalker, Short, Stop
from gateway.core.rewrite.told import Facts, Told
from gateway.core.wire.elements import Encoding

RUN_BYTES, MAX_RUNS, MAX_VARYING, MAX_HEADS = 4096, 256, 512, 64
"""How long a run may be before its last element, how many runs and elements between them one subject has, and how many
subjects are known."""


_Sorted = tuple[tuple[Told, ...], tuple[Told, ...]]
"""What is no UID, and the UIDs."""


@dataclass(slots=True)
class _Runs:
    """The runs of one subject's heads by their first key, with what they tell, and the keys that stand between."""

    known: dict[bytes, tuple[bytes, _Sorted]] = field(default_factory=dict)
    varying: set[bytes] = field(default_factory=set)


class FactReader:
    """Gathers facts from heads in one encoding and one Specific Character Set; remembers what it has met."""

    def __init__(self, encoding: Encoding, character_set: Sequence[str]) -> None:
        self._width = encoding.width
        self._walker = FactWalker(encoding, character_set)
        self._runs: dict[str, _Runs] = {}
        self._subjects: dict[frozenset[Told], Subject] = {}

    def read(self, buf: bytes, pos: int, *, whole: bool, who: str = "") -> Facts | None:
        """Read the data set that begins at ``pos``; None when more bytes are needed (``whole``: there are none).

        ``who`` tells heads apart that have little in common. Raises MalformedInput and LimitExceeded on values of
        undefined length that do not end.
        """
        runs = self._runs.get(who)
        if runs is None:
            if len(self._runs) >= MAX_HEADS:
                self._runs.clear()
            runs = self._runs[who] = _Runs()
        said: list[Told] = []
        uids: list[Told] = []
        try:
            self._root(buf, pos, (said, uids), runs)
        except Stop:
            whole = True
        except (Short, IndexError, struct.error):
            pass
        if not whole:
            return None
        return Facts(frozenset(said), tuple(uids))

    def subject(self, facts: Facts) -> Subject:
        """Return the Subject that the facts are about; what the objects of a series share is remembered."""
        known = self._subjects.get(facts.said)
        if known is None:
            if len(self._subjects) >= MAX_HEADS:
                self._subjects.clear()
            known = self._subjects[facts.said] = Facts(facts.said, ()).subject()
        return replace(known, uids=frozenset(value for told in facts.uids for value in told.values))

    def _root(self, buf: bytes, pos: int, found: tuple[list[Told], list[Told]], runs: _Runs) -> None:
        size, width, known, varying = len(buf), self._width, runs.known, runs.varying
        said, uids = found
        self._walker.begin()
        while pos < size:
            key = buf[pos : pos + width]
            run = known.get(key)
            if run is not None and buf.startswith(run[0], pos):
                said += run[1][0]
                uids += run[1][1]
                pos += len(run[0])
                continue
            told: list[Told] = []
            try:
                pos = (self._walker.element if key in varying else partial(self._learn, runs))(buf, pos, told)
            finally:
                for one in told:
                    (uids if one.kind is Kind.UID else said).append(one)

    def _learn(self, runs: _Runs, buf: bytes, pos: int, found: list[Told]) -> int:
        """Walk up to an element that varies, or that differs in the run known so far, and remember the new run."""
        start, width = pos, self._width
        old = runs.known.pop(buf[pos : pos + width], (b"", ((), ())))[0]
        told: list[Told] = []
        complete: tuple[Told, ...] = ()
        try:
            while pos - start < RUN_BYTES and pos < len(buf) and buf[pos : pos + width] not in runs.varying:
                after = self._walker.element(buf, pos, told)
                differs = pos - start < len(old) and not old.startswith(buf[pos:after], pos - start)
                if (differs or after - pos > RUN_BYTES) and len(runs.varying) < MAX_VARYING:
                    runs.varying.add(buf[pos : pos + width])
                    told = list(complete)
                    break
                complete = tuple(told)
                pos = after
        finally:
            found += told
            if start < pos < start + 2 * RUN_BYTES and len(runs.known) < MAX_RUNS:
                runs.known[buf[start : start + width]] = buf[start:pos], _sorted(complete)
        return pos


def _sorted(found: Iterable[Told]) -> _Sorted:
    told = tuple(found)
    uids = tuple(one for one in told if one.kind is Kind.UID)
    return tuple(one for one in told if one not in uids), uids
