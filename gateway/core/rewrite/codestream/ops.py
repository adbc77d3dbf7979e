"""What a parser can ask to happen to the next bytes of a codestream, however they are cut."""

import re
from collections.abc import Callable, Generator
from typing import Final, Protocol

Piece = bytes | memoryview
Change = Callable[[bytes], Piece]
"""Gives as many bytes as it gets."""
Edits = list[tuple[int, Piece]]
"""Positions in the current bytes and what is written there."""
ENDLESS: Final = 1 << 62
PIXEL_DATA: Final = 0x7FE00010


class Op(Protocol):
    """What happens to the next bytes; ``result`` is sent to the parser when it is done."""

    done: bool
    result: bytes

    def run(self, data: Piece, pos: int, edits: Edits) -> int:
        """Take bytes from ``pos`` on and return where it stopped."""


class Keep:
    """The next bytes pass unseen."""

    __slots__ = ("_left", "done", "result")

    def __init__(self, count: int = ENDLESS) -> None:
        self._left = count
        self.done = count <= 0
        self.result = b""

    def run(self, data: Piece, pos: int, edits: Edits) -> int:  # noqa: ARG002 - an Op's signature
        """Pass them."""
        step = min(self._left, len(data) - pos)
        self._left -= step
        self.done = not self._left
        return pos + step


class Read:
    """The next bytes pass; the parser gets them."""

    __slots__ = ("_left", "_parts", "done", "result")

    def __init__(self, count: int) -> None:
        self._left = count
        self._parts: list[Piece] = []
        self.done = count <= 0
        self.result = b""

    def run(self, data: Piece, pos: int, edits: Edits) -> int:  # noqa: ARG002 - an Op's signature
        """Pass and collect them."""
        end = min(pos + self._left, len(data))
        self._parts.append(data[pos:end])
        self._left -= end - pos
        if not self._left:
            self.done, self.result = True, b"".join(self._parts)
        return end


class Take:
    """The next bytes wait until the parser says with Put what leaves in their place; ``many``: all that are there.

    A longer Take before the Put begins at the same byte. Of many, a multiple of the count comes.
    """

    __slots__ = ("_count", "_many", "begin", "done", "result")

    def __init__(self, count: int, *, many: bool = False) -> None:
        self._count = count
        self._many = many
        self.begin = 0
        self.result = b""
        self.done = count <= 0

    def run(self, data: Piece, pos: int, edits: Edits) -> int:  # noqa: ARG002 - an Op's signature
        """Collect them."""
        wanted = self._count
        if self._many:
            wanted = max(wanted, (len(self.result) + len(data) - pos) // wanted * wanted)
        end = min(pos + wanted - len(self.result), len(data))
        self.result += data[pos:end]
        self.done = len(self.result) >= wanted
        return end


class Put:
    """What leaves in place of the bytes taken."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value


class Filter:
    """The next bytes leave changed."""

    __slots__ = ("_change", "_left", "done", "result")

    def __init__(self, count: int, change: Change) -> None:
        self._left = count
        self._change = change
        self.done = count <= 0
        self.result = b""

    def run(self, data: Piece, pos: int, edits: Edits) -> int:
        """Change them."""
        end = min(pos + self._left, len(data))
        edit(edits, pos, bytes(data[pos:end]), self._change)
        self._left -= end - pos
        self.done = not self._left
        return end


class Find:
    """Bytes pass, or leave changed, up to a match of ``width`` bytes; the match passes and the parser gets it.

    A change must leave alone what may be the beginning of a match.
    """

    __slots__ = ("_change", "_near", "_pattern", "_tail", "done", "result")

    def __init__(self, pattern: re.Pattern[bytes], width: int, change: Change | None = None) -> None:
        self._pattern = pattern
        self._near = width - 1
        self._change = change
        self._tail = b""
        self.done = False
        self.result = b""

    def run(self, data: Piece, pos: int, edits: Edits) -> int:
        """Search where earlier bytes meet these, then these."""
        tail = self._tail
        match = self._pattern.search(tail + data[pos : pos + self._near]) if tail else None
        if match:
            self.result, self.done = match.group(), True
            return pos + match.end() - len(tail)
        match = self._pattern.search(data, pos)
        end = match.start() if match else len(data)
        if self._change:
            edit(edits, pos, bytes(data[pos:end]), self._change)
        if match:
            self.result, self.done = match.group(), True
            return match.end()
        if self._near:
            self._tail = (tail + data[max(pos, end - self._near) :])[-self._near :]
        return end


def edit(edits: Edits, pos: int, old: bytes, change: Change) -> None:
    """Note what a change makes of bytes at ``pos``, if it makes any difference."""
    new = change(old)
    if new != old:
        edits.append((pos, new))


Parser = Generator[Keep | Read | Take | Put | Filter | Find, bytes, None]
Format = Callable[[bytes], Parser]
"""Chooses the parser by the first bytes; raises MalformedInput when they are none of the format's."""


def zeros(old: bytes) -> bytes:
    """Overwrite with zeros."""
    return bytes(len(old))


def spaces(old: bytes) -> bytes:
    """Overwrite with spaces."""
    return b" " * len(old)


def ones(old: bytes) -> bytes:
    """Overwrite with ones, the stuffing of MPEG systems."""
    return b"\xff" * len(old)
