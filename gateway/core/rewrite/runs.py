"""Runs of elements of the root, remembered by their bytes with what became of them.

The objects of a series repeat most of their heads, and what is made of equal bytes for the same patient, subject and
character set is equal: a run met again costs one comparison. Elements that were seen to differ stand between the runs,
as do those that are not decided by their bytes alone. The first object may only be walked, the second remembers.
"""

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.head import SOP_INSTANCE
from gateway.core.rewrite.tables import (
    CODES,
    CREATOR,
    DELIMITER,
    INSERT,
    OFFSETS,
    PADDING,
    PATIENT,
    PIXELS,
    PRIVATE,
    STUDY,
    STUDY_KEPT,
    TEMPORAL,
    Table,
)
from gateway.core.wire.elements import HEADER_BYTES, UNDEFINED, read_header, skip_value

if TYPE_CHECKING:
    from gateway.core.rewrite.dataset import DataSetWalker, Piece, Sink

RUN_BYTES, MAX_RUNS, MAX_VARYING = 4_096, 128, 512
"""How long a run may be, how many of them one table has, and how many elements between them."""

_ALONE = frozenset({CODES, CREATOR, PATIENT, STUDY, STUDY_KEPT, TEMPORAL})
"""What is noted, or compared with what the head said, for each object anew."""
_ENDS = frozenset({DELIMITER, INSERT, OFFSETS, PADDING, PIXELS})


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes of whole elements, what leaves instead, and by how much which counts grow.

    ``creators``: who has reserved the private blocks, None where the run has no private elements. ``depth``: how deep
    its sequences are nested. ``decided``: what it says of attributes that decide about others.
    """

    raw: bytes
    new: bytes
    counts: tuple[tuple[int, int], ...]
    creators: dict[int, Table] | None
    depth: int
    decided: tuple[tuple[int, bytes], ...]


@dataclass(slots=True)
class Runs:
    """The runs under one table by their first key, and the keys of the elements that stand between."""

    known: dict[bytes, Run] = field(default_factory=dict)
    varying: set[bytes] = field(default_factory=set)


def walk_root(
    walker: "DataSetWalker",
    buf: bytes,
    pos: int,
    table: Table,
    out: "Sink",
    *,
    closed: bool,
    at_once: bool,
) -> int:
    """Do what the walker's ``walk`` does with the rest of the bytes, at the root and with the help of known runs.

    ``at_once``: the first object remembers its runs already, so that what leaves is cut alike in all objects.
    """
    runs = walker.shared.runs.get(table)
    if runs is None:
        runs = walker.shared.runs[table] = Runs()
        if not at_once:
            return walker.walk(buf, pos, len(buf), table, out, closed=closed)
    known, width, size = runs.known, table.encoding.width, len(buf)
    while pos < size:
        run = known.get(buf[pos : pos + width])
        if (
            run is not None
            and buf.startswith(run.raw, pos)
            and run.creators in (None, walker.creators)
            and (not run.decided or walker.changer.confirms(run.decided))
        ):
            if run.new:
                out.append(run.new)
            for code, count in run.counts:
                walker.changer.counts[code] += count
            walker.deepest = max(walker.deepest, run.depth)
            pos += len(run.raw)
            continue
        end, code, is_run = _next(buf, pos, table, runs)
        if end == pos:
            return walker.walk(buf, pos, size, table, out, closed=closed)
        if is_run:
            out.append(_learn(walker, buf, pos, end, table, runs, is_private=code == PRIVATE))
        else:
            if code == CREATOR:
                walker.look_ahead(buf, pos, table, closed=closed)
            walker.walk(buf, pos, end, table, out, closed=closed)
            out.append(buf[walker.run : end])
        pos = end
    walker.run, walker.stop = pos, 0
    return pos


def _learn(
    walker: "DataSetWalker", buf: bytes, pos: int, end: int, table: Table, runs: Runs, *, is_private: bool
) -> bytes:
    """Walk a run, remember it and return what leaves."""
    before = walker.changer.counts[:]
    deepest, walker.deepest = walker.deepest, 0
    decided: list[tuple[int, bytes]] = []
    walker.changer.decided = decided
    out: list[Piece] = []
    walker.walk(buf, pos, end, table, out, closed=True)
    depth, walker.deepest = walker.deepest, max(walker.deepest, deepest)
    new = b"".join([*out, buf[walker.run : end]])
    grown = (after - count for after, count in zip(walker.changer.counts, before, strict=True))
    counts = tuple((code, count) for code, count in enumerate(grown) if count)
    first = buf[pos : pos + table.encoding.width]
    creators = dict(walker.creators) if is_private else None
    if len(runs.known) >= MAX_RUNS:
        runs.known.clear()
    runs.known[first] = Run(buf[pos:end], new, counts, creators, depth, tuple(decided))
    return new


def _next(buf: bytes, pos: int, table: Table, runs: Runs) -> tuple[int, int, bool]:
    """Return where the next run ends, or the element that stands alone, the first operation, and whether it is a run.

    The position is ``pos`` itself where the walk has to say what comes.
    """
    start, width, first, instance = pos, table.encoding.width, -1, table.encoding.tag(SOP_INSTANCE)
    old = runs.known.get(buf[pos : pos + width])
    while pos - start < RUN_BYTES:
        key = buf[pos : pos + width]
        after = _after(buf, pos, key, table)
        if not after:
            break
        code = table.operations[key] >> 2
        is_alone = key in runs.varying or code in _ALONE or after - pos > RUN_BYTES or key[:4] == instance
        if old and pos - start < len(old.raw) and not old.raw.startswith(buf[pos:after], pos - start):
            if len(runs.varying) < MAX_VARYING:
                runs.varying.add(key)
            is_alone = True
        if pos == start:
            if is_alone:
                return after, code, False
            first = code
        elif is_alone or (code == PRIVATE) != (first == PRIVATE):
            break
        pos = after
    return pos, first, True


def _after(buf: bytes, pos: int, key: bytes, table: Table) -> int:
    """Return the position after an element, 0 where it is not whole, or none that could be remembered."""
    encoding = table.encoding
    if len(key) < encoding.width:
        return 0
    try:
        operation = table.operations.get(key)
        if operation is None:
            operation = table.classify(key)
        if operation >> 2 in _ENDS:
            return 0
        form = operation & 3
        value = pos + HEADER_BYTES[form]
        lengths, at = (encoding.u32, value - 4) if form else (encoding.u16, value - 2)
        length: int = lengths.unpack_from(buf, at)[0]
        after = value + length
        if length == UNDEFINED:
            after = skip_value(buf, read_header(buf, pos, encoding), encoding)
    except (IndexError, struct.error, MalformedInput, LimitExceeded):
        return 0
    return after if after <= len(buf) else 0
