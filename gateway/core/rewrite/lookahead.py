"""What comes later in a data set and must be known before an earlier element may leave.

A private creator stands before the elements that decide whether it reserves anything, and a content item may begin with
other elements than those that say what it is about. Only headers are read, and the few values that are asked for.
"""

import struct

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.offsets import EXTENDED_LENGTHS, EXTENDED_OFFSETS, are_tables
from gateway.core.rewrite.tables import (
    KEEP,
    MAX_MEMO,
    NUMBER,
    OFFSETS,
    REMOVE,
    REMOVE_SHORT,
    UNKNOWN,
    Concept,
    Table,
)
from gateway.core.wire.elements import (
    HEADER_BYTES,
    IMPLICIT_LE,
    UNDEFINED,
    Encoding,
    Header,
    element_value,
    elements,
    is_item,
    item_encoding,
    items,
    read_header,
    skip_value,
)

VALUE_TYPE, CONCEPT_NAME = 0x0040A040, 0x0040A043
SCHEME, CODES = 0x00080102, (0x00080100, 0x00080119, 0x00080120)
"""Coding Scheme Designator; Code, Long Code and URN Code Value, of which an item has one (PS3.3 Section 8.1)."""
TWO_NAMES = "a content item with two concept names"

RUN_ELEMENTS, RUN_BYTES = 16, 1024
"""How much of a run of elements is remembered as one: a value that differs costs the walk of so many."""

MAX_GROUPS, MAX_GROUP_BYTES, LOOKED_BYTES = 64, 1 << 15, 16
"""How many private groups are remembered, up to which length, and how much of the last element is looked at: its header
and how its value begins."""


class Short(Exception):
    """The bytes end inside an element; ``upto`` is the position that is needed, 0 if that is not known."""

    def __init__(self, upto: int = 0) -> None:
        self.upto = upto
        super().__init__()


def creator_name(value: bytes) -> str:
    """Return the text of a private creator (PS3.5 Section 7.8.1)."""
    return value.decode("latin-1").strip(" \0")


def removed_run(buf: bytes, pos: int, end: int, table: Table, first: bytes) -> tuple[int, int]:
    """Return the position after a run of removed elements in short form, and how many; ``first`` is the first's key.

    A run met before is known by its bytes: the instances of a series repeat most of their private blocks.
    """
    known = table.runs.get(first)
    if known is not None and buf.startswith(known[0], pos):
        after = pos + len(known[0])
        if after <= end:
            return after, known[1]
    encoding, operation = table.encoding, table.operations.get
    width, (low, high) = encoding.width, (6, 7) if encoding.little else (7, 6)
    after, count = pos, 0
    found: int | None = REMOVE_SHORT
    while found == REMOVE_SHORT and count < RUN_ELEMENTS:
        after += 8 + buf[after + low] + (buf[after + high] << 8)
        count += 1
        if after >= end:
            return after, count
        found = operation(buf[after : after + width])
    if found is not None and after - pos <= RUN_BYTES:  # else the next one may belong to the run
        if len(table.runs) >= MAX_MEMO:
            table.runs.clear()
        table.runs[first] = (buf[pos:after], count)
    return after, count


def kept_number(buf: bytes, pos: int, end: int, table: Table, key: bytes) -> int:
    """Return the position after a kept number, and after the run that it begins where that is not known yet.

    That is ``pos`` itself where it is text, or goes on beyond ``end``. A run is remembered by its bytes, so that it
    need not be looked into again; a number that is another one than it was, alone: it differs from object to object.
    """
    form = table.operations[key] & 3
    value, little = pos + HEADER_BYTES[form], table.encoding.little
    if value > end:
        return pos
    if form:
        after: int = value + table.encoding.u32.unpack_from(buf, value - 4)[0]
    else:
        after = value + (buf[pos + 6] + (buf[pos + 7] << 8) if little else buf[pos + 7] + (buf[pos + 6] << 8))
    if after > end or not table.has_numbers(key, buf[value:after]):
        return pos
    known, number = table.numbers.get(key), buf[pos:after]
    if known is None or known.startswith(number):
        return _kept_run(buf, pos, after, end, table, known)
    if after - pos <= RUN_BYTES:
        table.numbers[key] = number
    return after


