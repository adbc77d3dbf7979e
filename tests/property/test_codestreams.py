"""Codestreams of any content: chunks and fragments do not matter, sizes stay, and only the declared errors escape."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import GatewayError
from gateway.core.rewrite.codestream import CodestreamCleaner, cleaner, cleaner_of_media_type
from tests.kit.codestreams import H264, H265, JPEG, MPEG2, PLACES, TEXT, Planted
from tests.property.strategies import cut, cuts

HEADER = b"<item>"
CLIPS = {MPEG2, H264, H265}


@st.composite
def damaged(draw: st.DrawFn) -> Planted:
    """Draw a planted codestream with bytes changed, left out, put in or repeated."""
    planted = draw(st.sampled_from(list(PLACES.values())))
    data = bytearray(planted.data)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 6))] = draw(
            st.sampled_from((b"", b"\xff", b"\0\0\1", b"\xff\xd9", TEXT)) | st.binary(max_size=6)
        )
    return Planted(planted.syntax, bytes(data))


def start(planted: Planted) -> CodestreamCleaner:
    one = cleaner(planted.syntax, keeps_icc=False)
    assert one
    return one


def outcome(one: CodestreamCleaner, chunks: list[bytes]) -> bytes | str:
    """Give what leaves, or how it is refused."""
    try:
        return b"".join([*(one.feed(chunk) for chunk in chunks), one.end()])
    except GatewayError as error:
        return type(error).__name__


@given(damaged(), cuts)
def test_any_chunking_gives_the_same_and_sizes_stay(planted: Planted, sizes: list[int]) -> None:
    whole = outcome(start(planted), [planted.data])
    assert outcome(start(planted), cut(planted.data, sizes)) == whole
    assert isinstance(whole, str) or len(whole) == len(planted.data)


def in_fragments(one: CodestreamCleaner, fragments: list[bytes]) -> bytes | str:
    """Give what leaves with the headers of fragments, or how it is refused."""
    try:
        return b"".join(part for each in fragments for part in (one.fragment(HEADER), one.feed(each))) + one.end()
    except GatewayError as error:
        return type(error).__name__


@given(damaged().filter(lambda planted: planted.syntax in CLIPS), cuts)
def test_a_clip_leaves_alike_in_one_fragment_and_in_several(planted: Planted, sizes: list[int]) -> None:
    fragments = cut(planted.data, [max(8, size) for size in sizes])  # the first one says what it is
    clean = outcome(start(planted), [planted.data])
    if isinstance(clean, bytes):
        ends = [sum(map(len, fragments[:number])) for number in range(len(fragments) + 1)]
        clean = b"".join(HEADER + clean[begin:end] for begin, end in pairwise(ends))
    assert in_fragments(start(planted), fragments) == clean


@given(damaged(), cuts)
def test_headers_of_fragments_stay_where_they_are(planted: Planted, sizes: list[int]) -> None:
    fragments = cut(planted.data, sizes)
    out = in_fragments(start(planted), fragments)
    if isinstance(out, bytes):
        at = 0
        for fragment in fragments:
            assert out[at : at + len(HEADER)] == HEADER
            at += len(HEADER) + len(fragment)
        assert at == len(out)


@given(damaged())
def test_cleaning_again_changes_nothing(planted: Planted) -> None:
    once = outcome(start(planted), [planted.data])
    if isinstance(once, bytes):
        assert outcome(start(planted), [once]) == once


@given(st.sampled_from((JPEG, MPEG2, H264, "")), st.binary(max_size=300), cuts)
def test_bytes_of_any_kind_are_cleaned_or_refused(syntax: str, data: bytes, sizes: list[int]) -> None:
    def one() -> CodestreamCleaner:
        found = cleaner_of_media_type("application/octet-stream", syntax, keeps_icc=True)
        assert found
        return found

    assert outcome(one(), [data]) == outcome(one(), cut(data, sizes))


@pytest.mark.parametrize("place", PLACES)
@given(sizes=cuts)
def test_text_is_gone_however_it_arrives(place: str, sizes: list[int]) -> None:
    released = outcome(start(PLACES[place]), cut(PLACES[place].data, sizes))
    assert isinstance(released, bytes)
    assert TEXT not in released
