"""One object from file to file: what may change goes through memory, what stays as it is the system moves by itself."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence

from gateway.core.mask.model import PixelDecision
from gateway.core.rewrite.dataset import Piece, Step
from gateway.core.rewrite.part10 import Part10Rewriter, joined

HEAD_BYTES = 1 << 15
"""Read first: the head of nearly every object lies within, and little of its pixel data."""
CHUNK_BYTES = 1 << 18
MOVED_BYTES = 1 << 24
"""Moved at most by one call, so that progress can be told."""


Answer = Callable[[PixelDecision], PixelDecision]
Finish = Callable[[Sequence[Step]], list[Piece]]


def rewrite_file(
    chunks: Iterator[bytes],
    source: int,
    target: int,
    rewriter: Part10Rewriter,
    finish: Finish,
    progress: Callable[[int], None] = lambda _: None,
    answer: Answer | None = None,
) -> None:
    """Write the rewritten object to the descriptor ``target``; ``chunks`` reads on where descriptor ``source`` stands.

    ``finish`` masks the compressed frames among what the rewriter gives. ``answer`` is for one that asks what must be
    screened. Raises what these raise, and OSError when ``target`` cannot be written.
    """
    for chunk in chunks:
        _write(target, joined(finish(_answered(rewriter, rewriter.pieces(chunk), answer))))
        progress(len(chunk))
        while moved := _move(source, target, rewriter.untouched):
            rewriter.skip(moved)
            progress(moved)
    _write(target, joined(finish(_answered(rewriter, rewriter.last_pieces(), answer))))


def _answered(rewriter: Part10Rewriter, steps: list[Step], answer: Answer | None) -> list[Step]:
    if answer is None or rewriter.question is None:
        return steps
    return [*steps, *rewriter.answer(answer(rewriter.question))]


def read_chunks(source: int) -> Iterator[bytes]:
    """Read a file from where its descriptor stands. Raises OSError."""
    size = HEAD_BYTES
    while chunk := os.read(source, size):
        yield chunk
        size = CHUNK_BYTES


def _write(target: int, pieces: list[Piece]) -> None:
    if not pieces:
        return
    written = os.writev(target, pieces)
    if written < sum(map(len, pieces)):  # a disk that is full says so at the next attempt
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(target, rest) :]


def _move(source: int, target: int, count: int) -> int:
    """Move bytes between files and return how many; 0 where the system can't, and they go through memory."""
    if not count or sys.platform != "linux":
        return 0
    try:
        return os.sendfile(target, source, None, min(count, MOVED_BYTES))
    except OSError:  # whatever it is, reading or writing the bytes says it better
        return 0
