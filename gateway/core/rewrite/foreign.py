"""Items in another encoding than their data set, which PS3.5 Section 7.5 does not know and writers leave behind.

They are rewritten as what they are and leave in the encoding of the data set: readers disagree about such items, and
what leaves must mean one thing. Each is copied, which costs others nothing.
"""

from typing import TYPE_CHECKING

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.lookahead import Short
from gateway.core.rewrite.tables import Table
from gateway.core.wire.elements import SHORT, UNDEFINED, item_encoding, skip_item
from gateway.core.wire.reencode import reencoded_items

if TYPE_CHECKING:
    from gateway.core.rewrite.dataset import DataSetWalker


def foreign_item(
    walker: "DataSetWalker", buf: bytes, pos: int, length: int, end: int, table: Table
) -> tuple[int, bytes] | None:
    """Rewrite the item at ``pos`` and its header; return the position after it and what leaves, empty if nothing does.

    None where it is in the encoding of ``table`` after all. Raises Short, IndexError or struct.error when the bytes end
    before the item does, MalformedInput, LimitExceeded.
    """
    start, own, is_open = pos + 8, table.encoding, length == UNDEFINED
    after = start + length
    try:
        encoding = item_encoding(buf, start, None if is_open else after, own)
        if encoding is own:
            return None
        if is_open:
            after = skip_item(buf, start, encoding)
    except (MalformedInput, LimitExceeded) as fault:
        raise walker.located(fault) from None
    if after > end:
        raise Short(after)
    body = buf[start : after - 8 if is_open else after]
    item = own.header(table.item, SHORT, len(body)) + body
    walker.path.pop()  # it is put there again
    walker.base += pos
    changed = walker.items(item, 0, len(item), len(item), table.in_encoding(encoding), closed=True)[1]
    walker.base -= pos
    walker.path.append(table.sequence)
    return after, reencoded_items(item if changed is None else changed, encoding, own)