def _kept_run(buf: bytes, pos: int, after: int, end: int, table: Table, known: bytes | None) -> int:
    """Remember the run that the number from ``pos`` to ``after`` begins, of a ``known`` one what has not changed."""
    encoding, operation = table.encoding, table.operations.get
    width, unpack, (low, high) = encoding.width, encoding.u32.unpack_from, (6, 7) if encoding.little else (7, 6)
    first, found = buf[pos : pos + width], None
    for _ in range(RUN_ELEMENTS):
        key = buf[after : after + width]
        found = operation(key)
        if found is None or found >> 2 not in (KEEP, NUMBER):
            break
        value = after + HEADER_BYTES[found & 3]
        if value > end:
            return after
        upto = value + (unpack(buf, value - 4)[0] if found & 3 else buf[after + low] + (buf[after + high] << 8))
        if upto > end:
            return after
        if known and known[after - pos : upto - pos] != buf[after:upto]:
            break
        if found >> 2 == NUMBER and not table.has_numbers(key, buf[value:upto]):
            break
        after = upto
    if found is not None and after - pos <= RUN_BYTES:  # else the next one may belong to the run
        if len(table.numbers) >= MAX_MEMO:
            table.numbers.clear()
        table.numbers[first] = buf[pos:after]
    return after


def reserved(buf: bytes, start: int, end: int, table: Table, *, closed: bool) -> dict[int, Table]:
    """Return the table of each block that the private group at ``start`` reserves, by group and block number.

    It has no creator where nothing of the block is kept, or two creators claim it. Raises Short while that cannot be
    said yet; ``closed``: no more bytes can come. What is malformed is left to the walk. What was looked at is
    remembered by its bytes: the instances of a series repeat most of their private groups.
    """
    first = buf[start : start + table.encoding.width]
    known = table.groups.get(first)
    if known is not None and start + len(known[0]) <= end and buf.startswith(known[0], start):
        return known[1]
    group = _Group(table, table.encoding.tags.unpack_from(buf, start)[0])
    pos, last = start, -1
    try:
        while pos < end and last < 0:
            after = group.step(buf, pos, end)
            if after is None:
                last = pos
            else:
                pos = after
        if last < 0 and not closed:
            raise Short(pos + 8 if pos - start > 2 * (end - start) else 0)
    except (IndexError, struct.error):
        if not closed:
            raise Short from None
    except (MalformedInput, LimitExceeded):
        pass
    found = group.blocks | {number: table.block(number, "") for number in group.undecided}
    looked = last + LOOKED_BYTES
    if last >= 0 and looked <= end and looked - start <= MAX_GROUP_BYTES:
        if len(table.groups) >= MAX_GROUPS:
            table.groups.clear()
        table.groups[first] = buf[start:looked], found
    return found


class _Group:
    """The blocks of one private group, as far as they are known; of the undecided ones nothing is kept so far."""

    def __init__(self, table: Table, number: int) -> None:
        self._table = table
        self._number = number
        self.blocks: dict[int, Table] = {}
        self.undecided: set[int] = set()

    def step(self, buf: bytes, pos: int, end: int) -> int | None:
        """Look at the element at ``pos`` and return where the next one starts; None when all is said."""
        encoding = self._table.encoding
        group, element = encoding.tags.unpack_from(buf, pos)
        if group != self._number:
            return None
        owner = self.blocks.get(group << 8 | element >> 8)
        operation = REMOVE_SHORT
        if owner is not None:
            key = _whole(buf, pos, pos + encoding.width)
            known = owner.operations.get(key)
            operation = owner.classify(key) if known is None else known
            if operation == REMOVE_SHORT:
                return removed_run(buf, pos, end, owner, key)[0]
        value, length = element_value(buf, pos, encoding)
        if 0x10 <= element <= 0xFF:
            if length == UNDEFINED:
                return None
            self._claim(group << 8 | element, creator_name(_whole(buf, value, value + length)))
        elif owner is not None and _is_kept(buf, operation >> 2, value, length):
            self.undecided.discard(owner.number)
        if not self.undecided and element > 0xFF:
            return None
        return value + length if length != UNDEFINED else skip_value(buf, read_header(buf, pos, encoding), encoding)

    def _claim(self, number: int, creator: str) -> None:
        """Note that a creator claims a block."""
        if number in self.blocks or not self._table.keeps(creator, self._number):
            self.blocks[number] = self._table.block(number, "")
            self.undecided.discard(number)
        else:
            self.blocks[number] = self._table.block(number, creator)
            self.undecided.add(number)


