"""Encapsulated Pixel Data in pieces (PS3.5 Section A.4): the offset table, and the fragments with their codestreams."""

from typing import TYPE_CHECKING

from gateway.core.errors import MalformedInput
from gateway.core.rewrite.codestream.machine import CodestreamCleaner
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Piece
from gateway.core.rewrite.offsets import MAX_FRAME_BYTES
from gateway.core.wire.elements import ITEM, SEQUENCE_DELIMITER, UNDEFINED, Encoding

if TYPE_CHECKING:
    from gateway.core.rewrite.dataset import Sink

_HEADER_BYTES = 8


class Fragments:
    """The value of one Pixel Data of undefined length; without a cleaner it passes. ``ended`` after its delimiter.

    ``frames``: how many there must be, if that matters. A frame begins with a fragment that begins a codestream, and
    without a cleaner with any.
    """

    def __init__(self, encoding: Encoding, cleaner: CodestreamCleaner | None, frames: int | None = None) -> None:
        self._item = encoding.tag(ITEM)
        self._delimiter = encoding.tag(SEQUENCE_DELIMITER)
        self._u32 = encoding.u32
        self._cleaner = cleaner
        self._frames = frames
        self._offsets = _Offsets(encoding)
        self._header = b""
        self._left = self._items = 0
        self.ended = False

    def feed(self, buf: bytes, pos: int, out: "Sink", base: int = 0) -> int:
        """Take bytes from ``pos`` on and return where the value ends in them; what is unchanged is not copied.

        ``base`` is the offset of the bytes, for messages. Raises MalformedInput.
        """
        view = memoryview(buf)
        run = pos
        while pos < len(buf) and not self.ended:
            new: Piece
            if self._left:
                end = min(len(buf), pos + self._left)
                self._left -= end - pos
                old = view[pos:end]
                if self._items == 1:
                    new = self._offsets.feed(old, is_last=not self._left)
                else:
                    new = self._cleaner.feed(old) if self._cleaner else old
                changed = new is not old
            else:
                end = min(len(buf), pos + _HEADER_BYTES - len(self._header))
                self._header += buf[pos:end]
                new = self._entered(base + pos) if len(self._header) == _HEADER_BYTES else b""
                changed = len(new) != end - pos
            self._count()
            if changed:
                out.append(view[run:pos])
                out.append(new)
                run = end
            pos = end
        out.append(view[run:pos])
        return pos

    def _count(self) -> None:
        """Raise MalformedInput before a frame too many leaves, and at the end for one too few."""
        if self._frames is None:
            return
        begun = self._cleaner.begun if self._cleaner else max(0, self._items - 1)
        if begun > self._frames or (self.ended and begun < self._frames):
            kind = "fewer" if self.ended and begun < self._frames else "more"
            raise MalformedInput(f"{kind} frames than Number of Frames says", (PIXEL_DATA,))

    def _entered(self, offset: int) -> bytes:
        """Read the header of an item or of the delimiter and return what leaves now."""
        header, self._header = self._header, b""
        kind, length = header[:4], self._u32.unpack_from(header, 4)[0]
        if kind == self._delimiter and length == 0:
            self.ended = True
            return (self._cleaner.end() if self._cleaner else b"") + header
        if kind != self._item or length == UNDEFINED:
            raise MalformedInput("a fragment was expected", (PIXEL_DATA,), offset)
        self._left = length
        self._items += 1
        return self._cleaner.fragment(header) if self._cleaner and self._items > 1 else header


class _Offsets:
    """A Basic Offset Table in place: what cannot be the offset of a frame leaves as zeros, and so does all behind it.

    Offsets ascend from 0 (PS3.5 Section A.4), and by less than text would: four letters count half a billion or more.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._u32 = encoding.u32
        self._rest = b""
        self._before = -1
        self._holds = True

    def feed(self, piece: memoryview, *, is_last: bool) -> Piece:
        """Take bytes of the table; those of an offset that is not whole yet leave with the next."""
        had, data = len(self._rest), self._rest + piece
        whole = len(data) - len(data) % self._u32.size
        good = self._good(data[:whole])
        leaves = len(data) if is_last else whole
        self._rest = data[leaves:]
        if not had and good == leaves == len(piece):
            return piece
        return data[:good] + bytes(leaves - good)

    def _good(self, data: bytes) -> int:
        """Return how many bytes are offsets."""
        for number, (offset,) in enumerate(self._u32.iter_unpack(data) if self._holds else ()):
            least, most = (self._before + 1, self._before + MAX_FRAME_BYTES) if self._before >= 0 else (0, 0)
            if not least <= offset <= most:
                self._holds = False
                return number * self._u32.size
            self._before = offset
        return len(data) if self._holds else 0
