"""Entropy-coded data of sequential JPEG with some blocks replaced (ISO/IEC 10918-1 F.1.2, F.2.2).

No coefficient is computed: symbols are followed from one to the next, and what is kept is copied bit by bit. Only the
first block behind replaced ones gets a new code for its DC difference, which counts from the block before.

Cost: tables say for every bit what symbol would begin there, so that Python does two look-ups for a symbol.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.core.errors import MalformedInput

Bits = NDArray[np.uint8]
_CODES: Final = 1 << 16
_LONGEST: Final = 16
_LAST: Final = 64
_END_OF_BLOCK, _ZEROS = 0x00, 0xF0
_ENDS, _INVALID = 128, 255
_MAX_DC: Final = 15
_CHUNK: Final = 1 << 15
_MARGIN: Final = 512
"""Bytes beyond a chunk that a block may reach into: it has 64 symbols of at most 31 bits."""


@dataclass(slots=True)
class Table:
    """A Huffman table: symbols in the order of their codes, and how many codes there are of each length."""

    counts: list[int]
    symbols: list[int]
    _codes: dict[int, tuple[int, int]] = field(default_factory=dict)
    _next: int = 0

    def __post_init__(self) -> None:
        """Give codes to symbols (ISO/IEC 10918-1 C.2). Raises MalformedInput."""
        symbols = iter(self.symbols)
        for length, count in enumerate(self.counts, 1):
            self._next <<= 1
            for _ in range(count):
                self._codes.setdefault(next(symbols), (self._next, length))
                self._next += 1
            if self._next > 1 << length:
                raise MalformedInput("a Huffman table with too many codes")

    def code(self, symbol: int) -> tuple[int, int]:
        """Return code and length of a symbol; one that the table lacks is added behind all codes it has.

        Raises MalformedInput when there is no room.
        """
        if symbol not in self._codes:
            if self._next >= _CODES - 1 or len(self.symbols) > 255:
                raise MalformedInput("a Huffman table without room for what masks need")
            self._codes[symbol] = self._next, _LONGEST
            self._next += 1
            self.counts[-1] += 1
            self.symbols.append(symbol)
        return self._codes[symbol]

    def steps(self, *, is_dc: bool) -> tuple[Bits, Bits]:
        """Return, for any 16 bits, how many bits the symbol takes that they begin with, and what it says.

        That is the size of a DC difference, or by how much an AC symbol goes on.
        """
        taken, said = np.zeros(_CODES, np.uint8), np.full(_CODES, _INVALID, np.uint8)
        for symbol, (code, length) in self._codes.items():
            size = symbol if is_dc else symbol & 15
            says = symbol if is_dc else _advance(symbol)
            if says == _INVALID or size > _MAX_DC:
                continue
            first = code << _LONGEST - length
            taken[first : first + (1 << _LONGEST - length)] = length + size
            said[first : first + (1 << _LONGEST - length)] = says
        return taken, said


@dataclass(slots=True)
class Block:
    """The blocks of one component that follow each other in a scan, and the value that replaced ones have."""

    dc: Table
    ac: Table
    fill: int
    number: int


def replaced(data: bytes, blocks: Sequence[Block], masks: Iterable[bool]) -> bytes:
    """Return an entropy-coded segment, without stuffing, whose masked units have the fill of their components.

    ``blocks`` is what each unit (MCU) consists of, ``masks`` says of each unit whether it is masked. Raises
    MalformedInput.
    """
    source = _Source(data, blocks)
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    pieces: list[Bits] = []
    read, written = {block.number: 0 for block in blocks}, {block.number: 0 for block in blocks}
    kept = at = 0
    for is_masked in masks:
        for slot, block in enumerate(blocks):
            begin = at
            difference, behind, at = source.block(slot, begin)
            value = read[block.number] = read[block.number] + difference
            if is_masked:
                wanted = block.fill
                pieces.append(bits[kept:begin])
                pieces.append(_difference(block.dc, wanted - written[block.number]))
                pieces.append(_binary(*block.ac.code(_END_OF_BLOCK)))
                kept = at
            else:
                wanted = value
                if written[block.number] + difference != value:
                    pieces.append(bits[kept:begin])
                    pieces.append(_difference(block.dc, wanted - written[block.number]))
                    kept = behind
            written[block.number] = wanted
    pieces.append(bits[kept:at])
    joined = np.concatenate(pieces)
    return np.packbits(np.concatenate([joined, np.ones(-len(joined) % 8, np.uint8)])).tobytes()


class _Source:
    """The symbols of a segment, looked up a chunk at a time."""

    def __init__(self, data: bytes, blocks: Sequence[Block]) -> None:
        self._data = np.frombuffer(data + b"\xff" * (_MARGIN + 2), np.uint8).astype(np.uint32)
        self._bits = 8 * len(data)
        self._steps = {(id(block.dc), True): block.dc.steps(is_dc=True) for block in blocks}
        self._steps |= {(id(block.ac), False): block.ac.steps(is_dc=False) for block in blocks}
        self._keys = [((id(block.dc), True), (id(block.ac), False)) for block in blocks]
        self._slots: list[Any] = []
        self._base = self._limit = 0

    def block(self, slot: int, begin: int) -> tuple[int, int, int]:
        """Return the DC difference of a block, where its AC symbols begin and where they end. Raises MalformedInput."""
        if begin >= self._limit:
            self._look_up(begin)
        window, dc_taken, dc_said, ac_taken, ac_said = self._slots[slot]
        at = begin - self._base
        size = dc_said[at]
        if size > _MAX_DC:
            raise MalformedInput("entropy-coded data that are none")
        behind = at + dc_taken[at]
        difference = 0
        if size:
            difference = window[behind - size] >> _LONGEST - size
            if not difference >> size - 1:
                difference -= (1 << size) - 1
        at, k = behind, 1
        while k < _LAST:
            k += ac_said[at]
            at += ac_taken[at]
        if not (k == _LAST or _ENDS < k < _ENDS + _LAST) or at + self._base > self._bits:
            raise MalformedInput("entropy-coded data that are none")
        return difference, behind + self._base, at + self._base

    def _look_up(self, begin: int) -> None:
        first = begin // 8
        bytes_ = self._data[first : first + _CHUNK + _MARGIN + 2]
        words = bytes_[:-2] << 16 | bytes_[1:-1] << 8 | bytes_[2:]
        window = (words[:, None] >> np.arange(8, 0, -1, dtype=np.uint32) & 0xFFFF).astype(np.uint16).ravel()
        found = {key: tuple(one[window].tobytes() for one in steps) for key, steps in self._steps.items()}
        view = window.data
        self._slots = [(view, *found[dc], *found[ac]) for dc, ac in self._keys]
        self._base, self._limit = 8 * first, 8 * (first + _CHUNK)


def _advance(symbol: int) -> int:
    """Return by how many coefficients an AC symbol goes on."""
    if symbol == _END_OF_BLOCK:
        return _ENDS
    if symbol == _ZEROS:
        return 16
    return (symbol >> 4) + 1 if symbol & 15 else _INVALID


def _difference(table: Table, value: int) -> Bits:
    size = abs(value).bit_length()
    if size > _MAX_DC:
        raise MalformedInput("a DC difference too large to be written")
    code, length = table.code(size)
    low = value if value >= 0 else value + (1 << size) - 1
    return _binary(code << size | low, length + size)


def _binary(value: int, length: int) -> Bits:
    return np.array([value >> at & 1 for at in range(length - 1, -1, -1)], np.uint8)