def offset_tables(buf: bytes, pos: int, table: Table, *, closed: bool) -> tuple[int, int]:
    """Return the position after the table of OFFSETS at ``pos``, and its Lengths behind it, and how many of them go.

    Raises Short while more bytes are needed, IndexError and struct.error where none can come, MalformedInput.
    """
    encoding = table.encoding
    first, middle = _table(buf, pos, encoding)
    is_whole = middle + 12 <= len(buf) or (closed and middle <= len(buf))
    if not is_whole:
        raise Short(middle + 12)
    key = buf[middle : middle + encoding.width]
    is_pair = first.tag == EXTENDED_OFFSETS and key.startswith(encoding.tag(EXTENDED_LENGTHS))
    if not is_pair or (table.operations.get(key) or table.classify(key)) >> 2 != OFFSETS:
        return middle, 1
    second, after = _table(buf, middle, encoding)
    if after > len(buf):
        raise Short(after)
    little = encoding.little or first.vr == "UN"
    stays = first.vr == second.vr and are_tables(buf[first.start : middle], buf[second.start : after], little=little)
    return after, 0 if stays else 2


def _table(buf: bytes, pos: int, encoding: Encoding) -> tuple[Header, int]:
    header = read_header(buf, pos, encoding)
    if header.length == UNDEFINED:
        raise MalformedInput("undefined length of what is no sequence", (header.tag,))
    return header, header.start + header.length


def content_of(buf: bytes, pos: int, end: int, encoding: Encoding) -> tuple[Concept, str, int]:
    """Return what the content item that begins at ``pos`` is about, its Value Type, and where its concept name ends.

    Empty and 0 where it does not say. Raises IndexError or struct.error when the bytes end before, MalformedInput.
    """
    value_type = ""
    while pos < end:
        header = read_header(buf, pos, encoding)
        if header.tag > CONCEPT_NAME:
            break
        after = skip_value(buf, header, encoding)
        if header.tag == CONCEPT_NAME:
            inner = IMPLICIT_LE if header.vr == "UN" else encoding
            return concept_of(_whole(buf, header.start, after), inner), value_type, after
        if header.tag == VALUE_TYPE:
            value_type = _text(_whole(buf, header.start, after))
        pos = after
    return ("", ""), value_type, 0


def concept_of(value: bytes, encoding: Encoding) -> Concept:
    """Read a Concept Name Code Sequence; raises IndexError, struct.error or MalformedInput, also for a second name."""
    concept: Concept | None = None
    for item, end in items(value, encoding):
        if concept is not None:
            raise MalformedInput(TWO_NAMES, (CONCEPT_NAME,))
        inner = item_encoding(value, item, end, encoding)
        found = {header.tag: _text(value[header.start : after]) for header, after in elements(value, item, end, inner)}
        concept = found.get(SCHEME, ""), next((found[tag] for tag in CODES if found.get(tag)), "")
    return concept or ("", "")


def _is_kept(buf: bytes, code: int, value: int, length: int) -> bool:
    if code != UNKNOWN:
        return code != REMOVE
    return length != UNDEFINED and not is_item(_whole(buf, value, value + min(length, 4)))


def _whole(buf: bytes, start: int, end: int) -> bytes:
    if end > len(buf):
        raise IndexError
    return buf[start:end]


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")
