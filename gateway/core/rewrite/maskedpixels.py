"""Compressed pixel data as work for a codec: frame by frame, one held at a time.

Frames that were encoded again have other lengths, so the Basic Offset Table leaves empty (PS3.5 Section A.4).
"""

from collections.abc import Callable

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.mask.model import FrameWork, Image, Rectangle
from gateway.core.rewrite.codestream import CodestreamCleaner, beginnings
from gateway.core.rewrite.codestream.ops import PIXEL_DATA
from gateway.core.rewrite.dataset import Step
from gateway.core.wire.elements import ITEM, SEQUENCE_DELIMITER, UNDEFINED, Encoding

_HEADER_BYTES = 8


class MaskedFragments:
    """The fragments of one Pixel Data of undefined length. ``ended`` after its delimiter.

    A frame begins with a fragment that begins a codestream, whatever an offset table says: what follows up to the next
    such fragment is one frame for every decoder, and there must be as many as Number of Frames says. ``cleaner`` makes
    what overwrites the words in a codestream: no codec gets to see them. ``max_bytes`` is for one frame.
    """

    def __init__(
        self,
        encoding: Encoding,
        work: tuple[str, Image, tuple[Rectangle, ...]],
        cleaner: Callable[[], CodestreamCleaner | None],
        max_bytes: int,
    ) -> None:
        self._syntax, self._image, self._rectangles = work
        self._item = encoding.tag(ITEM)
        self._delimiter = encoding.tag(SEQUENCE_DELIMITER)
        self._u32 = encoding.u32
        self._cleaner = cleaner
        self._max_bytes = max_bytes
        self._begins = beginnings(self._syntax)
        self._header = b""
        self._fragment: list[bytes] = []
        self._frame: list[bytes] = []
        self._left = self._held = self._items = self._frames = 0
        self.ended = False

    def feed(self, buf: bytes, pos: int, out: list[Step], base: int = 0) -> int:
        """Take bytes from ``pos`` on and return where the value ends in them.

        ``base`` is the offset of the bytes, for messages. Raises MalformedInput, LimitExceeded.
        """
        while pos < len(buf) and not self.ended:
            if self._left:
                end = min(len(buf), pos + self._left)
                self._left -= end - pos
                if self._items > 1:
                    self._fragment.append(buf[pos:end])
            else:
                end = min(len(buf), pos + _HEADER_BYTES - len(self._header))
                self._header += buf[pos:end]
                if len(self._header) < _HEADER_BYTES:
                    return end
                self._enter(out, base + pos)
            pos = end
            if not self._left and not self.ended:
                self._take(out)
        return pos

    def _enter(self, out: list[Step], offset: int) -> None:
        """Read the header of an item or of the delimiter."""
        header, self._header = self._header, b""
        kind, length = header[:4], self._u32.unpack_from(header, 4)[0]
        if kind == self._delimiter and length == 0:
            self._end(out)
            if self._frames != self._image.frames:
                raise MalformedInput("fewer frames than Number of Frames says", (PIXEL_DATA,), offset)
            self.ended = True
            out.append(memoryview(header))
            return
        if kind != self._item or length == UNDEFINED:
            raise MalformedInput("a fragment was expected", (PIXEL_DATA,), offset)
        self._items += 1
        self._left = length
        if self._items == 1:
            out.append(memoryview(kind + bytes(4)))
            return
        self._held += length
        if self._held > self._max_bytes:
            raise LimitExceeded("bytes of a frame", self._max_bytes, (PIXEL_DATA,), offset)

    def _take(self, out: list[Step]) -> None:
        """Take a whole fragment."""
        if self._items == 1:
            return  # the offset table
        fragment = b"".join(self._fragment)
        self._fragment = []
        if fragment.startswith(self._begins):
            self._end(out)
            self._held = len(fragment)
        elif not self._frame:
            raise MalformedInput("a fragment that does not begin as its Transfer Syntax says", (PIXEL_DATA,))
        self._frame.append(fragment)

    def _end(self, out: list[Step]) -> None:
        """Hand over the frame that is held, if any."""
        if not self._frame:
            return
        self._frames += 1
        if self._frames > self._image.frames:
            raise MalformedInput("more frames than Number of Frames says", (PIXEL_DATA,))
        data, self._frame = b"".join(self._frame), []
        cleaner = self._cleaner()
        if cleaner is not None:
            data = bytes(cleaner.feed(data)) + cleaner.end()
        out.append(FrameWork(data, self._syntax, self._image, self._rectangles, self._item))
