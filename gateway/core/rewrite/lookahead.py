"""What comes later in a data set and must be known before an earlier element may leave.

A private creator stands before the elements that decide whether it reserves anything, and a content item may begin with
other elements than those that say what it is about. Only headers are read, and the few values that are asked for.
"""

import struct

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.tables import REMOVE, UNKNOWN, Concept, Table
from gateway.core.standard.tags import is_private_creator
from gateway.core.wire.elements import (
    IMPLICIT_LE,
    UNDEFINED,
    Encoding,
    Header,
    elements,
    is_item,
    items,
    read_header,
    skip_value,
)

VALUE_TYPE, CONCEPT_NAME = 0x0040A040, 0x0040A043
SCHEME, CODES = 0x00080102, (0x00080100, 0x00080119, 0x00080120)
"""Coding Scheme Designator; Code, Long Code and URN Code Value, of which an item has one (PS3.3 Section 8.1)."""


class Short(Exception):
    """The bytes end inside an element; ``upto`` is the position that is needed, 0 if that is not known."""

    def __init__(self, upto: int = 0) -> None:
        self.upto = upto
        super().__init__()


def creator_name(value: bytes) -> str:
    """Return the text of a private creator (PS3.5 Section 7.8.1)."""
    return value.decode("latin-1").strip(" \0")


def reserved(buf: bytes, start: int, end: int, table: Table, *, closed: bool) -> dict[int, Table | None]:
    """Return the table of each block that the private group at ``start`` reserves, by group and block number.

    None where nothing of the block is kept, or two creators claim it. Raises Short while that cannot be said yet;
    ``closed``: no more bytes can come. What is malformed is left to the walk.
    """
    encoding, pos = table.encoding, start
    group = encoding.tags.unpack_from(buf, pos)[0]
    blocks: dict[int, Table | None] = {}
    kept: set[int] = set()
    try:
        while pos < end:
            header = read_header(buf, pos, encoding)
            element = header.tag & 0xFFFF
            if header.tag >> 16 != group:
                break
            if is_private_creator(header.tag):
                if header.length == UNDEFINED:
                    break
                name = creator_name(_whole(buf, header.start, header.start + header.length))
                blocks[element] = None if element in blocks else table.block(name, group)
            else:
                owner = blocks.get(element >> 8)
                if owner is not None and _is_kept(buf, pos, header, owner):
                    kept.add(element >> 8)
                if kept.issuperset(block for block, found in blocks.items() if found is not None):
                    break
            pos = skip_value(buf, header, encoding)
        else:
            if not closed:
                raise Short(pos + 8 if pos - start > 2 * (end - start) else 0)
    except (IndexError, struct.error):
        if not closed:
            raise Short from None
    except (MalformedInput, LimitExceeded):
        pass
    return {group << 8 | block: found if block in kept else None for block, found in blocks.items()}


def content_of(buf: bytes, pos: int, end: int, encoding: Encoding) -> tuple[Concept, str]:
    """Return what the content item that begins at ``pos`` is about, and its Value Type; empty where it does not say.

    Raises IndexError or struct.error when the bytes end before, MalformedInput.
    """
    concept, value_type = ("", ""), ""
    while pos < end:
        header = read_header(buf, pos, encoding)
        if header.tag > CONCEPT_NAME:
            break
        after = skip_value(buf, header, encoding)
        if header.tag == VALUE_TYPE:
            value_type = _text(_whole(buf, header.start, after))
        elif header.tag == CONCEPT_NAME:
            inner = IMPLICIT_LE if header.vr == "UN" else encoding
            concept = _concept(_whole(buf, header.start, after), inner)
        pos = after
    return concept, value_type


def _is_kept(buf: bytes, pos: int, header: Header, owner: Table) -> bool:
    key = buf[pos : pos + owner.encoding.width]
    operation = owner.operations.get(key)
    code = (owner.classify(key) if operation is None else operation) >> 2
    if code != UNKNOWN:
        return code != REMOVE
    if header.length == UNDEFINED:
        return False
    return not is_item(_whole(buf, header.start, header.start + min(header.length, 4)))


def _concept(value: bytes, encoding: Encoding) -> Concept:
    for item, end in items(value, encoding):
        found = {
            header.tag: _text(value[header.start : after]) for header, after in elements(value, item, end, encoding)
        }
        return found.get(SCHEME, ""), next((found[tag] for tag in CODES if found.get(tag)), "")
    return "", ""


def _whole(buf: bytes, start: int, end: int) -> bytes:
    if end > len(buf):
        raise IndexError
    return buf[start:end]


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")
