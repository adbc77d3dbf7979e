"""Native pixel data of any shape: chunks do not matter, inside is the fill, outside is what it was."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import MalformedInput
from gateway.core.mask.fill import sample_values
from gateway.core.mask.model import Image, Rectangle
from gateway.core.mask.native import NativeMasker
from tests.kit.native import Cells, blanked, image, noise, packed
from tests.property.strategies import cut, cuts


@dataclass(frozen=True)
class Clip:
    """Frames, and how they are encoded."""

    image: Image
    rectangles: list[Rectangle]
    cells: Cells
    little_endian: bool
    vr: str
    value: bytes
    expected: bytes


@st.composite
def clips(draw: st.DrawFn) -> Clip:
    photometric = draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "CMYK"]))
    grey = photometric.startswith("MONO")
    bits = draw(st.sampled_from([1, 8, 16, 32, 64] if grey else [8, 16]))
    columns = draw(st.integers(1, 40)) * (2 if photometric == "YBR_FULL_422" else 1)
    one = image(
        draw(st.integers(1, 12)),
        columns,
        photometric,
        bits,
        bits_stored=draw(st.integers(max(1, bits - 6), bits)),
        is_signed=draw(st.booleans()) if grey else False,
        planar=draw(st.integers(0, 1)) if not grey and photometric != "YBR_FULL_422" else 0,
        frames=draw(st.integers(1, 9)),
    )
    rectangles = draw(st.lists(rectangles_on(one), max_size=5))
    little_endian, vr, cells = draw(st.booleans()), draw(st.sampled_from(["OB", "OW"])), noise(one)
    fill = [int(value) & (1 << bits) - 1 for value in sample_values(one)]
    value, expected = (
        packed(each, one, little_endian=little_endian, vr=vr) for each in (cells, blanked(cells, rectangles, fill))
    )
    return Clip(one, rectangles, cells, little_endian, vr, value, expected)


@st.composite
def rectangles_on(draw: st.DrawFn, one: Image) -> Rectangle:
    y, x = draw(st.integers(0, one.rows - 1)), draw(st.integers(0, one.columns - 1))
    return Rectangle(y, x, draw(st.integers(1, one.rows - y)), draw(st.integers(1, one.columns - x)))


def start(clip: Clip) -> NativeMasker:
    return NativeMasker(
        clip.image, clip.rectangles, little_endian=clip.little_endian, vr=clip.vr, length=len(clip.value)
    )


@given(clips(), cuts, st.booleans())
def test_any_chunking_and_any_skipping_gives_what_arrays_say(clip: Clip, sizes: list[int], skips: bool) -> None:
    masker, out = start(clip), bytearray()
    for chunk in cut(clip.value, sizes):
        count = min(masker.untouched, len(chunk)) if skips else 0
        masker.skip(count)
        out += chunk[:count]
        out += b"".join(masker.feed(chunk, count))
    masker.close()
    assert bytes(out) == clip.expected


@given(clips(), cuts, st.integers(1, 9))
def test_a_longer_value_is_refused_and_none_of_the_rest_leaves(clip: Clip, sizes: list[int], more: int) -> None:
    masker, out = start(clip), bytearray()
    try:
        for chunk in cut(clip.value + bytes(more), sizes):
            out += b"".join(masker.feed(chunk))
    except MalformedInput:
        assert clip.expected.startswith(out)
    else:
        raise AssertionError("it must be refused")
