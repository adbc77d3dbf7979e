"""Run codestreams through their cleaner in every chunking."""

from collections.abc import Callable, Iterable

from gateway.core.rewrite.codestream import CodestreamCleaner, cleaner
from gateway.core.rewrite.codestream.ops import Parser, Piece
from tests.kit.codestreams import Planted
from tests.kit.splits import splits


def fed(cleaner_: CodestreamCleaner, chunks: Iterable[Piece]) -> bytes:
    """Feed the chunks of one codestream."""
    return b"".join([*(cleaner_.feed(chunk) for chunk in chunks), cleaner_.end()])


def in_every_chunking(start: Callable[[], CodestreamCleaner], data: bytes) -> bytes:
    """Clean in every chunking; all give the same bytes, as many as there were."""
    released = {fed(start(), chunks) for chunks in splits(data)}
    assert len(released) == 1, "what leaves depends on how the bytes arrive"
    out = released.pop()
    assert len(out) == len(data)
    return out


def cleaned(syntax: str, data: bytes, *, keeps_icc: bool = False) -> bytes:
    """Clean what a Transfer Syntax names."""

    def start() -> CodestreamCleaner:
        found = cleaner(syntax, keeps_icc=keeps_icc)
        assert found
        return found

    return in_every_chunking(start, data)


def passes(syntax: str, data: bytes) -> None:
    """Say that nothing changes, and that what comes out is the very object that went in."""
    assert cleaned(syntax, data) == data
    one = cleaner(syntax, keeps_icc=False)
    assert one
    assert one.feed(data) is data


def cleaned_place(planted: Planted) -> bytes:
    """Clean a planted codestream."""
    return cleaned(planted.syntax, planted.data)


def parsed(parser: Callable[[], Parser], data: bytes) -> bytes:
    """Run one parser."""
    return in_every_chunking(lambda: CodestreamCleaner(lambda _: parser()), data)
