"""Boxes of the ISO base media file format (ISO/IEC 14496-12), on which JP2, JPEG XL and MP4 files are built.

A box that no rule names becomes free space of the same size.
"""

from collections.abc import Callable, Mapping

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.ops import ENDLESS, PIXEL_DATA, Filter, Keep, Parser, Put, Take, zeros

Rule = Callable[[int, int], Parser]
"""Parses the content of a box, by its size and its offset in the file."""
Rules = Mapping[bytes, Rule]


def kept(size: int, _at: int) -> Parser:
    """Keep the content of a box."""
    yield Keep(size)


def needs(size: int, least: int) -> None:
    """Raise MalformedInput when a box has no room for what it must hold."""
    if size < least:
        raise MalformedInput("a box that is too short", (PIXEL_DATA,))


def boxes(rules: Rules, size: int = ENDLESS, at: int = 0) -> Parser:
    """Parse the boxes in ``size`` bytes from offset ``at``. Raises MalformedInput."""
    end = at + size
    while end - at >= 8:
        head = yield Take(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if length == 1:
            head = yield Take(16)
            length = int.from_bytes(head[8:], "big")
        if not any(head):  # padding
            yield Put(head)
            at += 8
            continue
        length = length or end - at
        if not len(head) <= length <= end - at:
            raise MalformedInput("a box of a size that it cannot have", (PIXEL_DATA,))
        rule = rules.get(kind)
        yield Put(head if rule else head[:4] + b"free" + head[8:])
        content = length - len(head)
        if rule:
            yield from rule(content, at + len(head))
        else:
            yield Filter(content, zeros)
        at += length
    yield Filter(end - at, zeros)
