"""MP4 files (ISO/IEC 14496-12, -14, -15): names, times and user data go; samples of video lose their SEI.

Where the index (moov) comes first, each track's samples are known: video goes through its codec's units, audio passes,
other tracks and unused bytes become zeros. Where it comes last, the media must be video alone.
"""

import struct
from bisect import bisect_left
from collections.abc import Generator
from typing import Any

from gateway.core.errors import LimitExceeded, MalformedInput
from gateway.core.rewrite.codestream.boxes import Rules, boxes, kept, needs
from gateway.core.rewrite.codestream.ops import PIXEL_DATA, Filter, Keep, Parser, Read, zeros
from gateway.core.rewrite.codestream.track import Track, sample_description
from gateway.core.rewrite.codestream.units import Codec, sized_units

MAX_TABLE_BYTES = 8 << 20
MAX_INDEXES = 64
"""How often media may come behind a new index: the chunks of all tracks are put in order each time."""
_SUPERBOXES = (b"moov", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"mvex", b"moof", b"traf")
_KEPT = (
    *(b"ftyp", b"styp", b"vmhd", b"smhd", b"nmhd", b"elst", b"mehd", b"trex", b"mfhd", b"tfhd", b"tfdt", b"trun"),
    *(b"stts", b"ctts", b"cslg", b"stss", b"stps", b"sdtp", b"stdp", b"sidx"),
)


class Movie:
    """One file; ``codec`` is that of the Transfer Syntax, for media that come before their index."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._tracks: list[Track] = []
        self._chunks: list[tuple[int, int, int]] | None = None
        self._indexes = 0
        rules: Rules = dict.fromkeys(_KEPT, kept) | dict.fromkeys(_SUPERBOXES, self._inside)
        self._rules: Rules = {
            **rules,
            b"trak": self._trak,
            b"mvhd": _times,
            b"tkhd": _times,
            b"mdhd": _times,
            b"hdlr": _handler,
            b"dref": _references,
            b"stsd": self._descriptions,
            b"stsz": self._sizes,
            b"stsc": self._runs,
            b"stco": self._offsets,
            b"co64": self._long_offsets,
            b"mdat": self._media,
        }

    def parse(self) -> Parser:
        """Parse the file. Raises MalformedInput and LimitExceeded."""
        return boxes(self._rules)

    def _inside(self, size: int, at: int) -> Parser:
        return boxes(self._rules, size, at)

    def _trak(self, size: int, at: int) -> Parser:
        self._tracks.append(Track())
        return boxes(self._rules, size, at)

    def _indexed(self) -> Track:
        """Return the track whose index comes now; where chunks are must be put together anew."""
        self._chunks = None
        return self._track

    def _all_chunks(self) -> list[tuple[int, int, int]]:
        """Return start, length and track of all chunks in their order."""
        if self._chunks is None:
            self._indexes += 1
            if self._indexes > MAX_INDEXES:
                raise LimitExceeded("indexes of a clip", MAX_INDEXES)
            self._chunks = sorted(
                (start, count, number) for number, one in enumerate(self._tracks) for start, count in one.chunks()
            )
        return self._chunks

    @property
    def _track(self) -> Track:
        if not self._tracks:
            raise MalformedInput("a box of a track outside any", (PIXEL_DATA,))
        return self._tracks[-1]

    def _descriptions(self, size: int, at: int) -> Parser:
        needs(size, 8)
        yield Keep(8)
        yield from boxes(sample_description(self._track), size - 8, at + 8)

    def _sizes(self, size: int, _: int) -> Parser:
        needs(size, 12)
        head = yield Read(12)
        track = self._indexed()
        track.sample_bytes = int.from_bytes(head[4:8], "big")
        track.sizes = yield from _numbers("I", size - 12)

    def _runs(self, size: int, _: int) -> Parser:
        needs(size, 8)
        yield Keep(8)
        self._indexed().runs = yield from _numbers("I", size - 8)

    def _offsets(self, size: int, _: int) -> Parser:
        needs(size, 8)
        yield Keep(8)
        self._indexed().offsets = yield from _numbers("I", size - 8)

    def _long_offsets(self, size: int, _: int) -> Parser:
        needs(size, 8)
        yield Keep(8)
        self._indexed().offsets = yield from _numbers("Q", size - 8)

    def _media(self, size: int, at: int) -> Parser:
        end = at + size
        indexed = self._all_chunks()
        chunks = indexed[bisect_left(indexed, (at,)) : bisect_left(indexed, (end,))]
        if not chunks:
            yield from sized_units(self._codec, 4, size)
            return
        for start, count, number in chunks:
            track = self._tracks[number]
            if start < at or start + count > end:
                raise MalformedInput("samples that overlap", (PIXEL_DATA,))
            yield Filter(start - at, zeros)
            if track.codec:
                yield from sized_units(track.codec, track.length_bytes, count)
            else:
                yield Keep(count) if track.is_audio else Filter(count, zeros)
            at = start + count
        yield Filter(end - at, zeros)


def _numbers(code: str, size: int) -> Generator[Any, bytes, tuple[int, ...]]:
    if size > MAX_TABLE_BYTES:
        raise LimitExceeded("bytes of a table of samples", MAX_TABLE_BYTES, (PIXEL_DATA,))
    data = yield Read(size)
    width = struct.calcsize(code)
    return struct.unpack(f">{size // width}{code}", data[: size - size % width])


def _times(size: int, _: int) -> Parser:
    """Overwrite when it was made and changed."""
    needs(size, 4)
    version = yield Read(4)
    times = 16 if version[:1] == b"\1" else 8
    needs(size, 4 + times)
    yield Filter(times, zeros)
    yield Keep(size - 4 - times)


def _handler(size: int, _: int) -> Parser:
    """Keep what kind of track it is, not its name."""
    needs(size, 12)
    yield Keep(12)
    yield Filter(size - 12, zeros)


def _references(size: int, at: int) -> Parser:
    """Keep references to the file itself, not where others are."""
    needs(size, 8)
    yield Keep(8)
    yield from boxes({b"url ": _location}, size - 8, at + 8)


def _location(size: int, _: int) -> Parser:
    needs(size, 4)
    yield Keep(4)
    yield Filter(size - 4, zeros)
